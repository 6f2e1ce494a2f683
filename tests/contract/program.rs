//! Runs `interdict decide`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What came of a run.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program with `args` in the project's root, `input` on its standard input.
pub(crate) fn interdict(args: &[&str], input: &[u8]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_interdict"))
        .args(args)
        .current_dir(root())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // From a thread of its own: both pipes could be full at once.
    let writer = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// `interdict decide` under the shipped policies, from a file.
pub(crate) fn decide(input: &[u8]) -> Run {
    decide_with(&["--policies", "policies"], input)
}

/// `interdict decide` with `args`, from a file.
pub(crate) fn decide_with(args: &[&str], input: &[u8]) -> Run {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(input).unwrap();
    let path = file.path().to_str().unwrap();
    interdict(&[&["decide"], args, &["--input", path]].concat(), b"")
}

impl Run {
    /// Every line of the output, in order. Data goes to stdout alone, so that each must be a JSON object.
    pub(crate) fn answers(&self) -> Vec<Value> {
        let lines = self.stdout.lines().map(|line| {
            let answer: Value =
                serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert!(answer.is_object(), "{line}");
            answer
        });
        lines.collect()
    }

    /// The one answer of a run without fault.
    pub(crate) fn answer(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        let answers = self.answers();
        assert_eq!(answers.len(), 1, "{}", self.stdout);
        answers.into_iter().next().unwrap()
    }
}

/// Decides one transaction under the shipped policies.
pub(crate) fn decide_one(transaction: &str) -> Value {
    decide(transaction.as_bytes()).answer()
}
