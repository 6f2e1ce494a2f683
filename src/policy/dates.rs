//! What a set says about time: when each rule begins, ends and is suspended, and what else happened when. Never part of a decision.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::Action;
use crate::model::Basis;
use crate::model::Mode;
use crate::model::Verdict;

use super::engine::set::PolicySet;

/// Something that happened or will happen, such as a vendor's own date. It explains; nothing is decided by it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Milestone {
    /// When.
    pub at: Timestamp,
    /// The policy that tells of it.
    pub policy: String,
    /// Where that is written.
    pub source: String,
    /// What.
    pub title: String,
}

/// A rule, and when it holds.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RuleDates {
    /// What it is about.
    pub actions: Vec<Action>,
    /// What it rests on.
    pub basis: Basis,
    /// Citation of the authority.
    pub citation: String,
    /// Clause of the authority.
    pub clause: String,
    /// First instant, inclusive.
    pub effective: Timestamp,
    /// What a refused customer is told.
    pub message: String,
    /// Whether it counts.
    pub mode: Mode,
    /// Policy id.
    pub policy: String,
    /// Rule id.
    pub rule: String,
    /// Its stay, if it has one.
    pub suspended: Option<SuspendedDates>,
    /// What it does to parties of whom too little is known.
    pub unclear: Verdict,
    /// First instant at which it has ended.
    pub until: Option<Timestamp>,
    /// What it does to parties in the United States.
    pub us: Verdict,
}

/// A rule's stay.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct SuspendedDates {
    /// Who ordered it.
    pub by: String,
    /// From which instant on.
    pub from: Timestamp,
    /// Why.
    pub reason: String,
    /// To which instant, exclusive.
    pub until: Option<Timestamp>,
}

impl PolicySet {
    /// What its policies tell of beside their rules, in order of time.
    pub fn milestones(&self) -> &[Milestone] {
        &self.milestones
    }

    /// Each rule and when it holds, in order of the files.
    pub fn dates(&self) -> Vec<RuleDates> {
        let rules = self.rules.iter().map(|rule| RuleDates {
            actions: rule.actions.clone(),
            basis: rule.facts.basis,
            citation: rule.facts.citation.to_string(),
            clause: rule.facts.clause.to_string(),
            effective: rule.facts.effective,
            message: rule.facts.message.to_string(),
            mode: rule.mode,
            policy: rule.facts.policy.to_string(),
            rule: rule.facts.rule.to_string(),
            suspended: rule.suspended.as_ref().map(|stay| SuspendedDates {
                by: stay.by.to_string(),
                from: stay.from,
                reason: stay.reason.to_string(),
                until: stay.until,
            }),
            unclear: rule.unclear,
            until: rule.until,
            us: rule.us,
        });
        rules.collect()
    }
}
