//! Integration and publication: what is signed is the tree of what is on disk, whatever happens in between.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::support::{FaultyDisk, Op, at, copy_dir, segment_files, settings, wait_until};
use crate::ledger::reader::Reader;
use crate::ledger::tree::SigningSettings;
use crate::ledger::{Entry, Head, Ledger, LedgerError, LedgerSettings, ServedLog};
use crate::merkle::{Checkpoint, Hash, TileKind, TilePath, verify_consistency, verify_inclusion};
use crate::model::DecisionId;

fn signed(dir: &Path) -> LedgerSettings {
    let key = dir.join("key.pem");
    let signing = Some(SigningSettings { key, origin: Some("shop.example/log".to_owned()) });
    LedgerSettings { signing, ..settings(&dir.join("ledger")) }
}

fn record(ledger: &Ledger, micros: i64) -> Result<(), LedgerError> {
    let entry = Entry {
        document: Some(br#"{"a":1}"#),
        head: Head::Plain,
        id: DecisionId::new(at(micros)),
        kind: "refusal",
        personal: None,
        subject: None,
    };
    ledger.append(at(micros), &entry).map(|_| ())
}

/// RFC 6962, 2.1, as it is written there.
fn naive_root(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => Hash::EMPTY,
        [leaf] => Hash::leaf(leaf),
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::node(&naive_root(left), &naive_root(right))
        }
    }
}

fn envelopes(dir: &Path) -> Vec<Vec<u8>> {
    let mut reader = Reader::open(dir).unwrap();
    let mut all = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        all.push(record.parts().unwrap().envelope.to_vec());
    }
    all
}

fn published(dir: &Path) -> Checkpoint {
    let key = fs::read_to_string(dir.join("ledger.pub")).unwrap().trim_end().parse().unwrap();
    let text = ServedLog::of(dir).checkpoint().unwrap().expect("a checkpoint");
    Checkpoint::open(&text, "shop.example/log", &[key], &[]).unwrap().checkpoint
}

fn copy_log(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("ledger/tree")).unwrap();
    fs::create_dir_all(to.join("ledger/index")).unwrap();
    fs::copy(from.join("key.pem"), to.join("key.pem")).unwrap();
    let ledger = from.join("ledger");
    // As a kill leaves it: the checkpoint is the oldest of what is copied, for it is written last.
    for name in ["ledger.pub", "checkpoint"] {
        fs::copy(ledger.join(name), to.join("ledger").join(name)).unwrap();
    }
    for folder in ["tree", "index"] {
        copy_dir(&ledger.join(folder), &to.join("ledger").join(folder)).unwrap();
    }
    for file in segment_files(&ledger) {
        fs::copy(&file, to.join("ledger").join(file.file_name().unwrap())).unwrap();
    }
}

#[test]
fn what_is_synced_is_published_within_a_second_and_all_of_it_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let (ledger, _) = Ledger::open(signed(folder.path())).unwrap();
    for micros in 0..700 {
        record(&ledger, micros).unwrap();
    }
    wait_until(|| ledger.status().published_size == 700);
    let before = published(&dir);
    for micros in 700..1_000 {
        record(&ledger, micros).unwrap();
    }
    ledger.close().unwrap();
    let (checkpoint, leaves) = (published(&dir), envelopes(&dir));
    assert_eq!((checkpoint.size(), leaves.len()), (1_000, 1_000));
    assert_eq!(*checkpoint.root(), naive_root(&leaves));
    let log = ServedLog::of(&dir);
    let proof = log.consistency(700, 1_000).unwrap();
    verify_consistency(700, before.root(), 1_000, checkpoint.root(), &proof).unwrap();
    for index in [0, 255, 256, 999] {
        let proof = log.proof(index, Vec::new()).unwrap().unwrap();
        let leaf = Hash::leaf(&leaves[usize::try_from(index).unwrap()]);
        verify_inclusion(index, 1_000, &leaf, &proof.hashes, checkpoint.root()).unwrap();
    }
    assert!(log.proof(1_000, Vec::new()).unwrap().is_none());
    let bundle = TilePath::new(TileKind::Entries, 3, 232).unwrap();
    let entries: Vec<u8> = leaves[768..]
        .iter()
        .flat_map(|leaf| [&u16::try_from(leaf.len()).unwrap().to_be_bytes()[..], leaf].concat())
        .collect();
    assert_eq!(log.tile(bundle).unwrap().unwrap(), entries);
    let tile = TilePath::new(TileKind::Hashes(1), 0, 3).unwrap();
    let roots: Vec<u8> = leaves[..768].chunks(256).flat_map(|part| naive_root(part).0).collect();
    assert_eq!(log.tile(tile).unwrap().unwrap(), roots);
    let unpublished = TilePath::new(TileKind::Hashes(1), 0, 4).unwrap();
    assert_eq!(log.tile(unpublished).unwrap(), None);
}

#[test]
fn a_copy_taken_at_any_moment_goes_on_with_the_same_tree() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let (ledger, _) = Ledger::open(signed(folder.path())).unwrap();
    for round in 0..6_i64 {
        for micros in 0..(97 * (round + 1)) {
            record(&ledger, round * 1_000 + micros).unwrap();
        }
        wait_until(|| ledger.status().published_size > 0);
        let copy = tempfile::tempdir().unwrap();
        copy_log(folder.path(), copy.path());
        let before = published(&copy.path().join("ledger"));
        let (again, recovery) = Ledger::open(signed(copy.path())).unwrap();
        assert!(!recovery.tree_rebuilt);
        record(&again, 1_000_000).unwrap();
        again.close().unwrap();
        let (after, leaves) =
            (published(&copy.path().join("ledger")), envelopes(&copy.path().join("ledger")));
        assert_eq!(after.size(), u64::try_from(leaves.len()).unwrap());
        assert_eq!(*after.root(), naive_root(&leaves));
        let known = usize::try_from(before.size()).unwrap();
        assert_eq!(*before.root(), naive_root(&leaves[..known]));
    }
    ledger.close().unwrap();
    assert_eq!(*published(&dir).root(), naive_root(&envelopes(&dir)));
}

#[test]
fn publication_that_fails_at_any_step_is_told_refuses_nothing_and_heals() {
    for op in [Op::Create, Op::Write, Op::ShortWrite, Op::Sync, Op::Rename, Op::SyncDir] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("ledger");
        let disk = FaultyDisk::of_files_named("checkpoint");
        let opened = Ledger::open_on(Arc::new(disk.clone()), signed(folder.path()));
        let (ledger, _) = opened.unwrap();
        disk.fail(&[op]);
        for micros in 0..300 {
            record(&ledger, micros).unwrap();
        }
        wait_until(|| ledger.status().publish_failures > 1);
        assert!(ledger.status().publish_failed.is_some(), "{op:?}");
        record(&ledger, 300).unwrap();
        disk.fail(&[]);
        wait_until(|| ledger.status().published_size == 301);
        assert_eq!(ledger.status().publish_failed, None);
        ledger.close().unwrap();
        assert_eq!(*published(&dir).root(), naive_root(&envelopes(&dir)), "{op:?}");
    }
}

#[test]
fn a_damaged_tree_is_made_again_and_records_that_contradict_the_checkpoint_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let (ledger, _) = Ledger::open(signed(folder.path())).unwrap();
    for micros in 0..600 {
        record(&ledger, micros).unwrap();
    }
    ledger.close().unwrap();
    let level = dir.join("tree/level-0");
    let whole = fs::read(&level).unwrap();
    for damaged in [whole[..whole.len() - 1].to_vec(), {
        let mut bytes = whole.clone();
        bytes[19_000] ^= 1;
        bytes
    }] {
        fs::write(&level, damaged).unwrap();
        let (ledger, recovery) = Ledger::open(signed(folder.path())).unwrap();
        assert!(recovery.tree_rebuilt);
        ledger.close().unwrap();
        assert_eq!(fs::read(&level).unwrap(), whole);
    }

    let segment = segment_files(&dir).into_iter().next().unwrap();
    let records = fs::read(&segment).unwrap();
    // The last record is gone, and no byte says that it was there.
    let cut = records.len() - (records.len() - 32) / 600;
    fs::write(&segment, &records[..cut]).unwrap();
    for file in segment_files(&dir).into_iter().skip(1) {
        fs::remove_file(file).unwrap();
    }
    let short = Ledger::open(signed(folder.path()));
    assert!(matches!(short, Err(LedgerError::Short { found: 599, size: 600 })), "{short:?}");
    assert_eq!(fs::read(&segment).unwrap().len(), cut, "nothing was changed");
    fs::write(&segment, &records).unwrap();
    Ledger::open(signed(folder.path())).unwrap().0.close().unwrap();

    // Another history of the same length, with every checksum right.
    let other = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(signed(other.path())).unwrap();
    for micros in 0..600 {
        record(&ledger, micros).unwrap();
    }
    ledger.close().unwrap();
    for file in segment_files(&dir) {
        fs::remove_file(file).unwrap();
    }
    for file in segment_files(&other.path().join("ledger")) {
        fs::copy(&file, dir.join(file.file_name().unwrap())).unwrap();
    }
    fs::copy(other.path().join("ledger/tree/level-0"), &level).unwrap();
    let contradicted = Ledger::open(signed(folder.path()));
    assert!(
        matches!(contradicted, Err(LedgerError::Contradicted { size: 600 })),
        "{contradicted:?}"
    );
}

#[test]
fn a_log_without_its_checkpoint_does_not_fall_behind_that_of_its_last_day() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let (ledger, _) = Ledger::open(signed(folder.path())).unwrap();
    for micros in 0..20 {
        record(&ledger, micros).unwrap();
    }
    ledger.close().unwrap();
    fs::remove_file(dir.join("checkpoint")).unwrap();
    let segment = segment_files(&dir).into_iter().next().unwrap();
    let records = fs::read(&segment).unwrap();
    let cut = records.len() - (records.len() - 32) / 20;
    fs::write(&segment, &records[..cut]).unwrap();
    let short = Ledger::open(signed(folder.path()));
    assert!(matches!(short, Err(LedgerError::Short { found: 19, size: 20 })), "{short:?}");
    fs::write(&segment, &records).unwrap();
    let (ledger, _) = Ledger::open(signed(folder.path())).unwrap();
    record(&ledger, 20).unwrap();
    ledger.close().unwrap();
    assert_eq!(*published(&dir).root(), naive_root(&envelopes(&dir)));
}

#[test]
fn each_days_last_checkpoint_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let day = 86_400_000_000;
    let (ledger, _) = Ledger::open(signed(folder.path())).unwrap();
    record(&ledger, 20_000 * day).unwrap();
    wait_until(|| ledger.status().published_size == 1);
    let first = fs::read(dir.join("checkpoint")).unwrap();
    record(&ledger, 20_001 * day).unwrap();
    wait_until(|| ledger.status().published_size == 2);
    ledger.close().unwrap();
    assert_eq!(fs::read(dir.join("checkpoints/2024-10-04")).unwrap(), first);
    let last = fs::read(dir.join("checkpoint")).unwrap();
    assert_eq!(fs::read(dir.join("checkpoints/2024-10-05")).unwrap(), last);
}
