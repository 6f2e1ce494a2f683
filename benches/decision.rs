//! One decision, with 1, 100 and 10,000 rules and 270,000 customers (issue: p50 under a microsecond, flat in the number of
//! rules). What is timed is the customer's look-up, the decision and the dropping of both.

#![expect(clippy::arithmetic_side_effects, reason = "divisors are constants that are not zero")]

use std::error::Error;
use std::hint::black_box;

use criterion::BenchmarkId;
use criterion::Criterion;
use interdict::model::CatalogueEntry;
use interdict::model::CatalogueLookup;
use interdict::model::Nexus;
use interdict::policy::Reseller;
use interdict::policy::Setting;
use interdict::policy::decide;
use jiff::Timestamp;

mod world;

use world::Scenario;

#[derive(Debug)]
struct NoCatalogue;

impl CatalogueLookup for NoCatalogue {
    fn find(&self, _folded_sku: &str) -> Option<&CatalogueEntry> {
        None
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    decisions(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn decisions(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let customers = world::customers()?;
    assert_eq!(customers.len(), world::CUSTOMERS, "a customer was lost");
    let reseller = Reseller::new(Nexus::Foreign, &["Example Shop".to_owned()]);
    let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
    let mut group = criterion.benchmark_group("decision");
    for rules in [1, 100, 10_000] {
        let set = world::policies(rules)?;
        for mut scenario in Scenario::all()? {
            let name = scenario.name;
            let verdict = scenario.verdict;
            let at = scenario.turn(0, &customers).at.unwrap_or(Timestamp::UNIX_EPOCH);
            let judged = decide(scenario.turn(0, &customers), at, &set, &setting);
            assert_eq!(judged.verdict, verdict, "{name}: {}", judged.reason());
            let mut turn = 0_usize;
            group.bench_function(BenchmarkId::new(name, rules), |bencher| {
                bencher.iter(|| {
                    turn = turn.wrapping_add(1);
                    let transaction = scenario.turn(turn, &customers);
                    black_box(decide(black_box(transaction), at, &set, &setting))
                });
            });
        }
    }
    group.finish();
    Ok(())
}
