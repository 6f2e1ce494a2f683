//! The gate itself: one request in, a permit or a refusal out, and a record either way.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::Timestamp;
use smallvec::SmallVec;
use smallvec::smallvec;

use crate::ledger::Ledger;
use crate::ledger::Reserve;
use crate::message::CanonicalTarget;
use crate::model::Action;
use crate::model::Decision;
use crate::model::DecisionId;
use crate::model::StrictValue;
use crate::model::Transaction;
use crate::model::Verdict;
use crate::model::json_from_slice;
use crate::policy::decide;
use crate::settings::BodyUse;
use crate::settings::Deliveries;
use crate::settings::Route;
use crate::settings::Stage as OrderStage;
use crate::telemetry::LineBudget;
use crate::telemetry::Metrics;
use crate::telemetry::Stage;

use super::classify;
use super::delivery::Delivery;
use super::delivery::Outcomes;
use super::flood::Flood;
use super::gather;
use super::looked_up;
use super::looked_up::Question;
use super::names;
use super::noting::Noted;
use super::outcome::Malformed;
use super::outcome::Permit;
use super::outcome::Refusal;
use super::preset::Hit;
use super::principal;
use super::read_back::Placed;
use super::record::OrderValue;
use super::record::Unread;
use super::recording::Until;
use super::request::Request;
use super::routes::RouteTable;
use super::snapshot::Snapshot;
use super::time::MonotoneClock;
use super::values;
use super::values::Content;
use super::worth;
use crate::model::Retention;

/// What a gate is made of.
#[derive(Debug)]
pub struct GateSettings {
    /// The clock, started at the ledger's last record.
    pub clock: MonotoneClock,
    /// When a delivery's first byte may leave.
    pub deliveries: Deliveries,
    /// The durable record.
    pub ledger: Ledger,
    /// Where decisions are counted.
    pub metrics: Arc<Metrics>,
    /// Refusals a minute and client network that get a record of their own.
    pub refusals_per_minute: u32,
    /// What is to stay free for the ledger.
    pub reserve: Arc<Reserve>,
    /// How many years records are kept, for what they say themselves; ten unless the operator chose otherwise.
    pub retention_years: u16,
    /// The routes.
    pub routes: RouteTable,
    /// The first snapshot.
    pub snapshot: Snapshot,
}

/// Decides about requests. Shared by all workers.
#[derive(Debug)]
pub struct Gate {
    pub(super) clock: Arc<MonotoneClock>,
    pub(super) deliveries: Deliveries,
    pub(super) flood: Flood,
    pub(super) ledger: Ledger,
    pub(super) metrics: Arc<Metrics>,
    pub(super) outcomes: Arc<Outcomes>,
    pub(super) refusal_lines: LineBudget,
    pub(super) reserve: Arc<Reserve>,
    /// Held from reading a snapshot to putting its successor in force.
    pub(super) revising: Mutex<()>,
    pub(super) retention: Retention,
    pub(super) routes: RouteTable,
    pub(super) snapshot: ArcSwap<Snapshot>,
}

/// A decision, what it was made of, and its name.
pub(super) struct Judged {
    pub(super) decision: Decision,
    pub(super) id: DecisionId,
    /// How long the decision took, in seconds.
    pub(super) took: f64,
    pub(super) transaction: Transaction,
    /// What the order comes to.
    pub(super) value: Option<OrderValue>,
}

impl Gate {
    /// A gate.
    pub fn new(settings: GateSettings) -> Self {
        let flood = Flood::new(settings.refusals_per_minute);
        let GateSettings { clock, deliveries, ledger, metrics, retention_years, routes, .. } =
            settings;
        let clock = Arc::new(clock);
        let outcomes = Outcomes::new(Arc::clone(&clock), ledger.clone(), Arc::clone(&metrics));
        Self {
            clock,
            deliveries,
            flood,
            ledger,
            metrics,
            outcomes: Arc::new(outcomes),
            refusal_lines: LineBudget::default(),
            reserve: settings.reserve,
            revising: Mutex::new(()),
            retention: Retention::years(retention_years),
            routes,
            snapshot: ArcSwap::from_pointee(settings.snapshot),
        }
    }

    /// What will become of a request's answer: recorded when it is dropped, if the request left a record.
    pub fn delivery(&self) -> Delivery {
        Delivery::new(&self.outcomes)
    }

    /// Appends outcomes that the ledger did not take before. To be called now and then.
    pub fn retry_outcomes(&self) {
        self.outcomes.retry();
    }

    /// The snapshot that judges a request from its first step to its last.
    pub fn pin(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Puts a successor of the snapshot in force, for all workers at once, and returns it; requests that are pinned to the old one keep
    /// that. One at a time: whoever changes a part of it loses nobody else's change of another.
    pub fn revise(&self, change: impl FnOnce(Snapshot) -> Snapshot) -> Arc<Snapshot> {
        let _revising = self.revising.lock().unwrap_or_else(PoisonError::into_inner);
        let next = Arc::new(change((*self.pin()).clone()));
        self.snapshot.store(Arc::clone(&next));
        next
    }

    /// The routes.
    pub const fn routes(&self) -> &RouteTable {
        &self.routes
    }

    /// The ledger.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Now, never before the last record.
    pub fn now(&self) -> Timestamp {
        let (now, held) = self.clock.now();
        if held {
            self.metrics.recorded_late();
        }
        now
    }

    /// True if the route, or an update signature in the target, makes this request one that is judged.
    pub fn is_judged(&self, snapshot: &Snapshot, route: &Route, folded_path: &str) -> bool {
        route.is_judged() || self.bears_signature(snapshot, folded_path)
    }

    /// True if an update signature in the target makes this request one that is judged.
    pub fn bears_signature(&self, snapshot: &Snapshot, folded_path: &str) -> bool {
        snapshot.policies.signatures().is_in(folded_path)
    }

    /// Passes a request that nothing judges, with the body that was read to see that; it is counted.
    pub fn pass(&self, route: &Route, target: &str, body: Option<Bytes>) -> Permit {
        self.passed(route);
        Permit::unjudged(target, body)
    }

    /// What must be asked of the upstream before the request can be judged.
    ///
    /// # Errors
    /// When the request does not say what a question needs.
    pub fn questions(
        &self,
        route: &Route,
        hit: &Hit,
        target: &CanonicalTarget<'_>,
        body: Option<&Bytes>,
    ) -> Result<Vec<Question>, Malformed> {
        let asks = route.reading.lookups.iter().any(|lookup| lookup.parameter.is_some());
        let document = body.filter(|_| asks).map(read_json).transpose()?;
        let asks_id = route.reading.checks_id;
        if asks_id && let Some(body) = body {
            looked_up::check_id(hit, &read_json(body)?)?;
        }
        looked_up::questions(route, hit, target, document.as_ref())
    }

    /// Counts a request that nothing judges and that another proxy passes.
    pub fn passed(&self, route: &Route) {
        self.metrics.passed_unjudged(&route.name);
    }

    /// Judges a request. When this returns, the record is as durable as the answer needs.
    ///
    /// # Errors
    /// A [`Refusal`]; a prohibited or held request is one, too.
    pub async fn judge(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        request: &Request<'_>,
    ) -> Result<Permit, Refusal> {
        let at = self.now();
        let orders = match self.decide(snapshot, route, request, at) {
            Ok(orders) => orders,
            Err(reason) => {
                let id = DecisionId::new(at);
                let refusal = match reason {
                    Malformed::LookedUp(reason) => Refusal::NotLookedUp { id, reason },
                    reason => Refusal::Malformed { id, reason },
                };
                return Err(self.refuse(refusal, route, unread(request)).await);
            }
        };
        let Some((judged, others)) = strictest_first(orders) else {
            // Requests that hold no order at all: a batch that only deletes.
            return Ok(self.pass(route, &request.target.forward_target(), request.body.cloned()));
        };
        // A cart is no order: what is unclear of it is judged when it is ordered.
        let prepares = route.reading.stage == OrderStage::Cart;
        let refuses = match judged.decision.verdict {
            Verdict::Allow => false,
            Verdict::Block => true,
            Verdict::Review => !prepares,
        };
        for judged in others.iter().chain([&judged]) {
            self.note(&judged.noted(&route.name, at));
        }
        for other in &others {
            self.show(&other.noted(&route.name, at));
        }
        if refuses
            && let Some(refusal) = self.summarise_decision(&judged, route, request, snapshot).await
        {
            // Its record is the summary's.
            self.show(&Noted { id: refusal.id(), ..judged.noted(&route.name, at) });
            return Err(refusal);
        }
        self.show(&judged.noted(&route.name, at));
        for other in &others {
            if let Err(error) =
                self.record_judged(snapshot, route, request, at, other, Until::Synced).await
            {
                let id = other.id;
                tracing::error!(%id, route = route.name, %error, "a decision could not be recorded");
                return Err(self.unavailable(id, route));
            }
        }
        let (id, action) = (judged.id, judged.transaction.action);
        let delivery_allowed = judged.decision.verdict == Verdict::Allow && action.is_delivery();
        let delivery_waits = self.deliveries == Deliveries::Synced;
        let until =
            if delivery_allowed && !delivery_waits { Until::Written } else { Until::Synced };
        let recorded = self.record_judged(snapshot, route, request, at, &judged, until).await;
        if let Err(error) = recorded {
            tracing::error!(%id, route = route.name, %error, "a decision could not be recorded");
            return Err(self.unavailable(id, route));
        }
        if refuses {
            return Err(self.refuse_by_law(&judged, at, route));
        }
        let body = request.body.cloned();
        let permit = Permit::judged(id, action, &judged.decision, request.target, body);
        if route.reading.read_back.is_none() {
            return Ok(permit);
        }
        let transaction = Box::new(judged.transaction);
        Ok(permit.with_placed(Placed { id, transaction }))
    }

    /// A new id, for a refusal.
    pub fn new_id(&self) -> DecisionId {
        DecisionId::new(self.now())
    }

    fn decide(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        request: &Request<'_>,
        at: Timestamp,
    ) -> Result<SmallVec<[Judged; 1]>, Malformed> {
        let (document, form);
        let content = match (route.body_use(), request.body) {
            (BodyUse::Document, Some(body)) => {
                document = as_read(read_json(body)?, route)?;
                Content::Document(&document)
            }
            (BodyUse::Form, Some(body)) => {
                form = values::form(request.headers, body)?;
                Content::Form(&form)
            }
            (BodyUse::BesideQuery, Some(body)) => {
                values::check_form(route, body)?;
                Content::Unread
            }
            (BodyUse::Unread, _) | (_, None) => Content::Unread,
        };
        let looked_up = looked_up::documents(route, request.looked_up)?;
        let Some(action) = route.action else {
            let reader = values::Reader::new(route, request, Content::Unread, &[])?;
            let transaction = classify::of_signature(request, classify::buyer(route, &reader)?);
            let judged = self.decide_one(snapshot, route, request, at, transaction)?;
            return Ok(smallvec![judged]);
        };
        let reader = values::Reader::new(route, request, content, &looked_up)?;
        let mut orders = SmallVec::new();
        for order in reader.orders()? {
            let transaction = classify::of_route(route, action, request, &order)?;
            let judged = self.decide_one(snapshot, route, request, at, transaction)?;
            orders.push(Judged { value: worth::of_order(route, &order), ..judged });
        }
        Ok(orders)
    }

    fn decide_one(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        request: &Request<'_>,
        at: Timestamp,
        mut transaction: Transaction,
    ) -> Result<Judged, Malformed> {
        let id = DecisionId::new(at);
        gather::client(&mut transaction.buyer, route, request.client, snapshot, at);
        gather::said(&mut transaction.buyer, snapshot, at);
        principal::vouch(&mut transaction.buyer, route, request, snapshot)?;
        gather::requirements(&mut transaction.buyer, route);
        let started = Instant::now();
        let decision = decide(&transaction, at, &snapshot.policies, &snapshot.setting());
        let took = started.elapsed().as_secs_f64();
        self.metrics.timed(Stage::Decision, took);
        let judged = Judged { decision, id, took, transaction, value: None };
        if judged.transaction.action == Action::SignatureUpdate
            || !snapshot.policies.signatures().is_in(request.target.folded())
        {
            return Ok(judged);
        }
        // Route and signature both count, and the stricter holds.
        let transaction = classify::of_signature(request, judged.transaction.buyer.clone());
        let decision = decide(&transaction, at, &snapshot.policies, &snapshot.setting());
        if decision.verdict > judged.decision.verdict {
            return Ok(Judged { decision, id, took, transaction, value: None });
        }
        Ok(judged)
    }
}

/// The strictest of several decisions, which answers for the request, and the others.
fn strictest_first(mut orders: SmallVec<[Judged; 1]>) -> Option<(Judged, SmallVec<[Judged; 1]>)> {
    let verdicts = orders.iter().map(|judged| judged.decision.verdict).enumerate();
    // Of several as strict the first.
    let (at, _) = verdicts.rev().max_by_key(|(_, verdict)| *verdict)?;
    let strictest = orders.remove(at);
    Some((strictest, orders))
}

fn read_json(body: &Bytes) -> Result<StrictValue, Malformed> {
    json_from_slice(body).map_err(|error| Malformed::Json(error.to_string()))
}

/// The document as the platform reads its names. Two names that are one to it have two readings.
fn as_read(document: StrictValue, route: &Route) -> Result<StrictValue, Malformed> {
    if route.reading.folds_names { names::folded(document) } else { Ok(document) }
}

fn unread<'a>(request: &Request<'a>) -> Unread<'a> {
    Unread {
        basis: Some(request.basis),
        client: request.client,
        delivery: request.delivery,
        host: request.host,
        method: request.method,
        path: request.target.path(),
        peer: request.peer,
        vouched: request.principal.is_some(),
    }
}
