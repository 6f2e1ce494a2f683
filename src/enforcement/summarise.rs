//! The gate under a flood of refusals: what strangers get beyond a limit is counted under one record's id (docs/records.md).
//!
//! INVARIANT: an answer bears a summary's id only once the summary's record is as durable as the refusal's own would be.

use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;

use crate::ledger::Head;
use crate::ledger::Reserve;
use crate::ledger::Room;
use crate::model::DecisionId;
use crate::settings::Route;

use super::flood::Matter;
use super::gate::Gate;
use super::gate::Judged;
use super::outcome::Refusal;
use super::record::Kind;
use super::record::RecordParts;
use super::record::Unread;
use super::recording::Heading;
use super::recording::RecordError;
use super::request::Request;
use super::snapshot::Snapshot;
use super::summary::Counted;
use super::summary::Summary;
use super::summary::What;

/// Ends of summaries that are written before the thread does something else.
const AT_ONCE: usize = 256;
/// Minutes that may end while one refusal is counted.
const TRIES: usize = 3;

/// A refusal: already answered for by a summary (`Break`), or to be recorded (`Continue`).
pub(super) type Summarised = ControlFlow<Refusal, Refusal>;

impl Gate {
    /// A refusal that no decision preceded, before it is recorded.
    pub(super) async fn summarise(
        &self,
        refusal: Refusal,
        route: &Route,
        unread: &Unread<'_>,
    ) -> Summarised {
        match self.count(stranger(unread), Matter::Other, &What::of_refusal(&refusal, &route.name))
        {
            None => Summarised::Continue(refusal),
            Some(counted) => Summarised::Break(self.settled(refusal, route, counted).await),
        }
    }

    /// As [`Gate::summarise`], for a refusal that waits for no sync.
    pub(super) fn summarise_at_once(
        &self,
        refusal: Refusal,
        route: &Route,
        unread: &Unread<'_>,
    ) -> Summarised {
        match self.count(stranger(unread), Matter::Other, &What::of_refusal(&refusal, &route.name))
        {
            None => Summarised::Continue(refusal),
            Some(counted) => {
                let id = counted.map(|counted| counted.id);
                Summarised::Break(self.answered(refusal, route, id))
            }
        }
    }

    /// A decision that refuses, before it is recorded: none where it is to be.
    pub(super) async fn summarise_decision(
        &self,
        judged: &Judged,
        route: &Route,
        request: &Request<'_>,
        snapshot: &Snapshot,
    ) -> Option<Refusal> {
        let revision = snapshot.policies.revision();
        let what = What::of_decision(&judged.decision, revision, &route.name);
        let is_delivery = judged.transaction.action.is_delivery();
        let matter = if is_delivery { Matter::Other } else { Matter::Order };
        let stranger = request.principal.is_none().then(|| request.client.unwrap_or(request.peer));
        let counted = self.count(stranger, matter, &what)?;
        Some(self.settled(judged.refusal(), route, counted).await)
    }

    /// Ends the summaries of minutes that are over; once a second is often enough. Whether all could be written.
    pub async fn end_summaries(&self) -> bool {
        self.end_before(minute_of(self.now())).await
    }

    /// Ends every summary: before the ledger is closed, and after the last request.
    pub async fn end_all_summaries(&self) -> bool {
        self.end_before(i64::MAX).await
    }

    /// Client networks, and clients that order, whose refusals are counted now.
    pub fn networks_tracked(&self) -> usize {
        self.flood.tracked()
    }

    /// How much room the ledger has.
    pub fn reserve(&self) -> &Reserve {
        &self.reserve
    }

    /// None: it gets a record of its own.
    fn count(
        &self,
        stranger: Option<IpAddr>,
        matter: Matter,
        what: &What<'_>,
    ) -> Option<Result<Counted, RecordError>> {
        let stranger = stranger?;
        let in_reserve = self.reserve.room() == Room::Reserve;
        for _ in 0..TRIES {
            let at = self.now();
            let summary = self.flood.over(minute_of(at), stranger, matter, in_reserve)?;
            let counted = summary.count(at, what, || {
                let id = DecisionId::new(at);
                let heading = Heading { head: Head::Plain, id, kind: Kind::Summary };
                let kept = self.retention;
                let written =
                    |parts: &mut RecordParts| summary.write_opening(parts, what, at, kept);
                Ok((id, self.record_at_once(at, heading, None, written)?))
            });
            if counted.is_some() {
                self.metrics.refusal_summarised();
                return counted;
            }
            // Its minute has ended meanwhile: it belongs to the next.
        }
        None
    }

    /// Waits until the summary's record is on the disk.
    async fn settled(
        &self,
        refusal: Refusal,
        route: &Route,
        counted: Result<Counted, RecordError>,
    ) -> Refusal {
        let id = match counted {
            Err(error) => Err(error),
            Ok(Counted { id, summary, .. }) if summary.is_durable() => Ok(id),
            Ok(Counted { id, receipt, summary }) => match self.ledger.durable(&receipt).await {
                Ok(()) => {
                    summary.note_durable();
                    Ok(id)
                }
                Err(error) => Err(error.into()),
            },
        };
        self.answered(refusal, route, id)
    }

    fn answered(
        &self,
        refusal: Refusal,
        route: &Route,
        id: Result<DecisionId, RecordError>,
    ) -> Refusal {
        match id {
            Ok(id) => {
                self.metrics.refused(refusal.status(), &route.name);
                refusal.under(id)
            }
            Err(error) => {
                let id = refusal.id();
                tracing::error!(%id, route = route.name, %error, "a refusal could not be recorded");
                self.unavailable(id, route)
            }
        }
    }

    async fn end_before(&self, minute: i64) -> bool {
        let mut over = self.flood.turn(minute);
        if over.is_empty() {
            return true;
        }
        let (mut refusals, mut networks) = (0_u64, 0_u64);
        let mut written = Ok(());
        while written.is_ok() && !over.is_empty() {
            let some = over.split_off(over.len().saturating_sub(AT_ONCE));
            for summary in &some {
                match self.end(summary) {
                    Ok(None) => {}
                    Ok(Some(counted)) => {
                        refusals = refusals.saturating_add(counted);
                        networks = networks.saturating_add(1);
                    }
                    Err(error) => {
                        written = Err(error);
                        self.flood.keep([Arc::clone(summary)]);
                    }
                }
            }
            if written.is_ok() {
                // Others have their turn, and the ledger does not fall behind.
                written = self.ledger.settled().await.map_err(RecordError::from);
            }
        }
        self.flood.keep(over);
        if networks > 0 {
            tracing::warn!(
                refusals,
                networks,
                "more refusals than are recorded one by one: they are summarised in the ledger"
            );
        }
        if let Err(error) = &written {
            tracing::error!(%error, "the end of a summary could not be recorded yet");
        }
        written.is_ok()
    }

    /// Writes the record that ends a summary: how many it counted; none if it was never opened.
    fn end(&self, summary: &Summary) -> Result<Option<u64>, RecordError> {
        let Some(ended) = summary.end() else { return Ok(None) };
        let at = self.now();
        let head = Head::About { of: ended.id };
        let heading = Heading { head, id: DecisionId::new(at), kind: Kind::SummaryEnd };
        let kept = self.retention;
        self.record_at_once(at, heading, None, |parts| summary.write_end(parts, &ended, kept))?;
        Ok(Some(ended.tally.refusals()))
    }
}

/// Whose refusals are limited: the address that is known of a client that nobody vouches for.
fn stranger(unread: &Unread<'_>) -> Option<IpAddr> {
    (!unread.vouched).then(|| unread.client.unwrap_or(unread.peer))
}

/// Minutes since 1970.
fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}
