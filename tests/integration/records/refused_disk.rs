//! Outcomes that a full disk refuses wait in memory, and are appended once it takes records again.

use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::http::connect;
use crate::support::until;

const UPDATE: &str = "/mirror/index/u1313g.xml";

fn limit(id: u32, bytes: &str) {
    let id = id.to_string();
    let limit = format!("--fsize={bytes}:unlimited");
    assert!(Command::new("prlimit").args([&limit, "--pid", &id]).status().unwrap().success());
}

#[test]
fn an_outcome_that_a_full_disk_refuses_is_appended_when_it_has_healed() {
    let goes_on = Arc::new(AtomicBool::new(false));
    let waits = Arc::clone(&goes_on);
    let recorder = Recorder::with(move |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf").unwrap();
        until("the disk to be full", || waits.load(Ordering::Relaxed).then_some(()));
        stream.write_all(b"half").is_ok()
    });
    // The signal that would come before the error is ignored.
    let script = "trap '' XFSZ; exec \"$0\" \"$@\"";
    let gateway = GatewayBuilder::new(recorder.address).under(&["sh", "-c", script]).start();
    let mut client = connect(gateway.address);
    client.write_all(&Request::get(UPDATE).from(GERMAN).bytes()).unwrap();
    let id = until("the record", || Some(gateway.records().first()?["id"].clone()));

    limit(gateway.id(), "1");
    until("a full disk", || {
        let refused = Request::get(UPDATE).from(US).send(gateway.address);
        (refused.status == 503).then_some(())
    });
    goes_on.store(true, Ordering::Relaxed);
    let answer = Answer::read(&mut client, false);
    assert_eq!((answer.status, answer.text().as_str()), (200, "halfhalf"));
    until("the outcome to wait", || {
        gateway.log().contains("an outcome waits for the ledger").then_some(())
    });
    limit(gateway.id(), "unlimited");
    let outcome = gateway.outcome(id.as_str().unwrap());
    assert_eq!((&outcome["bytes"], &outcome["end"]), (&8.into(), &"complete".into()));
    assert!(gateway.metric("interdict_outcomes_lost_total") < 0.5);
}
