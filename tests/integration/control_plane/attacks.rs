//! What somebody inside might try who holds one role too few.

use interdict::model::Role;
use serde_json::Value;
use serde_json::json;

use crate::support::Console;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::ORDERS_BY_ACCOUNT;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::VPN;
use crate::support::until;

use super::reviews::entries;
use super::reviews::order;
use super::reviews::staffed;

/// Takes a step on an entry as it is now.
fn step(console: &Console, id: &str, step: &str, body: &Value) {
    let path = format!("/admin/v1/reviews/{id}");
    let etag = console.get(&path).header("etag").unwrap().to_owned();
    let request = console.request("POST", &format!("{path}/{step}"));
    let request = request.header("If-Match", &etag).header("Content-Type", "application/json");
    let answer = request.body(body.to_string()).send(console.address);
    assert_eq!(answer.status, 201, "{}", answer.text());
}

fn released(gateway: &Gateway, id: &str, resolution: &Value) {
    let advice = json!({ "outcome": "release", "reason_code": "identity_verified" });
    step(&gateway.console("rita"), id, "recommendation", &advice);
    step(&gateway.console("paul"), id, "resolution", resolution);
}

/// The records of changes as somebody gets them, once there are so many of reviews.
fn changes(console: &Console, count: usize) -> Vec<Value> {
    until("the changes", || {
        let all = console.json("/admin/v1/changes")["items"].as_array().unwrap().clone();
        let of_reviews: Vec<_> = all.into_iter().filter(|r| r["area"] == "reviews").collect();
        (of_reviews.len() == count).then_some(of_reviews)
    })
}

#[test]
fn who_sees_no_person_is_not_told_by_the_changes_who_was_held_and_from_where() {
    let upstream = Recorder::start();
    let builder = GatewayBuilder::new(upstream.address).routes(ORDERS_BY_ACCOUNT);
    let gateway = staffed(builder.operator("otto", &[Role::Viewer]));
    assert_eq!(order(&gateway, "A-17", VPN).status, 403);
    let entry = entries(&gateway.console("rita"), "?state=open", 1).remove(0);
    released(&gateway, entry["id"].as_str().unwrap(), &json!({ "agree": true }));
    for (who, sees) in [("vera", true), ("otto", false), ("rita", false)] {
        let told = Value::from(changes(&gateway.console(who), 2)).to_string();
        assert_eq!(told.contains("A-17"), sees, "{who}: {told}");
        assert_eq!(told.contains("192.0.2."), sees, "{who}: {told}");
        assert!(told.contains("review.release"), "{told}");
    }
}

#[test]
fn a_row_of_the_networks_file_that_a_release_adds_is_on_record() {
    let upstream = Recorder::start();
    let gateway = staffed(GatewayBuilder::new(upstream.address));
    let poll = Request::get("/mirror/index/u1313g.xml").from(VPN).send(gateway.address);
    assert_eq!(poll.status, 403);
    let entry = entries(&gateway.console("rita"), "?subject=network", 1).remove(0);
    let there = json!({ "agree": true, "country": "NL" });
    released(&gateway, entry["id"].as_str().unwrap(), &there);
    let release = changes(&gateway.console("vera"), 2).remove(0);
    assert_eq!(release["action"], "review.release");
    assert_eq!(
        release["change"]["row"],
        json!({ "country": "NL", "network": "192.0.2.0/24" }),
        "{release}"
    );
}
