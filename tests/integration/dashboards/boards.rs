//! Grafana's dashboards. Grafana itself is not at hand: their shape is walked, and each of their queries is put to a real Prometheus.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::metrics::gateway;
use crate::metrics::traffic;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::until;

use super::all_exist;
use super::path;
use super::prometheus::Prometheus;
use super::text;

/// Units of Grafana that panels here are in.
const UNITS: &[&str] = &["Bps", "bytes", "none", "ops", "percentunit", "reqps", "s", "short"];

/// File and document of each dashboard.
fn boards() -> BTreeMap<String, Value> {
    let folder = fs::read_dir(path("deploy/grafana/dashboards")).unwrap();
    let files = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let read = |name: String| {
        let board = text(&format!("deploy/grafana/dashboards/{name}"));
        (name, serde_json::from_str(&board).unwrap())
    };
    files.map(read).collect()
}

fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    board["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

/// Where each query stands, and the query.
fn queries() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, board) in boards() {
        for panel in panels(&board) {
            for target in panel["targets"].as_array().unwrap() {
                let place = format!("{name}: {} {}", panel["title"], target["refId"]);
                found.push((place, target["expr"].as_str().unwrap().to_owned()));
            }
        }
        for annotation in board["annotations"]["list"].as_array().unwrap() {
            let place = format!("{name}: annotation {}", annotation["name"]);
            found.push((place, annotation["expr"].as_str().unwrap().to_owned()));
        }
    }
    found
}

#[test]
fn a_dashboard_can_be_imported_anywhere() {
    let boards = boards();
    assert_eq!(boards.len(), 2);
    for (name, board) in &boards {
        assert_eq!(Some(board["uid"].as_str().unwrap()), name.strip_suffix(".json"));
        assert!(board["id"].is_null(), "{name}: an id of one Grafana");
        assert_eq!(board["schemaVersion"], 39, "{name}");
        let variables = board["templating"]["list"].as_array().unwrap();
        let named: Vec<_> = variables.iter().map(|v| v["name"].as_str().unwrap()).collect();
        assert_eq!(named, ["datasource", "job", "instance"], "{name}");
        assert_eq!(
            (&variables[0]["type"], &variables[0]["query"]),
            (&"datasource".into(), &"prometheus".into())
        );
        for link in board["links"].as_array().unwrap() {
            let uid = link["url"].as_str().unwrap().strip_prefix("/d/").unwrap();
            assert!(boards.contains_key(&format!("{uid}.json")), "{name}: {uid}");
        }
        // No data source of one Grafana anywhere.
        let whole = serde_json::to_string(board).unwrap();
        let uids = whole.matches("\"uid\":").count();
        assert_eq!(uids, whole.matches("\"uid\":\"${datasource}\"").count() + 1, "{name}");
    }
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit() {
    for (name, board) in boards() {
        let mut ids = Vec::new();
        for panel in panels(&board) {
            let title = panel["title"].as_str().unwrap();
            assert!(!title.is_empty(), "{name}: a panel without a title");
            let description = panel["description"].as_str().unwrap();
            assert!(description.ends_with('.'), "{name}: {title}: {description}");
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap();
            assert!(UNITS.contains(&unit), "{name}: {title}: {unit}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}: {title}");
            let targets = panel["targets"].as_array().unwrap();
            assert!(!targets.is_empty(), "{name}: {title} asks nothing");
            for target in targets {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{name}: {title}");
                // A stat and a table show the last value, a chart its course.
                let last = ["bargauge", "stat", "table"].contains(&panel["type"].as_str().unwrap());
                assert_eq!(target["instant"], last, "{name}: {title}");
            }
        }
        for panel in board["panels"].as_array().unwrap() {
            ids.push(panel["id"].as_u64().unwrap());
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{name}: an id is given twice");
    }
}

#[test]
fn panels_lie_beside_one_another_and_within_the_page() {
    for (name, board) in boards() {
        let place = |panel: &Value| {
            let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            (at("x"), at("y"), at("w"), at("h"))
        };
        let all = board["panels"].as_array().unwrap();
        for (n, panel) in all.iter().enumerate() {
            let (x, y, w, h) = place(panel);
            assert!(w > 0 && h > 0 && x + w <= 24, "{name}: {}", panel["title"]);
            for other in &all[..n] {
                let (x2, y2, w2, h2) = place(other);
                let apart = x + w <= x2 || x2 + w2 <= x || y + h <= y2 || y2 + h2 <= y;
                assert!(apart, "{name}: {} lies on {}", panel["title"], other["title"]);
            }
        }
    }
}

#[test]
fn panels_and_variables_read_only_what_is_exposed() {
    for (name, _) in boards() {
        all_exist(&name, &text(&format!("deploy/grafana/dashboards/{name}")));
    }
}

#[test]
fn a_us_delivery_is_the_first_thing_that_is_seen_and_red() {
    let board = &boards()["interdict.json"];
    let panel = panels(board).next().unwrap();
    let query = panel["targets"][0]["expr"].as_str().unwrap();
    assert!(query.contains("interdict_us_deliveries_allowed_total"), "{query}");
    assert_eq!((&panel["gridPos"]["x"], &panel["gridPos"]["y"]), (&0.into(), &0.into()));
    let steps = &panel["fieldConfig"]["defaults"]["thresholds"]["steps"];
    let expected =
        serde_json::json!([{"color": "green", "value": null}, {"color": "red", "value": 1}]);
    assert_eq!(steps, &expected);
}

/// A spike leads to its records: the counted decisions bear their ids, and Grafana is told where these lead.
#[test]
fn charts_of_decisions_show_exemplars_that_lead_to_the_console() {
    let board = &boards()["interdict.json"];
    let mut shown = 0;
    for panel in panels(board).filter(|panel| panel["type"] == "timeseries") {
        for target in panel["targets"].as_array().unwrap() {
            let counted =
                target["expr"].as_str().unwrap().contains("rate(interdict_decisions_total");
            assert!(!counted || target["exemplar"] == true, "{}", panel["title"]);
            shown += usize::from(counted);
        }
    }
    assert!(shown >= 3, "verdicts, blocked, held");
    let source = text("deploy/grafana/provisioning/datasources/prometheus.yaml");
    for line in ["- name: decision_id", "/decisions/$${__value.raw}"] {
        assert!(source.contains(line), "{line}");
    }
}

#[test]
fn prometheus_answers_every_query_of_every_panel() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = gateway(&nginx);
    traffic(&gateway);
    gateway.signal("HUP");
    let prometheus = Prometheus::scraping(gateway.admin);
    traffic(&gateway);
    let queries = queries();
    assert!(queries.len() > 60, "{}", queries.len());
    for (place, query) in queries {
        let query = query
            .replace("$job", ".*")
            .replace("$instance", ".*")
            .replace("$__rate_interval", "30s")
            .replace("$__range", "1m");
        assert!(!query.contains('$'), "{place}: {query}");
        if let Err(error) = prometheus.answer(&query) {
            panic!("{place}: {error}: {query}");
        }
        // An alert that fires, a witness that has cosigned, and what is usual for a day are not there after a second.
        let later = query.contains("ALERTS{") && !query.contains("or vector(0)")
            || query.contains("rate1d")
            || query.contains("cosigned_timestamp")
            || place.contains("annotation");
        if !later {
            prometheus.has(&format!("{place}: {query}"), &query);
        }
    }
}

/// What a dot in a chart leads to: Prometheus keeps decisions beside their counts, and the record of each is there.
#[test]
fn exemplars_that_prometheus_keeps_are_ids_of_records() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = gateway(&nginx);
    traffic(&gateway);
    let accepted = "application/openmetrics-text; version=1.0.0";
    let told = Request::get("/metrics").header("Accept", accepted).send(gateway.admin);
    if !told.header("content-type").is_some_and(|kind| kind.contains("openmetrics")) {
        return eprintln!("the gateway exposes no exemplars yet");
    }
    let prometheus = Prometheus::scraping(gateway.admin);
    traffic(&gateway);
    let ids = until("exemplars", || {
        let ids = prometheus.exemplars("interdict_decisions_total", "decision_id");
        (!ids.is_empty()).then_some(ids)
    });
    let records = gateway.records();
    for id in ids {
        assert!(records.iter().any(|record| record["id"] == id), "{id} is no record");
    }
}
