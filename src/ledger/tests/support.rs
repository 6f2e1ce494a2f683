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
use crate::ledger::{Ledger, LedgerError, Queued, Receipt, SubjectKeys};

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
    ledger.handle.shared.enqueue(at(micros), &mut Payload::opaque(payload))
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
    /// If given, only operations on files whose name begins so fail.
    named: Option<&'static str>,
}

impl FaultyDisk {
    pub(super) fn fail(&self, ops: &[Op]) {
        *self.failing.lock().unwrap() = ops.iter().copied().collect();
    }

    pub(super) fn of_files_named(name: &'static str) -> Self {
        Self { named: Some(name), ..Self::default() }
    }

    /// The disk as a file sees it: one that is not concerned never fails.
    fn of(&self, path: &Path) -> Self {
        if self.concerns(path) { self.clone() } else { Self::default() }
    }

    fn concerns(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.named.is_none_or(|named| name.starts_with(named))
    }

    fn check_on(&self, op: Op, path: &Path) -> io::Result<()> {
        if self.concerns(path) { self.check(op) } else { Ok(()) }
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
        self.check_on(Op::Create, path)?;
        Ok(Arc::new(FaultyFile { disk: self.of(path), file: Disk.create(path)? }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.check_on(Op::Create, path)?;
        Disk.create_dir(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        self.check_on(Op::Create, path)?;
        Ok(Arc::new(FaultyFile { disk: self.of(path), file: Disk.open(path)? }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check_on(Op::Rename, from)?;
        Disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check_on(Op::Remove, path)?;
        Disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.check_on(Op::SyncDir, &dir.join(self.named.unwrap_or("x")))?;
        Disk.sync_dir(dir)
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.check_on(Op::Truncate, path)?;
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

/// Each record's export view, one a line, with what is encrypted.
pub(super) fn export(dir: &Path, out: &mut Vec<u8>) -> Result<(), LedgerError> {
    let (mut reader, keys) = (Reader::open(dir)?, SubjectKeys::open(dir)?);
    while let Some(record) = reader.next_record()? {
        let line = serde_json::Value::Object(record.view_with(&keys)?);
        out.extend_from_slice(format!("{line}\n").as_bytes());
    }
    Ok(())
}
