//! `interdict demo`: what it prints can be pasted, and does what it says.

use std::process::Command;

use crate::support::Program;
use crate::support::Request;
use crate::support::interdict;
use crate::support::run;

#[test]
fn every_line_that_the_demonstration_prints_does_what_it_says() {
    let state = tempfile::tempdir().unwrap();
    let mut program = Program::start(
        interdict()
            .args(["demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--state"])
            .arg(state.path()),
    );
    program.says("Stop with Ctrl-C.");
    let admin = program.address("admin listening");
    // Its log may fall between two lines of the guide.
    let heard = program.heard();
    let guide: Vec<_> = heard.lines().filter(|line| !line.contains(" INFO ")).collect();
    let guide = guide.join("\n").replace("\\\n", "");
    let mut purpose = "";
    let mut seen = Vec::new();
    for line in guide.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            purpose = comment;
        }
        if !line.starts_with("curl ") && !line.contains("/interdict ledger ") {
            continue;
        }
        let ended = run(&mut shell(line));
        assert_eq!(ended.code, Some(0), "{line}: {}", ended.stderr);
        let expect = match purpose.split_whitespace().next().unwrap() {
            "block:" => "HTTP/1.1 451 ",
            "allow:" => "HTTP/1.1 20",
            "review:" => "HTTP/1.1 403 ",
            "page:" => "<!doctype html>\n<html lang=\"es\">",
            "what" => "{\"at\":",
            "every" => "{",
            other => panic!("`{other}` says nothing of an outcome"),
        };
        assert!(ended.stdout.starts_with(expect), "{purpose}\n{line}\n{}", ended.stdout);
        seen.push((purpose, ended.stdout));
    }
    assert_eq!(seen.len(), 8);
    assert!(seen[6].1.contains("\"verdict\":\"block\""), "{}", seen[6].1);
    let is_decision = |line: &&str| line.contains("\"kind\":\"decision\"");
    let decisions = seen[7].1.lines().filter(is_decision).count();
    assert_eq!(decisions, 7, "every decision is on disk");

    let password = heard.lines().find_map(|line| line.strip_prefix("Password: ")).unwrap();
    for name in ["anna", "ben", "olga"] {
        let body = serde_json::json!({ "name": name, "password": password }).to_string();
        let session = Request::post("/admin/v1/session", body).send(admin);
        assert_eq!(session.status, 201, "{name}: {}", session.text());
        let cookie = session.header("set-cookie").unwrap().split(';').next().unwrap();
        let page = Request::get("/").header("Cookie", cookie).send(admin).text();
        assert!(page.contains("<h1") && page.contains("Overview"), "{name}: {page}");
    }
    assert!(Request::get("/metrics").send(admin).text().contains("interdict_decisions_total"));
    assert_eq!(program.terminate(), Some(0));
}

#[test]
fn the_sample_shop_behind_the_demonstration_passes_unjudged() {
    let state = tempfile::tempdir().unwrap();
    let mut program = Program::start(
        interdict()
            .args(["demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--state"])
            .arg(state.path()),
    );
    let gateway = program.address("gateway listening");
    let shop = Request::get("/").from("198.51.100.7").send(gateway);
    assert_eq!((shop.status, shop.decision()), (200, None));
}

/// A command line in a shell that finds the program.
fn shell(line: &str) -> Command {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_interdict"));
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("PATH=\"{}:$PATH\"; {line}", program.parent().unwrap().display()));
    command
}
