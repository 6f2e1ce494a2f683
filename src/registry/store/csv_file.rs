//! Tables as CSV: what an import reads, and what a generation keeps.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;

use crate::registry::build::Build;
use crate::registry::error::Bad;
use crate::registry::rows;
use crate::registry::table::Table;

use super::Progress;
use super::Step;
use super::Told;
use super::files;
use super::rows_in_sled;
use super::rows_in_sled::Writer;

/// Writes import and sled into a staging folder.
pub(super) fn fill(
    stage: &Path,
    table: Table,
    csv: Csv<'_>,
    told: Told<'_>,
) -> Result<(u64, String), String> {
    let text = |error: csv::Error| error.to_string();
    let file = File::create(stage.join(files::IMPORT)).map_err(|error| error.to_string())?;
    let mut kept = csv::WriterBuilder::new().from_writer(io::BufWriter::new(file));
    kept.write_record(table.columns()).map_err(text)?;
    let mut sled = Writer::new(&stage.join(files::SLED))?;
    let mut value = Vec::new();
    let (mut seen, total) = (0_u64, csv.length());
    let mut failed = None;
    let csv = csv.open().map_err(|error| error.to_string())?;
    let read = rows::read(csv, stage, table, |row, place| {
        if failed.is_some() {
            return Ok(());
        }
        seen = seen.wrapping_add(1);
        if seen.is_multiple_of(1024) {
            told(Progress { done: place.ends, step: Step::Write, total });
        }
        let fields = table.columns().iter().map(|column| row.field(column).unwrap_or_default());
        rows_in_sled::value(row, table, &mut value);
        let wrote = kept.write_record(fields).map_err(text).and_then(|()| sled.push(&value));
        failed = wrote.err();
        Ok(())
    });
    read.map_err(|error| error.to_string())?;
    if let Some(reason) = failed {
        return Err(reason);
    }
    kept.flush().map_err(|error| error.to_string())?;
    sled.finish()
}

/// CSV with the header of a table.
pub(super) fn writer(table: Table) -> Result<csv::Writer<Vec<u8>>, csv::Error> {
    let mut out = csv::WriterBuilder::new().from_writer(Vec::new());
    out.write_record(table.columns())?;
    Ok(out)
}

/// Rows into CSV.
pub(super) struct Writing {
    pub(super) out: csv::Writer<Vec<u8>>,
    pub(super) table: Table,
}

impl Build for Writing {
    type Index = Vec<u8>;

    fn row(&mut self, row: &rows::Row<'_>) -> Result<(), Bad> {
        let fields = self.table.columns().iter();
        let fields = fields.map(|column| row.field(column).unwrap_or_default());
        self.out.write_record(fields).map_err(|error| Bad::row(error.to_string()))
    }

    fn finish(self) -> Result<Vec<u8>, Bad> {
        self.out.into_inner().map_err(|error| Bad::row(error.to_string()))
    }
}

/// What an import reads, twice.
#[derive(Clone, Copy)]
pub(super) enum Csv<'a> {
    Bytes(&'a [u8]),
    File(&'a Path),
}

impl<'a> Csv<'a> {
    pub(super) fn open(self) -> io::Result<Box<dyn io::Read + Send + 'a>> {
        Ok(match self {
            Self::Bytes(bytes) => Box::new(bytes),
            Self::File(path) => Box::new(File::open(path)?),
        })
    }

    pub(super) fn length(self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::File(path) => fs::metadata(path).map_or(0, |metadata| metadata.len()),
        }
    }
}
