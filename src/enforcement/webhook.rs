//! Webhooks of a platform that has taken the order already: there is nothing to permit, only to decide and to record.
//!
//! The sender gets the same answer whatever the verdict; who fulfils the order learns of it from the record (DESIGN 12). What
//! is verified and cannot be read is held, for nobody can tell what it sold.

use std::sync::Arc;

use jiff::Timestamp;

use crate::ledger::Head;
use crate::model::Action;
use crate::model::AddressOrigin;
use crate::model::Basis;
use crate::model::Because;
use crate::model::Decision;
use crate::model::DecisionId;
use crate::model::Nexus;
use crate::model::RuleFacts;
use crate::model::Transaction;
use crate::model::Verdict;
use crate::model::json_from_slice;
use crate::policy::decide;
use crate::settings::Route;

use super::clearing::Held;
use super::clearing::Lift;
use super::gate::Gate;
use super::noting::Noted;
use super::outcome::Refusal;
use super::preset::shopify;
use super::preset::shopify::Order;
use super::preset::shopify::Told;
use super::record::Decided;
use super::record::Kind;
use super::record::OrderValue;
use super::record::Received;
use super::record::Subject;
use super::recording::Heading;
use super::recording::RecordError;
use super::recording::Until;
use super::request::Request;
use super::snapshot::Snapshot;

/// A webhook whose record exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// Names the record.
    pub id: DecisionId,
    /// What was decided; none for what sells nothing.
    pub verdict: Option<Verdict>,
}

impl Gate {
    /// Decides about a webhook that the caller has verified. When this returns, the record is on the disk.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`] where it could not be recorded, so that the sender tries again.
    pub async fn receive(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        request: &Request<'_>,
    ) -> Result<Receipt, Refusal> {
        let at = self.now();
        let id = DecisionId::new(at);
        let topic = said(request, "x-shopify-topic");
        let shop = said(request, "x-shopify-shop-domain");
        let action = route.action.unwrap_or(Action::Resale);
        let document = json_from_slice(request.body.map_or(&[], |body| body));
        let (told, names) = match &document {
            Ok(document) => {
                (shopify::told(document, topic, action), shopify::names(document, topic))
            }
            Err(error) => {
                tracing::warn!(%id, route = route.name, %error, "a webhook cannot be read");
                let reason = "it is not one strict JSON document".to_owned();
                (Told::Unreadable(reason), (None, None))
            }
        };
        let (order, name) = names;
        let subject = Subject::new(name.as_deref(), order.as_deref(), shop, topic);
        let (decision, transaction, value) = match told {
            Told::Other => {
                self.passed(route);
                let heading = Heading { head: Head::Plain, id, kind: Kind::Received };
                let (retention, route_name) = (self.retention, &*route.name);
                let delivery = Some(request.delivery);
                let written = self.record(at, Until::Synced, heading, delivery, |parts| {
                    let subject = &subject;
                    Received { at, request, retention, route: route_name, subject }.write(parts)
                });
                written.await.map_err(|error| self.not_recorded(id, route, &error))?;
                return Ok(Receipt { id, verdict: None });
            }
            Told::Order(order) => {
                let (mut decision, transaction, value) = judged(*order, at, snapshot);
                if let Some(lift) = snapshot.lift(&decision, &transaction, None).filter(Lift::take)
                {
                    lift.apply(&mut decision);
                    self.metrics().cleared(decision.cleared.len());
                }
                (decision, transaction, value)
            }
            Told::Unreadable(reason) => (held(at, &reason), Transaction::new(action), None),
        };
        let noted = Noted {
            at,
            decision: &decision,
            hypothetical: false,
            id,
            route: &route.name,
            took: None,
            transaction: &transaction,
        };
        self.note(&noted);
        self.show(&noted);
        let revision = snapshot.policies.revision();
        let heading = Heading::of(&decision, id, Kind::Decision, revision);
        let written = self.record(at, Until::Synced, heading, Some(request.delivery), |parts| {
            Decided {
                decision: &decision,
                held: Held::of(&decision, &transaction, None),
                hypothetical: false,
                id,
                path_is_personal: false,
                principal: None,
                recorded: at,
                request: Some(request),
                retention: self.retention,
                route: &route.name,
                snapshot,
                subject: Some(&subject),
                transaction: &transaction,
                value: value.as_ref(),
            }
            .write(parts)
        });
        written.await.map_err(|error| self.not_recorded(id, route, &error))?;
        let verdict = decision.verdict;
        if verdict != Verdict::Allow {
            let rule = decision.ruling.as_deref().map(|rule| &*rule.rule);
            let (route, order) = (&route.name, subject.order());
            let verdict = verdict.as_str();
            tracing::warn!(%id, route, order, verdict, rule, "an order must not be fulfilled");
        }
        Ok(Receipt { id, verdict: Some(verdict) })
    }

    fn not_recorded(&self, id: DecisionId, route: &Route, error: &RecordError) -> Refusal {
        tracing::error!(%id, route = route.name, %error, "a webhook could not be recorded");
        let refusal = Refusal::Unavailable { id };
        self.metrics().refused(refusal.status(), &route.name);
        refusal
    }
}

/// The strictest decision that an order's evidence gives: each address of mail counts.
fn judged(
    order: Order,
    at: Timestamp,
    snapshot: &Snapshot,
) -> (Decision, Transaction, Option<OrderValue>) {
    let Order { emails, ips, mut transaction, value } = order;
    let located = ips.into_iter().map(|ip| snapshot.geo.locate(ip, AddressOrigin::Transaction, at));
    transaction.buyer.addresses.extend(located);
    let decided = |transaction: &Transaction| {
        decide(transaction, at, &snapshot.policies, &snapshot.setting())
    };
    let mut emails = emails.into_iter();
    transaction.buyer.email = emails.next();
    let mut strictest = decided(&transaction);
    for email in emails {
        let mut other = transaction.clone();
        other.buyer.email = Some(email);
        let decision = decided(&other);
        if (decision.verdict, decision.buyer) > (strictest.verdict, strictest.buyer) {
            (strictest, transaction) = (decision, other);
        }
    }
    (strictest, transaction, value)
}

/// The decision on what cannot be read: no law decides it, so it says so.
fn held(at: Timestamp, reason: &str) -> Decision {
    let rule = RuleFacts {
        basis: Basis::Policy,
        citation: "no rule of law".into(),
        clause: "fail closed".into(),
        effective: Timestamp::UNIX_EPOCH,
        message: format!("The webhook cannot be read, so the order is held: {reason}").into(),
        policy: "interdict".into(),
        rule: "unreadable-webhook".into(),
    };
    Decision {
        at,
        because: Because::NONE,
        buyer: Nexus::Unclear,
        cleared: Vec::new(),
        cut_at: None,
        findings: smallvec::SmallVec::new(),
        request: None,
        ruling: Some(Arc::new(rule)),
        seller: None,
        shadow: smallvec::SmallVec::new(),
        verdict: Verdict::Review,
    }
}

/// What a header says, if it says one thing. None of them is signed: they name, and never excuse.
fn said<'a>(request: &Request<'a>, name: &str) -> Option<&'a str> {
    match request.headers.values(name).as_slice() {
        [value] => std::str::from_utf8(value).ok().map(str::trim).filter(|text| !text.is_empty()),
        _ => None,
    }
}
