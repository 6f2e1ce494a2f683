//! What ten years take: bytes of a record before and after its segment is sealed, and how fast that goes, for records as the gateway
//! makes them, with their personal part in clear and encrypted.
//!
//! `cargo bench --bench sealing [-- RECORDS]`. Exits 1 if it could not be measured.

#![expect(clippy::arithmetic_side_effects, reason = "a benchmark")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use interdict::ledger::Done;
use interdict::ledger::Entry;
use interdict::ledger::Head;
use interdict::ledger::Ledger;
use interdict::ledger::LedgerSettings;
use interdict::ledger::Order;
use interdict::ledger::Reader;
use interdict::ledger::SigningSettings;
use interdict::ledger::carry_out;
use interdict::model::DecisionId;
use interdict::model::Verdict;
use interdict::settings::PersonalParts;
use jiff::Timestamp;

const RECORDS: u64 = 400_000;
const SMOKE: u64 = 2_000;
const BUNDLE: &str = "sha256:6f5902ac237024bdd0c176cb93063dc4c5a1d1c4b9f2e0a5b6c7d8e9fa0b1c2d";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let default = if words.iter().any(|word| word == "--bench") { RECORDS } else { SMOKE };
    let records = words.iter().find_map(|word| word.parse().ok()).unwrap_or(default);
    for personal in [PersonalParts::Clear, PersonalParts::Sealed] {
        if let Err(error) = measure(records, personal) {
            eprintln!("not measured: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn measure(records: u64, personal: PersonalParts) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("ledger");
    let signing = SigningSettings { key: folder.path().join("key.pem"), origin: None };
    let settings = LedgerSettings { personal, signing: Some(signing), ..LedgerSettings::new(&dir) };
    let (ledger, _) = Ledger::open(settings.clone())?;
    let began = Instant::now();
    for n in 0..records {
        while append(&ledger, n).is_err() {
            // Behind: the disk is slower than this loop.
            std::thread::yield_now();
        }
    }
    ledger.close()?;
    let appended = began.elapsed();
    // Another start closes the last segment.
    Ledger::open(settings.clone())?.0.close()?;
    let before = size(&dir)?;
    let began = Instant::now();
    let done = carry_out(settings, Order::Seal { before: None })?;
    let sealed = began.elapsed();
    let Done::Sealed { segments, .. } = done else { return Err("it was not sealed".into()) };
    let after = size(&dir)?;
    let began = Instant::now();
    let mut reader = Reader::open(&dir)?;
    let mut read = 0_u64;
    while reader.next_record()?.is_some() {
        read += 1;
    }
    let walked = began.elapsed();
    if read != records {
        return Err(format!("{read} records of {records}").into());
    }
    let count = as_f64(records);
    println!(
        "{}: {records} records in {segments} segments; {:.0} bytes a record, sealed {:.0} ({:.2}); appended in {:.1} s, sealed {:.0} records/s ({:.0} MB/s), read {:.0} records/s",
        personal.as_str(),
        as_f64(before) / count,
        as_f64(after) / count,
        as_f64(after) / as_f64(before),
        appended.as_secs_f64(),
        count / sealed.as_secs_f64(),
        as_f64(before) / 1e6 / sealed.as_secs_f64(),
        count / walked.as_secs_f64(),
    );
    Ok(())
}

/// Bytes of all segments, sealed or not.
fn size(dir: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("segment-") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

/// One order in ten is a decision with all its evidence; the others are updates; each has its outcome.
fn append(ledger: &Ledger, n: u64) -> Result<(), Box<dyn Error>> {
    let at = Timestamp::from_microsecond(1_764_000_000_000_000 + i64::try_from(n)? * 731)?;
    let id = DecisionId::new(at);
    if n % 2 == 1 {
        let head = Head::Outcome {
            bytes: 800 + n * 7919 % 90_000,
            end: interdict::ledger::End::Complete,
            notice: None,
            of: id,
            status: 200,
        };
        let entry =
            Entry { document: None, head, id, kind: "outcome", personal: None, subject: None };
        ledger.append(at, &entry)?;
        return Ok(());
    }
    let account = n * 2_654_435_761 % 40_000;
    let (a, b) = (account % 251, account * 7 % 253);
    let (document, personal) = if n.is_multiple_of(20) {
        (
            format!(
                r#"{{"action":"resale","country":"DE","decision":{{"at":"{at}","bundle":"{BUNDLE}","items":[{{"evidence":["sku:KL1047GDEFS"],"products":["kaspersky-antivirus"]}}],"nexus":{{"buyer":"foreign"}},"reason":"no rule prohibits it","verdict":"allow"}},"items":[{{"catalog":{{"group":"kaspersky","name":"Kaspersky Premium","sku":"KL1047GDEFS","vendor":"Kaspersky"}},"name":"Kaspersky Premium 3 devices","quantity":{},"sku":"KL1047GDEFS","vendor":"Kaspersky"}}],"request":{{"body":{{"bytes":{},"sha256":"{}"}},"host":"shop.example","judged":true,"method":"POST","path":"/api/orders"}},"retain_until":"2036-11-25","route":"orders","rules":[{{"clause":"FD-1","outcome":"not_applicable","policy":"us-commerce-kaspersky","rule":"new-agreements"}},{{"clause":"FD-3a","outcome":"no_match","policy":"us-commerce-kaspersky","rule":"resale"}}],"seller":{{"from":"reseller","organization_country":"DE"}},"value":{{"amount":"{}.90","currency":"EUR"}}}}"#,
                1 + n % 5,
                300 + n % 90,
                random(n, 44),
                20 + n % 400,
            ),
            format!(
                r#"{{"evidence":{{"account":"A-{account}","account_standing":"known","addresses":[{{"address":"81.{a}.{b}.17","answers":[{{"country":"DE","source":"iptocc 2026-11-01"}}],"country":"DE","origin":"client"}}],"billing_country":"DE","billing_region":"Bavaria","email_domain":"firm{account}.example","read":{{"billing_country":"foreign","email":"ordinary"}},"registry":{{"citizenship":[],"email_domain":"firm{account}.example","organization_country":"DE","permanent_resident_of":[]}},"vouching":"unvouched"}},"request":{{"client":"81.{a}.{b}.17","peer":"10.0.0.1"}}}}"#
            ),
        )
    } else {
        (
            format!(
                r#"{{"action":"signature_update","country":"DE","decision":{{"at":"{at}","bundle":"{BUNDLE}","items":[],"nexus":{{"buyer":"foreign"}},"reason":"no rule prohibits it","verdict":"allow"}},"items":[],"request":{{"host":"updates.example","judged":true,"method":"GET","path":"/bases/av/kdb/i386/base{:04x}.kdc"}},"retain_until":"2036-11-25","route":"updates","rules":[{{"clause":"FD-2","outcome":"no_match","policy":"us-commerce-kaspersky","rule":"updates"}}],"seller":{{"from":"reseller","organization_country":"DE"}}}}"#,
                n * 31 % 4_000
            ),
            format!(
                r#"{{"evidence":{{"account_standing":"not_asked","addresses":[{{"address":"81.{a}.{b}.17","answers":[{{"country":"DE","source":"iptocc 2026-11-01"}}],"country":"DE","origin":"client"}}],"read":{{}},"vouching":"unvouched"}},"request":{{"client":"81.{a}.{b}.17","peer":"10.0.0.1"}}}}"#
            ),
        )
    };
    let subject = format!("network:81.{a}.{b}.0/24");
    let entry = Entry {
        document: Some(document.as_bytes()),
        head: Head::Decision { bundle: BUNDLE, rule: None, verdict: Verdict::Allow },
        id,
        kind: "decision",
        personal: Some(personal.as_bytes()),
        subject: Some(&subject),
    };
    ledger.append(at, &entry)?;
    Ok(())
}

/// Text that does not compress, as a hash does not.
fn random(n: u64, length: usize) -> String {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    while text.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push(char::from(b'a' + u8::try_from(state % 26).unwrap_or(0)));
    }
    text
}

fn as_f64(n: u64) -> f64 {
    u32::try_from(n / 1_000).map_or(f64::MAX, f64::from) * 1_000.0
        + u32::try_from(n % 1_000).map_or(0.0, f64::from)
}
