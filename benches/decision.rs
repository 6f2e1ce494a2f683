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
use interdict::model::Action;
use interdict::model::Because;
use interdict::model::CatalogueEntry;
use interdict::model::CatalogueLookup;
use interdict::model::Country;
use interdict::model::Decision;
use interdict::model::DecisionId;
use interdict::model::Nexus;
use interdict::model::Verdict;
use interdict::policy::Reseller;
use interdict::policy::Setting;
use interdict::policy::decide;
use interdict::policy::load_dirs;
use interdict::policy::trace;
use interdict::registry::Catalogue;
use interdict::registry::Customers;
use interdict::telemetry::Activity;
use interdict::telemetry::Axis;
use interdict::telemetry::Filter;
use interdict::telemetry::Shown;
use interdict::telemetry::Window;
use jiff::Timestamp;
use smallvec::SmallVec;

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
    charts(&mut criterion)?;
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
    queries(criterion);
    Ok(())
}

/// What charts and the map of two days cost that are full: 2,880 minutes of 500 kinds of decisions each.
fn queries(criterion: &mut Criterion) {
    const START: i64 = 1_767_225_600;
    const MINUTES: i64 = 2_880;
    let at = |minute: i64| Timestamp::from_second(START + minute * 60).unwrap_or(Timestamp::MIN);
    let countries: Vec<_> = (b'A'..=b'Z')
        .flat_map(|a| (b'A'..=b'Z').map(move |b| [a, b]))
        .filter_map(Country::from_alpha2)
        .take(167)
        .collect();
    let activity = Activity::default();
    for minute in 0..MINUTES {
        for country in &countries {
            for verdict in Verdict::ALL {
                let decision = bare(verdict);
                activity.noted(&decision, Action::SignatureUpdate, Some(*country), at(minute));
            }
        }
        activity.fold();
    }
    let window = Window { from: at(0), to: at(MINUTES) };
    let everything = Filter::default();
    let mut group = criterion.benchmark_group("charts of two days");
    for (name, step) in [("by minutes", 1), ("by 15 minutes", 15), ("by hours", 60)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(activity.series(window, step, Axis::Verdict, &everything)));
        });
    }
    group.bench_function("map", |bencher| {
        bencher.iter(|| black_box(activity.totals(window, Axis::Country, &everything)));
    });
    let path = std::env::temp_dir().join(format!("interdict-activity-{}", std::process::id()));
    group.bench_function("saved", |bencher| {
        bencher.iter(|| {
            activity.noted(&bare(Verdict::Allow), Action::Use, None, at(MINUTES - 1));
            black_box(activity.save(&path).is_ok())
        });
    });
    let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
    eprintln!("file: {bytes} bytes");
    std::fs::remove_file(&path).ok();
    group.finish();
}

/// A decision about nothing.
fn bare(verdict: Verdict) -> Decision {
    Decision {
        cleared: Vec::new(),
        at: Timestamp::UNIX_EPOCH,
        because: Because::NONE,
        buyer: Nexus::Unclear,
        cut_at: None,
        findings: SmallVec::new(),
        request: None,
        ruling: None,
        seller: None,
        shadow: SmallVec::new(),
        verdict,
    }
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

/// What it costs to count a decision for the charts, while nobody looks at the live stream, and while somebody does.
fn charts(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let customers = world::customers()?;
    let set = world::policies(100)?;
    let reseller = Reseller::new(Nexus::Foreign, &["Example Shop".to_owned()]);
    let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
    let mut group = criterion.benchmark_group("charts");
    for mut scenario in Scenario::all()? {
        let name = scenario.name;
        let transaction = scenario.turn(0, &customers);
        let (action, now) = (transaction.action, Timestamp::now());
        let decision = decide(transaction, now, &set, &setting);
        let id = DecisionId::new(now);
        let country = Some(Country::US);
        for looks in [false, true] {
            let activity = Activity::default();
            if looks {
                activity.since(0, now);
            }
            let mut millis = now.as_millisecond();
            let mut turn = 0_u64;
            let looked = if looks { "noted, shown" } else { "noted" };
            group.bench_function(BenchmarkId::new(name, looked), |bencher| {
                bencher.iter(|| {
                    // Ten thousand a second, for ten seconds again and again.
                    turn = turn.wrapping_add(1);
                    millis = now.as_millisecond().wrapping_add_unsigned(turn / 10 % 10_000);
                    let at = Timestamp::from_millisecond(millis).unwrap_or(now);
                    activity.noted(black_box(&decision), action, country, at);
                    activity.shown(&decision, at, || {
                        Shown::new(&decision, action, (id, at), country, "shop", Some("KL1047"))
                    });
                });
            });
        }
    }
    group.finish();
    Ok(())
}
