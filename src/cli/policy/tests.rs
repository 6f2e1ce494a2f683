use clap::Parser;

use std::fs;
use std::path::Path;

use super::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    policy: PolicyArgs,
}

fn repository(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

fn ran(args: &[&str]) -> (Exit, String, String) {
    let cli = Cli::try_parse_from(["policy"].iter().chain(args)).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run(cli.policy, &mut out, &mut err, false);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn folder(toml: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("p.toml"), toml).unwrap();
    folder
}

fn path(folder: &tempfile::TempDir) -> String {
    folder.path().display().to_string()
}

#[test]
fn the_shipped_policies_and_the_examples_check_without_warnings() {
    let (dir, examples) = (repository("policies"), repository("policies/examples"));
    let args = ["check", "--strict", "--policies", &dir, "--policies", &examples];
    let (exit, out, err) = ran(&args);
    assert_eq!(exit, Exit::Ok, "{out}{err}");
}

#[test]
fn cases_run_from_beside_the_policies() {
    let dir = repository("policies");
    let (exit, out, _) = ran(&["test", "--policies", &dir]);
    assert_eq!(exit, Exit::Ok, "{out}");
    assert!(out.ends_with(" passed, 0 failed\n"), "{out}");
}

#[test]
fn a_failed_case_shows_what_was_expected_and_why_it_is_otherwise() {
    let cases = tempfile::NamedTempFile::new().unwrap();
    let case = r#"{"case":"wrong","transaction":{"action":"sale","at":"2025-01-01T00:00:00Z","items":[{"name":"Kaspersky Plus"}],"buyer":{"billing_country":"US"}},"expect":{"verdict":"allow","clause":null}}"#;
    fs::write(cases.path(), case).unwrap();
    let dir = repository("policies");
    let file = cases.path().display().to_string();
    let (exit, out, _) = ran(&["test", "--policies", &dir, &file]);
    assert_eq!(exit, Exit::Data);
    assert!(out.contains("expected allow without clause\n  got      block FD-1"), "{out}");
    assert!(out.ends_with("0 passed, 1 failed\n"), "{out}");
}

#[test]
fn a_bad_file_is_bad_data_and_a_missing_folder_is_not() {
    let bad = folder("[policy]\nid = 1\n");
    let (exit, _, err) = ran(&["check", "--policies", &path(&bad)]);
    assert_eq!(exit, Exit::Data);
    assert!(err.contains("p.toml"), "{err}");
    let (exit, ..) = ran(&["check", "--policies", "no/such/folder"]);
    assert_eq!(exit, Exit::Io);
    let (exit, ..) = ran(&["explain", "--policies", &repository("policies"), "no-such-rule"]);
    assert_eq!(exit, Exit::Usage);
}

#[test]
fn an_explanation_names_what_matched_who_and_every_rule() {
    let input = tempfile::NamedTempFile::new().unwrap();
    let order = r#"{"action":"resale","at":"2025-01-01T00:00:00Z","items":[{"name":"Kaspersky® Plus"}],"buyer":{"billing_country":"DE","ip_country":"DE","parent_country":"US"},"seller":{"organization_country":"DE"}}"#;
    fs::write(input.path(), format!("{order}\n?\n")).unwrap();
    let (dir, file) = (repository("policies"), input.path().display().to_string());
    let (exit, out, err) = ran(&["explain", "--policies", &dir, "--input", &file]);
    assert_eq!(exit, Exit::Data);
    assert!(err.starts_with("error: line 2:"), "{err}");
    for part in [
        "resale at 2025-01-01T00:00:00Z: review under FD-3a, 89 FR 52434",
        "against foreign: parent_country",
        "name read as `kaspersky plus`",
        "kaspersky.covered by name, certain",
        "us-commerce-kaspersky/resale-before-named FD-1: allow, ended at 2024-09-29T04:00:00Z",
        "us-commerce-kaspersky/resale-by-us-seller FD-3a: allow, it allows parties that stand so",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let json = ["explain", "--policies", &dir, "--input", &file, "--output", "json"];
    let document: serde_json::Value =
        serde_json::from_str(ran(&json).1.lines().next().unwrap()).unwrap();
    assert_eq!(document["verdict"], "review");
}

#[test]
fn a_rule_is_told_in_words() {
    let dir = repository("policies");
    let (exit, out, _) = ran(&["explain", "--policies", &dir, "resale-by-us-seller"]);
    assert_eq!(exit, Exit::Ok);
    assert!(out.contains("block if the seller is in the United States or a US person"), "{out}");
}

#[test]
fn a_difference_shows_fields_and_verdicts() {
    let old = fs::read_to_string(repository("policies/us-commerce-kaspersky.toml")).unwrap();
    let new = old.replacen("us        = \"block\"", "us        = \"review\"", 1);
    let (old, new) = (folder(&old), folder(&new));
    let input = tempfile::NamedTempFile::new().unwrap();
    let order = r#"{"action":"sale","at":"2025-01-01T00:00:00Z","items":[{"name":"Kaspersky Plus"}],"buyer":{"billing_country":"US"}}"#;
    fs::write(input.path(), format!("{order}\n")).unwrap();
    let file = input.path().display().to_string();
    let args = ["diff", &path(&old), &path(&new), "--input", &file, "--exit-code"];
    let (exit, out, err) = ran(&args);
    assert_eq!(exit, Exit::Data, "{err}");
    assert!(
        out.contains(
            "~ rule us-commerce-kaspersky/new-agreements\n    us:\n      - block\n      + review"
        ),
        "{out}"
    );
    assert!(out.contains("line 1: block -> review"), "{out}");
    assert!(out.ends_with("1 differences, 1 changed verdicts\n"), "{out}");
    let (exit, out, _) = ran(&["diff", &path(&old), &path(&old), "--exit-code"]);
    assert_eq!((exit, out.as_str()), (Exit::Ok, "0 differences, 0 changed verdicts\n"));
}
