//! The live stream: a sample of the last decisions, kept while somebody looks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::TryLockError;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeStruct;

use crate::model::Action;
use crate::model::Country;
use crate::model::Decision;
use crate::model::DecisionId;
use crate::model::RuleFacts;
use crate::model::Verdict;

use super::lock;
use super::shard::product_of;

/// Decisions that are kept.
const KEPT: usize = 512;
/// Decisions that are shown in a second.
const A_SECOND: u64 = 50;
/// Those of them that what is allowed may take at once; the rest comes free in the course of the second, so that blocks and holds find
/// room at its end, too.
const AT_ONCE: u64 = 10;
/// Seconds after which nobody looks any more.
const PATIENCE: i64 = 10;

/// A decision as the stream shows it: nothing of a person.
#[derive(Clone, Debug)]
pub struct Shown {
    action: Action,
    at: Timestamp,
    country: Option<Country>,
    id: DecisionId,
    product: Option<Arc<str>>,
    route: Box<str>,
    ruling: Option<Arc<RuleFacts>>,
    sku: Option<Box<str>>,
    verdict: Verdict,
}

/// What a reader gets.
#[derive(Clone, Debug, Serialize)]
pub struct Recent {
    /// To be handed in next time.
    pub next: u64,
    /// All decisions of the last whole second, shown or not.
    pub per_second: u64,
    /// Those that are new, the oldest first.
    pub shown: Vec<Arc<Shown>>,
}

#[derive(Debug, Default)]
pub(super) struct Live {
    /// The second up to which somebody looks.
    asked: AtomicI64,
    /// The present second, and from the lowest byte how many were shown in it.
    budget: AtomicU64,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    /// How many were ever put in.
    count: u64,
    shown: VecDeque<Arc<Shown>>,
}

impl Shown {
    /// Longest text of a stock-keeping unit, in characters.
    pub const SKU: usize = 40;

    /// A decision. `sku` is the first item's, without codes and keys; it is cut.
    pub fn new(
        decision: &Decision,
        action: Action,
        (id, at): (DecisionId, Timestamp),
        country: Option<Country>,
        route: &str,
        sku: Option<&str>,
    ) -> Self {
        let product = product_of(decision).cloned();
        let sku = sku.map(|sku| sku.chars().take(Self::SKU).collect::<String>().into());
        let (ruling, verdict) = (decision.ruling.clone(), decision.verdict);
        Self { action, at, country, id, product, route: route.into(), ruling, sku, verdict }
    }

    /// The record's id.
    pub const fn id(&self) -> DecisionId {
        self.id
    }

    /// Its verdict.
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rule = self.ruling.as_deref();
        let mut s = serializer.serialize_struct("Shown", 11)?;
        s.serialize_field("action", &self.action)?;
        s.serialize_field("at", &self.at)?;
        s.serialize_field("clause", &rule.map(|rule| &rule.clause))?;
        s.serialize_field("country", &self.country)?;
        s.serialize_field("id", &self.id)?;
        s.serialize_field("policy", &rule.map(|rule| &rule.policy))?;
        s.serialize_field("product", &self.product)?;
        s.serialize_field("route", &self.route)?;
        s.serialize_field("rule", &rule.map(|rule| &rule.rule))?;
        s.serialize_field("sku", &self.sku)?;
        s.serialize_field("verdict", &self.verdict)?;
        s.end()
    }
}

impl Live {
    /// Shows a decision, if anybody looks, there is room in this second, and nobody is reading at this moment.
    pub(super) fn offer(&self, verdict: Verdict, at: Timestamp, shown: impl FnOnce() -> Shown) {
        if self.asked.load(Ordering::Relaxed) < at.as_second() || !self.has_room(verdict, at) {
            return;
        }
        let shown = Arc::new(shown());
        let mut ring = match self.ring.try_lock() {
            Ok(ring) => ring,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if ring.shown.len() >= KEPT {
            ring.shown.pop_front();
        }
        ring.shown.push_back(shown);
        ring.count = ring.count.saturating_add(1);
    }

    /// Takes one of this second's, if any is left for that verdict.
    fn has_room(&self, verdict: Verdict, at: Timestamp) -> bool {
        let second = u64::try_from(at.as_second()).unwrap_or(0) << 8;
        let most = match verdict {
            Verdict::Block | Verdict::Review => A_SECOND,
            Verdict::Allow => {
                let millis = u64::try_from(at.subsec_millisecond()).unwrap_or(0);
                let later = A_SECOND.saturating_sub(AT_ONCE).saturating_mul(millis) / 1_000;
                AT_ONCE.saturating_add(later)
            }
        };
        let before = self.budget.load(Ordering::Relaxed);
        let taken = if before & !0xff == second { before & 0xff } else { 0 };
        // Of two who come at once, one is not shown.
        taken < most
            && self
                .budget
                .compare_exchange(
                    before,
                    second | taken.saturating_add(1),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    pub(super) fn since(&self, seen: u64, now: Timestamp, per_second: u64) -> Recent {
        self.asked.fetch_max(now.as_second().saturating_add(PATIENCE), Ordering::Relaxed);
        let ring = lock(&self.ring);
        let new = usize::try_from(ring.count.saturating_sub(seen)).unwrap_or(KEPT);
        // A number from before a restart: all that there is.
        let new = if seen > ring.count { KEPT } else { new };
        let old = ring.shown.len().saturating_sub(new);
        let shown = ring.shown.iter().skip(old).cloned().collect();
        Recent { next: ring.count, per_second, shown }
    }
}
