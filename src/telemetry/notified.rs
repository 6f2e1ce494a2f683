//! What `[notify]` counts.

use super::metrics::Metrics;

impl Metrics {
    /// Counts a message that has come to its end: the receiver has it, or it was given up.
    pub fn notified(&self, delivered: bool) {
        let outcome = if delivered { "delivered" } else { "undeliverable" };
        self.notify_messages.with_label_values(&[outcome]).inc();
    }

    /// Counts a try that failed.
    pub fn notify_failed(&self) {
        self.notify_failures.inc();
    }

    /// Notes how far behind the receiver is.
    pub fn notify_behind(&self, unread: u64, oldest_seconds: f64) {
        self.notify_unread.set(i64::try_from(unread).unwrap_or(i64::MAX));
        self.notify_oldest.set(oldest_seconds);
    }
}
