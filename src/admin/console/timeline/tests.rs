//! The timeline with a text wherever data can be, for the tests of all pages; the order of its entries.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use crate::admin::console::Shell;
use crate::admin::console::page;
use crate::admin::console::policies::tests::at;
use crate::control::policies::timeline::Answers;
use crate::control::policies::timeline::Era;
use crate::model::Verdict;
use crate::policy::Milestone;

use super::asking::Answer;
use super::asking::Buyer;
use super::asking::Looked;
use super::asking::Next;
use super::asking::Place;
use super::asking::Stretch;
use super::asking::Subject;
use super::asking::Told;
use super::*;

/// Every page of the timeline.
pub(in crate::admin::console) fn pages(
    text: &str,
    shell: &dyn Fn() -> Shell,
) -> Vec<(&'static str, HttpResponse)> {
    let own = || text.to_owned();
    let now = at("2026-11-25T12:00:00Z");
    let entry = || Entry {
        detail: own(),
        icon: "shield",
        kind: "Takes effect",
        policy: own(),
        title: own(),
        version: Some(3),
    };
    let moment = |when| Moment { at: now, entries: vec![entry()], when, words: own() };
    let law = Law {
        accounts: true,
        chosen: own(),
        moments: vec![moment("past"), moment("now"), moment("future")],
        now,
        policies: vec![own(), own()],
        shell: shell(),
        version: Some(3),
    };
    let looked = Looked {
        clause: own(),
        mode: own(),
        policy: own(),
        rule: own(),
        spared: None,
        verdict: Verdict::Block,
        why: own(),
    };
    let place = Place { certainty: own(), matched_by: own(), product: own(), rules: vec![looked] };
    let answer = Answer {
        answers: Answers::InForce,
        at: now,
        next: Some(Next { at: now, reason: own(), verdict: Verdict::Allow, words: own() }),
        stretches: vec![Stretch { asked: true, from: Some(now), verdict: Verdict::Block }],
        told: Told {
            buyer: Buyer {
                because: vec![own()],
                hindering: vec![own()],
                network_address: own(),
                nexus: own(),
            },
            citation: Some(own()),
            clause: Some(own()),
            items: vec![Subject { products: vec![place] }],
            reason: own(),
            request: None,
            seller: Some(own()),
            verdict: Verdict::Block,
        },
        version: 3,
    };
    let ok = StatusCode::OK;
    vec![("the timeline", page(ok, &law)), ("an answer", page(ok, &answer))]
}

#[test]
fn dates_stand_in_order_with_now_between_what_was_and_what_comes() {
    let milestone = |at, policy: &str, title: &str| Milestone {
        at,
        policy: policy.to_owned(),
        source: String::new(),
        title: title.to_owned(),
    };
    let era = Era {
        at: at("2026-12-01T00:00:00Z"),
        by: "local:ben".to_owned(),
        revision: String::new(),
        title: "later".to_owned(),
        version: 4,
    };
    let timeline = Timeline {
        milestones: vec![
            milestone(at("2027-01-01T00:00:00Z"), "one", "last"),
            milestone(at("2027-01-01T00:00:00Z"), "other", "same"),
            milestone(at("2024-09-10T04:00:00Z"), "other", "first"),
        ],
        scheduled: vec![era],
        ..Timeline::default()
    };
    let told = |policy: &str| -> Vec<String> {
        let found = moments(&timeline, policy, at("2026-11-25T12:00:00Z"));
        let titles = |moment: &Moment| -> Vec<String> {
            moment.entries.iter().map(|entry| entry.title.clone()).collect()
        };
        found
            .iter()
            .map(|moment| format!("{} {}", moment.when, titles(moment).join(", ")))
            .collect()
    };
    assert_eq!(told(""), ["past first", "now ", "future Version 4: later", "future last, same"]);
    assert_eq!(told("one"), ["now ", "future Version 4: later", "future last"]);
}
