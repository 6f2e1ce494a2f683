//! How a record gets into the ledger: made in room that each worker keeps, queued, and waited for as long as its answer needs.

use std::cell::RefCell;
use std::time::Instant;

use jiff::Timestamp;

use crate::ledger::Entry;
use crate::ledger::Head;
use crate::ledger::LedgerError;
use crate::ledger::Queued;
use crate::ledger::Receipt;
use crate::model::AddressOrigin;
use crate::model::Decision;
use crate::model::DecisionId;
use crate::settings::Route;
use crate::settings::Stage as OrderStage;
use crate::telemetry::Stage;

use super::clearing::Held;
use super::delivery::Delivery;
use super::gate::Gate;
use super::gate::Judged;
use super::principal_record::PrincipalRecord;
use super::record::Decided;
use super::record::Kind;
use super::record::RecordParts;
use super::request::Request;
use super::snapshot::Snapshot;

thread_local! {
    /// The room that each worker makes its records in.
    static PARTS: RefCell<RecordParts> = RefCell::default();
}

/// How far a record must have come before its answer may leave (DESIGN 9).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Until {
    /// On the disk.
    Synced,
    /// Written, together with those of other requests that are judged now.
    Written,
}

/// What a record's envelope says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heading<'a> {
    pub(super) head: Head<'a>,
    pub(super) id: DecisionId,
    pub(super) kind: Kind,
}

impl<'a> Heading<'a> {
    /// Of a decision under the policies of a revision.
    pub(super) fn of(decision: &'a Decision, id: DecisionId, kind: Kind, bundle: &'a str) -> Self {
        let rule = decision.ruling.as_deref().map(|rule| (&*rule.policy, &*rule.rule));
        Self { head: Head::Decision { bundle, rule, verdict: decision.verdict }, id, kind }
    }
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    /// The ledger did not take it.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// It could not be written as JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

impl Gate {
    /// Records a decision on a request.
    pub(super) async fn record_judged(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        request: &Request<'_>,
        at: Timestamp,
        judged: &Judged,
        until: Until,
    ) -> Result<(), RecordError> {
        let kind = match route.reading.stage {
            OrderStage::Cart => Kind::Cart,
            OrderStage::Order => Kind::Decision,
        };
        let Judged { also, decision, id, transaction, value, .. } = judged;
        // A cart is never held.
        let seen = AddressOrigin::Client;
        let held = (kind == Kind::Decision).then(|| Held::of(decision, transaction, Some(seen)));
        let held = held.flatten().map(|held| match also.as_deref() {
            Some(also) => held.and(also, seen),
            None => held,
        });
        let (id, bundle) = (*id, snapshot.policies.revision());
        let heading = Heading::of(decision, id, kind, bundle);
        self.record(at, until, heading, Some(request.delivery), |parts| {
            Decided {
                decision,
                held,
                hypothetical: false,
                id,
                path_is_personal: route.path_is_personal(),
                principal: request.principal.map(|p| PrincipalRecord::of(p, Some(route))),
                recorded: at,
                request: Some(request),
                retention: self.retention,
                route: &route.name,
                snapshot,
                subject: None,
                transaction,
                value: value.as_ref(),
            }
            .write(parts)
        })
        .await
    }

    /// Appends a record.
    pub(super) async fn record(
        &self,
        at: Timestamp,
        until: Until,
        heading: Heading<'_>,
        delivery: Option<&Delivery>,
        write: impl FnOnce(&mut RecordParts) -> Result<(), serde_json::Error>,
    ) -> Result<(), RecordError> {
        let started = Instant::now();
        let queued = self.queue(at, heading, delivery, write)?;
        match until {
            Until::Synced => self.ledger.commit(queued).await?,
            Until::Written => self.ledger.written(queued).await?,
        };
        self.recorded(started, heading.id, at);
        Ok(())
    }

    /// Appends a record and writes it, without a wait.
    pub(super) fn record_at_once(
        &self,
        at: Timestamp,
        heading: Heading<'_>,
        delivery: Option<&Delivery>,
        write: impl FnOnce(&mut RecordParts) -> Result<(), serde_json::Error>,
    ) -> Result<Receipt, RecordError> {
        let started = Instant::now();
        let receipt = self.ledger.write(self.queue(at, heading, delivery, write)?)?;
        self.recorded(started, heading.id, at);
        Ok(receipt)
    }

    fn recorded(&self, started: Instant, id: DecisionId, at: Timestamp) {
        self.metrics.recorded();
        let took = started.elapsed().as_secs_f64();
        self.metrics.timed(Stage::Record, took);
        self.metrics.exemplified_time(Stage::Record, took, (id, at));
    }

    /// Gives a record its place, and tells whoever follows its request.
    fn queue(
        &self,
        at: Timestamp,
        heading: Heading<'_>,
        delivery: Option<&Delivery>,
        write: impl FnOnce(&mut RecordParts) -> Result<(), serde_json::Error>,
    ) -> Result<Queued, RecordError> {
        let Heading { head, id, kind } = heading;
        let queued = PARTS.with_borrow_mut(|parts| {
            parts.clear();
            write(parts)?;
            let part = |bytes: &'_ Vec<u8>| !bytes.is_empty();
            let entry = Entry {
                document: Some(parts.document.as_slice()).filter(|_| part(&parts.document)),
                head,
                id,
                kind: kind.as_str(),
                personal: Some(parts.personal.as_slice()).filter(|_| part(&parts.personal)),
                subject: Some(parts.subject.as_str()).filter(|subject| !subject.is_empty()),
            };
            let queued = self.ledger.enqueue(at, &entry)?;
            parts.shrink();
            Ok::<_, RecordError>(queued)
        })?;
        if let Some(delivery) = delivery {
            delivery.recorded(id);
        }
        Ok(queued)
    }
}
