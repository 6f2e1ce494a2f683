//! Which personal parts can still be read: those in clear, those whose key exists, those whose key an erasure destroyed.

use std::collections::{HashMap, HashSet};

use super::report::Parts;

/// Counts personal parts by the keys of their subjects. An erasure stands behind the records that it is about.
#[derive(Default)]
pub(super) struct Subjects {
    clear: u64,
    /// By the first 16 digits of the id: ids are random, and these count.
    encrypted: HashMap<u64, u32>,
    destroyed: HashSet<u64>,
    pub(super) erasures: u64,
}

impl Subjects {
    pub(super) fn clear(&mut self) {
        self.clear = self.clear.saturating_add(1);
    }

    pub(super) fn encrypted(&mut self, key: &[u8]) {
        let count = self.encrypted.entry(short(key)).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes the document of an erasure; `None` if it names no keys.
    pub(super) fn erased(&mut self, document: &[u8]) -> Option<()> {
        let document: serde_json::Value = serde_json::from_slice(document).ok()?;
        let keys = document.get("subject_key")?.as_array().filter(|keys| !keys.is_empty())?;
        for key in keys {
            let key = key.as_str().filter(|key| key.len() == 32)?;
            self.destroyed.insert(short(key.as_bytes()));
        }
        self.erasures = self.erasures.saturating_add(1);
        Some(())
    }

    pub(super) fn parts(&self, documents: u64) -> Parts {
        let mut parts = Parts { documents, clear: self.clear, ..Parts::default() };
        for (key, count) in &self.encrypted {
            let tally = match self.destroyed.contains(key) {
                true => &mut parts.erased,
                false => &mut parts.encrypted,
            };
            *tally = tally.saturating_add(u64::from(*count));
        }
        parts
    }
}

fn short(key: &[u8]) -> u64 {
    let digits = key.get(..16).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}
