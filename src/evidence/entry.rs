//! The walk over a ledger's records, one in memory at a time.

use std::cell::OnceCell;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;

use crate::ledger::Reader;
use crate::ledger::SubjectKeys;
use crate::ledger::TornTail;

use super::error::EvidenceError;
use super::filter::Filter;
use super::view::View;

/// One record.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The record's instant (µs).
    pub at: Timestamp,
    /// Its export view (docs/ledger-format.md).
    pub object: &'a Map<String, Value>,
    /// Its place in the ledger.
    pub sequence: u64,
    view: OnceCell<View<'a>>,
}

/// How far a walk has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Records read.
    pub records: u64,
    /// Bytes of payloads and their heads.
    pub bytes: u64,
}

/// What a walk covered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Walked {
    /// Records that the filter admitted.
    pub admitted: u64,
    /// Records read.
    pub read: u64,
    /// Bytes after the last record that are none; beside a running process that may be a record on its way.
    pub torn: Option<TornTail>,
}

/// Records between two words of progress.
const TOLD: u64 = 1_024;

/// Gives every record that `filter` admits to `take`, in order, and tells `progress` now and then.
///
/// # Errors
/// When the ledger cannot be read or is defective, a record that has to be looked into is no JSON object, or `take` fails.
pub fn each(
    dir: &Path,
    filter: &Filter,
    progress: &mut dyn FnMut(Progress),
    take: &mut dyn FnMut(&Entry<'_>) -> Result<(), EvidenceError>,
) -> Result<Walked, EvidenceError> {
    let keys = SubjectKeys::open(dir)?;
    let mut reader = match filter.from {
        Some(from) => Reader::open_near(dir, from.0)?,
        None => Reader::open(dir)?,
    };
    let (mut walked, mut told) = (Walked::default(), Progress::default());
    while let Some(record) = reader.next_record()? {
        walked.read = walked.read.saturating_add(1);
        told.records = walked.read;
        told.bytes = told.bytes.saturating_add(HEAD).saturating_add(length(record.payload));
        if walked.read.checked_rem(TOLD) == Some(0) {
            progress(told);
        }
        // Instants never fall: what follows is later still.
        if filter.is_past(record.instant) {
            break;
        }
        if !filter.is_before(record.instant) {
            let object = record.view_with(&keys)?;
            let entry = Entry::new(record.sequence, record.instant, &object);
            if filter.admits(&entry)? {
                walked.admitted = walked.admitted.saturating_add(1);
                take(&entry)?;
            }
        }
    }
    progress(told);
    walked.torn = reader.torn().cloned();
    Ok(walked)
}

/// Bytes of a record's head in a segment.
const HEAD: u64 = 24;

/// Bytes of the segments in `dir`, for a bar of progress; nothing rests on it.
pub fn bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let segments = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("segment-")
            && [".seg", ".new", ".sealed"].iter().any(|ending| name.ends_with(ending))
    });
    segments.filter_map(|entry| entry.metadata().ok()).fold(0, |sum, m| m.len().saturating_add(sum))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

impl<'a> Entry<'a> {
    /// A record of that view.
    pub const fn new(sequence: u64, at: Timestamp, object: &'a Map<String, Value>) -> Self {
        Self { at, object, sequence, view: OnceCell::new() }
    }

    /// What it says, read once.
    pub(super) fn view(&self) -> Result<&View<'a>, EvidenceError> {
        if let Some(view) = self.view.get() {
            return Ok(view);
        }
        let view = View::deserialize(self.object).map_err(|error| EvidenceError::Unreadable {
            sequence: self.sequence,
            reason: error.to_string(),
        })?;
        Ok(self.view.get_or_init(|| view))
    }
}
