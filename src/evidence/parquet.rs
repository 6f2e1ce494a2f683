//! Records as Apache Parquet: the columns of the CSV file, typed. Instants are INT64 microseconds in UTC, whole numbers INT64, all else
//! UTF-8 text; `seq` and `time` are always there, every other column may be null. Row groups are bounded, and so is memory.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::basic::LogicalType;
use parquet::basic::Repetition;
use parquet::basic::TimeUnit;
use parquet::basic::Type as Physical;
use parquet::data_type::ByteArray;
use parquet::data_type::ByteArrayType;
use parquet::data_type::Int64Type;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type as SchemaType;

use super::columns::COLUMNS;
use super::columns::Cell;
use super::columns::Column;
use super::columns::Row;
use super::columns::Type;
use super::entry::Entry;
use super::error::EvidenceError;
use super::export::Format;

/// Rows of a row group.
const ROWS: usize = 50_000;
/// Bytes of the texts of a row group; a group ends with whichever is first.
const BYTES: usize = 32 << 20;

/// Writes row groups to `W`.
pub(super) struct Parquet<W: Write + Send> {
    buffers: Vec<Buffer>,
    bytes: usize,
    rows: usize,
    writer: SerializedFileWriter<W>,
}

/// One column of the row group in the making.
struct Buffer {
    /// 1 where there is a value, 0 where there is none; not kept for columns that always have one.
    levels: Option<Vec<i16>>,
    values: Values,
}

enum Values {
    Texts(Vec<ByteArray>),
    Wholes(Vec<i64>),
}

impl<W: Write + Send> Parquet<W> {
    /// Writes the beginning of a file.
    pub(super) fn new(out: W) -> Result<Self, EvidenceError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("interdict {}", env!("CARGO_PKG_VERSION")))
            .build();
        let schema = Arc::new(schema().map_err(failed)?);
        let writer = SerializedFileWriter::new(out, schema, Arc::new(properties));
        Ok(Self { buffers: buffers(), bytes: 0, rows: 0, writer: writer.map_err(failed)? })
    }

    fn group(&mut self) -> Result<(), EvidenceError> {
        let full = std::mem::replace(&mut self.buffers, buffers());
        (self.rows, self.bytes) = (0, 0);
        self.written(&full).map_err(failed)
    }

    fn written(&mut self, columns: &[Buffer]) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        let mut columns = columns.iter();
        while let (Some(mut writer), Some(column)) = (group.next_column()?, columns.next()) {
            let levels = column.levels.as_deref();
            match &column.values {
                Values::Texts(texts) => {
                    writer.typed::<ByteArrayType>().write_batch(texts, levels, None)?
                }
                Values::Wholes(wholes) => {
                    writer.typed::<Int64Type>().write_batch(wholes, levels, None)?
                }
            };
            writer.close()?;
        }
        group.close().map(|_| ())
    }
}

impl<W: Write + Send> Format for Parquet<W> {
    fn put(&mut self, entry: &Entry<'_>) -> Result<(), EvidenceError> {
        let row = Row::new(entry)?;
        for (column, buffer) in COLUMNS.iter().zip(&mut self.buffers) {
            self.bytes = self.bytes.saturating_add(buffer.push(column.cell(row)));
        }
        self.rows = self.rows.saturating_add(1);
        if self.rows >= ROWS || self.bytes >= BYTES { self.group() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), EvidenceError> {
        if self.rows > 0 {
            self.group()?;
        }
        let mut out = self.writer.into_inner().map_err(failed)?;
        Ok(out.flush()?)
    }
}

impl<W: Write + Send> fmt::Debug for Parquet<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parquet").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Buffer {
    fn new(column: &Column) -> Self {
        let values = match column.of {
            Type::Instant | Type::Whole => Values::Wholes(Vec::new()),
            Type::Text => Values::Texts(Vec::new()),
        };
        Self { levels: (!is_required(column)).then(Vec::new), values }
    }

    /// Adds a cell and says how many bytes of text it holds.
    fn push(&mut self, cell: Cell<'_>) -> usize {
        let bytes = match (cell, &mut self.values) {
            (Cell::Text(text), Values::Texts(texts)) => {
                let bytes = text.len();
                texts.push(ByteArray::from(text.into_owned().into_bytes()));
                Some(bytes)
            }
            (Cell::Instant(at), Values::Wholes(wholes)) => {
                wholes.push(at.as_microsecond());
                Some(0)
            }
            (Cell::Whole(whole), Values::Wholes(wholes)) => {
                wholes.push(whole);
                Some(0)
            }
            // INVARIANT: a column's cells are of its type or absent; a test holds it.
            _ => None,
        };
        if let Some(levels) = &mut self.levels {
            levels.push(i16::from(bytes.is_some()));
        }
        bytes.unwrap_or(0)
    }
}

fn buffers() -> Vec<Buffer> {
    COLUMNS.iter().map(Buffer::new).collect()
}

/// Always there, in every record.
fn is_required(column: &Column) -> bool {
    matches!(column.name, "seq" | "time")
}

fn schema() -> Result<SchemaType, ParquetError> {
    let fields = COLUMNS.iter().map(|column| {
        let (physical, logical) = match column.of {
            Type::Instant => {
                (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
            }
            Type::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Type::Whole => (Physical::INT64, None),
        };
        let repetition =
            if is_required(column) { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let field = SchemaType::primitive_type_builder(column.name, physical);
        field.with_repetition(repetition).with_logical_type(logical).build().map(Arc::new)
    });
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    SchemaType::group_type_builder("records").with_fields(fields).build()
}

fn failed(error: ParquetError) -> EvidenceError {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => EvidenceError::Write(*source),
            Err(source) => EvidenceError::Write(std::io::Error::other(source)),
        },
        other => EvidenceError::Write(std::io::Error::other(other)),
    }
}
