//! Rows in sled: a big-endian row number, and a value with a checksum of its own (FACTS 3.1, d).
//!
//! sled 0.34 opens damaged files without an error, with rows missing, or panics. So it runs on a thread of its own, whose
//! panic is a result; it is handed files that were compared with their seals before; and what comes out of it is counted
//! and digested.

use std::path::Path;

use csv::StringRecord;
use sha2::Digest;
use sha2::Sha256;

use crate::registry::index::read_text;
use crate::registry::index::write_text;
use crate::registry::rows::Row;
use crate::registry::table::Table;

use super::manifest::hex;

/// Bytes: rows are read once, in order, so that a larger cache would only cost memory.
const CACHE: u64 = 8 * 1024 * 1024;
/// Rows written at once.
const BATCH: u64 = 2_000;

/// What was written or read.
#[derive(Debug, Default)]
pub(in crate::registry) struct Rows {
    count: u64,
    hash: Sha256,
}

impl Rows {
    /// The number of rows, and the digest over all of them.
    pub(in crate::registry) fn conclude(self) -> (u64, String) {
        (self.count, hex(&self.hash.finalize()))
    }

    /// Adds a row; its key.
    pub(in crate::registry) fn add(&mut self, value: &[u8]) -> [u8; 8] {
        let key = self.count.to_be_bytes();
        self.hash.update(key);
        self.hash.update(u64::try_from(value.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.hash.update(value);
        self.count = self.count.saturating_add(1);
        key
    }
}

/// A sled that is being filled.
pub(super) struct Writer {
    batch: sled::Batch,
    db: sled::Db,
    pending: u64,
    rows: Rows,
}

impl Writer {
    pub(super) fn new(path: &Path) -> Result<Self, String> {
        let db = open(path)?;
        Ok(Self { batch: sled::Batch::default(), db, pending: 0, rows: Rows::default() })
    }

    /// Adds a value; it may not be on the disk before [`Writer::finish`].
    pub(super) fn push(&mut self, value: &[u8]) -> Result<(), String> {
        let key = self.rows.add(value);
        self.batch.insert(&key[..], value);
        self.pending = self.pending.saturating_add(1);
        if self.pending >= BATCH { self.apply() } else { Ok(()) }
    }

    /// Everything has been pushed.
    pub(super) fn finish(mut self) -> Result<(u64, String), String> {
        self.apply()?;
        self.db.flush().map_err(|error| error.to_string())?;
        Ok(self.rows.conclude())
    }

    fn apply(&mut self) -> Result<(), String> {
        self.pending = 0;
        let batch = std::mem::take(&mut self.batch);
        self.db.apply_batch(batch).map_err(|error| error.to_string())
    }
}

/// Reads every value in order; the number of rows and their digest.
pub(super) fn read(
    path: &Path,
    mut each: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(u64, String), String> {
    let db = open(path)?;
    let mut rows = Rows::default();
    for pair in db.iter() {
        let (key, value) = pair.map_err(|error| error.to_string())?;
        if rows.add(&value)[..] != key[..] {
            return Err("a row is missing".to_owned());
        }
        each(&value)?;
    }
    Ok(rows.conclude())
}

/// Runs `work` on a thread of its own: a panic in it is an error.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("registry".to_owned());
        let thread = thread.spawn_scoped(scope, work).map_err(|error| error.to_string())?;
        thread.join().unwrap_or_else(|_| Err("sled panicked".to_owned()))
    })
}

/// The value of a row: CRC-32C, then each column of the table as length and text.
pub(in crate::registry) fn value(row: &Row<'_>, table: Table, out: &mut Vec<u8>) {
    out.clear();
    out.extend([0; 4]);
    for column in table.columns() {
        write_text(out, row.field(column).unwrap_or_default().as_bytes());
    }
    let checksum = crc32c::crc32c(out.get(4..).unwrap_or_default()).to_be_bytes();
    for (byte, checked) in out.iter_mut().zip(checksum) {
        *byte = checked;
    }
}

/// A value as a record of the table's columns.
pub(super) fn record(value: &[u8], table: Table, record: &mut StringRecord) -> Result<(), String> {
    const DAMAGED: &str = "a row is not what was written";
    let (checksum, mut rest) = value.split_at_checked(4).ok_or(DAMAGED)?;
    if checksum != crc32c::crc32c(rest).to_be_bytes() {
        return Err(DAMAGED.to_owned());
    }
    record.clear();
    for _ in table.columns() {
        let text = read_text(&mut rest).ok_or(DAMAGED)?;
        record.push_field(std::str::from_utf8(text).map_err(|_| DAMAGED)?);
    }
    Ok(())
}

fn open(path: &Path) -> Result<sled::Db, String> {
    // Written when asked to, and not by a thread of sled's own.
    let config = sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(None);
    config.open().map_err(|error| error.to_string())
}
