//! "As of": what would be decided at that second, and why. Nothing is recorded but that somebody asked.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::control::Access;
use crate::control::AccessOutcome;
use crate::control::ControlError;
use crate::control::policies::Revision;
use crate::control::policies::steps;
use crate::control::policies::timeline::Answers;
use crate::control::policies::timeline::in_force_at;
use crate::enforcement::Snapshot;
use crate::model::Actor;
use crate::model::Role;
use crate::model::Roles;
use crate::model::Transaction;
use crate::policy::explain::explain;
use crate::policy::load_read;

use super::Policies;

/// Who may have accounts looked up: customers are persons.
const CUSTOMER_READERS: Roles =
    Roles::of(&[Role::Auditor, Role::Reviewer, Role::PolicyApprover, Role::Administrator]);

/// What is asked.
#[derive(Debug)]
pub struct Question {
    /// For which instant; none: the transaction's own, or now.
    pub at: Option<Timestamp>,
    /// The transaction, as the decision API takes it.
    pub transaction: Transaction,
    /// Under which revision; none: the one that was in force then.
    pub version: Option<u64>,
}

/// What is answered.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// Why that revision answers.
    pub answers: Answers,
    /// The instant.
    pub at: Timestamp,
    /// The account of the decision, as `policy explain` tells it.
    pub explanation: Value,
    /// What records call the revision's policies.
    pub revision: String,
    /// The same, in words.
    pub text: String,
    /// The revision.
    pub version: u64,
}

impl Policies {
    /// What would be decided, under the catalogue, the customers and the geo sources of now.
    ///
    /// # Errors
    /// `Forbidden` for an account named by somebody who sees no customers; `Invalid` for a transaction that says nothing to judge;
    /// `NotFound` for a revision that is not there; `Ledger` when it cannot be recorded that somebody asked.
    pub async fn ask(&self, actor: &Actor, question: Question) -> Result<Asked, ControlError> {
        let Question { at, mut transaction, version } = question;
        if transaction.buyer.account.is_some() && !actor.roles.intersects(CUSTOMER_READERS) {
            return Err(ControlError::Forbidden(
                "an account is looked up for those who may see customers: leave `buyer.account` out"
                    .to_owned(),
            ));
        }
        let now = self.gate().now();
        let at = at.or(transaction.at).unwrap_or(now);
        let (revision, answers): (Revision, Answers) = {
            let state = self.control().state();
            match version {
                Some(version) => (steps::find(&state.policies, version)?.clone(), Answers::Chosen),
                None => in_force_at(&state.policies, at, now)
                    .map(|(revision, answers)| (revision.clone(), answers))
                    .ok_or_else(|| ControlError::NotFound("revision in force".to_owned()))?,
            }
        };
        let detail = json!({
            "action": transaction.action.as_str(), "at": at, "version": revision.version,
        });
        let looked = Access { action: "explain", actor, detail, outcome: AccessOutcome::Ok };
        self.control().accessed(looked).await?;
        let (gate, version, name) =
            (Arc::clone(self.gate()), revision.version, revision.revision.clone());
        let work = tokio::task::spawn_blocking(move || {
            let pinned = gate.pin();
            let policies = if **pinned.policies.revision() == *revision.revision {
                Arc::clone(&pinned.policies)
            } else {
                let compiled = load_read(&revision.files.policies());
                Arc::new(compiled.map_err(|errors| {
                    let version = revision.version;
                    ControlError::Conflict(format!("revision {version} does not compile: {errors}"))
                })?)
            };
            let snapshot = Snapshot { policies, ..(*pinned).clone() };
            transaction.at = Some(at);
            // This gathers what registry and geo sources say.
            let judged = snapshot.judge(&mut transaction, now);
            judged.map_err(|error| ControlError::Invalid(format!("transaction: {error}")))?;
            let told = explain(&transaction, at, &snapshot.policies, &snapshot.setting());
            Ok::<_, ControlError>((serde_json::to_value(&told)?, told.to_string()))
        });
        let told = work.await.map_err(|error| ControlError::Store(error.to_string()))?;
        let (explanation, text) = told?;
        Ok(Asked { answers, at, explanation, revision: name, text, version })
    }
}
