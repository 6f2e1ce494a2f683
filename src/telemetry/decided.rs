//! What is counted of decisions, how long they took, and which of them to look at.

use std::sync::Arc;

use jiff::Timestamp;
use prometheus::Histogram;
use prometheus::IntCounter;
use prometheus::IntCounterVec;
use prometheus::Registry;

use crate::model::Action;
use crate::model::Country;
use crate::model::Decision;
use crate::model::DecisionId;
use crate::model::Verdict;

use super::countries::Countries;
use super::exemplars;
use super::exemplars::Exemplar;
use super::exemplars::OfCounter;
use super::exemplars::OfHistogram;
use super::family::counter;
use super::family::counters;
use super::family::histogram;
use super::labels::Stage;
use super::metrics::Metrics;
use super::openmetrics;

/// Seconds: a decision takes about a microsecond.
const DECISION_BUCKETS: &[f64] =
    &[0.000_000_5, 0.000_001, 0.000_002, 0.000_005, 0.000_01, 0.000_05, 0.000_1, 0.001, 0.01];
/// Seconds: from a write into the page cache to a slow disk's sync.
const RECORD_BUCKETS: &[f64] =
    &[0.000_005, 0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];

/// The families.
#[derive(Clone, Debug)]
pub(super) struct DecidedFamilies {
    countries: Arc<Countries>,
    decision_seconds: Histogram,
    decisions: IntCounterVec,
    exemplars: Arc<Noted>,
    record_seconds: Histogram,
    shadow: IntCounterVec,
    us_deliveries_allowed: IntCounter,
}

/// Decisions that lead from a number to its records.
#[derive(Debug)]
struct Noted {
    decision_seconds: OfHistogram,
    decisions: OfCounter,
    record_seconds: OfHistogram,
    us_deliveries: OfCounter,
}

impl DecidedFamilies {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            countries: Arc::new(Countries::new(r)?),
            decision_seconds: histogram(
                r,
                "decision_seconds",
                "Time to decide one transaction, in seconds.",
                DECISION_BUCKETS,
            )?,
            decisions: counters(
                r,
                "decisions_total",
                "Decisions by verdict, policy and rule that decided, action, buyer's nexus and route.",
                &["verdict", "policy", "rule", "action", "nexus", "route"],
            )?,
            exemplars: Arc::new(Noted {
                decision_seconds: OfHistogram::new(DECISION_BUCKETS),
                decisions: OfCounter::default(),
                record_seconds: OfHistogram::new(RECORD_BUCKETS),
                us_deliveries: OfCounter::default(),
            }),
            record_seconds: histogram(
                r,
                "record_seconds",
                "Time until a decision's record was as durable as its answer needs, in seconds.",
                RECORD_BUCKETS,
            )?,
            shadow: counters(
                r,
                "shadow_outcomes_total",
                "What rules in shadow would have done.",
                &["verdict", "policy", "rule"],
            )?,
            us_deliveries_allowed: counter(
                r,
                "us_deliveries_allowed_total",
                "Deliveries of covered products that were allowed to somebody in the United States: must be 0.",
            )?,
        })
    }
}

impl Metrics {
    /// OpenMetrics' text, version 1.0, with ids of decisions as exemplars.
    pub fn render_openmetrics(&self) -> String {
        openmetrics::encode(&self.registry.gather(), &*self.decided.exemplars)
    }

    /// Counts a decision, and the buyer's country.
    pub fn decided(
        &self,
        decision: &Decision,
        action: Action,
        country: Option<Country>,
        route: &str,
    ) {
        let rule = decision.ruling.as_deref();
        let families = &self.decided;
        families
            .decisions
            .with_label_values(&[
                decision.verdict.as_str(),
                rule.map_or("", |r| &r.policy),
                rule.map_or("", |r| &r.rule),
                action.as_str(),
                decision.buyer.as_str(),
                route,
            ])
            .inc();
        families.countries.count(country, decision.verdict);
        for outcome in &decision.shadow {
            let labels = [outcome.verdict.as_str(), &outcome.rule.policy, &outcome.rule.rule];
            families.shadow.with_label_values(&labels).inc();
        }
    }

    /// Counts a delivery of a covered product that was allowed to somebody in the United States, and notes it as one to look at.
    pub fn us_delivery_allowed(&self, (id, at): (DecisionId, Timestamp)) {
        self.decided.us_deliveries_allowed.inc();
        self.decided.exemplars.us_deliveries.note([], Exemplar { at, id, value: 1.0 });
    }

    /// Notes how long a stage took.
    pub fn timed(&self, stage: Stage, seconds: f64) {
        match stage {
            Stage::Decision => self.decided.decision_seconds.observe(seconds),
            Stage::Record => self.decided.record_seconds.observe(seconds),
        }
    }

    /// Notes a decision that has a record as one to look at: each that refuses or holds, and one in a hundred of the others.
    pub fn exemplified(
        &self,
        decision: &Decision,
        action: Action,
        route: &str,
        (id, at): (DecisionId, Timestamp),
    ) {
        if decision.verdict == Verdict::Allow && !exemplars::is_chosen_allow() {
            return;
        }
        let rule = decision.ruling.as_deref();
        // In the order of the labels' names.
        let labels = [
            action.as_str(),
            decision.buyer.as_str(),
            rule.map_or("", |r| &r.policy),
            route,
            rule.map_or("", |r| &r.rule),
            decision.verdict.as_str(),
        ];
        self.decided.exemplars.decisions.note(labels, Exemplar { at, id, value: 1.0 });
    }

    /// Notes how long a stage of a decision that has a record took, as one to look at: all that were slow, and one in a hundred of the
    /// others.
    pub fn exemplified_time(&self, stage: Stage, seconds: f64, (id, at): (DecisionId, Timestamp)) {
        let exemplars = &self.decided.exemplars;
        match stage {
            Stage::Decision => exemplars.decision_seconds.note(id, at, seconds),
            Stage::Record => exemplars.record_seconds.note(id, at, seconds),
        }
    }
}

impl openmetrics::Exemplars for Noted {
    fn of_counter(&self, family: &str, labels: &[&str]) -> Option<Exemplar> {
        match family {
            "interdict_decisions_total" => self.decisions.of(labels),
            "interdict_us_deliveries_allowed_total" => self.us_deliveries.of(labels),
            _ => None,
        }
    }

    fn of_bucket(&self, family: &str, bucket: usize) -> Option<Exemplar> {
        match family {
            "interdict_decision_seconds" => self.decision_seconds.of(bucket),
            "interdict_record_seconds" => self.record_seconds.of(bucket),
            _ => None,
        }
    }
}
