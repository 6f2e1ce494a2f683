//! What the report tells: counts, and the few findings that it shows. Its size does not depend on the number of rows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::Serialize;

use crate::model::Decision;
use crate::model::Transaction;
use crate::model::Verdict;
use crate::model::place;
use crate::output::Counts;
use crate::output::counts_of;

/// How many findings of each verdict the report shows.
pub(super) const SHOWN: usize = 40;
/// How many bad rows the report shows.
const SHOWN_BAD: usize = 20;
/// Counts and examples of everything screened so far.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Tally {
    /// Rows that could not be read.
    pub bad: u64,
    /// The first of them: line and what is wrong.
    pub bad_rows: Vec<(u64, String)>,
    /// Findings that the report shows.
    pub(super) examples: Vec<Example>,
    /// Rows of the findings file.
    pub findings: u64,
    /// Orders by verdict.
    pub orders: Counts,
    pub(super) by_country: BTreeMap<String, Counts>,
    pub(super) by_month: BTreeMap<String, Counts>,
    pub(super) by_product: BTreeMap<String, Counts>,
    /// By policy, rule, clause and citation.
    pub(super) by_rule: BTreeMap<String, (Rule, Counts)>,
    /// Rows read, bad ones too.
    pub rows: u64,
}

/// A rule that found something.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Rule {
    pub(super) citation: String,
    pub(super) clause: String,
    pub(super) policy: String,
    pub(super) rule: String,
}

/// A finding that the report shows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Example {
    pub(super) at: Timestamp,
    pub(super) because: String,
    pub(super) block: bool,
    pub(super) clause: String,
    pub(super) country: String,
    pub(super) line: u64,
    pub(super) order: String,
    pub(super) product: String,
}

impl Tally {
    /// Counts an order.
    pub(super) fn order(&mut self, transaction: &Transaction, decision: &Decision) {
        let verdict = decision.verdict;
        self.orders.add(verdict);
        count(&mut self.by_month, &month(decision.at), verdict);
        count(&mut self.by_country, &country(transaction), verdict);
        for finding in decision.all_findings() {
            if let Some(product) = &finding.product {
                count(&mut self.by_product, product, finding.verdict);
            }
        }
        if let Some(facts) = &decision.ruling {
            let key = [&*facts.policy, &facts.rule].join("/");
            let (rule, counts) = self.by_rule.entry(key).or_default();
            if rule.rule.is_empty() {
                *rule = Rule {
                    citation: facts.citation.to_string(),
                    clause: facts.clause.to_string(),
                    policy: facts.policy.to_string(),
                    rule: facts.rule.to_string(),
                };
            }
            counts.add(verdict);
        }
    }

    /// Notes a finding that may be shown.
    pub(super) fn example(&mut self, example: Example) {
        self.examples.push(example);
        if self.examples.len() >= SHOWN.saturating_mul(8) {
            self.trim();
        }
    }

    /// Counts a row that cannot be read.
    pub(super) fn bad_row(&mut self, line: u64, message: &str) {
        self.bad = self.bad.saturating_add(1);
        if self.bad_rows.len() < SHOWN_BAD {
            self.bad_rows.push((line, message.to_owned()));
        }
    }

    /// Adds what a later batch counted.
    pub(super) fn merge(&mut self, later: Self) {
        self.bad = self.bad.saturating_add(later.bad);
        self.findings = self.findings.saturating_add(later.findings);
        self.rows = self.rows.saturating_add(later.rows);
        self.orders.merge(later.orders);
        self.bad_rows.extend(later.bad_rows);
        self.bad_rows.truncate(SHOWN_BAD);
        for (into, from) in [
            (&mut self.by_country, later.by_country),
            (&mut self.by_month, later.by_month),
            (&mut self.by_product, later.by_product),
        ] {
            for (key, counts) in from {
                counts_of(into, &key).merge(counts);
            }
        }
        for (key, (rule, counts)) in later.by_rule {
            let slot = self.by_rule.entry(key).or_insert_with(|| (rule, Counts::default()));
            slot.1.merge(counts);
        }
        self.examples.extend(later.examples);
        self.trim();
    }

    /// Keeps the newest findings of each verdict; lines decide between equals, so that batches do not matter.
    fn trim(&mut self) {
        self.examples.sort_unstable_by_key(|example| {
            (std::cmp::Reverse(example.block), std::cmp::Reverse(example.at), example.line)
        });
        let (mut blocks, mut reviews) = (0_usize, 0_usize);
        self.examples.retain(|example| {
            let seen = if example.block { &mut blocks } else { &mut reviews };
            *seen = seen.saturating_add(1);
            *seen <= SHOWN
        });
    }
}

fn count(into: &mut BTreeMap<String, Counts>, key: &str, verdict: Verdict) {
    counts_of(into, key).add(verdict);
}

/// `2024-07`, in UTC.
fn month(at: Timestamp) -> String {
    let date = TimeZone::UTC.to_datetime(at).date();
    format!("{:04}-{:02}", date.year(), date.month())
}

/// The country an order is counted under: billing, else shipping, organisation, declared, that of its address.
pub(super) fn country(transaction: &Transaction) -> String {
    let buyer = &transaction.buyer;
    let refined = |text: &Option<crate::model::CountryText>, region: &Option<String>| {
        let country = text.as_ref().and_then(crate::model::CountryText::country)?;
        Some(place(country, region.as_deref()))
    };
    let address = || {
        buyer.addresses.iter().find_map(|address| match address.country {
            crate::model::CountryReading::Read(country) => Some(country),
            _ => None,
        })
    };
    let country = refined(&buyer.billing_country, &buyer.billing_region)
        .or_else(|| refined(&buyer.shipping_country, &buyer.shipping_region))
        .or_else(|| refined(&buyer.organization_country, &None))
        .or_else(|| refined(&buyer.declared_country, &None))
        .or_else(address);
    country.map_or_else(|| "unknown".to_owned(), |country| country.as_str().to_owned())
}
