//! Where decisions are counted as they are made: a table for each worker.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::TryLockError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::model::Action;
use crate::model::Country;
use crate::model::Decision;
use crate::model::RuleFacts;
use crate::model::Verdict;

use super::KEYS;
use super::history::History;
use super::key::Key;
use super::key::place;
use super::key::verdict_index;
use super::lock;
use super::names::NONE;

/// Tables; more workers than that share them.
const SHARDS: usize = 16;
/// Places of a table's index: twice its keys, so that a search is short. A power of two.
const PLACES: usize = KEYS * 2;
/// A place that is free.
const FREE: u32 = u32::MAX;
/// Seconds whose decisions are still known.
const SECONDS: usize = 4;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The table of this thread.
    static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
}

/// The tables of all workers.
#[derive(Debug, Default)]
pub(super) struct Shards([Shard; SHARDS]);

/// A table on cache lines of its own: workers do not slow one another down.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<Table>);

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct What<'a> {
    action: Action,
    place: u16,
    product: Option<&'a Arc<str>>,
    ruling: Option<&'a Arc<RuleFacts>>,
    verdict: Verdict,
}

#[derive(Debug, Default)]
struct Table {
    /// The minute that `earlier` of each entry is of.
    before: i64,
    /// What found no place, by verdict and action.
    beyond: [[Count; Action::ALL.len()]; Verdict::ALL.len()],
    entries: Vec<Entry>,
    /// The minute that is counted.
    minute: i64,
    /// Positions of entries, by their hash.
    places: Vec<u32>,
    /// Decisions of the last seconds.
    seconds: [(i64, u32); SECONDS],
    /// True if something of an earlier minute may wait.
    waits: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    earlier: u32,
    now: u32,
}

#[derive(Debug)]
struct Entry {
    action: Action,
    count: Count,
    hash: u64,
    /// Once the history knows it.
    key: Option<Key>,
    place: u16,
    product: Option<Arc<str>>,
    ruling: Option<Arc<RuleFacts>>,
    verdict: Verdict,
}

impl<'a> What<'a> {
    /// The product is the one that decided: what the rule was applied to, or else what some rule came near to, or else the first.
    pub(super) fn new(decision: &'a Decision, action: Action, country: Option<Country>) -> Self {
        let ruling = decision.ruling.as_ref();
        let product = product_of(decision);
        Self { action, place: place(country), product, ruling, verdict: decision.verdict }
    }

    fn hash(&self) -> u64 {
        let small = u64::from(self.place)
            ^ verdict_index(self.verdict) << 16
            ^ u64::try_from(self.action.index()).unwrap_or(0) << 18;
        let mut hash = mixed(0x243f_6a88_85a3_08d3, small);
        if let Some(product) = self.product {
            hash = mixed_text(hash, product);
        }
        if let Some(rule) = self.ruling {
            hash = mixed_text(mixed_text(hash, &rule.policy), &rule.rule);
        }
        hash
    }
}

/// The product that decided.
pub(super) fn product_of(decision: &Decision) -> Option<&Arc<str>> {
    let decided = decision.ruling.as_ref().and_then(|ruling| {
        let mut all = decision.all_findings();
        all.find(|found| found.ruling.as_ref().is_some_and(|found| Arc::ptr_eq(found, ruling)))
    });
    let near = || decision.all_findings().find(|found| found.spared.is_some());
    let any = || decision.all_findings().find(|found| found.product.is_some());
    decided.or_else(near).or_else(any)?.product.as_ref()
}

/// One step of a hash. Nobody chooses these texts but who writes policies, so that it need not resist anybody.
const fn mixed(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product >> 29
}

fn mixed_text(mut hash: u64, text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    for word in words {
        hash = mixed(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    hash = mixed(hash, u64::from_le_bytes(last));
    mixed(hash, u64::try_from(text.len()).unwrap_or(0))
}

impl Shards {
    /// Counts at a second (since 1970).
    pub(super) fn count(&self, what: &What<'_>, second: i64) {
        self.mine().count(what, second);
    }

    /// A table that nobody else uses now: this thread's, unless it is being drained.
    fn mine(&self) -> MutexGuard<'_, Table> {
        let mine = MINE.with(|mine| *mine);
        let (before, from_mine) = self.0.split_at_checked(mine).unwrap_or((&self.0, &[]));
        for Shard(table) in from_mine.iter().chain(before) {
            match table.try_lock() {
                Ok(table) => return table,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        // All sixteen are in use: wait for the own one.
        let [first, ..] = &self.0;
        lock(&from_mine.first().unwrap_or(first).0)
    }

    /// Brings all counts into the history.
    pub(super) fn drain(&self, history: &mut History) {
        for Shard(table) in &self.0 {
            lock(table).drain(history);
        }
    }

    /// Decisions of a second that is over, or of the present one so far.
    pub(super) fn in_second(&self, second: i64) -> u64 {
        let in_table = |Shard(table): &Shard| u64::from(lock(table).in_second(second));
        self.0.iter().map(in_table).sum()
    }
}

impl Table {
    fn count(&mut self, what: &What<'_>, second: i64) {
        let minute = second.div_euclid(60);
        if minute > self.minute {
            self.turn(minute);
        }
        let slot = usize::try_from(second.rem_euclid(4)).unwrap_or(0);
        if let Some(slot) = self.seconds.get_mut(slot) {
            *slot = if slot.0 == second { (second, slot.1.saturating_add(1)) } else { (second, 1) };
        }
        if self.places.is_empty() {
            self.places.resize(PLACES, FREE);
        }
        let hash = what.hash();
        let mut at = usize::try_from(hash & 0xffff_ffff).unwrap_or(0);
        // INVARIANT: half of the places are free, so that the search ends.
        loop {
            at %= PLACES;
            let Some(place) = self.places.get_mut(at) else { return };
            if *place == FREE {
                let next = u32::try_from(self.entries.len()).unwrap_or(FREE);
                if self.entries.len() >= KEYS {
                    break;
                }
                *place = next;
                self.entries.push(Entry::new(what, hash));
                return;
            }
            let entry = usize::try_from(*place).ok().and_then(|n| self.entries.get_mut(n));
            let Some(entry) = entry else { return };
            if entry.hash == hash && entry.is(what) {
                entry.count.now = entry.count.now.saturating_add(1);
                return;
            }
            at = at.wrapping_add(1);
        }
        let verdict = usize::try_from(verdict_index(what.verdict)).unwrap_or(0);
        let of_verdict = self.beyond.get_mut(verdict);
        if let Some(count) = of_verdict.and_then(|all| all.get_mut(what.action.index())) {
            count.now = count.now.saturating_add(1);
        }
    }

    /// Another minute begins. What waits is counted in the minute that it is of, unless nobody has drained the table for two minutes:
    /// then in the first of them.
    fn turn(&mut self, minute: i64) {
        if !self.waits {
            self.before = self.minute;
        }
        self.minute = minute;
        let entries = self.entries.iter_mut().map(|entry| &mut entry.count);
        for count in entries.chain(self.beyond.iter_mut().flatten()) {
            count.earlier = count.earlier.saturating_add(count.now);
            count.now = 0;
            self.waits |= count.earlier > 0;
        }
    }

    fn drain(&mut self, history: &mut History) {
        let minutes = (self.before, self.minute);
        for (verdict, counts) in Verdict::ALL.iter().zip(&mut self.beyond) {
            for (action, count) in Action::ALL.iter().zip(counts) {
                let key = Key::new(*verdict, *action, 0, NONE, NONE).beyond();
                count.bring(history, minutes, key);
            }
        }
        for entry in &mut self.entries {
            if entry.count.earlier > 0 || entry.count.now > 0 {
                let key = entry.key(history);
                entry.count.bring(history, minutes, key);
            }
        }
        self.waits = false;
        if self.entries.len() > KEYS / 2 {
            // The room stays; keys that are gone make place.
            self.entries.clear();
            self.places.fill(FREE);
        }
    }

    fn in_second(&self, second: i64) -> u32 {
        self.seconds.iter().find(|(at, _)| *at == second).map_or(0, |(_, count)| *count)
    }
}

impl Count {
    /// Moves both counts into the history, each to its minute.
    fn bring(&mut self, history: &mut History, (before, minute): (i64, i64), key: Key) {
        let Self { earlier, now } = std::mem::take(self);
        for (minute, count) in [(before, earlier), (minute, now)] {
            if count > 0 {
                history.add(minute, key, count);
            }
        }
    }
}

impl Entry {
    fn new(what: &What<'_>, hash: u64) -> Self {
        Self {
            action: what.action,
            count: Count { earlier: 0, now: 1 },
            hash,
            key: None,
            place: what.place,
            product: what.product.cloned(),
            ruling: what.ruling.cloned(),
            verdict: what.verdict,
        }
    }

    fn is(&self, what: &What<'_>) -> bool {
        let same_product = match (&self.product, what.product) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        };
        let same_rule = match (&self.ruling, what.ruling) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || (a.policy == b.policy && a.rule == b.rule),
            _ => false,
        };
        let small = (self.action, self.place, self.verdict);
        small == (what.action, what.place, what.verdict) && same_product && same_rule
    }

    fn key(&mut self, history: &mut History) -> Key {
        if let Some(key) = self.key {
            return key;
        }
        let product = self.product.as_deref().map_or(NONE, |name| history.products.number(name));
        let rule = self
            .ruling
            .as_deref()
            .map_or(NONE, |rule| history.rules.number(&format!("{}/{}", rule.policy, rule.rule)));
        *self.key.insert(Key::new(self.verdict, self.action, self.place, product, rule))
    }
}
