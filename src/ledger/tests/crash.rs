//! What a crash leaves, and what changed bytes look like.

use std::fs::{self, OpenOptions};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::support::{append, copy_dir, records, segment_files, settings};
use super::walk::verify;
use crate::ledger::reader::Reader;
use crate::ledger::{Defect, DefectKind, Ledger, LedgerError, TornTail};

#[test]
fn a_tail_torn_at_any_byte_is_cut_to_the_last_whole_record_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(settings(dir.path())).unwrap();
    for (micros, payload) in [(1, "{\"a\":1}"), (2, "{}"), (3, "{\"the last\":true}")] {
        append(&ledger, micros, payload.as_bytes()).unwrap();
    }
    ledger.close().unwrap();
    let segment = segment_files(dir.path()).pop().unwrap();
    let whole = fs::read(&segment).unwrap();
    let boundary = 32 + (24 + 7) + (24 + 2);
    assert_eq!(whole.len(), boundary + 24 + 17);
    for length in boundary..whole.len() {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(dir.path(), copy.path()).unwrap();
        let segment = segment_files(copy.path()).pop().unwrap();
        OpenOptions::new().write(true).open(&segment).unwrap().set_len(length as u64).unwrap();
        let torn = TornTail {
            segment: segment.file_name().unwrap().to_string_lossy().into_owned(),
            offset: boundary as u64,
            bytes: (length - boundary) as u64,
            followed: false,
        };
        let torn = if length == boundary { vec![] } else { vec![torn] };

        assert_eq!(verify(copy.path()).unwrap().torn.into_iter().collect::<Vec<_>>(), torn);
        assert_eq!(records(copy.path()).len(), 2);
        let (ledger, recovery) = Ledger::open(settings(copy.path())).unwrap();
        assert_eq!(
            (recovery.records, recovery.last_sequence, recovery.torn),
            (2, Some(1), torn.clone())
        );
        assert_eq!(append(&ledger, 9, b"[]").unwrap().sequence(), 2);
        ledger.close().unwrap();

        let report = verify(copy.path()).unwrap();
        assert_eq!((report.records, report.torn), (3, None));
        for torn in torn {
            let name = format!("{}.at-{}.torn", torn.segment, torn.offset);
            assert_eq!(fs::read(copy.path().join(name)).unwrap(), whole[boundary..length]);
        }
    }
}

#[test]
fn any_flipped_bit_in_a_closed_segment_is_found_with_its_offset() {
    let dir = tempfile::tempdir().unwrap();
    for micros in 0..3 {
        let (ledger, _) = Ledger::open(settings(dir.path())).unwrap();
        for n in 0..3 {
            append(&ledger, micros, format!("{{\"n\":{n}}}").as_bytes()).unwrap();
        }
        ledger.close().unwrap();
    }
    let record = 24 + 7;
    let files = segment_files(dir.path());
    assert_eq!(files.len(), 3);
    for segment in &files[..2] {
        let whole = fs::read(segment).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(segment, &flipped).unwrap();
            let at = bit / 8;
            let expected = if at < 32 { 0 } else { 32 + (at - 32) / record * record };
            let Err(LedgerError::Defective(defect)) = verify(dir.path()) else {
                panic!("bit {bit} went unseen")
            };
            assert_eq!(defect.segment, segment.file_name().unwrap().to_string_lossy());
            assert_eq!(defect.offset, expected as u64, "bit {bit}: {defect}");
        }
        fs::write(segment, &whole).unwrap();
    }
    assert_eq!(verify(dir.path()).unwrap().records, 9);
}

#[test]
fn a_damaged_record_before_whole_ones_is_a_defect_in_the_last_segment_too() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(settings(dir.path())).unwrap();
    for micros in 0..3 {
        append(&ledger, micros, b"{}").unwrap();
    }
    ledger.close().unwrap();
    let segment = segment_files(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[32 + 26 + 25] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let name = segment.file_name().unwrap().to_string_lossy().into_owned();
    let expected = Defect { segment: name, offset: 58, kind: DefectKind::Checksum };
    let Err(LedgerError::Defective(defect)) = verify(dir.path()) else { panic!("unseen") };
    assert_eq!(defect, expected);
    let mut reader = Reader::open(dir.path()).unwrap();
    assert_eq!(reader.next_record().unwrap().unwrap().sequence, 0);
    let Err(LedgerError::Defective(defect)) = reader.next_record() else { panic!("read") };
    assert_eq!(defect, expected);
    let (_ledger, recovery) = Ledger::open(settings(dir.path())).unwrap();
    assert!(recovery.torn[0].followed);
}

#[test]
fn removed_swapped_and_duplicated_segments_are_found() {
    let dir = tempfile::tempdir().unwrap();
    for micros in 0..4 {
        let (ledger, _) = Ledger::open(settings(dir.path())).unwrap();
        append(&ledger, micros, b"{}").unwrap();
        ledger.close().unwrap();
    }
    let files = segment_files(dir.path());
    let whole: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    for gone in 0..3 {
        fs::remove_file(&files[gone]).unwrap();
        assert!(matches!(verify(dir.path()), Err(LedgerError::Defective(_))), "{gone} removed");
        let other = &whole[(gone + 1) % 4];
        fs::write(&files[gone], other).unwrap();
        assert!(matches!(verify(dir.path()), Err(LedgerError::Defective(_))), "{gone} replaced");
        fs::write(&files[gone], &whole[gone]).unwrap();
    }
    assert_eq!(verify(dir.path()).unwrap().records, 4);
}

#[test]
fn every_record_whose_append_returned_is_in_a_copy_of_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let settings = crate::ledger::LedgerSettings { segment_bytes: 20_000, ..settings(dir.path()) };
    let (ledger, _) = Ledger::open(settings.clone()).unwrap();
    let (returned, allowed, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Acquire) {
                // A little at a time, so that the copies stay small.
                if returned.load(Ordering::Acquire) >= allowed.load(Ordering::Acquire) {
                    thread::yield_now();
                    continue;
                }
                match append(&ledger, 0, b"{\"some\":\"payload\"}") {
                    Ok(receipt) => returned.store(receipt.sequence() + 1, Ordering::Release),
                    Err(LedgerError::Behind { .. }) => thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            }
        });
        let mut copies = 0;
        while copies < 25 {
            let copy = tempfile::tempdir().unwrap();
            allowed.fetch_add(300, Ordering::AcqRel);
            let before = returned.load(Ordering::Acquire);
            // A file that is renamed under the copier makes no snapshot.
            if copy_dir(dir.path(), copy.path()).is_err() {
                continue;
            }
            copies += 1;
            assert!(verify(dir.path()).is_ok(), "beside the writer");
            let verified = verify(copy.path()).unwrap().records;
            assert!(verified >= before, "{verified} of {before} verified");
            let read = u64::try_from(records(copy.path()).len()).unwrap();
            assert_eq!(read, verified);
            let copied =
                crate::ledger::LedgerSettings { dir: copy.path().into(), ..settings.clone() };
            let (reopened, recovery) = Ledger::open(copied).unwrap();
            assert_eq!(recovery.records, verified);
            reopened.close().unwrap();
            assert_eq!(verify(copy.path()).unwrap().torn, None);
        }
        stop.store(true, Ordering::Release);
    });
    ledger.close().unwrap();
    assert_eq!(verify(dir.path()).unwrap().records, returned.load(Ordering::Acquire));
    assert!(segment_files(dir.path()).len() > 2, "it has rotated");
}
