//! What becomes of a record under other policies.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::model::Verdict;
use crate::policy::PolicySet;
use crate::policy::Setting;
use crate::policy::decide;

use super::rebuild::Rebuilt;
use super::rebuild::rebuild;
use super::recorded::RecordError;
use super::recorded::Recorded;

/// What became of a record.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// Another verdict.
    Changed(Box<Change>),
    /// It cannot be decided again.
    NotReplayable {
        /// Why.
        reason: String,
    },
    /// The same verdict.
    Unchanged,
}

/// A verdict that is another one now.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Change {
    /// As it is under the policies given.
    pub new: Made,
    /// As it was recorded.
    pub old: Made,
}

/// A decision, as far as it is compared.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Made {
    /// The clause of the law.
    pub clause: Option<String>,
    /// The policy.
    pub policy: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// The rule.
    pub rule: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
}

/// A record and what became of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Replayed {
    /// The instant for which it was decided.
    pub at: Timestamp,
    /// Revision of the policies that decided it.
    pub bundle: String,
    /// Its id.
    pub id: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Its sequence number.
    pub seq: u64,
}

/// Decides a record again; none if it is of no decision.
///
/// # Errors
/// When a record of a decision does not have the form of one.
pub fn replay(
    view: Map<String, Value>,
    policies: &PolicySet,
) -> Result<Option<Replayed>, RecordError> {
    let Some(recorded) = Recorded::read(view)? else { return Ok(None) };
    let outcome = match rebuild(&recorded) {
        Ok(rebuilt) => compare(&recorded, &rebuilt, policies),
        Err(reason) => Outcome::NotReplayable { reason },
    };
    let Recorded { decision, id, seq, .. } = recorded;
    Ok(Some(Replayed { at: decision.at, bundle: decision.bundle, id, outcome, seq }))
}

fn compare(recorded: &Recorded, rebuilt: &Rebuilt, policies: &PolicySet) -> Outcome {
    let old = &recorded.decision;
    let setting = Setting { catalogue: &rebuilt.catalogue, reseller: &rebuilt.reseller };
    let new = decide(&rebuilt.transaction, old.at, policies, &setting);
    // What a person cleared, the policies had held.
    let was_held = old.clearance.is_some() && new.verdict == Verdict::Review;
    if new.verdict == old.verdict || was_held {
        return Outcome::Unchanged;
    }
    let rule = new.ruling.as_deref();
    Outcome::Changed(Box::new(Change {
        new: Made {
            clause: rule.map(|rule| rule.clause.to_string()),
            policy: rule.map(|rule| rule.policy.to_string()),
            reason: new.reason(),
            rule: rule.map(|rule| rule.rule.to_string()),
            verdict: new.verdict,
        },
        old: Made {
            clause: old.clause.clone(),
            policy: old.policy.clone(),
            reason: old.reason.clone(),
            rule: old.rule.clone(),
            verdict: old.verdict,
        },
    }))
}
