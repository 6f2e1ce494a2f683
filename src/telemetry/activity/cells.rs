//! Counts of one minute or hour, and of all that are kept.

use std::collections::VecDeque;
use std::ops::Range;

use super::KEYS;
use super::key::Key;

/// Counts by key, sorted: 12 bytes each.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    counts: Vec<u32>,
    keys: Vec<Key>,
}

impl Cells {
    /// Counts; true if this is a key that was not there.
    fn add(&mut self, key: Key, count: u32) -> bool {
        let at = match self.keys.binary_search(&key) {
            Ok(at) => {
                if let Some(known) = self.counts.get_mut(at) {
                    *known = known.saturating_add(count);
                }
                return false;
            }
            Err(at) => at,
        };
        // `beyond` is its own: at most one for each verdict and action.
        if self.keys.len() >= KEYS && key != key.beyond() {
            return self.add(key.beyond(), count);
        }
        self.keys.insert(at, key);
        self.counts.insert(at, count);
        true
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, u32)> {
        self.keys.iter().copied().zip(self.counts.iter().copied())
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Adds at the end; none where the keys are not in order.
    pub(super) fn push(&mut self, key: Key, count: u32) -> Option<()> {
        if self.keys.last().is_some_and(|last| *last >= key) {
            return None;
        }
        self.keys.push(key);
        self.counts.push(count);
        Some(())
    }
}

/// A minute or an hour.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// Its first minute, since 1970.
    pub(super) at: i64,
    pub(super) cells: Cells,
}

/// All minutes or hours that are kept.
#[derive(Clone, Debug)]
pub(super) struct Track {
    /// Counts in all of them.
    cells: usize,
    /// Most counts.
    most_cells: usize,
    /// Most slots.
    most_slots: i64,
    /// What was before that minute is no longer kept.
    pub(super) gone: i64,
    slots: VecDeque<Slot>,
    /// Minutes of a slot.
    width: i64,
}

impl Track {
    pub(super) fn new(width: i64, most_slots: i64, most_cells: usize) -> Self {
        let slots = VecDeque::new();
        Self { cells: 0, gone: i64::MIN, most_cells, most_slots, slots, width }
    }

    /// Counts at a minute.
    pub(super) fn add(&mut self, minute: i64, key: Key, count: u32) {
        let at = floor(minute, self.width);
        let found = match self.slots.back() {
            Some(last) if last.at == at => self.slots.len().checked_sub(1),
            Some(last) if last.at < at => None,
            _ => match self.slots.binary_search_by(|slot| slot.at.cmp(&at)) {
                Ok(found) => Some(found),
                Err(place) => {
                    self.slots.insert(place, Slot { at, cells: Cells::default() });
                    Some(place)
                }
            },
        };
        let slot = match found {
            Some(found) => self.slots.get_mut(found),
            None => {
                self.slots.push_back(Slot { at, cells: Cells::default() });
                self.slots.back_mut()
            }
        };
        if slot.is_some_and(|slot| slot.cells.add(key, count)) {
            self.cells = self.cells.saturating_add(1);
        }
        self.forget();
    }

    /// Adds a slot behind the others; none where it does not belong there.
    pub(super) fn push(&mut self, slot: Slot) -> Option<()> {
        let is_last = self.slots.back().is_none_or(|last| last.at < slot.at);
        if !is_last || floor(slot.at, self.width) != slot.at {
            return None;
        }
        self.cells = self.cells.saturating_add(slot.cells.len());
        self.slots.push_back(slot);
        self.forget();
        Some(())
    }

    /// The oldest go when there are too many, and never the last.
    fn forget(&mut self) {
        let Some(last) = self.slots.back().map(|slot| slot.at) else { return };
        let kept =
            last.saturating_sub(self.width.saturating_mul(self.most_slots.saturating_sub(1)));
        while let Some(first) = self.slots.front() {
            let is_crowded = self.cells > self.most_cells && self.slots.len() > 1;
            if first.at >= kept && !is_crowded {
                break;
            }
            self.cells = self.cells.saturating_sub(first.cells.len());
            self.gone = self.gone.max(first.at.saturating_add(self.width));
            self.slots.pop_front();
        }
    }

    pub(super) fn slots(&self) -> impl ExactSizeIterator<Item = &Slot> {
        self.slots.iter()
    }

    /// The slots that begin within minutes.
    pub(super) fn within(&self, minutes: Range<i64>) -> impl Iterator<Item = &Slot> {
        let first = self.slots.partition_point(|slot| slot.at < minutes.start);
        let end = self.slots.partition_point(|slot| slot.at < minutes.end).max(first);
        self.slots.range(first..end)
    }

    /// The first minute of which something is kept.
    pub(super) fn first(&self) -> Option<i64> {
        self.slots.front().map(|slot| slot.at)
    }
}

/// The last multiple of `width` that is not after `minute`.
pub(super) fn floor(minute: i64, width: i64) -> i64 {
    minute.saturating_sub(minute.checked_rem_euclid(width).unwrap_or(0))
}

/// The first multiple of `width` that is not before `minute`.
pub(super) fn ceil(minute: i64, width: i64) -> i64 {
    let floor = floor(minute, width);
    if floor == minute { minute } else { floor.saturating_add(width) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Action;
    use crate::model::Verdict;

    fn key(n: u16) -> Key {
        Key::new(Verdict::Allow, Action::Resale, n % 600, n / 600, 0)
    }

    #[test]
    fn keys_beyond_the_limit_are_counted_as_other_and_none_is_lost() {
        let mut track = Track::new(1, 10, usize::MAX);
        for n in 0..5_000 {
            track.add(7, key(n), 1);
            track.add(7, key(n), 2);
        }
        let slot = track.slots().next().unwrap();
        assert_eq!(slot.cells.len(), KEYS + 1);
        assert_eq!(slot.cells.iter().map(|(_, count)| u64::from(count)).sum::<u64>(), 15_000);
        let other = slot.cells.iter().find(|(other, _)| *other == key(0).beyond()).unwrap();
        assert_eq!(other.1, 3 * (5_000 - 4_096));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_slots_or_counts() {
        let mut track = Track::new(60, 3, 5);
        for hour in 0..6 {
            track.add(hour * 60 + 5, key(1), 1);
        }
        assert_eq!(track.slots().map(|slot| slot.at).collect::<Vec<_>>(), [180, 240, 300]);
        assert_eq!(track.gone, 180);
        for n in 1..5 {
            track.add(300, key(n), 1);
        }
        assert_eq!(track.slots().map(|slot| slot.at).collect::<Vec<_>>(), [240, 300]);
        assert_eq!((track.gone, track.cells), (240, 5));
        (10..30).for_each(|n| track.add(300, key(n), 1));
        assert_eq!(track.slots().len(), 1, "the present one stays whatever it costs");
    }
}
