//! From a draft to what judges a request, and back.

use serde_json::Value;
use serde_json::json;

use crate::support::GERMAN;
use crate::support::Recorder;
use crate::support::US;
use crate::support::gateway::export_all;
use crate::support::until;

use super::*;

#[test]
fn a_policy_goes_from_a_draft_by_two_persons_to_what_judges_and_back_in_one_step() {
    let recorder = Recorder::start();
    let gateway = builder(recorder.address).start();
    let (anna, berta) = (gateway.console("anna"), gateway.console("berta"));
    for client in [US, US, US, GERMAN] {
        update_by(client).send(gateway.address);
    }
    assert_eq!(update_by(US).send(gateway.address).status, 451);
    let first = anna.json(API);
    let items = first["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), &items[0]["stage"], &items[0]["origin"]),
        (1, &json!("active"), &json!("files"))
    );

    let version = draft(&anna, &without("signature-updates"));
    let path = |step: &str| format!("{API}/{version}/{step}");
    let because = json!({ "reason": "ordered" });
    // Nothing that was not checked is approved, and nothing that was not approved comes into force.
    let agreed = json!({ "changed": 4, "reason": "fine" });
    assert_eq!(berta.post(&path("approve"), &agreed).status, 409);
    assert_eq!(berta.post(&path("activate"), &because).status, 409);
    let report = check(&anna, version);
    assert_eq!(report["replay"]["changed"], 4);
    assert_eq!(report["replay"]["transitions"], json!({ "block -> allow": 4 }));
    assert_eq!(report["replay"]["unchanged"], 1);
    let listed = report["replay"]["listed"].as_array().unwrap();
    assert_eq!(listed.len(), 4);
    assert_eq!(listed[0]["old"]["rule"], "us-commerce-kaspersky/signature-updates");
    assert!(listed[0]["new"]["reason"].as_str().unwrap().len() > 10);
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(gateway.record(id)["decision"]["verdict"], "block");
    // The author is nobody to approve, and whoever approves says how many outcomes change.
    assert_eq!(anna.post(&path("approve"), &agreed).status, 403);
    let blind = json!({ "changed": 3, "reason": "fine" });
    assert_eq!(berta.post(&path("approve"), &blind).status, 409);
    let silent = json!({ "changed": 4, "reason": " " });
    assert_eq!(berta.post(&path("approve"), &silent).status, 400);
    let stands = read(&berta.post(&path("approve"), &agreed), 200);
    assert_eq!(
        (&stands["stage"], &stands["approved_by"]),
        (&json!("approved"), &json!("local:berta"))
    );
    assert_eq!(update_by(US).send(gateway.address).status, 451, "not yet");
    let stands = read(&berta.post(&path("activate"), &because), 200);
    assert_eq!(stands["stage"], "active");
    let served = update_by(US).send(gateway.address);
    assert_eq!(served.status, SERVED);
    assert!((in_force(&gateway) - 2.0).abs() < 0.1);
    let (_, id) = served.decision().unwrap();
    assert_eq!(gateway.record(id)["decision"]["bundle"], stands["revision"]);

    let back = read(&berta.post(&format!("{API}/1/rollback"), &because), 200);
    assert_eq!(back["stage"], "active");
    assert_eq!(back["activations"].as_array().unwrap().len(), 2);
    assert_eq!(update_by(US).send(gateway.address).status, 451);
    // Every step is a record, with who, when and why.
    let all = export_all(&gateway.dir().join("ledger"));
    let steps = all.iter().filter(|record| record["area"] == "policies");
    let steps: Vec<_> = steps
        .map(|r| (r["action"].as_str().unwrap(), r["actor"]["id"].as_str().unwrap()))
        .collect();
    assert_eq!(
        steps,
        [
            ("policy.import", "system"),
            ("policy.create", "local:anna"),
            ("policy.edit", "local:anna"),
            ("policy.edit", "local:anna"),
            ("policy.check", "local:anna"),
            ("policy.approve", "local:berta"),
            ("policy.activate", "local:berta"),
            ("policy.rollback", "local:berta"),
        ]
    );
    let history = anna.json(&format!("{API}/{version}"))["history"].clone();
    assert_eq!(history.as_array().unwrap().len(), 6);
    assert_eq!(history[4]["reason"], "fine");
}

#[test]
fn two_editors_do_not_overwrite_each_other_and_a_create_sent_twice_is_one() {
    let recorder = Recorder::start();
    let gateway = builder(recorder.address).start();
    let anna = gateway.console("anna");
    let create = || {
        let request = anna.request("POST", API).header("Idempotency-Key", "draft-1");
        let request = request.header("Content-Type", "application/json");
        request.body(r#"{"title":"Once"}"#).send(gateway.admin)
    };
    let (first, second) = (create(), create());
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.header("location"), second.header("location"));
    assert_eq!(anna.json(API)["items"].as_array().unwrap().len(), 2);
    let path = format!("{API}/2/files");
    let etag = anna.get(&path).header("etag").unwrap().to_owned();
    let edit = |etag: Option<&str>| {
        let request = anna.request("PUT", &path).header("Content-Type", "application/json");
        let request = etag.map_or(request.clone(), |etag| request.header("If-Match", etag));
        request.body(json!({ "name": FILE, "text": POLICY }).to_string()).send(gateway.admin)
    };
    assert_eq!(edit(None).status, 428);
    assert_eq!(edit(Some(&etag)).status, 200);
    assert_eq!(edit(Some(&etag)).status, 412);
    let bad = json!({ "name": "../x.toml", "text": "" });
    assert_eq!(anna.put(&path, &bad).status, 400);
}

#[test]
fn what_does_not_compile_or_fails_its_cases_is_told_and_not_approved() {
    let recorder = Recorder::start();
    let gateway = builder(recorder.address).start();
    let (anna, berta) = (gateway.console("anna"), gateway.console("berta"));
    let broken = POLICY.replace("\"kaspersky.covered\"]", "\"kaspersky.uncovered\"]");
    let version = draft(&anna, &broken);
    let report = check(&anna, version);
    let finding = &report["findings"][0];
    assert_eq!((&finding["severity"], &finding["file"]), (&json!("error"), &json!(FILE)));
    assert!(finding["line"].as_u64().unwrap() > 100);
    // The cases that ship say what the law asks for.
    let version = draft(&anna, POLICY);
    let path = format!("{API}/{version}/files");
    read(&anna.put(&path, &json!({ "name": FILE, "text": without("resale") })), 200);
    let report = check(&anna, version);
    assert!(report["cases"]["failed"].as_u64().unwrap() > 0, "{report}");
    let agreed = json!({ "changed": 0, "reason": "fine" });
    assert_eq!(berta.post(&format!("{API}/{version}/approve"), &agreed).status, 409);
    let diff = anna.json(&format!("{API}/{version}/diff"));
    assert_eq!(diff["diff"]["meaning"][0]["name"], "us-commerce-kaspersky/resale");
    assert_eq!((&diff["from"], diff["diff"]["files"][0]["added"].as_u64()), (&json!(1), Some(2)));
}

#[test]
fn a_stay_is_a_draft_like_any_other_and_so_is_its_end() {
    let recorder = Recorder::start();
    let gateway = builder(recorder.address).start();
    let (anna, berta) = (gateway.console("anna"), gateway.console("berta"));
    let put_in_force = |begun: Value| {
        let version = begun["version"].as_u64().unwrap();
        // What the law asks for is not what is in force during a stay.
        let cases = json!({ "name": "cases/us-commerce-kaspersky.jsonl", "text": null });
        if anna
            .json(&format!("{API}/{version}/files"))
            .get("cases/us-commerce-kaspersky.jsonl")
            .is_some()
        {
            read(&anna.put(&format!("{API}/{version}/files"), &cases), 200);
        }
        let report = check(&anna, version);
        let agreed = json!({ "changed": report["replay"]["changed"], "reason": "as ordered" });
        read(&berta.post(&format!("{API}/{version}/approve"), &agreed), 200);
        let because = json!({ "reason": "as ordered" });
        read(&berta.post(&format!("{API}/{version}/activate"), &because), 200);
    };
    let stay = json!({
        "policy": "us-commerce-kaspersky", "rule": "signature-updates", "from": "2026-01-01T00:00:00Z",
        "by": "D.C. Cir., No. 24-1", "reason": "stayed pending review",
    });
    assert_eq!(berta.post(&format!("{API}/suspend"), &stay).status, 403);
    put_in_force(read(&anna.post(&format!("{API}/suspend"), &stay), 201));
    assert_eq!(update_by(US).send(gateway.address).status, SERVED);
    let timeline = anna.json(&format!("{API}/timeline"));
    let rules = timeline["rules"].as_array().unwrap();
    let stayed = rules.iter().find(|rule| rule["rule"] == "signature-updates").unwrap();
    assert_eq!(stayed["suspended"]["by"], "D.C. Cir., No. 24-1");
    let resumed = json!({
        "policy": "us-commerce-kaspersky", "rule": "signature-updates", "reason": "the stay is lifted",
    });
    put_in_force(read(&anna.post(&format!("{API}/resume"), &resumed), 201));
    assert_eq!(update_by(US).send(gateway.address).status, 451);
}

#[test]
fn as_of_asks_under_the_revision_of_that_second_and_records_that_somebody_asked() {
    let recorder = Recorder::start();
    let gateway = builder(recorder.address).start();
    let vera = gateway.console("vera");
    let ask = |at: &str, more: Value| {
        let mut transaction = json!({
            "action": "resale", "items": [{ "sku": "KL1047GDEFS", "vendor": "Kaspersky" }],
            "buyer": { "billing_country": "US" },
        });
        if let (Some(all), Some(more)) = (transaction["buyer"].as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        vera.post(&format!("{API}/explain"), &json!({ "at": at, "transaction": transaction }))
    };
    let before = read(&ask("2024-09-28T23:59:59-04:00", json!({})), 200);
    let after = read(&ask("2024-09-29T00:00:00-04:00", json!({})), 200);
    assert_eq!(before["explanation"]["verdict"], "review");
    assert_eq!(
        (&after["explanation"]["verdict"], &after["explanation"]["clause"]),
        (&json!("block"), &json!("FD-3a"))
    );
    assert_eq!((&after["answers"], &after["version"]), (&json!("current"), &json!(1)));
    // Customers are persons: a viewer has none of them looked up.
    assert_eq!(ask("2025-01-01T00:00:00Z", json!({ "account": "A-17" })).status, 403);
    let all = export_all(&gateway.dir().join("ledger"));
    let asked = all.iter().filter(|r| r["kind"] == "access" && r["action"] == "explain");
    assert_eq!(asked.count(), 2);
    assert!(all.iter().all(|r| r["kind"] != "decision"), "it is no decision about anybody");
}

#[test]
fn what_is_scheduled_comes_into_force_by_itself_also_after_the_gateway_was_down() {
    let recorder = Recorder::start();
    let gateway = builder(recorder.address).start();
    let version = approved(&gateway, &without("signature-updates"));
    let berta = gateway.console("berta");
    let schedule = |version: u64, millis: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(millis);
        let body = json!({ "at": at, "reason": "from then on" });
        read(&berta.post(&format!("{API}/{version}/schedule"), &body), 200);
        at
    };
    let at = schedule(version, 1_500);
    assert_eq!(update_by(US).send(gateway.address).status, 451);
    until("its time", || (update_by(US).send(gateway.address).status == SERVED).then_some(()));
    assert!(jiff::Timestamp::now() >= at, "not before its time");
    // The next falls due while nobody is there.
    let anna = gateway.console("anna");
    let next = draft(&anna, POLICY);
    let report = check(&anna, next);
    let agreed = json!({ "changed": report["replay"]["changed"], "reason": "back" });
    read(&berta.post(&format!("{API}/{next}/approve"), &agreed), 200);
    let at = schedule(next, 2_000);
    let config = gateway.dir().join("interdict.toml");
    let _folder = gateway.kill();
    until("its time, while it is down", || (jiff::Timestamp::now() > at).then_some(()));
    let mut again = crate::support::Program::start(
        crate::support::interdict().args(["serve", "--config"]).arg(config),
    );
    let address = again.address("gateway listening");
    assert_eq!(update_by(US).send(address).status, 451);
    assert_eq!(again.terminate(), Some(0));
}
