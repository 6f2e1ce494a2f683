//! The families of the evidence ledger.

use prometheus::Gauge;
use prometheus::IntCounter;
use prometheus::IntGauge;
use prometheus::Registry;

use super::family::counter;
use super::family::float_gauge;
use super::family::gauge;
use super::metrics::Metrics;

/// What is exposed of the ledger.
#[derive(Clone, Debug)]
pub(super) struct LedgerFamilies {
    depth: IntGauge,
    failed: IntGauge,
    pub(super) free: IntGauge,
    index_bytes: IntGauge,
    index_rebuilds: IntCounter,
    indexed: IntGauge,
    lag: Gauge,
    publish_failures: IntCounter,
    published: IntGauge,
    records: IntCounter,
    pub(super) reserve_reached: IntGauge,
    unpublished: IntGauge,
}

/// How the ledger stands, when somebody asks.
#[derive(Clone, Copy, Debug)]
pub struct LedgerState {
    /// Whether it cannot be written.
    pub failed: bool,
    /// Age in seconds of the oldest record not yet known to be on the disk.
    pub lag_seconds: f64,
    /// Failed tries to publish a checkpoint since start.
    pub publish_failures: u64,
    /// Records that the last checkpoint covers.
    pub published: u64,
    /// All records.
    pub records: u64,
    /// Records written and not yet known to be on the disk.
    pub unsynced: u64,
}

impl LedgerFamilies {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            depth: gauge(
                r,
                "ledger_unsynced_records",
                "Records written and not yet known to be on the disk.",
            )?,
            failed: gauge(
                r,
                "ledger_failed",
                "1 if the ledger cannot be written, and regulated traffic is answered with 503.",
            )?,
            free: gauge(
                r,
                "ledger_free_bytes",
                "Free bytes of the file system that holds the ledger.",
            )?,
            index_bytes: gauge(r, "ledger_index_bytes", "Bytes of the search index on the disk.")?,
            index_rebuilds: counter(
                r,
                "ledger_index_rebuilds_total",
                "Times the search index was made anew because it was damaged or did not fit the log.",
            )?,
            indexed: gauge(
                r,
                "ledger_indexed_records",
                "Records that the search index covers; a search reads the others.",
            )?,
            lag: float_gauge(
                r,
                "ledger_lag_seconds",
                "Age of the oldest record not yet known to be on the disk, in seconds.",
            )?,
            publish_failures: counter(
                r,
                "ledger_publish_failures_total",
                "Tries to publish a checkpoint that failed.",
            )?,
            published: gauge(
                r,
                "ledger_published_records",
                "Records that the last signed checkpoint covers.",
            )?,
            records: counter(r, "ledger_records_total", "Records appended since start.")?,
            reserve_reached: gauge(
                r,
                "ledger_reserve_reached",
                "1 if less than [ledger] reserve is free, and refusals of strangers are summarised.",
            )?,
            unpublished: gauge(
                r,
                "ledger_unpublished_records",
                "Records that no signed checkpoint covers yet.",
            )?,
        })
    }
}

impl Metrics {
    /// Counts an appended record.
    pub fn recorded(&self) {
        self.ledger.records.inc();
    }

    /// Notes the ledger's state.
    pub fn ledger(&self, state: LedgerState) {
        let LedgerState { failed, lag_seconds, publish_failures, published, records, unsynced } =
            state;
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let families = &self.ledger;
        families.depth.set(gauge(unsynced));
        families.lag.set(lag_seconds);
        families.failed.set(i64::from(failed));
        families.published.set(gauge(published));
        families.unpublished.set(gauge(records.saturating_sub(published)));
        let counted = families.publish_failures.get();
        families.publish_failures.inc_by(publish_failures.saturating_sub(counted));
    }

    /// Notes how large the search index is, how far it has come, and how often it was made anew since start.
    pub fn ledger_index(&self, bytes: u64, indexed: u64, rebuilds: u64) {
        let families = &self.ledger;
        families.index_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        families.indexed.set(i64::try_from(indexed).unwrap_or(i64::MAX));
        let counted = families.index_rebuilds.get();
        families.index_rebuilds.inc_by(rebuilds.saturating_sub(counted));
    }
}
