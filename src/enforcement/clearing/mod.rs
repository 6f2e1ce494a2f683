//! What a hold asks of a person, and how a clearance answers it (docs/adr/0007-clearances.md).
//!
//! INVARIANTS
//! * A block is never lifted, nor a review beside one: every finding that reviews has a clearance, or all stay held.
//! * A use is taken before the record. If there is no record, the use is lost and nothing was served.
//! * An account that is only said is nobody by itself: it stands together with the network that the gateway sees.

use std::sync::Arc;

use ipnet::IpNet;
use serde::Serialize;
use smallvec::SmallVec;

use crate::clearance;
use crate::clearance::Asked;
use crate::clearance::Clearance;
use crate::clearance::Digest;
use crate::clearance::Evidence;
use crate::clearance::Subject;
use crate::clearance::SubjectKind;
use crate::clearance::network_of;
use crate::model::AddressOrigin;
use crate::model::Buyer;
use crate::model::Cleared;
use crate::model::Decision;
use crate::model::Finding;
use crate::model::Spared;
use crate::model::Transaction;
use crate::model::Verdict;
use crate::model::Vouching;
use crate::registry::credential;

use super::gate::Gate;
use super::gate::Judged;
use super::secrets::account_without_secrets;
use super::snapshot::Snapshot;

/// A held decision as the review queue needs it. It stands in the personal part of its record.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Held {
    /// From where it was asked, as the gateway sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<IpNet>,
    questions: SmallVec<[Question; 1]>,
}

/// What one finding asks.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Question {
    evidence: Digest,
    /// Of the subject: a ledger that masks it does not hide what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<SubjectKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<Arc<str>>,
    /// None: nothing tells this from what anybody else may ask, so nobody can be cleared.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    subject: Option<Subject>,
    vouched: bool,
}

/// For whom a transaction can be cleared.
struct Subjects<'a> {
    /// With whether somebody vouches for it.
    account: Option<(Subject, bool)>,
    network: Option<IpNet>,
    transaction: &'a Transaction,
}

/// The clearances of every finding of a decision that reviews, in their order.
pub(super) struct Lift(SmallVec<[Arc<Clearance>; 1]>);

impl Held {
    /// What a held decision asks; none if it is not held.
    pub(super) fn of(
        decision: &Decision,
        transaction: &Transaction,
        seen: Option<AddressOrigin>,
    ) -> Option<Self> {
        if decision.verdict != Verdict::Review {
            return None;
        }
        let subjects = Subjects::of(transaction, seen);
        let mut held = Self { network: subjects.network, questions: SmallVec::new() };
        held.ask(decision, &subjects);
        Some(held)
    }

    /// The same, with what another reading of the request asks.
    pub(super) fn and(
        mut self,
        (decision, transaction): &(Decision, Transaction),
        seen: AddressOrigin,
    ) -> Self {
        self.ask(decision, &Subjects::of(transaction, Some(seen)));
        self
    }

    fn ask(&mut self, decision: &Decision, subjects: &Subjects<'_>) {
        let evidence = Evidence::of(subjects.transaction, decision);
        for (index, finding) in reviews(decision) {
            let (subject, vouched) = subjects.first(finding);
            let product = finding.product.clone();
            let evidence = evidence.digest(finding, index);
            let kind = subject.as_ref().map(Subject::kind);
            let question = Question { evidence, kind, product, subject, vouched };
            if !self.questions.contains(&question) {
                self.questions.push(question);
            }
        }
    }
}

impl<'a> Subjects<'a> {
    /// `seen`: whose address of the client counts as observed; none where nothing is.
    fn of(transaction: &'a Transaction, seen: Option<AddressOrigin>) -> Self {
        let buyer = &transaction.buyer;
        let address = seen.and_then(|seen| {
            let mut observed = buyer.addresses.iter().filter(|address| address.origin == seen);
            observed.find_map(|address| address.address)
        });
        Self { account: account(buyer), network: address.map(network_of), transaction }
    }

    /// For whom a hold is entered in the queue, and whether somebody vouches for it.
    fn first(&self, finding: &Finding) -> (Option<Subject>, bool) {
        self.each(finding)
            .find(|(subject, vouched)| *vouched || !subject.is_claimed() || self.network.is_some())
            .map_or((None, false), |(subject, vouched)| (Some(subject), vouched))
    }

    /// For whom the finding may have been cleared.
    fn each(&self, finding: &Finding) -> impl Iterator<Item = (Subject, bool)> {
        let is_delivery = self.transaction.action.is_delivery();
        // Of an item that nothing identifies only this very order can be known.
        let identified = finding.product.is_some();
        let account = self.account.clone().filter(|_| identified);
        let network = self.network.filter(|_| identified && is_delivery);
        let network = network.map(|network| (Subject::Network(network), false));
        let order = (!is_delivery && self.is_told_apart())
            .then(|| (Subject::Order(clearance::order(self.transaction)), false));
        account.into_iter().chain(network).chain(order)
    }

    /// Whether anything tells this order from the same order of somebody else.
    fn is_told_apart(&self) -> bool {
        let buyer = &self.transaction.buyer;
        let filled = |text: &Option<String>| text.as_deref().is_some_and(|t| !t.trim().is_empty());
        let claimed = buyer.claimed.as_deref();
        self.network.is_some()
            || [&buyer.account, &buyer.email, &buyer.ip].into_iter().any(filled)
            || claimed.is_some_and(|claimed| filled(&claimed.account))
    }
}

impl Snapshot {
    /// A decision as it would be under the clearances in force. It uses none of them up: it is for those who ask what would be.
    #[must_use]
    pub fn lifted(
        &self,
        mut decision: Decision,
        transaction: &Transaction,
        seen: Option<AddressOrigin>,
    ) -> Decision {
        if let Some(lift) = self.lift(&decision, transaction, seen) {
            lift.apply(&mut decision);
        }
        decision
    }

    /// The clearances that lift a held decision: of every finding that reviews, or none. No use is taken.
    pub(super) fn lift(
        &self,
        decision: &Decision,
        transaction: &Transaction,
        seen: Option<AddressOrigin>,
    ) -> Option<Lift> {
        if self.clearances.is_empty() || decision.verdict != Verdict::Review {
            return None;
        }
        let subjects = Subjects::of(transaction, seen);
        let evidence = Evidence::of(transaction, decision);
        let mut found = SmallVec::new();
        for (index, finding) in reviews(decision) {
            let digest = evidence.digest(finding, index);
            let clearance = subjects.each(finding).find_map(|(subject, vouched)| {
                self.clearances.find(&Asked {
                    action: transaction.action,
                    at: decision.at,
                    evidence: digest,
                    network: subjects.network,
                    product: finding.product.as_deref(),
                    subject: &subject,
                    vouched,
                })
            })?;
            found.push(clearance);
        }
        (!found.is_empty()).then_some(Lift(found))
    }
}

impl Lift {
    /// Takes a use of each; false if a single one was taken meanwhile.
    pub(super) fn take(&self) -> bool {
        let each = self.0.iter().enumerate();
        // One transaction uses a clearance once, however many of its lines it lifts.
        let mut others = each.filter(|(at, clearance)| {
            !self.0.iter().take(*at).any(|before| Arc::ptr_eq(before, clearance))
        });
        others.all(|(_, clearance)| clearance.take())
    }

    /// Turns a held decision into one that allows, and says by whose clearance.
    pub(super) fn apply(self, decision: &mut Decision) {
        let Decision { cleared, cut_at, findings, request, .. } = decision;
        let held = findings.iter_mut().chain(request).filter(|f| f.verdict == Verdict::Review);
        for (finding, clearance) in held.zip(self.0) {
            finding.verdict = Verdict::Allow;
            let Some(rule) = finding.ruling.take() else { continue };
            finding.spared = Some((Arc::clone(&rule), Spared::Cleared));
            let Clearance { by, id, until, .. } = &*clearance;
            // What runs under a clearance runs no longer than it holds.
            *cut_at = Some(cut_at.map_or(*until, |cut| cut.min(*until)));
            let one = Cleared { by: Arc::clone(by), id: Arc::clone(id), rule, until: *until };
            if !cleared.contains(&one) {
                cleared.push(one);
            }
        }
        decision.ruling = None;
        decision.verdict = Verdict::Allow;
    }
}

impl Gate {
    /// Lifts what was held of one request, if everything that was is cleared.
    pub(super) fn clear(&self, snapshot: &Snapshot, orders: &mut [Judged]) {
        let seen = Some(AddressOrigin::Client);
        let mut lifts: SmallVec<[(&mut Judged, Lift, Option<Lift>); 1]> = SmallVec::new();
        for judged in orders {
            match judged.decision.verdict {
                Verdict::Allow => continue,
                Verdict::Block => return,
                Verdict::Review => {}
            }
            let Some(lift) = snapshot.lift(&judged.decision, &judged.transaction, seen) else {
                return;
            };
            let mut also = None;
            if let Some((decision, transaction)) = judged.also.as_deref() {
                also = snapshot.lift(decision, transaction, seen);
                if also.is_none() {
                    return;
                }
            }
            lifts.push((judged, lift, also));
        }
        // All or nothing is served; a use that was taken beside one that could not be is lost.
        let taken =
            lifts.iter().all(|(_, lift, also)| lift.take() && also.as_ref().is_none_or(Lift::take));
        if !taken {
            return;
        }
        for (judged, lift, also) in lifts {
            lift.apply(&mut judged.decision);
            if let (Some(lift), Some(other)) = (also, judged.also.take()) {
                let (mut other, _) = *other;
                lift.apply(&mut other);
                judged.decision.cut_at = judged.decision.cut_at.min(other.cut_at);
                judged.decision.cleared.append(&mut other.cleared);
            }
            self.metrics.cleared(judged.decision.cleared.len());
        }
    }
}

/// Who is named, and whether somebody vouches for it. Two names that differ are nobody's.
fn account(buyer: &Buyer) -> Option<(Subject, bool)> {
    let said = buyer.account.as_deref().and_then(named);
    let claimed = buyer.claimed.as_deref().and_then(|claimed| claimed.account.as_deref());
    match (said, claimed.and_then(named)) {
        (Some(said), Some(claimed)) => (said == claimed).then_some((claimed, true)),
        (Some(said), None) => Some((said, buyer.vouching == Vouching::Vouched)),
        (None, claimed) => claimed.map(|claimed| (claimed, true)),
    }
}

/// The subject of an account's text. What may be a bearer credential is known by its digest.
fn named(account: &str) -> Option<Subject> {
    let account = account.trim();
    if account.is_empty() {
        return None;
    }
    Some(if let Some(key) = credential(account) {
        Subject::LicenceKey(Digest::of(key.as_str().as_bytes()))
    } else if *account_without_secrets(account) != *account {
        Subject::LicenceKey(Digest::of(account.as_bytes()))
    } else {
        Subject::Account(account.into())
    })
}

/// The findings that review, with the place of their item.
fn reviews(decision: &Decision) -> impl Iterator<Item = (Option<usize>, &Finding)> {
    let items = decision.findings.iter().enumerate().map(|(index, f)| (Some(index), f));
    let all = items.chain(decision.request.iter().map(|finding| (None, finding)));
    all.filter(|(_, finding)| finding.verdict == Verdict::Review)
}

fn as_text<S: serde::Serializer>(
    subject: &Option<Subject>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match subject {
        Some(subject) => serializer.collect_str(subject),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
