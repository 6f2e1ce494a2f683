//! Exporting a ledger and reporting on it: records a second and the most memory that was resident, by the release program.
//!
//! The records are what a mirror and a shop leave: a decision with its evidence, then its outcome.

mod program;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use interdict::ledger::End;
use interdict::ledger::Entry;
use interdict::ledger::Head;
use interdict::ledger::Ledger;
use interdict::ledger::LedgerSettings;
use interdict::model::DecisionId;
use interdict::model::Verdict;
use program::peak_of;

const DOCUMENT: &str = r#"{"action":"resale","decision":{"at":"2026-11-02T10:00:00.123456Z","basis":"text","bundle":"sha256:6f1d1c0b2a4e4c0f9a86f1f8c5b1d6b36a2f0a5a41f1e4c7d1f1f0b7d2c3e4f5","citation":"89 FR 52434","clause":"FD-3a","id":"0197a3f2-8c3b-7d1e-9f00-0123456789ab","items":[{"matched_by":"sku","product":"kaspersky.covered","verdict":"block"}],"nexus":{"because":["billing_country","ip"],"buyer":"us","seller":"foreign"},"policy":"us-commerce-kaspersky","reason":"Sales of this product to customers in the United States have ended (FD-3a, 89 FR 52434): the buyer is us, the seller is foreign because of billing_country, ip","rule":"resale","verdict":"block"},"evidence":{"account_standing":"not_asked","addresses":[{"answers":[{"country":"US","source":"country.mmdb 2026-10-06"},{"country":"US","source":"networks.csv 2026-09-01"}],"country":"US","origin":"client"}],"vouching":"unvouched"},"items":[{"name":"Kaspersky Premium, 5 devices, 1 year","quantity":1,"sku":"KL1047GDEFS","vendor":"Kaspersky"}],"request":{"host":"shop.example","method":"POST"},"route":"orders","seller":{"organization_country":"DE"}}"#;
const PERSONAL: &str = r#"{"evidence":{"account":"A-17","addresses":[{"address":"198.51.100.7"}],"billing_country":"US","billing_region":"CA","email_domain":"mail.example"},"request":{"client":"198.51.100.7","path":"/api/orders","peer":"127.0.0.1"}}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let test = std::env::args().any(|argument| argument == "--test");
    let (decisions, rounds) = if test { (2_000, 1) } else { (250_000, 3) };
    let dir = tempfile::tempdir()?;
    let ledger = dir.path().join("ledger");
    generate(&ledger, decisions)?;
    let records = decisions.saturating_mul(2);
    for (name, arguments) in [
        ("jsonl", &["export", "--format", "jsonl"][..]),
        ("jsonl, one verdict", &["export", "--format", "jsonl", "--verdict", "block"][..]),
        ("csv", &["export", "--format", "csv"][..]),
        ("parquet", &["export", "--format", "parquet"][..]),
        ("report", &["report"][..]),
    ] {
        for _ in 0..rounds {
            let out = dir.path().join("out");
            let began = Instant::now();
            let peak = written(&ledger, arguments, &out)?;
            let took = began.elapsed();
            let millis = u64::try_from(took.as_millis())?.max(1);
            let rate = records.saturating_mul(1000).checked_div(millis).unwrap_or(0);
            let size = std::fs::metadata(&out)?.len() >> 20;
            let seconds = took.as_secs_f64();
            writeln!(
                std::io::stdout(),
                "{name}: {records} records in {seconds:.2} s, {rate} records/s, {size} MB, peak {peak} kB resident"
            )?;
        }
    }
    Ok(())
}

/// Runs the program; the peak of its resident memory in kB, 0 where the system does not tell.
fn written(ledger: &Path, arguments: &[&str], out: &Path) -> Result<u64, Box<dyn Error>> {
    let (command, flags) = arguments.split_first().ok_or("no command")?;
    let mut program = Command::new(env!("CARGO_BIN_EXE_interdict"));
    program.args(["ledger", command]).arg(ledger).args(flags);
    peak_of(program.arg("--force").arg("--out").arg(out))
}

/// Writes a ledger of that many decisions, each with its outcome.
fn generate(dir: &Path, decisions: u64) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (ledger, _) = Ledger::open(LedgerSettings::new(dir))?;
    let mut instant = "2026-01-01T00:00:00Z".parse::<jiff::Timestamp>()?;
    for number in 0..decisions {
        instant = instant.checked_add(jiff::SignedDuration::from_secs(90))?;
        let id = DecisionId::new(instant);
        let rule = Some(("us-commerce-kaspersky", "resale"));
        ledger.append(
            instant,
            &Entry {
                document: Some(DOCUMENT.as_bytes()),
                head: Head::Decision { bundle: "sha256:6f1d", rule, verdict: Verdict::Block },
                id,
                kind: "decision",
                personal: Some(PERSONAL.as_bytes()),
                subject: None,
            },
        )?;
        let end = End::Complete;
        let notice = Some("page-en");
        ledger.append(
            instant,
            &Entry {
                document: None,
                head: Head::Outcome { bytes: 2_345, end, notice, of: id, status: 451 },
                id: DecisionId::new(instant),
                kind: "outcome",
                personal: None,
                subject: None,
            },
        )?;
        if number.checked_rem(5_000) == Some(0) {
            runtime.block_on(ledger.settled())?;
        }
    }
    runtime.block_on(ledger.settled())?;
    Ok(ledger.close()?)
}
