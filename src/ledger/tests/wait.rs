//! Durability, closing, the clock, and who may open.

use std::os::unix::fs::PermissionsExt;
use std::{fs, thread};

use super::support::{append, at, records, segment_files, settings, wait_until};
use crate::ledger::{Ledger, LedgerError, LedgerSettings, verify};

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
    wait_until(|| ledger.handle.shared.lock().parked);
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
    let mut given = None;
    let receipt = ledger.append(at(400), |_, instant| given = Some(instant)).unwrap();
    assert_eq!((receipt.instant(), given), (at(1_000), Some(at(1_000))));
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
fn a_panicking_payload_writer_leaves_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(settings(dir.path())).unwrap();
    let other = ledger.clone();
    let panicked = thread::spawn(move || {
        drop(other.append(at(1), |buffer, _| {
            buffer.push(b'x');
            panic!("a fault in the caller");
        }));
    });
    assert!(panicked.join().is_err());
    assert_eq!(append(&ledger, 2, b"{}").unwrap().sequence(), 0);
    let big = vec![b' '; (16 << 20) + 1];
    assert!(matches!(append(&ledger, 2, &big), Err(LedgerError::TooLarge { .. })));
    ledger.close().unwrap();
    assert_eq!(records(dir.path()), [(0, 2, b"{}".to_vec())]);
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
