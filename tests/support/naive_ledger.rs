//! A writer of ledgers by the letter of `docs/ledger-format.md`, in the most boring way: whole files in memory, roots by recursion. It
//! shares nothing with the program.

use std::fs;
use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) type Hash = [u8; 32];

/// 2026-11-25T00:00:00Z.
pub(crate) const EPOCH: i64 = 1_795_564_800_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) instant: i64,
    pub(crate) envelope: Vec<u8>,
    pub(crate) document: Vec<u8>,
    pub(crate) personal: Vec<u8>,
}

pub(crate) fn id(n: u64) -> String {
    format!("019ac0de-0000-7000-8000-{n:012x}")
}

pub(crate) fn subject_key(n: u64) -> String {
    format!("{:016x}{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15), n)
}

pub(crate) fn time(instant: i64) -> String {
    format!("{:.6}", jiff::Timestamp::from_microsecond(instant).unwrap())
}

/// 16 bytes of salt, then the JSON.
pub(crate) fn part(n: u64, json: &str) -> Vec<u8> {
    let salt = sha(format!("salt {n} {}", json.len()).as_bytes());
    [&salt[..16], json.as_bytes()].concat()
}

/// A record of members and parts; adds hashes, id, time and version.
pub(crate) fn record(
    n: u64,
    instant: i64,
    members: Value,
    document: &[u8],
    personal: &[u8],
) -> Record {
    let mut envelope = members;
    envelope["id"] = id(n).into();
    envelope["time"] = time(instant).into();
    envelope["v"] = 1.into();
    if !document.is_empty() {
        envelope["evidence"] = STANDARD.encode(sha(document)).into();
    }
    if !personal.is_empty() {
        envelope["personal"] = STANDARD.encode(sha(personal)).into();
    }
    let (document, personal) = (document.to_vec(), personal.to_vec());
    Record { instant, envelope: canonical(&envelope).into_bytes(), document, personal }
}

/// Decisions, outcomes and erasures, parts in clear and in ciphertext, two records to an instant.
pub(crate) fn sample(n: u64) -> Record {
    let instant = EPOCH + i64::try_from(n / 2).unwrap() * 1_234_567;
    let decision = json!({
        "bundle": "sha256:00ff", "kind": "decision", "rule": "us/block", "verdict": "block",
    });
    let document = json!({
        "action": "sale", "items": [{"name": format!("Kaspersky \"Plus\" {n} é"), "quantity": n % 7}],
        "score": 0.5, "exact": [true, false, null, -3],
    });
    let document = part(n, &canonical(&document));
    let personal =
        canonical(&json!({"account": format!("A-{n}"), "address": {"ip": "203.0.113.9"}}));
    match n % 5 {
        0 => record(n, instant, decision, &document, &part(n + 1, &personal)),
        1 => {
            let mut decision = decision;
            decision["subject_key"] = subject_key(n % 3).into();
            record(n, instant, decision, &document, &sha(personal.as_bytes()))
        }
        2 => {
            let outcome = json!({
                "bytes": n, "end": "complete", "kind": "outcome", "notice": "page en", "of": id(n - 1), "status": 451,
            });
            record(n, instant, outcome, b"", b"")
        }
        3 => record(n, instant, decision, &document, b""),
        _ => record(n, instant, json!({"kind": "received"}), &document, b""),
    }
}

pub(crate) fn erasure(n: u64, instant: i64, keys: &[String]) -> Record {
    let document = canonical(&json!({"reason": "request of 2026-11-25", "subject_key": keys}));
    record(n, instant, json!({"kind": "erasure"}), &part(n, &document), b"")
}

/// Members sorted: what `serde_json` does when its maps are trees, made sure of here.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut names: Vec<_> = members.keys().collect();
            names.sort();
            let member = |name: &&String| format!("{}:{}", json!(name), canonical(&members[*name]));
            format!("{{{}}}", names.iter().map(member).collect::<Vec<_>>().join(","))
        }
        Value::Array(values) => {
            format!("[{}]", values.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

pub(crate) fn sha(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

// === Segments ===

pub(crate) fn parts(record: &Record) -> Vec<u8> {
    let length = |part: &[u8]| u32::try_from(part.len()).unwrap().to_le_bytes();
    [&length(&record.document)[..], &record.document, &length(&record.personal), &record.personal]
        .concat()
}

pub(crate) fn entry(record: &Record) -> Vec<u8> {
    let length = u16::try_from(record.envelope.len()).unwrap().to_be_bytes();
    [&length[..], &record.envelope].concat()
}

pub(crate) fn frame(sequence: u64, record: &Record) -> Vec<u8> {
    framed(sequence, record.instant, &[entry(record), parts(record)].concat())
}

pub(crate) fn framed(sequence: u64, instant: i64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let place = [sequence.to_le_bytes(), instant.to_le_bytes()].concat();
    let checksum = crc32c::crc32c(&[&length[..], &place, payload].concat()).to_le_bytes();
    [&length[..], &checksum, &place, payload].concat()
}

pub(crate) fn header(first: u64, floor: i64) -> Vec<u8> {
    let start = [&b"INTERDCT"[..], &2_u32.to_le_bytes()].concat();
    let rest = [first.to_le_bytes(), floor.to_le_bytes()].concat();
    let checksum = crc32c::crc32c(&[&start[..], &rest].concat()).to_le_bytes();
    [start, checksum.to_vec(), rest].concat()
}

/// The instant before record `first`.
pub(crate) fn floor(records: &[Record], first: u64) -> i64 {
    first.checked_sub(1).map_or(i64::MIN, |last| records[usize::try_from(last).unwrap()].instant)
}

pub(crate) fn segment(records: &[Record], first: u64, end: u64) -> Vec<u8> {
    let mut bytes = header(first, floor(records, first));
    for n in first..end {
        bytes.extend(frame(n, &records[usize::try_from(n).unwrap()]));
    }
    bytes
}

pub(crate) fn sealed(records: &[Record], first: u64, end: u64) -> Vec<u8> {
    let (mut blocks, mut table, mut total) = (Vec::new(), Vec::new(), 0_u64);
    let mut at = first;
    while at < end {
        let until = (at + 256).min(end);
        let frames: Vec<u8> =
            (at..until).flat_map(|n| frame(n, &records[usize::try_from(n).unwrap()])).collect();
        total += u64::try_from(frames.len()).unwrap();
        let packed = zstd::encode_all(&frames[..], 3).unwrap();
        let counts = [frames.len(), usize::try_from(until - at).unwrap()]
            .map(|count| u32::try_from(count).unwrap().to_le_bytes())
            .concat();
        let length = u32::try_from(packed.len()).unwrap().to_le_bytes();
        let checksum = crc32c::crc32c(&[&length[..], &counts, &packed].concat()).to_le_bytes();
        table.extend(u64::try_from(64 + blocks.len()).unwrap().to_le_bytes());
        blocks.extend([&length[..], &checksum, &counts, &packed].concat());
        at = until;
    }
    let start = [&b"INTERDAR"[..], &1_u32.to_le_bytes()].concat();
    let numbers = [
        first,
        floor(records, first).cast_unsigned(),
        end - first,
        total,
        u64::try_from(64 + blocks.len()).unwrap(),
        (end - first).div_ceil(256),
    ];
    let rest = numbers.map(u64::to_le_bytes).concat();
    let checksum = crc32c::crc32c(&[&start[..], &rest].concat()).to_le_bytes();
    let table_checksum = crc32c::crc32c(&table).to_le_bytes();
    [start, checksum.to_vec(), rest, blocks, table, table_checksum.to_vec()].concat()
}

pub(crate) fn segment_name(first: u64, suffix: &str) -> String {
    format!("segment-{first:020}.{suffix}")
}

// === Tree ===

pub(crate) fn leaf(record: &Record) -> Hash {
    sha(&[&[0], &record.envelope[..]].concat())
}

pub(crate) fn leaves(records: &[Record]) -> Vec<Hash> {
    records.iter().map(leaf).collect()
}

/// RFC 6962, 2.1, of leaf hashes.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha(b""),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(1 << (more.len() - 1).ilog2());
            sha(&[&[1], &root(left)[..], &root(right)].concat())
        }
    }
}

/// The hashes of each level of tiles; levels without any are left out.
pub(crate) fn levels(leaves: &[Hash]) -> Vec<Vec<Hash>> {
    let mut levels = Vec::new();
    let mut width = 1;
    while width <= leaves.len() {
        levels.push(leaves.chunks_exact(width).map(root).collect());
        width *= 256;
    }
    levels
}

pub(crate) fn write_tree(dir: &Path, records: &[Record]) {
    fs::create_dir_all(dir.join("tree")).unwrap();
    for (level, hashes) in levels(&leaves(records)).iter().enumerate() {
        fs::write(dir.join(format!("tree/level-{level}")), hashes.concat()).unwrap();
    }
}

/// RFC 6962, 2.1.1.
pub(crate) fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let split = 1 << (leaves.len() - 1).ilog2();
    let (left, right) = leaves.split_at(split);
    let (mut path, sibling) = match index < split {
        true => (path(index, left), right),
        false => (path(index - split, right), left),
    };
    path.push(root(sibling));
    path
}

// === Notes ===

/// Who signs: a log or a witness.
pub(crate) struct Signer {
    pub(crate) name: String,
    kind: u8,
    pair: Ed25519KeyPair,
}

impl Signer {
    pub(crate) fn log(name: &str, seed: u8) -> Self {
        Self { name: name.to_owned(), kind: 1, pair: pair(seed) }
    }

    pub(crate) fn witness(name: &str, seed: u8) -> Self {
        Self { name: name.to_owned(), kind: 4, pair: pair(seed) }
    }

    fn key(&self) -> Vec<u8> {
        [&[self.kind], self.pair.public_key().as_ref()].concat()
    }

    fn id(&self) -> Vec<u8> {
        sha(&[self.name.as_bytes(), b"\n", &self.key()].concat())[..4].to_vec()
    }

    /// The line of `ledger.pub`, with its line break.
    pub(crate) fn public(&self) -> String {
        let id: String = self.id().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}+{id}+{}\n", self.name, STANDARD.encode(self.key()))
    }

    fn line(&self, signature: &[u8]) -> String {
        format!("— {} {}\n", self.name, STANDARD.encode([&self.id()[..], signature].concat()))
    }

    pub(crate) fn checkpoint(&self, leaves: &[Hash]) -> String {
        self.sign(&format!("{}\n{}\n{}\n", self.name, leaves.len(), STANDARD.encode(root(leaves))))
    }

    pub(crate) fn sign(&self, text: &str) -> String {
        format!("{text}\n{}", self.line(self.pair.sign(text.as_bytes()).as_ref()))
    }

    /// Adds this witness's line to a checkpoint.
    pub(crate) fn cosign(&self, checkpoint: &str, seconds: u64) -> String {
        let text = checkpoint.rsplit_once("\n\n").unwrap().0;
        let message = format!("cosignature/v1\ntime {seconds}\n{text}\n");
        let signature = self.pair.sign(message.as_bytes());
        format!(
            "{checkpoint}{}",
            self.line(&[&seconds.to_be_bytes()[..], signature.as_ref()].concat())
        )
    }
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

// === Export ===

fn tile_name(number: usize, width: usize) -> String {
    let path = match number {
        0..1000 => format!("{number:03}"),
        _ => format!("x{:03}/{:03}", number / 1000, number % 1000),
    };
    if width < 256 { format!("{path}.p/{width}") } else { path }
}

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A folder in the layout of C2SP tlog-tiles, with the evidence beside it.
pub(crate) fn write_tiles(dir: &Path, records: &[Record], log: &Signer) {
    let leaves = leaves(records);
    put(&dir.join("checkpoint"), log.checkpoint(&leaves).as_bytes());
    put(&dir.join("ledger.pub"), log.public().as_bytes());
    for (level, hashes) in levels(&leaves).iter().enumerate() {
        for (number, tile) in hashes.chunks(256).enumerate() {
            let name = format!("tile/{level}/{}", tile_name(number, tile.len()));
            put(&dir.join(name), &tile.concat());
        }
    }
    for (number, bundle) in records.chunks(256).enumerate() {
        let name = tile_name(number, bundle.len());
        let entries: Vec<u8> = bundle.iter().flat_map(entry).collect();
        put(&dir.join(format!("tile/entries/{name}")), &entries);
        let evidence: Vec<u8> = bundle.iter().flat_map(parts).collect();
        put(&dir.join(format!("evidence/{name}")), &evidence);
    }
}

/// A C2SP tlog-proof of one record; `document` and `personal` say which parts it carries.
pub(crate) fn proof(
    records: &[Record],
    index: usize,
    checkpoint: &str,
    document: bool,
    personal: bool,
) -> String {
    let record = &records[index];
    let mut extra = json!({"envelope": STANDARD.encode(&record.envelope)});
    if document && !record.document.is_empty() {
        extra["document"] = STANDARD.encode(&record.document).into();
    }
    if personal && !record.personal.is_empty() {
        extra["personal"] = STANDARD.encode(&record.personal).into();
    }
    let path: String =
        path(index, &leaves(records)).iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
    let extra = STANDARD.encode(canonical(&extra));
    format!("c2sp.org/tlog-proof@v1\nextra {extra}\nindex {index}\n{path}\n{checkpoint}")
}
