//! How the ledger goes, its verification in the background, and who looked and changed what.

use std::fs;

use interdict::model::Role;
use serde_json::Value;
use serde_json::json;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::gateway::export_all;
use crate::support::until;

fn gateway() -> Gateway {
    let gateway = GatewayBuilder::new(Recorder::start().address)
        .operator("ada", &[Role::Auditor])
        .operator("olga", &[Role::Administrator])
        .operator("vera", &[Role::Viewer])
        .start();
    let order = r#"{"billing":{"country":"DE"},"lines":[{"sku":"KL1047GDEFS"}]}"#;
    Request::post("/api/orders", order).from(GERMAN).send(gateway.address);
    gateway
}

#[test]
fn the_ledger_s_state_is_that_of_its_files() {
    let gateway = gateway();
    let viewer = gateway.console("vera");
    let state = until("a checkpoint over all", || {
        let state = viewer.json("/admin/v1/ledger");
        (state["checkpoint"]["size"] == state["records"]).then_some(state)
    });
    let ledger = gateway.dir().join("ledger");
    let checkpoint = fs::read_to_string(ledger.join("checkpoint")).unwrap();
    let lines: Vec<_> = checkpoint.lines().collect();
    assert_eq!(state["checkpoint"]["origin"], lines[0]);
    assert_eq!(state["checkpoint"]["root"], lines[2]);
    assert_eq!(state["key"], fs::read_to_string(ledger.join("ledger.pub")).unwrap().trim_end());
    assert_eq!(state["failed"], Value::Null);
    assert!(state["free_bytes"].as_u64().unwrap() > 0);
    let page = viewer.get("/ledger").text();
    assert!(page.contains(lines[2]) && page.contains("All is well"), "{page}");
    assert!(!page.contains("Verify now"), "auditors start it");
}

#[test]
fn a_verification_runs_in_the_background_and_says_what_it_found() {
    let gateway = gateway();
    let auditor = gateway.console("ada");
    assert_eq!(auditor.json("/admin/v1/ledger/verify")["state"], "never");
    assert_eq!(gateway.console("vera").post("/admin/v1/ledger/verify", &json!({})).status, 403);
    let begun = auditor.post("/admin/v1/ledger/verify", &json!({}));
    assert_eq!(begun.status, 202, "{}", begun.text());
    let ended = || {
        until("its end", || {
            let checked = auditor.json("/admin/v1/ledger/verify");
            (checked["ended"] != Value::Null).then_some(checked)
        })
    };
    let sound = ended();
    assert_eq!((&sound["state"], &sound["by"]), (&json!("sound"), &json!("local:ada")));
    assert!(sound["records"].as_u64().unwrap() >= 2);
    assert!(auditor.get("/ledger").text().contains("The ledger is sound"));
    let recorded = export_all(&gateway.dir().join("ledger"));
    assert!(recorded.iter().any(|record| record["action"] == "verify"), "it is on record");

    // One bit of a record that is long signed.
    let folder = fs::read_dir(gateway.dir().join("ledger")).unwrap();
    let is_segment = |name: &str| name.starts_with("segment-") && name.ends_with(".seg");
    let mut segments = folder.map(|entry| entry.unwrap().path());
    let segment = segments.find(|p| is_segment(&p.file_name().unwrap().to_string_lossy())).unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[200] ^= 1;
    fs::write(&segment, bytes).unwrap();
    assert_eq!(auditor.post("/admin/v1/ledger/verify", &json!({})).status, 202);
    let defective = ended();
    assert_eq!(defective["state"], "defective", "{defective}");
    assert!(defective["defect"].as_str().unwrap().contains("segment-"), "{defective}");
    assert!(auditor.get("/ledger").text().contains("The ledger is not what was written"));
}

#[test]
fn who_looked_and_who_changed_what_is_listed_for_those_who_may() {
    let gateway = gateway();
    let administrator = gateway.console("olga");
    let made = administrator.post(
        "/admin/v1/operators",
        &json!({"name": "nina", "password": "twelve small lamps at sea", "roles": ["viewer"], "reason": "joins <b>us</b>"}),
    );
    assert_eq!(made.status, 201, "{}", made.text());
    let auditor = gateway.console("ada");
    auditor.json("/admin/v1/records?verdict=block");
    let access = auditor.json("/admin/v1/access?limit=1");
    assert_eq!(access["items"][0]["action"], "search", "the newest first");
    assert_eq!(access["items"][0]["detail"]["verdict"], "block");
    let next = access["next"].as_str().unwrap();
    let older = auditor.json(&format!("/admin/v1/access?limit=1&cursor={next}"));
    assert_eq!(older["items"][0]["action"], "sign_in");
    assert_eq!(older["items"][0]["actor"]["id"], "local:ada");
    assert_eq!(auditor.get("/admin/v1/access?cursor=x").status, 400);
    let viewer = gateway.console("vera");
    assert_eq!(viewer.get("/admin/v1/access").status, 403);
    let changes = viewer.json("/admin/v1/changes");
    let change = &changes["items"][0];
    assert_eq!(
        (&change["action"], &change["reason"]),
        (&json!("operator.add"), &json!("joins <b>us</b>"))
    );
    let page = auditor.get("/access?show=changes").text();
    assert!(page.contains("joins &#60;b&#62;us") && page.contains("local:olga"), "{page}");
    assert!(auditor.get("/access").text().contains("searched"));
}
