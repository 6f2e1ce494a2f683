//! The real program with whatever arguments, heard on both of its outputs.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::net::SocketAddr;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;

use super::until;

/// A running program; ends with the test.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    heard: Arc<Mutex<String>>,
}

/// What a program that has ended left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
    pub(crate) stdout: String,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let heard = Arc::new(Mutex::new(String::new()));
        hear(child.stdout.take().unwrap(), &heard);
        hear(child.stderr.take().unwrap(), &heard);
        Self { child, heard }
    }

    /// Everything it has said so far.
    pub(crate) fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }

    /// Waits for a text.
    pub(crate) fn says(&mut self, what: &str) {
        let (child, heard) = (&mut self.child, &self.heard);
        until(what, || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("it ended with {status}: {}", heard.lock().unwrap());
            }
            heard.lock().unwrap().contains(what).then_some(())
        });
    }

    /// The address that a line of its log names.
    pub(crate) fn address(&mut self, what: &str) -> SocketAddr {
        let line = format!("{what} address=");
        self.says(&line);
        let heard = self.heard();
        let address = heard.split(&line).nth(1).unwrap().split_whitespace().next().unwrap();
        let address = address.parse().unwrap();
        if what == "admin listening" {
            super::http::control_plane(address);
        }
        address
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        until("the end", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Ended {
        code: output.status.code(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
    }
}

fn hear(from: impl Read + Send + 'static, sink: &Arc<Mutex<String>>) {
    let sink = Arc::clone(sink);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut heard = sink.lock().unwrap();
            heard.push_str(&line);
            heard.push('\n');
        }
    });
}
