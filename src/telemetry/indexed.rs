//! What the ledger and its search index show.

use super::metrics::Metrics;

impl Metrics {
    /// Notes the ledger's state.
    pub fn ledger(&self, unsynced: u64, lag_seconds: f64, failed: bool) {
        self.ledger_depth.set(i64::try_from(unsynced).unwrap_or(i64::MAX));
        self.ledger_lag.set(lag_seconds);
        self.ledger_failed.set(i64::from(failed));
    }

    /// Notes how far the search index is, and how often it was made anew since the start.
    pub fn ledger_index(&self, indexed: u64, rebuilds: u64) {
        self.ledger_indexed.set(i64::try_from(indexed).unwrap_or(i64::MAX));
        let more = rebuilds.saturating_sub(self.ledger_index_rebuilds.get());
        self.ledger_index_rebuilds.inc_by(more);
    }
}
