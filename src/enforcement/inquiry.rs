//! The decision API: a caller asks, and gets the whole answer (DESIGN 4 and 8). The command line asks the same way.

use jiff::Timestamp;

use crate::model::AddressOrigin;
use crate::model::Decision;
use crate::model::DecisionId;
use crate::model::Transaction;
use crate::model::TransactionError;
use crate::model::Vouching;
use crate::policy::decide;

use super::clearing::Held;
use super::delivery::Delivery;
use super::gate::Gate;
use super::gather;
use super::noting::Noted;
use super::principal::Principal;
use super::principal_record::PrincipalRecord;
use super::record::Decided;
use super::record::Kind;
use super::record::RecordParts;
use super::recording::Heading;
use super::recording::RecordError;
use super::recording::Until;
use super::snapshot::Snapshot;
use crate::model::Retention;

/// What a caller may hand in, and what it gets.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// May give `at`.
    pub as_of: bool,
    /// What becomes of its answer.
    pub delivery: &'a Delivery,
    /// May give `ip_country` and `ip_class`.
    pub evidence: bool,
    /// Who asks, where that is known.
    pub principal: Option<&'a Principal>,
}

/// Why an inquiry has no answer.
#[derive(Debug, thiserror::Error)]
pub enum InquiryError {
    /// The caller gave something that it may not give.
    #[error("`{0}` may be given only by callers with the permission")]
    NotPermitted(&'static str),
    /// The answer could not be recorded.
    #[error("the decision could not be recorded")]
    NotRecorded,
    /// The transaction cannot be judged.
    #[error("{0}")]
    Transaction(#[from] TransactionError),
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// True if `at` was given.
    pub hypothetical: bool,
    /// Its name.
    pub id: DecisionId,
}

impl Snapshot {
    /// Decides a transaction that was handed in whole, at its own `at` or now.
    ///
    /// # Errors
    /// When there is nothing to judge.
    pub fn answer(
        &self,
        transaction: &mut Transaction,
        now: Timestamp,
    ) -> Result<Answer, TransactionError> {
        let decision = self.judge(transaction, now)?;
        Ok(Answer { decision, hypothetical: transaction.at.is_some(), id: DecisionId::new(now) })
    }

    /// The decision of [`Snapshot::answer`], for those who give it no name.
    ///
    /// # Errors
    /// When there is nothing to judge.
    pub fn judge(
        &self,
        transaction: &mut Transaction,
        now: Timestamp,
    ) -> Result<Decision, TransactionError> {
        if self.policies.judges(transaction.action) && !transaction.has_subject() {
            return Err(TransactionError::NothingToJudge(transaction.action));
        }
        let at = transaction.at.unwrap_or(now);
        // Whoever asks is the reseller's own system: it stands for the account.
        transaction.buyer.vouching = Vouching::Vouched;
        gather::gather_paths(transaction)?;
        gather::said(&mut transaction.buyer, self, now);
        Ok(decide(transaction, at, &self.policies, &self.setting()))
    }

    /// What is kept of an answer, as if it was recorded at the instant that it is about: for those who measure and hold to account what a record holds.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which no answer is known to do.
    pub fn record(
        &self,
        answer: &Answer,
        transaction: &Transaction,
        parts: &mut RecordParts,
    ) -> Result<(), serde_json::Error> {
        parts.clear();
        let kept = (answer.decision.at, Retention::default());
        self.write_answer(answer, transaction, kept, None, parts)
    }

    fn write_answer(
        &self,
        answer: &Answer,
        transaction: &Transaction,
        (recorded, retention): (Timestamp, Retention),
        principal: Option<PrincipalRecord<'_>>,
        parts: &mut RecordParts,
    ) -> Result<(), serde_json::Error> {
        let Answer { decision, hypothetical, id } = answer;
        // A given instant is nobody's request: there is nothing to release.
        let seen = Some(AddressOrigin::Transaction);
        let held = (!hypothetical).then(|| Held::of(decision, transaction, seen)).flatten();
        Decided {
            decision,
            held,
            hypothetical: *hypothetical,
            id: *id,
            path_is_personal: false,
            principal,
            recorded,
            request: None,
            retention,
            route: "decision-api",
            snapshot: self,
            subject: None,
            transaction,
            value: None,
        }
        .write(parts)
    }
}

impl Gate {
    /// Answers a caller of the decision API. The answer is durable when this returns if `synced`; otherwise call
    /// [`Gate::settle`] before it leaves.
    ///
    /// # Errors
    /// When the transaction cannot be judged, holds what the caller may not give, or cannot be recorded.
    pub async fn answer(
        &self,
        snapshot: &Snapshot,
        transaction: &mut Transaction,
        caller: Caller<'_>,
        synced: bool,
    ) -> Result<Answer, InquiryError> {
        for (given, permitted, name) in [
            (transaction.at.is_some(), caller.as_of, "at"),
            (transaction.buyer.ip_country.is_some(), caller.evidence, "ip_country"),
            (transaction.buyer.ip_class.is_some(), caller.evidence, "ip_class"),
        ] {
            if given && !permitted {
                return Err(InquiryError::NotPermitted(name));
            }
        }
        let now = self.now();
        let mut answer = snapshot.answer(transaction, now)?;
        // Whoever asks is the reseller's own system: the address that it gives is what it saw itself.
        let seen = Some(AddressOrigin::Transaction);
        if let Some(lift) = snapshot.lift(&answer.decision, transaction, seen) {
            if answer.hypothetical {
                lift.apply(&mut answer.decision);
            } else if lift.take() {
                lift.apply(&mut answer.decision);
                self.metrics().cleared(answer.decision.cleared.len());
            }
        }
        let kind = if answer.hypothetical { Kind::Enquiry } else { Kind::Decision };
        let noted = Noted {
            at: now,
            decision: &answer.decision,
            hypothetical: answer.hypothetical,
            id: answer.id,
            route: "decision-api",
            took: None,
            transaction,
        };
        self.note(&noted);
        self.show(&noted);
        let revision = snapshot.policies.revision();
        let heading = Heading::of(&answer.decision, answer.id, kind, revision);
        let write = |parts: &mut RecordParts| {
            let principal = caller.principal.map(|p| PrincipalRecord::of(p, None));
            let kept = (now, self.retention);
            snapshot.write_answer(&answer, transaction, kept, principal, parts)
        };
        let delivery = Some(caller.delivery);
        let recorded = match synced {
            true => self.record(now, Until::Synced, heading, delivery, write).await,
            false => self.record_at_once(now, heading, delivery, write).map(drop),
        };
        recorded.map_err(|error: RecordError| {
            tracing::error!(id = %answer.id, %error, "a decision could not be recorded");
            InquiryError::NotRecorded
        })?;
        Ok(answer)
    }

    /// Waits until every record written so far is durable.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn settle(&self) -> Result<(), InquiryError> {
        self.ledger().settled().await.map_err(|error| {
            tracing::error!(%error, "decisions could not be recorded");
            InquiryError::NotRecorded
        })
    }
}
