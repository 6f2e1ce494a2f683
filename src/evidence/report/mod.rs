//! The report: what was decided, refused, held, delivered, by which policies, under which proof, and what refusing avoided.
//!
//! One file that fetches nothing and runs nothing; it prints on A4 and Letter. Every text from a record is escaped by the template, and
//! every value of a chart stands in a table too.

mod page;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::Nexus;
use crate::output;
use crate::output::Counts;

use super::error::EvidenceError;
use super::exposure::Dealing;
use super::exposure::Exposure;
use super::filter::Filter;
use super::maxima::Maximum;
use super::maxima::Standing;
use super::outcomes::Deliveries;
use super::proof::ProofStatus;
use super::tally::Facts;
use super::tally::Tally;
use super::tally::Used;

/// What a report says of itself.
#[derive(Clone, Debug)]
pub struct ReportAbout {
    /// The program and its version.
    pub by: String,
    /// What was left out, and the period.
    pub filter: Filter,
    /// When it was made.
    pub made: Timestamp,
    /// The log's name and key id, where its verifier key is known.
    pub log: Option<(String, String)>,
}

/// Makes the page.
///
/// # Errors
/// `Page`.
pub fn report(
    about: &ReportAbout,
    tally: &Tally,
    proof: &ProofStatus,
) -> Result<String, EvidenceError> {
    page::render(about, tally, proof).map_err(|error| EvidenceError::Page(error.to_string()))
}

/// A chart with the table of its values.
struct Figure<'a> {
    counts: Vec<(&'a str, Counts)>,
    name: &'static str,
    svg: String,
    title: &'static str,
}

impl<'a> Figure<'a> {
    /// By month: in order of time.
    fn months(by_month: &'a BTreeMap<String, Counts>) -> Self {
        Self {
            counts: by_month.iter().map(|(name, counts)| (name.as_str(), *counts)).collect(),
            name: "Month",
            svg: output::months(by_month, "Blocked and held decisions by month"),
            title: "By month",
        }
    }

    /// By a name: most blocked and held first.
    fn names(
        by_name: &'a BTreeMap<String, Counts>,
        title: &'static str,
        name: &'static str,
    ) -> Self {
        let mut counts: Vec<_> =
            by_name.iter().map(|(name, counts)| (name.as_str(), *counts)).collect();
        counts.sort_by_key(|(_, counts)| std::cmp::Reverse((counts.found(), counts.all())));
        let label = format!("Blocked and held decisions, {}", title.to_lowercase());
        Self { counts, name, svg: output::bars(by_name, &label), title }
    }
}

/// A rule that refused or held, and how often.
fn rules(tally: &Tally, count: fn(&Counts) -> u64) -> Vec<(&Facts, u64)> {
    let mut rules: Vec<_> = tally
        .by_rule
        .values()
        .map(|(facts, counts)| (facts, count(counts)))
        .filter(|(_, count)| *count > 0)
        .collect();
    rules.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    rules
}

/// A row of the exposure's table.
struct ExposureRow<'a> {
    dealing: &'static str,
    exposure: &'a Exposure,
    figure: Maximum,
    year: i16,
}

impl ExposureRow<'_> {
    fn all(tally: &Tally) -> Vec<ExposureRow<'_>> {
        let rows = tally.exposure.iter().map(|((year, dealing), exposure)| ExposureRow {
            dealing: match dealing {
                Dealing::Agreement => "orders and licences",
                Dealing::Delivery => "updates and cloud queries",
            },
            exposure,
            figure: Maximum::of(*year),
            year: *year,
        });
        rows.collect()
    }
}

/// For each year what its figure rests on, and what has to be said of it.
fn figures_used(tally: &Tally) -> Vec<String> {
    let years: BTreeSet<_> = tally.exposure.keys().map(|(year, _)| *year).collect();
    let used = years.into_iter().map(|year| {
        let figure = Maximum::of(year);
        let mut parts = vec![format!("{year}: {}", figure.source)];
        match figure.year {
            0 => parts.push(format!("no figure for {year} was found: the statute's own is used")),
            set if set != year => parts.push(format!(
                "no figure for {year} was found: that of {set}, the last known one, is used"
            )),
            _ => {}
        }
        if figure.standing == Standing::Unverified {
            parts.push("the amount is from memory, unverified".to_owned());
        }
        parts.join("; ")
    });
    used.collect()
}

/// By rule; without the policy's id where all rules are of one.
fn by_rule(tally: &Tally) -> BTreeMap<String, Counts> {
    let policies: BTreeSet<_> = tally.by_rule.values().map(|(facts, _)| &facts.policy).collect();
    let name = |key: &str, facts: &Facts| match policies.len() {
        1 => facts.rule.clone(),
        _ => key.to_owned(),
    };
    let rules = tally.by_rule.iter();
    rules.map(|(key, (facts, counts))| (name(key, facts), *counts)).collect()
}

/// By nexus, under the names that are shown.
fn by_nexus(tally: &Tally) -> BTreeMap<String, Counts> {
    let shown = |name: &str| {
        let nexus = Nexus::ALL.into_iter().find(|nexus| nexus.as_str() == name);
        nexus.map_or_else(|| name.to_owned(), |nexus| shown_nexus(nexus).to_owned())
    };
    tally.by_nexus.iter().map(|(name, counts)| (shown(name), *counts)).collect()
}

/// Deliveries of covered products by nexus.
fn covered(tally: &Tally) -> Vec<(&'static str, Deliveries)> {
    let covered = &tally.outcomes.covered;
    let rows = [Nexus::Us, Nexus::Unclear, Nexus::Foreign]
        .map(|nexus| (shown_nexus(nexus), covered.get(&nexus).copied().unwrap_or_default()));
    rows.into()
}

/// Deliveries of covered products that went out to parties with US evidence, or may have: there should be none.
fn to_us(tally: &Tally) -> u64 {
    let us = tally.outcomes.covered.get(&Nexus::Us).copied().unwrap_or_default();
    us.went_out.answers.saturating_add(us.left_to_a_proxy.answers)
}

const fn shown_nexus(nexus: Nexus) -> &'static str {
    match nexus {
        Nexus::Foreign => "foreign",
        Nexus::Unclear => "unclear",
        Nexus::Us => "US",
    }
}

/// What was used, in the order in which it came.
fn in_order(used: &BTreeMap<String, Used>) -> Vec<(&String, Used)> {
    let mut rows: Vec<_> = used.iter().map(|(name, used)| (name, *used)).collect();
    rows.sort_by_key(|(_, used)| used.first);
    rows
}

/// `2026-11-25 13:56 UTC`.
fn minute(at: &Timestamp) -> String {
    TimeZone::UTC.to_datetime(*at).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `2026-11-25 13:56`.
fn short(at: &Timestamp) -> String {
    TimeZone::UTC.to_datetime(*at).strftime("%Y-%m-%d %H:%M").to_string()
}

/// `2 days 3 h`, `4 h 10 min`, `12 s`: the two greatest parts.
fn length(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    let part = |of: i64, per: i64| of.checked_div(per).unwrap_or(0);
    let (days, rest) = (part(seconds, 86_400), seconds.checked_rem(86_400).unwrap_or(0));
    let (hours, rest) = (part(rest, 3_600), rest.checked_rem(3_600).unwrap_or(0));
    let (minutes, rest) = (part(rest, 60), rest.checked_rem(60).unwrap_or(0));
    let unit = if days == 1 { "day" } else { "days" };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} {unit} {hours} h"),
    }
}

/// The period that was asked for.
fn period(filter: &Filter) -> String {
    match (filter.from, filter.to) {
        (None, None) => "all of the log".to_owned(),
        (Some(from), None) => format!("from {} on", minute(&from.0)),
        (None, Some(to)) => format!("before {}", minute(&to.0)),
        (Some(from), Some(to)) => {
            format!("from {} to before {}", minute(&from.0), minute(&to.0))
        }
    }
}
