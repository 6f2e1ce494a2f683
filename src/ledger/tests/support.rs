//! A ledger in a temporary folder, and a disk whose operations can be made to fail.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::ledger::entry::Payload;
use crate::ledger::reader::Reader;
use crate::ledger::settings::LedgerSettings;
use crate::ledger::store::{Disk, LedgerStore, SegmentFile};
use crate::ledger::{Ledger, LedgerError, Queued, Receipt};

pub(super) fn settings(dir: &Path) -> LedgerSettings {
    let window = Duration::from_millis(1);
    LedgerSettings { sync_window: window, retry: window, ..LedgerSettings::new(dir) }
}

pub(super) fn at(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap()
}

pub(super) fn append(ledger: &Ledger, micros: i64, payload: &[u8]) -> Result<Receipt, LedgerError> {
    ledger.write(enqueue(ledger, micros, payload)?)
}

/// Queues bytes that are no entry: the writer does not read them.
pub(super) fn enqueue(ledger: &Ledger, micros: i64, payload: &[u8]) -> Result<Queued, LedgerError> {
    ledger.handle.shared.enqueue(at(micros), Payload::opaque(payload))
}

/// All records, read naively through the public reader: sequence, instant (µs), payload.
pub(super) fn records(dir: &Path) -> Vec<(u64, i64, Vec<u8>)> {
    let mut reader = Reader::open(dir).unwrap();
    let mut all = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        all.push((record.sequence, record.instant.as_microsecond(), record.payload.to_vec()));
    }
    all
}

pub(super) fn wait_until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "the condition never came true");
        std::thread::yield_now();
    }
}

/// The segment files in order.
pub(super) fn segment_files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    files.sort();
    files
}

pub(super) fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        fs::copy(&path, to.join(path.file_name().unwrap()))?;
    }
    Ok(())
}

/// An operation that can be made to fail.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Op {
    Create,
    Remove,
    Rename,
    ShortWrite,
    Sync,
    SyncDir,
    Truncate,
    Write,
}

/// The machine's file system, with some operations failing.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultyDisk {
    failing: Arc<Mutex<BTreeSet<Op>>>,
}

impl FaultyDisk {
    pub(super) fn fail(&self, ops: &[Op]) {
        *self.failing.lock().unwrap() = ops.iter().copied().collect();
    }

    fn check(&self, op: Op) -> io::Result<()> {
        let failing = self.failing.lock().unwrap().contains(&op);
        if failing {
            Err(io::Error::new(io::ErrorKind::StorageFull, format!("injected {op:?}")))
        } else {
            Ok(())
        }
    }
}

impl LedgerStore for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        self.check(Op::Create)?;
        Ok(Arc::new(FaultyFile { disk: self.clone(), file: Disk.create(path)? }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(Op::Rename)?;
        Disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check(Op::Remove)?;
        Disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.check(Op::SyncDir)?;
        Disk.sync_dir(dir)
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.check(Op::Truncate)?;
        Disk.truncate(path, length)
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    file: Arc<dyn SegmentFile>,
}

impl SegmentFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.disk.check(Op::ShortWrite) {
            self.file.write_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        self.disk.check(Op::Write)?;
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.check(Op::Sync)?;
        self.file.sync()
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.disk.check(Op::Truncate)?;
        self.file.truncate(length)
    }
}
