//! Mixed traffic, and what must be true of a ledger after it whatever has happened to the disk meanwhile.

use std::collections::HashMap;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;

use super::GERMAN;
use super::Recorder;
use super::Request;
use super::US;
use super::gateway::export;
use super::interdict;
use super::run;

/// What clients saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Ids of answers that say that something was decided or refused.
    pub(crate) ids: Mutex<Vec<String>>,
    /// Answers that served what is judged.
    pub(crate) served: AtomicUsize,
    /// 503.
    pub(crate) unavailable: AtomicUsize,
    next: AtomicUsize,
}

impl Seen {
    /// Sends one request of the kinds in turn: an update and an order that are allowed, one of each that is refused, one
    /// that cannot be read, and an order so long that a few dozen fill a segment of 1 MiB.
    pub(crate) fn send(&self, address: SocketAddr) -> u16 {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let order = |country: &str, title: &str| {
            let line = format!(r#"{{"sku":"KL1047GDEFS","title":"Kaspersky {title}"}}"#);
            let order = format!(r#"{{"billing":{{"country":"{country}"}},"lines":[{line}]}}"#);
            Request::post("/api/orders", order)
        };
        let request = match n % 6 {
            0 => Request::get(&format!("/mirror/index/u{n}.xml")).from(GERMAN),
            1 => order("DE", &format!("{n}.")).from(GERMAN),
            2 => Request::get(&format!("/mirror/index/u{n}.xml")).from(US),
            3 => order("US", &format!("{n}.")).from(US),
            4 => Request::post("/api/orders", "{").from(US),
            _ => order("DE", &format!("{n}.{}", "x".repeat(30_000))).from(GERMAN),
        };
        let answer = request.send(address);
        if answer.status == 503 {
            self.unavailable.fetch_add(1, Ordering::Relaxed);
        } else {
            assert!(
                [201, 400, 451].contains(&answer.status),
                "{}: {}",
                answer.status,
                answer.text()
            );
            let (verdict, id) = answer.decision().unwrap();
            self.ids.lock().unwrap().push(id.to_owned());
            self.served.fetch_add(usize::from(verdict == "allow"), Ordering::Relaxed);
        }
        answer.status
    }

    /// How many answers said 503 so far.
    pub(crate) fn refused(&self) -> usize {
        self.unavailable.load(Ordering::Relaxed)
    }

    /// Checks what is on record: every id that a client was told, all that the upstream was asked for but `unjudged`, no id twice;
    /// and that `verify` finds nothing.
    pub(crate) fn is_all_in(&self, ledger: &Path, upstream: &Recorder, unjudged: &[&str]) {
        let ended = run(interdict().args(["ledger", "verify"]).arg(ledger));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let records = export(ledger);
        let mut by_id = HashMap::new();
        for record in &records {
            let id = record["id"].as_str().unwrap();
            assert!(by_id.insert(id.to_owned(), record).is_none(), "{id} twice");
        }
        for id in self.ids.lock().unwrap().iter() {
            assert!(by_id.contains_key(id), "{id} is not on record");
        }
        let allowed = records.iter().filter(|record| record["decision"]["verdict"] == "allow");
        let allowed: HashSet<String> = allowed
            .map(|record| match record["items"][0]["name"].as_str() {
                Some(name) => name.to_owned(),
                None => record["request"]["path"].as_str().unwrap().to_owned(),
            })
            .collect();
        for request in upstream.seen() {
            let order: Option<serde_json::Value> = serde_json::from_slice(&request.body).ok();
            let what = match &order {
                Some(order) => order["lines"][0]["title"].as_str().unwrap(),
                None => request.target(),
            };
            let short: String = what.chars().take(40).collect();
            assert!(
                unjudged.contains(&what) || allowed.contains(what),
                "{short} was served and is not on record"
            );
        }
    }
}

/// Clients that send until they are stopped.
#[derive(Debug)]
pub(crate) struct Traffic {
    clients: Vec<JoinHandle<()>>,
    pub(crate) seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
}

impl Traffic {
    /// So many clients.
    pub(crate) fn start(address: SocketAddr, clients: usize) -> Self {
        let (seen, stop) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let clients = (0..clients)
            .map(|_| {
                let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        seen.send(address);
                    }
                })
            })
            .collect();
        Self { clients, seen, stop }
    }

    /// Waits until each has its last answer.
    pub(crate) fn stop(self) -> Arc<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
        self.seen
    }
}
