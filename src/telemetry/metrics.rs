//! Every metric family. `tests/golden/metrics.txt` holds their names, types and help.

use prometheus::{
    Gauge, GaugeVec, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder,
};

use std::sync::Arc;

use crate::model::Verdict;

use super::activity::Activity;
use super::admin::AdminFamilies;
use super::decided::DecidedFamilies;
use super::family::counter;
use super::family::counters;
use super::family::float_gauge;
use super::family::float_gauges;
use super::family::gauge;
use super::family::gauges;
use super::family::histograms;
use super::labels::Part;
use super::labels::ReadBackOutcome;
use super::ledger::LedgerFamilies;
use super::published::Published;

/// The families.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(super) registry: Registry,
    activity: Arc<Activity>,
    pub(super) admin: AdminFamilies,
    build_info: IntGaugeVec,
    clock_held: IntCounter,
    geo_age: GaugeVec,
    geo_stale: IntGaugeVec,
    identity_fetches: IntCounterVec,
    identity_keys: IntGauge,
    identity_loaded: Gauge,
    identity_tokens: IntCounterVec,
    in_flight: IntGauge,
    pub(super) decided: DecidedFamilies,
    pub(super) ledger: LedgerFamilies,
    pub(super) notify_failures: IntCounter,
    pub(super) notify_messages: IntCounterVec,
    pub(super) notify_oldest: Gauge,
    pub(super) notify_unread: IntGauge,
    outcomes_lost: IntCounter,
    policy_info: IntGaugeVec,
    policy_built: Gauge,
    policy_loaded: Gauge,
    policy_version: IntGauge,
    pub(super) published: Published,
    read_backs: IntCounterVec,
    pub(super) refusal_networks: IntGauge,
    refusals: IntCounterVec,
    pub(super) refusals_summarised: IntCounter,
    registry_rebuilds: IntCounterVec,
    registry_rows: IntGaugeVec,
    reload_degraded: IntGaugeVec,
    reloads: IntCounterVec,
    response_bytes: IntCounterVec,
    pub(super) tunnel_bytes: IntCounterVec,
    pub(super) tunnels: IntGauge,
    unjudged: IntCounterVec,
    upstream_errors: IntCounterVec,
    upstream_healthy: IntGaugeVec,
    upstream_seconds: HistogramVec,
}

/// Seconds to the head of an upstream's answer.
const UPSTREAM_BUCKETS: &[f64] =
    &[0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

impl Metrics {
    /// All families, registered.
    ///
    /// # Errors
    /// When a family's own description is unsound; a test holds that none is.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("interdict".to_owned()), None)?;
        let r = &registry;
        let metrics = Self {
            admin: AdminFamilies::new(r)?,
            activity: Arc::default(),
            build_info: gauges(r, "build_info", "Version of this build; always 1.", &["version"])?,
            clock_held: counter(
                r,
                "clock_held_total",
                "Looks at the clock that were held at the last record's instant, because it had stepped back.",
            )?,
            decided: DecidedFamilies::new(r)?,
            geo_age: float_gauges(
                r,
                "geo_source_age_seconds",
                "Age of a geo source's data, in seconds; absent where a source has no date.",
                &["source"],
            )?,
            geo_stale: gauges(
                r,
                "geo_source_stale",
                "1 if a geo source is older than [geo] max_age and answers nothing.",
                &["source"],
            )?,
            identity_fetches: counters(
                r,
                "identity_key_fetches_total",
                "Fetches of the keys of [identity] from their URL, by result.",
                &["result"],
            )?,
            identity_keys: gauge(r, "identity_keys", "Usable keys of [identity] in force.")?,
            identity_loaded: float_gauge(
                r,
                "identity_keys_loaded_timestamp_seconds",
                "When the keys of [identity] in force were loaded, in seconds since 1970.",
            )?,
            identity_tokens: counters(
                r,
                "identity_tokens_total",
                "Tokens checked, by result: valid, or what was wrong.",
                &["result"],
            )?,
            in_flight: gauge(r, "requests_in_flight", "Requests that have not ended yet.")?,
            ledger: LedgerFamilies::new(r)?,
            notify_failures: counter(
                r,
                "notify_failures_total",
                "Tries to tell the receiver of [notify] that failed.",
            )?,
            notify_messages: counters(
                r,
                "notify_messages_total",
                "Messages to the receiver of [notify] by outcome: delivered, or given up as undeliverable.",
                &["outcome"],
            )?,
            notify_oldest: float_gauge(
                r,
                "notify_oldest_seconds",
                "Age of the block or hold that the receiver of [notify] does not know of yet, in seconds.",
            )?,
            notify_unread: gauge(
                r,
                "notify_unread_records",
                "Records that [notify] has not looked at yet.",
            )?,
            outcomes_lost: counter(
                r,
                "outcomes_lost_total",
                "Outcomes of requests that have no record, because the ledger took none for too long.",
            )?,
            policy_info: gauges(
                r,
                "policy_info",
                "Revision of the policies in force; always 1.",
                &["revision"],
            )?,
            policy_built: float_gauge(
                &registry,
                "policy_bundle_built_timestamp_seconds",
                "When the revision of the policies in force was made, in seconds since 1970.",
            )?,
            policy_version: gauge(
                &registry,
                "policy_version",
                "Version of the revision of the policies in force.",
            )?,
            policy_loaded: float_gauge(
                r,
                "policy_loaded_timestamp_seconds",
                "When the policies in force were loaded, in seconds since 1970.",
            )?,
            published: Published::new(r)?,
            refusal_networks: gauge(
                r,
                "refusal_networks",
                "Client networks, and clients that order, whose refusals are counted in this minute.",
            )?,
            refusals: counters(
                r,
                "refusals_total",
                "Answers in place of the upstream's, by status and route.",
                &["status", "route"],
            )?,
            refusals_summarised: counter(
                r,
                "refusals_summarised_total",
                "Refusals beyond the limit of their network, without a record of their own.",
            )?,
            registry_rebuilds: counters(
                r,
                "registry_rebuilds_total",
                "Times that a part of the store was found damaged and its rows came from the copy that was whole.",
                &["part"],
            )?,
            registry_rows: gauges(
                r,
                "registry_rows",
                "Rows of the catalogue and of the customers in force.",
                &["part"],
            )?,
            reload_degraded: gauges(
                r,
                "reload_degraded",
                "1 if the last reload of a part failed and the one before is still in force.",
                &["part"],
            )?,
            reloads: counters(
                r,
                "reloads_total",
                "Reloads by part and result.",
                &["part", "result"],
            )?,
            response_bytes: counters(
                r,
                "response_body_bytes_total",
                "Bytes of answer bodies by outcome: served from upstream, or refused.",
                &["outcome", "route"],
            )?,
            read_backs: counters(
                r,
                "order_read_backs_total",
                "Placed orders that were read back from the store, by what came of it.",
                &["outcome"],
            )?,
            tunnel_bytes: counters(
                r,
                "tunnel_bytes_total",
                "Bytes that went through WebSockets, by whom they came from: client or upstream.",
                &["from"],
            )?,
            tunnels: gauge(r, "tunnels_open", "WebSockets that have not ended yet.")?,
            unjudged: counters(
                r,
                "unjudged_requests_total",
                "Requests passed on by routes that do not judge.",
                &["route"],
            )?,
            upstream_errors: counters(
                r,
                "upstream_errors_total",
                "Failed exchanges with an upstream, by kind.",
                &["upstream", "kind"],
            )?,
            upstream_healthy: gauges(
                r,
                "upstream_server_healthy",
                "1 if a server of an upstream is taken for healthy.",
                &["upstream", "server"],
            )?,
            upstream_seconds: histograms(
                r,
                "upstream_seconds",
                "Time to the head of an upstream's answer, in seconds.",
                UPSTREAM_BUCKETS,
                &["upstream"],
            )?,
            registry,
        };
        metrics.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        for part in [Part::Catalogue, Part::Customers] {
            metrics.registry_rebuilds.with_label_values(&[part.as_str()]).reset();
        }
        metrics.registry_rows(0, 0);
        for outcome in ["delivered", "undeliverable"] {
            metrics.notify_messages.with_label_values(&[outcome]).inc_by(0);
        }
        for outcome in ReadBackOutcome::ALL {
            metrics.read_backs.with_label_values(&[outcome.as_str()]).inc_by(0);
        }
        for from in ["client", "upstream"] {
            metrics.tunnel_bytes.with_label_values(&[from]).inc_by(0);
        }
        for part in Part::ALL {
            metrics.reload_degraded.with_label_values(&[part.as_str()]).set(0);
        }
        for result in ["ok", "failed"] {
            metrics.identity_fetches.with_label_values(&[result]).inc_by(0);
        }
        metrics.identity_tokens.with_label_values(&["valid"]).inc_by(0);
        Ok(metrics)
    }

    /// The text exposition format, version 0.0.4.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    /// What charts and the live stream stand on.
    pub fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Number of decisions with that verdict, for the status page.
    pub fn decisions_with(&self, verdict: Verdict) -> u64 {
        let families = self.registry.gather();
        let decisions = families.iter().find(|f| f.name() == "interdict_decisions_total");
        let of_verdict = |m: &&prometheus::proto::Metric| {
            m.get_label().iter().any(|l| l.name() == "verdict" && l.value() == verdict.as_str())
        };
        let counted = decisions.into_iter().flat_map(|f| f.get_metric()).filter(of_verdict);
        // Counters of events are whole numbers far below 2^53.
        #[expect(clippy::as_conversions, reason = "a whole number kept in a float")]
        let total = counted.map(|m| m.get_counter().get_value()).sum::<f64>() as u64;
        total
    }

    /// Counts a refusal.
    pub fn refused(&self, status: u16, route: &str) {
        self.refusals.with_label_values(&[status_label(status), route]).inc();
    }

    /// Counts a fetch of keys.
    pub fn keys_fetched(&self, succeeded: bool) {
        let result = if succeeded { "ok" } else { "failed" };
        self.identity_fetches.with_label_values(&[result]).inc();
    }

    /// Notes the keys in force.
    pub fn keys_in_force(&self, keys: usize, loaded_unix_seconds: f64) {
        self.identity_keys.set(i64::try_from(keys).unwrap_or(i64::MAX));
        self.identity_loaded.set(loaded_unix_seconds);
    }

    /// Counts a token; `result` is one of a closed set.
    pub fn token_checked(&self, result: &'static str) {
        self.identity_tokens.with_label_values(&[result]).inc();
    }

    /// Counts a look at the clock that had to be held at the last record's instant.
    pub fn recorded_late(&self) {
        self.clock_held.inc();
    }

    /// Counts an outcome that could not be recorded.
    pub fn outcome_lost(&self) {
        self.outcomes_lost.inc();
    }

    /// Counts an order that was read back after it was placed, or was to be.
    pub fn read_back(&self, outcome: ReadBackOutcome) {
        self.read_backs.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Counts a request that is passed on unjudged.
    pub fn passed_unjudged(&self, route: &str) {
        self.unjudged.with_label_values(&[route]).inc();
    }

    /// Counts body bytes that were served from upstream, or refused with.
    pub fn answered(&self, served: bool, route: &str, bytes: u64) {
        let outcome = if served { "served" } else { "refused" };
        self.response_bytes.with_label_values(&[outcome, route]).inc_by(bytes);
    }

    /// Notes how long an upstream took to begin its answer.
    pub fn upstream_answered(&self, upstream: &str, seconds: f64) {
        self.upstream_seconds.with_label_values(&[upstream]).observe(seconds);
    }

    /// Counts a failed exchange; `kind` is one of the upstream client's own kinds.
    pub fn upstream_failed(&self, upstream: &str, kind: &'static str) {
        self.upstream_errors.with_label_values(&[upstream, kind]).inc();
    }

    /// Notes whether a server is taken for healthy.
    pub fn server_health(&self, upstream: &str, server: &str, healthy: bool) {
        self.upstream_healthy.with_label_values(&[upstream, server]).set(i64::from(healthy));
    }

    /// A request began; it ends when the guard is dropped.
    pub fn request_began(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Requests that have not ended yet.
    pub fn requests_in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// Notes the policies in force.
    pub fn policies_in_force(&self, revision: &str, loaded_unix_seconds: f64) {
        self.policy_info.reset();
        self.policy_info.with_label_values(&[revision]).set(1);
        self.policy_loaded.set(loaded_unix_seconds);
    }

    /// Notes the version of the policies in force, and when they were made.
    pub fn policy_version(&self, version: u64, built_unix_seconds: f64) {
        self.policy_version.set(i64::try_from(version).unwrap_or(i64::MAX));
        self.policy_built.set(built_unix_seconds);
    }

    /// Notes a geo source's age, where it has a date.
    pub fn geo_source(&self, source: &str, age_seconds: Option<f64>, stale: bool) {
        if let Some(age) = age_seconds {
            self.geo_age.with_label_values(&[source]).set(age);
        }
        self.geo_stale.with_label_values(&[source]).set(i64::from(stale));
    }

    /// Forgets geo sources that a reload took away.
    pub fn geo_sources_reset(&self) {
        self.geo_age.reset();
        self.geo_stale.reset();
    }

    /// Counts a part of the store that was found damaged and rebuilt; `part` is `catalogue` or `customers`.
    pub fn registry_rebuilt(&self, part: &'static str) {
        self.registry_rebuilds.with_label_values(&[part]).inc();
    }

    /// Notes the rows in force.
    pub fn registry_rows(&self, catalogue: usize, customers: usize) {
        for (part, rows) in [(Part::Catalogue, catalogue), (Part::Customers, customers)] {
            let rows = i64::try_from(rows).unwrap_or(i64::MAX);
            self.registry_rows.with_label_values(&[part.as_str()]).set(rows);
        }
    }

    /// Counts a reload and notes whether the part is degraded.
    pub fn reloaded(&self, part: Part, succeeded: bool) {
        let result = if succeeded { "ok" } else { "failed" };
        self.reloads.with_label_values(&[part.as_str(), result]).inc();
        self.reload_degraded.with_label_values(&[part.as_str()]).set(i64::from(!succeeded));
    }
}

/// A request that has not ended yet.
#[derive(Debug)]
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The statuses the gateway itself answers with: a closed set.
const fn status_label(status: u16) -> &'static str {
    match status {
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        405 => "405",
        408 => "408",
        413 => "413",
        415 => "415",
        426 => "426",
        429 => "429",
        451 => "451",
        502 => "502",
        503 => "503",
        504 => "504",
        _ => "other",
    }
}
