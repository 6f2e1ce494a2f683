//! Case files: what each transaction must get, line by line, in order (cases/README.md).

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::program::{Run, decide_with, root};

/// The cases that all sessions share, where they lie beside the project; else the copies kept here.
fn shared(name: &str) -> Vec<Value> {
    let beside = root().join("../shared/cases").join(name);
    let own = root().join("tests/contract/cases").join(name);
    read(&fs::read_to_string(if beside.exists() { beside } else { own }).unwrap())
}

fn own(name: &str) -> Vec<Value> {
    read(&fs::read_to_string(root().join("tests/contract/cases").join(name)).unwrap())
}

fn read(text: &str) -> Vec<Value> {
    let cases: Vec<_> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!cases.is_empty(), "no case");
    cases
}

/// The line to decide.
fn line(case: &Value) -> Vec<u8> {
    if let Some(raw) = case["raw"].as_str() {
        return raw.as_bytes().to_vec();
    }
    match case["raw_base64"].as_str() {
        Some(raw) => STANDARD.decode(raw).unwrap(),
        None => serde_json::to_vec(&case["transaction"]).unwrap(),
    }
}

fn run(cases: &[Value], folders: &[&str]) -> Run {
    let lines: Vec<_> = cases.iter().map(line).collect();
    let args: Vec<_> = folders.iter().flat_map(|folder| ["--policies", folder]).collect();
    decide_with(&args, &lines.join(&b'\n'))
}

/// Each case that got something else, with its name and what was said.
fn disagreements(cases: &[Value], run: &Run) -> Vec<String> {
    let answers = run.answers();
    assert_eq!(answers.len(), cases.len(), "one answer a line\n{}", run.stderr);
    let mut disagreements = Vec::new();
    for (at, (case, answer)) in cases.iter().zip(&answers).enumerate() {
        let expect = &case["expect"];
        let agrees = if expect["error"] == true {
            answer["line"] == at + 1 && answer["error"].as_str().is_some_and(|e| !e.is_empty())
        } else {
            answer["verdict"] == expect["verdict"] && clause_agrees(expect, &answer["clause"])
        };
        if !agrees {
            disagreements.push(format!("{}: expected {expect}, got {answer}", case["case"]));
        }
    }
    disagreements
}

fn clause_agrees(expect: &Value, clause: &Value) -> bool {
    match &expect["clause"] {
        Value::Array(any) => any.contains(clause),
        one => one == clause,
    }
}

#[test]
fn the_shared_decisions_agree() {
    let cases = shared("decisions.jsonl");
    let run = run(&cases, &["policies"]);
    assert_eq!(disagreements(&cases, &run), Vec::<String>::new());
    assert_eq!(run.code, Some(0));
}

#[test]
fn the_other_regimes_agree_beside_the_shipped_policies() {
    let cases = shared("other_regimes.jsonl");
    let run = run(&cases, &["policies", "policies/examples"]);
    assert_eq!(disagreements(&cases, &run), Vec::<String>::new());
    assert_eq!(run.code, Some(0));
}

#[test]
fn bad_lines_are_answered_in_their_place_and_the_good_ones_between_are_decided() {
    let cases = shared("bad_lines.jsonl");
    let run = run(&cases, &["policies"]);
    assert_eq!(disagreements(&cases, &run), Vec::<String>::new());
    assert_eq!(run.code, Some(65));
}

#[test]
fn every_settled_reading_holds() {
    let cases = own("more.jsonl");
    let run = run(&cases, &["policies"]);
    assert_eq!(disagreements(&cases, &run), Vec::<String>::new());
    assert_eq!(run.code, Some(65), "some of them are errors");
}

#[test]
fn examples_do_not_change_what_the_shipped_policies_decide() {
    let cases = shared("decisions.jsonl");
    let (alone, together) =
        (run(&cases, &["policies"]), run(&cases, &["policies", "policies/examples"]));
    for ((case, alone), together) in cases.iter().zip(alone.answers()).zip(together.answers()) {
        if alone["verdict"] == "block" {
            assert_eq!(together["verdict"], "block", "{case}");
        }
    }
}
