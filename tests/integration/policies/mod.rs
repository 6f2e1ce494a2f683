//! The life of policies, by the real program: from a draft to what judges a request.

mod activation;
mod files;
mod lifecycle;
mod signing;

use std::net::SocketAddr;

use interdict::model::Role;
use serde_json::Value;
use serde_json::json;

use crate::support::Answer;
use crate::support::Console;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Request;
use crate::support::until;

/// The policies that ship.
const POLICY: &str = include_str!("../../../policies/us-commerce-kaspersky.toml");
/// Their file.
const FILE: &str = "us-commerce-kaspersky.toml";
/// Where revisions are.
const API: &str = "/admin/v1/policies";
/// What the rule `signature-updates` blocks for a US client.
const UPDATE: &str = "/mirror/index/u1313g.xml";

/// The status of what the tests' upstream serves.
const SERVED: u16 = 201;

/// A gateway with an author, `anna`, and an approver, `berta`; `emil` is both.
fn builder(upstream: SocketAddr) -> GatewayBuilder {
    GatewayBuilder::new(upstream)
        .operator("anna", &[Role::PolicyAuthor])
        .operator("berta", &[Role::PolicyApprover])
        .operator("emil", &[Role::PolicyAuthor, Role::PolicyApprover])
        .operator("vera", &[Role::Viewer])
}

/// The shipped policy with one rule switched off.
fn without(rule: &str) -> String {
    let line = format!("id        = \"{rule}\"\n");
    assert!(POLICY.contains(&line));
    POLICY.replace(&line, &format!("{line}mode = \"off\"\nnotes = \"{rule} is off\"\n"))
}

fn update_by(client: &str) -> Request {
    Request::get(UPDATE).from(client)
}

fn read(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.json()
}

/// Begins a draft with another text of the policy; its version.
fn draft(author: &Console, text: &str) -> u64 {
    let begun = read(&author.post(API, &json!({ "title": "Updates are let through" })), 201);
    let version = begun["version"].as_u64().unwrap();
    let path = format!("{API}/{version}/files");
    read(&author.put(&path, &json!({ "name": FILE, "text": text })), 200);
    // Cases that expect what is changed go along with it.
    let cases = "cases/us-commerce-kaspersky.jsonl";
    let listed = author.json(&path);
    if listed.get(cases).is_some() && text != POLICY {
        read(&author.put(&path, &json!({ "name": cases, "text": null })), 200);
    }
    version
}

/// Runs the checks of a revision to their end; its report.
fn check(by: &Console, version: u64) -> Value {
    let path = format!("{API}/{version}/check");
    read(&by.post(&path, &json!({})), 202);
    until("the checks", || {
        let told = by.json(&path);
        let phase = told["progress"]["phase"].as_str().unwrap().to_owned();
        match phase.as_str() {
            "done" => Some(told["report"].clone()),
            "failed" | "cancelled" => panic!("{told}"),
            _ => None,
        }
    })
}

/// Draft, checks, approval: a revision that may come into force.
fn approved(gateway: &Gateway, text: &str) -> u64 {
    let (anna, berta) = (gateway.console("anna"), gateway.console("berta"));
    let version = draft(&anna, text);
    let report = check(&anna, version);
    let changed = &report["replay"]["changed"];
    let agreed = json!({ "changed": changed, "reason": "as discussed" });
    read(&berta.post(&format!("{API}/{version}/approve"), &agreed), 200);
    version
}

/// What the metric says is in force.
fn in_force(gateway: &Gateway) -> f64 {
    gateway.metric("interdict_policy_version")
}
