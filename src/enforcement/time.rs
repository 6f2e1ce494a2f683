//! A clock that never steps back: what is judged later is judged at a later instant, or at the same.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use crate::model::Clock;

/// A clock held at the latest instant it has shown, to the microsecond.
#[derive(Debug)]
pub struct MonotoneClock {
    clock: Arc<dyn Clock>,
    latest: AtomicI64,
}

impl MonotoneClock {
    /// Starts no earlier than `since`, the instant of the last record.
    pub fn new(clock: Arc<dyn Clock>, since: Option<Timestamp>) -> Self {
        let latest = since.map_or(i64::MIN, Timestamp::as_microsecond);
        Self { clock, latest: AtomicI64::new(latest) }
    }

    /// Now, and whether the clock had to be held.
    pub fn now(&self) -> (Timestamp, bool) {
        let now = self.clock.now();
        let micros = now.as_microsecond();
        let latest = self.latest.fetch_max(micros, Ordering::Relaxed);
        if latest <= micros {
            return (Timestamp::from_microsecond(micros).unwrap_or(now), false);
        }
        (Timestamp::from_microsecond(latest).unwrap_or(now), true)
    }
}
