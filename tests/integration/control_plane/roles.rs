//! Who may do what: every route, by every role, by nobody, and by everything that forges somebody.

use std::collections::BTreeSet;

use interdict::admin::Entry;
use interdict::admin::Who;
use interdict::admin::table;
use interdict::model::Role;
use serde_json::Value;
use serde_json::json;

use crate::support::Answer;
use crate::support::Console;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;

/// Streams do not end by themselves: their heads are enough, which a HEAD gives as well.
const STREAMS: [&str; 1] = ["/console/stream"];

/// A gateway with an account for each role, named after it.
fn gateway() -> Gateway {
    let recorder = Recorder::start();
    let builder = GatewayBuilder::new(recorder.address);
    let named = |role: Role| role.as_str().replace('_', "-");
    Role::ALL.into_iter().fold(builder, |b, role| b.operator(&named(role), &[role])).start()
}

fn person(gateway: &Gateway, role: Role) -> Console {
    gateway.console(&role.as_str().replace('_', "-"))
}

/// An address of the route, with something in place of what varies that is nobody's.
fn address(entry: &Entry) -> String {
    let mut path = String::new();
    for part in entry.path.split('/').skip(1) {
        let given = match part {
            "{version}" | "{from}" | "{to}" => "999999999",
            "{id}" => "0197a3f2-8c3b-7d1e-9f00-0123456789ab",
            _ if part.starts_with('{') => "nobody",
            _ => part,
        };
        path.push('/');
        path.push_str(given);
    }
    path
}

fn method(entry: &Entry) -> &str {
    match STREAMS.contains(&entry.path) {
        true => "HEAD",
        false => entry.method.as_str(),
    }
}

/// What the guard says of a request that goes no further, if it does not.
fn turned_away(answer: &Answer) -> Option<String> {
    let kind = serde_json::from_slice::<Value>(&answer.body).ok();
    let kind = kind.and_then(|problem| Some(problem["type"].as_str()?.to_owned()));
    let by_guard = ["unauthorized", "forbidden", "csrf"];
    kind.filter(|kind| by_guard.contains(&kind.as_str()))
}

#[test]
fn every_route_lets_in_the_roles_of_its_declaration_and_nobody_else() {
    let gateway = gateway();
    let people: Vec<_> = Role::ALL.into_iter().map(|role| (role, person(&gateway, role))).collect();
    let entries = table();
    assert!(entries.len() > 10, "only {} routes", entries.len());
    for entry in &entries {
        let (method, path) = (method(entry), address(entry));
        let nobody = Request::new(method, &path).send(gateway.admin);
        let Who::With(roles) = entry.who else {
            assert_eq!(turned_away(&nobody), None, "{method} {path}: anyone may");
            continue;
        };
        assert_eq!(nobody.status, 401, "{method} {path} by nobody: {}", nobody.text());
        for (role, console) in &people {
            // Signing out would end the person's other requests.
            if matches!(entry.path, "/admin/v1/session" | "/sign-out") && method != "GET" {
                continue;
            }
            let request = console.request(method, &path);
            let request = match method {
                "POST" | "PUT" => request.header("Content-Type", "application/json").body("{}"),
                _ => request,
            };
            let answer = request.send(gateway.admin);
            let told = format!("{method} {path} by {role}: {} {}", answer.status, answer.text());
            match roles.contains(*role) {
                true => {
                    assert_eq!(turned_away(&answer), None, "{told}");
                    assert!(answer.status != 405 && answer.status < 500, "{told}");
                }
                false => assert_eq!(answer.status, 403, "{told}"),
            }
            if !matches!(method, "GET" | "HEAD") {
                let without = Request::new(method, &path).header("Cookie", &console.cookie);
                let without = without.send(gateway.admin);
                assert_eq!(without.status, 403, "{method} {path} without the session's token");
            }
        }
    }
}

#[test]
fn the_api_s_description_and_its_routes_are_the_same() {
    let gateway = gateway();
    let document = Request::get("/admin/openapi.json").send(gateway.admin);
    let document: Value = serde_json::from_slice(&document.body).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let described: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods =
                item.as_object().unwrap().keys().filter(|key| key.as_str() != "parameters");
            methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        })
        .collect();
    let of_api = |entry: &&Entry| entry.path.starts_with("/admin/v1/");
    let declared: BTreeSet<_> = table()
        .iter()
        .filter(of_api)
        .map(|entry| (entry.method.to_string(), entry.path.to_owned()))
        .collect();
    assert_eq!(described, declared);
    assert!(declared.len() >= 10);
}

#[test]
fn a_role_that_is_taken_away_is_gone_at_once() {
    let gateway = gateway();
    let administrator = person(&gateway, Role::Administrator);
    let viewer = person(&gateway, Role::Viewer);
    assert_eq!(viewer.get("/admin/v1/session").status, 200);
    let roles = json!({ "roles": ["auditor"], "reason": "moves to audit" });
    let changed = administrator.put("/admin/v1/operators/viewer", &roles);
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(viewer.get("/admin/v1/session").status, 401, "the session is of what is no more");
    let again = gateway.console("viewer").json("/admin/v1/session");
    assert_eq!(again["roles"], json!(["auditor"]));
}
