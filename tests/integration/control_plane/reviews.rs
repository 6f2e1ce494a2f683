//! Holds worked through the API: two people, one clearance of exactly what was held, and nothing of it for a block.

use interdict::model::Role;
use serde_json::Value;
use serde_json::json;

use crate::support::Answer;
use crate::support::Console;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::ORDERS_BY_ACCOUNT;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;
use crate::support::gateway::export_all;
use crate::support::until;

const UPDATE: &str = "/mirror/index/u1313g.xml";

/// Rita recommends and may approve as well; Paul approves.
pub(super) fn staffed(builder: GatewayBuilder) -> Gateway {
    builder
        .operator("rita", &[Role::Reviewer, Role::PolicyApprover])
        .operator("paul", &[Role::PolicyApprover])
        .operator("vera", &[Role::Viewer, Role::Auditor])
        .start()
}

pub(super) fn order(gateway: &Gateway, account: &str, from: &str) -> Answer {
    order_of(gateway, account, "DE", from)
}

fn order_of(gateway: &Gateway, account: &str, country: &str, from: &str) -> Answer {
    let lines = json!([{ "sku": "KL1047GDEFS" }]);
    let order = json!({ "account": account, "country": country, "lines": lines });
    Request::post("/api/orders", order.to_string()).from(from).send(gateway.address)
}

/// The entries, once there are so many.
pub(super) fn entries(console: &Console, query: &str, count: usize) -> Vec<Value> {
    until("the entries", || {
        let found = console.json(&format!("/admin/v1/reviews{query}"));
        let items = found["items"].as_array().unwrap().clone();
        (items.len() == count).then_some(items)
    })
}

fn id(entry: &Value) -> String {
    entry["id"].as_str().unwrap().to_owned()
}

/// A step on the entry as it is now.
fn step(console: &Console, id: &str, step: &str, body: &Value) -> Answer {
    let etag = console.get(&format!("/admin/v1/reviews/{id}")).header("etag").unwrap().to_owned();
    with_tag(console, id, step, body, &etag)
}

fn with_tag(console: &Console, id: &str, step: &str, body: &Value, etag: &str) -> Answer {
    let request = console.request("POST", &format!("/admin/v1/reviews/{id}/{step}"));
    let request = request.header("If-Match", etag).header("Content-Type", "application/json");
    request.body(body.to_string()).send(console.address)
}

fn kind(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["type"].as_str().unwrap_or_default().to_owned())
}

fn advice() -> Value {
    json!({ "outcome": "release", "reason_code": "vpn_of_foreign_customer", "note": "invoice seen" })
}

/// Recommended by Rita, released by Paul; the clearance's address.
fn released(gateway: &Gateway, id: &str, resolution: &Value) -> String {
    let answer = step(&gateway.console("rita"), id, "recommendation", &advice());
    assert_eq!(answer.status, 201, "{}", answer.text());
    let answer = step(&gateway.console("paul"), id, "resolution", resolution);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["state"], "released");
    answer.header("location").unwrap().to_owned()
}

#[test]
fn a_held_order_passes_once_two_people_say_so_and_not_after_it_was_revoked() {
    let upstream = Recorder::start();
    let gateway = staffed(GatewayBuilder::new(upstream.address).routes(ORDERS_BY_ACCOUNT));
    assert_eq!(order(&gateway, "A-17", VPN).status, 403);
    let (rita, paul) = (gateway.console("rita"), gateway.console("paul"));
    let entry = entries(&rita, "?state=open&subject=account", 1).remove(0);
    assert_eq!(entry["subject"], "account:A-17");
    assert!(entry["suggestion"]["text"].as_str().unwrap().contains("VPN"), "{entry}");
    let id = id(&entry);

    let detail = rita.json(&format!("/admin/v1/reviews/{id}"));
    let pieces = detail["samples"][0]["evidence"].as_array().unwrap();
    let unclear: Vec<_> = pieces.iter().filter(|piece| piece["weighs"] == "unclear").collect();
    assert_eq!(unclear.len(), 1, "{detail}");
    assert_eq!(unclear[0]["name"], "client's address");
    assert_eq!(detail["samples"][0]["items"], json!(["KL1047GDEFS"]));
    assert!(detail["effect"].as_str().unwrap().contains("account A-17, from 192.0.2.0/24 alone,"));

    // Nothing is done on what nobody has read, or on what is another by now.
    let path = format!("/admin/v1/reviews/{id}/recommendation");
    assert_eq!(kind(&rita.post(&path, &advice())).0, 428);
    assert_eq!(kind(&with_tag(&rita, &id, "recommendation", &advice(), "\"old\"")).0, 412);
    let odd = json!({ "outcome": "release", "reason_code": "us_person" });
    assert_eq!(kind(&step(&rita, &id, "recommendation", &odd)).0, 400);
    assert_eq!(step(&paul, &id, "recommendation", &advice()).status, 403, "no reviewer");
    let early = json!({ "agree": true });
    assert_eq!(kind(&step(&paul, &id, "resolution", &early)).0, 409, "nothing was recommended");

    let read = rita.get(&format!("/admin/v1/reviews/{id}")).header("etag").unwrap().to_owned();
    let send = || {
        let request = rita.request("POST", &path).header("If-Match", &read);
        let request =
            request.header("Idempotency-Key", "first").header("Content-Type", "application/json");
        request.body(advice().to_string()).send(rita.address)
    };
    let (first, again) = (send(), send());
    assert_eq!((first.status, again.status), (201, 201), "{}", again.text());
    assert_eq!(first.body, again.body, "it is carried out once");
    let same = kind(&step(&rita, &id, "resolution", &json!({ "agree": true })));
    assert_eq!(same, (403, "two-persons".to_owned()));
    assert_eq!(order(&gateway, "A-17", VPN).status, 403, "one person is not enough");

    let answer = step(&paul, &id, "resolution", &json!({ "agree": true, "note": "as rita says" }));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let clearance = answer.header("location").unwrap().to_owned();
    let passed = until("the order", || {
        Some(order(&gateway, "A-17", VPN)).filter(|answer| answer.status == 201)
    });
    let record = gateway.record(passed.decision().unwrap().1);
    assert_eq!(record["decision"]["clearance"]["by"], json!(["local:paul", "local:rita"]));
    assert_eq!(order(&gateway, "A-18", VPN).status, 403, "somebody else");
    assert_eq!(order_of(&gateway, "A-17", "US", VPN).status, 451, "a block is never lifted");
    assert_eq!(order(&gateway, "A-17", US).status, 403, "from elsewhere, on other evidence");

    let known = paul.json(&clearance);
    assert_eq!(known["state"], "in_force");
    assert_eq!(known["entry"], id.as_str());
    let reason = json!({ "reason": "the invoice was forged" });
    assert_eq!(
        kind(&paul.post(&format!("{clearance}/revocation"), &json!({ "reason": " " }))).0,
        400
    );
    assert_eq!(paul.post(&format!("{clearance}/revocation"), &reason).status, 201);
    assert_eq!(kind(&paul.post(&format!("{clearance}/revocation"), &reason)).0, 409);
    assert_eq!(
        paul.json("/admin/v1/clearances?state=revoked")["items"][0]["revoked"]["by"],
        "local:paul"
    );
    until("the hold", || (order(&gateway, "A-17", VPN).status == 403).then_some(()));
    until("the entry", || {
        let detail = paul.json(&format!("/admin/v1/reviews/{id}"));
        (detail["state"] == "open" && detail["history"].as_array().unwrap().len() == 3)
            .then_some(())
    });

    let looked = export_all(&gateway.dir().join("ledger"));
    let looked = |by: &str| {
        looked.iter().any(|record| {
            record["kind"] == "access"
                && record["action"] == "review"
                && record["actor"]["id"] == by
                && record["detail"]["entry"] == id.as_str()
        })
    };
    assert!(looked("local:rita") && looked("local:paul"));
}

#[test]
fn what_is_returned_is_open_again_and_what_is_refused_stays_held() {
    let upstream = Recorder::start();
    let gateway = staffed(GatewayBuilder::new(upstream.address).routes(ORDERS_BY_ACCOUNT));
    order(&gateway, "A-17", VPN);
    let (rita, paul) = (gateway.console("rita"), gateway.console("paul"));
    let id = id(&entries(&rita, "", 1)[0]);
    let refuse = json!({ "outcome": "refuse", "reason_code": "insufficient_evidence" });
    assert_eq!(step(&rita, &id, "recommendation", &refuse).status, 201);
    let silent = json!({ "agree": false });
    assert_eq!(kind(&step(&paul, &id, "resolution", &silent)).0, 400, "what is missing?");
    let back = json!({ "agree": false, "note": "ask for an invoice first" });
    let answer = step(&paul, &id, "resolution", &back);
    assert_eq!((answer.status, &answer.json()["state"]), (201, &json!("open")));
    assert_eq!(step(&rita, &id, "recommendation", &refuse).status, 201);
    let answer = step(&paul, &id, "resolution", &json!({ "agree": true }));
    assert_eq!((answer.status, &answer.json()["state"]), (201, &json!("refused")));
    assert_eq!(order(&gateway, "A-17", VPN).status, 403);
    assert!(paul.json("/admin/v1/clearances")["items"].as_array().unwrap().is_empty());
    assert!(entries(&rita, "?state=open", 0).is_empty());
}

#[test]
fn a_guest_s_order_passes_once_and_a_block_is_not_in_the_queue() {
    let upstream = Recorder::start();
    let gateway = staffed(GatewayBuilder::new(upstream.address));
    let guest = |email: &str, country: &str| {
        let lines =
            json!([{ "sku": "KL1047GDEFS", "title": "Kaspersky Premium", "vendor": "Kaspersky" }]);
        let order = json!({ "billing": { "country": country }, "email": email, "lines": lines });
        Request::post("/api/orders", order.to_string()).from(VPN).send(gateway.address)
    };
    assert_eq!(guest("one@private.example", "US").status, 451);
    assert_eq!(guest("one@private.example", "DE").status, 403);
    let rita = gateway.console("rita");
    let entry = entries(&rita, "", 1).remove(0);
    assert_eq!(
        (&entry["kind"], &entry["count"]),
        (&json!("order"), &json!(1)),
        "the block is none"
    );
    let clearance = released(&gateway, &id(&entry), &json!({ "agree": true }));
    until("the order", || {
        let answer = guest("one@private.example", "DE");
        (answer.status == 201).then_some(())
    });
    assert_eq!(guest("one@private.example", "DE").status, 403, "once");
    assert_eq!(guest("two@private.example", "DE").status, 403, "nobody else");
    assert_eq!(rita.json(&clearance)["state"], "used");
}

#[test]
fn polled_updates_are_one_entry_and_their_network_goes_into_the_networks_file() {
    let upstream = Recorder::start();
    let gateway =
        staffed(GatewayBuilder::new(upstream.address).with("refusals_per_minute = 1000000\n"));
    let poll = || Request::get(UPDATE).from(VPN).send(gateway.address).status;
    for _ in 0..500 {
        assert_eq!(poll(), 403);
    }
    let rita = gateway.console("rita");
    let entry = until("the count", || {
        let entry = entries(&rita, "?action=signature_update&subject=network", 1).remove(0);
        (entry["count"] == 500).then_some(entry)
    });
    assert_eq!(entry["title"], "Updates of kaspersky.covered to 192.0.2.0/24");
    assert!(entries(&rita, "?product=another", 0).is_empty());
    let id = id(&entry);
    assert_eq!(step(&rita, &id, "recommendation", &advice()).status, 201);
    let paul = gateway.console("paul");
    let home = json!({ "agree": true, "country": "US" });
    assert_eq!(kind(&step(&paul, &id, "resolution", &home)).0, 400, "no network of the US");
    let there = json!({ "agree": true, "country": "NL" });
    let answer = step(&paul, &id, "resolution", &there);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let file = std::fs::read_to_string(gateway.dir().join("networks.csv")).unwrap();
    assert!(file.ends_with("192.0.2.0/24,NL,\n"), "{file}");
    until("the update", || (poll() != 403).then_some(()));
}

#[test]
fn the_list_goes_on_where_its_page_ended_the_oldest_first() {
    let upstream = Recorder::start();
    let gateway = staffed(GatewayBuilder::new(upstream.address).routes(ORDERS_BY_ACCOUNT));
    for account in ["A-1", "A-2", "A-3"] {
        order(&gateway, account, VPN);
        assert_eq!(order(&gateway, account, GERMAN).status, 201);
    }
    let rita = gateway.console("rita");
    let all: Vec<_> = entries(&rita, "", 3).iter().map(|entry| entry["subject"].clone()).collect();
    assert_eq!(all, ["account:A-1", "account:A-2", "account:A-3"]);
    let first = rita.json("/admin/v1/reviews?limit=2");
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let next = first["next"].as_str().unwrap();
    let second = rita.json(&format!("/admin/v1/reviews?limit=2&cursor={next}"));
    assert_eq!(second["items"][0]["subject"], "account:A-3");
    assert_eq!(second["next"], Value::Null);
    assert_eq!(rita.get("/admin/v1/reviews?state=maybe").status, 400);
    assert_eq!(gateway.console("vera").get("/admin/v1/reviews").status, 403);
}
