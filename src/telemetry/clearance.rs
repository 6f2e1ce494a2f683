//! What is counted of the review queue and of clearances.

use prometheus::Gauge;
use prometheus::IntCounter;
use prometheus::IntGauge;
use prometheus::Registry;

use super::family::counter;
use super::family::float_gauge;
use super::family::gauge;
use super::metrics::Metrics;

/// The families.
#[derive(Clone, Debug)]
pub(super) struct Clearances {
    active: IntGauge,
    dropped: IntCounter,
    oldest: Gauge,
    open: IntGauge,
    used: IntCounter,
}

impl Clearances {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            active: gauge(registry, "clearances_active", "Clearances that are in force.")?,
            dropped: counter(
                registry,
                "reviews_dropped_total",
                "Entries that left the review queue because there were too many.",
            )?,
            oldest: float_gauge(
                registry,
                "review_oldest_seconds",
                "Age of the oldest entry of the review queue that waits for somebody, in seconds; 0 if none does.",
            )?,
            open: gauge(
                registry,
                "reviews_open",
                "Entries of the review queue that wait for somebody.",
            )?,
            used: counter(
                registry,
                "clearances_used_total",
                "Holds that were lifted by a clearance, one for each clearance that was used.",
            )?,
        })
    }
}

impl Metrics {
    /// Counts the clearances that lifted a hold.
    pub fn cleared(&self, clearances: usize) {
        self.clearances.used.inc_by(u64::try_from(clearances).unwrap_or(u64::MAX));
    }

    /// Counts entries that left the review queue unresolved.
    pub fn reviews_dropped(&self, entries: usize) {
        self.clearances.dropped.inc_by(u64::try_from(entries).unwrap_or(u64::MAX));
    }

    /// Notes how the review queue stands.
    pub fn review_queue(&self, open: usize, oldest_seconds: f64) {
        self.clearances.open.set(i64::try_from(open).unwrap_or(i64::MAX));
        self.clearances.oldest.set(oldest_seconds);
    }

    /// Notes how many clearances are in force.
    pub fn clearances_active(&self, clearances: usize) {
        self.clearances.active.set(i64::try_from(clearances).unwrap_or(i64::MAX));
    }
}
