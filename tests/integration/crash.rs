//! Killed in mid-work: whatever was answered is on record, and the next start goes on from the last whole record.

use std::collections::HashSet;
use std::fs;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::gateway::export;
use crate::support::gateway::interdict;
use crate::support::until;

/// Answers that a round waits for before the power goes.
const ENOUGH: usize = 120;

fn start(upstream: SocketAddr, ledger: &Path) -> Gateway {
    GatewayBuilder::new(upstream).ledger(ledger).start()
}

/// Verifies; returns what it said on standard error.
fn verify(ledger: &Path) -> String {
    let output = interdict().args(["ledger", "verify"]).arg(ledger).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    said
}

/// Sends requests of every kind on one connection until it breaks; keeps the ids it was told.
fn client(address: SocketAddr, kind: usize, ids: &Mutex<Vec<String>>) {
    let order = |country: &str| {
        format!(r#"{{"billing":{{"country":"{country}"}},"lines":[{{"sku":"KL1047GDEFS"}}]}}"#)
    };
    let requests = [
        Request::get("/mirror/index/u1313g.xml").from(GERMAN),
        Request::get("/mirror/index/u1313g.xml").from(US),
        Request::post("/api/orders", order("DE")).from(GERMAN),
        Request::post("/api/orders", order("US")).from(US),
        Request::post("/api/orders", "{").from(US),
    ];
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    for request in requests.iter().cycle().skip(kind) {
        if stream.write_all(&request.bytes()).is_err() {
            return;
        }
        let answer = Answer::read(&mut stream, false);
        let Some((_, id)) = answer.decision() else { return };
        ids.lock().unwrap().push(id.to_owned());
    }
}

#[test]
fn killed_under_load_ten_times_every_answer_received_has_its_record() {
    let recorder = Recorder::start();
    let ledger = tempfile::tempdir().unwrap();
    let mut answered = HashSet::new();
    for round in 0..10 {
        let gateway = start(recorder.address, ledger.path());
        let address = gateway.address;
        let ids = Arc::new(Mutex::new(Vec::new()));
        let clients: Vec<_> = (0..6)
            .map(|kind| {
                let ids = Arc::clone(&ids);
                thread::spawn(move || client(address, kind, &ids))
            })
            .collect();
        until("answers", || (ids.lock().unwrap().len() >= ENOUGH).then_some(()));
        drop(gateway.kill());
        for client in clients {
            client.join().unwrap();
        }
        verify(ledger.path());
        let before = answered.len();
        answered.extend(ids.lock().unwrap().drain(..));
        assert!(answered.len() >= before + ENOUGH, "no id is given twice");
        let recorded: HashSet<String> = export(ledger.path())
            .iter()
            .map(|record| record["id"].as_str().unwrap().to_owned())
            .collect();
        let lost: Vec<_> = answered.difference(&recorded).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?}");
    }
}

fn last_segment(ledger: &Path) -> PathBuf {
    let files = fs::read_dir(ledger).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "seg")).max().unwrap()
}

#[test]
fn a_torn_tail_is_cut_set_aside_and_reported_and_nothing_before_it_is_lost() {
    let recorder = Recorder::start();
    let ledger = tempfile::tempdir().unwrap();
    let gateway = start(recorder.address, ledger.path());
    for _ in 0..3 {
        let answer = Request::get("/mirror/index/u1313g.xml").from(US).send(gateway.address);
        assert_eq!(answer.status, 451);
    }
    drop(gateway.kill());
    let whole = export(ledger.path());
    let torn = last_segment(ledger.path());
    // The beginning of a record, as a kill in the middle of a write leaves it.
    let bytes = fs::read(&torn).unwrap();
    OpenOptions::new().append(true).open(&torn).unwrap().write_all(&bytes[32..132]).unwrap();

    let said = verify(ledger.path());
    assert!(said.contains("are no whole record"), "{said}");
    let gateway = start(recorder.address, ledger.path());
    let log = until("the report", || {
        let log = gateway.log();
        log.contains("a torn record was cut off the ledger").then_some(log)
    });
    assert!(log.contains(torn.file_name().unwrap().to_str().unwrap()), "{log}");
    assert_eq!(export(ledger.path()), whole);
    let answer = Request::get("/mirror/index/u1313g.xml").from(US).send(gateway.address);
    let (_, id) = answer.decision().unwrap();
    let records = export(ledger.path());
    assert_eq!((records.len(), &records[3]["id"]), (4, &id.into()));
    drop(gateway);
    verify(ledger.path());
}

#[test]
fn a_flipped_bit_in_the_middle_is_found_and_is_exit_65() {
    let recorder = Recorder::start();
    let ledger = tempfile::tempdir().unwrap();
    let gateway = start(recorder.address, ledger.path());
    for _ in 0..3 {
        Request::get("/mirror/index/u1313g.xml").from(US).send(gateway.address);
    }
    drop(gateway.kill());
    let segment = last_segment(ledger.path());
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let output = interdict().args(["ledger", "verify"]).arg(ledger.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(65), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn export_and_verify_work_beside_a_running_gateway_and_a_second_gateway_does_not() {
    let recorder = Recorder::start();
    let ledger = tempfile::tempdir().unwrap();
    let gateway = start(recorder.address, ledger.path());
    let ids = Arc::new(Mutex::new(Vec::new()));
    let (address, sink) = (gateway.address, Arc::clone(&ids));
    let load = thread::spawn(move || client(address, 0, &sink));
    let mut seen = 0;
    for _ in 0..5 {
        let known = ids.lock().unwrap().clone();
        verify(ledger.path());
        let records = export(ledger.path());
        assert!(records.len() >= seen);
        seen = records.len();
        let recorded: HashSet<_> =
            records.iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect();
        assert!(known.iter().all(|id| recorded.contains(id)));
        until("progress", || (ids.lock().unwrap().len() > known.len()).then_some(()));
    }
    let second = GatewayBuilder::new(recorder.address);
    let config = second.write();
    let output = interdict()
        .arg("serve")
        .arg("--config")
        .arg(config)
        .env("INTERDICT__LEDGER__DIR", ledger.path())
        .env("INTERDICT__LEDGER__KEY", ledger.path().join("key.pem"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("ledger"));
    drop(gateway.kill());
    load.join().unwrap();
}
