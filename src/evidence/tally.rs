//! What a report tells: counts, and the few records that it shows. Its size does not depend on the number of records.
//!
//! Counted are decisions: records of kind `decision`, one each, by the instant of the record. Answers to enquiries, carts and all other
//! kinds are counted by kind only, for nothing was sold or served by them.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::Action;
use crate::model::Nexus;
use crate::model::Verdict;
use crate::output::Counts;
use crate::output::counts_of;

use super::entry::Entry;
use super::error::EvidenceError;
use super::exposure::Dealing;
use super::exposure::Exposure;
use super::money::Money;
use super::outcomes::Outcomes;
use super::outcomes::count;
use super::view::View;

/// Records of each list that are shown: the newest.
pub(super) const SHOWN: u64 = 10;
/// Revisions, databases and rules that are told apart.
const KEYS: usize = 500;

/// Releases that are remembered by what they released; people make them, so there are few.
const RELEASES: usize = 10_000;

/// Counts and examples of everything so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Decisions that allow something that a rule was looked at for, by action.
    pub(super) allowed_covered: BTreeMap<String, u64>,
    pub(super) by_action: BTreeMap<String, Counts>,
    pub(super) by_country: BTreeMap<String, Counts>,
    pub(super) by_kind: BTreeMap<String, u64>,
    pub(super) by_month: BTreeMap<String, Counts>,
    pub(super) by_nexus: BTreeMap<String, Counts>,
    pub(super) by_product: BTreeMap<String, Counts>,
    pub(super) by_rule: BTreeMap<String, (Facts, Counts)>,
    pub(super) carts: Counts,
    pub(super) decisions: Counts,
    pub(super) exposure: BTreeMap<(i16, Dealing), Exposure>,
    pub(super) gap: Option<Gap>,
    pub(super) geo: BTreeMap<String, Used>,
    pub(super) held: Newest,
    pub(super) mismatched: Newest,
    pub(super) outcomes: Outcomes,
    pub(super) policies: BTreeMap<String, Used>,
    pub(super) records: u64,
    pub(super) refusals: BTreeMap<String, u64>,
    pub(super) refused: Newest,
    pub(super) released: Newest,
    /// By whom a hold was released, by the hold's id.
    releases: BTreeMap<String, String>,
    pub(super) released_by: BTreeMap<String, u64>,
    /// Refusals that ended summaries counted.
    pub(super) summarised: u64,
    /// Summaries.
    pub(super) summaries: u64,
    pub(super) span: Option<(Timestamp, Timestamp)>,
}

/// The facts of a rule that refused or held.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Facts {
    pub(super) basis: String,
    pub(super) citation: String,
    pub(super) clause: String,
    pub(super) policy: String,
    pub(super) rule: String,
}

/// From when to when something was used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Used {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) times: u64,
}

/// The longest time without a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Gap {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// The newest records of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Newest(VecDeque<Shown>);

/// A record that is shown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Shown {
    pub(super) action: String,
    pub(super) at: Timestamp,
    pub(super) by: String,
    pub(super) country: String,
    pub(super) id: String,
    pub(super) items: String,
    pub(super) of: String,
    pub(super) order: String,
    pub(super) reason: String,
    pub(super) rule: String,
}

impl Tally {
    /// Counts a record.
    ///
    /// # Errors
    /// `Unreadable`.
    pub fn add(&mut self, entry: &Entry<'_>) -> Result<(), EvidenceError> {
        let view = entry.view()?;
        self.records = self.records.saturating_add(1);
        self.pass(entry.at);
        let kind = view.kind.as_str().unwrap_or("unknown");
        count(&mut self.by_kind, kind);
        match kind {
            "cart" => self.carts.add(view.verdict().unwrap_or_default()),
            "decision" => self.decision(entry, view),
            "mismatch" => self.mismatched.push(Shown::new(entry, view)),
            "outcome" => self.outcomes.outcome(view),
            "refusal" => {
                let reason = view.reason.as_str().unwrap_or("no reason is given");
                let status = view.status.as_str().unwrap_or("?");
                count(&mut self.refusals, &format!("{status} {reason}"));
            }
            "release" => {
                count(&mut self.released_by, view.by.as_str().unwrap_or("unknown"));
                let release = Shown::new(entry, view);
                if self.releases.len() < RELEASES {
                    self.releases.insert(release.of.clone(), release.by.clone());
                }
                self.released.push(release);
            }
            "summary" => self.summaries = self.summaries.saturating_add(1),
            "summary_end" => {
                let refusals = view.refusals.whole().unwrap_or(0);
                self.summarised = self.summarised.saturating_add(refusals);
            }
            _ => {}
        }
        if let Some(bundle) = view.decision.bundle.as_str() {
            used(&mut self.policies, bundle, entry.at);
        }
        for answer in view.evidence.addresses.iter().flat_map(|address| &address.answers) {
            if let Some(source) = answer.source.as_str() {
                used(&mut self.geo, source, entry.at);
            }
        }
        Ok(())
    }

    /// Records counted.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// What was decided.
    pub const fn decisions(&self) -> Counts {
        self.decisions
    }

    /// Who released what is shown, if anybody did.
    pub(super) fn released_by_whom(&self, shown: &Shown) -> Option<&str> {
        self.releases.get(&shown.id).map(String::as_str)
    }

    /// Notes when a record was made.
    fn pass(&mut self, at: Timestamp) {
        if let Some((_, last)) = self.span {
            let longest = self.gap.map_or(SignedDuration::ZERO, |gap| gap.length());
            let gap = Gap { from: last, to: at };
            if gap.length() > longest {
                self.gap = Some(gap);
            }
        }
        self.span = Some((self.span.map_or(at, |(first, _)| first), at));
    }

    fn decision(&mut self, entry: &Entry<'_>, view: &View<'_>) {
        // A decision whose verdict is not known here is no allow.
        let verdict = view.verdict().unwrap_or(Verdict::Review);
        let action = view.action.as_str().unwrap_or("unknown");
        self.decisions.add(verdict);
        let country = view.country();
        counts_of(&mut self.by_month, &month(entry.at)).add(verdict);
        counts_of(&mut self.by_action, action).add(verdict);
        counts_of(&mut self.by_country, country.as_ref().map_or("unknown", |c| c.as_str()))
            .add(verdict);
        counts_of(&mut self.by_nexus, view.nexus().map_or("unknown", Nexus::as_str)).add(verdict);
        for (product, verdict) in strictest_by_product(view) {
            counts_of(&mut self.by_product, product).add(verdict);
        }
        self.outcomes.decided(view);
        match verdict {
            Verdict::Allow => {
                if view.is_covered() {
                    count(&mut self.allowed_covered, action);
                }
                return;
            }
            Verdict::Block => {
                self.refused.push(Shown::new(entry, view));
                self.expose(entry.at, view);
            }
            Verdict::Review => self.held.push(Shown::new(entry, view)),
        }
        self.rule(view, verdict);
    }

    fn rule(&mut self, view: &View<'_>, verdict: Verdict) {
        let facts = Facts::new(view);
        let key = [facts.policy.as_str(), &facts.rule].join("/");
        let known = self.by_rule.len() < KEYS || self.by_rule.contains_key(&key);
        let key = if known { key } else { "others".to_owned() };
        self.by_rule.entry(key).or_insert_with(|| (facts, Counts::default())).1.add(verdict);
    }

    fn expose(&mut self, at: Timestamp, view: &View<'_>) {
        let delivery = view.action().is_some_and(Action::is_delivery);
        let dealing = if delivery { Dealing::Delivery } else { Dealing::Agreement };
        // The gateway decides at its own clock, so that this is when the transaction was tried.
        let decided = view.decision.at.as_str().and_then(|at| at.parse().ok()).unwrap_or(at);
        let year = TimeZone::UTC.to_datetime(decided).year();
        let amount = view.value.amount.as_str().and_then(Money::parse);
        let value = amount.zip(view.value.currency.as_str());
        self.exposure.entry((year, dealing)).or_default().add(year, value);
    }
}

/// Each product group of a record once, with the strictest verdict on what belongs to it.
fn strictest_by_product<'a>(view: &'a View<'_>) -> Vec<(&'a str, Verdict)> {
    let mut products: Vec<(&str, Verdict)> = Vec::new();
    for found in view.found() {
        let Some(product) = found.product.as_str() else { continue };
        let verdict = found.verdict().unwrap_or_default();
        match products.iter_mut().find(|(name, _)| *name == product) {
            Some((_, strictest)) => *strictest = verdict.max(*strictest),
            None => products.push((product, verdict)),
        }
    }
    products
}

fn used(into: &mut BTreeMap<String, Used>, name: &str, at: Timestamp) {
    let known = into.len() < KEYS || into.contains_key(name);
    let name = if known { name } else { "others" };
    let used = into.entry(name.to_owned()).or_insert(Used { first: at, last: at, times: 0 });
    used.last = at;
    used.times = used.times.saturating_add(1);
}

/// `2026-11`, in UTC.
fn month(at: Timestamp) -> String {
    let date = TimeZone::UTC.to_datetime(at).date();
    format!("{:04}-{:02}", date.year(), date.month())
}

impl Facts {
    fn new(view: &View<'_>) -> Self {
        let decision = &view.decision;
        Self {
            basis: decision.basis.to_owned_text(),
            citation: decision.citation.to_owned_text(),
            clause: decision.clause.to_owned_text(),
            policy: decision.policy.to_owned_text(),
            rule: decision.rule.to_owned_text(),
        }
    }
}

impl Gap {
    pub(super) fn length(self) -> SignedDuration {
        self.to.duration_since(self.from)
    }
}

impl Newest {
    fn push(&mut self, shown: Shown) {
        if u64::try_from(self.0.len()).is_ok_and(|length| length >= SHOWN) {
            self.0.pop_front();
        }
        self.0.push_back(shown);
    }

    /// Newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Shown> {
        self.0.iter().rev()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Shown {
    fn new(entry: &Entry<'_>, view: &View<'_>) -> Self {
        let decision = &view.decision;
        let names: Vec<_> = view
            .items
            .iter()
            .filter_map(|item| item.name.as_str().or_else(|| item.sku.as_str()))
            .take(4)
            .collect();
        let more = view.items.len().saturating_sub(4);
        let items = match (names.is_empty(), more) {
            (true, _) => view.request.path.to_owned_text(),
            (false, 0) => names.join(", "),
            (false, more) => format!("{} and {more} more", names.join(", ")),
        };
        let rule = [decision.clause.as_str(), decision.rule.as_str()];
        Self {
            action: view.action.to_owned_text(),
            at: entry.at,
            by: view.by.to_owned_text(),
            country: view.country().map_or_else(String::new, |c| c.as_str().to_owned()),
            id: view.id.to_owned_text(),
            items: items.chars().take(200).collect(),
            of: view.of.to_owned_text(),
            order: view.subject.order.to_owned_text(),
            reason: view.reason.to_owned_text(),
            rule: rule.into_iter().flatten().collect::<Vec<_>>().join(" "),
        }
    }
}
