//! What is counted of clearances.

use prometheus::IntCounter;
use prometheus::IntGauge;
use prometheus::Registry;

use super::family::counter;
use super::family::gauge;
use super::metrics::Metrics;

/// The families.
#[derive(Clone, Debug)]
pub(super) struct Clearances {
    active: IntGauge,
    used: IntCounter,
}

impl Clearances {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            active: gauge(registry, "clearances_active", "Clearances that are in force.")?,
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

    /// Notes how many clearances are in force.
    pub fn clearances_active(&self, clearances: usize) {
        self.clearances.active.set(i64::try_from(clearances).unwrap_or(i64::MAX));
    }
}
