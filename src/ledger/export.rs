//! Writes the records out, one a line.

use std::io::Write;
use std::path::Path;

use serde_json::Value;

use super::error::LedgerError;
use super::personal::SubjectKeys;
use super::reader::Reader;
use super::torn::TornTail;

/// What an export covered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExportSummary {
    /// Records written.
    pub records: u64,
    /// Bytes after the last record that are none; beside a running process that may be a record on its way.
    pub torn: Option<TornTail>,
}

/// Writes each record's export view and a line feed (JSON Lines). What is encrypted is decrypted, unless it was erased.
///
/// # Errors
/// `Defective` and `Io` as [`Reader::next_record`]; `Io` with the ledger's directory if `out` does not take the bytes.
pub fn export(dir: impl AsRef<Path>, out: &mut dyn Write) -> Result<ExportSummary, LedgerError> {
    let dir = dir.as_ref();
    let mut reader = Reader::open(dir)?;
    let keys = SubjectKeys::open(dir)?;
    let mut records = 0_u64;
    while let Some(record) = reader.next_record()? {
        let line = Value::Object(record.view_with(&keys)?);
        writeln!(out, "{line}").map_err(LedgerError::io("write the export of", dir))?;
        records = records.saturating_add(1);
    }
    out.flush().map_err(LedgerError::io("write the export of", dir))?;
    Ok(ExportSummary { records, torn: reader.torn().cloned() })
}
