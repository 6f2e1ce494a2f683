//! Counts against a naive second opinion that keeps every decision, whatever happens in between.

#![expect(clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use smallvec::smallvec;

use super::*;
use crate::model::Basis;
use crate::model::Because;
use crate::model::DecisionId;
use crate::model::Finding;
use crate::model::Nexus;
use crate::model::RuleFacts;
use crate::model::Verdict;

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn decision(verdict: Verdict, product: Option<&str>, rule: Option<&str>) -> Decision {
    let ruling = rule.map(|rule| {
        Arc::new(RuleFacts {
            basis: Basis::Text,
            citation: "".into(),
            clause: "7.91(a)".into(),
            effective: Timestamp::UNIX_EPOCH,
            message: "".into(),
            policy: "us".into(),
            rule: rule.into(),
        })
    });
    let finding = Finding {
        product: product.map(Arc::from),
        ruling: ruling.clone(),
        verdict,
        ..Finding::default()
    };
    Decision {
        cleared: Vec::new(),
        at: Timestamp::UNIX_EPOCH,
        because: Because::NONE,
        buyer: Nexus::Unclear,
        cut_at: None,
        findings: smallvec![Finding::default(), finding],
        request: None,
        ruling,
        seller: None,
        shadow: smallvec![],
        verdict,
    }
}

fn country(code: &str) -> Option<Country> {
    Country::parse(code)
}

/// What the naive opinion remembers of a decision.
#[derive(Clone, Debug)]
struct Told {
    second: i64,
    verdict: Verdict,
    product: &'static str,
    rule: &'static str,
    country: &'static str,
    action: Action,
}

impl Told {
    fn note(&self, activity: &Activity) {
        let some = |text: &'static str| (!text.is_empty()).then_some(text);
        let rule = some(self.rule).map(|rule| rule.split_once('/').unwrap().1);
        let decision = decision(self.verdict, some(self.product), rule);
        activity.noted(&decision, self.action, country(self.country), at(self.second));
    }

    fn name(&self, by: Axis) -> &'static str {
        match by {
            Axis::Action => self.action.as_str(),
            Axis::Country => self.country,
            Axis::Product => self.product,
            Axis::Rule => self.rule,
            Axis::Verdict => self.verdict.as_str(),
        }
    }

    fn is_of(&self, filter: &Filter) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|w| w == name);
        filter.action.is_none_or(|action| action == self.action)
            && filter.verdict.is_none_or(|verdict| verdict == self.verdict)
            && is(&filter.country, self.country)
            && is(&filter.product, self.product)
            && is(&filter.rule, self.rule)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Decide(Told),
    Fold,
    Restart,
    Totals(i64, i64, Axis, Filter),
    Series(i64, i64, u32, Axis, Filter),
}

fn axis() -> impl Strategy<Value = Axis> {
    prop::sample::select(vec![
        Axis::Action,
        Axis::Country,
        Axis::Product,
        Axis::Rule,
        Axis::Verdict,
    ])
}

const COUNTRIES: [&str; 4] = ["US", "DE", "ZW", "unknown"];
const PRODUCTS: [&str; 3] = ["", "kaspersky.covered", "kaspersky.exempt"];
const RULES: [&str; 3] = ["", "us/resale", "us/signature-updates"];

fn told(second: i64) -> impl Strategy<Value = Told> {
    let verdict = prop::sample::select(Verdict::ALL.to_vec());
    let action = prop::sample::select(vec![Action::Activation, Action::Resale, Action::Use]);
    let names = (any::<Index>(), any::<Index>(), any::<Index>());
    (verdict, action, names).prop_map(move |(verdict, action, (product, rule, country))| Told {
        second,
        verdict,
        product: PRODUCTS[product.index(PRODUCTS.len())],
        rule: RULES[rule.index(RULES.len())],
        country: COUNTRIES[country.index(COUNTRIES.len())],
        action,
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let text = |names: &'static [&'static str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        prop::option::weighted(0.2, prop::sample::select(names))
    };
    let action = prop::option::weighted(0.2, Just(Action::Resale));
    let verdict = prop::option::weighted(0.2, prop::sample::select(Verdict::ALL.to_vec()));
    (action, text(&COUNTRIES), text(&PRODUCTS), text(&RULES), verdict).prop_map(
        |(action, country, product, rule, verdict)| Filter {
            action,
            country,
            product,
            rule,
            verdict,
        },
    )
}

/// Some days in seconds, most of them near the edges of minutes and hours.
fn moment() -> impl Strategy<Value = i64> {
    let edge = prop::sample::select(vec![-61_i64, -1, 0, 1, 59, 60, 3_599]);
    prop_oneof![
        (0_i64..100, edge).prop_map(|(hour, edge)| START + hour * 3_600 + edge),
        (0_i64..360_000).prop_map(|second| START + second),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let window = || (moment(), 0_i64..200_000).prop_map(|(from, length)| (from, from + length));
    let minutes = prop::sample::select(vec![0_u32, 1, 5, 7, 15, 59, 60, 61, 120, 1_440]);
    prop_oneof![
        8 => moment().prop_flat_map(told).prop_map(Step::Decide),
        1 => Just(Step::Fold),
        1 => Just(Step::Restart),
        2 => (window(), axis(), filter())
            .prop_map(|((from, to), axis, filter)| Step::Totals(from, to, axis, filter)),
        2 => (window(), minutes, axis(), filter())
            .prop_map(|((from, to), step, axis, filter)| Step::Series(from, to, step, axis, filter)),
    ]
}

/// Decisions in the order of their time, and everything else where it came.
fn in_order(mut steps: Vec<Step>) -> Vec<Step> {
    let mut told: Vec<_> = steps
        .iter()
        .filter_map(|step| if let Step::Decide(told) = step { Some(told.second) } else { None })
        .collect();
    told.sort_unstable();
    let mut seconds = told.into_iter();
    for step in &mut steps {
        if let Step::Decide(told) = step {
            told.second = seconds.next().unwrap();
        }
    }
    steps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Every series and every total is what counting all decisions one by one gives, over folds, restarts and the turn from
    /// minutes to hours.
    #[test]
    fn charts_are_what_a_count_of_every_decision_gives(
        steps in prop::collection::vec(step(), 1..120).prop_map(in_order)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("activity");
        let mut activity = Activity::default();
        let mut all: Vec<Told> = Vec::new();
        // Minutes of which something may wait: a table holds two apart, and is drained every second.
        let mut waiting = std::collections::BTreeSet::new();
        for step in steps {
            match step {
                Step::Decide(told) => {
                    waiting.insert(told.second.div_euclid(60));
                    if waiting.len() > 2 {
                        activity.fold();
                        waiting = [told.second.div_euclid(60)].into();
                    }
                    told.note(&activity);
                    all.push(told);
                }
                Step::Fold => activity.fold(),
                Step::Restart => {
                    activity.save(&path).unwrap();
                    activity = Activity::default();
                    activity.load(&path).unwrap();
                }
                Step::Totals(from, to, by, filter) => {
                    let window = Window { from: at(from), to: at(to) };
                    let totals = activity.totals(window, by, &filter);
                    check_window(from, to, totals.from, totals.to, &all);
                    let mut expected: BTreeMap<&str, Total> = BTreeMap::new();
                    let within = totals.from..totals.to;
                    for told in all.iter().filter(|t| within.contains(&t.second) && t.is_of(&filter)) {
                        let name = told.name(by);
                        let total = expected.entry(name).or_insert_with(|| Total { name: name.to_owned(), ..Total::default() });
                        match told.verdict {
                            Verdict::Allow => total.allow += 1,
                            Verdict::Block => total.block += 1,
                            Verdict::Review => total.review += 1,
                        }
                    }
                    let sums: Vec<_> = totals.rows.iter().map(|row| row.allow + row.block + row.review).collect();
                    prop_assert!(sums.is_sorted_by(|a, b| a >= b), "{:?}", sums);
                    let mut rows = totals.rows;
                    rows.sort_by(|a, b| a.name.cmp(&b.name));
                    prop_assert_eq!(rows, expected.into_values().collect::<Vec<_>>());
                }
                Step::Series(from, to, step, by, filter) => {
                    let window = Window { from: at(from), to: at(to) };
                    let series = activity.series(window, step, by, &filter);
                    let end = series.from + series.step * i64::try_from(series.points).unwrap();
                    check_window(from, to, series.from, end, &all);
                    prop_assert_eq!(series.from % series.step, 0);
                    prop_assert!(series.step >= i64::from(step.max(1)) * 60);
                    let mut expected: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
                    let within = series.from..end;
                    for told in all.iter().filter(|t| within.contains(&t.second) && t.is_of(&filter)) {
                        let line = expected.entry(told.name(by)).or_insert_with(|| vec![0; series.points]);
                        line[usize::try_from((told.second - series.from) / series.step).unwrap()] += 1;
                    }
                    let lines: BTreeMap<&str, Vec<u64>> =
                        series.lines.iter().map(|line| (&*line.name, line.counts.clone())).collect();
                    prop_assert_eq!(lines, expected);
                }
            }
        }
    }
}

/// What was counted holds what was asked for, and no more than the edges of a step, unless the whole of it is kept by the hour alone.
fn check_window(from: i64, to: i64, counted_from: i64, counted_to: i64, all: &[Told]) {
    assert!(counted_from <= from || all.is_empty(), "{counted_from} {from}");
    assert!(counted_to >= to, "{counted_to} {to}");
    assert!(counted_from > from - 86_400 && counted_to < to + 86_400);
}

#[test]
fn what_is_older_than_two_days_is_told_by_the_hour_and_than_ninety_not_at_all() {
    let activity = Activity::default();
    let told = |second| Told {
        second,
        verdict: Verdict::Block,
        product: "kaspersky.covered",
        rule: "us/resale",
        country: "US",
        action: Action::Resale,
    };
    for hour in 0..100 * 24 {
        for minute in [5, 50] {
            told(START + hour * 3_600 + minute * 60).note(&activity);
            activity.fold();
        }
    }
    let end = START + 100 * 86_400;
    let whole = Window { from: at(START), to: at(end) };
    let totals = activity.totals(whole, Axis::Country, &Filter::default());
    // The newest hour is the last of the ninety days.
    assert_eq!(totals.rows[0].block, 90 * 24 * 2);
    let day = |from: i64| Window { from: at(from), to: at(from + 86_400) };
    let series = |from| activity.series(day(from), 1, Axis::Verdict, &Filter::default());
    assert_eq!((series(end - 86_400).step, series(end - 86_400).points), (60, 1_440));
    assert_eq!((series(end - 5 * 86_400).step, series(end - 5 * 86_400).points), (3_600, 24));
    assert_eq!(series(end - 5 * 86_400).lines[0].counts, vec![2; 24]);
    assert!(series(START).lines.is_empty());
}

#[test]
fn every_worker_s_decisions_are_counted_while_others_read() {
    const EACH: i64 = 20_000;
    let activity = Activity::default();
    let decision = decision(Verdict::Block, Some("kaspersky.covered"), Some("resale"));
    let window = Window { from: at(START), to: at(START + 7_200) };
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (activity, decision) = (&activity, &decision);
            scope.spawn(move || {
                for n in 0..EACH {
                    let second = START + (n + worker) / 10;
                    activity.noted(decision, Action::Resale, None, at(second));
                }
            });
        }
        for _ in 0..50 {
            activity.totals(window, Axis::Rule, &Filter::default());
        }
    });
    let totals = activity.totals(window, Axis::Rule, &Filter::default());
    assert_eq!(totals.rows.len(), 1);
    assert_eq!(totals.rows[0].block, 4 * u64::try_from(EACH).unwrap());
}

#[test]
fn more_keys_than_a_table_holds_cost_no_count() {
    let activity = Activity::default();
    let rules: Vec<_> = (0..5_000)
        .map(|n| decision(Verdict::Review, Some("p"), Some(&format!("rule-{n}"))))
        .collect();
    for decision in &rules {
        activity.noted(decision, Action::Use, country("US"), at(START));
    }
    let window = Window { from: at(START), to: at(START + 60) };
    let totals = activity.totals(window, Axis::Rule, &Filter::default());
    assert_eq!(totals.rows.iter().map(|row| row.review).sum::<u64>(), 5_000);
    assert_eq!((&*totals.rows[0].name, totals.rows[0].review >= 904), ("other", true));
}

#[test]
fn a_damaged_file_is_told_and_nothing_of_it_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("activity");
    let activity = Activity::default();
    assert!(activity.load(&path).is_ok(), "none is there at first");
    let decision = decision(Verdict::Block, Some("p"), Some("r"));
    activity.noted(&decision, Action::Use, None, at(START));
    activity.save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 4;
        std::fs::write(&path, &damaged).unwrap();
        assert!(matches!(Activity::default().load(&path), Err(ActivityError::Unsound(_))));
        std::fs::write(&path, &bytes[..place]).unwrap();
        assert!(matches!(Activity::default().load(&path), Err(ActivityError::Unsound(_))));
    }
    activity.save(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap().len(), bytes.len() - 1, "unchanged: not written");
}

fn show(activity: &Activity, verdict: Verdict, millis: i64) {
    let at = Timestamp::from_millisecond(START * 1_000 + millis).unwrap();
    let decision = decision(verdict, Some("kaspersky.covered"), Some("resale"));
    activity.noted(&decision, Action::Resale, country("US"), at);
    let named = (DecisionId::new(at), at);
    activity.shown(&decision, at, || {
        Shown::new(&decision, Action::Resale, named, country("US"), "shop", Some("KL1047"))
    });
}

#[test]
fn nothing_is_shown_unless_somebody_has_looked_within_ten_seconds() {
    let activity = Activity::default();
    show(&activity, Verdict::Block, 0);
    assert!(activity.since(0, at(START)).shown.is_empty());
    show(&activity, Verdict::Block, 10_000);
    show(&activity, Verdict::Block, 11_000);
    assert_eq!(activity.since(0, at(START)).shown.len(), 1);
}

#[test]
fn a_second_shows_fifty_and_has_room_for_blocks_to_its_end_and_tells_how_many_there_were() {
    let activity = Activity::default();
    activity.since(0, at(START));
    for n in 0..1_000 {
        show(&activity, if n % 50 == 49 { Verdict::Block } else { Verdict::Allow }, n);
    }
    let recent = activity.since(0, at(START + 1));
    assert_eq!(recent.per_second, 1_000);
    let blocks = recent.shown.iter().filter(|shown| shown.verdict() == Verdict::Block).count();
    assert_eq!((recent.shown.len(), blocks), (50, 20));
    // What a reader has seen it does not get again.
    show(&activity, Verdict::Block, 1_500);
    let newer = activity.since(recent.next, at(START + 2));
    assert_eq!((newer.shown.len(), newer.next), (1, recent.next + 1));
    // A number from before a restart.
    assert_eq!(activity.since(9_999, at(START + 2)).shown.len(), 51);
}

#[test]
fn a_quiet_gateway_shows_everything_and_the_ring_keeps_the_last() {
    let activity = Activity::default();
    for second in 0..200 {
        activity.since(0, at(START + second));
        for n in 0..5 {
            show(&activity, Verdict::Allow, second * 1_000 + n);
        }
    }
    let recent = activity.since(0, at(START + 200));
    assert_eq!((recent.shown.len(), recent.next), (512, 1_000));
}

#[test]
fn the_stream_tells_nothing_of_a_person() {
    let decision = decision(Verdict::Block, Some("kaspersky.covered"), Some("resale"));
    let named = (DecisionId::new(at(START)), at(START));
    let long = "S".repeat(100);
    let shown = Shown::new(&decision, Action::Resale, named, None, "shop", Some(&long));
    let json = serde_json::to_value(&shown).unwrap();
    let members: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "action", "at", "clause", "country", "id", "policy", "product", "route", "rule", "sku",
        "verdict",
    ];
    assert_eq!(members, expected);
    assert_eq!(json["sku"], "S".repeat(40));
}
