//! Metrics in the format that carries ids of decisions, read by the parsers of other people; and the counts that charts stand on.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use interdict::telemetry::Activity;
use interdict::telemetry::Axis;
use interdict::telemetry::Filter;
use interdict::telemetry::Window;
use jiff::Timestamp;
use serde_json::Value;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Blocks, holds and allows, of deliveries and of orders.
fn traffic(gateway: &Gateway) {
    let order = r#"{"billing":{"country":"US"},"lines":[{"sku":"KL1047GDEFS","title":"Kaspersky Premium","vendor":"Kaspersky"}]}"#;
    for client in [US, GERMAN, VPN] {
        for request in [
            Request::get("/mirror/index/u1313g.xml"),
            Request::get("/mirror/other.txt"),
            Request::post("/api/orders", order),
            Request::post("/api/orders", order.replace("US", "DE")),
        ] {
            request.from(client).send(gateway.address);
        }
    }
}

/// What a program says and complains of that reads a text from its standard input.
fn said_by(program: &mut Command, text: &str) -> (Option<String>, String) {
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{program:?}: {e}; run `sh tests/install.sh`"));
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    (output.status.success().then_some(said), complaints)
}

fn openmetrics(gateway: &Gateway) -> (String, Vec<Value>) {
    let answer = Request::get("/metrics").header("Accept", OPENMETRICS).send(gateway.admin);
    assert_eq!(answer.header("content-type"), Some(OPENMETRICS));
    let text = answer.text();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new(here.join("target/test-tools/python/bin/python3"));
    python.arg(here.join("tests/integration/openmetrics_oracle.py"));
    let (read, complaints) = said_by(&mut python, &text);
    let read = read.unwrap_or_else(|| panic!("{complaints}\n{text}"));
    (text, serde_json::from_str(&read).unwrap())
}

fn samples<'a>(families: &'a [Value], name: &str) -> &'a [Value] {
    let family = families.iter().find(|family| family["name"] == name);
    family.and_then(|family| family["samples"].as_array()).map_or(&[], Vec::as_slice)
}

fn sum<'a>(samples: impl IntoIterator<Item = &'a Value>) -> u64 {
    samples.into_iter().map(|sample| sample["value"].as_f64().unwrap() as u64).sum()
}

#[test]
fn other_people_s_parser_reads_every_family_and_each_id_leads_to_its_record() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    traffic(&gateway);
    let (text, families) = openmetrics(&gateway);
    assert!(text.ends_with("# EOF\n"));
    // Each family of the older format is there, with the same type.
    let names: BTreeSet<_> = families.iter().map(|f| f["name"].as_str().unwrap()).collect();
    for line in gateway.metrics().lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let base = name.strip_suffix("_total").or(name.strip_suffix("_info")).unwrap_or(name);
        assert!(names.contains(base), "{name}");
        let family = families.iter().find(|f| f["name"] == base).unwrap();
        assert!(family["type"] == kind || family["type"] == "info", "{family}");
    }
    let unit = |name: &str| &families.iter().find(|f| f["name"] == name).unwrap()["unit"];
    assert_eq!(unit("interdict_decision_seconds"), "seconds");
    assert_eq!(unit("interdict_response_body_bytes"), "bytes");

    let recorded: BTreeSet<_> =
        gateway.records().iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect();
    let mut found = 0;
    for sample in families.iter().flat_map(|f| f["samples"].as_array().unwrap()) {
        let exemplar = &sample["exemplar"];
        if exemplar.is_null() {
            continue;
        }
        found += 1;
        let id = exemplar["labels"]["decision_id"].as_str().unwrap();
        assert!(recorded.contains(id), "{sample}");
        assert!(
            (exemplar["at"].as_f64().unwrap() - Timestamp::now().as_second() as f64).abs() < 60.0
        );
    }
    assert!(found > 5, "{text}");
    let decisions = samples(&families, "interdict_decisions");
    let refused = decisions.iter().filter(|sample| sample["labels"]["verdict"] != "allow");
    for sample in refused {
        let record = gateway.record(sample["exemplar"]["labels"]["decision_id"].as_str().unwrap());
        assert_eq!(record["decision"]["verdict"], sample["labels"]["verdict"], "{sample}");
        assert_eq!(record["decision"]["rule"], sample["labels"]["rule"]);
        assert_eq!(record["action"], sample["labels"]["action"]);
    }
    for histogram in ["interdict_decision_seconds", "interdict_record_seconds"] {
        let noted = samples(&families, histogram).iter().filter(|s| !s["exemplar"].is_null());
        for sample in noted {
            let bound = sample["labels"]["le"].as_str().unwrap().parse().unwrap_or(f64::INFINITY);
            assert!(sample["exemplar"]["value"].as_f64().unwrap() <= bound, "{sample}");
        }
    }
}

#[test]
fn whoever_asks_for_nothing_else_gets_the_format_that_it_always_got() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    for accept in ["*/*", "text/plain", "application/openmetrics-text;q=0.1,text/plain"] {
        let answer = Request::get("/metrics").header("Accept", accept).send(gateway.admin);
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        assert_eq!(answer.header("vary"), Some("Accept"));
        assert!(!answer.text().contains("# EOF"));
    }
}

#[test]
fn promtool_finds_no_fault_with_the_families() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    traffic(&gateway);
    let mut promtool = Command::new("promtool");
    let (_, said) = said_by(promtool.args(["check", "metrics"]), &gateway.metrics());
    // It takes the United States for microseconds.
    let expected =
        "interdict_us_deliveries_allowed_total metric names should not contain abbreviated units";
    assert_eq!(said.trim(), expected);
}

#[test]
fn countries_add_up_to_all_decisions_and_no_delivery_was_allowed_to_the_united_states() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    traffic(&gateway);
    let (_, families) = openmetrics(&gateway);
    let by_country = samples(&families, "interdict_decisions_by_country");
    let all = sum(samples(&families, "interdict_decisions"));
    assert!(all >= 12, "{all}");
    assert_eq!(sum(by_country), all);
    let of = |country: &str, verdict: &str| {
        sum(by_country.iter().filter(|sample| {
            sample["labels"]["country"] == country && sample["labels"]["verdict"] == verdict
        }))
    };
    assert!(of("US", "block") > 0 && of("DE", "allow") > 0, "{by_country:?}");
    assert_eq!(sum(samples(&families, "interdict_us_deliveries_allowed")), 0);
    assert_eq!(samples(&families, "interdict_us_deliveries_allowed").len(), 1);
}

#[test]
fn charts_outlive_the_process_and_tell_what_the_records_tell() {
    let nginx = Nginx::mirror_and_shop();
    let mut gateway = GatewayBuilder::new(nginx.address).start();
    traffic(&gateway);
    let (charts, window) = charts(&mut gateway);
    let records = gateway.records();
    let decisions = records.iter().filter(|record| record["kind"] == "decision");
    let mut expected = std::collections::BTreeMap::new();
    for record in decisions {
        let country = record["country"].as_str().unwrap_or("unknown").to_owned();
        let verdict = record["decision"]["verdict"].as_str().unwrap().to_owned();
        *expected.entry((country, verdict)).or_insert(0_u64) += 1;
    }
    let totals = charts.totals(window, Axis::Country, &Filter::default());
    let mut told = std::collections::BTreeMap::new();
    for row in totals.rows {
        for (verdict, count) in [("allow", row.allow), ("block", row.block), ("review", row.review)]
        {
            if count > 0 {
                told.insert((row.name.clone(), verdict.to_owned()), count);
            }
        }
    }
    assert_eq!(told, expected);
}

/// What the gateway kept of the last hour for its charts, once it has ended.
pub(crate) fn charts(gateway: &mut Gateway) -> (Activity, Window) {
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
    let file = find(gateway.dir(), "activity").unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let charts = Activity::default();
    charts.load(&file).unwrap();
    let now = Timestamp::now();
    let from = Timestamp::from_second(now.as_second() - 3_600).unwrap();
    (charts, Window { from, to: now })
}

/// A file of that name, below a folder.
fn find(dir: &Path, name: &str) -> Option<std::path::PathBuf> {
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false if entry.file_name() == name => return Some(entry.path()),
                false => {}
            }
        }
    }
    None
}
