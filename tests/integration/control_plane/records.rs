//! Records by the API and in the console: who sees what of them, that each look is a record, and proofs that hold in the browser's verifier.

use std::fs;
use std::path::Path;
use std::process::Command;

use interdict::model::Role;
use serde_json::Value;
use serde_json::json;

use crate::support::Console;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::ORDERS_BY_ACCOUNT;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::gateway::export_all;
use crate::support::interdict;
use crate::support::run;
use crate::support::until;

/// What strangers might write to be run by whoever looks.
const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>";

fn gateway(builder: GatewayBuilder) -> Gateway {
    builder
        .operator("ada", &[Role::Auditor])
        .operator("rex", &[Role::Reviewer])
        .operator("vera", &[Role::Viewer])
        .start()
}

fn sold(gateway: &Gateway, account: &str, name: &str, from: &str) -> String {
    let country = if from == US { "US" } else { "DE" };
    let order = json!({"account": account, "country": country, "lines": [{"sku": "KL1047GDEFS", "name": name, "title": name}]});
    let answer = Request::post("/api/orders", order.to_string()).from(from).send(gateway.address);
    answer.decision().unwrap_or_else(|| panic!("{}", answer.text())).1.to_owned()
}

/// A gateway whose orders name an account, and a blocked one's id.
fn blocked(account: &str) -> (Gateway, String) {
    let gateway = gateway(GatewayBuilder::new(Recorder::start().address).routes(ORDERS_BY_ACCOUNT));
    let id = sold(&gateway, account, "Kaspersky Premium", US);
    (gateway, id)
}

fn looks(gateway: &Gateway) -> Vec<Value> {
    let all = export_all(&gateway.dir().join("ledger"));
    all.into_iter().filter(|record| record["kind"] == "access").collect()
}

/// A page, as a browser asks for it.
fn open(console: &Console, path: &str) -> (u16, String) {
    let answer = console.request("GET", path).header("Accept", "text/html").send(console.address);
    (answer.status, answer.text())
}

#[test]
fn a_record_is_shown_to_those_who_may_and_each_look_is_on_record_first() {
    let (gateway, id) = blocked("A-17");
    let auditor = gateway.console("ada");
    let record = auditor.json(&format!("/admin/v1/records/{id}"));
    assert_eq!(record["evidence"]["account"], "A-17");
    assert_eq!(record["decision"]["verdict"], "block");
    let reviewer = gateway.console("rex");
    assert_eq!(reviewer.json(&format!("/admin/v1/records/{id}"))["evidence"]["account"], "A-17");
    let viewer = gateway.console("vera").get(&format!("/admin/v1/records/{id}"));
    assert_eq!(viewer.status, 403, "{}", viewer.text());

    let seen: Vec<_> = looks(&gateway)
        .into_iter()
        .filter(|look| look["action"] == "record")
        .map(|look| (look["actor"]["id"].clone(), look["detail"]["id"].clone()))
        .collect();
    assert_eq!(seen, [(json!("local:ada"), json!(id)), (json!("local:rex"), json!(id))]);
    let none = auditor.get("/admin/v1/records/0197a3f2-8c3b-7d1e-9f00-0123456789ab");
    assert_eq!(none.status, 404);
    assert_eq!(auditor.get("/admin/v1/records/nothing").status, 404);
}

#[test]
fn whoever_may_not_see_persons_sees_nothing_of_one() {
    let (gateway, id) = blocked("very-private-account");
    let path = format!("/decisions/{id}");
    let (status, page) = open(&gateway.console("vera"), &path);
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("Blocked") && page.contains("89 FR 52434"), "the rest is there");
    assert!(page.contains("your roles do not include it"), "and it is said that this is not all");
    assert!(!page.contains("data-verify"), "nor is there a proof, which holds the personal part");
    for of_a_person in ["very-private-account", US, "subject_key"] {
        assert!(!page.contains(of_a_person), "{of_a_person} is in the page");
        let (_, whole) = open(&gateway.console("ada"), &path);
        assert!(of_a_person == "subject_key" || whole.contains(of_a_person), "{of_a_person}");
    }
    let proof = open(&gateway.console("vera"), &format!("{path}/proof"));
    assert_eq!(proof.0, 403);
}

#[test]
fn records_of_the_control_plane_are_opened_by_auditors_alone() {
    let (gateway, id) = blocked("A-17");
    let auditor = gateway.console("ada");
    auditor.json("/admin/v1/records?account=A-17");
    let search = looks(&gateway).into_iter().find(|look| look["action"] == "search").unwrap();
    assert_eq!(search["detail"]["account"], "A-17");
    let of_search = search["id"].as_str().unwrap();
    assert_eq!(auditor.get(&format!("/admin/v1/records/{of_search}")).status, 200);
    for (name, path) in
        [("rex", "/admin/v1/records"), ("rex", "/decisions"), ("vera", "/decisions")]
    {
        let (status, page) = open(&gateway.console(name), &format!("{path}/{of_search}"));
        assert_eq!(status, 403, "{name} {path}: {page}");
        assert!(!page.contains("A-17"));
    }
    assert_eq!(gateway.console("rex").get(&format!("/admin/v1/records/{id}")).status, 200);
}

#[test]
fn an_explanation_tells_why_in_words_how_evidence_weighed_and_every_rule() {
    let (gateway, id) = blocked("A-17");
    gateway.outcome(&id);
    let told = gateway.console("ada").json(&format!("/admin/v1/records/{id}/explanation"));
    assert_eq!((&told["title"], &told["verdict"]), (&json!("Blocked"), &json!("block")));
    let why = told["sentences"].to_string();
    assert!(
        why.contains("A sale by a reseller of kaspersky.covered was blocked by the rule"),
        "{why}"
    );
    assert!(why.contains("The buyer counts as in the United States"), "{why}");
    assert_eq!(told["citation"]["link"], "https://www.federalregister.gov/citation/89-FR-52434");
    let evidence = told["evidence"].as_array().unwrap();
    let row = |field: &str| evidence.iter().find(|row| row["field"] == field).unwrap();
    let country = row("billing_country");
    assert_eq!((&country["said"], &country["decisive"]), (&json!("US"), &json!(true)));
    assert_eq!(country["weighed"], "Points to the United States");
    assert_eq!(row("ip")["said"], US);
    assert_eq!(row("account")["said"], "A-17");
    let record = gateway.record(&id);
    let rules = told["rules"].as_array().unwrap();
    assert_eq!(rules.len(), record["rules"].as_array().unwrap().len());
    let decided: Vec<_> = rules.iter().filter(|rule| rule["decided"] == true).collect();
    assert_eq!(decided.len(), 1);
    assert_eq!(decided[0]["rule"], record["decision"]["rule"]);
    assert!(told["outcome"].as_str().unwrap().contains("status 451"), "{}", told["outcome"]);
    let (status, page) = open(&gateway.console("ada"), &format!("/decisions/{id}"));
    assert_eq!(status, 200);
    for text in ["Points to the United States", "Every rule that was looked at", "It decided."] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn what_strangers_wrote_is_text_on_every_page() {
    let gateway = gateway(GatewayBuilder::new(Recorder::start().address).routes(ORDERS_BY_ACCOUNT));
    let id = sold(&gateway, HOSTILE, &format!("Kaspersky {HOSTILE}"), US);
    let auditor = gateway.console("ada");
    let query = "account=%3Cscript%3Ealert(1)%3C%2Fscript%3E%3Cimg%20src%3Dx%20onerror%3Dalert(2)%3E%22%27%3E";
    for path in
        ["/decisions", &format!("/decisions?{query}"), &format!("/decisions/{id}"), "/access", "/"]
    {
        let (status, page) = open(&auditor, path);
        assert_eq!(status, 200, "{path}: {page}");
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{path}: {page}");
        assert!(
            path == "/" || page.contains("&#60;script&#62;alert(1)"),
            "{path}: it is not shown"
        );
    }
}

#[test]
fn what_was_erased_is_said_to_be_and_is_nowhere() {
    let gateway = gateway(
        GatewayBuilder::new(Recorder::start().address)
            .routes(ORDERS_BY_ACCOUNT)
            .environment("INTERDICT__LEDGER__PERSONAL", "sealed"),
    );
    let id = sold(&gateway, "A-forget-me", "Kaspersky Premium", US);
    let auditor = gateway.console("ada");
    let path = format!("/decisions/{id}");
    let (_, page) = open(&auditor, &path);
    assert!(page.contains("A-forget-me") && page.contains("kept encrypted"), "{page}");
    let ended = run(interdict()
        .args(["ledger", "erase"])
        .arg(gateway.dir().join("ledger"))
        .args(["--subject", "account:A-forget-me", "--by", "test", "--reason", "asked for"]));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let page = until("the page without it", || {
        let (_, page) = open(&auditor, &path);
        (!page.contains("A-forget-me")).then_some(page)
    });
    assert!(page.contains("was erased: its key is destroyed"), "{page}");
    assert!(page.contains("Blocked"), "the decision itself stays");
}

#[test]
fn a_search_finds_by_form_pages_and_leads_to_the_records() {
    let gateway = gateway(GatewayBuilder::new(Recorder::start().address).routes(ORDERS_BY_ACCOUNT));
    let ids: Vec<_> =
        (0..60).map(|n| sold(&gateway, "A-many", &format!("Kaspersky {n}"), GERMAN)).collect();
    let auditor = gateway.console("ada");
    let (status, first) = open(&auditor, "/decisions?account=A-many&verdict=&from=&to=");
    assert_eq!(status, 200);
    let shown =
        |page: &str| ids.iter().filter(|id| page.contains(&format!("/decisions/{id}"))).count();
    assert_eq!(shown(&first), 50);
    let next = first.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let (_, second) = open(&auditor, &next.replace("&#38;", "&").replace("&amp;", "&"));
    assert_eq!(shown(&second), 10, "{second}");
    let (status, page) = open(&auditor, "/decisions?from=yesterday");
    assert_eq!(status, 400);
    assert!(page.contains("write a day such as"), "{page}");
}

#[test]
fn a_proof_of_the_api_holds_in_the_page_s_own_verifier() {
    let (gateway, id) = blocked("A-17");
    let auditor = gateway.console("ada");
    let path = format!("/admin/v1/records/{id}/proof");
    let proof = until("the proof", || {
        let answer = auditor.get(&path);
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(verified(&proof), "proven");
    let mut other = proof;
    other["id"] = json!("0197a3f2-8c3b-7d1e-9f00-0123456789ab");
    assert_eq!(verified(&other), "failed", "it is the proof of one record");

    let file = auditor.get(&format!("/decisions/{id}/proof"));
    assert!(file.text().starts_with("c2sp.org/tlog-proof@v1\n"), "{}", file.text());
    let saved = gateway.dir().join("saved.tlog-proof");
    fs::write(&saved, &file.body).unwrap();
    let key = gateway.dir().join("ledger/ledger.pub");
    let ended =
        run(interdict().args(["ledger", "verify", "--proof"]).arg(&saved).arg("--key").arg(key));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

/// What the script that the page runs says of a proof.
fn verified(proof: &Value) -> String {
    let dir = tempfile::tempdir().unwrap();
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/console/assets/js/verify.js");
    fs::copy(script, dir.path().join("verify.js")).unwrap();
    fs::write(dir.path().join("package.json"), r#"{"type":"module"}"#).unwrap();
    fs::write(dir.path().join("proof.json"), proof.to_string()).unwrap();
    let run = "import { readFileSync } from 'node:fs'; import { verify } from './verify.js'; \
               const done = await verify(JSON.parse(readFileSync('proof.json', 'utf8'))); \
               if (done.state !== 'proven') console.error(JSON.stringify(done.steps)); \
               console.log(done.state);";
    fs::write(dir.path().join("run.js"), run).unwrap();
    let output = Command::new("node").arg("run.js").current_dir(dir.path()).output();
    let output = output.unwrap_or_else(|e| panic!("node: {e}; run `sh tests/install.sh`"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
