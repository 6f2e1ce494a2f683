//! Durability, closing, the clock, and who may open.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::support::{append, at, enqueue, records, segment_files, settings, wait_until};
use super::walk::verify;
use crate::ledger::reader::Reader;
use crate::ledger::state::Sleep;
use crate::ledger::{Entry, Head, Ledger, LedgerError, LedgerSettings};
use crate::model::DecisionId;

#[tokio::test]
async fn waiters_are_told_at_once_and_together() {
    let dir = tempfile::tempdir().unwrap();
    // A window that never ends: only the waiters can bring the sync about.
    let window = std::time::Duration::from_secs(3600);
    let settings = LedgerSettings { sync_window: window, ..settings(dir.path()) };
    let (ledger, _) = Ledger::open(settings).unwrap();
    let receipts: Vec<_> = (0..50).map(|_| append(&ledger, 1, b"{}").unwrap()).collect();
    assert_eq!(ledger.status().synced_sequence, None);
    assert_eq!(ledger.status().depth, 50);
    futures_util::future::try_join_all(receipts.iter().map(|receipt| ledger.durable(receipt)))
        .await
        .unwrap();
    assert_eq!(ledger.status().synced_sequence, Some(49));
    assert_eq!(ledger.status().depth, 0);
}

#[test]
fn records_are_synced_within_the_window_when_nobody_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(settings(dir.path())).unwrap();
    append(&ledger, 1, b"{}").unwrap();
    wait_until(|| ledger.status().synced_sequence == Some(0));
    // And after the sync thread has gone to sleep for want of records.
    wait_until(|| ledger.handle.shared.lock().sleep == Sleep::Parked);
    append(&ledger, 1, b"{}").unwrap();
    wait_until(|| ledger.status().synced_sequence == Some(1));
}

#[test]
fn closing_makes_everything_durable_and_gives_the_directory_back() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(settings(dir.path())).unwrap();
    let clone = ledger.clone();
    append(&ledger, 1, b"{}").unwrap();
    assert!(matches!(Ledger::open(settings(dir.path())), Err(LedgerError::InUse { .. })));
    ledger.close().unwrap();
    assert_eq!(clone.status().depth, 0);
    assert!(matches!(append(&clone, 1, b"{}"), Err(LedgerError::Closed)));
    let (_again, recovery) = Ledger::open(settings(dir.path())).unwrap();
    assert_eq!(recovery.last_sequence, Some(0));
}

#[test]
fn a_clock_that_steps_back_is_held_and_counted_across_restarts_too() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, recovery) = Ledger::open(settings(dir.path())).unwrap();
    assert_eq!(recovery.last_instant, None);
    append(&ledger, 1_000, b"{}").unwrap();
    assert_eq!(append(&ledger, 400, b"{}").unwrap().instant(), at(1_000));
    assert!(ledger.status().clock_holding);
    ledger.close().unwrap();
    // Twice: the second time the last segment is empty.
    for _ in 0..2 {
        let (ledger, recovery) = Ledger::open(settings(dir.path())).unwrap();
        assert_eq!(recovery.last_instant, Some(at(1_000)));
        ledger.close().unwrap();
    }
    let (ledger, _) = Ledger::open(settings(dir.path())).unwrap();
    assert_eq!(append(&ledger, 999, b"{}").unwrap().instant(), at(1_000));
    assert_eq!(append(&ledger, 1_001, b"{}").unwrap().instant(), at(1_001));
    assert_eq!((ledger.status().clock_held, ledger.status().clock_holding), (1, false));
    ledger.close().unwrap();
    assert_eq!(verify(dir.path()).unwrap().records, 4);
}

#[test]
fn a_record_that_is_too_large_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(settings(dir.path())).unwrap();
    let big = vec![b' '; (16 << 20) + 1];
    assert!(matches!(append(&ledger, 2, &big), Err(LedgerError::TooLarge { .. })));
    assert_eq!(append(&ledger, 2, b"{}").unwrap().sequence(), 0);
    ledger.close().unwrap();
    assert_eq!(records(dir.path()), [(0, 2, b"{}".to_vec())]);
}

#[tokio::test]
async fn one_write_takes_all_who_are_queued_and_a_queued_record_is_not_in_the_file_before() {
    let dir = tempfile::tempdir().unwrap();
    let window = std::time::Duration::from_secs(3600);
    let settings = LedgerSettings { sync_window: window, ..settings(dir.path()) };
    let (ledger, _) = Ledger::open(settings).unwrap();
    // Wakes the sync thread out of its first, unending window.
    ledger.commit(enqueue(&ledger, 1, b"[0]").unwrap()).await.unwrap();
    let first = enqueue(&ledger, 1, b"[1]").unwrap();
    let second = enqueue(&ledger, 2, b"[2]").unwrap();
    assert_eq!(records(dir.path()).len(), 1);
    assert_eq!(ledger.write(first).unwrap().sequence(), 1);
    assert_eq!(records(dir.path()).len(), 3);
    assert_eq!(ledger.written(second).await.unwrap().sequence(), 2);
    let all = (0..10).map(|_| ledger.written(enqueue(&ledger, 2, b"[x]").unwrap()));
    let before = ledger.status().writes;
    futures_util::future::try_join_all(all).await.unwrap();
    assert_eq!(ledger.status().writes, before + 1);
    let third = enqueue(&ledger, 3, b"[3]").unwrap();
    ledger.commit(third).await.unwrap();
    assert_eq!(ledger.status().synced_sequence, Some(13));
    drop(enqueue(&ledger, 4, b"[4]").unwrap());
    ledger.close().unwrap();
    assert_eq!(records(dir.path()).len(), 15);
}

#[tokio::test]
async fn a_new_day_begins_a_new_segment_and_a_held_clock_shows_in_the_envelope() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(settings(dir.path())).unwrap();
    let id = DecisionId::new(at(1));
    let entry = Entry {
        document: Some(b"{}"),
        head: Head::Plain,
        id,
        kind: "refusal",
        personal: None,
        subject: None,
    };
    let midnight = 20_000 * 86_400_000_000;
    for micros in [midnight - 2, midnight - 1, midnight, midnight - 5, midnight + 1] {
        let queued = ledger.enqueue(at(micros), &entry).unwrap();
        ledger.commit(queued).await.unwrap();
    }
    ledger.close().unwrap();
    let files = segment_files(dir.path());
    assert_eq!(files.len(), 2, "{files:?}");
    // The record that is the first of its day closes the segment behind it.
    assert!(files[1].ends_with("segment-00000000000000000003.seg"), "{files:?}");
    let mut reader = Reader::open(dir.path()).unwrap();
    for micros in [midnight - 2, midnight - 1, midnight, midnight, midnight + 1] {
        let record = reader.next_record().unwrap().unwrap();
        assert_eq!(record.instant, at(micros));
        assert_eq!(record.view().unwrap()["time"], format!("{:.6}", at(micros)));
    }
}

#[test]
fn only_the_owner_may_look() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("data").join("ledger");
    let (ledger, _) = Ledger::open(settings(&inner)).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    for file in segment_files(&inner) {
        assert_eq!(mode(&file), 0o600);
    }
    drop(ledger);
    assert_eq!(mode(&inner.join("ledger.lock")), 0o600);
}
