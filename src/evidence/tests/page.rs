//! What the page says, and what it never does.

use serde_json::Value;
use serde_json::json;

use super::support::Made;
use super::support::at;
use super::support::id;
use super::support::page;
use super::support::refused;
use crate::evidence::ProofStatus;

const PROOFS: [ProofStatus; 1] = [ProofStatus::NotVerified];

/// Puts a text into every text of a record.
fn poisoned(value: &mut Value, poison: &str) {
    match value {
        Value::String(text) => *text = format!("{text}{poison}"),
        Value::Array(values) => values.iter_mut().for_each(|value| poisoned(value, poison)),
        Value::Object(members) => members.values_mut().for_each(|value| poisoned(value, poison)),
        Value::Bool(_) | Value::Null | Value::Number(_) => {}
    }
}

#[test]
fn no_text_of_a_record_becomes_markup() {
    let poison = "</td></svg></style><script>alert(1)</script><img src=\"http://evil.example/\" onerror='x'>&";
    let kinds = ["cart", "decision", "mismatch", "outcome", "refusal", "release"];
    let mut records: Vec<Made> = Vec::new();
    for (number, kind) in kinds.into_iter().enumerate() {
        for verdict in ["block", "review", "allow"] {
            let mut record = refused(number);
            poisoned(&mut record, poison);
            for (name, text) in [
                ("by", "officer"),
                ("reason", "why"),
                ("notice", "n"),
                ("end", "e"),
                ("catalog", "c"),
                ("status", "4"),
            ] {
                record[name] = json!(format!("{text}{poison}"));
            }
            record["subject"] = json!({"order": poison});
            record["value"] = json!({"amount": "1.00", "currency": poison});
            // What the program itself looks at stays, so that the record is counted.
            record["kind"] = json!(kind);
            record["decision"]["verdict"] = json!(verdict);
            records.push((at("2026-11-02T10:00:00Z"), record));
        }
    }
    let failed = ProofStatus::Failed { reason: poison.to_owned() };
    let html = page(&records, &failed);
    for bad in ["<script", "<img", "</svg></style>", "onerror='x'"] {
        assert!(!html.contains(bad), "{bad}");
    }
    // Every text went somewhere: the page is not clean because it is empty.
    assert!(html.matches("evil.example").count() > 20);
    assert_eq!(html.matches("</style>").count(), 1);
}

#[test]
fn the_page_fetches_nothing_and_runs_nothing() {
    let html = page(&[(at("2026-11-02T10:00:00Z"), refused(1))], &PROOFS[0]);
    for bad in [
        "<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import", "http:",
        "https:",
    ] {
        assert!(!html.contains(bad), "{bad}");
    }
}

#[test]
fn an_empty_period_says_so() {
    let html = page(&[], &ProofStatus::NotVerified);
    assert!(html.contains("There is no record in this period."));
    assert!(!html.contains("<svg"));
}

#[test]
fn every_proof_status_is_told_apart() {
    let record = [(at("2026-11-02T10:00:00Z"), refused(1))];
    let not = page(&record, &ProofStatus::NotVerified);
    assert!(not.contains("<b>Not verified.</b>"));
    let verified = ProofStatus::Verified {
        key: "log.example+1234abcd".to_owned(),
        root: "cm9vdA==".to_owned(),
        size: 12_345,
        unpublished: 7,
    };
    let verified = page(&record, &verified);
    assert!(verified.contains("<b>Verified.</b> All 12,345 records"), "{verified}");
    assert!(verified.contains("log.example+1234abcd") && verified.contains("cm9vdA=="));
    assert!(verified.contains("7 later records are not yet covered"));
    let failed = page(&record, &ProofStatus::Failed { reason: "record 17 was changed".to_owned() });
    assert!(
        failed.contains("nothing below can be relied on")
            && failed.contains("record 17 was changed")
    );
    assert!(!failed.contains("<b>Verified.</b>") && !not.contains("<b>Verified.</b>"));
}

#[test]
fn releases_come_from_the_record_and_not_from_a_phrase() {
    let mut held = refused(1);
    held["decision"]["verdict"] = json!("review");
    let mut records = vec![(at("2026-11-02T10:00:00Z"), held)];
    assert!(page(&records, &PROOFS[0]).contains("None was released"));
    let release = json!({"kind": "release", "id": id(2), "of": id(1), "by": "Jo Officer", "reason": "passport seen"});
    records.push((at("2026-11-02T11:00:00Z"), release));
    let html = page(&records, &PROOFS[0]);
    assert!(!html.contains("None was released"));
    assert!(html.contains("<b>released by Jo Officer</b>"), "the hold itself says so too");
    assert!(html.contains("Jo Officer") && html.contains("passport seen") && html.contains(&id(1)));
}

#[test]
fn a_year_without_a_figure_is_shown_with_what_is_used_instead() {
    let mut valued = refused(1);
    valued["value"] = json!({"amount": "200000", "currency": "USD"});
    let mut euros = refused(2);
    euros["value"] = json!({"amount": "1000.50", "currency": "EUR"});
    let day = at("2026-11-02T10:00:00Z");
    let html = page(&[(day, valued), (day, euros)], &PROOFS[0]);
    assert!(
        html.contains("no figure for 2026 was found: that of 2025, the last known one, is used")
    );
    assert!(html.contains("unverified"));
    // Twice 200,000, and the figure once.
    assert!(html.contains("$777,700"), "{html}");
    assert!(html.contains("USD 200,000 (1), EUR 1,000.50 (1)"), "{html}");
    assert!(
        html.contains("maximum and not a forecast") && html.contains("not legal advice")
            || html.contains("Nothing here is legal advice")
    );
}

#[test]
fn a_delivery_to_us_evidence_is_an_alarm() {
    let mut update = refused(1);
    update["action"] = json!("signature_update");
    update["decision"]["verdict"] = json!("allow");
    let outcome = |status: u16, bytes: u64| json!({"kind": "outcome", "id": id(2), "of": id(1), "status": status, "bytes": bytes, "end": "complete"});
    let day = at("2026-11-02T10:00:00Z");
    let good = "No delivery of a covered product went out to a party with US evidence.";
    let html = page(&[(day, update.clone()), (day, outcome(451, 900))], &PROOFS[0]);
    assert!(html.contains(good));
    let html = page(&[(day, update.clone()), (day, outcome(200, 900))], &PROOFS[0]);
    assert!(!html.contains(good) && html.contains("1 delivery of a covered product went out"));
    let mut checked = outcome(200, 0);
    checked["notice"] = json!("forward-auth");
    let html = page(&[(day, update.clone()), (day, checked)], &PROOFS[0]);
    assert!(!html.contains(good), "what a proxy then served is not known");
    let mut answered = outcome(200, 900);
    answered["notice"] = json!("api");
    let html = page(&[(day, update.clone()), (day, answered)], &PROOFS[0]);
    assert!(html.contains(good), "an answer of the decision API delivers nothing");
    let html = page(&[(day, update)], &PROOFS[0]);
    assert!(!html.contains(good) && html.contains("what was delivered is not known"));
}
