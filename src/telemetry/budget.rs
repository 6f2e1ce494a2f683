//! How many lines of one kind the log takes: a flood of refusals must not become a flood of lines.

use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

/// Lines a second beyond which a kind of event is only counted; each is in the ledger anyway.
const LINES_A_SECOND: u64 = 100;

/// The lines of one kind in the present second.
#[derive(Debug, Default)]
pub struct LineBudget {
    second: AtomicI64,
    asked: AtomicU64,
}

/// Leave to write one line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Line {
    /// Lines left out before this one, to be told with it; 0 almost always.
    pub left_out: u64,
}

impl LineBudget {
    /// Asks for a line at a time (seconds since 1970).
    pub fn ask(&self, second: i64) -> Option<Line> {
        if self.second.fetch_max(second, Ordering::Relaxed) < second {
            let left_out = self.asked.swap(1, Ordering::Relaxed).saturating_sub(LINES_A_SECOND);
            return Some(Line { left_out });
        }
        let before = self.asked.fetch_add(1, Ordering::Relaxed);
        (before < LINES_A_SECOND).then_some(Line { left_out: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_to_some_lines_a_second_and_the_rest_is_told_afterwards() {
        let budget = LineBudget::default();
        let lines = (0..250).filter(|_| budget.ask(7).is_some()).count();
        assert_eq!(lines, 100);
        assert_eq!(budget.ask(8), Some(Line { left_out: 150 }));
        assert_eq!(budget.ask(8), Some(Line { left_out: 0 }));
        // A clock that steps back does not open a new second.
        assert_eq!((0..250).filter(|_| budget.ask(7).is_some()).count(), 98);
    }
}
