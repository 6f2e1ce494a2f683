//! Which records are meant: every condition that is given must hold.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::model::Country;
use crate::model::DecisionId;
use crate::model::Nexus;
use crate::model::Verdict;
use crate::model::parse_timestamp;

use super::entry::Entry;
use super::error::EvidenceError;
use super::view::View;

/// Conditions on a record; an absent one admits all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// The account in the evidence, exactly.
    pub account: Option<String>,
    /// The country that it counts under.
    pub country: Option<CountryWanted>,
    /// The first instant, inclusive.
    pub from: Option<Moment>,
    /// The record, and those that speak of it.
    pub id: Option<Id>,
    /// What it is of.
    pub kind: Option<Kind>,
    /// The strictest nexus of the parties that counted.
    pub nexus: Option<Nexus>,
    /// A product group found, or a SKU asked for, exactly.
    pub product: Option<String>,
    /// The rule that decided.
    pub rule: Option<RuleWanted>,
    /// The first instant that is too late.
    pub to: Option<Moment>,
    /// What was decided.
    pub verdict: Option<Verdict>,
}

/// An instant, or a day of which the first instant (UTC) is meant.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub Timestamp);

/// A country, or that none is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CountryWanted {
    /// This one.
    Known(Country),
    /// None is known.
    Unknown,
}

/// A record's id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Id(DecisionId);

/// A kind of records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kind(&'static str);

/// `rule`, or `policy/rule`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleWanted {
    policy: Option<String>,
    rule: String,
}

/// Why a condition cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// No country.
    #[error("no country is called so; write a code such as US, or `unknown`")]
    Country,
    /// No id.
    #[error("not the id of a record, such as 01890a5d-ac96-774b-bcce-b302099a8057")]
    Id,
    /// No kind.
    #[error("no kind of records; the kinds are {}", Kind::ALL.join(", "))]
    Kind,
    /// Neither instant nor day.
    #[error(
        "write a day such as 2026-11-30 (from 00:00 UTC on), or an instant such as 2026-11-30T00:00:00Z"
    )]
    Moment,
    /// No rule's name.
    #[error("write a rule's id, or policy and rule, such as us-commerce-kaspersky/resale")]
    Rule,
}

impl Filter {
    /// True if the record is too early.
    pub(super) fn is_before(&self, at: Timestamp) -> bool {
        self.from.is_some_and(|from| at < from.0)
    }

    /// True if the record is too late, and so is every later one.
    pub(super) fn is_past(&self, at: Timestamp) -> bool {
        self.to.is_some_and(|to| at >= to.0)
    }

    /// True if all that is asked of a record's content holds.
    pub(super) fn admits(&self, entry: &Entry<'_>) -> Result<bool, EvidenceError> {
        if self.is_before(entry.at) || self.is_past(entry.at) {
            return Ok(false);
        }
        if !self.looks_inside() {
            return Ok(true);
        }
        entry.view().map(|view| self.holds(view))
    }

    /// True if something is asked of the content.
    const fn looks_inside(&self) -> bool {
        let Self { account, country, from: _, id, kind, nexus, product, rule, to: _, verdict } =
            self;
        account.is_some()
            || country.is_some()
            || id.is_some()
            || kind.is_some()
            || nexus.is_some()
            || product.is_some()
            || rule.is_some()
            || verdict.is_some()
    }

    fn holds(&self, view: &View<'_>) -> bool {
        let of = |text: &Option<String>, found: Option<&str>| {
            text.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        of(&self.account, view.evidence.account.as_str())
            && self.country.is_none_or(|wanted| wanted.is(view.country()))
            && self.id.is_none_or(|wanted| wanted.names(view))
            && self.kind.is_none_or(|wanted| view.kind.as_str() == Some(wanted.0))
            && self.nexus.is_none_or(|wanted| view.nexus() == Some(wanted))
            && self.product.as_deref().is_none_or(|wanted| has_product(view, wanted))
            && self.rule.as_ref().is_none_or(|wanted| wanted.decided(view))
            && self.verdict.is_none_or(|wanted| view.verdict() == Some(wanted))
    }
}

fn has_product(view: &View<'_>, wanted: &str) -> bool {
    view.found().any(|found| found.product.as_str() == Some(wanted))
        || view.items.iter().any(|item| item.sku.as_str() == Some(wanted))
}

impl CountryWanted {
    fn is(self, country: Option<Country>) -> bool {
        match self {
            Self::Known(wanted) => country == Some(wanted),
            Self::Unknown => country.is_none(),
        }
    }
}

impl Id {
    fn names(self, view: &View<'_>) -> bool {
        let is = |text: Option<&str>| text.and_then(DecisionId::parse) == Some(self.0);
        is(view.id.as_str()) || is(view.of.as_str())
    }
}

impl Kind {
    /// Every kind (docs/records.md).
    pub const ALL: [&'static str; 14] = [
        "access",
        "cart",
        "change",
        "decision",
        "enquiry",
        "erasure",
        "hold",
        "mismatch",
        "outcome",
        "received",
        "refusal",
        "release",
        "summary",
        "summary_end",
    ];
}

impl RuleWanted {
    fn decided(&self, view: &View<'_>) -> bool {
        let decision = &view.decision;
        decision.rule.as_str() == Some(&self.rule)
            && self.policy.as_deref().is_none_or(|policy| decision.policy.as_str() == Some(policy))
    }
}

impl FromStr for CountryWanted {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        match text {
            "unknown" => Ok(Self::Unknown),
            text => Country::parse(text).map(Self::Known).ok_or(FilterError::Country),
        }
    }
}

impl FromStr for Id {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        DecisionId::parse(text.trim()).map(Self).ok_or(FilterError::Id)
    }
}

impl FromStr for Kind {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::ALL.into_iter().find(|kind| *kind == text).map(Self).ok_or(FilterError::Kind)
    }
}

impl FromStr for Moment {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        if let Ok(instant) = parse_timestamp(text) {
            return Ok(Self(instant));
        }
        // Nothing but YYYY-MM-DD: the library would take more.
        let day =
            text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let day = day.then(|| text.parse::<Date>().ok()).flatten();
        let midnight = day.and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok());
        midnight.map(Self).ok_or(FilterError::Moment)
    }
}

impl FromStr for RuleWanted {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let (policy, rule) = match text.split_once('/') {
            Some((policy, rule)) => (Some(policy), rule),
            None => (None, text),
        };
        let bad = |part: &str| part.trim().is_empty() || part.contains('/');
        if bad(rule) || policy.is_some_and(bad) {
            return Err(FilterError::Rule);
        }
        Ok(Self { policy: policy.map(str::to_owned), rule: rule.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn record() -> serde_json::Value {
        serde_json::json!({
            "id": "01890a5d-ac96-774b-bcce-b302099a8057", "kind": "decision", "action": "resale",
            "decision": {"verdict": "block", "policy": "p", "rule": "resale",
                "items": [{"product": "kaspersky.covered"}],
                "nexus": {"buyer": "foreign", "seller": "us", "because": []}},
            "evidence": {"account": "a-1", "billing_country": "US", "billing_region": "PR"},
            "items": [{"sku": "KL1"}],
        })
    }

    fn admits(filter: &Filter, record: &serde_json::Value) -> bool {
        let object = record.as_object().unwrap();
        let entry = Entry::new(0, at("2026-11-01T00:00:00Z"), object);
        filter.admits(&entry).unwrap()
    }

    /// One filter a condition: the first holds for the record above, the second does not.
    fn pairs() -> Vec<(Filter, Filter)> {
        let all = Filter::default;
        let pair = |set: &dyn Fn(&mut Filter, bool)| {
            let (mut holds, mut fails) = (all(), all());
            set(&mut holds, true);
            set(&mut fails, false);
            (holds, fails)
        };
        let text = |holds: bool, yes: &'static str, no: &'static str| if holds { yes } else { no };
        vec![
            pair(&|f, y| f.account = Some(text(y, "a-1", "A-1").to_owned())),
            pair(&|f, y| f.country = Some(text(y, "PR", "US").parse().unwrap())),
            pair(&|f, y| {
                f.from =
                    Some(text(y, "2026-11-01", "2026-11-01T00:00:00.000001Z").parse().unwrap());
            }),
            pair(&|f, y| {
                let id = [
                    "01890a5d-ac96-774b-bcce-b302099a8058",
                    "01890A5D-AC96-774B-BCCE-B302099A8057",
                ];
                f.id = Some(id[usize::from(y)].parse().unwrap());
            }),
            pair(&|f, y| f.kind = Some(text(y, "decision", "enquiry").parse().unwrap())),
            pair(&|f, y| f.nexus = Some(if y { Nexus::Us } else { Nexus::Foreign })),
            pair(&|f, y| f.product = Some(text(y, "kaspersky.covered", "kaspersky").to_owned())),
            pair(&|f, y| f.product = Some(text(y, "KL1", "kl1").to_owned())),
            pair(&|f, y| f.rule = Some(text(y, "resale", "sale").parse().unwrap())),
            pair(&|f, y| f.rule = Some(text(y, "p/resale", "q/resale").parse().unwrap())),
            pair(&|f, y| {
                f.to = Some(text(y, "2026-11-01T00:00:00.000001Z", "2026-11-01").parse().unwrap());
            }),
            pair(&|f, y| f.verdict = Some(if y { Verdict::Block } else { Verdict::Allow })),
        ]
    }

    #[test]
    fn each_condition_admits_and_refuses_by_itself() {
        for (holds, fails) in pairs() {
            assert!(admits(&holds, &record()), "{holds:?}");
            assert!(!admits(&fails, &record()), "{fails:?}");
        }
    }

    #[test]
    fn all_conditions_must_hold() {
        let all = pairs().into_iter().fold(Filter::default(), |so_far, (next, _)| Filter {
            account: next.account.or(so_far.account),
            country: next.country.or(so_far.country),
            from: next.from.or(so_far.from),
            id: next.id.or(so_far.id),
            kind: next.kind.or(so_far.kind),
            nexus: next.nexus.or(so_far.nexus),
            product: next.product.or(so_far.product),
            rule: next.rule.or(so_far.rule),
            to: next.to.or(so_far.to),
            verdict: next.verdict.or(so_far.verdict),
        });
        assert!(admits(&all, &record()));
        assert!(!admits(&Filter { verdict: Some(Verdict::Review), ..all }, &record()));
    }

    #[test]
    fn an_id_finds_what_speaks_of_it_too() {
        let wanted = Filter {
            id: Some("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()),
            ..Filter::default()
        };
        let outcome = serde_json::json!({"id": "01890a5d-ac96-774b-bcce-b302099a8099",
            "kind": "outcome", "of": "01890a5d-ac96-774b-bcce-b302099a8057", "status": 200});
        assert!(admits(&wanted, &outcome));
    }

    #[test]
    fn a_country_that_is_not_known_can_be_asked_for() {
        let unknown = Filter { country: Some("unknown".parse().unwrap()), ..Filter::default() };
        assert!(!admits(&unknown, &record()));
        assert!(admits(&unknown, &serde_json::json!({"kind": "refusal"})));
    }

    #[test]
    fn values_without_one_reading_are_refused() {
        for bad in
            ["", "2026", "2026-13-01", "2026-11-1", "2026-11-01T00:00:00", "yesterday", "20261101"]
        {
            assert_eq!(bad.parse::<Moment>(), Err(FilterError::Moment), "{bad}");
        }
        assert_eq!("2026-11-01".parse(), Ok(Moment(at("2026-11-01T00:00:00Z"))));
        assert_eq!("2026-11-01T01:00:00+02:00".parse(), Ok(Moment(at("2026-10-31T23:00:00Z"))));
        for bad in ["", "/", "a/", "/a", "a/b/c", " "] {
            assert!(bad.parse::<RuleWanted>().is_err(), "{bad}");
        }
        assert!("Atlantis".parse::<CountryWanted>().is_err());
        assert!("decisions".parse::<Kind>().is_err());
        assert!("17".parse::<Id>().is_err());
    }
}
