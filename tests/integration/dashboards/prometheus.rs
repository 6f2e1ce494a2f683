//! A real Prometheus that scrapes a real gateway, with the rules and the configuration that are shipped.

use std::fs;
use std::net::SocketAddr;

use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::Program;
use crate::support::Request;
use crate::support::nginx::free_address;
use crate::support::until;

use super::text;

/// A running Prometheus; ends with the test.
pub(super) struct Prometheus {
    address: SocketAddr,
    _dir: TempDir,
    _program: Program,
}

impl Prometheus {
    /// As shipped, but that it looks every second, and at this gateway.
    pub(super) fn scraping(admin: SocketAddr) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for file in ["prometheus.yml", "interdict.rules.yml", "interdict.alerts.yml"] {
            let shipped = text(&format!("deploy/prometheus/{file}"));
            let here = shipped
                .replace("interval: 15s", "interval: 1s")
                .replace("interval: 2m", "interval: 1s")
                .replace("[\"127.0.0.1:9090\"]", &format!("[\"{admin}\"]"));
            fs::write(dir.path().join(file), here).unwrap();
        }
        let address = free_address();
        let flag = |name: &str, value: &str| format!("--{name}={value}");
        let program = Program::start(std::process::Command::new("prometheus").args([
            flag("config.file", dir.path().join("prometheus.yml").to_str().unwrap()),
            flag("storage.tsdb.path", dir.path().join("data").to_str().unwrap()),
            flag("web.listen-address", &address.to_string()),
            flag("enable-feature", "exemplar-storage"),
            flag("log.level", "warn"),
        ]));
        let prometheus = Self { address, _dir: dir, _program: program };
        until("Prometheus", || std::net::TcpStream::connect(address).ok());
        let up = || prometheus.answer("up == 1").is_ok_and(|series| series == 1);
        until("the gateway's metrics", || up().then_some(()));
        prometheus
    }

    /// How many series a query has now, or what is wrong with it.
    pub(super) fn answer(&self, query: &str) -> Result<usize, String> {
        let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
        let answer = Request::get(&format!("/api/v1/query?query={query}")).send(self.address);
        if answer.status == 503 {
            // Not ready yet.
            return Ok(0);
        }
        let body: Value = answer.json();
        match body["status"].as_str() {
            Some("success") => Ok(body["data"]["result"].as_array().unwrap().len()),
            _ => Err(format!("{}: {body}", answer.status)),
        }
    }

    /// What the exemplars of a query bear under a label.
    pub(super) fn exemplars(&self, query: &str, label: &str) -> Vec<String> {
        let target = format!("/api/v1/query_exemplars?query={query}&start=0&end=9999999999");
        let body: Value = Request::get(&target).send(self.address).json();
        let series = body["data"].as_array().cloned().unwrap_or_default();
        let kept = series.iter().flat_map(|series| series["exemplars"].as_array().unwrap());
        kept.filter_map(|kept| kept["labels"][label].as_str().map(str::to_owned)).collect()
    }

    /// Waits until a query has a series.
    pub(super) fn has(&self, what: &str, query: &str) {
        until(what, || (self.answer(query).unwrap() > 0).then_some(()));
    }
}
