//! Files change under a running gateway: the change takes effect, a broken one does not.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::mmdb::mmdb;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::NETWORKS;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::US;
use crate::support::until;

/// The policies that ship.
pub(crate) const POLICY: &str = include_str!("../../../policies/us-commerce-kaspersky.toml");

const TABLES: &str = "\
[policies]
dir = \"policies\"
[catalog]
file = \"catalog.csv\"
[customers]
file = \"customers.csv\"
";

const ROUTES: &str = r#"
[[route]]
name = "orders"
methods = ["POST"]
path = "/api/orders"
action = "resale"
items = { at = "/lines/*", sku = "/sku", name = "/title", vendor = "/vendor" }
buyer = { billing_country = "/billing/country" }
upstream = "main"

[[route]]
name = "updates"
path = "/mirror/{*file}"
action = "signature_update"
preset = "kaspersky-mirror"
buyer = { account = { header = "X-License-Key" } }
upstream = "main"
"#;

const LAMP: &str = r#"{"billing":{"country":"US"},"lines":[{"sku":"LAMP-1","title":"Desk lamp","vendor":"Lumen"}]}"#;

/// An address of which only the database knows.
const BY_DATABASE: &str = "9.9.9.9";

/// A change of a file, and the request that shows it.
struct Change {
    part: &'static str,
    file: &'static str,
    after: Vec<u8>,
    request: Request,
    statuses: (u16, u16),
}

fn changes() -> Vec<Change> {
    let update = |client: &str| Request::get("/mirror/index/u1313g.xml").from(client);
    vec![
        Change {
            part: "policies",
            file: "policies/us.toml",
            after: without_rule("signature-updates").into(),
            request: update(US),
            statuses: (451, 200),
        },
        Change {
            part: "catalogue",
            file: "catalog.csv",
            after: b"sku,name,vendor,group\nLAMP-1,Desk lamp,Lumen,kaspersky.covered\n".into(),
            request: Request::post("/api/orders", LAMP).from(US),
            statuses: (201, 451),
        },
        Change {
            part: "customers",
            file: "customers.csv",
            after: b"account,organization_country\nA-17,US\n".into(),
            request: update(GERMAN).header("X-License-Key", "A-17"),
            statuses: (200, 451),
        },
        Change {
            part: "geo",
            file: "networks.csv",
            after: format!("{NETWORKS}203.0.113.7/32,US,\n").into(),
            request: update(GERMAN),
            statuses: (200, 451),
        },
        Change {
            part: "geo",
            file: "country.mmdb",
            after: database("US"),
            request: update(BY_DATABASE),
            statuses: (200, 451),
        },
    ]
}

fn database(country: &str) -> Vec<u8> {
    let record = json!({"country": {"iso_code": country}});
    mmdb("Test-Country", 1_790_000_000, &[("9.9.9.0/24", record)])
}

/// The shipped policy with one rule switched off.
fn without_rule(id: &str) -> String {
    let line = format!("id        = \"{id}\"\n");
    assert!(POLICY.contains(&line));
    POLICY.replace(&line, &format!("{line}mode = \"off\"\n"))
}

fn builder(nginx: &Nginx) -> GatewayBuilder {
    GatewayBuilder::new(nginx.address)
        .routes(ROUTES)
        .with(TABLES)
        .environment("INTERDICT__GEO__DATABASES", "[\"country.mmdb\"]")
        .file("policies/us.toml", POLICY)
        .file("catalog.csv", "sku,name,vendor,group\nLAMP-1,Desk lamp,Lumen,none\n")
        .file("customers.csv", "account,organization_country\nA-17,DE\n")
        .file("country.mmdb", database("DE"))
}

/// Replaces a file as a careful operator does.
fn replace(path: &Path, content: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(new, path).unwrap();
}

fn becomes(gateway: &Gateway, request: &Request, status: u16) {
    until(&format!("status {status}"), || {
        (request.send(gateway.address).status == status).then_some(())
    });
}

#[test]
fn each_file_that_changes_takes_effect_without_a_restart() {
    let nginx = Nginx::mirror_and_shop();
    for change in changes() {
        let gateway = builder(&nginx).start();
        let before = change.request.send(gateway.address);
        assert_eq!(before.status, change.statuses.0, "{}", change.file);
        replace(&gateway.dir().join(change.file), &change.after);
        becomes(&gateway, &change.request, change.statuses.1);
        let sample = format!("interdict_reloads_total{{part=\"{}\",result=\"ok\"}}", change.part);
        until("the count", || (gateway.metric(&sample) >= 1.0).then_some(()));
    }
}

#[test]
fn a_hangup_reloads_every_file_where_no_interval_is_set() {
    let nginx = Nginx::mirror_and_shop();
    for change in changes() {
        let gateway =
            builder(&nginx).environment("INTERDICT__GATEWAY__RELOAD_INTERVAL", "0s").start();
        replace(&gateway.dir().join(change.file), &change.after);
        let before = change.request.send(gateway.address);
        assert_eq!(before.status, change.statuses.0, "{}", change.file);
        gateway.signal("HUP");
        becomes(&gateway, &change.request, change.statuses.1);
    }
}

#[test]
fn no_request_fails_and_none_is_judged_by_half_during_twenty_reloads() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).start();
    let done = AtomicBool::new(false);
    let statuses = std::thread::scope(|scope| {
        let load = |client: &'static str| {
            let (address, done) = (gateway.address, &done);
            scope.spawn(move || {
                let request = Request::get("/mirror/index/u1313g.xml").from(client);
                let mut statuses = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    statuses.push(request.send(address).status);
                }
                statuses
            })
        };
        let clients = [load(US), load(GERMAN)];
        let sample = "interdict_reloads_total{part=\"policies\",result=\"ok\"}";
        for round in 1..=20 {
            // A comment changes the revision and no decision.
            let text = format!("{POLICY}\n# round {round}\n");
            fs::write(gateway.dir().join("policies/us.toml"), text).unwrap();
            gateway.signal("HUP");
            until("the reload", || (gateway.metric(sample) >= f64::from(round)).then_some(()));
        }
        done.store(true, Ordering::Relaxed);
        clients.map(|client| client.join().unwrap())
    });
    let [us, german] = statuses;
    assert!(us.len() > 20 && us.iter().all(|status| *status == 451), "{us:?}");
    assert!(german.len() > 20 && german.iter().all(|status| *status == 200), "{german:?}");
}

#[test]
fn a_broken_file_keeps_the_last_good_is_told_everywhere_and_recovers() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).start();
    let ready = || Request::get("/readyz").send(gateway.admin);
    assert_eq!(ready().json()["status"], "ready");
    for (part, file, broken) in [
        ("policies", "policies/us.toml", "[policy\n".as_bytes()),
        ("catalogue", "catalog.csv", b"sku,name,vendor,group\nX-1,X,Y,no.such.group\n"),
        ("customers", "customers.csv", b"account,us_person\nA-17,perhaps\n"),
        ("geo", "networks.csv", b"cidr,country,class\n198.51.100.0/99,US,\n"),
        ("geo", "country.mmdb", b"not a database"),
    ] {
        let path = gateway.dir().join(file);
        let good = fs::read(&path).unwrap();
        replace(&path, broken);
        let answer = until("degraded", || {
            let answer = ready();
            (answer.json()["status"] == "degraded").then_some(answer)
        });
        assert_eq!(answer.status, 200, "{file}");
        let reasons = answer.json()["reasons"].as_array().unwrap().clone();
        let reason = reasons.iter().find(|reason| reason["part"] == part).unwrap();
        assert!(!reason["reason"].as_str().unwrap().is_empty());
        let sample = format!("interdict_reload_degraded{{part=\"{part}\"}}");
        assert!((gateway.metric(&sample) - 1.0).abs() < f64::EPSILON, "{file}");
        let failed = format!("interdict_reloads_total{{part=\"{part}\",result=\"failed\"}}");
        assert!(gateway.metric(&failed) >= 1.0, "{file}");
        let log = gateway.log();
        let told = |line: &str| {
            line.contains("last good stays in force") && line.contains(&format!("part=\"{part}\""))
        };
        assert!(log.lines().any(told), "{file}: {log}");
        for change in changes() {
            let status = change.request.send(gateway.address).status;
            assert_eq!(status, change.statuses.0, "{file}, {}", change.file);
        }
        replace(&path, &good);
        until("recovery", || (ready().json()["status"] == "ready").then_some(()));
        assert!(gateway.metric(&sample).abs() < f64::EPSILON, "{file}");
    }
}

#[test]
fn a_policy_and_the_catalogue_row_that_needs_it_come_into_force_together() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).start();
    let product = "\n[[product]]\nid = \"kaspersky.lamps\"\nkind = \"covered\"\nvendors = [\"kaspersky\"]\nnames = [\"lamp of theirs\"]\n";
    let policy = POLICY
        .replace(
            "\n[[rule]]\nid        = \"resale\"",
            &format!("{product}\n[[rule]]\nid        = \"resale\""),
        )
        .replace("[\"kaspersky.covered\"]", "[\"kaspersky.covered\", \"kaspersky.lamps\"]");
    let catalogue = "sku,name,vendor,group\nLAMP-1,Desk lamp,Lumen,kaspersky.lamps\n";
    replace(&gateway.dir().join("catalog.csv"), catalogue.as_bytes());
    let ready = || Request::get("/readyz").send(gateway.admin).json()["status"].clone();
    until("degraded", || (ready() == "degraded").then_some(()));
    replace(&gateway.dir().join("policies/us.toml"), policy.as_bytes());
    becomes(&gateway, &Request::post("/api/orders", LAMP).from(US), 451);
    assert_eq!(ready(), "ready");
}

#[test]
fn a_policy_folder_that_is_emptied_does_not_allow_everything() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).start();
    fs::remove_file(gateway.dir().join("policies/us.toml")).unwrap();
    until("degraded", || {
        (Request::get("/readyz").send(gateway.admin).json()["status"] == "degraded").then_some(())
    });
    let update = Request::get("/mirror/index/u1313g.xml");
    assert_eq!(update.from(US).send(gateway.address).status, 451);
}

#[test]
fn a_file_that_is_still_being_written_is_not_read() {
    let nginx = Nginx::mirror_and_shop();
    let gateway =
        builder(&nginx).environment("INTERDICT__GATEWAY__RELOAD_INTERVAL", "500ms").start();
    let path = gateway.dir().join("policies/us.toml");
    // Sound TOML without a single rule, growing.
    let cut = POLICY.split("[[rule]]").next().unwrap();
    let update = Request::get("/mirror/index/u1313g.xml").from(US);
    let start = Instant::now();
    let mut round = 0;
    while start.elapsed() < Duration::from_millis(1_700) {
        round += 1;
        fs::write(&path, format!("{cut}\n{}", "#\n".repeat(round))).unwrap();
        assert_eq!(update.send(gateway.address).status, 451);
    }
    fs::write(&path, format!("{POLICY}\n# whole\n")).unwrap();
    let sample = "interdict_reloads_total{part=\"policies\",result=\"ok\"}";
    until("the reload", || (gateway.metric(sample) >= 1.0).then_some(()));
    assert_eq!(update.send(gateway.address).status, 451);
}
