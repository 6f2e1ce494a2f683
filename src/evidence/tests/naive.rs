//! Every figure once more, counted in the most boring way: filter, any, all over plain JSON.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use super::support::Made;
use super::support::at;
use super::support::id;
use super::support::tally;
use crate::evidence::exposure::Dealing;
use crate::evidence::money::Money;
use crate::model::Nexus;
use crate::output::Counts;

const KINDS: [&str; 6] = ["decision", "decision", "decision", "cart", "enquiry", "mismatch"];
const VERDICTS: [&str; 3] = ["allow", "block", "review"];
const NEXUS: [&str; 3] = ["us", "unclear", "foreign"];
const ACTIONS: [&str; 3] = ["resale", "signature_update", "refund"];
const COUNTRIES: [&str; 4] = ["US", "DE", "Germany", "Atlantis"];
const PRODUCTS: [Option<&str>; 3] = [Some("k.covered"), Some("k.exempt"), None];
/// Microseconds between records, at most: some weeks.
const STEP: i64 = 3_000_000_000_000;

fn one() -> impl Strategy<Value = (i64, Value)> {
    let picks = (0..KINDS.len(), 0..3_usize, 0..3_usize, 0..3_usize, 0..4_usize, 0..4_usize);
    let items = prop::collection::vec((0..3_usize, 0..3_usize), 0..3);
    let value = prop::option::of((0..2_000_000_u64, prop::bool::ANY));
    let outcome = prop::option::of((0..3_usize, 0..50_u64));
    (0..STEP, picks, items, value, outcome).prop_map(|(step, picks, items, value, outcome)| {
        let (kind, verdict, buyer, action, country, seller) = picks;
        let found = |(product, verdict): &(usize, usize)| {
            json!({"product": PRODUCTS[*product], "verdict": VERDICTS[*verdict]})
        };
        let mut record = json!({
            "kind": KINDS[kind], "action": ACTIONS[action],
            "decision": {"verdict": VERDICTS[verdict], "policy": "p", "rule": NEXUS[buyer],
                "items": items.iter().map(found).collect::<Vec<_>>(),
                "nexus": {"buyer": NEXUS[buyer], "seller": NEXUS.get(seller)}},
            "evidence": {"billing_country": COUNTRIES[country]},
        });
        if let Some((cents, dollars)) = value {
            let amount = format!("{}.{:02}", cents / 100 * 10, cents % 100);
            record["value"] =
                json!({"amount": amount, "currency": if dollars { "USD" } else { "EUR" }});
        }
        if let Some((status, bytes)) = outcome {
            let status = [200, 304, 451][status];
            record["then"] = json!({"status": status, "bytes": bytes});
        }
        (step, record)
    })
}

/// The records in order, each followed by its outcome if it has one.
fn laid_out(made: Vec<(i64, Value)>) -> Vec<Made> {
    let mut now = at("2024-11-01T00:00:00Z").as_microsecond();
    let mut records = Vec::new();
    for (number, (step, mut record)) in made.into_iter().enumerate() {
        now += step;
        let instant = jiff::Timestamp::from_microsecond(now).unwrap();
        record["id"] = id(number).into();
        record["decision"]["at"] = instant.to_string().into();
        let then = record.as_object_mut().unwrap().remove("then");
        records.push((instant, record));
        if let Some(mut outcome) = then {
            outcome["kind"] = "outcome".into();
            outcome["of"] = id(number).into();
            records.push((instant, outcome));
        }
    }
    records
}

fn is(record: &Value, pointer: &str, text: &str) -> bool {
    record.pointer(pointer).and_then(Value::as_str) == Some(text)
}

fn counts<'a>(records: &(impl Iterator<Item = &'a Value> + Clone)) -> Counts {
    let of = |verdict: &str| {
        let found = records.clone().filter(|record| is(record, "/decision/verdict", verdict));
        u64::try_from(found.count()).unwrap()
    };
    Counts { allow: of("allow"), block: of("block"), review: of("review") }
}

/// Counts for each of the names, without those that have none.
fn by(
    decisions: &[&Made],
    names: &[&str],
    holds: impl Fn(&Made, &str) -> bool,
) -> BTreeMap<String, Counts> {
    let all = names.iter().map(|name| {
        let found: Vec<_> = decisions.iter().filter(|made| holds(made, name)).collect();
        ((*name).to_owned(), counts(&found.into_iter().map(|made| &made.1)))
    });
    all.filter(|(_, counts)| counts.all() > 0).collect()
}

fn strictest(record: &Value) -> &'static str {
    let parties = ["/decision/nexus/buyer", "/decision/nexus/seller"];
    let any = |nexus| parties.iter().any(|party| is(record, party, nexus));
    NEXUS.into_iter().find(|nexus| any(*nexus)).unwrap()
}

fn has_product(record: &Value, product: &str) -> bool {
    let items = record.pointer("/decision/items").unwrap().as_array().unwrap();
    items.iter().any(|item| is(item, "/product", product))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_figure_is_what_a_naive_count_finds(made in prop::collection::vec(one(), 0..60)) {
        let records = laid_out(made);
        let tally = tally(&records);
        let decisions: Vec<_> =
            records.iter().filter(|(_, record)| is(record, "/kind", "decision")).collect();
        prop_assert_eq!(tally.records(), u64::try_from(records.len()).unwrap());
        prop_assert_eq!(tally.decisions, counts(&decisions.iter().map(|made| &made.1)));

        let months: Vec<String> = decisions.iter().map(|(at, _)| at.to_string()[..7].to_owned()).collect();
        let months: Vec<&str> = months.iter().map(String::as_str).collect();
        prop_assert_eq!(&tally.by_month, &by(&decisions, &months, |made, name| made.0.to_string().starts_with(name)));
        prop_assert_eq!(&tally.by_nexus, &by(&decisions, &NEXUS, |made, name| strictest(&made.1) == name));
        prop_assert_eq!(&tally.by_action, &by(&decisions, &ACTIONS, |made, name| is(&made.1, "/action", name)));
        let country = |made: &Made, name: &str| match name {
            "unknown" => is(&made.1, "/evidence/billing_country", "Atlantis"),
            "DE" => is(&made.1, "/evidence/billing_country", "DE") || is(&made.1, "/evidence/billing_country", "Germany"),
            name => is(&made.1, "/evidence/billing_country", name),
        };
        prop_assert_eq!(&tally.by_country, &by(&decisions, &["US", "DE", "unknown"], country));

        for product in ["k.covered", "k.exempt"] {
            let with: Vec<_> = decisions.iter().filter(|made| has_product(&made.1, product)).collect();
            let has = |made: &&&&Made, verdict: &str| {
                let items = made.1.pointer("/decision/items").unwrap().as_array().unwrap();
                items.iter().any(|item| is(item, "/product", product) && is(item, "/verdict", verdict))
            };
            let block = with.iter().filter(|made| has(made, "block")).count();
            let review = with.iter().filter(|made| !has(made, "block") && has(made, "review")).count();
            let expected = Counts {
                allow: u64::try_from(with.len() - block - review).unwrap(),
                block: u64::try_from(block).unwrap(),
                review: u64::try_from(review).unwrap(),
            };
            prop_assert_eq!(tally.by_product.get(product).copied().unwrap_or_default(), expected);
        }
        for (rule, counts) in by(&decisions, &NEXUS, |made, name| is(&made.1, "/decision/rule", name)) {
            let found = tally.by_rule.get(&format!("p/{rule}")).map_or_else(Counts::default, |rule| rule.1);
            prop_assert_eq!((found.block, found.review), (counts.block, counts.review));
        }

        for year in [2024_i16, 2025, 2026, 2027, 2028, 2029] {
            for (dealing, delivery) in [(Dealing::Delivery, true), (Dealing::Agreement, false)] {
                let refused: Vec<_> = decisions.iter().filter(|(at, record)| {
                    is(record, "/decision/verdict", "block")
                        && at.to_string().starts_with(&year.to_string())
                        && is(record, "/action", "signature_update") == delivery
                }).collect();
                let figure = Money::whole(if year == 2024 { 368_136 } else { 377_700 });
                let mut maximum = Money::default();
                for (_, record) in &refused {
                    let amount = record.pointer("/value/amount").and_then(Value::as_str).and_then(Money::parse);
                    let twice = amount.filter(|_| is(record, "/value/currency", "USD")).map(Money::twice);
                    maximum = maximum.plus(figure.max(twice.unwrap_or_default()));
                }
                let found = tally.exposure.get(&(year, dealing)).cloned().unwrap_or_default();
                prop_assert_eq!((found.refused, found.maximum), (u64::try_from(refused.len()).unwrap(), maximum));
            }
        }

        for (name, nexus) in [("us", Nexus::Us), ("unclear", Nexus::Unclear), ("foreign", Nexus::Foreign)] {
            let went_out = decisions.iter().filter(|(_, record)| {
                is(record, "/action", "signature_update")
                    && (has_product(record, "k.covered") || has_product(record, "k.exempt"))
                    && strictest(record) == name
                    && records.iter().any(|(_, outcome)| {
                        outcome.get("of") == record.get("id") && outcome["status"] == 200 && outcome["bytes"] != 0
                    })
            });
            let found = tally.outcomes.covered.get(&nexus).map_or(0, |sent| sent.went_out.answers);
            prop_assert_eq!(found, u64::try_from(went_out.count()).unwrap());
        }

        let instants: Vec<_> = records.iter().map(|(at, _)| *at).collect();
        let longest = instants.windows(2).map(|pair| pair[1].duration_since(pair[0])).max();
        let longest = longest.filter(|longest| !longest.is_zero());
        prop_assert_eq!(tally.gap.map(|gap| gap.length()), longest);
    }
}
