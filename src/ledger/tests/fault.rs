//! Disk errors: the ledger refuses, heals without restart, and has lost nothing.

use std::fs;
use std::sync::Arc;

use super::support::{FaultyDisk, Op, append, enqueue, records, settings, wait_until};
use super::walk::verify;
use crate::ledger::{Ledger, LedgerError, LedgerSettings};

#[tokio::test]
async fn a_failed_write_refuses_and_heals_and_leaves_no_trace() {
    for ops in [&[Op::Write][..], &[Op::ShortWrite], &[Op::ShortWrite, Op::Truncate]] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let (ledger, _) = Ledger::open_on(Arc::new(disk.clone()), settings(dir.path())).unwrap();
        let first = append(&ledger, 1, b"[1]").unwrap();
        disk.fail(ops);
        assert!(matches!(append(&ledger, 2, b"[2]"), Err(LedgerError::Failed { .. })));
        assert!(matches!(append(&ledger, 3, b"[3]"), Err(LedgerError::Failed { .. })));
        // What was written before is still made durable, in place.
        ledger.durable(&first).await.unwrap();
        let failures = ledger.status().failures;
        wait_until(|| ledger.status().failures > failures);
        assert!(ledger.status().failed.is_some());

        disk.fail(&[]);
        wait_until(|| ledger.status().failed.is_none());
        let second = append(&ledger, 4, b"[4]").unwrap();
        ledger.durable(&second).await.unwrap();
        ledger.close().unwrap();
        assert_eq!(records(dir.path()), [(0, 1, b"[1]".to_vec()), (1, 4, b"[4]".to_vec())]);
        assert_eq!(verify(dir.path()).unwrap().records, 2, "{ops:?}");
    }
}

#[tokio::test]
async fn a_failed_write_is_an_error_to_all_who_were_queued_and_their_numbers_are_given_again() {
    for ops in [&[Op::Write][..], &[Op::ShortWrite], &[Op::ShortWrite, Op::Truncate]] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let (ledger, _) = Ledger::open_on(Arc::new(disk.clone()), settings(dir.path())).unwrap();
        let first = append(&ledger, 1, b"[1]").unwrap();
        disk.fail(ops);
        let queue = |micros| enqueue(&ledger, micros, b"[x]");
        let (lost, late, waits) = (queue(5).unwrap(), queue(6).unwrap(), queue(7).unwrap());
        // Whoever writes first, the sync thread or one of them: none of them has a record.
        let waits = ledger.commit(waits);
        assert!(matches!(ledger.write(lost), Err(LedgerError::Failed { .. })));
        assert!(matches!(waits.await, Err(LedgerError::Failed { .. })));
        disk.fail(&[]);
        wait_until(|| ledger.status().failed.is_none());
        let second = append(&ledger, 2, b"[2]").unwrap();
        assert_eq!((first.sequence(), second.sequence()), (0, 1));
        assert!(matches!(ledger.written(late).await, Err(LedgerError::Failed { .. })));
        ledger.durable(&second).await.unwrap();
        ledger.close().unwrap();
        assert_eq!(records(dir.path()), [(0, 1, b"[1]".to_vec()), (1, 2, b"[2]".to_vec())]);
        assert_eq!(verify(dir.path()).unwrap().records, 2, "{ops:?}");
    }
}

#[tokio::test]
async fn a_failed_sync_is_an_error_to_its_waiters_and_its_records_are_written_again() {
    for healing_fails_by in
        [&[][..], &[Op::Create], &[Op::Write], &[Op::ShortWrite], &[Op::Rename], &[Op::SyncDir]]
    {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let (ledger, _) = Ledger::open_on(Arc::new(disk.clone()), settings(dir.path())).unwrap();
        let safe = append(&ledger, 1, b"[1]").unwrap();
        ledger.durable(&safe).await.unwrap();
        disk.fail(&[Op::Sync]);
        let unsure = append(&ledger, 2, b"[2]").unwrap();
        assert!(matches!(ledger.durable(&unsure).await, Err(LedgerError::Failed { .. })));
        assert!(matches!(append(&ledger, 3, b"[3]"), Err(LedgerError::Failed { .. })));
        ledger.durable(&safe).await.unwrap();

        // The old file may have lost its pages: healing must not depend on it.
        let old = dir.path().join("segment-00000000000000000000.seg");
        let length = fs::metadata(&old).unwrap().len();
        fs::OpenOptions::new().write(true).open(&old).unwrap().set_len(length - 3).unwrap();
        disk.fail(healing_fails_by);
        if !healing_fails_by.is_empty() {
            let failures = ledger.status().failures;
            wait_until(|| ledger.status().failures > failures + 1);
            assert_eq!(ledger.status().depth, 1);
            disk.fail(&[]);
        }
        wait_until(|| ledger.status().failed.is_none());
        ledger.durable(&unsure).await.unwrap();
        let next = append(&ledger, 4, b"[4]").unwrap();
        ledger.durable(&next).await.unwrap();
        ledger.close().unwrap();
        let expected = [(0, 1, b"[1]".to_vec()), (1, 2, b"[2]".to_vec()), (2, 4, b"[4]".to_vec())];
        assert_eq!(records(dir.path()), expected, "{healing_fails_by:?}");
        assert_eq!(verify(dir.path()).unwrap().records, 3, "{healing_fails_by:?}");
    }
}

#[tokio::test]
async fn a_tail_that_healing_could_not_cut_is_superseded() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::default();
    let (ledger, _) = Ledger::open_on(Arc::new(disk.clone()), settings(dir.path())).unwrap();
    let safe = append(&ledger, 1, b"[1]").unwrap();
    ledger.durable(&safe).await.unwrap();
    disk.fail(&[Op::Sync, Op::Truncate]);
    let unsure = append(&ledger, 2, b"[2]").unwrap();
    assert!(ledger.durable(&unsure).await.is_err());
    disk.fail(&[Op::Truncate]);
    wait_until(|| ledger.status().failed.is_none());
    append(&ledger, 3, b"[3]").unwrap();
    ledger.close().unwrap();
    assert_eq!(records(dir.path()).len(), 3);
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.records, report.superseded_bytes), (3, 27));
    let (_ledger, recovery) = Ledger::open(settings(dir.path())).unwrap();
    assert_eq!(recovery.records, 3);
}

#[tokio::test]
async fn a_rotation_that_fails_at_any_step_loses_nothing() {
    for ops in [&[Op::Create][..], &[Op::Rename], &[Op::SyncDir], &[Op::SyncDir, Op::Remove]] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let settings = LedgerSettings { segment_bytes: 100, ..settings(dir.path()) };
        let (ledger, _) = Ledger::open_on(Arc::new(disk.clone()), settings).unwrap();
        disk.fail(ops);
        wait_until(|| {
            // At most as many as make the segment full a few times over.
            let status = ledger.status();
            if status.failed.is_none() && status.depth < 10 {
                append(&ledger, 1, b"[\"x\"]").ok();
            }
            status.failures > 2
        });
        disk.fail(&[]);
        wait_until(|| ledger.status().failed.is_none());
        let last = append(&ledger, 2, b"[]").unwrap();
        ledger.durable(&last).await.unwrap();
        let count = last.sequence() + 1;
        ledger.close().unwrap();
        assert_eq!(records(dir.path()).len() as u64, count, "{ops:?}");
        assert_eq!(verify(dir.path()).unwrap().records, count, "{ops:?}");
    }
}

#[test]
fn a_ledger_that_falls_behind_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let window = std::time::Duration::from_secs(3600);
    let settings = LedgerSettings { queue_records: 3, sync_window: window, ..settings(dir.path()) };
    let (ledger, _) = Ledger::open(settings).unwrap();
    let receipts: Vec<_> = (0..3).map(|_| append(&ledger, 1, b"{}").unwrap()).collect();
    assert!(matches!(append(&ledger, 1, b"{}"), Err(LedgerError::Behind { records: 3, .. })));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(ledger.durable(&receipts[2])).unwrap();
    append(&ledger, 1, b"{}").unwrap();
}
