//! One decision, with 1, 100 and 10,000 rules and 270,000 customers (issue: p50 under a microsecond, flat in the number of
//! rules). What is timed is the customer's look-up, the decision and the dropping of both.

#![expect(clippy::arithmetic_side_effects, reason = "divisors are constants that are not zero")]

use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use criterion::BenchmarkId;
use criterion::Criterion;
use interdict::enforcement::Answer;
use interdict::enforcement::RecordParts;
use interdict::enforcement::Snapshot;
use interdict::geo::GeoTables;
use interdict::model::CatalogueEntry;
use interdict::model::CatalogueLookup;
use interdict::model::DecisionId;
use interdict::model::Nexus;
use interdict::policy::Reseller;
use interdict::policy::Setting;
use interdict::policy::decide;
use interdict::policy::load_dirs;
use interdict::policy::trace;
use interdict::registry::Catalogue;
use interdict::registry::Customers;
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
    records(&mut criterion)?;
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

/// What it costs to write down a decision under the shipped policies: its trace alone, and document and personal part with it.
fn records(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("policies");
    let policies = load_dirs(&[dir]).map_err(|errors| errors.render(false))?;
    let snapshot = Snapshot {
        catalogue: Arc::new(Catalogue::default()),
        clearances: Arc::default(),
        customers: Arc::new(Customers::default()),
        geo: Arc::new(GeoTables::embedded()),
        loaded: Timestamp::UNIX_EPOCH,
        policies: Arc::new(policies),
        reseller: Arc::new(Reseller::new(Nexus::Foreign, &["Example Shop".to_owned()])),
    };
    let customers = world::customers()?;
    let mut group = criterion.benchmark_group("record");
    for mut scenario in Scenario::all()? {
        let name = scenario.name;
        let transaction = scenario.turn(0, &customers);
        let at = transaction.at.unwrap_or(Timestamp::UNIX_EPOCH);
        let decision = decide(transaction, at, &snapshot.policies, &snapshot.setting());
        let answer = Answer { decision, hypothetical: false, id: DecisionId::new(at) };
        group.bench_function(BenchmarkId::new(name, "trace"), |bencher| {
            bencher.iter(|| {
                black_box(trace(
                    black_box(transaction),
                    at,
                    &snapshot.policies,
                    &snapshot.setting(),
                ))
            });
        });
        let mut parts = RecordParts::default();
        group.bench_function(BenchmarkId::new(name, "written"), |bencher| {
            bencher.iter(|| {
                let written = snapshot.record(black_box(&answer), transaction, &mut parts);
                black_box(written.is_ok())
            });
        });
        eprintln!("{name}: {} + {} bytes", parts.document.len(), parts.personal.len());
    }
    group.finish();
    Ok(())
}
