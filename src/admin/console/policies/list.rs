//! `/policies`: what is in force, what waits for whom, what was in force before.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use jiff::Timestamp;

use crate::admin::access::Caller;
use crate::admin::api::Problem;
use crate::admin::console::Nav;
use crate::admin::console::Shell;
use crate::admin::console::filters;
use crate::admin::console::page;
use crate::admin::server::AdminPlane;
use crate::control::policies::Activation;
use crate::control::policies::Revision;
use crate::control::policies::Stage;
use crate::control::policies::State;
use crate::model::Actor;
use crate::model::Role;
use crate::policy::PolicySet;
use crate::policy::load_read;
use crate::policy::plain::PlainRule;
use crate::policy::plain::rules;

use super::words;
use super::words::countdown;

/// Revisions that never were in force, listed below the history.
const WITHDRAWN: usize = 20;
/// Rows of the history.
const HISTORY: usize = 100;

/// The page.
#[derive(Template)]
#[template(path = "policies/list.html")]
pub(in crate::admin::console) struct List {
    pub active: Option<Active>,
    pub approver: bool,
    pub author: bool,
    pub history: Vec<Era>,
    pub keys: bool,
    pub shell: Shell,
    pub waiting: Vec<Waiting>,
    pub withdrawn: Vec<Waiting>,
}

/// What is in force.
pub(in crate::admin::console) struct Active {
    pub ago: String,
    pub by: String,
    pub how: &'static str,
    pub policies: Vec<Policy>,
    pub reason: String,
    pub revision: String,
    pub since: Timestamp,
    pub title: String,
    pub version: u64,
}

/// A policy of it.
pub(in crate::admin::console) struct Policy {
    pub authority: String,
    pub id: String,
    pub notes: String,
    pub rules: Vec<PlainRule>,
    pub title: String,
    pub version: String,
}

/// A revision that waits for something.
pub(in crate::admin::console) struct Waiting {
    pub author: String,
    pub changed: Option<u64>,
    pub countdown: String,
    pub edited: Timestamp,
    pub stage: (&'static str, &'static str),
    pub scheduled: Option<Timestamp>,
    pub title: String,
    pub version: u64,
    pub waits: String,
    pub yours: bool,
}

/// A time that a revision was in force.
pub(in crate::admin::console) struct Era {
    pub activation: Activation,
    pub how: &'static str,
    pub title: String,
    pub until: Option<Timestamp>,
    pub version: u64,
}

impl Policy {
    /// Each policy of a set, with its rules.
    pub(super) fn all(set: &PolicySet) -> Vec<Self> {
        let rules = rules(set);
        let policies = set.policies().iter().map(|info| Self {
            authority: info.authority.clone(),
            id: info.id.clone(),
            notes: info.notes.clone(),
            rules: rules.iter().filter(|rule| rule.policy == info.id).cloned().collect(),
            title: info.title.clone(),
            version: info.version.clone(),
        });
        policies.collect()
    }

    /// How many rules are suspended.
    fn suspended(&self) -> usize {
        self.rules.iter().filter(|rule| rule.suspended.is_some()).count()
    }
}

impl Waiting {
    fn of(revision: &Revision, actor: &Actor, now: Timestamp) -> Self {
        let (waits, yours) = words::waits(revision, actor);
        Self {
            author: revision.author.clone(),
            changed: revision.report.as_ref().map(|report| report.replay.changed),
            countdown: revision.scheduled.map_or_else(String::new, |at| countdown(at, now)),
            edited: revision.edited,
            stage: words::stage(revision.stage),
            scheduled: revision.scheduled,
            title: revision.title.clone(),
            version: revision.version,
            waits,
            yours,
        }
    }
}

impl List {
    fn resumable(&self) -> bool {
        let policies = self.active.iter().flat_map(|active| &active.policies);
        policies.into_iter().any(|policy| policy.suspended() > 0)
    }

    /// Versions that can be rolled back to, each once, the latest first.
    fn past(&self) -> Vec<&Era> {
        let mut past: Vec<&Era> = Vec::new();
        let current = self.active.as_ref().map(|active| active.version);
        for era in self.history.iter().filter(|era| Some(era.version) != current) {
            if past.iter().all(|known| known.version != era.version) {
                past.push(era);
            }
        }
        past
    }
}

pub(super) async fn page_of_all(
    plane: web::Data<AdminPlane>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let now = plane.gate.now();
    let state = plane.control.state().policies.clone();
    let waiting = |stages: &[Stage]| -> Vec<Waiting> {
        let revisions = state.revisions().filter(|revision| stages.contains(&revision.stage));
        revisions.map(|revision| Waiting::of(revision, &caller.actor, now)).collect()
    };
    let mut open = waiting(&[Stage::Approved, Stage::Checked, Stage::Draft, Stage::Scheduled]);
    open.sort_by_key(|row| (!row.yours, row.scheduled.is_none(), std::cmp::Reverse(row.version)));
    let mut withdrawn = waiting(&[Stage::Withdrawn]);
    withdrawn.truncate(WITHDRAWN);
    let list = List {
        active: active(&state, now),
        approver: caller.has(Role::PolicyApprover),
        author: caller.has(Role::PolicyAuthor),
        history: history(&state),
        keys: plane.policies.names_keys(),
        shell: plane.shell(&caller, "Policies", Some(Nav::Policies)),
        waiting: open,
        withdrawn,
    };
    Ok(page(StatusCode::OK, &list))
}

fn active(state: &State, now: Timestamp) -> Option<Active> {
    let revision = state.active()?;
    let activation = revision.activations.last()?;
    let compiled = load_read(&revision.files.policies()).ok();
    Some(Active {
        ago: countdown(activation.at, now),
        by: activation.by.clone(),
        how: words::how(activation.how),
        policies: compiled.as_ref().map_or_else(Vec::new, Policy::all),
        reason: activation.reason.clone(),
        revision: revision.revision.clone(),
        since: activation.at,
        title: revision.title.clone(),
        version: revision.version,
    })
}

fn history(state: &State) -> Vec<Era> {
    let eras = state.in_force();
    let ends = eras.iter().skip(1).map(|next| Some(next.at)).chain([None]);
    let told = eras.iter().zip(ends).filter_map(|(era, until)| {
        let revision = state.get(era.version)?;
        let activation = revision.activations.iter().find(|one| one.serial == era.serial)?;
        Some(Era {
            activation: activation.clone(),
            how: words::how(activation.how),
            title: revision.title.clone(),
            until,
            version: era.version,
        })
    });
    let mut told: Vec<_> = told.collect();
    told.reverse();
    told.truncate(HISTORY);
    told
}
