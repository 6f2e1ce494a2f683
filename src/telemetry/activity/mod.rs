//! What the console's charts, its map and its live stream stand on, at next to no cost for the gateway.
//!
//! **What it is for.** Decisions are counted per minute by verdict, product, rule, country and action. Minutes are kept for 48 hours,
//! hours for 90 days, and both in one private file, so that charts outlive a restart. While somebody looks, the last decisions
//! are kept as a sample.
//!
//! **What it must never do.** Make a request wait for a reader, allocate once a key is known, grow without bound, lose a count, or hold
//! anything of a person: no account, no address, no e-mail address, no licence key. It is no evidence: that is the ledger's, and a crash
//! costs up to a minute of the charts.
//!
//! **Bounds.** A minute and an hour tell [`KEYS`] keys apart; what is beyond is counted as `other`, under its verdict and action.
//! [`CELLS_OF_MINUTES`] and [`CELLS_OF_HOURS`] counts of 12 bytes are kept, 38 MB together, and the oldest go first. Each shard has room
//! for its keys: 0.4 MB where all are used, and there is one for each worker, 16 at most.
//!
//! **Locks.** Each worker counts in a shard of its own. Once a second the shards are drained into the history; a shard that is being
//! drained is passed over for its neighbour. Order: the file, the history, a shard.

mod cells;
mod file;
mod history;
mod key;
mod live;
mod names;
mod query;
mod shard;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use jiff::Timestamp;

use crate::model::Action;
use crate::model::Country;
use crate::model::Decision;

pub use file::ActivityError;
pub use live::Recent;
pub use live::Shown;
pub use query::Axis;
pub use query::Filter;

pub use query::Series;
pub use query::SeriesLine;
pub use query::Total;
pub use query::Totals;
pub use query::Window;

use history::History;
use live::Live;
use shard::Shards;
use shard::What;

/// Keys that are told apart in a minute, in an hour, and between two drains of a shard.
const KEYS: usize = 4_096;
/// Minutes that are kept: 48 hours.
const MINUTES: i64 = 48 * 60;
/// Hours that are kept: 90 days.
const HOURS: i64 = 90 * 24;
/// Counts that are kept of minutes.
const CELLS_OF_MINUTES: usize = 1 << 21;
/// Counts that are kept of hours.
const CELLS_OF_HOURS: usize = 1 << 20;

/// What was decided, counted. Shared by all workers.
#[derive(Debug, Default)]
pub struct Activity {
    file: Mutex<file::Kept>,
    history: Mutex<History>,
    live: Live,
    shards: Shards,
}

impl Activity {
    /// Counts a decision about a request, made at an instant, on a buyer of a country.
    pub fn noted(
        &self,
        decision: &Decision,
        action: Action,
        country: Option<Country>,
        at: Timestamp,
    ) {
        self.shards.count(&What::new(decision, action, country), at.as_second());
    }

    /// Shows a decision to those who look at the live stream, if anybody does and there is room in this second. `shown` is asked for
    /// it only then.
    pub fn shown(&self, decision: &Decision, at: Timestamp, shown: impl FnOnce() -> Shown) {
        self.live.offer(decision.verdict, at, shown);
    }

    /// Brings what was counted into the history. To be called every second; what asks for counts does it, too.
    pub fn fold(&self) {
        self.shards.drain(&mut lock(&self.history));
    }

    /// Counts over time, a line for each value of `by`, those with the most first.
    pub fn series(&self, window: Window, step_minutes: u32, by: Axis, filter: &Filter) -> Series {
        let mut history = lock(&self.history);
        self.shards.drain(&mut history);
        query::series(&history, window, step_minutes, by, filter)
    }

    /// Counts of a time, by verdict, for each value of `by`, those with the most first: the map's are by country.
    pub fn totals(&self, window: Window, by: Axis, filter: &Filter) -> Totals {
        let mut history = lock(&self.history);
        self.shards.drain(&mut history);
        query::totals(&history, window, by, filter)
    }

    /// The decisions shown after one that was seen before (0: none was), and how many there are a second. Who asks at least every ten
    /// seconds keeps the stream going.
    pub fn since(&self, seen: u64, now: Timestamp) -> Recent {
        self.live.since(seen, now, self.shards.in_second(now.as_second().saturating_sub(1)))
    }

    /// Reads what was kept, before the first decision.
    ///
    /// # Errors
    /// The file is there and cannot be read, or is not one of ours. Nothing is counted yet then; the next [`Activity::save`] replaces it.
    pub fn load(&self, path: &Path) -> Result<(), ActivityError> {
        if let Some(history) = file::read(path)? {
            *lock(&self.history) = history;
        }
        Ok(())
    }

    /// Keeps what is counted, if anything was since the last time. Only its owner reads the file, and it is replaced whole.
    ///
    /// # Errors
    /// The disk does not take it: what is there stays, and counting goes on.
    pub fn save(&self, path: &Path) -> Result<(), ActivityError> {
        let mut kept = lock(&self.file);
        let written = {
            let mut history = lock(&self.history);
            self.shards.drain(&mut history);
            kept.encode(&history)
        };
        if !written {
            return Ok(());
        }
        kept.write(path)
    }
}

/// Nothing is half-made under these locks when a thread panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
