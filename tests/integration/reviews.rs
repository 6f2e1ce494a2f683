//! Holds of the real program in the review queue: one entry, however often it is polled for, whatever becomes of the process.

use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::VPN;
use crate::support::gateway::export;
use crate::support::until;

const UPDATE: &str = "/mirror/index/u1313g.xml";

fn poll(gateway: &Gateway, path: &str) -> String {
    let answer = Request::get(path).from(VPN).send(gateway.address);
    assert_eq!(answer.status, 403, "{}", answer.text());
    answer.decision().unwrap().1.to_owned()
}

fn entries(gateway: &Gateway, expected: f64) {
    let open = || gateway.metric("interdict_reviews_open");
    until("the entries", || ((open() - expected).abs() < 0.5).then_some(()));
}

#[test]
fn held_updates_of_one_network_are_one_entry_before_and_after_a_kill() {
    let (upstream, ledger) = (Recorder::start(), tempfile::tempdir().unwrap());
    let ledger = ledger.path().join("ledger");
    let start = || GatewayBuilder::new(upstream.address).ledger(&ledger).start();
    let gateway = start();
    let id = poll(&gateway, UPDATE);
    for _ in 0..20 {
        poll(&gateway, UPDATE);
    }
    entries(&gateway, 1.0);
    let records = export(&ledger);
    let record = records.iter().find(|record| record["id"] == id.as_str()).unwrap();
    let question = &record["held"]["questions"][0];
    assert_eq!(question["kind"], "network");
    assert_eq!(question["subject"].as_str().unwrap().rsplit_once('/').unwrap().1, "24");
    assert_eq!(question["product"], "kaspersky.covered");
    assert!(question["evidence"].as_str().unwrap().len() == 64);
    drop(gateway.kill());
    let gateway = start();
    // It has caught up before it serves.
    assert!((gateway.metric("interdict_reviews_open") - 1.0).abs() < 0.5);
    assert!(gateway.metric("interdict_review_oldest_seconds") > 0.0);
    assert!(gateway.metric("interdict_clearances_active") < 0.5);
    poll(&gateway, UPDATE);
    entries(&gateway, 1.0);
    assert!(upstream.seen().is_empty());
}
