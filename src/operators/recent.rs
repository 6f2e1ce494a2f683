//! A map of bounded size that forgets what was put the longest ago.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::hash::Hash;

/// The entries put last, `most` of them.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    entries: HashMap<K, (u64, V)>,
    most: usize,
    next: u64,
    order: BTreeMap<u64, K>,
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { entries: HashMap::new(), most, next: 0, order: BTreeMap::new() }
    }

    pub(super) fn find(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// Puts a value in place of the key's own, as the newest.
    pub(super) fn put(&mut self, key: K, value: V) {
        self.take(&key);
        while self.entries.len() >= self.most.max(1) {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.entries.remove(&oldest);
        }
        self.order.insert(self.next, key.clone());
        self.entries.insert(key, (self.next, value));
        self.next = self.next.saturating_add(1);
    }

    pub(super) fn take(&mut self, key: &K) -> Option<V> {
        let (at, value) = self.entries.remove(key)?;
        self.order.remove(&at);
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_a_list_that_is_cut_holds(ops in vec((0_u8..12, any::<bool>()), 0..200)) {
            let mut recent = Recent::new(5);
            let mut model: Vec<(u8, usize)> = Vec::new();
            for (n, (key, puts)) in ops.into_iter().enumerate() {
                let found = model.iter().position(|(k, _)| *k == key);
                let was = found.map(|at| model.remove(at).1);
                if puts {
                    recent.put(key, n);
                    model.push((key, n));
                    if model.len() > 5 {
                        model.remove(0);
                    }
                } else {
                    prop_assert_eq!(recent.take(&key), was);
                }
                prop_assert_eq!(recent.len(), model.len());
                prop_assert_eq!(recent.order.len(), model.len());
                for (k, v) in &model {
                    prop_assert_eq!(recent.find(k), Some(v));
                }
            }
        }
    }
}
