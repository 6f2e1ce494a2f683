//! Files and console: whichever was changed last holds.

use std::fs;

use serde_json::json;

use crate::support::Console;
use crate::support::Program;
use crate::support::Recorder;
use crate::support::US;
use crate::support::interdict;
use crate::support::until;

use super::*;

const TABLE: &str = "[policies]\ndir = \"policies\"\n";

#[test]
fn what_the_console_activated_stays_until_the_files_change_also_over_a_restart() {
    let recorder = Recorder::start();
    let gateway = builder(recorder.address)
        .with(TABLE)
        .file("policies/us-commerce-kaspersky.toml", POLICY)
        .start();
    let version = approved(&gateway, &without("signature-updates"));
    let berta = gateway.console("berta");
    let because = json!({ "reason": "go" });
    read(&berta.post(&format!("{API}/{version}/activate"), &because), 200);
    assert_eq!(update_by(US).send(gateway.address).status, SERVED);
    // A reload of the same files changes nothing.
    let sample = "interdict_reloads_total{part=\"policies\",result=\"ok\"}";
    let before = gateway.metric(sample);
    gateway.signal("HUP");
    until("the reload", || (gateway.metric(sample) > before).then_some(()));
    assert_eq!(update_by(US).send(gateway.address).status, SERVED);
    // Nor does a restart.
    let config = gateway.dir().join("interdict.toml");
    let policy = gateway.dir().join("policies/us-commerce-kaspersky.toml");
    let folder = gateway.kill();
    let mut again = Program::start(interdict().args(["serve", "--config"]).arg(&config));
    let (address, admin) = (again.address("gateway listening"), again.address("admin listening"));
    assert_eq!(update_by(US).send(address).status, SERVED);
    // Files that were changed hold: a revision of their own.
    fs::write(&policy, format!("{POLICY}\n# newer\n")).unwrap();
    until("the files", || (update_by(US).send(address).status == 451).then_some(()));
    let berta = Console::sign_in(admin, "berta");
    let newest = berta.json(API)["items"][0].clone();
    assert_eq!(
        (&newest["version"], &newest["origin"], &newest["stage"]),
        (&json!(3), &json!("files"), &json!("active"))
    );
    // Broken they change nothing.
    read(&berta.post(&format!("{API}/{version}/rollback"), &because), 200);
    fs::write(&policy, "[policy\n").unwrap();
    until("degraded", || {
        (Request::get("/readyz").send(admin).json()["status"] == "degraded").then_some(())
    });
    assert_eq!(update_by(US).send(address).status, SERVED);
    assert_eq!(again.terminate(), Some(0));
    drop(folder);
}

#[test]
fn a_catalogue_that_does_not_fit_keeps_a_revision_out_of_force_and_out_of_the_record() {
    let recorder = Recorder::start();
    let product = "\n[[product]]\nid = \"kaspersky.lamps\"\nkind = \"covered\"\nvendors = [\"kaspersky\"]\nnames = [\"lamp of theirs\"]\n";
    let with_lamps = format!("{POLICY}{product}");
    let gateway = builder(recorder.address)
        .with("[policies]\ndir = \"policies\"\n[catalog]\nfile = \"catalog.csv\"\n")
        .file("policies/us-commerce-kaspersky.toml", &with_lamps)
        .file("catalog.csv", "sku,name,vendor,group\nLAMP-1,Desk lamp,Lumen,kaspersky.lamps\n")
        .start();
    let version = approved(&gateway, POLICY);
    let berta = gateway.console("berta");
    let refused = berta.post(&format!("{API}/{version}/activate"), &json!({ "reason": "go" }));
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.text().contains("kaspersky.lamps"), "{}", refused.text());
    assert_eq!(berta.json(&format!("{API}/{version}"))["stage"], "approved");
    assert!((in_force(&gateway) - 1.0).abs() < 0.1);
}
