//! What became of requests: outcome records, and for deliveries of covered products the decision that each belongs to.
//!
//! An outcome names its decision, which came a little earlier; only decisions whose outcome is still to come are kept, and no more of
//! them than a bound. What is dropped by the bound is counted.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::VecDeque;

use crate::model::DecisionId;
use crate::model::Nexus;

use super::view::View;

/// Decisions that may wait for their outcome.
const WAITING: usize = 1 << 18;

/// Outcomes so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcomes {
    /// All of them.
    pub(super) all: Sent,
    /// By how they ended: `complete`, `cancelled`, `failed`.
    pub(super) by_end: BTreeMap<String, u64>,
    /// By what was shown to whom was refused.
    pub(super) by_notice: BTreeMap<String, u64>,
    /// By class of status: `2xx`.
    pub(super) by_status: BTreeMap<String, u64>,
    /// Deliveries of covered products that went out, by nexus.
    pub(super) covered: BTreeMap<Nexus, Sent>,
    /// Deliveries of covered products that were refused or failed, by nexus.
    pub(super) covered_not: BTreeMap<Nexus, Sent>,
    /// Decisions on covered deliveries whose outcome the bound gave up.
    pub(super) given_up: u64,
    order: VecDeque<DecisionId>,
    waiting: HashMap<DecisionId, Nexus>,
}

/// Answers and the bytes of their bodies.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Sent {
    pub(super) answers: u64,
    pub(super) bytes: u64,
}

impl Outcomes {
    /// Notes a decision on a delivery whose outcome is of interest. One without a nexus counts as unclear.
    pub(super) fn decided(&mut self, view: &View<'_>) {
        let delivery = view.action().is_some_and(crate::model::Action::is_delivery);
        let id = view.id.as_str().and_then(DecisionId::parse);
        let Some(id) = id.filter(|_| delivery && view.is_covered()) else { return };
        if self.waiting.insert(id, view.nexus().unwrap_or(Nexus::Unclear)).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > WAITING {
            let dropped = self.order.pop_front().and_then(|id| self.waiting.remove(&id));
            self.given_up = self.given_up.saturating_add(u64::from(dropped.is_some()));
        }
    }

    /// Counts an outcome.
    pub(super) fn outcome(&mut self, view: &View<'_>) {
        let (status, bytes) = (view.status.whole::<u16>(), view.bytes.whole().unwrap_or(0));
        self.all.add(bytes);
        let class = status.and_then(|status| status.checked_div(100));
        count(
            &mut self.by_status,
            &class.map_or("unknown".to_owned(), |class| format!("{class}xx")),
        );
        count(&mut self.by_end, view.end.as_str().unwrap_or("unknown"));
        if let Some(notice) = view.notice.as_str() {
            count(&mut self.by_notice, notice);
        }
        let of = view.of.as_str().and_then(DecisionId::parse);
        if let Some(nexus) = of.and_then(|of| self.waiting.remove(&of)) {
            // A delivery is content: a 304 or a refusal's page is none.
            let went_out = class == Some(2) && bytes > 0;
            let by_nexus = if went_out { &mut self.covered } else { &mut self.covered_not };
            by_nexus.entry(nexus).or_default().add(bytes);
        }
    }

    /// Decisions on covered deliveries whose outcome has not come.
    pub(super) fn waiting(&self) -> u64 {
        u64::try_from(self.waiting.len()).unwrap_or(u64::MAX)
    }
}

impl Sent {
    const fn add(&mut self, bytes: u64) {
        self.answers = self.answers.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// Adds one under a key; strangers' keys are bounded.
pub(super) fn count(into: &mut BTreeMap<String, u64>, key: &str) {
    const KEYS: usize = 500;
    let key = if into.len() < KEYS || into.contains_key(key) { key } else { "others" };
    let count = into.entry(key.to_owned()).or_default();
    *count = count.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    fn id(n: u128) -> String {
        uuid::Uuid::from_u128(n).to_string()
    }

    fn decided(outcomes: &mut Outcomes, n: u128) {
        let record = json!({"id": id(n), "action": "signature_update",
            "decision": {"items": [{"product": "k"}], "nexus": {"buyer": "us"}}});
        outcomes.decided(&View::deserialize(&record).unwrap());
    }

    #[test]
    fn decisions_that_wait_are_bounded_and_those_given_up_are_counted() {
        let mut outcomes = Outcomes::default();
        let more = u128::try_from(WAITING).unwrap() + 3;
        (0..more).for_each(|n| decided(&mut outcomes, n));
        assert_eq!((outcomes.waiting(), outcomes.given_up), (u64::try_from(WAITING).unwrap(), 3));
        let outcome = json!({"of": id(more - 1), "status": 206, "bytes": 5, "end": "complete"});
        outcomes.outcome(&View::deserialize(&outcome).unwrap());
        assert_eq!(outcomes.covered[&Nexus::Us], Sent { answers: 1, bytes: 5 });
    }
}
