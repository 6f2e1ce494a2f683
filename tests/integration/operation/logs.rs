//! The log: for machines to read, and silent about what is secret.

use std::fs;

use serde_json::Value;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;
use crate::support::until;

const CODE: &str = "ABCDE-12345-FGHIJ-67890";
const EMAIL: &str = "jane.doe@buyer.example";
const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.c2VjcmV0";

const ROUTES: &str = r#"
[[route]]
name = "orders"
methods = ["POST"]
path = "/api/orders"
action = "resale"
items = { at = "/lines/*", sku = "/sku", name = "/title", vendor = "/vendor" }
buyer = { billing_country = "/billing/country", email = "/email", account = "/account" }
upstream = "main"

[[route]]
name = "updates"
path = "/mirror/{*file}"
action = "signature_update"
preset = "kaspersky-mirror"
buyer = { account = { header = "X-License-Key" }, email = { header = "X-Mail" } }
upstream = "main"

[[route]]
name = "rest"
path = "/{*any}"
action = "none"
upstream = "main"
"#;

/// Requests of every outcome, each with all the secrets it can carry.
fn traffic(gateway: &Gateway) -> Vec<String> {
    let order = |country: &str| {
        format!(
            r#"{{"billing":{{"country":"{country}"}},"email":"{EMAIL}","account":"{CODE}","lines":[{{"sku":"KL1047GDEFS","title":"Kaspersky Premium","vendor":"Kaspersky"}}]}}"#
        )
    };
    let path = format!("/mirror/{CODE}/index/u1313g.xml?code={CODE}&mail={EMAIL}");
    let mut ids = Vec::new();
    for client in [US, GERMAN, VPN] {
        for request in [
            Request::get("/mirror/index/u1313g.xml"),
            Request::get(&path),
            Request::post("/api/orders", order("US")),
            Request::post("/api/orders", order("DE")),
            Request::post("/api/orders", format!("{{\"email\":\"{EMAIL}\"")),
            Request::new("PUT", &format!("/api/orders?code={CODE}")),
            Request::get(&format!("/api/account/{CODE}?mail={EMAIL}")),
            Request::get(&format!("/mirror/%252e/{CODE}/index/u1313g.xml")),
        ] {
            let request = request
                .from(client)
                .header("Authorization", &format!("Bearer {TOKEN}"))
                .header("Cookie", &format!("session={TOKEN}"))
                .header("X-License-Key", CODE)
                .header("X-Mail", EMAIL);
            let answer = request.send(gateway.address);
            if let Some((verdict, id)) = answer.decision()
                && verdict != "allow"
            {
                ids.push(id.to_owned());
            }
        }
    }
    ids
}

#[test]
fn every_line_is_json_and_every_refusal_stands_in_the_log_under_its_decision() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = GatewayBuilder::new(nginx.address)
        .routes(ROUTES)
        .with("[log]\nformat = \"json\"\nlevel = \"trace\"")
        .start();
    let ids = traffic(&gateway);
    assert!(ids.len() > 10, "{ids:?}");
    // The log comes through a pipe of its own, after the answers.
    let log = until("the log", || {
        let log = gateway.log();
        ids.iter().all(|id| log.contains(id.as_str())).then_some(log)
    });
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    for id in ids {
        assert!(lines.iter().any(|line| line["id"] == *id), "{id} is not in the log");
    }
}

#[test]
fn no_activation_code_token_or_email_stands_in_log_or_record() {
    let nginx = Nginx::mirror_and_shop();
    let gateway =
        GatewayBuilder::new(nginx.address).routes(ROUTES).with("[log]\nlevel = \"trace\"").start();
    traffic(&gateway);
    assert!(gateway.records().len() > 10);
    let mut said = gateway.log();
    let mut folders = vec![gateway.dir().join("ledger")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                said.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
            }
        }
    }
    said.push_str(&gateway.metrics());
    for secret in [CODE, &CODE.replace('-', ""), TOKEN, EMAIL, "jane.doe"] {
        let line = said.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
