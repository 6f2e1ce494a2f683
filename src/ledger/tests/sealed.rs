//! Sealed segments: they read as the segments did, whatever happens while they are made.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::support::{
    FaultyDisk, Op, append, at, copy_dir, records, segment_files, settings, wait_until,
};
use crate::ledger::reader::Reader;
use crate::ledger::sealed::{SealReport, seal_closed};
use crate::ledger::store::{Disk, LedgerStore};
use crate::ledger::tree::SigningSettings;
use crate::ledger::{
    DefectKind, Done, Entry, Head, Ledger, LedgerError, LedgerSettings, Order, ServedLog, carry_out,
};
use crate::merkle::{TileKind, TilePath};
use crate::model::DecisionId;

/// A ledger whose segments have so many records, closed.
fn made(dir: &Path, segments: &[usize]) -> Vec<(u64, i64, Vec<u8>)> {
    let mut micros = 0_i64;
    for count in segments {
        let (ledger, _) = Ledger::open(settings(dir)).unwrap();
        for _ in 0..*count {
            micros = micros.saturating_add(1);
            append(&ledger, micros, format!("payload {}", micros % 7).repeat(3).as_bytes())
                .unwrap();
        }
        ledger.close().unwrap();
    }
    records(dir)
}

fn sealed_files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sealed"));
    files.sort();
    files
}

fn seal(store: &dyn LedgerStore, dir: &Path) -> Result<SealReport, LedgerError> {
    seal_closed(store, dir, u64::MAX, Timestamp::MAX, &mut |_| true)
}

fn at_each_place(dir: &Path, all: &[(u64, i64, Vec<u8>)]) {
    for (sequence, instant, payload) in all {
        let mut reader = Reader::open_at(dir, *sequence).unwrap();
        let record = reader.next_record().unwrap().unwrap();
        assert_eq!(record.sequence, *sequence);
        assert_eq!((record.instant.as_microsecond(), record.payload), (*instant, &payload[..]));
    }
}

fn signed(dir: &Path) -> LedgerSettings {
    let signing = SigningSettings { key: dir.join("key.pem"), origin: None };
    LedgerSettings { signing: Some(signing), ..settings(&dir.join("ledger")) }
}

fn record(ledger: &Ledger, micros: i64) {
    let entry = Entry {
        document: Some(br#"{"a":1}"#),
        head: Head::Plain,
        id: DecisionId::new(at(micros)),
        kind: "refusal",
        personal: None,
        subject: None,
    };
    ledger.append(at(micros), &entry).unwrap();
}

#[test]
fn the_last_segment_is_never_sealed_and_a_new_start_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let all = made(dir.path(), &[300, 1, 256, 3]);
    let report = seal(&Disk, dir.path()).unwrap();
    assert_eq!(report.segments, 3);
    assert_eq!((sealed_files(dir.path()).len(), segment_files(dir.path()).len()), (3, 1));
    assert_eq!(records(dir.path()), all);
    at_each_place(dir.path(), &all);
    let (ledger, recovery) = Ledger::open(settings(dir.path())).unwrap();
    assert_eq!((recovery.records, recovery.torn), (560, vec![]));
    assert_eq!(append(&ledger, 9_999, b"more").unwrap().sequence(), 560);
    ledger.close().unwrap();
    assert_eq!(records(dir.path()).len(), 561);
    assert_eq!(seal(&Disk, dir.path()).unwrap().segments, 1, "the last became closed");
    assert_eq!(seal(&Disk, dir.path()).unwrap(), SealReport::default());
}

#[test]
fn only_what_is_older_than_the_instant_and_on_disk_is_sealed() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path(), &[10, 10, 10, 1]);
    let none = seal_closed(&Disk, dir.path(), 9, Timestamp::MAX, &mut |_| true).unwrap();
    assert_eq!(none.segments, 0, "its end is not on disk");
    let some = seal_closed(&Disk, dir.path(), u64::MAX, at(20), &mut |_| true).unwrap();
    assert_eq!(some.segments, 1, "the second ends at 20, which is not before 20");
}

#[test]
fn the_bytes_are_those_that_the_document_names() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path(), &[300, 1]);
    let original = fs::read(&segment_files(dir.path())[0]).unwrap();
    seal(&Disk, dir.path()).unwrap();
    let bytes = fs::read(&sealed_files(dir.path())[0]).unwrap();
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let small = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((&bytes[..8], small(8)), (b"INTERDAR".as_slice(), 1));
    let crc = |parts: &[&[u8]]| crc32c::crc32c(&parts.concat());
    assert_eq!(small(12), crc(&[&bytes[..12], &bytes[16..64]]));
    assert_eq!((number(16), number(24)), (0, i64::MIN.cast_unsigned()));
    assert_eq!((number(32), number(40)), (300, original.len() as u64 - 32));
    let (table, blocks) = (usize::try_from(number(48)).unwrap(), number(56));
    assert_eq!((blocks, bytes.len()), (2, table + 2 * 8 + 4));
    assert_eq!(small(table + 16), crc(&[&bytes[table..table + 16]]));
    let (mut place, mut unpacked) = (64, Vec::new());
    for (block, records) in [256, 44].into_iter().enumerate() {
        assert_eq!(number(table + 8 * block), place as u64);
        let frame = &bytes[place + 16..place + 16 + small(place) as usize];
        let sound = crc(&[&bytes[place..place + 4], &bytes[place + 8..place + 16], frame]);
        assert_eq!((small(place + 4), small(place + 12)), (sound, records));
        let records = zstd_of(frame, small(place + 8) as usize);
        place += 16 + frame.len();
        unpacked.extend_from_slice(&records);
    }
    assert_eq!((place, unpacked), (table, original[32..].to_vec()));
}

fn zstd_of(frame: &[u8], bytes: usize) -> Vec<u8> {
    let unpacked = zstd::bulk::decompress(frame, bytes).unwrap();
    assert_eq!(unpacked.len(), bytes);
    unpacked
}

#[test]
fn any_changed_bit_of_a_sealed_segment_is_a_defect_of_it() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path(), &[5, 1]);
    seal(&Disk, dir.path()).unwrap();
    let path = &sealed_files(dir.path())[0];
    let whole = fs::read(path).unwrap();
    let read = || {
        let mut reader = Reader::open(dir.path())?;
        while reader.next_record()?.is_some() {}
        Ok::<_, LedgerError>(())
    };
    for bit in 0..whole.len() * 8 {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        fs::write(path, changed).unwrap();
        let Err(LedgerError::Defective(defect)) = read() else { panic!("bit {bit} went unseen") };
        assert_eq!(defect.segment, path.file_name().unwrap().to_string_lossy());
    }
    for length in 0..whole.len() {
        fs::write(path, &whole[..length]).unwrap();
        assert!(matches!(read(), Err(LedgerError::Defective(_))), "cut at {length}");
    }
    fs::write(path, &whole).unwrap();
    read().unwrap();
}

#[test]
fn a_defective_segment_is_not_sealed_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path(), &[5, 1]);
    let path = segment_files(dir.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[70] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let Err(LedgerError::Defective(defect)) = seal(&Disk, dir.path()) else { panic!("sealed") };
    assert_eq!(defect.kind, DefectKind::Checksum);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert!(sealed_files(dir.path()).is_empty());
}

#[test]
fn sealing_that_fails_at_any_step_leaves_every_record_and_succeeds_later() {
    for op in [Op::Create, Op::Write, Op::ShortWrite, Op::Sync, Op::Rename, Op::SyncDir, Op::Remove]
    {
        let dir = tempfile::tempdir().unwrap();
        let all = made(dir.path(), &[300, 20, 1]);
        let disk = FaultyDisk::default();
        disk.fail(&[op]);
        assert!(matches!(seal(&disk, dir.path()), Err(LedgerError::Io { .. })), "{op:?}");
        assert_eq!(records(dir.path()), all, "{op:?}");
        // As a kill leaves it.
        let copy = tempfile::tempdir().unwrap();
        copy_dir(dir.path(), copy.path()).unwrap();
        let (ledger, recovery) = Ledger::open(settings(copy.path())).unwrap();
        assert_eq!((recovery.records, recovery.torn), (321, vec![]), "{op:?}");
        ledger.close().unwrap();
        assert_eq!(records(copy.path()), all, "{op:?}");
        disk.fail(&[]);
        seal(&disk, dir.path()).unwrap();
        assert_eq!((sealed_files(dir.path()).len(), segment_files(dir.path()).len()), (2, 1));
        assert_eq!(records(dir.path()), all, "{op:?}");
        let left = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!left.into_iter().any(|name| name.to_string_lossy().ends_with(".sealing")));
    }
}

#[test]
fn a_copy_taken_after_each_block_has_every_record() {
    let dir = tempfile::tempdir().unwrap();
    let all = made(dir.path(), &[600, 300, 1]);
    let copies = std::cell::Cell::new(0);
    let looked = |_: Duration| {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(dir.path(), copy.path()).unwrap();
        assert_eq!(records(copy.path()), all);
        Ledger::open(settings(copy.path())).unwrap().0.close().unwrap();
        assert_eq!(records(copy.path()), all);
        copies.set(copies.get() + 1);
        true
    };
    seal_closed(&Disk, dir.path(), u64::MAX, Timestamp::MAX, &mut { looked }).unwrap();
    assert!(copies.get() >= 6);
    assert_eq!(records(dir.path()), all);
}

#[test]
fn where_both_are_the_segment_counts() {
    let dir = tempfile::tempdir().unwrap();
    let all = made(dir.path(), &[10, 1]);
    let segment = segment_files(dir.path()).remove(0);
    let bytes = fs::read(&segment).unwrap();
    seal(&Disk, dir.path()).unwrap();
    fs::write(&segment, bytes).unwrap();
    fs::write(&sealed_files(dir.path())[0], b"half").unwrap();
    assert_eq!(records(dir.path()), all);
    assert_eq!(seal(&Disk, dir.path()).unwrap().segments, 1);
    assert_eq!(records(dir.path()), all);
    assert!(!segment.exists());
}

#[test]
fn a_reader_in_the_middle_of_a_segment_that_is_sealed_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let all = made(dir.path(), &[400, 300, 20]);
    let mut reader = Reader::open(dir.path()).unwrap();
    let mut read = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        read.push((record.sequence, record.instant.as_microsecond(), record.payload.to_vec()));
        if read.len() == 100 {
            assert_eq!(seal(&Disk, dir.path()).unwrap().segments, 2);
        }
    }
    assert_eq!(read, all);
}

#[test]
fn sealing_that_is_told_to_stop_leaves_the_segment() {
    let dir = tempfile::tempdir().unwrap();
    let all = made(dir.path(), &[600, 1]);
    let report = seal_closed(&Disk, dir.path(), u64::MAX, Timestamp::MAX, &mut |_| false).unwrap();
    assert_eq!(report, SealReport::default());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3, "two segments and the lock");
    assert_eq!(records(dir.path()), all);
}

#[test]
fn a_running_process_seals_what_is_old_and_serves_its_tiles_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let of_age =
        LedgerSettings { seal_after: Some(Duration::from_secs(60)), ..signed(folder.path()) };
    for round in 0..2 {
        let (ledger, _) = Ledger::open(signed(folder.path())).unwrap();
        for micros in 0..300 {
            record(&ledger, round * 1_000 + micros);
        }
        ledger.close().unwrap();
    }
    let tile = TilePath::new(TileKind::Entries, 1, 256).unwrap();
    let before = ServedLog::of(&dir).tile(tile).unwrap().unwrap();
    let (ledger, _) = Ledger::open(of_age).unwrap();
    wait_until(|| sealed_files(&dir).len() == 2 && segment_files(&dir).len() == 1);
    record(&ledger, 5_000);
    assert_eq!(ServedLog::of(&dir).tile(tile).unwrap().unwrap(), before);
    assert_eq!(ledger.status().seal_failed, None);
    ledger.close().unwrap();
    // A tree that is made again is made from sealed segments too.
    fs::remove_file(dir.join("tree/level-0")).unwrap();
    let (ledger, recovery) = Ledger::open(signed(folder.path())).unwrap();
    assert!(recovery.tree_rebuilt);
    ledger.close().unwrap();
    assert_eq!(ServedLog::of(&dir).tile(tile).unwrap().unwrap(), before);
}

#[test]
fn records_that_are_not_the_trees_are_not_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    for _ in 0..2 {
        let (ledger, _) = Ledger::open(signed(folder.path())).unwrap();
        record(&ledger, 1);
        ledger.close().unwrap();
    }
    let level = dir.join("tree/level-0");
    let mut hashes = fs::read(&level).unwrap();
    hashes[3] ^= 1;
    fs::write(&level, hashes).unwrap();
    let sealed = carry_out(signed(folder.path()), Order::Seal { before: None });
    assert!(matches!(sealed, Err(LedgerError::Contradicted { .. })), "{sealed:?}");
    assert!(sealed_files(&dir).is_empty());
}

#[test]
fn the_command_seals_beside_a_running_process_and_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    for micros in 0..3 {
        let (ledger, _) = Ledger::open(signed(folder.path())).unwrap();
        record(&ledger, micros);
        ledger.close().unwrap();
    }
    let before = Some(at(1));
    let done = carry_out(signed(folder.path()), Order::Seal { before }).unwrap();
    assert!(matches!(done, Done::Sealed { segments: 1, .. }), "{done:?}");
    let look = Duration::from_millis(1);
    let (ledger, _) = Ledger::open(LedgerSettings { look, ..signed(folder.path()) }).unwrap();
    let done = carry_out(signed(folder.path()), Order::Seal { before: None }).unwrap();
    assert_eq!(done, Done::Sealing);
    wait_until(|| sealed_files(&dir).len() == 3);
    ledger.close().unwrap();
}

#[test]
fn a_fault_of_the_disk_while_the_process_seals_refuses_nothing_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    for micros in 0..2 {
        let (ledger, _) = Ledger::open(signed(folder.path())).unwrap();
        record(&ledger, micros);
        ledger.close().unwrap();
    }
    let disk = FaultyDisk::default();
    let of_disk: Arc<dyn LedgerStore> = Arc::new(disk.clone());
    let look = Duration::from_millis(1);
    let (ledger, _) =
        Ledger::open_on(of_disk, LedgerSettings { look, ..signed(folder.path()) }).unwrap();
    disk.fail(&[Op::Remove]);
    carry_out(signed(folder.path()), Order::Seal { before: None }).unwrap();
    wait_until(|| ledger.status().seal_failed.is_some());
    record(&ledger, 7);
    disk.fail(&[]);
    carry_out(signed(folder.path()), Order::Seal { before: None }).unwrap();
    wait_until(|| ledger.status().seal_failed.is_none() && sealed_files(&dir).len() == 2);
    ledger.close().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_ledger_with_some_segments_sealed_reads_as_one_without(
        segments in prop::collection::vec(0_usize..600, 1..6),
        before in 0_i64..2_000,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let all = made(dir.path(), &segments);
        seal_closed(&Disk, dir.path(), u64::MAX, at(before), &mut |_| true).unwrap();
        prop_assert_eq!(&records(dir.path()), &all);
        for (sequence, instant, payload) in all.iter().step_by(37) {
            let mut reader = Reader::open_at(dir.path(), *sequence).unwrap();
            let record = reader.next_record().unwrap().unwrap();
            prop_assert_eq!(
                (record.sequence, record.instant.as_microsecond(), record.payload),
                (*sequence, *instant, &payload[..])
            );
        }
        let end = all.len() as u64;
        prop_assert!(Reader::open_at(dir.path(), end).unwrap().next_record().unwrap().is_none());
    }
}
