//! Records on their way to a file or a stream, in one of the formats.

use std::fmt;
use std::io::Write;

use super::csv::Csv;
use super::entry::Entry;
use super::error::EvidenceError;
#[cfg(feature = "parquet")]
use super::parquet::Parquet;

/// An export in the making; memory does not grow with what was written.
pub struct Export<'a>(Box<dyn Format + 'a>);

/// A way to write records.
pub(super) trait Format {
    /// Writes a record.
    fn put(&mut self, entry: &Entry<'_>) -> Result<(), EvidenceError>;

    /// Writes what stands after the last one.
    fn finish(self: Box<Self>) -> Result<(), EvidenceError>;
}

impl<'a> Export<'a> {
    /// A table under fixed columns, as CSV.
    ///
    /// # Errors
    /// `Write`, as for all that follows.
    pub fn csv(out: impl Write + 'a) -> Result<Self, EvidenceError> {
        Ok(Self(Box::new(Csv::new(out)?)))
    }

    /// Each record's own JSON object, one a line.
    pub fn jsonl(out: impl Write + 'a) -> Self {
        Self(Box::new(Jsonl(out)))
    }

    /// The table, typed and compressed by column, as Apache Parquet.
    ///
    /// # Errors
    /// `Write`.
    #[cfg(feature = "parquet")]
    pub fn parquet(out: impl Write + Send + 'a) -> Result<Self, EvidenceError> {
        Ok(Self(Box::new(Parquet::new(out)?)))
    }

    /// Writes a record.
    ///
    /// # Errors
    /// `Unreadable` where a table's row cannot be made of it; `Write`.
    pub fn put(&mut self, entry: &Entry<'_>) -> Result<(), EvidenceError> {
        self.0.put(entry)
    }

    /// Writes what stands after the last record.
    ///
    /// # Errors
    /// `Write`.
    pub fn finish(self) -> Result<(), EvidenceError> {
        self.0.finish()
    }
}

impl fmt::Debug for Export<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export").finish_non_exhaustive()
    }
}

/// JSON Lines.
struct Jsonl<W>(W);

impl<W: Write> Format for Jsonl<W> {
    fn put(&mut self, entry: &Entry<'_>) -> Result<(), EvidenceError> {
        serde_json::to_writer(&mut self.0, entry.object).map_err(std::io::Error::from)?;
        self.0.write_all(b"\n")?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), EvidenceError> {
        Ok(self.0.flush()?)
    }
}
