//! SKUs that were sold and have no row in the catalogue, for somebody to say what they are.
//!
//! Requests note them on their way, so it costs them next to nothing: nobody waits for the lock, and only what is new is copied. It is
//! a list to work from, not a record: counts are at least what they say. No licence key is ever in it.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use super::licence_key;

/// The most SKUs in the list; then those that were not seen for longest leave.
const MOST: usize = 10_000;
/// How many leave at once.
const LEAVE: usize = 500;
/// The longest SKU, in bytes: a longer one is not listed.
const SKU: usize = 120;
/// Characters of a name or vendor.
const TEXT: usize = 200;

/// What made a policy take the item for a product.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is named after what matched")]
pub enum Matched {
    Name,
    #[default]
    Nothing,
    Other,
    Sku,
    Vendor,
}

/// An item without a row.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When.
    pub at: Timestamp,
    /// The SKU as the catalogue compares it.
    pub folded: &'a str,
    /// What it was matched by.
    pub matched: Matched,
    /// Its name.
    pub name: Option<&'a str>,
    /// The SKU as it was sent.
    pub sku: &'a str,
    /// Its vendor.
    pub vendor: Option<&'a str>,
    /// `allow`, `review` or `block`.
    pub verdict: &'static str,
}

/// A SKU of the list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct UnknownSku {
    /// How often it was seen, at least.
    pub count: u64,
    /// When first.
    pub first_seen: Timestamp,
    /// The id that its row would have.
    pub id: String,
    /// When last.
    pub last_seen: Timestamp,
    /// What it was matched by when last seen.
    pub matched_by: Matched,
    /// Its name, when first seen.
    pub name: String,
    /// As it was sent first.
    pub sku: String,
    /// Its vendor, when first seen.
    pub vendor: String,
    /// What was decided of it last.
    pub verdict: String,
}

/// The list; shared.
#[derive(Debug, Default)]
pub struct UnknownSkus {
    count: AtomicUsize,
    list: Mutex<HashMap<Box<str>, UnknownSku>>,
}

impl UnknownSkus {
    /// Notes an item, unless somebody else is just noting one.
    pub fn note(&self, seen: &Seen<'_>) {
        let Ok(mut list) = self.list.try_lock() else { return };
        if let Some(known) = list.get_mut(seen.folded) {
            known.count = known.count.saturating_add(1);
            known.last_seen = seen.at;
            known.matched_by = seen.matched;
            if known.verdict != seen.verdict {
                seen.verdict.clone_into(&mut known.verdict);
            }
            return;
        }
        if seen.folded.is_empty() || seen.folded.len() > SKU || holds_key(seen.sku) {
            return;
        }
        if list.len() >= MOST {
            leave(&mut list);
        }
        let text = |text: Option<&str>| {
            let text = text.unwrap_or_default().trim();
            if holds_key(text) { String::new() } else { text.chars().take(TEXT).collect() }
        };
        let sku = UnknownSku {
            count: 1,
            first_seen: seen.at,
            id: seen.folded.to_owned(),
            last_seen: seen.at,
            matched_by: seen.matched,
            name: text(seen.name),
            sku: seen.sku.trim().chars().take(SKU).collect(),
            vendor: text(seen.vendor),
            verdict: seen.verdict.to_owned(),
        };
        list.insert(seen.folded.into(), sku);
        self.count.store(list.len(), Ordering::Relaxed);
    }

    /// The list, last seen first.
    pub fn all(&self) -> Vec<UnknownSku> {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = list.values().cloned().collect();
        drop(list);
        all.sort_by(|a, b| b.last_seen.cmp(&a.last_seen).then_with(|| a.id.cmp(&b.id)));
        all
    }

    /// Number of SKUs.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `has_row` says of stays away: it is known now.
    pub fn forget(&self, has_row: impl Fn(&str) -> bool) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|id, _| !has_row(id.borrow()));
        self.count.store(list.len(), Ordering::Relaxed);
    }

    /// Takes back what was kept before a restart.
    pub fn restore(&self, kept: Vec<UnknownSku>) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        for sku in kept.into_iter().take(MOST) {
            list.entry(sku.id.as_str().into()).or_insert(sku);
        }
        self.count.store(list.len(), Ordering::Relaxed);
    }
}

/// Those that were not seen for longest, several at once: a stranger who invents SKUs makes nobody search the list each time.
fn leave(list: &mut HashMap<Box<str>, UnknownSku>) {
    let mut times: Vec<_> = list.values().map(|sku| sku.last_seen).collect();
    let at = LEAVE.min(times.len().saturating_sub(1));
    let (_, limit, _) = times.select_nth_unstable(at);
    let limit = *limit;
    let mut left = 0_usize;
    list.retain(|_, sku| {
        let stays = sku.last_seen > limit || left > LEAVE;
        left = left.saturating_add(usize::from(!stays));
        stays
    });
}

/// True if a text, or a word of it, may be an activation code or a licence key.
fn holds_key(text: &str) -> bool {
    licence_key::is_credential(text)
        || text.len() >= 17 && text.split_whitespace().any(licence_key::is_credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen<'a>(folded: &'a str, second: i64) -> Seen<'a> {
        Seen {
            at: Timestamp::from_second(second).unwrap(),
            folded,
            matched: Matched::Nothing,
            name: Some("A thing"),
            sku: folded,
            vendor: None,
            verdict: "allow",
        }
    }

    #[test]
    fn a_sku_is_counted_and_leaves_once_it_has_a_row() {
        let list = UnknownSkus::default();
        for second in 0..5 {
            list.note(&seen("X1", second));
        }
        list.note(&Seen { verdict: "block", ..seen("Y2", 9) });
        let all = list.all();
        assert_eq!(all.iter().map(|sku| sku.id.as_str()).collect::<Vec<_>>(), ["Y2", "X1"]);
        assert_eq!(
            (all[1].count, all[1].first_seen.as_second(), all[1].last_seen.as_second()),
            (5, 0, 4)
        );
        list.forget(|id| id == "X1");
        assert_eq!(list.len(), 1);
        let again = UnknownSkus::default();
        again.restore(list.all());
        assert_eq!(again.all(), list.all());
    }

    #[test]
    fn the_list_is_bounded_and_those_seen_last_stay() {
        let list = UnknownSkus::default();
        for second in 0..25_000 {
            list.note(&seen(&format!("S{second}"), second));
            list.note(&seen("KEPT", second));
        }
        assert!(list.len() <= MOST);
        let all = list.all();
        assert_eq!(all[0].last_seen.as_second(), 24_999);
        assert!(all.iter().any(|sku| sku.id == "KEPT" && sku.count == 25_000));
        assert!(!all.iter().any(|sku| sku.id == "S1"));
    }

    #[test]
    fn no_licence_key_is_listed() {
        let list = UnknownSkus::default();
        for key in ["ABCDE-12345-FGHIJ-6789X", "0f8fad5b-d9cb-469f-a165-70867728950e"] {
            let folded = crate::policy::Folded::sku(key);
            list.note(&Seen { sku: key, ..seen(folded.as_str(), 1) });
        }
        list.note(&Seen { name: Some("code ABCDE-12345-FGHIJ-6789X"), ..seen("X1", 1) });
        list.note(&seen(&"L".repeat(500), 1));
        let text = format!("{:?}", list.all());
        assert_eq!(list.len(), 1);
        assert!(!text.contains("12345"), "{text}");
    }

    #[test]
    fn nobody_waits_for_the_list() {
        let list = UnknownSkus::default();
        let held = list.list.lock().unwrap();
        list.note(&seen("X1", 1));
        drop(held);
        assert!(list.is_empty());
    }
}
