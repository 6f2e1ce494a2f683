//! What became of requests: outcome records, and for deliveries of covered products the decision that each belongs to.
//!
//! An outcome names its decision, which came a little earlier; of covered deliveries the last 262,144 decisions are looked back to. One
//! whose outcome has not come by then is given up, and counted.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::VecDeque;

use crate::model::DecisionId;
use crate::model::Nexus;

use super::view::View;

/// Decisions that are looked back to.
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
    /// Deliveries of covered products, by nexus.
    pub(super) covered: BTreeMap<Nexus, Deliveries>,
    /// Decisions on covered deliveries that were given up.
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
        count(&mut self.by_status, &class_name(class));
        count(&mut self.by_end, view.end.as_str().unwrap_or("unknown"));
        if let Some(notice) = view.notice.as_str() {
            count(&mut self.by_notice, notice);
        }
        let of = view.of.as_str().and_then(DecisionId::parse);
        let Some(nexus) = of.and_then(|of| self.waiting.remove(&of)) else { return };
        let deliveries = self.covered.entry(nexus).or_default();
        let sent = match (class, view.notice.as_str()) {
            // A delivery is content of the upstream's: a 304, a refusal's page or an answer of the decision API is none.
            // One that a rule cut went out as far as it did.
            (Some(2), None | Some("cut")) if bytes > 0 => &mut deliveries.went_out,
            (Some(2), Some("forward-auth")) => &mut deliveries.left_to_a_proxy,
            _ => &mut deliveries.did_not,
        };
        sent.add(bytes);
    }

    /// Decisions on covered deliveries whose outcome has not come.
    pub(super) fn waiting(&self) -> u64 {
        u64::try_from(self.waiting.len()).unwrap_or(u64::MAX)
    }
}

/// Deliveries of covered products.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Deliveries {
    /// Refused, failed, or without content.
    pub(super) did_not: Sent,
    /// A check let them through; what was then served is not known here.
    pub(super) left_to_a_proxy: Sent,
    /// Sent by the gateway.
    pub(super) went_out: Sent,
}

impl Sent {
    const fn add(&mut self, bytes: u64) {
        self.answers = self.answers.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// `2xx`; a status of 0 is no answer at all.
fn class_name(class: Option<u16>) -> String {
    match class {
        None => "unknown".to_owned(),
        Some(0) => "none: the client went away before".to_owned(),
        Some(class) => format!("{class}xx"),
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
        assert_eq!(outcomes.covered[&Nexus::Us].went_out, Sent { answers: 1, bytes: 5 });
    }
}
