//! What the operator's own files and settings make of a request.

use serde_json::json;

use crate::mmdb::mmdb;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;

/// One route of updates with an account in a header.
fn with_account(nginx: &Nginx, lines: &str) -> Gateway {
    let route = format!(
        "[[route]]\nname = \"updates\"\npath = \"/mirror/{{*file}}\"\naction = \"signature_update\"\n\
         preset = \"kaspersky-mirror\"\nbuyer = {{ account = {{ header = \"X-License-Key\" }} }}\nupstream = \"main\"\n{lines}\n"
    );
    GatewayBuilder::new(nginx.address)
        .routes(&route)
        .with("[customers]\nfile = \"customers.csv\"")
        .file(
            "customers.csv",
            "account,organization_country,billing_country\nGERMAN-1,DE,DE\nAMERICAN-1,US,US\n",
        )
        .start()
}

fn update(client: &str, account: Option<&str>) -> Request {
    let request = Request::get("/mirror/index/u1313g.xml").from(client);
    match account {
        Some(account) => request.header("X-License-Key", account),
        None => request,
    }
}

#[test]
fn a_customer_whom_nothing_vouches_for_may_worsen_an_outcome_and_never_improves_it() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = with_account(&nginx, "");
    for (client, account, status) in [
        (GERMAN, None, 200),
        (GERMAN, Some("GERMAN-1"), 200),
        (US, Some("GERMAN-1"), 451),
        (VPN, Some("GERMAN-1"), 403),
        ("10.1.2.3", Some("GERMAN-1"), 403),
    ] {
        let answer = update(client, account).send(gateway.address);
        assert_eq!(answer.status, status, "{client}, {account:?}");
    }
    let worse = update(GERMAN, Some("AMERICAN-1")).send(gateway.address);
    assert_ne!(worse.status, 200);
    let record = gateway.record(worse.decision().unwrap().1);
    let because = record["decision"]["nexus"]["because"].to_string();
    assert!(because.contains("registry."), "{because}");
}

#[test]
fn a_route_that_requires_an_account_holds_who_has_none() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = with_account(&nginx, "require = [\"account\"]");
    for (account, status) in [(None, 403), (Some("STRANGER-1"), 403), (Some("GERMAN-1"), 200)] {
        let answer = update(GERMAN, account).send(gateway.address);
        assert_eq!(answer.status, status, "{account:?}");
    }
    assert_eq!(update(US, Some("GERMAN-1")).send(gateway.address).status, 451);
}

#[test]
fn a_servers_address_is_recorded_and_is_no_evidence() {
    let nginx = Nginx::mirror_and_shop();
    let route = r#"
[[route]]
name = "erp"
methods = ["POST"]
path = "/api/orders"
action = "resale"
client = "server"
items = { at = "/lines/*", sku = "/sku", name = "/title", vendor = "/vendor" }
buyer = { billing_country = "/country", ip = "/ip" }
upstream = "main"
"#;
    let gateway = GatewayBuilder::new(nginx.address).routes(route).start();
    let order = |country: &str, ip: &str| {
        let body = format!(
            r#"{{"country":"{country}","ip":"{ip}","lines":[{{"sku":"KL1047GDEFS","title":"Kaspersky Premium","vendor":"Kaspersky"}}]}}"#
        );
        Request::post("/api/orders", body)
    };
    for (country, ip, peer, status) in [
        ("DE", GERMAN, US, 201),
        ("DE", "", GERMAN, 403),
        ("DE", US, GERMAN, 403),
        ("US", GERMAN, GERMAN, 451),
    ] {
        let answer = order(country, ip).from(peer).send(gateway.address);
        assert_eq!(answer.status, status, "{country}, {ip}, {peer}");
        let record = gateway.record(answer.decision().unwrap().1);
        assert_eq!(record["request"]["client"], peer);
    }
}

#[test]
fn a_geo_source_beyond_max_age_answers_nothing_and_is_alarmed() {
    let nginx = Nginx::mirror_and_shop();
    let start = |built: u64| {
        let record = json!({"country": {"iso_code": "DE"}});
        GatewayBuilder::new(nginx.address)
            .environment("INTERDICT__GEO__DATABASES", "[\"country.mmdb\"]")
            .environment("INTERDICT__GEO__MAX_AGE", "35d")
            .file("country.mmdb", mmdb("Test-Country", built, &[("9.9.9.0/24", record)]))
            .start()
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let stale = "interdict_geo_source_stale{source=\"country.mmdb\"}";
    let age = "interdict_geo_source_age_seconds{source=\"country.mmdb\"}";
    for (days, status, alarm) in [(34, 200, 0.0), (36, 403, 1.0)] {
        let gateway = start(now - days * 86_400);
        let answer = update("9.9.9.9", None).send(gateway.address);
        assert_eq!(answer.status, status, "{days} days");
        assert!((gateway.metric(stale) - alarm).abs() < f64::EPSILON, "{days} days");
        assert!(gateway.metric(age) > 33.0 * 86_400.0);
    }
}
