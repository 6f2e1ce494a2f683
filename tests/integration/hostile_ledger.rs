//! Findings of a hostile reading of the ledger, each as what must hold since.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::GERMAN;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::interdict;
use crate::support::run;

const ROUTES: &str = r#"
[[route]]
name = "licence"
path = "/accounts/{account}/licence"
action = "licensing"
buyer = { account = { path = "account" } }
items = { at = "/lines/*", sku = "/sku", attributes = { weight = "/weight" } }
upstream = "main"
"#;

fn gateway(recorder: &Recorder, personal: &str) -> crate::support::Gateway {
    let builder = GatewayBuilder::new(recorder.address).routes(ROUTES);
    let builder = builder.environment("INTERDICT__LEDGER__REFUSALS_PER_MINUTE", "4");
    builder.with(&format!("personal = \"{personal}\"")).start()
}

/// Whether any file below a folder holds a text.
fn holds(dir: &Path, text: &str) -> bool {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = if path.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn an_account_that_stands_in_the_path_is_masked_and_encrypted_with_the_rest() {
    let recorder = Recorder::with(|_, _| false);
    let path = "/accounts/jane.roe@shop.example/licence";
    for (personal, shown) in [("masked", false), ("sealed", true), ("clear", true)] {
        let gateway = gateway(&recorder, personal);
        let body = r#"{"lines":[{"sku":"X","weight":1}]}"#;
        let answer = Request::post(path, body).from(GERMAN).send(gateway.address);
        let decided = gateway.record(answer.decision().unwrap().1);
        // What cannot be read is refused, and its path recorded all the same.
        let broken = Request::post(path, "{").from(GERMAN).send(gateway.address);
        assert_eq!(broken.status, 400);
        for record in gateway.records() {
            let recorded = record["request"]["path"].as_str().unwrap();
            assert_eq!(recorded == path, shown, "{personal}: {recorded}");
        }
        assert_eq!(decided["evidence"]["account"] == "jane.roe@shop.example", shown);
        let dir = gateway.dir().join("ledger");
        assert_eq!(holds(&dir, "jane.roe"), personal == "clear", "{personal}");
    }
}

/// A client chooses the numbers of an order; none of them may make the record one that does not verify.
#[test]
fn a_number_that_lies_between_two_spellings_does_not_make_the_record_unsound() {
    let recorder = Recorder::with(|_, _| false);
    let gateway = gateway(&recorder, "clear");
    for (sent, recorded) in [
        ("562949953421312.25", json!(562_949_953_421_312.2)),
        ("2.9802322387695312e-8", json!(2.980_232_238_769_531_2e-8)),
        ("-0.0", json!(0)),
        ("1.0", json!(1)),
    ] {
        let body = format!(r#"{{"lines":[{{"sku":"X","weight":{sent}}}]}}"#);
        let answer = Request::post("/accounts/a/licence", body).from(GERMAN).send(gateway.address);
        let id = answer.decision().unwrap().1;
        assert_eq!(gateway.record(id)["items"][0]["attributes"]["weight"], recorded, "{sent}");
    }
    let verified = run(interdict().args(["ledger", "verify"]).arg(gateway.dir().join("ledger")));
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
}

/// Of clients that order a summary names the very address.
#[test]
fn the_network_of_a_summary_is_masked_and_encrypted() {
    let recorder = Recorder::with(|_, _| false);
    for personal in ["masked", "sealed", "clear"] {
        let gateway = gateway(&recorder, personal);
        for _ in 0..6 {
            Request::post("/accounts/a/licence", "{").from(GERMAN).send(gateway.address);
        }
        let records = gateway.records();
        let summary = records.iter().find(|record| record["kind"] == "summary").unwrap();
        let network = summary["network"].as_str().unwrap();
        assert_eq!(network.starts_with("masked:"), personal == "masked", "{network}");
        let dir = gateway.dir().join("ledger");
        assert_eq!(holds(&dir, "203.0.113."), personal == "clear", "{personal}");
    }
}
