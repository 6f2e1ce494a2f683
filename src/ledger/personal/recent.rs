//! The keys of the subjects that were met last, in bounded memory.

use std::collections::HashMap;
use std::mem;

/// A key and its id.
pub(super) type Known = ([u8; 16], [u8; 32]);

/// Of two generations of half the bound, the older is forgotten when the younger is full; what is met again is young again.
#[derive(Default)]
pub(super) struct Recent {
    older: HashMap<[u8; 16], Known>,
    younger: HashMap<[u8; 16], Known>,
}

impl Recent {
    /// Most subjects kept: 65,536.
    const HALF: usize = 32_768;

    pub(super) fn get(&mut self, tag: &[u8; 16]) -> Option<Known> {
        if let Some(known) = self.younger.get(tag) {
            return Some(*known);
        }
        let known = self.older.remove(tag)?;
        self.insert(*tag, known);
        Some(known)
    }

    pub(super) fn insert(&mut self, tag: [u8; 16], known: Known) {
        if self.younger.len() >= Self::HALF {
            self.older = mem::take(&mut self.younger);
        }
        self.younger.insert(tag, known);
    }

    pub(super) fn forget(&mut self, tag: &[u8; 16]) {
        self.older.remove(tag);
        self.younger.remove(tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_who_is_met_again_stays() {
        let mut recent = Recent::default();
        let tag = |n: u32| {
            let mut tag = [0; 16];
            tag[..4].copy_from_slice(&n.to_le_bytes());
            tag
        };
        for n in 0..200_000 {
            recent.insert(tag(n), ([0; 16], [0; 32]));
            assert!(recent.older.len() + recent.younger.len() <= 65_536);
            assert!(n < 1 || recent.get(&tag(0)).is_some(), "met each time");
        }
        assert_eq!(recent.get(&tag(5)), None);
        recent.forget(&tag(0));
        assert_eq!(recent.get(&tag(0)), None);
    }
}
