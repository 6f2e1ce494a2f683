//! Records as CSV: one row each, under the fixed columns.

use std::io::Write;

use crate::output::Line;

use super::columns::COLUMNS;
use super::columns::Cell;
use super::columns::Row;
use super::columns::written;
use super::entry::Entry;
use super::error::EvidenceError;
use super::export::Format;

/// Writes rows to `W`.
#[derive(Debug)]
pub(super) struct Csv<W: Write> {
    line: Vec<u8>,
    out: W,
}

impl<W: Write> Csv<W> {
    /// Writes the header.
    pub(super) fn new(mut out: W) -> Result<Self, EvidenceError> {
        let mut header = Vec::new();
        let mut line = Line::new(&mut header);
        for column in &COLUMNS {
            line.cell(column.name.as_bytes());
        }
        line.end();
        out.write_all(&header)?;
        Ok(Self { line: Vec::new(), out })
    }
}

impl<W: Write> Format for Csv<W> {
    fn put(&mut self, entry: &Entry<'_>) -> Result<(), EvidenceError> {
        let row = Row::new(entry)?;
        self.line.clear();
        let mut line = Line::new(&mut self.line);
        for column in &COLUMNS {
            match column.cell(row) {
                Cell::Absent => line.cell(b""),
                Cell::Instant(at) => line.cell(written(at).as_bytes()),
                Cell::Text(text) => line.cell(text.as_bytes()),
                Cell::Whole(whole) => line.cell(whole.to_string().as_bytes()),
            }
        }
        line.end();
        self.out.write_all(&self.line)?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), EvidenceError> {
        Ok(self.out.flush()?)
    }
}
