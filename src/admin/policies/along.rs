//! One question along the whole timeline: what the answer is before every date, between them, and after. So a reader sees what
//! changes next. Nothing is recorded by it: whoever asks was recorded by [`Policies::ask`].

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::control::ControlError;
use crate::control::policies::Revision;
use crate::control::policies::timeline::in_force_at;
use crate::enforcement::Snapshot;
use crate::model::Transaction;
use crate::model::Verdict;
use crate::policy::PolicySet;
use crate::policy::load_read;
use crate::policy::plain::instants;

use super::Policies;

/// Revisions whose dates count: the one in force, those to come, and the latest of the past.
const REVISIONS: usize = 20;
/// Dates at which the question is asked.
const STOPS: usize = 300;

/// The answer from an instant on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stop {
    /// Since when; none: before every date.
    pub at: Option<Timestamp>,
    /// Why, in a sentence.
    pub reason: String,
    /// The rule, as `policy/rule`.
    pub rule: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
}

impl Policies {
    /// The answer along the timeline; stretches with the same answer are one.
    ///
    /// # Errors
    /// `Invalid` for a transaction that says nothing to judge; `NotFound` before the first start.
    pub async fn along(&self, transaction: Transaction) -> Result<Vec<Stop>, ControlError> {
        let policies = self.clone();
        let work = tokio::task::spawn_blocking(move || policies.walk(&transaction));
        work.await.map_err(|error| ControlError::Store(error.to_string()))?
    }

    fn walk(&self, transaction: &Transaction) -> Result<Vec<Stop>, ControlError> {
        let now = self.gate().now();
        let pinned = self.gate().pin();
        let mut sets: BTreeMap<String, Arc<PolicySet>> = BTreeMap::new();
        let mut dates = BTreeSet::new();
        let none = || ControlError::NotFound("revision in force".to_owned());
        let state = self.control().state().policies.clone();
        dates.extend(state.in_force().iter().map(|era| era.at));
        dates.extend(state.scheduled().iter().map(|(at, _)| *at));
        let past = state.in_force().iter().rev().filter_map(|era| state.get(era.version));
        let coming = state.scheduled().into_iter().map(|(_, revision)| revision);
        for revision in coming.chain(past).take(REVISIONS) {
            if let Some(set) = compiled(&mut sets, revision, &pinned) {
                dates.extend(instants(&set));
            }
        }
        let before =
            dates.first().and_then(|first| first.checked_sub(SignedDuration::from_secs(1)).ok());
        let first = before.map(|at| (None, at));
        let rest = dates.iter().rev().take(STOPS).rev().map(|at| (Some(*at), *at));
        let mut stops: Vec<Stop> = Vec::new();
        for (since, at) in first.into_iter().chain(rest) {
            let (revision, _) = in_force_at(&state, at, now).ok_or_else(none)?;
            let Some(policies) = compiled(&mut sets, revision, &pinned) else { continue };
            let snapshot = Snapshot { policies, ..(*pinned).clone() };
            let mut asked = transaction.clone();
            asked.at = Some(at);
            let decision = snapshot
                .judge(&mut asked, now)
                .map_err(|error| ControlError::Invalid(format!("transaction: {error}")))?;
            let rule =
                decision.ruling.as_ref().map(|rule| format!("{}/{}", rule.policy, rule.rule));
            let stop =
                Stop { at: since, reason: decision.reason(), rule, verdict: decision.verdict };
            let same = |last: &Stop| last.verdict == stop.verdict && last.rule == stop.rule;
            if !stops.last().is_some_and(same) {
                stops.push(stop);
            }
        }
        Ok(stops)
    }
}

/// The policies of a revision, compiled once; none where they do not compile.
fn compiled(
    sets: &mut BTreeMap<String, Arc<PolicySet>>,
    revision: &Revision,
    pinned: &Snapshot,
) -> Option<Arc<PolicySet>> {
    if let Some(set) = sets.get(&revision.revision) {
        return Some(Arc::clone(set));
    }
    let set = match **pinned.policies.revision() == *revision.revision {
        true => Arc::clone(&pinned.policies),
        false => Arc::new(load_read(&revision.files.policies()).ok()?),
    };
    sets.insert(revision.revision.clone(), Arc::clone(&set));
    Some(set)
}
