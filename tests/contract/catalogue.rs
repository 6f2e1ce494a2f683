//! What a catalogue row decides (DESIGN 5, Settled readings).

use serde_json::Value;

use crate::program::{Run, decide_with};

const CATALOGUE: &str = "sku,name,vendor,group\n\
    AB-100,Office bundle,Example Shop,kaspersky.covered\n\
    MOUSE-1,Mouse,Acme,none\n\
    KL1047GDEFS,Toy castle,Acme,none\n\
    TXT-1,Kaspersky Plus,Kaspersky,\n\
    BARE-1,,,kaspersky.covered\n\
    TI-1,Insight,,kaspersky.threat-intelligence\n";

fn run(catalogue: &str, item: &str) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("catalog.csv");
    std::fs::write(&file, catalogue).unwrap();
    let line = format!(
        r#"{{"at":"2025-01-01T00:00:00Z","action":"sale","items":[{item}],"buyer":{{"billing_country":"US"}}}}"#
    );
    decide_with(&["--policies", "policies", "--catalog", file.to_str().unwrap()], line.as_bytes())
}

fn verdict(item: &str) -> Value {
    run(CATALOGUE, item).answer()["verdict"].clone()
}

#[test]
fn a_row_decides_for_its_sku_where_the_items_own_text_is_absent_or_the_same() {
    for (item, expected) in [
        (r#"{"sku":"AB-100"}"#, "block"),
        (r#"{"sku":" ab 100 "}"#, "block"),
        (r#"{"sku":"AB-100","name":"OFFICE bundle"}"#, "block"),
        (r#"{"sku":"BARE-1"}"#, "block"),
        (r#"{"sku":"MOUSE-1"}"#, "allow"),
        (r#"{"sku":"MOUSE-1","name":"mouse","vendor":"ACME"}"#, "allow"),
        // Looked at, and not covered: the shape of the SKU alone does not outweigh it.
        (r#"{"sku":"KL1047GDEFS"}"#, "allow"),
        (r#"{"sku":"kl-1047-gdefs","name":"Toy Castle","vendor":"acme"}"#, "allow"),
        (r#"{"sku":"TI-1"}"#, "allow"),
    ] {
        assert_eq!(verdict(item), expected, "{item}");
    }
}

#[test]
fn where_the_text_differs_row_and_text_are_both_judged_and_the_stricter_holds() {
    for (item, expected) in [
        (r#"{"sku":"AB-100","name":"Mouse"}"#, "block"),
        (r#"{"sku":"MOUSE-1","name":"Kaspersky Plus"}"#, "block"),
        (r#"{"sku":"MOUSE-1","vendor":"Kaspersky"}"#, "block"),
        (r#"{"sku":"KL1047GDEFS","name":"Kaspersky Premium","vendor":"Kaspersky"}"#, "block"),
        (r#"{"sku":"MOUSE-1","name":"Keyboard"}"#, "allow"),
        (r#"{"sku":"TI-1","name":"Kaspersky Endpoint Security"}"#, "block"),
    ] {
        assert_eq!(verdict(item), expected, "{item}");
    }
}

#[test]
fn a_blank_group_leaves_it_to_the_text() {
    assert_eq!(verdict(r#"{"sku":"TXT-1","name":"Kaspersky Plus"}"#), "block");
    assert_eq!(verdict(r#"{"sku":"TXT-1","name":"Mouse"}"#), "allow");
}

#[test]
fn components_count_whatever_the_row_says() {
    assert_eq!(verdict(r#"{"sku":"MOUSE-1","components":["Kaspersky Scan Engine"]}"#), "block");
    assert_eq!(
        verdict(r#"{"sku":"MOUSE-1","suspected_components":["Kaspersky Scan Engine"]}"#),
        "review"
    );
}

#[test]
fn a_match_by_the_catalogue_is_named_so() {
    let answer = run(CATALOGUE, r#"{"sku":"AB-100"}"#).answer();
    assert_eq!(answer["items"][0]["matched_by"], "catalog");
    assert_eq!(answer["items"][0]["product"], "kaspersky.covered");
}

#[test]
fn a_bad_row_stops_everything_and_is_named() {
    for row in ["X-1,n,v,other.group\n", ",n,v,none\n", "X-1,n,v\n", "ab100,n,v,none\n"] {
        let run = run(&format!("{CATALOGUE}{row}"), r#"{"sku":"AB-100"}"#);
        assert!(matches!(run.code, Some(65 | 78)), "{row}: {:?}", run.code);
        assert_eq!(run.stdout, "", "{row}");
        assert!(run.stderr.contains("line 8"), "{row}: {}", run.stderr);
    }
}
