//! What is counted of refusals beyond the limits, and of the room that is left for records.

use super::metrics::Metrics;

impl Metrics {
    /// Counts a refusal that has no record of its own.
    pub fn refusal_summarised(&self) {
        self.refusals_summarised.inc();
    }

    /// Notes how many networks and clients are told apart in this minute.
    pub fn refusal_networks(&self, tracked: usize) {
        self.refusal_networks.set(i64::try_from(tracked).unwrap_or(i64::MAX));
    }

    /// Notes the ledger's free bytes, and whether they are fewer than its reserve.
    pub fn ledger_room(&self, free: u64, reserve_reached: bool) {
        self.ledger.free.set(i64::try_from(free).unwrap_or(i64::MAX));
        self.ledger.reserve_reached.set(i64::from(reserve_reached));
    }
}
