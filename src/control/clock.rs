//! Time as events have it.

use jiff::Timestamp;

use crate::model::Clock;

/// The instant, to the microsecond: as the ledger keeps it, so that an event is the same from wherever it is read.
pub(super) fn now(clock: &dyn Clock) -> Timestamp {
    let now = clock.now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
