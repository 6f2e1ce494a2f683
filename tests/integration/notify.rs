//! The outgoing webhook: every block and hold is told, signed, in order, at least once, and nobody waits for it.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::Digest as _;
use sha2::Sha256;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;
use crate::support::gateway::interdict;
use crate::support::recorder::Seen;
use crate::support::run;
use crate::support::until;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A receiver that answers with a status that the test changes; 0 closes the connection.
fn receiver(status: u16) -> (Recorder, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(status));
    let now = Arc::clone(&status);
    let recorder = Recorder::with(move |_, stream| match now.load(Ordering::SeqCst) {
        0 => false,
        status => {
            let answer = format!("HTTP/1.1 {status} As told\r\nContent-Length: 2\r\n\r\nok");
            stream.write_all(answer.as_bytes()).is_ok()
        }
    });
    (recorder, status)
}

fn builder(upstream: SocketAddr, receiver: SocketAddr) -> GatewayBuilder {
    let notify = format!(
        "[notify]\nurl = \"http://{receiver}/hold?from=gate\"\nkey = \"notify-key.txt\"\ntimeout = \"1s\""
    );
    GatewayBuilder::new(upstream).with(&notify).file("notify-key.txt", SECRET)
}

fn in_ledger(builder: GatewayBuilder, ledger: &Path) -> Gateway {
    builder.ledger(ledger).start()
}

/// Sends an order and returns the decision's id.
fn order(gateway: &Gateway, country: &str, client: &str) -> String {
    let order = format!(
        r#"{{"billing":{{"country":"{country}","region":"Bavaria"}},"email":"jane@private.example","lines":[{{"sku":"KL1047GDEFS","title":"Kaspersky Premium","vendor":"Kaspersky","quantity":2}}]}}"#
    );
    let answer = Request::post("/api/orders", order).from(client).send(gateway.address);
    answer.decision().unwrap().1.to_owned()
}

/// HMAC (RFC 2104) over SHA-256, by another library than the program's.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |pad: u8| block.map(|byte| byte ^ pad).to_vec();
    let inner = Sha256::digest([padded(0x36), message.to_vec()].concat());
    Sha256::digest([padded(0x5c), inner.to_vec()].concat()).to_vec()
}

/// Checks the signature as a receiver does; returns id and document.
fn verified(seen: &Seen) -> (String, Value) {
    let field = |name: &str| seen.values(name)[0].to_owned();
    let (id, timestamp) = (field("webhook-id"), field("webhook-timestamp"));
    let signed = [format!("{id}.{timestamp}.").as_bytes(), &seen.body].concat();
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    assert_eq!(field("webhook-signature"), format!("v1,{}", STANDARD.encode(hmac(&key, &signed))));
    let sent: i64 = timestamp.parse().unwrap();
    assert!((jiff::Timestamp::now().as_second() - sent).abs() < 60);
    (id, serde_json::from_slice(&seen.body).unwrap())
}

fn ids(recorder: &Recorder) -> Vec<String> {
    recorder.seen().iter().map(|seen| verified(seen).0).collect()
}

fn wait_for(recorder: &Recorder, expected: &[String]) {
    until("the messages", || (ids(recorder).ends_with(expected)).then_some(()));
}

#[test]
fn a_block_and_a_hold_are_told_once_and_an_allow_is_not() {
    let (upstream, (receiver, _)) = (Recorder::start(), receiver(204));
    let gateway = builder(upstream.address, receiver.address).start();
    order(&gateway, "DE", GERMAN);
    let blocked = order(&gateway, "US", US);
    let held = order(&gateway, "DE", VPN);
    order(&gateway, "DE", GERMAN);
    let delivered = "interdict_notify_messages_total{outcome=\"delivered\"}";
    until("both", || (gateway.metric(delivered) >= 2.0).then_some(()));
    let unread = || gateway.metric("interdict_notify_unread_records");
    until("the end", || (unread() <= 0.0).then_some(()));
    assert_eq!(ids(&receiver), [blocked.clone(), held]);
    let first = &receiver.seen()[0];
    assert!(first.head.starts_with("POST /hold?from=gate HTTP/1.1\r\n"), "{}", first.head);
    assert_eq!(first.values("content-type"), ["application/json"]);
    assert_eq!(first.values("host"), [receiver.address.to_string()]);
    let (_, told) = verified(first);
    let record = gateway.record(&blocked);
    assert_eq!(
        (&told["type"], &told["timestamp"]),
        (&"decision.block".into(), &record["decision"]["at"])
    );
    let data = &told["data"];
    for (member, value) in [
        ("id", Value::from(blocked.as_str())),
        ("verdict", "block".into()),
        ("action", "resale".into()),
        ("route", "orders".into()),
        ("clause", "FD-3a".into()),
        ("policy", record["decision"]["policy"].clone()),
        ("rule", record["decision"]["rule"].clone()),
    ] {
        assert_eq!(data[member], value, "{member}");
    }
    let item = &data["items"][0];
    assert_eq!((&item["sku"], &item["quantity"]), (&"KL1047GDEFS".into(), &2.into()));
    assert_eq!(verified(&receiver.seen()[1]).1["type"], "decision.review");
    for seen in receiver.seen() {
        let text = String::from_utf8(seen.body).unwrap();
        for evidence in ["private.example", "Bavaria", US, VPN, "nexus", "billing", "\"DE\""] {
            assert!(!text.contains(evidence), "{evidence}: {text}");
        }
    }
    assert!(gateway.metric("interdict_notify_oldest_seconds") <= 0.0);
}

#[test]
fn a_receiver_that_answers_is_told_within_half_a_second() {
    let (upstream, (receiver, _)) = (Recorder::start(), receiver(200));
    let gateway = builder(upstream.address, receiver.address).start();
    let told_after = |_| {
        let id = order(&gateway, "US", US);
        let begun = Instant::now();
        wait_for(&receiver, &[id]);
        begun.elapsed()
    };
    let waits: Vec<Duration> = (0..5).map(told_after).collect();
    // The best of five: other tests run beside this one.
    assert!(waits.iter().min().unwrap() < &Duration::from_millis(500), "{waits:?}");
    println!("told after {waits:?}");
}

#[test]
fn a_receiver_that_is_away_is_told_later_in_order_and_no_client_waits() {
    for away in [0, 500, 503, 401, 404] {
        let (upstream, (receiver, status)) = (Recorder::start(), receiver(away));
        let gateway = builder(upstream.address, receiver.address).start();
        let mut expected = vec![order(&gateway, "US", US)];
        until("three tries", || (receiver.seen().len() >= 3).then_some(()));
        let begun = Instant::now();
        expected.extend((0..20).map(|_| order(&gateway, "US", US)));
        assert!(begun.elapsed() < Duration::from_secs(5), "the gateway waits for the receiver");
        let oldest = || gateway.metric("interdict_notify_oldest_seconds");
        until("the alarm", || (oldest() > 0.0).then_some(()));
        assert!(gateway.metric("interdict_notify_failures_total") >= 2.0);
        status.store(200, Ordering::SeqCst);
        wait_for(&receiver, &expected);
        // Before the first acknowledgement nothing but the first message was tried.
        let tried = ids(&receiver);
        assert!(tried[..tried.len() - 20].iter().all(|id| *id == expected[0]), "{away}: {tried:?}");
    }
}

#[test]
fn a_message_that_the_receiver_refuses_is_given_up_counted_and_the_next_is_told() {
    let upstream = Recorder::start();
    let (receiver, status) = receiver(422);
    let gateway = builder(upstream.address, receiver.address).start();
    let refused = order(&gateway, "US", US);
    for tries in 1..=6 {
        until("a try", || (receiver.seen().len() >= tries).then_some(()));
    }
    let undeliverable = "interdict_notify_messages_total{outcome=\"undeliverable\"}";
    until("the end", || (gateway.metric(undeliverable) >= 1.0).then_some(()));
    assert!(gateway.log().contains(&refused), "the log names the decision");
    status.store(200, Ordering::SeqCst);
    let next = order(&gateway, "US", US);
    wait_for(&receiver, std::slice::from_ref(&next));
    assert_eq!(ids(&receiver), [vec![refused; 6], vec![next]].concat());
}

#[test]
fn killed_in_between_nothing_is_lost_and_the_ids_stay_the_same() {
    let upstream = Recorder::start();
    let ledger = tempfile::tempdir().unwrap();
    let (receiver, status) = receiver(200);
    let start = || in_ledger(builder(upstream.address, receiver.address), ledger.path());
    let mut gateway = start();
    let mut expected = Vec::new();
    for round in 0..4 {
        expected.push(order(&gateway, "US", US));
        // Away or not when the power goes.
        status.store(if round % 2 == 0 { 503 } else { 200 }, Ordering::SeqCst);
        expected.push(order(&gateway, "DE", VPN));
        drop(gateway.kill());
        gateway = start();
        expected.push(order(&gateway, "US", US));
    }
    status.store(200, Ordering::SeqCst);
    wait_for(&receiver, &expected[expected.len() - 1..]);
    let mut told = ids(&receiver);
    let mut first_times = Vec::new();
    for id in told.drain(..) {
        if !first_times.contains(&id) {
            first_times.push(id);
        }
    }
    assert_eq!(first_times, expected, "each is told, in the order of the ledger");
}

#[test]
fn a_first_start_begins_at_the_end_a_stop_tells_the_rest_and_a_start_goes_on_behind_it() {
    let upstream = Recorder::start();
    let ledger = tempfile::tempdir().unwrap();
    let (receiver, _) = receiver(200);
    let mut without = in_ledger(GatewayBuilder::new(upstream.address), ledger.path());
    order(&without, "US", US);
    without.signal("TERM");
    assert_eq!(without.wait(), Some(0));
    let mut gateway = in_ledger(builder(upstream.address, receiver.address), ledger.path());
    let first = order(&gateway, "US", US);
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
    assert_eq!(ids(&receiver), [first.as_str()], "told before it ended");
    let gateway = in_ledger(builder(upstream.address, receiver.address), ledger.path());
    let second = order(&gateway, "US", US);
    wait_for(&receiver, std::slice::from_ref(&second));
    assert_eq!(ids(&receiver), [first, second], "nothing twice after an orderly end");
    let verified = run(interdict().args(["ledger", "verify"]).arg(ledger.path()));
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
}

#[test]
fn the_position_can_be_set_by_hand_and_one_that_is_none_is_refused() {
    let upstream = Recorder::start();
    let ledger = tempfile::tempdir().unwrap();
    let (receiver, _) = receiver(200);
    let mut without = in_ledger(GatewayBuilder::new(upstream.address), ledger.path());
    let old = order(&without, "US", US);
    without.signal("TERM");
    assert_eq!(without.wait(), Some(0));
    let position = ledger.path().join("notify.cursor");
    fs::write(&position, "{\"next\":0}").unwrap();
    let gateway = in_ledger(builder(upstream.address, receiver.address), ledger.path());
    wait_for(&receiver, &[old]);
    drop(gateway.kill());
    fs::write(&position, "somewhere").unwrap();
    let with = builder(upstream.address, receiver.address);
    let config = with.write();
    for command in ["check", "serve"] {
        let ended = run(interdict()
            .args([command, "--config"])
            .arg(&config)
            .env("INTERDICT__LEDGER__DIR", ledger.path())
            .env("INTERDICT__LEDGER__KEY", ledger.path().join("key.pem")));
        assert_eq!(ended.code, Some(78), "{}", ended.stderr);
        assert!(ended.stderr.contains("notify.cursor") && ended.stderr.contains("{\"next\":N}"));
    }
}

#[test]
fn only_the_actions_that_are_named_are_told() {
    let (upstream, (receiver, _)) = (Recorder::start(), receiver(200));
    let with = builder(upstream.address, receiver.address)
        .environment("INTERDICT__NOTIFY__ACTIONS", "[\"resale\"]");
    let gateway = with.start();
    let update = Request::get("/mirror/index/u1313g.xml").from(US).send(gateway.address);
    assert_eq!(update.status, 451);
    let blocked = order(&gateway, "US", US);
    wait_for(&receiver, std::slice::from_ref(&blocked));
    assert_eq!(ids(&receiver), [blocked]);
}

#[test]
fn a_wrong_secret_or_receiver_is_exit_78_with_key_line_and_what_to_do() {
    let upstream = Recorder::start();
    for (secret, says) in [
        ("c2hvcnQ=\n", "line 1: the secret has 5 bytes"),
        ("\n\nno base64 at all", "line 3: the secret is no base64"),
        ("", "holds 0 secrets"),
    ] {
        let with = builder(upstream.address, upstream.address).file("notify-key.txt", secret);
        let config = with.write();
        for command in ["check", "serve"] {
            let ended = run(interdict().args([command, "--config"]).arg(&config));
            assert_eq!(ended.code, Some(78), "{command}: {}", ended.stderr);
            for part in ["[notify] key", "notify-key.txt", says, "openssl rand -base64 32"] {
                assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
            }
        }
    }
    for (url, says) in [
        ("http://user:word@a.example/x", "no user or password"),
        ("https://a.example/x#part", "fragment"),
        ("ftp://a.example/x", "no address"),
    ] {
        let with =
            builder(upstream.address, upstream.address).environment("INTERDICT__NOTIFY__URL", url);
        let config = with.write();
        let ended = run(interdict()
            .args(["check", "--config"])
            .arg(&config)
            .env("INTERDICT__NOTIFY__URL", url));
        assert_eq!(ended.code, Some(78), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("notify.url") && ended.stderr.contains(says),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn plain_http_to_another_machine_is_warned_of() {
    let upstream = Recorder::start();
    let with = builder(upstream.address, upstream.address);
    let config = with.write();
    for (url, warned) in [
        ("http://127.0.0.1:1/x", false),
        ("http://[::1]/x", false),
        ("https://a.example/x", false),
        ("http://a.example?x", true),
    ] {
        let ended = run(interdict()
            .args(["check", "--config"])
            .arg(&config)
            .env("INTERDICT__NOTIFY__URL", url));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(ended.stderr.contains("plain http"), warned, "{url}: {}", ended.stderr);
    }
}
