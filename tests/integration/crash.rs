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

use interdict::ledger::ServedLog;
use interdict::merkle::Checkpoint;
use interdict::merkle::Hash;
use interdict::merkle::Note;
use interdict::merkle::verify_consistency;
use tempfile::TempDir;

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
/// Rounds of killing, unless the environment says otherwise (`make soak`).
const ROUNDS: usize = 10;

/// A ledger's folder, with its key beside it, and nobody else's.
struct Folder(TempDir, PathBuf);

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("ledger");
        Self(dir, ledger)
    }

    fn path(&self) -> &Path {
        assert!(self.0.path().is_dir());
        &self.1
    }
}

fn rounds() -> usize {
    std::env::var("INTERDICT_SOAK_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap())
}

fn start(upstream: SocketAddr, ledger: &Path) -> Gateway {
    start_with(upstream, ledger, "written", "1000000")
}

/// With segments that are soon full, and so many refusals a minute that are recorded one by one.
fn start_with(upstream: SocketAddr, ledger: &Path, deliveries: &str, refusals: &str) -> Gateway {
    GatewayBuilder::new(upstream)
        .environment("INTERDICT__LEDGER__DIR", ledger.to_str().unwrap())
        .environment("INTERDICT__LEDGER__DELIVERIES", deliveries)
        .environment("INTERDICT__LEDGER__REFUSALS_PER_MINUTE", refusals)
        .environment("INTERDICT__LEDGER__SEGMENT_BYTES", "1MiB")
        .start()
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
    // So long that a dozen fill a segment.
    let long =
        order("DE").replace("\"sku\"", &format!("\"title\":\"{}\",\"sku\"", "x".repeat(100_000)));
    let requests = [
        Request::get("/mirror/index/u1313g.xml").from(GERMAN),
        Request::get("/mirror/index/u1313g.xml").from(US),
        Request::post("/api/orders", order("DE")).from(GERMAN),
        Request::post("/api/orders", order("US")).from(US),
        Request::post("/api/orders", "{").from(US),
        Request::post("/api/orders", long).from(GERMAN),
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

/// Size and root of the last published checkpoint.
fn published(ledger: &Path) -> Option<(u64, Hash)> {
    let text = ServedLog::of(ledger).checkpoint().unwrap()?;
    let note = Note::parse(&text).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    Some((checkpoint.size(), *checkpoint.root()))
}

/// The tree of `new` leaves has that of `old` leaves as its beginning, by the proof that anybody may ask for.
fn continues(ledger: &Path, old: &(u64, Hash), new: &(u64, Hash)) {
    let proof = ServedLog::of(ledger).consistency(old.0, new.0).unwrap();
    verify_consistency(old.0, &old.1, new.0, &new.1, &proof).unwrap();
}

/// Kills a gateway under load again and again.
fn rounds_of_killing(deliveries: &[&str], refusals: &str) {
    let rounds = rounds();
    // All of a ledger is read after each round: it should not grow without end.
    for first in (0..rounds).step_by(ROUNDS) {
        let count = ROUNDS.min(rounds - first);
        let mut history = History::new();
        for round in first..first + count {
            let deliveries = deliveries.iter().cycle().nth(round).unwrap();
            history.go_on(round, deliveries, refusals);
        }
        let (size, _) = history.checkpoint.unwrap();
        assert!(size > 0);
        assert!(segments(history.ledger.path()) > count, "segments were full before the end");
    }
}

/// What is checked after each round is all that has been answered since the first.
struct History {
    answered: HashSet<String>,
    checkpoint: Option<(u64, Hash)>,
    ledger: Folder,
    recorder: Recorder,
}

impl History {
    fn new() -> Self {
        let (ledger, recorder) = (Folder::new(), Recorder::start());
        Self { answered: HashSet::new(), checkpoint: None, ledger, recorder }
    }

    fn go_on(&mut self, round: usize, deliveries: &str, refusals: &str) {
        let ledger = self.ledger.path();
        let gateway = start_with(self.recorder.address, ledger, deliveries, refusals);
        let address = gateway.address;
        let ids = Arc::new(Mutex::new(Vec::new()));
        let clients: Vec<_> = (0..6)
            .map(|kind| {
                let ids = Arc::clone(&ids);
                thread::spawn(move || client(address, kind, &ids))
            })
            .collect();
        // Not always at the same place.
        until("answers", || (ids.lock().unwrap().len() >= ENOUGH + round % 7).then_some(()));
        drop(gateway.kill());
        for client in clients {
            client.join().unwrap();
        }
        verify(ledger);
        let before = self.answered.len();
        self.answered.extend(ids.lock().unwrap().drain(..));
        let is_summarised = refusals == "1";
        assert!(is_summarised || self.answered.len() >= before + ENOUGH, "no id is given twice");
        let records = export(ledger);
        let recorded: HashSet<String> =
            records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(recorded.len(), records.len(), "round {round}: no id is recorded twice");
        let lost: Vec<_> = self.answered.difference(&recorded).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?}");
        let allowed = records.iter().filter(|record| record["decision"]["verdict"] == "allow");
        let served = self.recorder.seen().len();
        assert!(allowed.count() >= served, "round {round}: something was served unrecorded");
        let now = published(ledger);
        if let (Some(old), Some(new)) = (&self.checkpoint, &now) {
            continues(ledger, old, new);
        }
        assert!(self.checkpoint.is_none() || now.is_some(), "round {round}: a checkpoint is gone");
        self.checkpoint = now;
    }
}

fn segments(ledger: &Path) -> usize {
    let files = fs::read_dir(ledger).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "seg")).count()
}

#[test]
fn killed_under_load_again_and_again_every_answer_received_has_its_record() {
    rounds_of_killing(&["written", "synced"], "1000000");
}

#[test]
#[ignore = "part of `make soak`"]
fn killed_in_a_flood_again_and_again_every_answer_received_has_its_record() {
    rounds_of_killing(&["synced", "written"], "1");
}

fn last_segment(ledger: &Path) -> PathBuf {
    let files = fs::read_dir(ledger).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "seg")).max().unwrap()
}

#[test]
fn a_torn_tail_is_cut_set_aside_and_reported_and_nothing_before_it_is_lost() {
    let recorder = Recorder::start();
    let ledger = Folder::new();
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
    let ledger = Folder::new();
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
    let ledger = Folder::new();
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
