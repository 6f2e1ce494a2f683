//! A flood of refusals to strangers: they are answered as ever, the ledger does not grow with them, and lawful traffic goes on.

use std::collections::HashMap;
use std::collections::HashSet;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::PUERTO_RICAN;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::gateway::export;
use crate::support::http::raw;
use crate::support::until;

/// Refusals a minute and network that are recorded one by one.
const LIMIT: usize = 8;
/// Refused orders a minute and client.
const ORDERS: usize = 2;

fn start() -> (Recorder, Gateway) {
    let recorder = Recorder::start();
    let gateway = GatewayBuilder::new(recorder.address)
        .environment("INTERDICT__LEDGER__REFUSALS_PER_MINUTE", &LIMIT.to_string())
        .start();
    (recorder, gateway)
}

fn update(client: &str) -> Request {
    Request::get("/mirror/index/u1313g.xml").from(client)
}

/// An order of which nobody can tell where it goes.
fn unclear_order(client: &str) -> Request {
    let order = r#"{"billing":{},"lines":[{"sku":"KL1047GDEFS"}]}"#;
    Request::post("/api/orders", order).from(client)
}

fn id(answer: &Answer) -> String {
    answer.decision().unwrap().1.to_owned()
}

/// How often each id was given, of those that were given more than once: those of summaries.
fn shared(ids: &[String]) -> HashMap<&str, u64> {
    let mut counts = HashMap::new();
    for id in ids {
        *counts.entry(id.as_str()).or_default() += 1;
    }
    counts.retain(|_, count| *count > 1);
    counts
}

/// Ends the gateway; every record by its id.
fn records(mut gateway: Gateway) -> HashMap<String, Value> {
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
    by_id(gateway.records())
}

fn by_id(records: Vec<Value>) -> HashMap<String, Value> {
    let count = records.len();
    let map: HashMap<_, _> = records
        .into_iter()
        .map(|record| (record["id"].as_str().unwrap().to_owned(), record))
        .collect();
    assert_eq!(map.len(), count, "no id is given to two records");
    map
}

fn of_kind<'a>(records: &'a HashMap<String, Value>, kind: &str) -> Vec<&'a Value> {
    records.values().filter(|record| record["kind"] == kind).collect()
}

#[test]
fn beyond_the_limit_refusals_are_answered_as_before_under_one_id_and_lawful_traffic_is_recorded() {
    let (recorder, gateway) = start();
    let (mut refused, mut served) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        let answer = update(PUERTO_RICAN).header("Accept", "text/html").send(gateway.address);
        assert_eq!(answer.status, 451);
        assert!(answer.header("link").unwrap().contains("https://shop.example/why"));
        assert!(answer.text().contains(&id(&answer)), "the page names the id");
        refused.push(id(&answer));
        // Of the same network.
        let answer = update(GERMAN).send(gateway.address);
        assert_eq!(answer.status, 201);
        served.push(id(&answer));
    }
    assert_eq!(recorder.seen().len(), served.len());
    let decided = gateway.metrics();
    let blocks = decided.lines().find(|l| l.contains("decisions_total") && l.contains("\"block\""));
    assert!(blocks.unwrap().ends_with(" 60"), "each is decided: {blocks:?}");
    let summarised = gateway.metric("interdict_refusals_summarised_total");
    assert!(gateway.metric("interdict_refusal_networks") >= 1.0);

    // A minute may have begun meanwhile: then there are two summaries.
    let given = shared(&refused);
    assert!((1..=2).contains(&given.len()), "{given:?}");
    let distinct: HashSet<_> = refused.iter().collect();
    assert!(distinct.len() <= (LIMIT + 1) * 2, "{}", distinct.len());
    gateway.signal("TERM");
    let log = until("the line", || {
        let log = gateway.log();
        log.contains("they are summarised in the ledger").then_some(log)
    });
    assert_eq!(log.matches("summarised in the ledger").count(), given.len());
    let records = records(gateway);
    for id in refused.iter().chain(&served) {
        assert!(records.contains_key(id), "{id} is not on record");
    }
    assert_eq!(served.iter().collect::<HashSet<_>>().len(), served.len());
    let mut counted = 0;
    for end in of_kind(&records, "summary_end") {
        let of = end["of"].as_str().map_or_else(|| panic!("{end}"), str::to_owned);
        let summary = &records[&of];
        assert_eq!(summary["network"], "203.0.113.0/24");
        assert_eq!(summary["first"]["route"], "updates");
        assert_eq!(summary["first"]["status"], 451);
        assert_eq!(summary["first"]["verdict"], "block");
        assert!(summary["first"]["bundle"].as_str().unwrap().starts_with("sha256:"));
        assert_eq!(end["refusals"], given[of.as_str()]);
        assert_eq!(end["counts"][0]["rule"], summary["first"]["rule"]);
        assert_eq!(end["minute"], summary["minute"]);
        counted += end["refusals"].as_u64().unwrap();
    }
    assert_eq!(counted, given.values().sum::<u64>());
    assert_eq!(summarised.to_string(), counted.to_string());
    assert_eq!(of_kind(&records, "summary").len(), given.len());
}

#[test]
fn what_cannot_be_read_is_limited_like_what_is_prohibited_whichever_way_it_is_refused() {
    let (_recorder, gateway) = start();
    let broken =
        "POST /api/orders HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
    let no_json = || Request::post("/api/orders", "{").from(US).send(gateway.address);
    let no_method =
        || Request::new("DELETE", "/api/orders").from("192.0.2.200").send(gateway.address);
    let no_message = || raw(gateway.address, broken.as_bytes());
    let requests: [(&str, u16, &dyn Fn() -> Answer); 3] = [
        ("no JSON", 400, &no_json),
        ("no method", 405, &no_method),
        ("no message", 400, &no_message),
    ];
    let mut all = Vec::new();
    for (what, status, send) in &requests {
        let answers: Vec<_> = (0..50).map(|_| send()).collect();
        assert!(answers.iter().all(|answer| answer.status == *status), "{what}");
        let ids: Vec<_> = answers.iter().map(id).collect();
        let distinct: HashSet<_> = ids.iter().collect();
        assert!(distinct.len() <= (LIMIT + 1) * 2, "{what}: {}", distinct.len());
        assert!(!shared(&ids).is_empty(), "{what}");
        all.extend(ids);
    }
    let records = records(gateway);
    assert!(all.iter().all(|id| records.contains_key(id)));
    let counts = of_kind(&records, "summary_end")
        .iter()
        .map(|end| end["refusals"].as_u64().unwrap())
        .sum::<u64>();
    assert_eq!(counts, shared(&all).values().sum::<u64>());
}

#[test]
fn an_order_that_a_person_should_clear_is_recorded_whatever_its_neighbours_send() {
    let (_recorder, gateway) = start();
    let (noisy, quiet) = ("203.0.113.7", "203.0.113.8");
    let flood: Vec<_> = (0..40)
        .flat_map(|_| {
            [update(PUERTO_RICAN), unclear_order(noisy)].map(|r| id(&r.send(gateway.address)))
        })
        .collect();
    assert!(!shared(&flood).is_empty());
    let held = unclear_order(quiet).send(gateway.address);
    assert_eq!(held.status, 403);
    let record = gateway.record(&id(&held));
    assert_eq!(
        (&record["kind"], &record["decision"]["verdict"]),
        (&"decision".into(), &"review".into())
    );
    let records = records(gateway);
    let orders = of_kind(&records, "decision").into_iter().filter(|r| r["route"] == "orders");
    let count = orders.count();
    assert!((ORDERS + 1..=ORDERS * 2 + 1).contains(&count), "{count}");
}

#[test]
fn the_decision_api_is_not_limited() {
    let (_recorder, gateway) = start();
    let body =
        r#"{"action":"resale","items":[{"sku":"KL1047GDEFS"}],"buyer":{"billing_country":"US"}}"#;
    let ids: HashSet<_> = (0..50)
        .map(|_| {
            let answer = Request::post("/v1/decide", body).send(gateway.address);
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.json()["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 50);
    assert!(gateway.metric("interdict_refusals_summarised_total") < 1.0);
}

fn flood(address: SocketAddr, request: &Request, ids: &Mutex<Vec<String>>) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    loop {
        if stream.write_all(&request.bytes()).is_err() {
            return;
        }
        let answer = Answer::read(&mut stream, false);
        let Some((_, id)) = answer.decision() else { return };
        ids.lock().unwrap().push(id.to_owned());
    }
}

#[test]
fn killed_in_a_flood_every_id_that_a_client_was_told_is_on_record() {
    let recorder = Recorder::start();
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    for _ in 0..3 {
        let gateway = GatewayBuilder::new(recorder.address)
            .environment("INTERDICT__LEDGER__DIR", ledger.to_str().unwrap())
            .environment("INTERDICT__LEDGER__REFUSALS_PER_MINUTE", "1")
            .start();
        let ids = Arc::new(Mutex::new(Vec::new()));
        let clients = [update(US), update("198.51.100.99"), unclear_order(US), update("192.0.2.7")];
        let clients = clients.map(|request| {
            let (address, ids) = (gateway.address, Arc::clone(&ids));
            thread::spawn(move || flood(address, &request, &ids))
        });
        until("answers", || (ids.lock().unwrap().len() >= 200).then_some(()));
        drop(gateway.kill());
        for client in clients {
            client.join().unwrap();
        }
        let records = by_id(export(&ledger));
        let ids = ids.lock().unwrap();
        assert!(ids.iter().all(|id| records.contains_key(id)));
        assert!(!shared(&ids).is_empty());
    }
}
