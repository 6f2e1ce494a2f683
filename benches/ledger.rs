//! The ledger: appends against a raw loop of write and fdatasync, latency of commits, bytes on the disk, and ten million records opened
//! and searched.
//!
//! `cargo bench --bench ledger`. `INTERDICT_BENCH_RECORDS` is the number of records that are searched (10,000,000); each takes about a
//! kilobyte of the temporary folder while it runs. Exits 1 where a target is missed. `cargo test --bench ledger` is a small run that
//! holds no target.

#![expect(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a benchmark")]

use std::error::Error;
use std::fs;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use interdict::ledger::Entry;
use interdict::ledger::Head;
use interdict::ledger::IndexState;
use interdict::ledger::Ledger;
use interdict::ledger::LedgerSettings;
use interdict::ledger::Query;
use interdict::ledger::Searcher;
use interdict::ledger::SigningSettings;
use interdict::model::DecisionId;
use interdict::model::Verdict;
use jiff::Timestamp;

type Outcome<T> = Result<T, Box<dyn Error>>;
type Rule = Option<(&'static str, &'static str)>;
type Prepared = (String, Verdict, Rule, DecisionId);

/// Records of one write and sync.
const BATCH: u64 = 256;
const BUNDLE: &str = "sha256:ad5f5b1306658ce05e9e84048c82b59e0052efc83b0c3f43364414f0d226731d";
/// Records of each account, where there are many records.
const HITS: u64 = 100;
/// Times the CPU of a raw loop that writes the same bytes in the same batches.
const APPEND_RATIO: f64 = 3.0;
/// Seconds until a ledger is open; milliseconds for a search by account (p99).
const TARGETS: (f64, f64) = (3.0, 50.0);
/// Resident MiB of a process that serves searches.
const MEMORY: f64 = 300.0;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let ended = match words.iter().position(|word| word == "--searched") {
        Some(at) => {
            words.get(at + 1).ok_or("no folder".into()).and_then(|dir| searched(dir.as_ref()))
        }
        None => measure(words.iter().any(|word| word == "--bench")),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("not measured: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(whole: bool) -> Outcome<bool> {
    let asked = std::env::var("INTERDICT_BENCH_RECORDS").ok().map(|text| text.parse::<u64>());
    let records = asked.transpose()?.unwrap_or(if whole { 10_000_000 } else { 70_000 });
    let mut met = true;
    if std::env::var_os("INTERDICT_BENCH_SEARCH_ONLY").is_none() {
        met = appends(if whole { 400_000 } else { 2_560 })?;
        latencies(Duration::from_secs(if whole { 5 } else { 1 }), whole)?;
    }
    let dir = tempfile::tempdir()?;
    fill(dir.path(), records)?;
    sizes(&dir.path().join("ledger"), records)?;
    let searching =
        Command::new(std::env::current_exe()?).arg("--searched").arg(dir.path()).status()?;
    met &= searching.success();
    Ok(met || !whole)
}

fn settings(dir: &Path, signed: bool) -> LedgerSettings {
    let signing = SigningSettings { key: dir.join("key.pem"), origin: None };
    LedgerSettings { signing: signed.then_some(signing), ..LedgerSettings::new(dir.join("ledger")) }
}

fn at(n: u64) -> Timestamp {
    // 20 ms apart: ten million records are two days.
    let micros = 1_790_000_000_000_000 + i64::try_from(n).unwrap_or_default() * 20_000;
    Timestamp::from_microsecond(micros).unwrap_or_default()
}

fn mixed(n: u64) -> u64 {
    (n ^ 0x5151).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 17
}

/// The documents of an order and of a refused update, as the gateway writes them, with their own names and numbers.
fn document(
    n: u64,
    accounts: u64,
    text: &mut String,
) -> (Verdict, Option<(&'static str, &'static str)>) {
    use std::fmt::Write as _;
    let mix = mixed(n);
    let (account, client) = (mix % accounts, mix & 0x00ff_ffff);
    let [_, a, b, c] = u32::try_from(client).unwrap_or_default().to_be_bytes();
    let country = ["DE", "AT", "FR", "NL", "CA", "BR", "JP", "PL"]
        [usize::try_from(mix >> 30).unwrap_or(0) % 8];
    text.clear();
    let (at, id) = (at(n), DecisionId::new(at(n)));
    let written = if mix.is_multiple_of(3) {
        write!(
            text,
            "{{\"action\":\"signature_update\",\"decision\":{{\"at\":\"{at}\",\"basis\":\"text\",\"bundle\":\"{BUNDLE}\",\"citation\":\"89 FR 52434\",\"clause\":\"FD-2a\",\"id\":\"{id}\",\"items\":[{{\"matched_by\":\"path\",\"product\":\"kaspersky.covered\",\"verdict\":\"block\"}}],\"nexus\":{{\"because\":[\"ip\"],\"buyer\":\"us\",\"seller\":null}},\"policy\":\"us-commerce-kaspersky\",\"rule\":\"signature-updates\",\"verdict\":\"block\"}},\"evidence\":{{\"account\":\"A-{account}\",\"account_standing\":\"known\",\"addresses\":[{{\"address\":\"198.{a}.{b}.{c}\",\"answers\":[{{\"country\":\"US\",\"source\":\"networks.csv 2026-11-25\"}}],\"country\":\"US\",\"origin\":\"client\"}}],\"vouching\":\"unvouched\"}},\"items\":[],\"request\":{{\"client\":\"198.{a}.{b}.{c}\",\"host\":\"mirror.example\",\"method\":\"GET\",\"path\":\"/mirror/index/u1313g.xml\",\"peer\":\"127.0.0.1\"}},\"route\":\"updates\"}}"
        )
    } else {
        write!(
            text,
            "{{\"action\":\"resale\",\"decision\":{{\"at\":\"{at}\",\"basis\":null,\"bundle\":\"{BUNDLE}\",\"citation\":null,\"clause\":null,\"id\":\"{id}\",\"items\":[{{\"matched_by\":\"sku\",\"product\":\"kaspersky.covered\",\"verdict\":\"allow\"}}],\"nexus\":{{\"because\":[\"billing_country\",\"ip\"],\"buyer\":\"foreign\",\"seller\":\"foreign\"}},\"policy\":null,\"rule\":null,\"verdict\":\"allow\"}},\"evidence\":{{\"account\":\"A-{account}\",\"account_standing\":\"known\",\"addresses\":[{{\"address\":\"203.{a}.{b}.{c}\",\"answers\":[{{\"country\":\"{country}\",\"source\":\"networks.csv 2026-11-25\"}}],\"country\":\"{country}\",\"origin\":\"client\"}}],\"billing_country\":\"{country}\",\"vouching\":\"unvouched\"}},\"items\":[{{\"name\":\"Kaspersky Premium\",\"sku\":\"KL1047GDEFS\",\"vendor\":\"Kaspersky\"}}],\"request\":{{\"client\":\"203.{a}.{b}.{c}\",\"host\":\"shop.example\",\"method\":\"POST\",\"path\":\"/api/orders\",\"peer\":\"127.0.0.1\"}},\"route\":\"orders\"}}"
        )
    };
    written.ok();
    match mix % 3 {
        0 => (Verdict::Block, Some(("us-commerce-kaspersky", "signature-updates"))),
        _ => (Verdict::Allow, None),
    }
}

fn entry<'a>(
    id: DecisionId,
    text: &'a str,
    verdict: Verdict,
    rule: Option<(&'a str, &'a str)>,
) -> Entry<'a> {
    let head = Head::Decision { bundle: BUNDLE, rule, verdict };
    Entry {
        document: Some(text.as_bytes()),
        head,
        id,
        kind: "decision",
        personal: None,
        subject: None,
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Seconds of processor time that this process has used, in user and system mode.
fn cpu() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| -> Outcome<f64> { Ok(fields.get(at).ok_or("no field")?.parse()?) };
    // Fields 14 and 15, in hundredths of a second.
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// A line of `/proc/self/status`, in MiB.
fn memory(name: &str) -> Outcome<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse::<f64>()? / 1024.0)
}

/// Appends in batches, each synced before the next, against a raw loop with the same bytes.
fn appends(records: u64) -> Outcome<bool> {
    let runtime = runtime()?;
    let mut prepared = Vec::new();
    for n in 0..BATCH * 8 {
        let mut text = String::new();
        let (verdict, rule) = document(n, 1_000, &mut text);
        prepared.push((text, verdict, rule, DecisionId::new(at(n))));
    }
    println!(
        "| appends in batches of {BATCH}, each synced | records a second | CPU, µs a record | of raw |\n|---|---|---|---|"
    );
    let mut raw = 0.0;
    let mut met = true;
    let rounds = [
        ("raw write and fdatasync", None),
        ("written and synced", Some((false, false))),
        ("and published", Some((true, false))),
        ("and indexed", Some((true, true))),
    ];
    for (name, ledger) in rounds {
        let dir = tempfile::tempdir()?;
        let (wall, used) = match ledger {
            None => raw_loop(dir.path(), &prepared, records)?,
            Some((signed, indexed)) => {
                let (ledger, _) = Ledger::open(settings(dir.path(), signed))?;
                let searcher = indexed.then(|| Searcher::start(&ledger)).transpose()?;
                let (begun, before) = (Instant::now(), cpu()?);
                for batch in 0..records / BATCH {
                    let mut last = None;
                    for n in batch * BATCH..(batch + 1) * BATCH {
                        let (text, verdict, rule, id) =
                            &prepared[usize::try_from(n)? % prepared.len()];
                        last = Some(ledger.enqueue(at(n), &entry(*id, text, *verdict, *rule))?);
                    }
                    runtime.block_on(ledger.commit(last.ok_or("an empty batch")?))?;
                }
                let wall = begun.elapsed().as_secs_f64();
                // All that was taken is published and indexed, and counts.
                let all = records / BATCH * BATCH;
                wait(|| !signed || ledger.status().published_size >= all)?;
                wait(|| searcher.as_ref().is_none_or(|searcher| searcher.status().indexed >= all))?;
                let used = cpu()? - before;
                if let Some(searcher) = searcher {
                    searcher.stop();
                }
                ledger.close()?;
                (wall, used)
            }
        };
        let count = (records / BATCH * BATCH) as f64;
        let each = used * 1e6 / count;
        if ledger.is_none() {
            raw = each;
        } else if name == "written and synced" {
            met = each <= raw * APPEND_RATIO;
        }
        println!("| {name} | {:.0} | {each:.2} | {:.2} |", count / wall, each / raw);
    }
    println!();
    Ok(met)
}

fn raw_loop(dir: &Path, prepared: &[Prepared], records: u64) -> Outcome<(f64, f64)> {
    // What a ledger writes of these records: its own bytes.
    let (ledger, _) = Ledger::open(settings(dir, false))?;
    for (n, (text, verdict, rule, id)) in (0_u64..).zip(prepared) {
        let queued = ledger.enqueue(at(n), &entry(*id, text, *verdict, *rule))?;
        ledger.write(queued)?;
    }
    ledger.close()?;
    let segment = dir.join("ledger").join(format!("segment-{:020}.seg", 0));
    let bytes = fs::read(segment)?;
    let batches: Vec<_> = bytes.chunks(bytes.len().div_ceil(8)).collect();
    let mut file = File::create(dir.join("raw"))?;
    let (begun, before) = (Instant::now(), cpu()?);
    for batch in 0..records / BATCH {
        file.write_all(batches[usize::try_from(batch)? % batches.len()])?;
        file.sync_data()?;
    }
    Ok((begun.elapsed().as_secs_f64(), cpu()? - before))
}

fn wait(done: impl Fn() -> bool) -> Outcome<()> {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > Duration::from_secs(900) {
            return Err("it took more than 15 minutes".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// From asking for a record to knowing that it is on the disk, for so many records a second, each waited for by itself.
fn latencies(during: Duration, whole: bool) -> Outcome<()> {
    println!("| synced decisions a second | p50, ms | p99, ms |\n|---|---|---|");
    let rates: &[u64] = if whole { &[100, 1_000, 10_000] } else { &[100, 1_000] };
    for rate in rates {
        let dir = tempfile::tempdir()?;
        let (ledger, _) = Ledger::open(settings(dir.path(), true))?;
        let searcher = Searcher::start(&ledger)?;
        let local = tokio::task::LocalSet::new();
        let mut waited = local.block_on(&runtime()?, offer(&ledger, *rate, during))?;
        searcher.stop();
        ledger.close()?;
        waited.sort_unstable();
        let (p50, p99) = (quantile(&waited, 50), quantile(&waited, 99));
        println!(
            "| {} | {:.2} | {:.2} |",
            waited.len() / usize::try_from(during.as_secs())?,
            p50,
            p99
        );
    }
    println!();
    Ok(())
}

async fn offer(ledger: &Ledger, rate: u64, during: Duration) -> Outcome<Vec<Duration>> {
    let mut tasks = Vec::new();
    let begun = Instant::now();
    let total = rate * during.as_secs();
    let mut sent = 0;
    while sent < total {
        let due =
            (begun.elapsed().as_micros() * u128::from(rate) / 1_000_000).min(u128::from(total));
        while u128::from(sent) < due {
            let (ledger, n) = (ledger.clone(), sent);
            tasks.push(tokio::task::spawn_local(async move {
                let mut text = String::new();
                let asked = Instant::now();
                let (verdict, rule) = document(n, 1_000, &mut text);
                let queued =
                    ledger.enqueue(at(n), &entry(DecisionId::new(at(n)), &text, verdict, rule))?;
                ledger.commit(queued).await.map(|_| asked.elapsed())
            }));
            sent += 1;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut waited = Vec::new();
    for task in tasks {
        waited.push(task.await??);
    }
    Ok(waited)
}

fn quantile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, Duration::as_secs_f64) * 1e3
}

/// A ledger of many records, by its own writer.
fn fill(dir: &Path, records: u64) -> Outcome<()> {
    let runtime = runtime()?;
    let (ledger, _) = Ledger::open(settings(dir, true))?;
    let (begun, mut text) = (Instant::now(), String::new());
    for first in (0..records).step_by(4_096) {
        let mut last = None;
        for n in first..(first + 4_096).min(records) {
            let (verdict, rule) = document(n, accounts(records), &mut text);
            last =
                Some(ledger.enqueue(at(n), &entry(DecisionId::new(at(n)), &text, verdict, rule))?);
        }
        runtime.block_on(ledger.commit(last.ok_or("an empty batch")?))?;
    }
    println!("* {records} records written in {:.1} s", begun.elapsed().as_secs_f64());
    let closing = Instant::now();
    ledger.close()?;
    println!("* the rest of them published in {:.1} s", closing.elapsed().as_secs_f64());
    fs::write(dir.join("records"), records.to_string())?;
    Ok(())
}

fn accounts(records: u64) -> u64 {
    (records / HITS).max(1)
}

fn bytes(path: &Path) -> Outcome<u64> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    let mut sum = 0;
    for entry in fs::read_dir(path)? {
        sum += bytes(&entry?.path())?;
    }
    Ok(sum)
}

fn sizes(ledger: &Path, records: u64) -> Outcome<()> {
    let (tree, places) = (bytes(&ledger.join("tree"))?, bytes(&ledger.join("index"))?);
    let segments = bytes(ledger)? - tree - places;
    let each = |bytes: u64| bytes as f64 / records as f64;
    println!(
        "* bytes a record: segments {:.0}, tree {:.1}, places {:.2}",
        each(segments),
        each(tree),
        each(places)
    );
    Ok(())
}

/// Opens and searches a ledger in a process of its own.
fn searched(dir: &Path) -> Outcome<bool> {
    let records: u64 = fs::read_to_string(dir.join("records"))?.parse()?;
    let before = memory("VmRSS:")?;
    let begun = Instant::now();
    let (ledger, recovery) = Ledger::open(settings(dir, true))?;
    let open = begun.elapsed().as_secs_f64();
    if recovery.records != records {
        return Err(format!("{} of {records} records", recovery.records).into());
    }
    println!(
        "* open in {open:.2} s; resident {before:.0} MiB before, {:.0} MiB after",
        memory("VmRSS:")?
    );
    let (building, used) = (Instant::now(), cpu()?);
    let searcher = Searcher::start(&ledger)?;
    wait(|| searcher.status().state == IndexState::Ready && searcher.status().indexed == records)?;
    let (seconds, used) = (building.elapsed().as_secs_f64(), cpu()? - used);
    println!(
        "* index made in {seconds:.1} s ({:.0} records a second, {:.2} µs of CPU each), {:.1} bytes a record; resident {:.0} MiB",
        records as f64 / seconds,
        used * 1e6 / records as f64,
        searcher.status().bytes as f64 / records as f64,
        memory("VmRSS:")?,
    );
    println!("\n| search | hits each | p50, ms | p99, ms |\n|---|---|---|---|");
    let accounts = accounts(records);
    let by_account = rounds(&searcher, "by account", |round| Query {
        account: Some(format!("A-{}", mixed(round * 7_919) % accounts)),
        ..Query::default()
    })?;
    rounds(&searcher, "by account, verdict and month", |round| Query {
        account: Some(format!("A-{}", mixed(round * 104_729) % accounts)),
        from: Some(at(records / 2)),
        verdict: Some("block".to_owned()),
        ..Query::default()
    })?;
    rounds(&searcher, "by an account that there is not", |round| Query {
        account: Some(format!("B-{round}")),
        ..Query::default()
    })?;
    rounds(&searcher, "by country, verdict and time", |round| {
        let from = mixed(round) % records;
        Query {
            country: Some("FR".to_owned()),
            from: Some(at(from)),
            to: Some(at(from + 50_000)),
            verdict: Some("allow".to_owned()),
            ..Query::default()
        }
    })?;
    let some = searcher
        .search(&Query { limit: 1, to: Some(at(records / 3)), ..Query::default() }, None)?;
    let view = some.hits.first().ok_or("no hit")?.view(searcher.keys())?;
    let id = view.get("id").and_then(serde_json::Value::as_str).ok_or("no id")?.to_owned();
    rounds(&searcher, "by id", |_| Query { id: Some(id.clone()), ..Query::default() })?;
    let (resident, most) = (memory("VmRSS:")?, memory("VmHWM:")?);
    println!("\n* resident after all searches: {resident:.0} MiB, at most {most:.0} MiB");
    searcher.stop();
    ledger.close()?;
    let again = Instant::now();
    let (ledger, _) = Ledger::open(settings(dir, true))?;
    let searcher = Searcher::start(&ledger)?;
    wait(|| searcher.status().state == IndexState::Ready)?;
    println!("* opened again, index ready: {:.2} s", again.elapsed().as_secs_f64());
    searcher.stop();
    ledger.close()?;
    Ok(open < TARGETS.0 && by_account < TARGETS.1 && most < MEMORY)
}

fn rounds(searcher: &Searcher, name: &str, query: impl Fn(u64) -> Query) -> Outcome<f64> {
    let (mut took, mut hits) = (Vec::new(), 0);
    for round in 0..100 {
        let query = Query { limit: 100, ..query(round) };
        let begun = Instant::now();
        let found = searcher.search(&query, None)?;
        for hit in &found.hits {
            hit.view(searcher.keys())?;
        }
        took.push(begun.elapsed());
        hits += found.hits.len();
    }
    took.sort_unstable();
    let (p50, p99) = (quantile(&took, 50), quantile(&took, 99));
    println!("| {name} | {} | {p50:.2} | {p99:.2} |", hits / 100);
    Ok(p99)
}
