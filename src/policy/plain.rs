//! Rules in sentences, for whoever never saw a policy file: what a rule does, to whom, with which products, since when, and on what
//! it rests.
//!
//! A sentence is made of the compiled rule, so that it says what is decided, not what somebody meant to write. Never part of a
//! decision.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::Action;
use crate::model::Basis;
use crate::model::Mode;
use crate::model::Verdict;

use super::dates::SuspendedDates;
use super::engine::rule::Rule;
use super::engine::set::PolicySet;

/// Where the authorities of United States law date their orders.
const WASHINGTON: &str = "America/New_York";

/// A rule in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlainRule {
    /// Citation of the authority.
    pub citation: String,
    /// Clause of the authority.
    pub clause: String,
    /// First instant, inclusive.
    pub effective: Timestamp,
    /// What a refused customer is told.
    pub message: String,
    /// Whether it counts.
    pub mode: Mode,
    /// Policy id.
    pub policy: String,
    /// Whatever else a reader must know: conditions, exemptions, on what the reading rests.
    pub remarks: Vec<String>,
    /// Rule id.
    pub rule: String,
    /// What it does, without when: `blocks sales of ... to ...; holds those where that is unclear`.
    pub sentence: String,
    /// Its stay, if it has one.
    pub suspended: Option<SuspendedDates>,
    /// First instant at which it has ended.
    pub until: Option<Timestamp>,
}

/// A product group, for who picks one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlainProduct {
    /// True for products that the authority leaves alone.
    pub exempt: bool,
    /// As files write it.
    pub id: String,
    /// As people read it.
    pub name: String,
}

impl PlainRule {
    /// The whole sentence, with its dates and its clause.
    pub fn whole(&self) -> String {
        let until = self.until.map_or_else(String::new, |until| format!(" until {}", day(until)));
        let Self { citation, clause, sentence, .. } = self;
        format!("From {}{until}: {sentence}. Clause {clause}, {citation}", day(self.effective))
    }
}

/// Every rule in words, in order of the files.
pub fn rules(set: &PolicySet) -> Vec<PlainRule> {
    set.rules.iter().map(|rule| plain(set, rule)).collect()
}

/// Every product group, in order of the files.
pub fn products(set: &PolicySet) -> Vec<PlainProduct> {
    let products = set.products.iter().map(|product| PlainProduct {
        exempt: product.exempt,
        id: product.id.to_string(),
        name: group(&product.id),
    });
    products.collect()
}

/// Every instant at which a rule of a set begins, ends, is suspended or resumed, in order.
pub fn instants(set: &PolicySet) -> Vec<Timestamp> {
    let mut found = Vec::new();
    let mut last = Timestamp::MIN;
    while let Some(next) = set.next_change(last) {
        found.push(next);
        last = next;
    }
    found
}

/// A day as people say it, with the hour in Washington where it is not midnight there, and in UTC.
pub fn day(at: Timestamp) -> String {
    let utc = at.strftime("%-d %B %Y, %H:%M UTC").to_string();
    let Ok(washington) = TimeZone::get(WASHINGTON) else { return utc };
    let there = washington.to_datetime(at);
    if there.hour() == 0 && there.minute() == 0 && there.second() == 0 {
        return format!(
            "{} (midnight in Washington, {} UTC)",
            there.strftime("%-d %B %Y"),
            at.strftime("%H:%M")
        );
    }
    utc
}

/// What an action is called, in the plural.
pub const fn deeds(action: Action) -> &'static str {
    match action {
        Action::Activation => "activations",
        Action::CloudService => "cloud services",
        Action::CodebaseUpdate => "codebase updates",
        Action::Export => "exports",
        Action::GovernmentSupply => "supplies to government",
        Action::Import => "imports",
        Action::Integration => "integrations into other products",
        Action::LicenseStatus => "questions about a licence",
        Action::Licensing => "licensing agreements",
        Action::Payment => "payments",
        Action::Refund => "refunds",
        Action::Removal => "removals",
        Action::Renewal => "renewals",
        Action::Resale => "resales",
        Action::Sale => "sales",
        Action::SignatureUpdate => "signature updates",
        Action::Use => "use",
    }
}

fn plain(set: &PolicySet, rule: &Rule) -> PlainRule {
    let facts = &rule.facts;
    PlainRule {
        citation: facts.citation.to_string(),
        clause: facts.clause.to_string(),
        effective: facts.effective,
        message: facts.message.to_string(),
        mode: rule.mode,
        policy: facts.policy.to_string(),
        remarks: remarks(set, rule),
        rule: facts.rule.to_string(),
        sentence: sentence(set, rule),
        suspended: rule.suspended.as_ref().map(|stay| SuspendedDates {
            by: stay.by.to_string(),
            from: stay.from,
            reason: stay.reason.to_string(),
            until: stay.until,
        }),
        until: rule.until,
    }
}

fn sentence(set: &PolicySet, rule: &Rule) -> String {
    let actions: Vec<_> = rule.actions.iter().map(|action| deeds(*action).to_owned()).collect();
    let products = rule.products.iter().filter_map(|product| set.product(*product));
    let products: Vec<_> = products.map(|product| group(&product.id)).collect();
    let (actions, products) = (listed(&actions), listed(&products));
    let parties = match (rule.buyer, rule.seller) {
        (true, true) => "where the buyer or the seller is in the United States or a US person",
        (true, false) => "to buyers in the United States and US persons",
        (false, _) => "by sellers in the United States and US persons",
    };
    let does = does(rule.us);
    let unclear = match rule.unclear {
        same if same == rule.us => ", and those where that is unclear".to_owned(),
        other => format!("; {} those where that is unclear", self::does(other)),
    };
    format!("{does} {actions} of {products} {parties}{unclear}")
}

fn remarks(set: &PolicySet, rule: &Rule) -> Vec<String> {
    let mut remarks = Vec::new();
    match rule.mode {
        Mode::Enforce => {}
        Mode::Off => remarks.push("Switched off: it decides nothing.".to_owned()),
        Mode::Shadow => {
            remarks.push("In shadow: what it would do is recorded, and never enforced.".to_owned());
        }
    }
    if !rule.when.is_empty() {
        let attributes: Vec<_> = rule.when.iter().map(|c| c.attribute.to_string()).collect();
        remarks.push(format!(
            "Only where the item's {} meets the rule's condition.",
            listed(&attributes)
        ));
    }
    for exemption in rule.exemptions.iter().filter_map(|e| set.exemption(*e)) {
        let (by, until) = (&exemption.authorisation, day(exemption.expires));
        remarks.push(format!("Exempted by {by} until {until}: {}", exemption.reason));
    }
    remarks.push(
        match rule.facts.basis {
            Basis::Judgement => "Rests on a legal reading of the authority.",
            Basis::Policy => "Rests on a choice of this company, not on the authority's words.",
            Basis::Text => "Rests on the words of the authority.",
        }
        .to_owned(),
    );
    remarks
}

const fn does(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allows",
        Verdict::Block => "blocks",
        Verdict::Review => "holds for review",
    }
}

/// `kaspersky.covered` is `covered Kaspersky products`.
fn group(id: &str) -> String {
    let (vendor, rest) = id.split_once('.').unwrap_or(("", id));
    let words = |text: &str| text.replace(['-', '_', '.'], " ");
    let mut chars = vendor.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let vendor = words(&format!("{first}{}", chars.as_str()));
    match (vendor.is_empty(), rest) {
        (false, "covered") => format!("covered {vendor} products"),
        (false, rest) => format!("{vendor} {}", words(rest)),
        (true, rest) => words(rest),
    }
}

fn listed(all: &[String]) -> String {
    match all {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::PolicyText;
    use super::super::load_read;
    use super::*;

    fn shipped() -> PolicySet {
        let text = include_str!("../../policies/us-commerce-kaspersky.toml").to_owned();
        load_read(&[PolicyText { name: "us.toml".to_owned(), text }]).unwrap()
    }

    #[test]
    fn a_compliance_officer_reads_a_rule_as_a_sentence() {
        let rules = rules(&shipped());
        let updates = rules.iter().find(|rule| rule.rule == "signature-updates").unwrap();
        assert_eq!(
            updates.whole(),
            "From 29 September 2024 (midnight in Washington, 04:00 UTC): blocks signature updates of covered Kaspersky products to \
             buyers in the United States and US persons; holds for review those where that is unclear. Clause FD-2a, 89 FR 52434"
        );
        let held = rules.iter().find(|rule| rule.rule == "resale-before-named").unwrap();
        assert!(held.whole().contains(" until 29 September 2024"), "{}", held.whole());
        assert!(held.sentence.ends_with(", and those where that is unclear"), "{}", held.sentence);
        let off = rules.iter().find(|rule| rule.rule == "vendor-update-stop").unwrap();
        assert!(off.sentence.contains("signature updates, codebase updates and cloud services"));
        assert!(off.remarks.iter().any(|remark| remark.starts_with("Switched off")));
    }

    #[test]
    fn every_instant_at_which_the_set_changes_is_found_once() {
        let found = instants(&shipped());
        let expected: Timestamp = "2024-09-29T04:00:00Z".parse().unwrap();
        assert_eq!(found.iter().filter(|at| **at == expected).count(), 1);
        assert!(found.is_sorted(), "{found:?}");
    }

    #[test]
    fn an_hour_that_is_no_midnight_in_washington_is_told_in_utc() {
        assert_eq!(day("2026-03-01T12:30:00Z".parse().unwrap()), "1 March 2026, 12:30 UTC");
    }
}
