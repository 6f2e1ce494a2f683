//! What the search index counts.

use super::metrics::Metrics;

impl Metrics {
    /// Notes how far the search index is, and how often it was made anew since the start.
    pub fn ledger_index(&self, indexed: u64, rebuilds: u64) {
        self.ledger_indexed.set(i64::try_from(indexed).unwrap_or(i64::MAX));
        let more = rebuilds.saturating_sub(self.ledger_index_rebuilds.get());
        self.ledger_index_rebuilds.inc_by(more);
    }
}
