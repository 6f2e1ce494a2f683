//! Every rule that a decision looked at, and what became of each: for the record (LAW 3).
//!
//! It asks the engine's own functions in the engine's own order, so that it cannot tell another story than the decision:
//! INVARIANT: the strictest verdict of the rules that applied is the decision's.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use smallvec::SmallVec;

use crate::model::Item;
use crate::model::Mode;
use crate::model::RuleFacts;
use crate::model::Spared;
use crate::model::Transaction;
use crate::model::Verdict;

use super::engine::decide::Judge;
use super::engine::products::Certainty;
use super::engine::products::Match;
use super::engine::products::of_item;
use super::engine::products::of_request;
use super::engine::set::PolicySet;
use super::engine::setting::Setting;

/// What became of a rule that was looked at. A closed set.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOutcome {
    /// It refused or held.
    Applied,
    /// A condition on the item does not hold.
    Condition,
    /// It has ended.
    Ended,
    /// An authorisation covers the product or the account.
    Exempted,
    /// It allows parties that stand so.
    Foreign,
    /// It is not yet in force.
    NotYet,
    /// It is in shadow: it would have refused or held.
    Shadow,
    /// It is suspended.
    Suspended,
}

/// A rule that was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleTrace {
    /// The rule.
    pub facts: Arc<RuleFacts>,
    /// What became of it.
    pub outcome: RuleOutcome,
    /// What it gave, or in shadow would have given; absent where it did nothing.
    pub verdict: Option<Verdict>,
}

/// The rules that [`decide`](super::decide) looks at for this transaction, in the order in which it does. One that came to the
/// same for several items or products stands here once.
pub fn trace(
    transaction: &Transaction,
    at: Timestamp,
    set: &PolicySet,
    setting: &Setting<'_>,
) -> SmallVec<[RuleTrace; 4]> {
    let (judge, _) = Judge::new(transaction, at, set, setting);
    let mut tracer = Tracer { judge: &judge, set, traced: SmallVec::new() };
    for item in &transaction.items {
        tracer.matched(&of_item(set, setting, item, at).0, Some(item));
        let rules = judge.rules_on_unidentified(item);
        tracer.look(rules, Certainty::Suspected, None, Some(item));
    }
    if let Some(request) = &transaction.request {
        tracer.matched(&of_request(set, request).0, None);
    }
    tracer.traced
}

struct Tracer<'a> {
    judge: &'a Judge<'a>,
    set: &'a PolicySet,
    traced: SmallVec<[RuleTrace; 4]>,
}

impl Tracer<'_> {
    fn matched(&mut self, matches: &[Match], item: Option<&Item>) {
        for found in matches {
            self.look(self.judge.rules_on(found), found.certainty, Some(found.product), item);
        }
    }

    fn look(
        &mut self,
        rules: &[u32],
        certainty: Certainty,
        product: Option<u32>,
        item: Option<&Item>,
    ) {
        for rule in rules.iter().filter_map(|rule| self.set.rule(*rule)) {
            let (verdict, spared) = self.judge.apply(rule, certainty, product, item);
            let outcome = match spared {
                None if rule.mode == Mode::Shadow => RuleOutcome::Shadow,
                None => RuleOutcome::Applied,
                Some(spared) => RuleOutcome::from(spared),
            };
            let verdict = (verdict != Verdict::Allow).then_some(verdict);
            self.note(&rule.facts, outcome, verdict);
            // As `Judge::best` ends: of what nothing identifies the first rule in force speaks.
            if product.is_none() && outcome == RuleOutcome::Applied {
                break;
            }
        }
    }

    fn note(&mut self, facts: &Arc<RuleFacts>, outcome: RuleOutcome, verdict: Option<Verdict>) {
        let known = self.traced.iter().any(|traced| {
            Arc::ptr_eq(&traced.facts, facts)
                && traced.outcome == outcome
                && traced.verdict == verdict
        });
        if !known {
            self.traced.push(RuleTrace { facts: Arc::clone(facts), outcome, verdict });
        }
    }
}

impl From<Spared> for RuleOutcome {
    fn from(spared: Spared) -> Self {
        match spared {
            // The engine knows of no clearance: what a person cleared had applied.
            Spared::Cleared => Self::Applied,
            Spared::Condition => Self::Condition,
            Spared::Ended => Self::Ended,
            Spared::Exempted => Self::Exempted,
            Spared::Foreign => Self::Foreign,
            Spared::NotYet => Self::NotYet,
            Spared::Suspended => Self::Suspended,
        }
    }
}
