//! Lines in, lines out, and how the program ends (DESIGN 7).

use serde_json::{Value, json};

use crate::program::{decide, decide_with, interdict};

const BLOCKED: &str = r#"{"at":"2025-01-01T00:00:00Z","action":"sale","items":[{"sku":"KL1047GDEFS"}],"buyer":{"billing_country":"US"}}"#;
const ALLOWED: &str = r#"{"at":"2025-01-01T00:00:00Z","action":"sale","items":[{"name":"Mouse"}]}"#;

/// What each line got: its verdict, or the number of the line that was bad.
fn outcomes(answers: &[Value]) -> Vec<Value> {
    let outcome = |answer: &Value| match answer.get("error") {
        None => answer["verdict"].clone(),
        Some(error) => {
            assert!(error.as_str().is_some_and(|text| !text.is_empty()), "{answer}");
            assert_eq!(answer.as_object().unwrap().len(), 2, "only `error` and `line`: {answer}");
            answer["line"].clone()
        }
    };
    answers.iter().map(outcome).collect()
}

fn check(input: &[u8], expected: &[Value]) {
    let run = decide(input);
    let shown = String::from_utf8_lossy(input);
    assert_eq!(outcomes(&run.answers()), expected, "{shown:?}");
    let bad = expected.iter().any(Value::is_number);
    assert_eq!(run.code, Some(if bad { 65 } else { 0 }), "{shown:?}: {}", run.stderr);
}

#[test]
fn the_last_newline_may_be_missing_and_ends_no_line_of_its_own() {
    let (block, allow) = (json!("block"), json!("allow"));
    check(format!("{BLOCKED}\n{ALLOWED}").as_bytes(), &[block.clone(), allow.clone()]);
    check(format!("{BLOCKED}\n{ALLOWED}\n").as_bytes(), &[block, allow]);
    check(b"", &[]);
}

#[test]
fn an_empty_line_is_a_bad_line() {
    let block = json!("block");
    check(b"\n", &[json!(1)]);
    check(b"\r\n", &[json!(1)]);
    check(format!("\n{BLOCKED}\n").as_bytes(), &[json!(1), block.clone()]);
    check(
        format!("{BLOCKED}\n\n{BLOCKED}\n").as_bytes(),
        &[block.clone(), json!(2), block.clone()],
    );
    check(format!("{BLOCKED}\n\n").as_bytes(), &[block.clone(), json!(2)]);
    check(format!("{BLOCKED}\n \n\t\n").as_bytes(), &[block, json!(2), json!(3)]);
}

#[test]
fn crlf_and_a_leading_bom_are_accepted() {
    let (block, allow) = (json!("block"), json!("allow"));
    check(format!("{BLOCKED}\r\n{ALLOWED}\r\n").as_bytes(), &[block.clone(), allow.clone()]);
    check(
        format!("{BLOCKED}\r\n\r\n{ALLOWED}\r\n").as_bytes(),
        &[block.clone(), json!(2), allow.clone()],
    );
    check(format!("\u{feff}{BLOCKED}\r\n{ALLOWED}").as_bytes(), &[block.clone(), allow]);
    check(format!("{BLOCKED}\n\u{feff}{BLOCKED}\n").as_bytes(), &[block, json!(2)]);
    check(format!("\u{feff}\u{feff}{BLOCKED}\n").as_bytes(), &[json!(1)]);
}

#[test]
fn bytes_that_are_no_text_spoil_their_own_line_only() {
    let mut input = b"\xff\xfe\n".to_vec();
    input.extend(BLOCKED.bytes());
    input.extend(b"\n\0\n");
    input.extend(BLOCKED.bytes());
    check(&input, &[json!(1), json!("block"), json!(3), json!("block")]);
}

#[test]
fn many_lines_keep_their_order() {
    let line = |i: usize| match i % 3 {
        0 => BLOCKED,
        1 => ALLOWED,
        _ => "{",
    };
    let input: Vec<_> = (0..3_000).map(line).collect();
    let expected: Vec<_> = (0..3_000_usize)
        .map(|i| match i % 3 {
            0 => json!("block"),
            1 => json!("allow"),
            _ => json!(i + 1),
        })
        .collect();
    check(input.join("\n").as_bytes(), &expected);
}

#[test]
fn a_line_of_any_length_is_answered_on_its_own_line() {
    let long = |length: usize| {
        BLOCKED.replace("KL1047GDEFS", &format!("KL1047GDEFS{}", "X".repeat(length)))
    };
    check(format!("{}\n{ALLOWED}\n", long(100_000)).as_bytes(), &[json!("block"), json!("allow")]);
    let run = decide(format!("{}\n{ALLOWED}\n", long(9_000_000)).as_bytes());
    let outcomes = outcomes(&run.answers());
    assert_eq!(outcomes.len(), 2);
    assert_ne!(outcomes[0], "allow");
    assert_eq!(outcomes[1], "allow");
}

#[test]
fn a_dash_reads_standard_input() {
    let run = interdict(
        &["decide", "--policies", "policies", "--input", "-"],
        format!("{BLOCKED}\n{{\n").as_bytes(),
    );
    assert_eq!(outcomes(&run.answers()), [json!("block"), json!(2)]);
    assert_eq!(run.code, Some(65));
}

#[test]
fn the_shipped_policies_are_the_default() {
    let run = interdict(&["decide", "--input", "-"], BLOCKED.as_bytes());
    assert_eq!(outcomes(&run.answers()), [json!("block")], "{}", run.stderr);
}

#[test]
fn wrong_usage_is_64_and_says_nothing_on_stdout() {
    for args in
        [&["decide", "--no-such"][..], &["decide", "extra"], &["no-such"], &["decide", "--input"]]
    {
        let run = interdict(args, b"");
        assert_eq!((run.code, &*run.stdout), (Some(64), ""), "{args:?}");
        assert!(!run.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn input_that_cannot_be_read_is_74() {
    let run = interdict(&["decide", "--policies", "policies", "--input", "/no/such/file"], b"");
    assert_eq!((run.code, &*run.stdout), (Some(74), ""), "{}", run.stderr);
    assert!(run.stderr.contains("/no/such/file"), "{}", run.stderr);
}

#[test]
fn a_policy_folder_without_policies_decides_nothing() {
    let empty = tempfile::tempdir().unwrap();
    for folder in [empty.path().to_str().unwrap(), "/no/such/folder"] {
        let run =
            decide_with(&["--policies", "policies", "--policies", folder], BLOCKED.as_bytes());
        assert_ne!(run.code, Some(0), "{folder}");
        assert_eq!(run.stdout, "", "{folder}");
    }
}

#[test]
fn a_policy_with_a_fault_decides_nothing_and_is_shown_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.toml"), "[policy]\nid = \"p\"\nunknown = 1\n").unwrap();
    let run = decide_with(&["--policies", folder.path().to_str().unwrap()], BLOCKED.as_bytes());
    assert!(matches!(run.code, Some(65 | 78)), "{:?}", run.code);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("p.toml") && run.stderr.contains("unknown"), "{}", run.stderr);
}
