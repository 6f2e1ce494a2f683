//! The tutorials, word for word: each `sh step` runs in one shell after the other, and says what the `text output` behind it says.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::support::run;
use crate::support::store::Store;

/// A port that nobody has.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The text with free ports in place of those that it names.
fn with_ports(text: &str, ports: &[(&str, u16)]) -> String {
    ports.iter().fold(text.to_owned(), |text, (named, free)| text.replace(named, &free.to_string()))
}

/// Runs a tutorial in a folder of its own and compares what it says.
fn follow(name: &str) {
    follow_before(name, free_port());
}

/// The same, with what stands behind the gateway on this port.
fn follow_before(name: &str, upstream: u16) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    let ports = [("8080", free_port()), ("9090", free_port()), ("9000", upstream)];
    for folder in ["deploy", "policies"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
        for entry in fs::read_dir(source.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let text = with_ports(&fs::read_to_string(&path).unwrap(), &ports);
                fs::write(dir.path().join(folder).join(path.file_name().unwrap()), text).unwrap();
            }
        }
    }
    let text = fs::read_to_string(source.join("docs/tutorials").join(name)).unwrap();
    let (mut steps, mut expected) = (String::new(), Vec::new());
    for block in text.split("\n```").skip(1).step_by(2) {
        let (mark, content) = block.split_once('\n').unwrap();
        match mark {
            "sh step" => {
                steps.push_str(&format!("\n{content}\necho '--- end of a step'\n"));
                expected.push(String::new());
            }
            "text output" => expected.last_mut().unwrap().push_str(content.trim()),
            "nginx" => assert!(content.contains("X-Forwarded-For $remote_addr;"), "{content}"),
            other => panic!("a block `{other}` is not run"),
        }
    }
    assert!(expected.len() >= 6, "only {} steps were found", expected.len());
    let bin = Path::new(env!("CARGO_BIN_EXE_interdict")).parent().unwrap();
    let script = format!(
        "set -e; PATH=\"{}:$PATH\"; trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{}",
        bin.display(),
        with_ports(&steps, &ports)
    );
    let ended = run(Command::new("timeout")
        .args(["60", "bash", "-c", &script])
        .env_remove("XDG_STATE_HOME")
        .current_dir(dir.path()));
    let log = fs::read_to_string(dir.path().join("gateway.log")).unwrap_or_default();
    assert_eq!(ended.code, Some(0), "{name}: {}{}{log}", ended.stdout, ended.stderr);
    let said: Vec<&str> = ended.stdout.split("--- end of a step\n").map(str::trim).collect();
    assert_eq!(said[..said.len() - 1], expected, "{name}: {log}");
}

#[test]
fn the_tutorial_of_a_mirror_does_what_it_says() {
    follow("mirror.md");
}

#[test]
fn the_tutorial_of_a_licence_server_does_what_it_says() {
    follow("licence-server.md");
}

#[test]
fn the_tutorial_of_a_storefront_does_what_it_says() {
    let store = Store::start();
    follow_before("storefront.md", store.address().port());
    // What was allowed has reached the shop, and nothing else has: one order in the shadow, one from Germany.
    assert_eq!(store.orders(), vec![vec![93]; 2]);
}
