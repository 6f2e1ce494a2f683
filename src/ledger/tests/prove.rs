//! Proofs: of any record, wherever its id's instant lies, with what was asked for and no more.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::Digest as _;
use sha2::Sha256;

use super::super::Entry;
use super::super::Head;
use super::super::Ledger;
use super::super::LedgerSettings;
use super::super::ProofError;
use super::super::ProofSettings;
use super::super::ServedLog;
use super::super::SigningSettings;
use super::super::export_tiles;
use super::super::prove;
use super::support::*;
use crate::merkle::Checkpoint;
use crate::merkle::Hash;
use crate::merkle::KeyName;
use crate::merkle::SigningKey;
use crate::merkle::TlogProof;
use crate::merkle::cosign;
use crate::merkle::verify_inclusion;
use crate::model::DecisionId;

const PERSONAL: &[u8] = br#"{"email":"jane@private.example"}"#;

fn open(dir: &Path) -> Ledger {
    let signing = Some(SigningSettings { key: dir.join("key.pem"), origin: None });
    Ledger::open(LedgerSettings { signing, ..settings(&dir.join("ledger")) }).unwrap().0
}

/// Appends a record whose id was made at another instant than it was recorded.
fn record(ledger: &Ledger, made: i64, recorded: i64, personal: Option<&[u8]>) -> DecisionId {
    let id = DecisionId::new(at(made));
    let entry = Entry {
        document: Some(br#"{"a":1}"#),
        head: Head::Plain,
        id,
        kind: "refusal",
        personal,
        subject: None,
    };
    ledger.append(at(recorded), &entry).unwrap();
    id
}

fn checked(dir: &Path, proof: &TlogProof) -> Value {
    let log = ServedLog::of(dir);
    let key: crate::merkle::VerifierKey =
        log.verifier().unwrap().unwrap().trim_end().parse().unwrap();
    let (name, keys) = (key.name().as_str().to_owned(), [key]);
    let note = proof.checkpoint.to_string();
    let checkpoint = Checkpoint::open(&note, &name, &keys, &[]).unwrap().checkpoint;
    let extra: Value = serde_json::from_slice(&proof.extra).unwrap();
    let envelope = STANDARD.decode(extra["envelope"].as_str().unwrap()).unwrap();
    let (size, root) = (checkpoint.size(), checkpoint.root());
    verify_inclusion(proof.index, size, &Hash::leaf(&envelope), &proof.hashes, root).unwrap();
    let envelope: Value = serde_json::from_slice(&envelope).unwrap();
    for (name, member) in [("document", "evidence"), ("personal", "personal")] {
        if let Some(part) = extra.get(name) {
            let part = STANDARD.decode(part.as_str().unwrap()).unwrap();
            assert_eq!(envelope[member], STANDARD.encode(Sha256::digest(part)));
        }
    }
    extra
}

#[test]
fn a_record_is_found_wherever_its_ids_instant_lies_and_its_proof_holds_its_parts() {
    const HOUR: i64 = 3_600_000_000;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let ledger = open(folder.path());
    let mut ids = Vec::new();
    for n in 0..600 {
        // Every tenth was made in another age: the clock stepped, and the ledger held it.
        let recorded = 1_700_000_000_000_000 + n * 60_000_000;
        let made = match n % 30 {
            10 => recorded - 30 * HOUR,
            20 => recorded + 2 * HOUR,
            _ => recorded - 3_000,
        };
        ids.push(record(&ledger, made, recorded, (n % 2 == 0).then_some(PERSONAL)));
    }
    wait_until(|| ledger.status().published_size == 600);
    for n in [0, 1, 10, 20, 255, 256, 310, 320, 599] {
        let id = ids[n].to_string().parse().unwrap();
        let proof = prove(&dir, id, ProofSettings::default()).unwrap();
        assert_eq!(proof.index, u64::try_from(n).unwrap());
        let extra = checked(&dir, &proof.to_string().parse().unwrap());
        assert_eq!(extra.get("personal").is_some(), n % 2 == 0);
        let without = ProofSettings { without_personal: true, ..ProofSettings::default() };
        let extra = checked(&dir, &prove(&dir, id, without).unwrap());
        assert_eq!((extra.get("personal"), extra.get("document").is_some()), (None, true));
    }
    let stranger = uuid::Uuid::now_v7();
    let none = prove(&dir, stranger, ProofSettings::default());
    assert!(matches!(none, Err(ProofError::NoRecord(id)) if id == stranger));
}

#[test]
fn a_witnessed_checkpoint_is_preferred_where_it_covers_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let ledger = open(folder.path());
    let early = record(&ledger, 1, 1, None).to_string().parse().unwrap();
    wait_until(|| ledger.status().published_size == 1);
    let (mut note, _) = ServedLog::of(&dir).published().unwrap().unwrap();
    let name = KeyName::new("witness.test").unwrap();
    note.add(cosign(note.text(), &name, &SigningKey::generate().unwrap(), 7).unwrap()).unwrap();
    fs::write(dir.join("checkpoint.witnessed"), note.to_string()).unwrap();
    let late = record(&ledger, 2, 2, None).to_string().parse().unwrap();
    wait_until(|| ledger.status().published_size == 2);

    let proof = prove(&dir, early, ProofSettings::default()).unwrap();
    assert_eq!(proof.checkpoint, note, "the witnessed one, though it is older");
    checked(&dir, &proof);
    let proof = prove(&dir, late, ProofSettings::default()).unwrap();
    assert_eq!(proof.checkpoint.signatures().len(), 1, "the last one");
    let only = ProofSettings { only_witnessed: true, ..ProofSettings::default() };
    let refused = prove(&dir, late, only);
    assert!(matches!(refused, Err(ProofError::NotCovered { sequence: 1, size: 1, .. })));
    assert_eq!(prove(&dir, early, only).unwrap().checkpoint, note);
}

#[test]
fn nothing_is_proved_from_a_damaged_tree_and_nothing_exported_without_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let ledger = open(folder.path());
    let id = record(&ledger, 1, 1, None).to_string().parse().unwrap();
    record(&ledger, 2, 2, None);
    ledger.close().unwrap();
    let level = dir.join("tree/level-0");
    let mut bytes = fs::read(&level).unwrap();
    bytes[40] ^= 1;
    fs::write(&level, bytes).unwrap();
    let refused = prove(&dir, id, ProofSettings::default());
    assert!(matches!(refused, Err(ProofError::Tree)), "{refused:?}");

    fs::remove_file(dir.join("checkpoint")).unwrap();
    let out = folder.path().join("out");
    let refused = export_tiles(&dir, &out, &mut |_, _| ()).unwrap_err();
    assert!(refused.to_string().contains("has no checkpoint"), "{refused}");
    assert!(!out.exists(), "nothing is begun");
}
