//! Records in the making.

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::evidence::Entry;
use crate::evidence::EvidenceError;
use crate::evidence::Filter;
use crate::evidence::ProofStatus;
use crate::evidence::ReportAbout;
use crate::evidence::Tally;
use crate::evidence::report;

/// A record and its instant.
pub(super) type Made = (Timestamp, Value);

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn id(number: usize) -> String {
    uuid::Uuid::from_u128(u128::try_from(number).unwrap()).to_string()
}

/// A blocked order of one line.
pub(super) fn refused(number: usize) -> Value {
    json!({
        "action": "resale", "id": id(number), "kind": "decision", "route": "orders",
        "decision": {"at": "2026-11-02T10:00:00Z", "basis": "text", "bundle": "sha256:aa",
            "citation": "89 FR 52434", "clause": "FD-3a", "id": id(number),
            "items": [{"matched_by": "sku", "product": "kaspersky.covered", "verdict": "block"}],
            "nexus": {"because": ["billing_country"], "buyer": "us", "seller": "foreign"},
            "policy": "us-commerce-kaspersky", "reason": "Sales to US customers have ended",
            "rule": "resale", "verdict": "block"},
        "evidence": {"account_standing": "not_asked", "billing_country": "US",
            "addresses": [{"address": "198.51.100.7", "answers": [{"country": "US", "source": "networks.csv 2026-10-01"}],
                "country": "US", "origin": "client"}]},
        "items": [{"name": "Kaspersky Premium", "quantity": 1, "sku": "KL1047GDEFS"}],
        "request": {"client": "198.51.100.7", "host": "shop.example", "method": "POST", "path": "/api/orders"},
    })
}

/// Gives each record to `take`, numbered in order.
pub(super) fn walk(
    records: &[Made],
    mut take: impl FnMut(&Entry<'_>) -> Result<(), EvidenceError>,
) -> Result<(), EvidenceError> {
    for (sequence, (at, record)) in (0..).zip(records) {
        take(&Entry::new(sequence, *at, record.as_object().unwrap()))?;
    }
    Ok(())
}

pub(super) fn tally(records: &[Made]) -> Tally {
    let mut tally = Tally::default();
    walk(records, |entry| tally.add(entry)).unwrap();
    tally
}

pub(super) fn page(records: &[Made], proof: &ProofStatus) -> String {
    let about = ReportAbout {
        by: "interdict 0".to_owned(),
        filter: Filter::default(),
        log: None,
        made: at("2026-12-01T08:00:00Z"),
    };
    report(&about, &tally(records), proof).unwrap()
}
