//! Whatever is asked, whenever, and whatever became of the index: the answer is that of a walk through all records.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers, and a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use super::super::personal::SubjectKeys;
use super::follower::SLED;
use super::index::Index;
use super::*;
use crate::ledger::Entry;
use crate::ledger::Head;
use crate::ledger::Ledger;
use crate::ledger::LedgerSettings;
use crate::ledger::Reader;
use crate::ledger::SigningSettings;
use crate::model::DecisionId;
use crate::model::Verdict;

const COUNTRIES: [&str; 4] = ["US", "DE", "PR", "de"];
const KINDS: [&str; 3] = ["decision", "enquiry", "refusal"];
const PRODUCTS: [&str; 3] = ["kaspersky.covered", "kaspersky.exempt", "none"];
const RULES: [&str; 3] = ["sales", "updates", "nobody"];
/// Microseconds; ids hold milliseconds.
const APART: i64 = 1_700;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(1_700_000_000_000_000 + micros).unwrap()
}

fn open(folder: &Path) -> Ledger {
    let key = folder.join("key.pem");
    let window = Duration::from_millis(1);
    let settings = LedgerSettings {
        signing: Some(SigningSettings { key, origin: None }),
        segment_bytes: 300_000,
        sync_window: window,
        ..LedgerSettings::new(folder.join("ledger"))
    };
    Ledger::open(settings).unwrap().0
}

/// Record `n`, of which everything follows from `n`.
fn record(ledger: &Ledger, n: u64) {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let pick = |from: &'static [&'static str], shift: u32| {
        from[usize::try_from(mixed >> shift).unwrap() % from.len()]
    };
    let account = format!("A-{}", mixed % 97);
    let verdict = Verdict::ALL[usize::try_from(mixed % 3).unwrap()];
    let (kind, rule) = (pick(&KINDS, 3), pick(&RULES, 7));
    let country = pick(&COUNTRIES, 9);
    let mut document = json!({
        "decision": {
            "items": [{"product": pick(&PRODUCTS, 5)}, {"product": null}],
            "nexus": {"buyer": if mixed.is_multiple_of(2) { "us" } else { "foreign" }},
            "policy": "us-ban", "rule": rule, "verdict": verdict.as_str(),
        },
        "evidence": {"addresses": [{"country": country}, {}]},
        "kind": "something else",
    });
    let mut personal = json!({});
    match mixed % 5 {
        0 => document["evidence"]["account"] = json!(account),
        1 => document["country"] = json!("FR"),
        2 => document["evidence"]["billing_country"] = json!("NL"),
        _ => personal = json!({"evidence": {"account": account}}),
    }
    let (document, personal) = (document.to_string(), personal.to_string());
    let head = match kind {
        "decision" => Head::Decision { bundle: "sha256:00", rule: Some(("us-ban", rule)), verdict },
        _ => Head::Plain,
    };
    let micros = i64::try_from(n).unwrap() * APART;
    let entry = Entry {
        document: (!n.is_multiple_of(11)).then_some(document.as_bytes()),
        head,
        id: DecisionId::new(at(micros)),
        kind,
        personal: (!n.is_multiple_of(11)).then_some(personal.as_bytes()),
        subject: None,
    };
    let queued = ledger.enqueue(at(micros), &entry).unwrap();
    ledger.write(queued).unwrap();
}

fn views(dir: &Path) -> Vec<Value> {
    let mut reader = Reader::open(dir).unwrap();
    let mut all = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        all.push(Value::Object(record.view().unwrap()));
    }
    all
}

/// The criteria, as docs/searching.md says them, on export views.
fn is_met(query: &Query, view: &Value) -> bool {
    let is = |wanted: &Option<String>, found: &[&Value]| {
        wanted.as_ref().is_none_or(|wanted| found.iter().any(|found| *found == wanted))
    };
    let (decision, evidence) = (&view["decision"], &view["evidence"]);
    let mut countries = vec![&view["country"]];
    if view["country"].is_null() {
        countries = vec![&evidence["billing_country"]];
        countries
            .extend(evidence["addresses"].as_array().into_iter().flatten().map(|a| &a["country"]));
    }
    let upper = |text: &Value| Value::from(text.as_str().unwrap_or_default().to_uppercase());
    let countries: Vec<_> = countries.into_iter().map(upper).collect();
    let wanted = query.country.as_ref().map(|country| country.to_uppercase());
    let items = decision["items"].as_array().into_iter().flatten();
    // A decision without a document shows its envelope, which has rule and verdict.
    let rule = if decision.is_null() { &view["rule"] } else { &decision["rule"] };
    let short = Value::from(rule.as_str().unwrap_or_default().trim_start_matches("us-ban/"));
    let long = Value::from(format!("us-ban/{}", short.as_str().unwrap()));
    let verdict = if decision.is_null() { &view["verdict"] } else { &decision["verdict"] };
    let time: Timestamp = view["time"].as_str().unwrap().parse().unwrap();
    is(&query.account, &[&evidence["account"]])
        && is(&wanted, &countries.iter().collect::<Vec<_>>())
        && is(&query.id, &[&view["id"]])
        && is(&query.kind, &[&view["kind"]])
        && is(&query.nexus, &[&decision["nexus"]["buyer"]])
        && is(&query.product, &items.map(|item| &item["product"]).collect::<Vec<_>>())
        && (rule.is_null() && query.rule.is_none() || is(&query.rule, &[&short, &long]))
        && is(&query.verdict, &[verdict])
        && query.from.is_none_or(|from| time >= from)
        && query.to.is_none_or(|to| time < to)
}

/// All pages of an answer, by sequence number.
fn all(query: &Query, search: &dyn Fn(&Query) -> Found) -> Vec<u64> {
    let mut query = query.clone();
    let mut sequences: Vec<u64> = Vec::new();
    // Nothing is encrypted here.
    let keys = SubjectKeys::open("/nonexistent").unwrap();
    loop {
        let found = search(&query);
        assert!(found.hits.len() <= query.limit);
        for hit in found.hits {
            assert_eq!(hit.view(&keys).unwrap()["seq"], hit.sequence);
            sequences.push(hit.sequence);
        }
        let Some(next) = found.next else { return sequences };
        assert!(query.before.is_none_or(|before| next < before), "a cursor that does not move");
        query.before = Some(next);
    }
}

fn naive(query: &Query, views: &[Value]) -> Vec<u64> {
    let met = views.iter().rev().filter(|view| is_met(query, view));
    met.map(|view| view["seq"].as_u64().unwrap()).collect()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} never came true");
        std::thread::yield_now();
    }
}

fn ready(searcher: &Searcher) {
    wait_until("ready", || {
        let status = searcher.status();
        status.state == IndexState::Ready && status.indexed == status.records
    });
}

fn query(views: &[Value], choices: &[u8]) -> Query {
    let choice = |at: usize| usize::from(choices[at]);
    let of = |at: usize, from: &[&str]| {
        (choice(at) % 3 == 0).then(|| from[choice(at) / 3 % from.len()].to_owned())
    };
    let some = |at: usize| views.get(choice(at) * views.len() / 256);
    let time = |view: &Value| view["time"].as_str().unwrap().parse::<Timestamp>().unwrap();
    Query {
        account: (choice(0) % 3 == 0).then(|| format!("A-{}", choice(0) / 3)),
        country: of(1, &["US", "de", "FR", "NL", "XX"]),
        from: some(2).filter(|_| choice(3) % 4 == 0).map(time),
        id: some(4).filter(|_| choice(5) % 6 == 0).map(|v| v["id"].as_str().unwrap().to_owned()),
        kind: of(6, &["decision", "enquiry", "absent"]),
        limit: 1 + choice(7) % 90,
        nexus: of(8, &["us", "foreign"]),
        product: of(9, &PRODUCTS),
        rule: of(10, &["sales", "us-ban/updates", "other/updates", "absent"]),
        to: some(11).filter(|_| choice(3) % 4 == 1).map(time),
        verdict: of(12, &["allow", "block", "review"]),
        before: None,
    }
}

fn index_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![dir.join("index").join(SLED)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// What happens between two rounds of questions.
#[derive(Clone, Debug)]
enum Event {
    Append(u16),
    /// Bit flipped at a place of a file of the index.
    Flip(u16, u32),
    Kept,
    /// The index's key is another.
    Key,
    Truncate(u16, u32),
    Vanish(u16),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0_u16..1_500).prop_map(Event::Append),
        2 => Just(Event::Kept),
        2 => any::<(u16, u32)>().prop_map(|(file, bit)| Event::Flip(file, bit)),
        1 => any::<(u16, u32)>().prop_map(|(file, length)| Event::Truncate(file, length)),
        1 => any::<u16>().prop_map(Event::Vanish),
        1 => Just(Event::Key),
    ]
}

fn harm(event: &Event, dir: &Path) {
    let files = index_files(dir);
    let pick = |at: &u16| files.get(usize::from(*at) % files.len().max(1));
    match event {
        Event::Append(_) | Event::Kept => {}
        Event::Flip(file, bit) => {
            let Some(file) = pick(file) else { return };
            let mut bytes = fs::read(file).unwrap();
            if !bytes.is_empty() {
                let bit = usize::try_from(*bit).unwrap() % (bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                fs::write(file, bytes).unwrap();
            }
        }
        Event::Truncate(file, length) => {
            let Some(file) = pick(file) else { return };
            let bytes = fs::read(file).unwrap();
            let length = usize::try_from(*length).unwrap() % (bytes.len() + 1);
            fs::write(file, &bytes[..length]).unwrap();
        }
        Event::Vanish(file) => {
            if let Some(file) = pick(file) {
                fs::remove_file(file).unwrap();
            }
        }
        Event::Key => {
            // The first event may come before anything was indexed.
            fs::create_dir_all(dir.join("index")).unwrap();
            fs::write(dir.join("index/search.key"), [9; 32]).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]
    #[test]
    fn every_answer_is_that_of_a_walk_through_all_records(
        events in prop::collection::vec((event(), any::<bool>(), any::<bool>()), 2..7),
        asked in prop::collection::vec(any::<[u8; 13]>(), 5),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("ledger");
        let mut next = 0;
        for (event, wait, offline) in &events {
            harm(event, &dir);
            let ledger = open(folder.path());
            let searcher = Searcher::start(&ledger).unwrap();
            if let Event::Append(count) = event {
                for _ in 0..*count {
                    record(&ledger, next);
                    next += 1;
                }
            }
            if *wait {
                ready(&searcher);
            }
            let views = views(&dir);
            let queries: Vec<_> = asked.iter().map(|choices| query(&views, choices)).collect();
            for query in &queries {
                let found = all(query, &|query| searcher.search(query, None).unwrap());
                prop_assert_eq!(found, naive(query, &views), "{:?}", query);
            }
            searcher.stop();
            drop(searcher);
            ledger.close().unwrap();
            if *offline {
                for query in &queries {
                    let search = |query: &Query| search_files(&dir, query, None, &mut |_, _| {});
                    let found = all(query, &|query| search(query).unwrap());
                    prop_assert_eq!(found, naive(query, &views), "offline: {:?}", query);
                }
            }
        }
    }
}

/// A ledger of so many records, its index made.
fn world(records: u64) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let ledger = open(folder.path());
    let searcher = Searcher::start(&ledger).unwrap();
    for n in 0..records {
        record(&ledger, n);
    }
    ready(&searcher);
    searcher.stop();
    ledger.close().unwrap();
    (folder, dir)
}

fn of_account() -> Query {
    Query { account: Some("A-5".to_owned()), limit: 1_000, ..Query::default() }
}

#[test]
fn a_page_that_sled_has_lost_is_noticed_by_the_search_that_needs_it_and_the_index_is_made_anew() {
    let (folder, dir) = world(3_000);
    let path = dir.join("index").join(SLED);
    {
        let db = sled::Config::new().path(&path).open().unwrap();
        let pages: Vec<_> =
            db.iter().keys().map(Result::unwrap).filter(|k| k.len() == 16).collect();
        assert!(pages.len() > 2);
        for page in pages {
            db.remove(page).unwrap();
        }
        db.flush().unwrap();
    }
    let ledger = open(folder.path());
    let searcher = Searcher::start(&ledger).unwrap();
    ready(&searcher);
    assert_eq!(searcher.status().rebuilds, 0, "what the index says of itself is sound");
    let expected = naive(&of_account(), &views(&dir));
    assert!(expected.len() > 5);
    let found = all(&of_account(), &|query| searcher.search(query, None).unwrap());
    assert_eq!(found, expected);
    wait_until("rebuilt", || searcher.status().rebuilds == 1);
    ready(&searcher);
    let found = all(&of_account(), &|query| searcher.search(query, None).unwrap());
    assert_eq!((found, searcher.status().rebuilds), (expected, 1));
    searcher.stop();
}

#[test]
fn an_index_of_another_log_is_made_anew() {
    let (folder, dir) = world(2_100);
    let (_other, other) = world(2_100);
    for name in ["search", "search.key"] {
        let (from, to) = (other.join("index").join(name), dir.join("index").join(name));
        if to.is_dir() {
            fs::remove_dir_all(&to).unwrap();
        }
        fs::rename(from, to).unwrap();
    }
    let ledger = open(folder.path());
    let searcher = Searcher::start(&ledger).unwrap();
    wait_until("rebuilt", || searcher.status().rebuilds == 1);
    ready(&searcher);
    let found = all(&of_account(), &|query| searcher.search(query, None).unwrap());
    assert_eq!(found, naive(&of_account(), &views(&dir)));
    searcher.stop();
}

#[test]
fn an_index_that_is_whole_is_used_as_it_is() {
    let (folder, dir) = world(2_100);
    let ledger = open(folder.path());
    let searcher = Searcher::start(&ledger).unwrap();
    ready(&searcher);
    assert_eq!(searcher.status().rebuilds, 0);
    searcher.stop();
    drop(searcher);
    ledger.close().unwrap();
    let index = Index::open(&dir.join("index").join(SLED)).unwrap();
    assert_eq!(index.meta().unwrap().unwrap().blocks, 2);
}

#[test]
fn the_index_holds_no_value_and_what_it_holds_cannot_be_guessed() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, dir) = world(2_100);
    for file in index_files(&dir) {
        let bytes = fs::read(&file).unwrap();
        for value in ["A-5", "kaspersky", "us-ban", "foreign"] {
            let found = bytes.windows(value.len()).any(|window| window == value.as_bytes());
            assert!(!found, "{value} in {}", file.display());
        }
    }
    let key = dir.join("index/search.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let (_other, other) = world(1);
    assert_ne!(fs::read(key).unwrap(), fs::read(other.join("index/search.key")).unwrap());
}

#[test]
fn a_search_that_has_no_time_left_says_where_to_go_on() {
    let (_folder, dir) = world(3_000);
    fs::remove_dir_all(dir.join("index").join(SLED)).unwrap();
    let expected = naive(&of_account(), &views(&dir));
    let mut query = of_account();
    let (mut sequences, mut rounds) = (Vec::new(), 0);
    loop {
        let found = search_files(&dir, &query, Some(Instant::now()), &mut |_, _| {}).unwrap();
        sequences.extend(found.hits.iter().map(|hit| hit.sequence));
        rounds += 1;
        let Some(next) = found.next else { break };
        query.before = Some(next);
    }
    assert_eq!(sequences, expected);
    assert_eq!(rounds, 12, "one for each group of 256");
}
