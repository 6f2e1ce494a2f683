//! Downloads that run when a rule takes effect: finished by default, cut where the rule says so.

use std::io::Read;
use std::io::Write;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::http::connect;

const UPDATE: &str = "/mirror/index/u1313g.xml";
/// What the upstream sends, in so many pieces.
const PIECES: usize = 60;
const PIECE: usize = 1_000;

/// The shipped policy with its rule on signature updates in force from `effective` on.
fn policy(effective: Timestamp, in_flight: &str) -> String {
    let shipped = std::fs::read_to_string("policies/us-commerce-kaspersky.toml").unwrap();
    let (before, rule) = shipped.split_once("id        = \"signature-updates\"").unwrap();
    let now = rule.replacen(
        "effective = 2024-09-29T00:00:00-04:00",
        &format!("effective = {effective}\nin_flight = \"{in_flight}\""),
        1,
    );
    format!("{before}id        = \"signature-updates\"{now}")
}

/// An upstream that takes six seconds for its answer.
fn slow() -> Recorder {
    Recorder::with(|_, stream| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", PIECES * PIECE);
        stream.write_all(head.as_bytes()).is_ok()
            && (0..PIECES).all(|_| {
                std::thread::sleep(Duration::from_millis(100));
                stream.write_all(&[b'x'; PIECE]).is_ok()
            })
    })
}

pub(crate) fn gateway(recorder: &Recorder, effective: Timestamp, in_flight: &str) -> Gateway {
    GatewayBuilder::new(recorder.address)
        .file("policies/us.toml", policy(effective, in_flight))
        .with("[policies]\ndir = \"policies\"")
        .start()
}

/// How many bytes of the body came before the connection ended, and after how long that was.
fn download(gateway: &Gateway, client: &str) -> (usize, Duration) {
    let mut stream = connect(gateway.address);
    let started = Instant::now();
    let request = Request::get(UPDATE).from(client).header("Connection", "close").bytes();
    stream.write_all(&request).unwrap();
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes));
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 "), "{text:.40}");
    (text.split_once("\r\n\r\n").unwrap().1.len(), started.elapsed())
}

#[test]
fn a_rule_that_cuts_ends_a_running_download_of_whom_it_refuses_and_of_nobody_else() {
    let effective = Timestamp::now() + Duration::from_secs(4);
    let recorder = slow();
    let gateway = gateway(&recorder, effective, "cut");
    std::thread::scope(|scope| {
        let american = scope.spawn(|| download(&gateway, US));
        let german = scope.spawn(|| download(&gateway, GERMAN));
        let (bytes, _) = american.join().unwrap();
        let ended = Timestamp::now();
        assert!(bytes < PIECES * PIECE, "{bytes}");
        assert!(ended >= effective && ended < effective + Duration::from_secs(2), "{ended}");
        assert_eq!(german.join().unwrap().0, PIECES * PIECE);
    });
    assert_eq!(Request::get(UPDATE).from(US).send(gateway.address).status, 451);
}

#[test]
fn a_rule_that_does_not_cut_lets_a_running_download_end() {
    let effective = Timestamp::now() + Duration::from_secs(3);
    let recorder = slow();
    let gateway = gateway(&recorder, effective, "finish");
    let (bytes, took) = download(&gateway, US);
    assert_eq!(bytes, PIECES * PIECE);
    assert!(took > Duration::from_secs(5), "{took:?}");
    assert_eq!(Request::get(UPDATE).from(US).send(gateway.address).status, 451);
}
