//! The two effective dates, to the second, on a clock that the test turns by libfaketime; the product has no switch for it.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;
use crate::support::gateway::export;

const UPDATE: &str = "/mirror/index/u1313g.xml";
const HELD: &str = "interdict_clock_held_total";

/// A clock that stands where it was last set.
struct Turned {
    dir: TempDir,
}

impl Turned {
    fn at(instant: &str) -> Self {
        let turned = Self { dir: tempfile::tempdir().unwrap() };
        turned.set(instant);
        turned
    }

    /// Turns the clock of whoever looks at it, at once.
    fn set(&self, instant: &str) {
        let (new, path) = (self.dir.path().join("new"), self.dir.path().join("time"));
        fs::write(&new, format!("{instant}\n")).unwrap();
        fs::rename(new, path).unwrap();
    }

    fn gateway(&self, upstream: std::net::SocketAddr, ledger: &Path) -> Gateway {
        GatewayBuilder::new(upstream)
            .environment("LD_PRELOAD", "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
            .environment("FAKETIME_TIMESTAMP_FILE", self.dir.path().join("time").to_str().unwrap())
            .environment("FAKETIME_NO_CACHE", "1")
            .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .environment("TZ", "UTC")
            .ledger(ledger)
            .start()
    }
}

fn download(gateway: &Gateway, client: &str) -> u16 {
    Request::get(UPDATE).from(client).send(gateway.address).status
}

fn order(gateway: &Gateway, country: &str, client: &str) -> u16 {
    let body =
        format!(r#"{{"billing":{{"country":"{country}"}},"lines":[{{"sku":"KL1047GDEFS"}}]}}"#);
    Request::post("/api/orders", body).from(client).send(gateway.address).status
}

/// The verdict on an action by a US buyer.
fn verdict(gateway: &Gateway, action: &str) -> String {
    let body = format!(
        r#"{{"action":"{action}","items":[{{"sku":"KL1047GDEFS"}}],"buyer":{{"billing_country":"US"}}}}"#
    );
    let answer = Request::post("/v1/decide", body).send(gateway.address);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["verdict"].as_str().unwrap().to_owned()
}

#[test]
fn each_prohibition_begins_at_its_second_and_not_before() {
    let recorder = Recorder::start();
    let ledger = tempfile::tempdir().unwrap();
    let clock = Turned::at("2024-07-20 03:59:59");
    let gateway = clock.gateway(recorder.address, ledger.path());
    // US download, VPN download, US order, order from nowhere; sale, activation, resale by the decision API.
    for (instant, statuses, verdicts) in [
        ("2024-07-20 03:59:59", [201, 201, 201, 201], ["allow", "allow"]),
        ("2024-07-20 04:00:00", [201, 201, 403, 403], ["block", "review"]),
        ("2024-09-29 03:59:59", [201, 201, 403, 403], ["block", "review"]),
        ("2024-09-29 04:00:00", [451, 403, 451, 403], ["block", "block"]),
        ("2024-09-29 04:00:01", [451, 403, 451, 403], ["block", "block"]),
    ] {
        clock.set(instant);
        let got = [
            download(&gateway, US),
            download(&gateway, VPN),
            order(&gateway, "US", US),
            order(&gateway, "", VPN),
        ];
        assert_eq!(got, statuses, "{instant}");
        assert_eq!(
            [verdict(&gateway, "sale"), verdict(&gateway, "activation")],
            verdicts,
            "{instant}"
        );
        assert_eq!((download(&gateway, GERMAN), order(&gateway, "DE", GERMAN)), (201, 201));
        let record = export(ledger.path()).pop().unwrap();
        let at = record["decision"]["at"].as_str().unwrap();
        assert!(at.starts_with(&instant.replace(' ', "T")), "{at} at {instant}");
    }
    assert!(gateway.metric(HELD) < 1.0, "no step back, nothing held");
}

#[test]
fn a_date_in_the_order_moves_nothing() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    let body = r#"{"at":"2024-01-01T00:00:00Z","date":"2024-01-01","billing":{"country":"US"},"lines":[{"sku":"KL1047GDEFS"}]}"#;
    let request = Request::post("/api/orders", body).from(US);
    let dated = request.header("Date", "Mon, 01 Jan 2024 00:00:00 GMT");
    assert_eq!(dated.send(gateway.address).status, 451);
}

#[test]
fn a_clock_that_steps_back_is_held_at_the_last_record_and_across_a_restart() {
    let recorder = Recorder::start();
    let ledger = tempfile::tempdir().unwrap();
    let clock = Turned::at("2024-09-29 04:00:00");
    let gateway = clock.gateway(recorder.address, ledger.path());
    assert_eq!(download(&gateway, US), 451);
    let last = || export(ledger.path()).pop().unwrap()["decision"]["at"].clone();
    let instant = last();

    clock.set("2024-09-29 03:00:00");
    assert_eq!((download(&gateway, US), order(&gateway, "US", US)), (451, 451));
    assert_eq!(last(), instant);
    let held = gateway.metric(HELD);
    assert!(held >= 2.0, "{held}");
    drop(gateway);

    clock.set("2024-07-01 00:00:00");
    let gateway = clock.gateway(recorder.address, ledger.path());
    assert_eq!((download(&gateway, US), order(&gateway, "US", US)), (451, 451));
    assert_eq!(last(), instant);
    assert!(gateway.metric(HELD) >= 2.0);

    clock.set("2024-09-29 05:00:00");
    let held = gateway.metric(HELD);
    assert_eq!(download(&gateway, US), 451);
    assert_ne!(last(), instant, "the clock goes on once it has caught up");
    assert!((gateway.metric(HELD) - held).abs() < 0.5);
}
