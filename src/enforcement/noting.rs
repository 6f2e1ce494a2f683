//! What is counted and shown of a decision: metrics, charts, the live stream, and the ids that lead from a number to its records.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::model::AddressClass;
use crate::model::AddressEvidence;
use crate::model::Country;
use crate::model::CountryReading;
use crate::model::Decision;
use crate::model::DecisionId;
use crate::model::Nexus;
use crate::model::Spared;
use crate::model::Transaction;
use crate::model::Verdict;
use crate::telemetry::Shown;
use crate::telemetry::Stage;

use super::gate::Gate;
use super::gate::Judged;
use super::record::country_of_buyer;
use super::secrets::account_without_secrets;

/// A decision to be counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted<'a> {
    /// When it was made; an answer to a given instant is about another.
    pub(super) at: Timestamp,
    pub(super) decision: &'a Decision,
    /// True for an answer to a given instant: it decides nothing, so that charts do not have it.
    pub(super) hypothetical: bool,
    /// Of its record.
    pub(super) id: DecisionId,
    pub(super) route: &'a str,
    /// Seconds, where they were taken.
    pub(super) took: Option<f64>,
    pub(super) transaction: &'a Transaction,
}

impl Judged {
    /// As made at an instant.
    pub(super) fn noted<'a>(&'a self, route: &'a str, at: Timestamp) -> Noted<'a> {
        let Self { decision, id, took, transaction, .. } = self;
        Noted { at, decision, hypothetical: false, id: *id, route, took: Some(*took), transaction }
    }
}

impl Noted<'_> {
    fn country(&self) -> Option<Country> {
        country_of_buyer(&self.transaction.buyer, self.decision.buyer, self.decision.because)
    }

    /// A delivery that the law prohibits and that is allowed all the same: a covered product, somebody in the United States, and a rule
    /// in force on both. It says what a healthy engine never does, and so it looks at the addresses itself.
    fn is_prohibited_delivery(&self) -> bool {
        let Self { decision, hypothetical, transaction, .. } = self;
        let is_american =
            || decision.buyer == Nexus::Us || transaction.buyer.addresses.iter().any(is_american);
        decision.verdict == Verdict::Allow
            && !hypothetical
            && transaction.action.is_delivery()
            && decision.all_findings().any(|found| {
                found.spared.as_ref().is_some_and(|(_, spared)| match spared {
                    // A clearance lifts what is unclear, and what is American is not.
                    Spared::Cleared | Spared::Foreign => true,
                    Spared::Condition
                    | Spared::Ended
                    | Spared::Exempted
                    | Spared::NotYet
                    | Spared::Suspended => false,
                })
            })
            && is_american()
    }

    /// The first item's stock-keeping unit, if it can be nothing but one: no code, no licence key, no address of mail.
    fn sku(&self) -> Option<&str> {
        let sku = self.transaction.items.first()?.sku.as_deref()?;
        let is_plain = matches!(account_without_secrets(sku), Cow::Borrowed(kept) if kept == sku);
        (is_plain && !sku.contains('@')).then_some(sku)
    }
}

/// True for an address that says that somebody is in the United States, and nothing that makes it doubtful.
fn is_american(address: &AddressEvidence) -> bool {
    let is_there = match address.country {
        CountryReading::Read(country) => country.is_united_states(),
        CountryReading::Missing | CountryReading::Unreadable => false,
    };
    address.classes.contains(AddressClass::UsMilitary) || address.classes.is_empty() && is_there
}

impl Gate {
    /// Counts a decision. Before anything that waits: whoever goes away is counted, too.
    pub(super) fn note(&self, noted: &Noted<'_>) {
        let Noted { at, decision, hypothetical, route, transaction, .. } = *noted;
        let country = noted.country();
        self.metrics.decided(decision, transaction.action, country, route);
        if !hypothetical {
            self.metrics.activity().noted(decision, transaction.action, country, at);
        }
        if noted.is_prohibited_delivery() {
            self.metrics.us_delivery_allowed((noted.id, at));
            if self.may_log_refusal(at) {
                tracing::error!(id = %noted.id, route, "a delivery to the United States was allowed");
            }
        }
    }

    /// Shows a decision to whoever looks on, once its record's id is known.
    pub(super) fn show(&self, noted: &Noted<'_>) {
        let Noted { at, decision, id, route, took, transaction, .. } = *noted;
        let (action, named) = (transaction.action, (id, at));
        self.metrics.exemplified(decision, action, route, named);
        if let Some(took) = took {
            self.metrics.exemplified_time(Stage::Decision, took, named);
        }
        if !noted.hypothetical {
            self.metrics.activity().shown(decision, at, || {
                Shown::new(decision, action, named, noted.country(), route, noted.sku())
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use smallvec::smallvec;

    use super::*;
    use crate::model::Action;
    use crate::model::AddressClasses;
    use crate::model::AddressOrigin;
    use crate::model::Basis;
    use crate::model::Because;
    use crate::model::Finding;
    use crate::model::Item;
    use crate::model::RuleFacts;

    fn allowed(spared: Option<Spared>, buyer: Nexus) -> Decision {
        let rule = RuleFacts {
            basis: Basis::Text,
            citation: "".into(),
            clause: "".into(),
            effective: Timestamp::UNIX_EPOCH,
            message: "".into(),
            policy: "us".into(),
            rule: "signature-updates".into(),
        };
        let spared = spared.map(|spared| (Arc::new(rule), spared));
        let finding = Finding { spared, ..Finding::default() };
        Decision {
            cleared: Vec::new(),
            at: Timestamp::UNIX_EPOCH,
            because: Because::NONE,
            buyer,
            cut_at: None,
            findings: smallvec![Finding::default(), finding],
            request: None,
            ruling: None,
            seller: None,
            shadow: smallvec![],
            verdict: Verdict::Allow,
        }
    }

    fn from(country: &str, classes: AddressClasses) -> AddressEvidence {
        let country = Country::parse(country).map_or(CountryReading::Missing, CountryReading::Read);
        let (address, origin) = (None, AddressOrigin::Client);
        AddressEvidence { address, answers: smallvec![], classes, country, origin }
    }

    fn is_prohibited(decision: &Decision, action: Action, addresses: &[AddressEvidence]) -> bool {
        let mut transaction = Transaction::new(action);
        transaction.buyer.addresses.extend(addresses.iter().cloned());
        noted(decision, &transaction).is_prohibited_delivery()
    }

    fn noted<'a>(decision: &'a Decision, transaction: &'a Transaction) -> Noted<'a> {
        Noted {
            at: Timestamp::UNIX_EPOCH,
            decision,
            hypothetical: false,
            id: DecisionId::new(Timestamp::UNIX_EPOCH),
            route: "mirror",
            took: None,
            transaction,
        }
    }

    #[test]
    fn a_covered_delivery_that_is_allowed_to_the_united_states_is_told_and_nothing_else() {
        let clean = AddressClasses::NONE;
        let here = [from("DE", clean)];
        let there = [from("DE", clean), from("PR", clean)];
        let update = Action::SignatureUpdate;
        let foreign = allowed(Some(Spared::Foreign), Nexus::Foreign);
        assert!(is_prohibited(&foreign, update, &there));
        assert!(is_prohibited(
            &foreign,
            update,
            &[from("DE", clean.with(AddressClass::UsMilitary))]
        ));
        assert!(is_prohibited(&allowed(Some(Spared::Foreign), Nexus::Us), update, &here));

        assert!(!is_prohibited(&foreign, update, &here));
        // An address that proves nothing.
        assert!(!is_prohibited(&foreign, update, &[from("US", clean.with(AddressClass::Vpn))]));
        assert!(!is_prohibited(&foreign, Action::Resale, &there), "no delivery");
        assert!(!is_prohibited(&allowed(None, Nexus::Us), update, &there), "not covered");
        for lawful in
            [Spared::Condition, Spared::Ended, Spared::Exempted, Spared::NotYet, Spared::Suspended]
        {
            assert!(
                !is_prohibited(&allowed(Some(lawful), Nexus::Us), update, &there),
                "{lawful:?}"
            );
        }
        let refused = Decision { verdict: Verdict::Block, ..foreign };
        assert!(!is_prohibited(&refused, update, &there));
        let transaction = Transaction::new(update);
        let us = allowed(Some(Spared::Foreign), Nexus::Us);
        let asked = Noted { hypothetical: true, ..noted(&us, &transaction) };
        assert!(!asked.is_prohibited_delivery(), "an answer to a given instant delivers nothing");
    }

    #[test]
    fn what_may_be_a_code_or_a_person_is_no_stock_keeping_unit() {
        let decision = allowed(None, Nexus::Foreign);
        for (sku, expected) in [
            ("KL1047GDEFS", true),
            ("ABCDE-12345-FGHIJ-67890", false),
            ("abcde 12345 fghij 67890", false),
            ("0123456789abcdef0123456789ABCDEF", false),
            ("buyer@customer.example", false),
        ] {
            let mut transaction = Transaction::new(Action::Resale);
            transaction.items.push(Item { sku: Some(sku.to_owned()), ..Item::default() });
            assert_eq!(noted(&decision, &transaction).sku().is_some(), expected, "{sku}");
        }
    }
}
