//! Minutes, and beside them the hours that they add up to.

use super::CELLS_OF_HOURS;
use super::CELLS_OF_MINUTES;
use super::HOURS;
use super::MINUTES;
use super::cells::Track;
use super::key::Key;
use super::names::Names;

/// Everything that was counted and is kept.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) hours: Track,
    pub(super) minutes: Track,
    pub(super) products: Names,
    pub(super) rules: Names,
    /// One more with every change.
    pub(super) version: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            hours: Track::new(60, HOURS, CELLS_OF_HOURS),
            minutes: Track::new(1, MINUTES, CELLS_OF_MINUTES),
            products: Names::default(),
            rules: Names::default(),
            version: 0,
        }
    }
}

impl History {
    /// Counts at a minute (since 1970), and in its hour.
    pub(super) fn add(&mut self, minute: i64, key: Key, count: u32) {
        self.version = self.version.wrapping_add(1);
        self.minutes.add(minute, key, count);
        self.hours.add(minute, key, count);
    }
}
