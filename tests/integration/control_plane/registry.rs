//! The registry in the real program: edits that hold at once, imports by two persons, unknown SKUs, and nobody's customers for nothing.

use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use interdict::model::Role;
use serde_json::Value;
use serde_json::json;

use crate::support::Answer;
use crate::support::Console;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::US;
use crate::support::gateway::export_all;
use crate::support::interdict;
use crate::support::run;

const CATALOGUE: &str = "/admin/v1/registry/catalogue";
const CUSTOMERS: &str = "/admin/v1/registry/customers";
const IMPORTS: &str = "/admin/v1/registry/imports";
const UNKNOWN: &str = "/admin/v1/registry/unknown";

fn builder(nginx: &Nginx) -> GatewayBuilder {
    GatewayBuilder::new(nginx.address)
        .with("[store]\ndir = \"store\"\n")
        .operator("author", &[Role::PolicyAuthor])
        .operator("approver", &[Role::PolicyApprover])
        .operator("admin", &[Role::Administrator])
        .operator("second", &[Role::Administrator])
        .operator("viewer", &[Role::Viewer])
}

fn order(gateway: &Gateway, sku: &str) -> u16 {
    let body = format!(
        r#"{{"lines":[{{"sku":"{sku}","title":"Safe thing","vendor":"Shop","quantity":1}}],"billing":{{"country":"US"}}}}"#
    );
    Request::post("/api/orders", body).from(US).send(gateway.address).status
}

fn value(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{}", answer.text()))
}

fn upload(console: &Console, table: &str, csv: impl Into<Vec<u8>>) -> Answer {
    let request = console.request("POST", &format!("{IMPORTS}?table={table}"));
    request.header("Content-Type", "text/csv").body(csv).send(console.address)
}

/// Uploads and waits for the preview.
fn previewed(console: &Console, table: &str, csv: impl Into<Vec<u8>>) -> Value {
    let answer = upload(console, table, csv);
    assert_eq!(answer.status, 202, "{}", answer.text());
    settled(console, value(&answer)["id"].as_str().unwrap())
}

fn settled(console: &Console, id: &str) -> Value {
    watched(console, id, &mut Vec::new())
}

/// Waits for the end of what is under way, however many rows there are, and notes how far it was each time.
fn watched(console: &Console, id: &str, seen: &mut Vec<(String, u64)>) -> Value {
    let start = Instant::now();
    loop {
        let view = console.json(&format!("{IMPORTS}/{id}"));
        let stage = view["stage"].as_str().unwrap().to_owned();
        if stage != "previewing" && !stage.starts_with("applying") {
            return view;
        }
        assert!(start.elapsed() < Duration::from_secs(180), "it does not end: {view}");
        seen.push((stage, view["done"].as_u64().unwrap_or(0)));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn counts(view: &Value) -> Value {
    let preview = &view["preview"];
    json!({ "added": preview["added"], "changed": preview["changed"], "removed": preview["removed"], "rows": preview["rows"] })
}

/// Proposes and approves.
fn carry_out(one: &Console, two: &Console, view: &Value) -> Value {
    let id = view["id"].as_str().unwrap();
    let proposed = one.post(&format!("{IMPORTS}/{id}/propose"), &json!({ "reason": "new list" }));
    assert_eq!(proposed.status, 200, "{}", proposed.text());
    let approval = json!({ "counts": counts(view), "reason": "looked at" });
    let approved = two.post(&format!("{IMPORTS}/{id}/approve"), &approval);
    assert_eq!(approved.status, 200, "{}", approved.text());
    settled(one, id)
}

#[test]
fn an_edit_of_the_catalogue_changes_the_next_verdict_and_is_in_the_ledger() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).start();
    let author = gateway.console("author");
    assert_ne!(order(&gateway, "sx-1"), 451);
    // It was seen, and nobody knows what it is.
    let unknown = author.json(UNKNOWN);
    assert_eq!(unknown["items"][0]["id"], "SX1", "{unknown}");
    assert_eq!(unknown["items"][0]["verdict"], "allow");
    assert!((gateway.metric("interdict_registry_unknown_skus") - 1.0).abs() < 0.1);
    let skus =
        json!({ "skus": [{ "sku": "sx-1", "group": "kaspersky.covered" }], "reason": "it is" });
    let classified = author.post(UNKNOWN, &skus);
    assert_eq!(classified.status, 201, "{}", classified.text());
    assert_eq!(order(&gateway, "SX1"), 451, "at once");
    assert!(author.json(UNKNOWN)["items"].as_array().unwrap().is_empty());

    let row = author.json(&format!("{CATALOGUE}/SX1"));
    assert_eq!(row["cells"]["name"], "Safe thing");
    let mut cells = row["cells"].clone();
    cells["group"] = "none".into();
    let body = json!({ "cells": cells, "reason": "looked at it" });
    let blind = author.send("PUT", &format!("{CATALOGUE}/SX1"), &body);
    assert_eq!(blind.status, 428, "{}", blind.text());
    assert_eq!(author.put(&format!("{CATALOGUE}/SX1"), &body).status, 200);
    assert_ne!(order(&gateway, "sx-1"), 451, "at once");
    let stale = author.request("DELETE", &format!("{CATALOGUE}/SX1"));
    let stale = stale.header("If-Match", &format!("\"{}\"", row["etag"].as_str().unwrap()));
    assert_eq!(stale.send(gateway.admin).status, 412);
    cells["group"] = "no.such".into();
    let bad = author.put(&format!("{CATALOGUE}/SX1"), &json!({ "cells": cells }));
    assert_eq!(bad.status, 400);
    assert!(bad.text().contains("unknown group `no.such`"), "{}", bad.text());
    let viewer = gateway.console("viewer");
    assert_eq!(viewer.json(&format!("{CATALOGUE}?q=SAFE"))["items"][0]["id"], "SX1");
    assert_eq!(viewer.get(CUSTOMERS).status, 403);

    let changes: Vec<_> = changes(&gateway);
    let actions: Vec<_> = changes.iter().map(|change| change["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["registry.add_row", "registry.edit_row"]);
    assert_eq!(changes[1]["change"]["old"]["group"], "kaspersky.covered");
    assert_eq!(changes[1]["change"]["new"]["group"], "none");
    assert_eq!(changes[1]["reason"], "looked at it");
    assert_eq!(changes[1]["actor"]["id"], "local:author");
    // The command line sees the row as well.
    let dir = gateway.dir().to_owned();
    let export =
        run(interdict().args(["catalog", "export", "-", "--store"]).arg(dir.join("store")));
    assert!(
        export.stdout.contains("sx-1,Safe thing,Shop,none"),
        "{} {}",
        export.stdout,
        export.stderr
    );
}

fn changes(gateway: &Gateway) -> Vec<Value> {
    let records = export_all(&gateway.dir().join("ledger")).into_iter();
    records.filter(|record| record["area"] == "registry").collect()
}

#[test]
fn customers_are_shown_to_those_who_may_and_every_look_is_a_record() {
    const KEY: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).start();
    let (admin, second) = (gateway.console("admin"), gateway.console("second"));
    let csv = format!("account,license_key,billing_country\nA-17,{KEY},US\nA-18,,DE\n");
    let view = previewed(&admin, "customers", csv);
    assert!(!view.to_string().contains(KEY), "{view}");
    // Whoever works on policies sees nothing of it.
    let id = view["id"].as_str().unwrap();
    for other in ["author", "approver"] {
        assert_eq!(gateway.console(other).get(&format!("{IMPORTS}/{id}")).status, 404, "{other}");
    }
    assert_eq!(carry_out(&admin, &second, &view)["stage"], "applied");
    let row = admin.json(&format!("{CUSTOMERS}/A-17"));
    assert_eq!(row["cells"]["license_key"], "[masked]");
    let found = admin.json(&format!("{CUSTOMERS}?license_key={KEY}&match=equals"));
    assert_eq!(found["items"][0]["id"], "A-17");
    let mut cells = row["cells"].clone();
    cells["billing_country"] = "DE".into();
    assert_eq!(admin.put(&format!("{CUSTOMERS}/A-17"), &json!({ "cells": cells })).status, 200);
    assert_eq!(gateway.console("author").get(CUSTOMERS).status, 403);
    let all = format!("{:?}", export_all(&gateway.dir().join("ledger")));
    assert!(all.contains("\"search_customers\"") && all.contains("\"customer\""), "{all}");
    assert!(!all.contains(KEY) && !gateway.log().contains(KEY));
    let edits: Vec<_> = changes(&gateway);
    let edit = edits.iter().find(|change| change["action"] == "registry.edit_row").unwrap();
    assert_eq!(edit["change"]["account"], "A-17");
}

#[test]
fn a_file_of_the_configuration_is_the_source_and_says_so() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx)
        .file("catalog.csv", "\u{feff}name,SKU\r\nOne,x-1\r\nTwo,x-2\r\n")
        .with("[catalog]\nfile = \"catalog.csv\"\n")
        .start();
    let author = gateway.console("author");
    let found = author.json(&format!("{CATALOGUE}?q=two"));
    assert_eq!(found["items"][0]["cells"], json!({ "name": "Two", "sku": "x-2" }), "{found}");
    assert_eq!(author.json(&format!("{CATALOGUE}/X1"))["cells"]["name"], "One");
    let edit = author.put(&format!("{CATALOGUE}/X1"), &json!({ "cells": { "sku": "x-1" } }));
    assert_eq!(edit.status, 409, "{}", edit.text());
    let body = json!({ "cells": { "sku": "y-1" } });
    for answer in [author.post(CATALOGUE, &body), upload(&author, "catalogue", "sku\ny-1\n")] {
        assert_eq!(answer.status, 409, "{}", answer.text());
        assert!(answer.text().contains("catalog.csv"), "{}", answer.text());
    }
}

#[test]
fn an_upload_that_is_no_csv_or_has_bad_rows_is_told_what_to_do() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = builder(&nginx).start();
    let author = gateway.console("author");
    let json = author.post(&format!("{IMPORTS}?table=catalogue"), &json!({}));
    assert_eq!(json.status, 415);
    let view = previewed(&author, "catalogue", "sku,name\r\n=1+1,n\r\n\"=1+1\",n\r\n,n\r\n");
    assert_eq!(view["stage"], "bad", "{view}");
    let id = view["id"].as_str().unwrap();
    let refused = author.post(&format!("{IMPORTS}/{id}/propose"), &json!({}));
    assert_eq!(refused.status, 409, "{}", refused.text());
    let errors = author.get(&format!("{IMPORTS}/{id}/errors"));
    let text = errors.text();
    assert!(text.starts_with("line,column,message\n3,sku,"), "{text}");
    assert!(text.contains("\n4,sku,"), "{text}");
    let withdrawn = author.request("DELETE", &format!("{IMPORTS}/{id}")).send(gateway.admin);
    assert_eq!(withdrawn.status, 204);
    assert_eq!(author.get(&format!("{IMPORTS}/{id}")).status, 404);
    assert!(changes(&gateway).is_empty(), "nothing was ever proposed");
}

#[test]
fn two_hundred_thousand_rows_are_imported_with_progress_and_survive_a_kill() {
    const ROWS: usize = 200_000;
    let nginx = Nginx::mirror_and_shop();
    let outside = tempfile::tempdir().unwrap();
    let (ledger, store) = (outside.path().join("ledger"), outside.path().join("store"));
    let start = || {
        builder(&nginx)
            .ledger(&ledger)
            .environment("INTERDICT__STORE__DIR", store.to_str().unwrap())
            .start()
    };
    for name in ["author", "approver"] {
        let role = if name == "author" { Role::PolicyAuthor } else { Role::PolicyApprover };
        crate::support::add_operator(&store, name, &[role]);
    }
    let gateway = start();
    let (author, approver) = (gateway.console("author"), gateway.console("approver"));
    let mut csv = String::from("sku,name,vendor,group\n");
    for n in 0..ROWS {
        csv += &format!(
            "S-{n:06},Product {n},Vendor {},{}\n",
            n % 97,
            ["none", "", "kaspersky.covered"][n % 3]
        );
    }
    let answer = upload(&author, "catalogue", csv);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let id = value(&answer)["id"].as_str().unwrap().to_owned();
    let view = settled(&author, &id);
    assert_eq!(counts(&view), json!({ "added": ROWS, "changed": 0, "removed": 0, "rows": ROWS }));
    assert_eq!(view["preview"]["differences"].as_array().unwrap().len(), 1_000);
    let proposed = author.post(&format!("{IMPORTS}/{id}/propose"), &json!({ "reason": "list" }));
    assert_eq!(proposed.status, 200, "{}", proposed.text());
    let own = author.post(&format!("{IMPORTS}/{id}/approve"), &json!({ "counts": counts(&view) }));
    assert_eq!(own.status, 403);
    let approved =
        approver.post(&format!("{IMPORTS}/{id}/approve"), &json!({ "counts": counts(&view) }));
    assert_eq!(approved.status, 200, "{}", approved.text());
    let mut seen = Vec::new();
    assert_eq!(watched(&author, &id, &mut seen)["stage"], "applied");
    let progress: BTreeSet<_> = seen.iter().collect();
    assert!(progress.len() > 4, "{progress:?}");
    assert!(seen.iter().any(|(stage, _)| stage == "applying_write"), "{progress:?}");
    assert!(
        (gateway.metric("interdict_registry_rows{part=\"catalogue\"}") - 200_000.0).abs() < 0.1
    );
    assert_eq!(order(&gateway, "S-000002"), 451);
    let page = author.json(&format!("{CATALOGUE}?sku=s0019&match=begins&limit=500"));
    assert_eq!(page["items"].as_array().unwrap().len(), 100, "{page}");
    assert_eq!(page["items"][0]["id"], "S001900");
    let body = json!({ "cells": { "sku": "S-000002", "group": "none" }, "reason": "not ours" });
    assert_eq!(author.put(&format!("{CATALOGUE}/S000002"), &body).status, 200);
    assert_ne!(order(&gateway, "S-000002"), 451);
    drop(gateway.kill());
    std::fs::remove_dir_all(store.join("control")).unwrap();
    let gateway = start();
    assert_ne!(
        order(&gateway, "S-000002"),
        451,
        "the edit holds after a kill, without the control plane's store"
    );
    assert_eq!(order(&gateway, "S-000005"), 451);
}
