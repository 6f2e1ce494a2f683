//! Edits of what others edit as well: nobody's work is lost without a word.

use interdict::model::Role;
use serde_json::Value;
use serde_json::json;

use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::gateway::export_all;

const VERA: &str = "/admin/v1/operators/vera";

fn gateway() -> Gateway {
    GatewayBuilder::new(Recorder::start().address)
        .operator("olga", &[Role::Administrator])
        .operator("vera", &[Role::Viewer])
        .start()
}

#[test]
fn an_edit_names_what_was_read_strongly() {
    let gateway = gateway();
    let olga = gateway.console("olga");
    let read = olga.get(VERA);
    let tag = read.header("etag").unwrap().to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() == 34, "{tag}");
    let bare = tag.trim_matches('"').to_owned();
    let edit = |method: &str, tags: &[&str]| {
        let request = olga.request(method, VERA).header("Content-Type", "application/json");
        let request = tags.iter().fold(request, |r, tag| r.header("If-Match", tag));
        let roles = json!({"roles":["viewer","auditor"]}).to_string();
        request.body(roles).send(gateway.admin)
    };
    for method in ["PUT", "DELETE"] {
        let without = edit(method, &[]);
        assert_eq!(without.status, 428, "{}", without.text());
        assert_eq!(without.json()["type"], "precondition-required");
        for wrong in [
            format!("W/{tag}"),
            format!("w/{tag}"),
            bare.clone(),
            format!("\"{}\"", bare.to_uppercase()),
            "\"\"".to_owned(),
            String::new(),
            "\"other\", W/\"weak\"".to_owned(),
            "\"*\"".to_owned(),
            "W/*".to_owned(),
        ] {
            let answer = edit(method, &[&wrong]);
            assert_eq!(answer.status, 412, "{method} {wrong}: {}", answer.text());
            assert_eq!(answer.json()["type"], "changed");
        }
    }
    assert_eq!(olga.json(VERA)["roles"], json!(["viewer"]), "nothing was changed");
    let listed = edit("PUT", &[&format!("\"other\", {tag} ,W/\"weak\"")]);
    assert_eq!(listed.status, 200, "{}", listed.text());
    let next = listed.header("etag").unwrap().to_owned();
    assert_ne!(next, tag);
    assert_eq!(edit("DELETE", &[&tag]).status, 412, "what was read is outdated");
    assert_eq!(edit("PUT", &["\"other\"", &next]).status, 200, "two lines are one list");
    assert_eq!(edit("DELETE", &["*"]).status, 204, "whatever is there");
    assert_eq!(edit("DELETE", &["*"]).status, 404);
}

#[test]
fn of_edits_side_by_side_one_is_made() {
    let gateway = gateway();
    let olga = gateway.console("olga");
    for round in 0..5 {
        let tag = olga.get(VERA).header("etag").unwrap().to_owned();
        let answers: Vec<u16> = std::thread::scope(|scope| {
            let edits: Vec<_> =
                [Role::Auditor, Role::Reviewer, Role::PolicyAuthor, Role::PolicyApprover]
                    .into_iter()
                    .map(|role| {
                        let (olga, tag) = (olga.clone(), tag.clone());
                        let reason = format!("round {round}");
                        scope.spawn(move || {
                            let body = json!({"roles":[role.as_str()],"reason":reason});
                            let request = olga.request("PUT", VERA).header("If-Match", &tag);
                            let request = request.header("Content-Type", "application/json");
                            request.body(body.to_string()).send(olga.address).status
                        })
                    })
                    .collect();
            edits.into_iter().map(|edit| edit.join().unwrap()).collect()
        });
        let made = answers.iter().filter(|status| **status == 200).count();
        let overtaken = answers.iter().filter(|status| **status == 412).count();
        assert_eq!((made, overtaken), (1, 3), "round {round}: {answers:?}");
        // Back to where no role of the next round is.
        let back = olga.put(VERA, &json!({"roles":["viewer"],"reason":"back"}));
        assert_eq!(back.status, 200, "{}", back.text());
    }
    let records = export_all(&gateway.dir().join("ledger"));
    let changed = |record: &&Value| record["action"] == "operator.roles";
    assert_eq!(records.iter().filter(changed).count(), 10, "each edit that was made is a record");
}

#[test]
fn what_is_refused_is_not_half_done() {
    let gateway = gateway();
    let olga = gateway.console("olga");
    let own = "/admin/v1/operators/olga";
    for body in [
        json!({"roles":["administrator","viewer"],"disabled":true}),
        json!({"roles":["viewer"]}),
        json!({"roles":[],"disabled":true}),
        json!({"roles":[]}),
    ] {
        let answer = olga.put(own, &body);
        assert!(matches!(answer.status, 400 | 409), "{body}: {}", answer.text());
        let now = olga.json(own);
        assert_eq!((&now["roles"], &now["disabled"]), (&json!(["administrator"]), &json!(false)));
    }
    let empty = olga.put(VERA, &json!({"roles":[],"disabled":true}));
    assert_eq!(empty.status, 400, "{}", empty.text());
    assert_eq!(olga.json(VERA)["disabled"], false);
    let both = olga.put(VERA, &json!({"roles":["auditor"],"disabled":true}));
    assert_eq!(both.status, 200, "{}", both.text());
    assert_eq!(olga.json(VERA)["roles"], json!(["auditor"]));
    assert_eq!(olga.json(VERA)["disabled"], true);
}
