//! The decision: pure, indexed, without allocation on the common path (DESIGN 3, step 6).

use std::cmp::Ordering;
use std::cmp::Reverse;
use std::sync::Arc;

use jiff::Timestamp;
use smallvec::SmallVec;

use crate::model::Action;
use crate::model::Because;
use crate::model::Buyer;
use crate::model::Decision;
use crate::model::EvidenceField;
use crate::model::Finding;
use crate::model::Item;
use crate::model::Mode;
use crate::model::Nexus;
use crate::model::RuleFacts;
use crate::model::ShadowOutcome;
use crate::model::Spared;
use crate::model::Transaction;
use crate::model::Verdict;

use super::condition::Truth;
use super::condition::all;
use super::nexus::buyer_nexus;
use super::nexus::seller_nexus;
use super::products::Certainty;
use super::products::Match;
use super::products::is_unidentified;
use super::products::of_item;
use super::products::of_request;
use super::rule::InFlight;
use super::rule::Rule;
use super::set::PolicySet;
use super::setting::Setting;

/// Decides a transaction at an instant.
pub fn decide(
    transaction: &Transaction,
    at: Timestamp,
    set: &PolicySet,
    setting: &Setting<'_>,
) -> Decision {
    let (mut judge, because) = Judge::new(transaction, at, set, setting);
    let (buyer, seller) = (judge.buyer, judge.counted_seller);
    let mut strictest: Option<Application<'_>> = None;
    let mut findings: SmallVec<[Finding; 4]> = SmallVec::new();
    for item in &transaction.items {
        let (finding, application) = judge.item(item, setting);
        findings.push(finding);
        strictest = strictest.max(application);
    }
    let mut request = None;
    if let Some(target) = &transaction.request {
        let (finding, application) = judge.matched(&of_request(set, target).0, None);
        request = Some(finding);
        strictest = strictest.max(application);
    }
    if findings.is_empty() {
        findings.extend(request.take());
    }
    let request = request.filter(|finding| finding.product.is_some());
    let strictest = strictest.filter(|application| application.verdict != Verdict::Allow);
    let verdict = strictest.as_ref().map_or(Verdict::Allow, |application| application.verdict);
    let ruling = strictest.map(|application| Arc::clone(&application.rule.facts));
    let (cut_at, shadow) = (judge.cut_at, judge.shadow);
    let cleared = Vec::new();
    Decision {
        at,
        because,
        buyer,
        cleared,
        cut_at,
        findings,
        request,
        ruling,
        seller,
        shadow,
        verdict,
    }
}

/// The parties of one transaction before the rules of one set.
pub(crate) struct Judge<'a> {
    action: Action,
    at: Timestamp,
    pub(crate) buyer: Nexus,
    /// The seller's nexus, for actions that count it.
    pub(crate) counted_seller: Option<Nexus>,
    cut_at: Option<Timestamp>,
    /// Whether a rule that reviews the item at hand does so because of the item itself.
    doubtful: bool,
    party: &'a Buyer,
    set: &'a PolicySet,
    shadow: SmallVec<[ShadowOutcome; 1]>,
}

/// What one rule does to one item.
struct Application<'a> {
    rule: &'a Rule,
    verdict: Verdict,
    spared: Option<Spared>,
}

impl Application<'_> {
    /// The strictest outcome decides; among equals the nearest, then the latest rule, then file order.
    fn weight(&self) -> (Verdict, Option<u8>, Timestamp, Reverse<u32>) {
        let nearness = self.spared.map(distance);
        (self.verdict, nearness, self.rule.facts.effective, Reverse(self.rule.order))
    }
}

impl Ord for Application<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.weight().cmp(&other.weight())
    }
}

impl PartialOrd for Application<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Application<'_> {}

impl PartialEq for Application<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<'a> Judge<'a> {
    /// Where the parties stand, and because of what.
    pub(crate) fn new(
        transaction: &'a Transaction,
        at: Timestamp,
        set: &'a PolicySet,
        setting: &Setting<'_>,
    ) -> (Self, Because) {
        let action = transaction.action;
        let party = &transaction.buyer;
        let (buyer, mut because) = buyer_nexus(party, action.is_delivery());
        let counted = set.seller_counts.get(action.index()).copied().unwrap_or(false);
        let counted_seller = counted.then(|| match &transaction.seller {
            Some(seller) => seller_nexus(seller),
            None => setting.reseller.nexus,
        });
        if counted_seller == Some(Nexus::Us) {
            because = because.with(EvidenceField::SellerOrganizationCountry);
        }
        let shadow = SmallVec::new();
        let (cut_at, doubtful) = (None, false);
        let judge =
            Self { action, at, buyer, counted_seller, cut_at, doubtful, party, set, shadow };
        (judge, because)
    }

    fn item(&mut self, item: &Item, setting: &Setting<'_>) -> (Finding, Option<Application<'a>>) {
        let matches = of_item(self.set, setting, item, self.at);
        let (finding, application) = self.matched(&matches.0, Some(item));
        let rules = self.rules_on_unidentified(item);
        if rules.is_empty() {
            return (finding, application);
        }
        let unidentified = self.best(rules, Certainty::Suspected, None, Some(item));
        let Some(best) = unidentified.filter(|best| best.verdict != Verdict::Allow) else {
            return (finding, application);
        };
        if application.as_ref().is_some_and(|application| *application >= best) {
            let doubtful = finding.verdict == Verdict::Review;
            return (Finding { doubtful, ..finding }, application);
        }
        let ruling = Some(Arc::clone(&best.rule.facts));
        let doubtful = best.verdict == Verdict::Review;
        (Finding { doubtful, ruling, spared: None, verdict: best.verdict, ..finding }, Some(best))
    }

    fn matched(
        &mut self,
        matches: &[Match],
        item: Option<&Item>,
    ) -> (Finding, Option<Application<'a>>) {
        let set = self.set;
        let mut chosen: Option<(Match, Option<Application<'a>>)> = None;
        self.doubtful = false;
        let mut reviewing = 0_u8;
        for found in matches {
            let rules = self.rules_on(found);
            let best = self.best(rules, found.certainty, Some(found.product), item);
            if best.as_ref().is_some_and(|best| best.verdict == Verdict::Review) {
                reviewing = reviewing.saturating_add(1);
            }
            if chosen.as_ref().is_none_or(|(_, old)| best > *old) {
                chosen = Some((*found, best));
            }
        }
        let Some((found, best)) = chosen else { return (Finding::default(), None) };
        let mut finding = Finding {
            matched_by: Some(found.by),
            product: set.product(found.product).map(|p| Arc::clone(&p.id)),
            ..Finding::default()
        };
        if let Some(best) = &best {
            finding.verdict = best.verdict;
            match (best.verdict, best.spared) {
                (Verdict::Allow, spared) => {
                    let spared = spared.unwrap_or(Spared::Foreign);
                    finding.spared = Some((Arc::clone(&best.rule.facts), spared));
                }
                (Verdict::Block | Verdict::Review, _) => {
                    let reviews = best.verdict == Verdict::Review;
                    finding.doubtful = reviews && (self.doubtful || reviewing > 1);
                    finding.ruling = Some(Arc::clone(&best.rule.facts));
                }
            }
        }
        (finding, best)
    }

    /// The rules that are asked of a match, in the order in which they are asked.
    pub(crate) fn rules_on(&self, found: &Match) -> &'a [u32] {
        match found.certainty {
            Certainty::Exempt => &[],
            Certainty::Suspected | Certainty::Certain => {
                self.set.rules_on(found.product, self.action)
            }
        }
    }

    /// The rules that are asked of an item, if nothing says what it is, up to the first in force that reviews. Where all
    /// parties are foreign no rule refuses, so that none has to be asked.
    pub(crate) fn rules_on_unidentified(&self, item: &Item) -> &'a [u32] {
        let nexus = self.buyer.max(self.counted_seller.unwrap_or(Nexus::Foreign));
        if nexus == Nexus::Foreign || !is_unidentified(item) {
            return &[];
        }
        let set: &'a PolicySet = self.set;
        set.rules_by_action.get(self.action.index()).map_or(&[], Vec::as_slice)
    }

    /// The rule that decides among `rules`, or the one that came nearest; those in shadow are noted.
    fn best(
        &mut self,
        rules: &[u32],
        certainty: Certainty,
        product: Option<u32>,
        item: Option<&Item>,
    ) -> Option<Application<'a>> {
        let set: &'a PolicySet = self.set;
        let mut best: Option<Application<'a>> = None;
        for rule in rules.iter().filter_map(|rule| set.rule(*rule)) {
            let (verdict, spared) = self.apply(rule, certainty, product, item);
            if rule.mode == Mode::Shadow {
                self.note_shadow(&rule.facts, verdict);
                continue;
            }
            if spared == Some(Spared::NotYet) {
                self.note_cut(rule);
            }
            // Of the parties a person may find out more; that says nothing of an item that is in doubt.
            self.doubtful |= verdict == Verdict::Review
                && (certainty == Certainty::Suspected
                    || all(&rule.when, item, self.at) == Truth::Review);
            best = best.max(Some(Application { rule, verdict, spared }));
            // INVARIANT: `rules_by_action` is ordered so that the first rule that reviews is the one that speaks.
            if product.is_none() && verdict != Verdict::Allow {
                break;
            }
        }
        best
    }

    /// What one rule does to an item of `product`, and why it does nothing.
    pub(crate) fn apply(
        &self,
        rule: &Rule,
        certainty: Certainty,
        product: Option<u32>,
        item: Option<&Item>,
    ) -> (Verdict, Option<Spared>) {
        if let Some(spared) = rule.out_of_force(self.at) {
            return (Verdict::Allow, Some(spared));
        }
        let open = match all(&rule.when, item, self.at) {
            Truth::Fails => return (Verdict::Allow, Some(Spared::Condition)),
            Truth::Review => true,
            Truth::Holds => false,
        };
        let outcome = rule.outcome(self.buyer, self.counted_seller.unwrap_or(Nexus::Foreign));
        if outcome == Verdict::Allow {
            return (Verdict::Allow, Some(Spared::Foreign));
        }
        let exempted = product.is_some_and(|product| {
            let exemptions = rule.exemptions.iter().filter_map(|e| self.set.exemption(*e));
            exemptions.into_iter().any(|e| e.covers(product, self.party, self.at))
        });
        if exempted {
            return (Verdict::Allow, Some(Spared::Exempted));
        }
        if open || certainty == Certainty::Suspected {
            return (Verdict::Review, None);
        }
        (outcome, None)
    }

    /// A rule that is to come, would refuse these parties, and cuts what is running then.
    fn note_cut(&mut self, rule: &Rule) {
        let refuses = rule.outcome(self.buyer, self.counted_seller.unwrap_or(Nexus::Foreign))
            != Verdict::Allow;
        if rule.in_flight == InFlight::Cut && refuses {
            let effective = rule.facts.effective;
            self.cut_at = Some(self.cut_at.map_or(effective, |cut| cut.min(effective)));
        }
    }

    fn note_shadow(&mut self, rule: &Arc<RuleFacts>, verdict: Verdict) {
        if verdict == Verdict::Allow {
            return;
        }
        match self.shadow.iter_mut().find(|outcome| Arc::ptr_eq(&outcome.rule, rule)) {
            Some(outcome) => outcome.verdict = outcome.verdict.max(verdict),
            None => self.shadow.push(ShadowOutcome { rule: Arc::clone(rule), verdict }),
        }
    }
}

/// How near a rule came to refusing, for the reason that an allow gives.
const fn distance(spared: Spared) -> u8 {
    match spared {
        // The engine knows of no clearance.
        Spared::Cleared => 6,
        Spared::Ended => 0,
        Spared::NotYet => 1,
        Spared::Condition => 2,
        Spared::Suspended => 3,
        Spared::Foreign => 4,
        Spared::Exempted => 5,
    }
}
