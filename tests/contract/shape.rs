//! The decision's JSON, member by member (DESIGN 4).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::program::{decide, decide_one, decide_with};

const MEMBERS: [&str; 13] = [
    "at",
    "basis",
    "bundle",
    "citation",
    "clause",
    "id",
    "items",
    "nexus",
    "policy",
    "reason",
    "rule",
    "verdict",
    "hypothetical",
];

/// A transaction after both dates.
fn transaction(action: &str, items: &str, buyer: &str, more: &str) -> String {
    format!(
        r#"{{"at":"2025-01-01T00:00:00Z","action":"{action}","items":{items},"buyer":{buyer}{more}}}"#
    )
}

const COVERED: &str =
    r#"[{"sku":"KL1047GDEFS","name":"Kaspersky Premium","vendor":"Kaspersky","quantity":1}]"#;
const FOREIGN: &str = r#"{"billing_country":"DE","ip_country":"DE"}"#;
const US: &str = r#"{"billing_country":"US"}"#;

/// Checks what holds for every decision.
fn check(answer: &Value) {
    for name in MEMBERS.iter().filter(|name| **name != "hypothetical") {
        assert!(answer.get(name).is_some(), "`{name}` is missing: {answer}");
    }
    for name in answer.as_object().unwrap().keys() {
        assert!(
            MEMBERS.contains(&name.as_str()) || name == "request" || name == "shadow",
            "{name}"
        );
    }
    let id = answer["id"].as_str().unwrap();
    let parts: Vec<_> = id.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
    assert!(id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f' | '-')), "{id}");
    assert_eq!(&id[14..15], "7", "RFC 9562 5.7: {id}");
    assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
    assert!(answer["at"].as_str().unwrap().parse::<Timestamp>().is_ok());
    let bundle = answer["bundle"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    assert!(bundle.len() == 64 && bundle.chars().all(|c| c.is_ascii_hexdigit()), "{bundle}");
    assert!(!answer["reason"].as_str().unwrap().is_empty());
    let verdict = answer["verdict"].as_str().unwrap();
    assert!(matches!(verdict, "allow" | "block" | "review"), "{verdict}");
    for name in ["policy", "rule", "clause", "citation", "basis"] {
        let is_null = answer[name].is_null();
        assert_eq!(is_null, verdict == "allow", "`{name}` in {answer}");
        assert!(is_null || answer[name].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
    }
    if verdict != "allow" {
        assert!(matches!(answer["basis"].as_str(), Some("text" | "judgement" | "policy")));
    }
    let nexus = &answer["nexus"];
    assert_eq!(nexus.as_object().unwrap().len(), 3, "{nexus}");
    let is_nexus = |value: &Value| matches!(value.as_str(), Some("us" | "foreign" | "unclear"));
    assert!(is_nexus(&nexus["buyer"]), "{nexus}");
    assert!(nexus["seller"].is_null() || is_nexus(&nexus["seller"]), "{nexus}");
    assert!(nexus["because"].as_array().unwrap().iter().all(Value::is_string), "{nexus}");
    for item in answer["items"].as_array().unwrap() {
        let mut names: Vec<_> = item.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["matched_by", "product", "verdict"]);
        assert_eq!(item["product"].is_null(), item["matched_by"].is_null(), "{item}");
    }
    if let Some(shadow) = answer.get("shadow") {
        assert!(!shadow.as_array().unwrap().is_empty(), "absent when empty");
    }
}

#[test]
fn a_block_carries_every_member_of_the_contract() {
    let answer = decide_one(&transaction("sale", COVERED, US, ""));
    check(&answer);
    let expected = json!({"at": "2025-01-01T00:00:00Z", "verdict": "block", "policy": "us-commerce-kaspersky",
        "rule": "new-agreements", "clause": "FD-1", "citation": "89 FR 52434", "basis": "text",
        "nexus": {"buyer": "us", "seller": null, "because": ["billing_country"]},
        "items": [{"verdict": "block", "product": "kaspersky.covered", "matched_by": "sku"}]});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&answer[name], value, "`{name}`");
    }
    assert!(answer.get("shadow").is_none());
}

#[test]
fn an_allow_cites_nothing_but_still_names_product_and_nexus() {
    let answer = decide_one(&transaction("sale", COVERED, FOREIGN, ""));
    check(&answer);
    assert_eq!(answer["verdict"], "allow");
    assert_eq!(answer["nexus"]["buyer"], "foreign");
    assert_eq!(
        answer["items"],
        json!([{"verdict": "allow", "product": "kaspersky.covered", "matched_by": "sku"}])
    );

    let nothing = decide_one(&transaction("sale", r#"[{"name":"Mouse"}]"#, "{}", ""));
    check(&nothing);
    assert_eq!(nothing["nexus"]["buyer"], "unclear");
    assert_eq!(
        nothing["items"],
        json!([{"verdict": "allow", "product": null, "matched_by": null}])
    );
}

#[test]
fn an_action_that_no_policy_judges_is_answered_in_full() {
    for action in [
        "removal",
        "refund",
        "use",
        "license_status",
        "payment",
        "export",
        "import",
        "government_supply",
    ] {
        let answer = decide_one(&transaction(action, COVERED, US, ""));
        check(&answer);
        assert_eq!(
            (&answer["verdict"], &answer["nexus"]["buyer"]),
            (&json!("allow"), &json!("us")),
            "{action}"
        );
        assert!(answer["nexus"]["seller"].is_null(), "{action}");
    }
}

#[test]
fn the_seller_is_null_where_it_does_not_count() {
    let seller = r#","seller":{"organization_country":"US"}"#;
    for action in
        ["sale", "renewal", "activation", "signature_update", "codebase_update", "cloud_service"]
    {
        let answer = decide_one(&transaction(action, COVERED, FOREIGN, seller));
        check(&answer);
        assert!(answer["nexus"]["seller"].is_null(), "{action}");
    }
    for action in ["resale", "integration", "licensing"] {
        let answer = decide_one(&transaction(action, COVERED, FOREIGN, seller));
        check(&answer);
        assert_eq!(answer["nexus"]["seller"], "us", "{action}");
        let answer = decide_one(&transaction(action, COVERED, FOREIGN, ""));
        assert_eq!(
            answer["nexus"]["seller"], "unclear",
            "{action}: no configuration names the reseller"
        );
    }
}

#[test]
fn each_item_has_its_own_finding_in_order_and_the_transaction_the_strictest() {
    let items = r#"[{"name":"Mouse"},{"name":"Router","vendor":"Acme","suspected_components":["Kaspersky SDK"]},
        {"name":"Kaspersky Threat Intelligence"},{"name":"Kaspersky Plus"},{"vendor":"Kaspersky"},
        {"name":"Router","vendor":"Acme","components":["Kaspersky SDK"]},{}]"#
        .replace('\n', " ");
    let answer = decide_one(&transaction("sale", &items, US, ""));
    check(&answer);
    let found = |verdict: &str, product: Value, by: Value| json!({"verdict": verdict, "product": product, "matched_by": by});
    let covered = || json!("kaspersky.covered");
    assert_eq!(
        answer["items"],
        json!([
            found("allow", Value::Null, Value::Null),
            found("review", covered(), json!("suspected_component")),
            found("allow", json!("kaspersky.threat-intelligence"), json!("name")),
            found("block", covered(), json!("name")),
            found("block", covered(), json!("vendor")),
            found("block", covered(), json!("component")),
            found("review", Value::Null, Value::Null),
        ])
    );
    assert_eq!(answer["verdict"], "block");
}

#[test]
fn a_request_without_items_has_one_finding() {
    for (request, by) in [
        (r#"{"path":"/index/u1313g.xml"}"#, "path"),
        (r#"{"host":"dnl-01.geo.kaspersky.com","path":"/x"}"#, "host"),
    ] {
        let answer = decide_one(&format!(
            r#"{{"at":"2025-01-01T00:00:00Z","action":"signature_update","buyer":{{"ip_country":"US"}},"request":{request}}}"#
        ));
        check(&answer);
        assert_eq!(
            answer["items"],
            json!([{"verdict": "block", "product": "kaspersky.covered", "matched_by": by}])
        );
        assert_eq!(answer["nexus"]["because"], json!(["ip"]));
    }
}

#[test]
fn every_transaction_gets_an_id_of_its_own() {
    let line = transaction("sale", COVERED, US, "");
    let run = decide(vec![line.as_str(); 500].join("\n").as_bytes());
    let mut ids: Vec<_> =
        run.answers().iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 500);
}

#[test]
fn without_at_the_instant_is_now_and_the_answer_is_no_hypothesis() {
    let before = Timestamp::now();
    let answer = decide_one(
        r#"{"action":"sale","items":[{"name":"Kaspersky Plus"}],"buyer":{"billing_country":"US"}}"#,
    );
    let after = Timestamp::now();
    check(&answer);
    let at: Timestamp = answer["at"].as_str().unwrap().parse().unwrap();
    assert!(before <= at && at <= after, "{before} {at} {after}");
    assert!(answer.get("hypothetical").is_none());
    assert_eq!(answer["verdict"], "block");
}

#[test]
fn an_answer_to_a_given_instant_says_so() {
    assert_eq!(decide_one(&transaction("sale", COVERED, US, ""))["hypothetical"], true);
}

#[test]
fn the_strictest_rule_speaks_among_equals_the_latest() {
    // From T2 a licence is refused by FD-1 and by FD-3c alike.
    let answer = decide_one(&transaction(
        "licensing",
        COVERED,
        US,
        r#","seller":{"organization_country":"DE"}"#,
    ));
    assert_eq!(answer["clause"], "FD-3c");
    // Between the dates a resale is held, from T2 refused, by different rules.
    let answer = decide_one(&transaction(
        "resale",
        COVERED,
        US,
        r#","seller":{"organization_country":"DE"}"#,
    ));
    assert_eq!((&answer["clause"], &answer["rule"]), (&json!("FD-3a"), &json!("resale")));
}

#[test]
fn several_decisive_facts_are_all_named() {
    let buyer = r#"{"billing_country":"PR","citizenship":["US"],"us_person":true,"email":"a@b.mil","shipping_country":"DE"}"#;
    let answer = decide_one(&transaction("sale", COVERED, buyer, ""));
    let mut because: Vec<_> = answer["nexus"]["because"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b.as_str().unwrap())
        .collect();
    because.sort_unstable();
    assert_eq!(because, ["billing_country", "citizenship", "email", "us_person"]);
}

#[test]
fn a_rule_in_shadow_is_listed_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let shipped =
        std::fs::read_to_string(crate::program::root().join("policies/us-commerce-kaspersky.toml"))
            .unwrap();
    let shadowed = shipped.replacen(
        "id        = \"new-agreements\"",
        "mode      = \"shadow\"\nid        = \"new-agreements\"",
        1,
    );
    assert_ne!(shipped, shadowed);
    std::fs::write(folder.path().join("p.toml"), shadowed).unwrap();
    let args = ["--policies", folder.path().to_str().unwrap()];

    let answer = decide_with(&args, transaction("sale", COVERED, US, "").as_bytes()).answer();
    check(&answer);
    assert_eq!(answer["verdict"], "allow");
    let outcome = json!([{"policy": "us-commerce-kaspersky", "rule": "new-agreements", "clause": "FD-1", "verdict": "block"}]);
    assert_eq!(answer["shadow"], outcome);

    let foreign = decide_with(&args, transaction("sale", COVERED, FOREIGN, "").as_bytes()).answer();
    assert!(foreign.get("shadow").is_none(), "absent when empty: {foreign}");
    let other = decide_with(&args, transaction("renewal", COVERED, US, "").as_bytes()).answer();
    assert_eq!(other["verdict"], "block");
    assert!(other.get("shadow").is_none());
    // What names nothing is listed too: it might have been covered.
    let unnamed = decide_with(&args, transaction("sale", "[{}]", US, "").as_bytes()).answer();
    assert_eq!(unnamed["verdict"], "allow");
    assert_eq!(unnamed["shadow"][0]["verdict"], "review");
}
