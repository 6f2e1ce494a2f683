//! The decision API: an answer for every verdict, a record for every answer, and silence towards strangers.

use serde_json::Value;
use serde_json::json;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;

fn transaction(country: &str) -> Value {
    json!({"action":"resale","items":[{"sku":"KL1047GDEFS"}],
        "buyer":{"billing_country":country,"ip":GERMAN},"seller":{"organization_country":"DE"}})
}

fn decide(gateway: &Gateway, body: &str) -> Answer {
    Request::post("/v1/decide", body).send(gateway.address)
}

#[test]
fn every_verdict_is_200_and_every_decision_is_recorded_before_its_answer() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    for (country, verdict, clause) in [
        ("US", "block", json!("FD-3a")),
        ("Atlantis", "review", json!("FD-3a")),
        ("DE", "allow", Value::Null),
    ] {
        let answer = decide(&gateway, &transaction(country).to_string());
        assert_eq!(answer.status, 200, "{country}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let document = answer.json();
        assert_eq!((&document["verdict"], &document["clause"]), (&verdict.into(), &clause));
        assert_eq!(document["items"][0]["product"], "kaspersky.covered");
        assert!(document["bundle"].as_str().unwrap().starts_with("sha256:"));
        assert_eq!(document.get("hypothetical"), None);
        let record = gateway.record(document["id"].as_str().unwrap());
        assert_eq!((&record["kind"], &record["decision"]), (&"decision".into(), &document));
    }
    assert!(recorder.seen().is_empty());
}

#[test]
fn what_cannot_be_judged_is_a_problem_that_says_why() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    for bad in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"action":"resale"}"#,
        r#"{"action":"Resale","items":[{"sku":"x"}]}"#,
        r#"{"action":"theft","items":[{"sku":"x"}]}"#,
        r#"{"action":"resale","items":[]}"#,
        r#"{"action":"resale","items":[{"sku":"x"}],"extra":1}"#,
        r#"{"action":"resale","items":[{"sku":null}]}"#,
        r#"{"action":"resale","items":[{"sku":"x","sku":"y"}]}"#,
        r#"{"action":"resale","items":[{"sku":"x","quantity":0}]}"#,
        r#"{"action":"resale","items":[{"sku":"x"}],"buyer":{"billing_country":49}}"#,
        r#"{"action":"resale","items":[{"sku":"x"}]} {}"#,
        "\u{feff}{\"action\":\"resale\",\"items\":[{\"sku\":\"x\"}]}",
    ] {
        let answer = decide(&gateway, bad);
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{bad}");
        assert!(!answer.json()["detail"].as_str().unwrap().is_empty(), "{bad}");
    }
    // What `curl -d` says by itself does not matter: only judged bodies depend on their media type.
    let body = r#"{"action":"refund","items":[{"sku":"x"}]}"#;
    let form = Request::new("POST", "/v1/decide")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body);
    assert_eq!(form.send(gateway.address).status, 200);
    let get = Request::get("/v1/decide").send(gateway.address);
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    assert_eq!(gateway.records().len(), 1, "only what was decided is recorded");
}

#[test]
fn instants_and_geo_answers_are_not_taken_from_callers_without_the_permission() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    for (at, name, value) in [
        ("", "at", json!("2024-01-01T00:00:00Z")),
        ("/buyer", "ip_country", json!("DE")),
        ("/buyer", "ip_class", json!([])),
        ("/buyer", "ip_class", json!(["vpn"])),
    ] {
        let mut given = transaction("DE");
        given.pointer_mut(at).unwrap()[name] = value;
        let answer = decide(&gateway, &given.to_string());
        assert_eq!(answer.status, 400, "{given}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(&format!("`{name}`")));
        let batch = Request::post("/v1/decide/batch", format!("{given}\n")).send(gateway.address);
        assert_eq!((batch.status, &batch.json()["line"]), (200, &json!(1)));
    }
    assert!(gateway.records().is_empty());
}

#[test]
fn a_batch_is_answered_line_by_line_in_its_order_and_all_of_it_is_recorded() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    let mut lines = Vec::new();
    for number in 0..300 {
        lines.push(match number % 4 {
            0 => transaction("US").to_string(),
            1 => "{\"action\":\"resale\"".to_owned(),
            2 => transaction("DE").to_string(),
            _ => String::new(),
        });
    }
    // The last line has no end.
    let body = lines.join("\r\n") + "\r\n" + &transaction("PR").to_string();
    let answer = Request::new("POST", "/v1/decide/batch").body(body).send(gateway.address);
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 301);
    for (at, answer) in answers.iter().enumerate() {
        match at {
            300 => assert_eq!(answer["verdict"], "block"),
            _ if at % 4 == 0 => assert_eq!(answer["verdict"], "block", "{at}"),
            _ if at % 4 == 2 => assert_eq!(answer["verdict"], "allow", "{at}"),
            _ => {
                assert_eq!(answer["line"], at + 1);
                assert!(answer["error"].is_string(), "{at}");
            }
        }
    }
    let recorded: Vec<Value> =
        gateway.records().iter().map(|record| record["id"].clone()).collect();
    let decided: Vec<Value> =
        answers.iter().filter_map(|answer| answer.get("id").cloned()).collect();
    assert_eq!(recorded, decided);
}

#[test]
fn strangers_find_no_api_whatever_proxy_stands_between() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    for path in [
        "/v1/decide",
        "/v1/decide/batch",
        "/v1/whoami",
        "/V1/Decide",
        "//v1/decide/",
        "/v1/%64ecide",
    ] {
        let post = Request::post(path, transaction("DE").to_string());
        let answer = post.from(US).send(gateway.address);
        assert_eq!((answer.status, answer.decision()), (404, None), "{path}");
        assert_eq!(Request::get(path).from("garbage").send(gateway.address).status, 404, "{path}");
    }
    assert!(gateway.records().is_empty() && recorder.seen().is_empty());
    let gateway = GatewayBuilder::new(recorder.address)
        .gateway("api_clients = [\"198.51.100.0/24\"]")
        .start();
    let post = Request::post("/v1/decide", transaction("DE").to_string());
    assert_eq!(post.clone().from(US).send(gateway.address).status, 200);
    assert_eq!(post.send(gateway.address).status, 404);
}

#[test]
fn no_reserved_path_falls_through_to_the_route_for_everything() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    for path in [
        "/v1",
        "/v1/",
        "/v1/other",
        "/v1/decide/x",
        "/V1/x",
        "//v1//x",
        "/%761/x",
        "/check",
        "/check/x",
        "/log/checkpoint",
        "/Log/tile/0",
    ] {
        let answer = Request::get(path).send(gateway.address);
        assert_eq!((answer.status, answer.decision()), (404, None), "{path}");
    }
    assert!(recorder.seen().is_empty());
    assert_eq!(Request::get("/v10/x").send(gateway.address).status, 201);
    assert_eq!(Request::get("/a/v1/x").send(gateway.address).status, 201);
}
