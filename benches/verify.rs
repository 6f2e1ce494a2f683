//! Speed of the independent verifier: 500,000 made records of about 1.5 KB in segments, in sealed segments, and as a folder of tiles.
//!
//! `cargo bench --bench verify [-- RECORDS]`. One thread; the files are in the page cache. Exits 1 where a target is missed.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark"
)]

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/support/naive_ledger.rs"]
mod naive_ledger;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use interdict::audit::{Options, verify_dir, verify_tiles};
use serde_json::json;

use naive_ledger::{
    EPOCH, Record, Signer, canonical, leaves, part, record, sealed, segment, segment_name,
    write_tiles, write_tree,
};

const RECORDS: u64 = 500_000;
const SMOKE: u64 = 3_000;
/// Records a second on one core, of plain segments.
const TARGET: f64 = 300_000.0;
/// Records of a segment: about 256 MiB of them.
const SEGMENT: u64 = 170_000;
/// Times each is measured; the best counts, the others are the machine's neighbours.
const ROUNDS: u32 = 5;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --bench verify` starts it without this word: a smaller world, and no target for a build that is not optimised.
    let measured = words.iter().any(|word| word == "--bench");
    let count = words.iter().find_map(|word| word.parse().ok());
    let count = count.unwrap_or(if measured { RECORDS } else { SMOKE });
    let records: Vec<Record> = (0..count).map(sample).collect();
    let log = Signer::log("log.example/gate", 1);
    let checkpoint = log.checkpoint(&leaves(&records));
    let dir = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = dir.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("ledger.pub"), log.public()).unwrap();
        fs::write(folder.join("checkpoint"), &checkpoint).unwrap();
        folder
    };
    let (plain, packed, tiles) = (folder("plain"), folder("packed"), folder("tiles"));
    for first in (0..count).step_by(SEGMENT as usize) {
        let end = (first + SEGMENT).min(count);
        fs::write(plain.join(segment_name(first, "seg")), segment(&records, first, end)).unwrap();
        fs::write(packed.join(segment_name(first, "sealed")), sealed(&records, first, end))
            .unwrap();
    }
    write_tree(&plain, &records);
    write_tree(&packed, &records);
    write_tiles(&tiles, &records, &log);
    drop(records);

    let options = Options::default();
    let directory = |dir: &Path| {
        let report = verify_dir(dir, &options, &mut |_, _| ()).unwrap();
        assert_eq!((report.records, report.unpublished), (count, 0));
    };
    let mib = |dir: &Path| {
        let bytes = size(dir) as f64;
        (bytes / 1_048_576.0, bytes / count as f64)
    };
    let mut met = true;
    for (name, folder, target) in
        [("segments", &plain, TARGET), ("sealed segments", &packed, 0.0), ("tiles", &tiles, 0.0)]
    {
        let best = (0..ROUNDS)
            .map(|_| {
                let began = Instant::now();
                match name {
                    "tiles" => {
                        let report = verify_tiles(folder, &options, &mut |_, _| ()).unwrap();
                        assert_eq!(report.parts.unwrap().documents, count);
                    }
                    _ => directory(folder),
                }
                began.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min);
        let (mib, each) = mib(folder);
        let rate = count as f64 / best;
        println!(
            "{name}: {count} records, {mib:.0} MiB, {each:.0} bytes each: {best:.2} s, {rate:.0} records/s, {:.0} MiB/s",
            mib / best
        );
        met &= !measured || rate >= target;
    }
    if met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A decision as the gateway records it, with two sources' answers about an address.
fn sample(n: u64) -> Record {
    let address = format!("198.51.{}.{}", n % 256, n % 251);
    let document = json!({
        "action": "resale",
        "decision": {
            "basis": "text", "bundle": "sha256:9f64a747e1b97f131fabb6b447296c9b6f0201e79fb3c5356e6c77e89b6a806a",
            "citation": "89 FR 52434", "clause": "FD-3a", "items": [{"matched_by": "sku", "product": "kaspersky.covered", "verdict": "block"}],
            "nexus": {"because": ["ip", "billing"], "buyer": "us", "seller": "foreign"}, "policy": "us-commerce-kaspersky",
            "reason": "resale of covered software to a person in the United States", "rule": "resale", "verdict": "block",
        },
        "evidence": {
            "account_standing": "known", "billing_country": "US", "shipping_country": "US", "vouching": "vouched",
            "addresses": [{"answers": [
                {"country": "US", "date": "2026-11-20", "source": "geolite"}, {"country": "US", "date": "2026-11-01", "source": "registry"},
            ], "classes": ["hosting"], "country": "US", "origin": "client"}],
        },
        "items": [{"name": format!("Kaspersky Plus, {} devices, 1 year", n % 9 + 1), "quantity": n % 7 + 1, "sku": "KL1042TDEFS", "vendor": "Kaspersky"}],
        "request": {"host": "shop.example", "method": "POST", "path": "/wp-json/wc/store/v1/checkout"},
        "route": "orders", "seller": {"country": "DE"},
    });
    let personal = json!({
        "account": format!("A-{n:06}"), "evidence": {"addresses": [{"address": address}], "email_domain": "customer.example"},
        "request": {"client": address, "peer": "10.0.0.7"}, "subject": {"name": "#1001", "order": format!("{n}")},
    });
    let members = json!({
        "bundle": "sha256:9f64a747e1b97f131fabb6b447296c9b6f0201e79fb3c5356e6c77e89b6a806a", "kind": "decision",
        "rule": "us-commerce-kaspersky/resale", "verdict": "block",
    });
    let (document, personal) = (part(n, &canonical(&document)), part(n + 1, &canonical(&personal)));
    record(n, EPOCH + n as i64 * 1_000, members, &document, &personal)
}

fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { size(&path) } else { fs::metadata(path).unwrap().len() })
        .sum()
}
