//! The pages of reviews with a text wherever data can be, for the tests of all pages.

use jiff::Timestamp;

use crate::admin::api::reviews::evidence::Piece;
use crate::admin::api::reviews::evidence::Weight;
use crate::admin::api::reviews::view::Sample;
use crate::admin::api::reviews::words::Force;
use crate::admin::console::Shell;
use crate::control::reviews::Outcome;
use crate::control::reviews::ReasonCode;
use crate::control::reviews::Status;

use super::clearances;
use super::entry;
use super::list;

fn at() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

pub(in crate::admin::console) fn queue(text: &str, tab: list::Tab, shell: Shell) -> list::Reviews {
    let own = || text.to_owned();
    let row = list::Row {
        age: 12_000,
        count: 500,
        id: own(),
        mine: true,
        product: own(),
        rule: own(),
        status: Status::Refused,
        suggestion: own(),
        what: own(),
        who: own(),
        who_kind: "Account",
    };
    list::Reviews {
        choices: list::Choices {
            actions: vec![(own(), own())],
            products: vec![own()],
            rules: vec![own()],
        },
        chosen: list::Chosen { action: own(), ..list::Chosen::default() },
        counts: [1, 2, 3],
        next: "/reviews?page=2".to_owned(),
        previous: "/reviews?page=1".to_owned(),
        rows: vec![row],
        shell,
        shown: own(),
        tab,
    }
}

pub(in crate::admin::console) fn review(
    text: &str,
    next: entry::Next,
    status: Status,
    shell: Shell,
) -> entry::Review {
    let own = || text.to_owned();
    let event = || entry::Event {
        at: at(),
        by: own(),
        code: "It could not be found out",
        note: own(),
        outcome: "release",
        what: "recommended",
    };
    let weights = [Weight::Foreign, Weight::Nothing, Weight::Unclear, Weight::UnitedStates];
    let piece = |weighs| Piece {
        name: own(),
        read: Some(own()),
        said: Some(own()),
        weighs,
        why: Some(own()),
    };
    entry::Review {
        changed: true,
        clearance: Some(own()),
        count: 500,
        effect: own(),
        evidence: weights.into_iter().map(piece).collect(),
        first: at(),
        history: vec![event(), event()],
        id: own(),
        last: at(),
        network: Some(own()),
        next,
        others: vec![own()],
        product: own(),
        reason: own(),
        recommendation: Some(event()),
        route: own(),
        rule: entry::Rule {
            citation: Some(own()),
            clause: own(),
            message: Some(own()),
            name: own(),
        },
        samples: vec![Sample {
            decision: own(),
            evidence: vec![],
            items: vec![own()],
            recorded: None,
        }],
        shell,
        similar: vec![entry::Case {
            at: at(),
            by: own(),
            code: "Another reason, as the note says",
            id: own(),
            status: Status::Released,
            title: own(),
        }],
        status,
        suggestion: entry::Suggested {
            code: Some(ReasonCode::VpnOfForeignCustomer),
            outcome: Some(Outcome::Release),
            text: own(),
        },
        title: own(),
        until: Some((own(), own())),
        version: own(),
        what: own(),
        who: own(),
        who_kind: "Account",
        why: own(),
    }
}

fn row(text: &str, force: Force) -> clearances::Row {
    let own = || text.to_owned();
    clearances::Row {
        advised: own(),
        by: own(),
        entry: own(),
        force,
        from: at(),
        hold: own(),
        id: own(),
        revoked: Some((at(), own())),
        title: own(),
        until: at(),
    }
}

pub(in crate::admin::console) fn clearances(text: &str, shell: Shell) -> clearances::Clearances {
    let rows = Force::ALL.into_iter().map(|force| row(text, force)).collect();
    clearances::Clearances { counts: [1, 1, 1, 1], current: Force::Holding, rows, shell }
}

pub(in crate::admin::console) fn clearance(
    text: &str,
    may_revoke: bool,
    shell: Shell,
) -> clearances::Clearance {
    clearances::Clearance {
        evidence: text.to_owned(),
        may_revoke,
        networks: vec![text.to_owned()],
        row: row(text, Force::Revoked),
        shell,
    }
}
