//! What charts and the map ask.

use std::ops::Range;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::Action;
use crate::model::Verdict;

use super::cells::ceil;
use super::cells::floor;
use super::history::History;
use super::key;
use super::key::Key;
use super::key::NAMES;
use super::key::PLACES;

/// Points of a line; a step that would make more is made longer.
const POINTS: i64 = 3_000;
/// Minutes of an hour.
const HOUR: i64 = 60;

/// What lines, or rows, are of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is named after what is told apart")]
pub enum Axis {
    Action,
    Country,
    Product,
    Rule,
    Verdict,
}

/// What is counted; everything where nothing is said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// This action alone.
    pub action: Option<Action>,
    /// This country alone: a name of the contract, `unknown` where none is known of the buyer, or `other`.
    pub country: Option<String>,
    /// This product group alone; empty for what belongs to none.
    pub product: Option<String>,
    /// This rule alone, as `policy/rule`; empty for what no rule decided.
    pub rule: Option<String>,
    /// This verdict alone.
    pub verdict: Option<Verdict>,
}

/// A time: from an instant, inclusive, to one that is not in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is named after what it is")]
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// Counts over time.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Series {
    /// The instant at which the first step begins, in seconds since 1970: a multiple of the step, and not after what was asked for unless
    /// that was months before the first decision.
    pub from: i64,
    /// A line for each value that occurs, the one with the most first.
    pub lines: Vec<SeriesLine>,
    /// Steps of each line.
    pub points: usize,
    /// Seconds of a step: those that were asked for, or more where that would be too many, or only hours are kept of that time.
    pub step: i64,
}

/// One value over time.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct SeriesLine {
    /// Decisions in each step.
    pub counts: Vec<u64>,
    /// The value; empty for no product or no rule, `unknown` for no country, `other` for what is not told apart.
    pub name: String,
}

/// Counts of a time.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Totals {
    /// The instant from which was counted, in seconds since 1970; the hour's beginning where only hours are kept.
    pub from: i64,
    /// A row for each value that occurs, the one with the most first.
    pub rows: Vec<Total>,
    /// The instant up to which was counted.
    pub to: i64,
}

/// One value's decisions.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Total {
    /// Decisions that allowed.
    pub allow: u64,
    /// Decisions that refused.
    pub block: u64,
    /// As in [`SeriesLine`].
    pub name: String,
    /// Decisions that held.
    pub review: u64,
}

impl Total {
    const fn all(&self) -> u64 {
        self.allow.saturating_add(self.block).saturating_add(self.review)
    }
}

/// A filter as bits of a key.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    mask: u64,
    value: u64,
}

impl Wanted {
    /// None where no key can fit: nothing of that name was ever counted.
    fn new(filter: &Filter, history: &History) -> Option<Self> {
        let Filter { action, country, product, rule, verdict } = filter;
        let mut wanted = Self::default();
        if let Some(action) = action {
            wanted.add(Axis::Action, u64::try_from(action.index()).ok()?);
        }
        if let Some(country) = country {
            wanted.add(Axis::Country, key::place_named(country)?.into());
        }
        if let Some(product) = product {
            wanted.add(Axis::Product, history.products.find(product)?.into());
        }
        if let Some(rule) = rule {
            wanted.add(Axis::Rule, history.rules.find(rule)?.into());
        }
        if let Some(verdict) = verdict {
            wanted.add(Axis::Verdict, key::verdict_index(*verdict));
        }
        Some(wanted)
    }

    fn add(&mut self, axis: Axis, value: u64) {
        self.mask |= key::mask(axis);
        self.value |= key::placed(axis, value);
    }

    const fn is_of(&self, key: Key) -> bool {
        key.0 & self.mask == self.value
    }
}

/// The lines or rows of one query, found by their value.
struct Groups<T> {
    axis: Axis,
    made: Vec<(usize, T)>,
    /// The position in `made` of each value, and 0 where there is none: one more than it is.
    places: Vec<usize>,
}

impl<T: Clone> Groups<T> {
    fn new(axis: Axis) -> Self {
        let values = match axis {
            Axis::Action => Action::ALL.len(),
            Axis::Country => PLACES,
            Axis::Product | Axis::Rule => NAMES,
            Axis::Verdict => Verdict::ALL.len(),
        };
        Self { axis, made: Vec::new(), places: vec![0; values] }
    }

    fn of(&mut self, key: Key, empty: &T) -> Option<&mut T> {
        let value = key.get(self.axis);
        let place = self.places.get_mut(value)?;
        if *place == 0 {
            self.made.push((value, empty.clone()));
            *place = self.made.len();
        }
        self.made.get_mut(place.checked_sub(1)?).map(|(_, made)| made)
    }

    fn named(self, history: &History) -> impl Iterator<Item = (String, T)> {
        let axis = self.axis;
        self.made.into_iter().map(move |(value, made)| (name(axis, value, history), made))
    }
}

fn name(axis: Axis, value: usize, history: &History) -> String {
    match axis {
        Axis::Action => Action::ALL.get(value).map_or("", |action| action.as_str()).to_owned(),
        Axis::Country => key::place_name(value),
        Axis::Product => history.products.text(value).to_owned(),
        Axis::Rule => history.rules.text(value).to_owned(),
        Axis::Verdict => Verdict::ALL.get(value).map_or("", |verdict| verdict.as_str()).to_owned(),
    }
}

/// The minutes of a window that can hold anything.
fn minutes(window: Window, history: &History) -> Range<i64> {
    let from = window.from.as_second().div_euclid(60);
    let to = ceil(window.to.as_second(), 60).div_euclid(60);
    // Of a time before all that was counted, no steps are made.
    let first = history.hours.first().unwrap_or(to).min(to);
    let from = from.max(first.saturating_sub(POINTS.saturating_mul(HOUR)));
    from..to.max(from)
}

pub(super) fn series(
    history: &History,
    window: Window,
    step_minutes: u32,
    by: Axis,
    filter: &Filter,
) -> Series {
    let asked = minutes(window, history);
    let length = asked.end.saturating_sub(asked.start);
    let mut step = i64::from(step_minutes.max(1)).max(ceil(length, POINTS).div_euclid(POINTS));
    let is_hourly = step.rem_euclid(HOUR) == 0 || floor(asked.start, step) < history.minutes.gone;
    let track = if is_hourly { &history.hours } else { &history.minutes };
    if is_hourly {
        step = ceil(step, HOUR);
    }
    let (start, end) = (floor(asked.start, step), ceil(asked.end, step));
    let points = end.saturating_sub(start).checked_div(step).unwrap_or(0);
    let points = usize::try_from(points).unwrap_or(0);
    let mut groups = Groups::new(by);
    if let Some(wanted) = Wanted::new(filter, history) {
        let empty = vec![0_u64; points];
        for slot in track.within(start..end) {
            let point = slot.at.saturating_sub(start).checked_div(step).unwrap_or(0);
            let point = usize::try_from(point).unwrap_or(0);
            for (key, count) in slot.cells.iter().filter(|(key, _)| wanted.is_of(*key)) {
                let line = groups.of(key, &empty);
                if let Some(total) = line.and_then(|counts| counts.get_mut(point)) {
                    *total = total.saturating_add(count.into());
                }
            }
        }
    }
    let lines = groups.named(history).map(|(name, counts)| SeriesLine { counts, name });
    let mut lines: Vec<SeriesLine> = lines.collect();
    lines.sort_by_cached_key(|line| {
        (u64::MAX.saturating_sub(line.counts.iter().sum()), line.name.clone())
    });
    Series { from: start.saturating_mul(60), lines, points, step: step.saturating_mul(60) }
}

pub(super) fn totals(history: &History, window: Window, by: Axis, filter: &Filter) -> Totals {
    let asked = minutes(window, history);
    let is_kept = asked.start >= history.minutes.gone;
    let Range { start, end } =
        if is_kept { asked } else { floor(asked.start, HOUR)..ceil(asked.end, HOUR) };
    let mut groups = Groups::new(by);
    if let Some(wanted) = Wanted::new(filter, history) {
        // Whole hours are read as such, and their edges by minutes.
        let (first, last) = (ceil(start, HOUR), floor(end, HOUR));
        let (inner, edges) = if first <= last {
            (first..last, [start..first, last..end])
        } else {
            (start..start, [start..end, end..end])
        };
        let edges = edges.into_iter().flat_map(|minutes| history.minutes.within(minutes));
        for slot in edges.chain(history.hours.within(inner)) {
            for (key, count) in slot.cells.iter().filter(|(key, _)| wanted.is_of(*key)) {
                if let Some(total) = groups.of(key, &Total::default()) {
                    let total = match key.get(Axis::Verdict) {
                        0 => &mut total.allow,
                        1 => &mut total.review,
                        _ => &mut total.block,
                    };
                    *total = total.saturating_add(count.into());
                }
            }
        }
    }
    let rows = groups.named(history).map(|(name, total)| Total { name, ..total });
    let mut rows: Vec<Total> = rows.collect();
    rows.sort_by_cached_key(|row| (u64::MAX.saturating_sub(row.all()), row.name.clone()));
    Totals { from: start.saturating_mul(60), rows, to: end.saturating_mul(60) }
}
