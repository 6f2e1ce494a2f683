//! The live stream and the counts behind charts and map.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use interdict::model::Role;
use serde_json::Value;
use serde_json::json;

use crate::support::Console;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::until;

fn gateway() -> Gateway {
    GatewayBuilder::new(Recorder::start().address).operator("vera", &[Role::Viewer]).start()
}

fn order(gateway: &Gateway, from: &str) -> String {
    let country = if from == US { "US" } else { "DE" };
    let order = json!({"billing": {"country": country}, "email": "jane@private.example", "lines": [{"sku": "KL1047GDEFS", "title": "Kaspersky"}]});
    let answer = Request::post("/api/orders", order.to_string()).from(from).send(gateway.address);
    answer.decision().unwrap().1.to_owned()
}

/// An open stream, and what came so far.
struct Listening {
    heard: String,
    stream: TcpStream,
}

impl Listening {
    fn to(console: &Console) -> Self {
        let mut stream = TcpStream::connect(console.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let request =
            console.request("GET", "/console/stream").header("Accept", "text/event-stream");
        stream.write_all(&request.bytes()).unwrap();
        let mut listening = Self { heard: String::new(), stream };
        while !listening.heard.contains("\r\n\r\n") {
            assert!(listening.more(), "{}", listening.heard);
        }
        listening
    }

    /// Hears some more; false at the end.
    fn more(&mut self) -> bool {
        let mut bytes = [0; 4_096];
        let read = self.stream.read(&mut bytes).unwrap();
        self.heard.push_str(&String::from_utf8_lossy(&bytes[..read]));
        read > 0
    }

    fn until(&mut self, text: &str) {
        while !self.heard.contains(text) {
            assert!(self.more(), "it ended without {text}: {}", self.heard);
        }
    }

    fn ticks(&self) -> Vec<Value> {
        let lines = self.heard.lines().filter_map(|line| line.strip_prefix("data: "));
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

#[test]
fn whoever_listens_hears_decisions_and_nothing_of_a_person() {
    let gateway = gateway();
    let viewer = gateway.console("vera");
    let mut listening = Listening::to(&viewer);
    listening.until("event: tick");
    let head = listening.heard.to_lowercase();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(head.contains("cache-control: no-store") && head.contains("x-accel-buffering: no"));
    let id = order(&gateway, US);
    listening.until(&id);
    listening.until("\"block\":1");
    let ticks = listening.ticks();
    let shown = ticks.iter().flat_map(|tick| tick["shown"].as_array().unwrap());
    let shown: Vec<_> = shown.filter(|decision| decision["id"] == id.as_str()).collect();
    assert_eq!(shown.len(), 1, "once, and no more");
    assert_eq!((&shown[0]["verdict"], &shown[0]["country"]), (&json!("block"), &json!("US")));
    assert!(shown[0]["clause"].is_string() && shown[0]["sku"] == "KL1047GDEFS", "{}", shown[0]);
    assert!(ticks.last().unwrap()["rate"].is_u64());
    for of_a_person in [US, "private.example", "jane"] {
        assert!(!listening.heard.contains(of_a_person), "{}", listening.heard);
    }
}

#[test]
fn all_who_listen_hear_the_same_and_whoever_comes_later_what_was_last() {
    let gateway = gateway();
    let viewer = gateway.console("vera");
    let mut all: Vec<_> = (0..10).map(|_| Listening::to(&viewer)).collect();
    let id = order(&gateway, GERMAN);
    for listening in &mut all {
        listening.until(&id);
    }
    let tick = |listening: &Listening| {
        listening.ticks().into_iter().find(|tick| tick["shown"].to_string().contains(&id)).unwrap()
    };
    let first = tick(&all[0]);
    assert!(all.iter().all(|listening| tick(listening) == first));
    let mut late = Listening::to(&viewer);
    late.until("event: tick");
    late.until(&id);
    assert_eq!(late.ticks()[0]["shown"].as_array().unwrap().len(), 1);
}

#[test]
fn a_stream_ends_with_its_session() {
    let gateway = gateway();
    let viewer = gateway.console("vera");
    let mut listening = Listening::to(&viewer);
    listening.until("event: tick");
    assert_eq!(viewer.send("DELETE", "/admin/v1/session", &json!({})).status, 204);
    while listening.more() {}
    assert!(!listening.heard.is_empty());
    assert_eq!(viewer.get("/console/stream").status, 401);
}

#[test]
fn more_consoles_than_may_listen_are_told_to_wait() {
    let gateway = gateway();
    let viewer = gateway.console("vera");
    let mut all: Vec<_> = (0..32).map(|_| Listening::to(&viewer)).collect();
    let answer = viewer.get("/console/stream");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    drop(all.pop());
    until("a place", || {
        let answer = viewer.request("HEAD", "/console/stream").send(viewer.address);
        assert_eq!(answer.status, 200);
        let mut stream = TcpStream::connect(viewer.address).unwrap();
        stream.write_all(&viewer.request("GET", "/console/stream").bytes()).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        (status == *b"HTTP/1.1 200").then_some(())
    });
}

#[test]
fn charts_and_map_count_what_was_decided() {
    let gateway = gateway();
    let viewer = gateway.console("vera");
    for from in [US, US, GERMAN] {
        order(&gateway, from);
    }
    let chart = viewer.json("/admin/v1/activity?by=verdict&step=60");
    let counted = |name: &str| -> u64 {
        let lines = chart["series"].as_array().unwrap();
        let line = lines.iter().find(|line| line["name"] == name).unwrap();
        assert_eq!(
            line["values"].as_array().unwrap().len(),
            chart["times"].as_array().unwrap().len()
        );
        line["values"].as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).sum()
    };
    assert_eq!(counted("block"), 2);
    assert_eq!(chart["step"], 60);
    let map = viewer.json("/admin/v1/activity/countries");
    let us = map["countries"].as_array().unwrap().iter().find(|c| c["code"] == "US").unwrap();
    assert_eq!((&us["block"], &us["allow"]), (&json!(2), &json!(0)));
    for bad in [
        "by=person",
        "step=61",
        "step=0",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=now",
    ] {
        assert_eq!(viewer.get(&format!("/admin/v1/activity?{bad}")).status, 400, "{bad}");
    }
    let page = viewer.get("/").text();
    assert!(page.contains("data-total=\"block\">2<"), "{page}");
}
