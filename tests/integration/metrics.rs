//! What Prometheus sees: families that do not change by accident, and labels that strangers cannot grow.

use std::fs;
use std::path::Path;

use crate::operation::POLICY;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;
use crate::support::until;

/// Name, type and help of every family.
pub(crate) const GOLDEN: &str = include_str!("../golden/metrics.txt");

/// A second upstream that nobody serves, for failures.
const DEAD: &str = r#"
[[ledger.witness]]
url = "http://127.0.0.1:1/"
key = "witness.test/w1+f72eb278+BAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
[[upstream]]
name = "dead"
servers = ["http://127.0.0.1:1"]
[[route]]
name = "dead"
path = "/dead/{*any}"
action = "none"
upstream = "dead"
[policies]
dir = "policies"
"#;

pub(crate) fn gateway(nginx: &Nginx) -> Gateway {
    let rule =
        POLICY.split("[[rule]]").find(|rule| rule.contains("\"signature-updates\"")).unwrap();
    let shadow = rule.replace("\"signature-updates\"", "\"considered\"\nmode = \"shadow\"");
    GatewayBuilder::new(nginx.address)
        .with(DEAD)
        .file("policies/us.toml", format!("{POLICY}\n[[rule]]{shadow}"))
        .start()
}

/// One of everything.
pub(crate) fn traffic(gateway: &Gateway) {
    let order = r#"{"billing":{"country":"US"},"lines":[{"sku":"KL1047GDEFS","title":"Kaspersky Premium","vendor":"Kaspersky"}]}"#;
    for client in [US, GERMAN, VPN] {
        for request in [
            Request::get("/mirror/index/u1313g.xml"),
            Request::get("/mirror/other.txt"),
            Request::get("/index/u1313g.xml"),
            Request::get("/static/logo.txt"),
            Request::get("/dead/letter"),
            Request::post("/api/orders", order),
            Request::post("/api/orders", order.replace("US", "DE")),
            Request::post("/api/orders", "{"),
            Request::new("PUT", "/api/orders"),
        ] {
            request.from(client).send(gateway.address);
        }
    }
}

#[test]
fn names_types_and_help_are_those_of_the_golden_file() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = gateway(&nginx);
    traffic(&gateway);
    gateway.signal("HUP");
    let reloaded = "interdict_reloads_total{part=\"geo\",result=\"ok\"}";
    until("the reload", || (gateway.metric(reloaded) >= 1.0).then_some(()));
    let told: String = gateway
        .metrics()
        .lines()
        .filter(|line| line.starts_with('#'))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(told, GOLDEN, "tests/golden/metrics.txt holds what dashboards and alerts rely on");
}

#[test]
fn every_family_is_explained_to_operators() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = fs::read_to_string(file).unwrap();
    for family in families() {
        assert!(text.contains(&format!("`{family}`")), "docs/metrics.md does not name {family}");
    }
}

#[test]
fn a_stranger_cannot_make_series() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = gateway(&nginx);
    traffic(&gateway);
    let random = |round: u32, request: u32| {
        let word = format!("{:x}", (round * 7 + request + 1).wrapping_mul(2_654_435_761));
        let order = format!(
            r#"{{"billing":{{"country":"DE"}},"lines":[{{"sku":"{word}","title":"T {word}","vendor":"V {word}"}}]}}"#
        );
        let request = match request % 5 {
            0 => Request::get(&format!("/{word}/{word}")),
            1 => Request::get(&format!("/mirror/{word}.xml")),
            2 => Request::post("/api/orders", order),
            3 => Request::new(&word.to_uppercase(), "/api/orders"),
            _ => Request::get(&format!("/{word}/index/u1313g.xml")),
        };
        request.from(GERMAN).host(&format!("{word}.example")).header("User-Agent", &word)
    };
    let send = |round: u32| {
        for n in 0..50 {
            random(round, n).send(gateway.address);
        }
        gateway.metrics().lines().filter(|line| !line.starts_with('#')).count()
    };
    let once = send(0);
    assert_eq!(send(1), once);
    let text = gateway.metrics();
    let labels = text.split('"').skip(1).step_by(2);
    for label in labels {
        assert!(!label.contains(".example") || label.contains("127.0.0.1"), "{label}");
        assert!(!label.starts_with('/'), "{label}");
    }
}

/// The names in the golden file.
pub(crate) fn families() -> impl Iterator<Item = &'static str> {
    GOLDEN.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
}
