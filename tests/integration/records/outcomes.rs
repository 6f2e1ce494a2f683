//! One outcome for each recorded request, on every path that it can end by.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::gateway::export_all;
use crate::support::http::connect;
use crate::support::http::raw;
use crate::support::interdict;
use crate::support::nginx::free_address;
use crate::support::run;
use crate::support::store::Store;
use crate::support::store::session;
use crate::support::until;

const UPDATE: &str = "/mirror/index/u1313g.xml";
const ORDER: &str = r#"{"billing":{"country":"DE"},"lines":[{"sku":"KL1047GDEFS"}]}"#;

/// The members of an outcome that tell it.
fn told(outcome: &Value) -> Value {
    let mut told = outcome.clone();
    let members = told.as_object_mut().unwrap();
    for name in ["id", "kind", "of", "seq", "time"] {
        assert!(members.remove(name).is_some(), "{outcome} without {name}");
    }
    told
}

/// What became of the request that has this answer.
fn outcome_of(gateway: &Gateway, answer: &Answer) -> Value {
    told(&gateway.outcome(answer.decision().unwrap().1))
}

/// The one record that there is, and what became of it.
fn only(gateway: &Gateway) -> Value {
    let id = until("the record", || Some(gateway.records().first()?["id"].clone()));
    told(&gateway.outcome(id.as_str().unwrap()))
}

#[test]
fn what_was_shown_to_whom_was_refused_is_told_with_its_bytes() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    for (target, client, accept, status, notice) in [
        (UPDATE, US, ("Accept", "*/*"), 451, "problem"),
        (UPDATE, US, ("Accept", "text/html"), 451, "page-en"),
        (UPDATE, "", ("Accept", "text/html"), 403, "page-en"),
        ("/mirror/%ff/index/u1313g.xml", US, ("Accept", "application/json"), 400, "problem"),
    ] {
        let answer = Request::get(target).from(client).header(accept.0, accept.1);
        let answer = answer.send(gateway.address);
        assert_eq!(answer.status, status, "{target} {client}");
        assert_eq!(
            outcome_of(&gateway, &answer),
            json!({"bytes": answer.body.len(), "end": "complete", "notice": notice, "status": status})
        );
    }
    let spanish = Request::get(UPDATE).from(US).header("Accept", "text/html");
    let spanish = spanish.header("Accept-Language", "es-MX").send(gateway.address);
    assert_eq!(outcome_of(&gateway, &spanish)["notice"], "page-es");
    let head = Request::new("HEAD", UPDATE).from(US).send(gateway.address);
    assert_eq!(
        outcome_of(&gateway, &head),
        json!({"bytes": 0, "end": "complete", "notice": "problem", "status": 451})
    );
    // What no handler sees: a message that is no request.
    let broken = format!(
        "GET {UPDATE} HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
    );
    let broken = raw(gateway.address, broken.as_bytes());
    assert_eq!(
        outcome_of(&gateway, &broken),
        json!({"bytes": broken.body.len(), "end": "complete", "notice": "problem", "status": 400})
    );
}

#[test]
fn what_was_delivered_is_told_to_the_byte() {
    let recorder = Recorder::with(|seen, stream| {
        let size = if seen.body.is_empty() { 300_000 } else { 7 };
        let bare = seen.head.starts_with("HEAD");
        let body = vec![b'x'; if bare { 0 } else { size }];
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), &body].concat()).is_ok()
    });
    let gateway = Gateway::start(recorder.address);
    let update = Request::get(UPDATE).from(GERMAN).send(gateway.address);
    assert_eq!(update.body.len(), 300_000);
    let whole = |bytes: usize| json!({"bytes": bytes, "end": "complete", "status": 200});
    assert_eq!(outcome_of(&gateway, &update), whole(300_000));
    let order = Request::post("/api/orders", ORDER).from(GERMAN).send(gateway.address);
    assert_eq!(outcome_of(&gateway, &order), whole(7));
    let head = Request::new("HEAD", UPDATE).from(GERMAN).send(gateway.address);
    assert_eq!(outcome_of(&gateway, &head), whole(0));
    // What is not judged leaves neither record nor outcome.
    assert_eq!(Request::get("/static/logo.txt").from(US).send(gateway.address).status, 200);
    let all = export_all(&gateway.dir().join("ledger"));
    assert_eq!(all.iter().filter(|record| record["kind"] != "change").count(), 6);
}

#[test]
fn a_download_that_its_client_gives_up_is_cancelled_after_what_it_took() {
    const SIZE: usize = 40 << 20;
    let recorder = Recorder::with(|_, stream| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
        stream.write_all(head.as_bytes()).is_ok() && stream.write_all(&vec![b'x'; SIZE]).is_ok()
    });
    let gateway = Gateway::start(recorder.address);
    let mut client = connect(gateway.address);
    client.write_all(&Request::get(UPDATE).from(GERMAN).bytes()).unwrap();
    client.read_exact(&mut [0; 100_000]).unwrap();
    drop(client);
    let outcome = only(&gateway);
    assert_eq!((&outcome["end"], &outcome["status"]), (&"cancelled".into(), &200.into()));
    let bytes = outcome["bytes"].as_u64().unwrap();
    assert!((90_000..SIZE as u64).contains(&bytes), "{outcome}");
}

#[test]
fn a_client_that_leaves_before_its_answer_got_none() {
    let recorder = Recorder::with(|_, stream| {
        // Never answers; ends with its connection.
        stream.read_exact(&mut [0]).ok();
        false
    });
    let gateway = Gateway::start(recorder.address);
    let mut client = connect(gateway.address);
    client.write_all(&Request::get(UPDATE).from(GERMAN).bytes()).unwrap();
    until("the request upstream", || recorder.seen().pop());
    drop(client);
    assert_eq!(only(&gateway), json!({"bytes": 0, "end": "cancelled", "status": 0}));
    // And nobody makes a record unsound by leaving early.
    let verified = run(interdict().args(["ledger", "verify"]).arg(gateway.dir().join("ledger")));
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
}

#[test]
fn an_upstream_that_dies_leaves_a_failed_delivery_of_what_came() {
    let dying = Recorder::with(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf").ok();
        false
    });
    let gateway = Gateway::start(dying.address);
    let answer = Request::get(UPDATE).from(GERMAN).send(gateway.address);
    assert!(!answer.complete);
    assert_eq!(outcome_of(&gateway, &answer), json!({"bytes": 4, "end": "failed", "status": 200}));

    // Before the first byte of the body: the client has the head, and knows that it is not whole.
    let mute = Recorder::with(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").ok();
        false
    });
    let gateway = Gateway::start(mute.address);
    for _ in 0..30 {
        let answer = Request::get(UPDATE).from(GERMAN).send(gateway.address);
        assert_eq!((answer.status, answer.complete), (200, false));
        let recorded = outcome_of(&gateway, &answer);
        assert_eq!(recorded, json!({"bytes": 0, "end": "failed", "status": 200}));
    }

    let dead = Gateway::start(free_address());
    let answer = Request::get(UPDATE).from(GERMAN).send(dead.address);
    assert_eq!(
        outcome_of(&dead, &answer),
        json!({"bytes": answer.body.len(), "end": "complete", "notice": "problem", "status": 502})
    );
}

#[test]
fn a_transfer_that_a_rule_cuts_says_so() {
    let effective = Timestamp::now() + Duration::from_secs(3);
    let recorder = Recorder::with(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf").ok();
        stream.read_exact(&mut [0]).ok();
        false
    });
    let gateway = crate::in_flight::gateway(&recorder, effective, "cut");
    let answer = Request::get(UPDATE).from(US).send(gateway.address);
    assert_eq!((answer.status, answer.complete), (200, false));
    assert_eq!(
        outcome_of(&gateway, &answer),
        json!({"bytes": 4, "end": "failed", "notice": "cut", "status": 200})
    );
    let record = gateway.record(answer.decision().unwrap().1);
    assert_eq!(record["rules"][0]["outcome"], "not_yet");
}

#[test]
fn a_tunnel_is_told_with_the_bytes_that_went_to_the_client() {
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let echo = Recorder::with(|_, stream| {
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut back = stream.try_clone().unwrap();
        std::io::copy(stream, &mut back).ok();
        false
    });
    let gateway = Gateway::start(echo.address);
    let mut stream = connect(gateway.address);
    let handshake = Request::get(UPDATE)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .from(GERMAN);
    stream.write_all(&handshake.bytes()).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    stream.write_all(b"twelve bytes").unwrap();
    stream.read_exact(&mut [0; 12]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert_eq!(only(&gateway), json!({"bytes": 12, "end": "complete", "status": 101}));
}

#[test]
fn of_a_check_only_its_own_answer_is_known() {
    let recorder = Recorder::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let gateway = Gateway::start(recorder.address);
    for (front, client, status) in
        [("nginx", GERMAN, 200), ("nginx", US, 403), ("traefik", US, 451)]
    {
        let (method, uri) = match front {
            "nginx" => ("X-Original-Method", "X-Original-URI"),
            _ => ("X-Forwarded-Method", "X-Forwarded-Uri"),
        };
        let check = Request::get(&format!("/check/{front}")).header(method, "GET");
        let answer = check.header(uri, UPDATE).from(client).send(gateway.address);
        assert_eq!(
            outcome_of(&gateway, &answer),
            json!({"bytes": answer.body.len(), "end": "complete", "notice": "forward-auth", "status": status})
        );
    }
    assert!(recorder.seen().is_empty());
}

#[test]
fn an_answer_of_the_decision_api_is_an_outcome_of_its_own() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    let line = |country: &str| {
        json!({"action": "resale", "items": [{"sku": "KL1047GDEFS"}], "buyer": {"billing_country": country}})
            .to_string()
    };
    let one = Request::post("/v1/decide", line("US")).send(gateway.address);
    let id = one.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        told(&gateway.outcome(&id)),
        json!({"bytes": one.body.len(), "end": "complete", "notice": "api", "status": 200})
    );
    let batch = format!("{}\nnonsense\n{}\n", line("US"), line("DE"));
    let batch = Request::post("/v1/decide/batch", batch).send(gateway.address).text();
    for line in batch.lines().filter(|line| !line.contains("\"error\"")) {
        let document: Value = serde_json::from_str(line).unwrap();
        let outcome = told(&gateway.outcome(document["id"].as_str().unwrap()));
        assert_eq!(
            outcome,
            json!({"bytes": line.len(), "end": "complete", "notice": "api", "status": 200})
        );
    }
}

#[test]
fn an_order_that_was_placed_for_a_client_that_has_gone_tells_what_the_store_said() {
    let store = Store::start();
    store.slow(Duration::from_millis(400));
    let routes = crate::presets::woocommerce::ROUTES;
    let gateway = GatewayBuilder::new(store.address()).routes(routes).start();
    store.fill("t_1", &[7]);
    let order = r#"{"billing_address":{"country":"US","state":"NY","email":"a@example.com"},"payment_method":"cheque"}"#;
    let order = Request::post("/wp-json/wc/store/v1/checkout", order);
    let order = order.header("Cookie", &session("t_1")).from(US);
    let mut gone = connect(gateway.address);
    gone.write_all(&order.bytes()).unwrap();
    until("the checkout at the store", || {
        let asked = store.asked();
        asked.iter().any(|a| a.starts_with("POST") && a.ends_with("checkout")).then_some(())
    });
    drop(gone);
    assert_eq!(only(&gateway), json!({"bytes": 0, "end": "cancelled", "status": 200}));
    assert_eq!(store.orders().len(), 1);
    // The Store API tells amounts in minor units.
    assert_eq!(gateway.records()[0]["value"], json!({"amount": "29.00", "currency": "EUR"}));
}

#[test]
fn every_record_has_one_outcome_when_the_gateway_has_ended() {
    let nginx = Nginx::mirror_and_shop();
    let mut gateway = Gateway::start(nginx.address);
    for client in [US, GERMAN, ""] {
        Request::get(UPDATE).from(client).send(gateway.address);
        Request::post("/api/orders", ORDER).from(client).send(gateway.address);
        Request::post("/api/orders", "{").from(client).send(gateway.address);
    }
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
    let mut all = export_all(&gateway.dir().join("ledger"));
    // The policies of a first start are nobody's request.
    all.retain(|record| record["kind"] != "change");
    let (outcomes, records): (Vec<_>, Vec<_>) = all.iter().partition(|r| r["kind"] == "outcome");
    let mut of: Vec<_> = outcomes.iter().map(|outcome| outcome["of"].to_string()).collect();
    let mut ids: Vec<_> = records.iter().map(|record| record["id"].to_string()).collect();
    of.sort();
    ids.sort();
    assert_eq!(ids.len(), 9);
    assert_eq!(of, ids);
}
