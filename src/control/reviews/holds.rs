//! The entries of the queue, in memory and on disk, up to a record of the ledger.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;

use jiff::Timestamp;
use sled::Batch;
use sled::Tree;

use crate::control::error::ControlError;

use super::hold::Hold;
use super::reading::Found;
use super::state::State;

/// Entries at most; each has some hundred bytes.
pub const MOST: usize = 100_000;

const POSITION: &[u8] = b"p";
const HOLD: u8 = b'h';
const USED: u8 = b'u';

/// The entries; clones share them.
#[derive(Clone, Debug)]
pub struct Holds {
    known: Arc<RwLock<Known>>,
    tree: Tree,
}

#[derive(Debug, Default)]
struct Known {
    by_id: HashMap<String, Arc<Hold>>,
    /// By the place of the last hold in the ledger.
    by_last: BTreeSet<(u64, String)>,
    /// The next record to look at.
    position: u64,
    used: BTreeSet<String>,
}

/// What came of some records.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Taken {
    /// Entries that left because there were too many.
    pub dropped: usize,
    /// Entries that are new, or open again.
    pub opened: usize,
}

impl Holds {
    /// Reads what is kept; `end` is the ledger's.
    pub(in crate::control) fn open(tree: Tree, end: u64) -> Result<Self, ControlError> {
        let mut known = Known::default();
        for entry in &tree {
            let (key, value) = entry?;
            match (key.first().copied(), std::str::from_utf8(key.get(1..).unwrap_or_default())) {
                (Some(HOLD), Ok(id)) => known.put(id, serde_json::from_slice::<Hold>(&value)?),
                (Some(USED), Ok(id)) => drop(known.used.insert(id.to_owned())),
                _ if &*key == POSITION => {
                    let bytes = (&*value).try_into();
                    known.position = bytes.map_or(0, u64::from_be_bytes);
                }
                _ => {}
            }
        }
        if known.position > end {
            // It is of another ledger, or of a longer one than there is.
            tree.clear()?;
            known = Known::default();
        }
        Ok(Self { known: Arc::new(RwLock::new(known)), tree })
    }

    /// The next record to look at.
    pub fn position(&self) -> u64 {
        self.read().position
    }

    /// The entry of that name.
    pub fn get(&self, id: &str) -> Option<Arc<Hold>> {
        self.read().by_id.get(id).cloned()
    }

    /// All entries, the one that was held last first.
    pub fn all(&self) -> Vec<(String, Arc<Hold>)> {
        let known = self.read();
        let newest = known.by_last.iter().rev();
        newest.filter_map(|(_, id)| Some((id.clone(), known.by_id.get(id)?.clone()))).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.read().by_id.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The clearances that records say were used.
    pub fn used(&self) -> Vec<String> {
        self.read().used.iter().cloned().collect()
    }

    /// Takes what the records before `position` have. Entries and position are kept in one batch: no record counts twice, none is
    /// left out.
    ///
    /// # Errors
    /// When the store cannot be written: nothing is taken, and the records are to be read again.
    pub fn take(
        &self,
        found: &[Found],
        position: u64,
        state: &State,
        now: Timestamp,
    ) -> Result<Taken, ControlError> {
        let mut taken = Taken::default();
        let mut touched: HashMap<String, Hold> = HashMap::new();
        let (mut gone, mut used) = (Vec::new(), Vec::new());
        let mut batch = Batch::default();
        {
            let known = self.read();
            for found in found {
                used.extend(found.cleared.iter().filter(|id| state.clearances.contains_key(*id)));
                for seen in &found.seen {
                    let id = seen.key.id();
                    let hold = touched.entry(id.clone()).or_insert_with(|| {
                        known
                            .by_id
                            .get(&id)
                            .map_or_else(|| Hold::new(seen), |hold| (**hold).clone())
                    });
                    let was_pending =
                        hold.count > 0 && state.status(&id, hold, seen.at).is_pending();
                    hold.add(seen);
                    if !was_pending && state.status(&id, hold, seen.at).is_pending() {
                        hold.opened = seen.at;
                        taken.opened = taken.opened.saturating_add(1);
                    }
                }
            }
            let fresh = touched.keys().filter(|id| !known.by_id.contains_key(*id)).count();
            let excess = known.by_id.len().saturating_add(fresh).saturating_sub(MOST);
            // What was seen longest ago; what was decided about it stays decided.
            let oldest = known.by_last.iter().map(|(_, id)| id);
            gone.extend(oldest.filter(|id| !touched.contains_key(*id)).take(excess).cloned());
        }
        for (id, hold) in &touched {
            batch.insert(key(HOLD, id), serde_json::to_vec(hold)?);
        }
        gone.iter().for_each(|id| batch.remove(key(HOLD, id)));
        used.iter().for_each(|id| batch.insert(key(USED, id), &b""[..]));
        batch.insert(POSITION, &position.to_be_bytes());
        self.tree.apply_batch(batch)?;
        self.tree.flush()?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        taken.dropped = gone.len();
        gone.iter().for_each(|id| known.forget(id));
        for (id, hold) in touched {
            known.put(&id, hold);
        }
        for id in used {
            state.note_used(id);
            known.used.insert(id.clone());
        }
        known.position = position;
        drop(known);
        if taken.dropped > 0 {
            tracing::warn!(
                dropped = taken.dropped,
                now = %now,
                "the review queue is full: the entries that were seen longest ago have left it; their records stay"
            );
        }
        Ok(taken)
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn put(&mut self, id: &str, hold: Hold) {
        self.forget(id);
        self.by_last.insert((hold.sequence, id.to_owned()));
        self.by_id.insert(id.to_owned(), Arc::new(hold));
    }

    fn forget(&mut self, id: &str) {
        if let Some(old) = self.by_id.remove(id) {
            self.by_last.remove(&(old.sequence, id.to_owned()));
        }
    }
}

fn key(kind: u8, id: &str) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(id.as_bytes());
    key
}
