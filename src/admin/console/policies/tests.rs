//! The pages with a text wherever data can be, for the tests of all pages.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use jiff::Timestamp;

use crate::admin::console::Shell;
use crate::admin::console::page;
use crate::admin::policies::CheckProgress;
use crate::admin::policies::Phase;
use crate::control::policies::Activation;
use crate::control::policies::Approval;
use crate::control::policies::CaseFailure;
use crate::control::policies::CasesReport;
use crate::control::policies::ChangedOutcome;
use crate::control::policies::CheckReport;
use crate::control::policies::Files;
use crate::control::policies::Finding;
use crate::control::policies::How;
use crate::control::policies::Judged;
use crate::control::policies::Origin;
use crate::control::policies::ReplayReport;
use crate::control::policies::Revision;
use crate::control::policies::Stage;
use crate::control::policies::Step;
use crate::control::policies::diff::FileDiff;
use crate::control::policies::diff::FileStatus;
use crate::control::policies::diff::Line;
use crate::model::DecisionId;
use crate::model::Mode;
use crate::model::Verdict;
use crate::policy::SuspendedDates;
use crate::policy::check::Severity;
use crate::policy::plain::PlainProduct;
use crate::policy::plain::PlainRule;

use super::checking::Checking;
use super::edit::Edit;
use super::edit::LintFault;
use super::edit::Linted;
use super::edit::Written;
use super::list::Active;
use super::list::Era;
use super::list::List;
use super::list::Policy;
use super::list::Waiting;
use super::show::Differs;
use super::show::May;
use super::show::Show;
use super::show::Signatures;
use super::show::Turn;
use super::words::Meaning;

pub(in crate::admin::console) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-11-25T12:00:00Z")
}

fn rule(text: &str) -> PlainRule {
    PlainRule {
        citation: text.to_owned(),
        clause: text.to_owned(),
        effective: now(),
        message: text.to_owned(),
        mode: Mode::Enforce,
        policy: text.to_owned(),
        remarks: vec![text.to_owned()],
        rule: text.to_owned(),
        sentence: text.to_owned(),
        suspended: Some(SuspendedDates {
            by: text.to_owned(),
            from: now(),
            reason: text.to_owned(),
            until: Some(now()),
        }),
        until: Some(now()),
    }
}

fn policy(text: &str) -> Policy {
    Policy {
        authority: text.to_owned(),
        id: text.to_owned(),
        notes: text.to_owned(),
        rules: vec![rule(text)],
        title: text.to_owned(),
        version: text.to_owned(),
    }
}

fn activation(text: &str) -> Activation {
    Activation {
        at: now(),
        by: text.to_owned(),
        how: How::ByHand,
        reason: text.to_owned(),
        serial: 1,
        signers: vec![text.to_owned()],
    }
}

fn waiting(text: &str) -> Waiting {
    Waiting {
        author: text.to_owned(),
        changed: Some(12_480),
        countdown: text.to_owned(),
        edited: now(),
        stage: ("Checked", "info"),
        scheduled: Some(now()),
        title: text.to_owned(),
        version: 3,
        waits: text.to_owned(),
        yours: true,
    }
}

fn report(text: &str) -> Arc<CheckReport> {
    let own = || text.to_owned();
    let judged =
        |verdict| Judged { clause: Some(own()), reason: own(), rule: Some(own()), verdict };
    let failure = CaseFailure {
        case: own(),
        expected: own(),
        file: own(),
        got: own(),
        line: 1,
        reason: own(),
    };
    let changed = ChangedOutcome {
        at: now(),
        id: own(),
        new: judged(Verdict::Block),
        old: judged(Verdict::Allow),
        sequence: 1,
    };
    Arc::new(CheckReport {
        cases: CasesReport { failed: 1, failures: vec![failure], passed: 3 },
        edit: 2,
        findings: vec![Finding {
            file: own(),
            help: own(),
            line: 4,
            message: own(),
            severity: Severity::Warning,
        }],
        finished: now(),
        replay: ReplayReport {
            changed: 2,
            listed: vec![changed],
            not_replayable: 1,
            reasons: BTreeMap::from([(own(), 1)]),
            transitions: BTreeMap::from([("allow -> block".to_owned(), 2)]),
            unchanged: 5,
        },
        revision: own(),
        started: now(),
    })
}

fn revision(text: &str) -> Revision {
    let own = || text.to_owned();
    let step = Step {
        action: "policy.approve".to_owned(),
        at: now(),
        by: own(),
        id: DecisionId::new(now()),
        reason: own(),
    };
    Revision {
        activations: vec![activation(text)],
        against: None,
        approval: Some(Approval { at: now(), by: own(), changed: 2, reason: own() }),
        author: own(),
        base: Some(1),
        created: now(),
        edit: 2,
        edited: now(),
        editors: BTreeSet::from([own()]),
        files: Files::default(),
        history: vec![step],
        note: own(),
        origin: Origin::Draft,
        report: Some(report(text)),
        revision: own(),
        scheduled: Some(now()),
        signatures: vec![own()],
        stage: Stage::Scheduled,
        title: own(),
        version: 3,
    }
}

fn linted(text: &str) -> Linted {
    let fault = |here| LintFault {
        column: 5,
        file: text.to_owned(),
        help: text.to_owned(),
        here,
        line: 12,
        message: text.to_owned(),
        severity: Severity::Error,
    };
    Linted { cases: None, faults: vec![fault(true), fault(false)], rules: vec![rule(text)] }
}

fn checking(text: &str, phase: Phase) -> Checking {
    let progress = CheckProgress {
        done: 3,
        edit: 2,
        phase,
        problem: Some(text.to_owned()),
        started: now(),
        total: 9,
        version: 3,
    };
    Checking { may: true, progress: Some(progress), report: Some(report(text)), version: 3 }
}

/// Every page of policies.
pub(in crate::admin::console) fn pages(
    text: &str,
    shell: &dyn Fn() -> Shell,
) -> Vec<(&'static str, HttpResponse)> {
    let own = || text.to_owned();
    let list = List {
        active: Some(Active {
            ago: own(),
            by: own(),
            how: "activated",
            policies: vec![policy(text)],
            reason: own(),
            revision: own(),
            since: now(),
            title: own(),
            version: 4,
        }),
        approver: true,
        author: true,
        history: vec![Era {
            activation: activation(text),
            how: "activated",
            title: own(),
            until: Some(now()),
            version: 2,
        }],
        keys: true,
        shell: shell(),
        waiting: vec![waiting(text)],
        withdrawn: vec![waiting(text)],
    };
    let line = |sign| Line { new: Some(1), old: Some(1), sign, text: own() };
    let diff = Differs {
        files: vec![FileDiff {
            added: 1,
            hunks: vec![vec![line('+'), line('-'), line(' ')]],
            name: own(),
            removed: 1,
            status: FileStatus::Changed,
        }],
        from: 1,
        meaning: vec![Meaning { fields: vec![(own(), own(), own())], sign: '~', title: own() }],
    };
    let show = Show {
        checking: checking(text, Phase::Failed),
        countdown: own(),
        diff: Some(diff),
        may: May {
            activate: Turn::Open,
            approve: Turn::Shut(own()),
            copy: true,
            edit: false,
            roll_back: Turn::Open,
            schedule: Turn::Open,
            sign: true,
            unschedule: Turn::Open,
            withdraw: Turn::Open,
        },
        broken: Some(own()),
        policies: vec![policy(text)],
        revision: revision(text),
        shell: shell(),
        signed: Some(Signatures { missing: Some(own()), signers: vec![own()] }),
        stage: ("Scheduled", "warn"),
        waits: own(),
    };
    let edit = Edit {
        base: Some(1),
        edit: 2,
        // A slash would make it a file of cases.
        file: text.replace('/', ""),
        files: vec![text.replace('/', ""), "cases/a.jsonl".to_owned()],
        linted: linted(text),
        note: own(),
        products: vec![PlainProduct { exempt: false, id: own(), name: own() }],
        shell: shell(),
        text: own(),
        title: own(),
        version: 3,
        voids: true,
    };
    let ok = StatusCode::OK;
    vec![
        ("policies", page(ok, &list)),
        ("a policy", page(ok, &show)),
        ("checks", page(ok, &checking(text, Phase::Failed))),
        ("the editor", page(ok, &edit)),
        ("faults", page(ok, &linted(text))),
        ("a rule that was written", page(ok, &Written { text: own() })),
    ]
}
