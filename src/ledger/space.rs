//! How much room the ledger's file system has left, against what is to be kept in reserve.
//!
//! **What it must never do.** Refuse a record: it only tells. What is done about it is its callers' affair.
//!
//! **INVARIANT** A level is left for a better one only with an eighth more room than it was entered with, so that a file system that
//! stands at a threshold is not told of again and again.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::error::LedgerError;

/// How the free space stands to the reserve.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Room {
    /// At least four times the reserve.
    #[default]
    Plenty,
    /// Less than four times the reserve: there is time to act.
    Low,
    /// Less than the reserve.
    Reserve,
}

/// What is to stay free on the ledger's file system.
#[derive(Debug)]
pub struct Reserve {
    bytes: u64,
    dir: PathBuf,
    seen: Mutex<Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    free: Option<u64>,
    room: Room,
}

impl Reserve {
    /// Of the file system that holds `dir`, in bytes; 0 for none. Nothing is looked at yet.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, bytes: u64) -> Self {
        Self { bytes, dir: dir.into(), seen: Mutex::default() }
    }

    /// Looks. Blocks for a system call. Says how much room there is if that is another level than before.
    ///
    /// # Errors
    /// `Io` if the file system does not tell; what was seen before stands.
    pub fn look(&self) -> Result<Option<Room>, LedgerError> {
        let told = rustix::fs::statvfs(&self.dir).map_err(|error| {
            LedgerError::io("look at the free space of", &self.dir)(error.into())
        })?;
        // What is free for others than root.
        Ok(self.note(told.f_bavail.saturating_mul(told.f_frsize)))
    }

    /// Free bytes at the last look; none before the first.
    #[must_use]
    pub fn free(&self) -> Option<u64> {
        self.seen().free
    }

    /// The room at the last look.
    #[must_use]
    pub fn room(&self) -> Room {
        self.seen().room
    }

    /// Bytes that are to stay free.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    fn note(&self, free: u64) -> Option<Room> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let low = self.bytes.saturating_mul(4);
        let least = |room: Room, bytes: u64| {
            let more = if seen.room >= room { bytes >> 3 } else { 0 };
            bytes.saturating_add(more)
        };
        let room = if free < least(Room::Reserve, self.bytes) {
            Room::Reserve
        } else if free < least(Room::Low, low) {
            Room::Low
        } else {
            Room::Plenty
        };
        let before = seen.room;
        *seen = Seen { free: Some(free), room };
        (room != before).then_some(room)
    }

    fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_crossing_is_told_once_and_a_level_is_left_with_room_to_spare() {
        let reserve = Reserve::new("/nowhere", 1000);
        let told = [5000, 3999, 3000, 999, 500, 1001, 1124, 1125, 4400, 4499, 4500, 3999, 0]
            .map(|free| reserve.note(free));
        let mut expected = [None; 13];
        expected[1] = Some(Room::Low);
        expected[3] = Some(Room::Reserve);
        expected[7] = Some(Room::Low);
        expected[10] = Some(Room::Plenty);
        expected[11] = Some(Room::Low);
        expected[12] = Some(Room::Reserve);
        assert_eq!(told, expected);
        assert_eq!(reserve.free(), Some(0));
    }

    #[test]
    fn without_a_reserve_there_is_plenty() {
        let reserve = Reserve::new("/nowhere", 0);
        assert_eq!([reserve.note(0), reserve.note(1)], [None; 2]);
        assert_eq!(reserve.room(), Room::Plenty);
    }

    #[test]
    fn what_it_sees_is_what_the_file_system_says_and_what_it_cannot_see_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(dir.path(), 1);
        assert_eq!(reserve.look().unwrap(), None);
        assert!(reserve.free().unwrap() > 0);
        let nowhere = Reserve::new(dir.path().join("none"), 1);
        assert!(nowhere.look().is_err());
        assert_eq!((nowhere.free(), nowhere.room()), (None, Room::Plenty));
    }
}
