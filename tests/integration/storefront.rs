//! The tutorial of a storefront, word for word, in front of the sample store: each `sh step` runs in one shell after the other,
//! and says what the `text output` behind it says.

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

#[test]
fn the_tutorial_of_a_storefront_does_what_it_says() {
    let store = Store::start();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = tempfile::tempdir().unwrap();
    let ports = [("8080", free_port()), ("9090", free_port()), ("9000", store.address().port())];
    let with_ports = |text: &str| {
        ports.iter().fold(text.to_owned(), |text, (named, free)| {
            text.replace(&format!(":{named}"), &format!(":{free}"))
        })
    };
    for file in ["deploy/storefront.toml", "policies/us-commerce-kaspersky.toml"] {
        let target = dir.path().join(file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, with_ports(&fs::read_to_string(source.join(file)).unwrap())).unwrap();
    }
    let text = fs::read_to_string(source.join("docs/tutorials/storefront.md")).unwrap();
    let (mut steps, mut expected) = (String::new(), Vec::new());
    for block in text.split("\n```").skip(1).step_by(2) {
        let (mark, content) = block.split_once('\n').unwrap();
        match mark {
            "sh step" => {
                steps.push_str(&format!("\n{content}\necho '--- end of a step'\n"));
                expected.push(String::new());
            }
            "text output" => expected.last_mut().unwrap().push_str(content.trim()),
            "nginx" => assert!(content.contains("X-Forwarded-For $remote_addr;")),
            other => panic!("a block `{other}` is not run"),
        }
    }
    assert!(expected.len() >= 10, "only {} steps were found", expected.len());
    let bin = Path::new(env!("CARGO_BIN_EXE_interdict")).parent().unwrap();
    let script = format!(
        "set -e; PATH=\"{}:$PATH\"; trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{}",
        bin.display(),
        with_ports(&steps)
    );
    let ended = run(Command::new("timeout")
        .args(["60", "bash", "-c", &script])
        .env_remove("XDG_STATE_HOME")
        .current_dir(dir.path()));
    let log = fs::read_to_string(dir.path().join("gateway.log")).unwrap_or_default();
    assert_eq!(ended.code, Some(0), "{}{}{log}", ended.stdout, ended.stderr);
    let said: Vec<&str> = ended.stdout.split("--- end of a step\n").map(str::trim).collect();
    assert_eq!(said[..said.len() - 1], expected, "{log}");
    // What was allowed has reached the shop, and nothing else has: Lena's in the shadow, and Jan's.
    assert_eq!(store.orders(), vec![vec![93]; 2]);
}
