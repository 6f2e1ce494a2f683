//! Exemplars: for a counter and each bucket of a histogram, the id of a decision that was counted there, so that a spike leads to
//! its records. Where the metric moves too often for all, some of its decisions are noted; where another thread is noting or
//! reading at that moment, none is.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::TryLockError;

use jiff::Timestamp;

use crate::model::DecisionId;

/// Counters that have one, at most: more than there are.
const COUNTERS: usize = 4_096;
/// Of what is counted again and again, one in so many.
const ONE_IN: u32 = 100;

thread_local! {
    static ALLOWED: Cell<u32> = const { Cell::new(0) };
    static TIMED: Cell<u32> = const { Cell::new(0) };
}

/// A decision, when it was made, and what was measured of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Exemplar {
    pub(super) at: Timestamp,
    pub(super) id: DecisionId,
    pub(super) value: f64,
}

/// Exemplars of the children of one counter, by the values of their labels.
#[derive(Debug, Default)]
pub(super) struct OfCounter {
    found: Mutex<HashMap<u64, Exemplar>>,
    hasher: RandomState,
}

/// Exemplars of the buckets of one histogram.
#[derive(Debug)]
pub(super) struct OfHistogram {
    bounds: &'static [f64],
    found: Mutex<Vec<Option<Exemplar>>>,
}

/// True once in a hundred times on a thread, and the first time.
pub(super) fn is_chosen_allow() -> bool {
    ALLOWED.with(is_chosen)
}

fn is_chosen(turn: &Cell<u32>) -> bool {
    let left = turn.get();
    turn.set(left.checked_sub(1).unwrap_or(ONE_IN.saturating_sub(1)));
    left == 0
}

impl OfCounter {
    /// Notes the last decision of a child; its labels' values stand in the order of the labels' names.
    pub(super) fn note<const N: usize>(&self, labels: [&str; N], exemplar: Exemplar) {
        let child = self.hasher.hash_one(labels.as_slice());
        let mut found = match self.found.try_lock() {
            Ok(found) => found,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if found.len() < COUNTERS || found.contains_key(&child) {
            found.insert(child, exemplar);
        }
    }

    /// The exemplar of a child.
    pub(super) fn of(&self, labels: &[&str]) -> Option<Exemplar> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(&self.hasher.hash_one(labels)).copied()
    }
}

impl OfHistogram {
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, found: Mutex::new(vec![None; bounds.len().saturating_add(1)]) }
    }

    /// Notes a decision in the bucket of its value: all that are slow, and one in a hundred of the others.
    pub(super) fn note(&self, id: DecisionId, at: Timestamp, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if bucket <= self.bounds.len() / 2 && !TIMED.with(is_chosen) {
            return;
        }
        let mut found = match self.found.try_lock() {
            Ok(found) => found,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if let Some(found) = found.get_mut(bucket) {
            *found = Some(Exemplar { at, id, value });
        }
    }

    /// The exemplar of a bucket, by its position; that of `+Inf` is the last.
    pub(super) fn of(&self, bucket: usize) -> Option<Exemplar> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(bucket).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_is_chosen_and_the_first_is() {
        let chosen: Vec<_> = (0..301).filter(|_| is_chosen_allow()).collect();
        assert_eq!(chosen, [0, 100, 200, 300]);
    }

    #[test]
    fn a_value_is_noted_in_its_bucket_and_a_slow_one_always() {
        let histogram = OfHistogram::new(&[1.0, 2.0, 4.0]);
        let at = Timestamp::UNIX_EPOCH;
        let id = DecisionId::new(at);
        for value in [1.0, 4.0, 9.0, 3.0] {
            histogram.note(id, at, value);
        }
        let values = [0, 1, 2, 3].map(|bucket| histogram.of(bucket).map(|found| found.value));
        assert_eq!(values, [Some(1.0), None, Some(3.0), Some(9.0)]);
    }
}
