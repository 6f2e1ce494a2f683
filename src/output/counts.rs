//! Counts by verdict.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::model::Verdict;

/// How many were allowed, blocked and held.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// Allowed.
    pub allow: u64,
    /// Blocked.
    pub block: u64,
    /// Held.
    pub review: u64,
}

impl Counts {
    /// Adds one.
    pub const fn add(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Allow => &mut self.allow,
            Verdict::Block => &mut self.block,
            Verdict::Review => &mut self.review,
        };
        *count = count.saturating_add(1);
    }

    /// Adds what another counted.
    pub const fn merge(&mut self, other: Self) {
        self.allow = self.allow.saturating_add(other.allow);
        self.block = self.block.saturating_add(other.block);
        self.review = self.review.saturating_add(other.review);
    }

    /// All of them.
    pub const fn all(&self) -> u64 {
        self.allow.saturating_add(self.found())
    }

    /// Blocked and held.
    pub const fn found(&self) -> u64 {
        self.block.saturating_add(self.review)
    }
}

/// No more keys of one kind are counted apart, so that no input takes more memory.
const MAX_KEYS: usize = 2_000;

/// The counts of a key; beyond 2,000 keys those of `others`.
pub fn counts_of<'a>(into: &'a mut BTreeMap<String, Counts>, key: &str) -> &'a mut Counts {
    let key = if into.len() < MAX_KEYS || into.contains_key(key) { key } else { "others" };
    if !into.contains_key(key) {
        into.insert(key.to_owned(), Counts::default());
    }
    into.entry(key.to_owned()).or_default()
}
