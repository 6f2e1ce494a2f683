//! How the gate refuses: recorded, counted, told in the log within a budget.

use jiff::Timestamp;

use crate::ledger::Head;
use crate::model::DecisionId;
use crate::model::Verdict;
use crate::settings::Route;

use super::gate::Gate;
use super::gate::Judged;
use super::outcome::Malformed;
use super::outcome::Refusal;
use super::outcome::Refused;
use super::outcome::RefusedItem;
use super::record::Kind;
use super::record::RecordParts;
use super::record::Undecided;
use super::record::Unread;
use super::recording::Heading;
use super::recording::RecordError;
use super::recording::Until;
use super::summarise::Summarised;

impl Gate {
    /// Records a refusal that no decision preceded, and counts it.
    pub async fn refuse(&self, refusal: Refusal, route: &Route, unread: Unread<'_>) -> Refusal {
        if matches!(&refusal, Refusal::Malformed { reason: Malformed::Body, .. }) {
            // A server that finds a body's framing broken closes the connection under an answer that waits.
            return self.refuse_at_once(refusal, route, unread);
        }
        let refusal = match self.summarise(refusal, route, &unread).await {
            Summarised::Break(answered) => return answered,
            Summarised::Continue(refusal) => refusal,
        };
        let at = self.now();
        let written = |parts: &mut RecordParts| self.undecided(&refusal, at, route, unread, parts);
        let delivery = Some(unread.delivery);
        let recorded = self.record(at, Until::Synced, heading(&refusal), delivery, written).await;
        self.refused(refusal, at, recorded, route)
    }

    /// As [`Gate::refuse`], without a wait: the record is written now and synced with the next. For messages that are broken
    /// off, so that nothing could have been served.
    pub fn refuse_at_once(&self, refusal: Refusal, route: &Route, unread: Unread<'_>) -> Refusal {
        let refusal = match self.summarise_at_once(refusal, route, &unread) {
            Summarised::Break(answered) => return answered,
            Summarised::Continue(refusal) => refusal,
        };
        let at = self.now();
        let written = |parts: &mut RecordParts| self.undecided(&refusal, at, route, unread, parts);
        let delivery = Some(unread.delivery);
        let recorded = self.record_at_once(at, heading(&refusal), delivery, written).map(drop);
        self.refused(refusal, at, recorded, route)
    }

    fn undecided(
        &self,
        refusal: &Refusal,
        at: Timestamp,
        route: &Route,
        unread: Unread<'_>,
        parts: &mut RecordParts,
    ) -> Result<(), serde_json::Error> {
        let (path_is_personal, retention) = (route.path_is_personal(), self.retention);
        let route = &route.name;
        Undecided { at, path_is_personal, refusal, retention, route, unread }.write(parts)
    }

    fn refused(
        &self,
        refusal: Refusal,
        at: Timestamp,
        recorded: Result<(), RecordError>,
        route: &Route,
    ) -> Refusal {
        let id = refusal.id();
        if let Err(error) = recorded {
            tracing::error!(%id, route = route.name, %error, "a refusal could not be recorded");
            return self.unavailable(id, route);
        }
        self.metrics.refused(refusal.status(), &route.name);
        if self.may_log_refusal(at) {
            let (status, reason) = (refusal.status(), refusal.reason());
            tracing::info!(%id, route = route.name, status, %reason, "refused");
        }
        refusal
    }

    pub(super) fn unavailable(&self, id: DecisionId, route: &Route) -> Refusal {
        let refusal = Refusal::Unavailable { id };
        self.metrics.refused(refusal.status(), &route.name);
        refusal
    }

    /// Whether a refusal gets a line of the log; tells of those that did not before.
    pub(super) fn may_log_refusal(&self, at: Timestamp) -> bool {
        let Some(line) = self.refusal_lines.ask(at.as_second()) else { return false };
        if line.left_out > 0 {
            tracing::info!(left_out = line.left_out, "more refusals, each in the ledger");
        }
        true
    }

    pub(super) fn refuse_by_law(&self, judged: &Judged, at: Timestamp, route: &Route) -> Refusal {
        let decision = &judged.decision;
        let refusal = judged.refusal();
        self.metrics.refused(refusal.status(), &route.name);
        if self.may_log_refusal(at) {
            tracing::info!(
                id = %judged.id,
                route = route.name,
                action = judged.transaction.action.as_str(),
                verdict = decision.verdict.as_str(),
                rule = decision.ruling.as_deref().map(|r| &*r.rule),
                nexus = decision.buyer.as_str(),
                "refused"
            );
        }
        refusal
    }
}

impl Judged {
    /// The decision as a refusal: what a customer may see of it.
    pub(super) fn refusal(&self) -> Refusal {
        let rule = self.decision.ruling.as_deref();
        // A download has no lines: what was found of it is the refusal itself.
        let lines = self.transaction.items.iter().zip(&self.decision.findings).enumerate();
        let refused = lines.filter(|(_, (_, finding))| finding.verdict != Verdict::Allow);
        let items = refused.map(|(index, (item, finding))| RefusedItem {
            index,
            sku: item.sku.clone(),
            verdict: finding.verdict,
        });
        let refused = Box::new(Refused {
            clause: rule.map(|r| r.clause.clone()).unwrap_or_default(),
            id: self.id,
            items: items.collect(),
            message: rule.map(|r| r.message.clone()).unwrap_or_default(),
            policy: rule.map(|r| r.policy.clone()).unwrap_or_default(),
        });
        match self.decision.verdict {
            Verdict::Block => Refusal::Prohibited(refused),
            Verdict::Allow | Verdict::Review => Refusal::Held(refused),
        }
    }
}

fn heading(refusal: &Refusal) -> Heading<'static> {
    Heading { head: Head::Plain, id: refusal.id(), kind: Kind::Refusal }
}
