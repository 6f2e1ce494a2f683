//! Rows of a CSV file by column name (RFC 4180, UTF-8, a header line; a leading BOM is accepted).

use std::io;
use std::io::Read;
use std::path::Path;

use super::build::Build;
use super::error::Bad;
use super::error::RegistryError;
use super::error::RowFault;
use super::table::Table;

/// The longest row, in bytes. A longer one is a quotation mark that was left open.
const LONGEST_ROW: u64 = 1024 * 1024;
/// The longest cell of an import, in bytes.
pub(super) const LONGEST_CELL: usize = 4096;
/// Read at once, in bytes.
const BUFFER: usize = 128 * 1024;

/// Columns of a file's header.
#[derive(Clone, Debug)]
pub(super) struct Columns(Vec<(String, usize)>);

/// One row.
pub(super) struct Row<'a> {
    columns: &'a Columns,
    record: &'a csv::StringRecord,
}

/// Where a row is in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its first byte.
    pub(super) begins: u64,
    /// The byte after it.
    pub(super) ends: u64,
}

impl Columns {
    /// The columns of a table, in its own order.
    pub(super) fn of(table: Table) -> Self {
        let names = table.columns().iter().enumerate();
        Self(names.map(|(at, name)| ((*name).to_owned(), at)).collect())
    }

    /// A record as a row of these columns.
    pub(super) const fn row<'a>(&'a self, record: &'a csv::StringRecord) -> Row<'a> {
        Row { columns: self, record }
    }
}

impl Row<'_> {
    /// The columns of its file.
    pub(super) const fn columns(&self) -> &Columns {
        self.columns
    }

    /// The field of that column, without surrounding blanks; absent where blank.
    pub(super) fn field(&self, column: &str) -> Option<&str> {
        let at = self.columns.0.iter().find(|(name, _)| name == column).map(|(_, at)| *at)?;
        self.record.get(at).map(str::trim).filter(|text| !text.is_empty())
    }

    /// What no import may hold, though a row could be read with it.
    pub(super) fn unfit(&self, table: Table) -> Result<(), Bad> {
        let all = self.record.as_slice();
        if all.len() <= LONGEST_CELL && memchr::memchr(0, all.as_bytes()).is_none() {
            return Ok(());
        }
        for column in table.columns() {
            let text = self.field(column).unwrap_or_default();
            if text.len() > LONGEST_CELL {
                let message = format!("`{column}` is longer than {LONGEST_CELL} bytes: shorten it");
                return Err(Bad::column(column, message));
            }
            if text.contains('\0') {
                let message =
                    format!("`{column}` holds a NUL character: write the file as UTF-8 text");
                return Err(Bad::column(column, message));
            }
        }
        Ok(())
    }
}

/// Reads a file into an index.
pub(super) fn load<B: Build>(
    path: &Path,
    table: Table,
    mut build: B,
) -> Result<B::Index, RegistryError> {
    let unreadable = |source| RegistryError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    read(file, path, table, |row, _| build.row(row))?;
    finished(build, path)
}

/// The index, once every row was taken.
pub(super) fn finished<B: Build>(build: B, path: &Path) -> Result<B::Index, RegistryError> {
    build.finish().map_err(|bad| RegistryError::Rows { path: path.into(), faults: vec![bad.at(0)] })
}

/// Reads every row of a file that is at `path`.
pub(super) fn read(
    from: impl Read,
    path: &Path,
    table: Table,
    mut each: impl FnMut(&Row<'_>, Place) -> Result<(), Bad>,
) -> Result<(), RegistryError> {
    let mut faults = Vec::new();
    walk(from, table, &mut each, &mut |fault| faults.push(fault))
        .map_err(|error| RegistryError::Unreadable { path: path.to_owned(), source: error })?;
    if faults.is_empty() {
        Ok(())
    } else {
        Err(RegistryError::Rows { path: path.to_owned(), faults })
    }
}

/// Gives every row to `each`, and whatever is wrong to `fault`.
///
/// # Errors
/// When it cannot be read on.
pub(super) fn walk(
    mut from: impl Read,
    table: Table,
    each: &mut dyn FnMut(&Row<'_>, Place) -> Result<(), Bad>,
    fault: &mut dyn FnMut(RowFault),
) -> io::Result<()> {
    let mut first = Vec::new();
    from.by_ref().take(3).read_to_end(&mut first)?;
    let mut mark = 0_u64;
    if first == b"\xef\xbb\xbf" {
        first.clear();
        mark = 3;
    }
    let from = io::Cursor::new(first).chain(from);
    let from = Bounded { breaks: None, from, left: LONGEST_ROW };
    let builder = || {
        let mut builder = csv::ReaderBuilder::new();
        builder.flexible(false).buffer_capacity(BUFFER);
        builder
    };
    let mut reader = builder().from_reader(from);
    let columns = match reader.headers() {
        Ok(headers) => {
            let names = headers.iter().enumerate();
            Columns(names.map(|(at, name)| (name.trim().to_lowercase(), at)).collect())
        }
        Err(error) => {
            fault(csv_fault(&error, 1));
            return Ok(());
        }
    };
    let faults = header_faults(&columns, table.columns(), table.required());
    if !faults.is_empty() {
        faults.into_iter().for_each(fault);
        return Ok(());
    }
    let mut record = csv::StringRecord::new();
    loop {
        reader.get_mut().left = LONGEST_ROW;
        let shift = u64::from(reader.get_ref().breaks == Some(Breaks::CrLf));
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let line = record.position().map_or(line, csv::Position::line);
                let line = line.saturating_add(shift);
                let begins = record.position().map_or(0, csv::Position::byte);
                let place = Place {
                    begins: begins.saturating_add(mark),
                    ends: reader.position().byte().saturating_add(mark),
                };
                if let Err(bad) = each(&columns.row(&record), place) {
                    fault(bad.at(line));
                }
            }
            Err(error) => {
                let ends = error.is_io_error();
                match error.into_kind() {
                    csv::ErrorKind::Io(error) if error.kind() != io::ErrorKind::InvalidData => {
                        return Err(error);
                    }
                    kind => {
                        let bad = kind_fault(&kind, line);
                        fault(RowFault { line: bad.line.saturating_add(shift), ..bad });
                    }
                }
                if ends {
                    return Ok(());
                }
            }
        }
    }
}

/// How lines end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Breaks {
    /// A row ends with the first of two characters for the reader, so that its line is counted with the next row.
    CrLf,
    Lf,
}

/// Ends a row that does not end.
struct Bounded<R> {
    /// How lines end: known once one has.
    breaks: Option<Breaks>,
    from: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let reason = "it is longer than 1 MiB: is a quotation mark left open?";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let read = self.from.read(buffer)?;
        if self.breaks.is_none()
            && let Some(seen) = buffer.get(..read)
            && let Some(at) = memchr::memchr(b'\n', seen)
        {
            let before = at.checked_sub(1).and_then(|before| seen.get(before));
            self.breaks = Some(if before == Some(&b'\r') { Breaks::CrLf } else { Breaks::Lf });
        }
        self.left = self.left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

fn header_faults(columns: &Columns, known: &[&str], required: &[&str]) -> Vec<RowFault> {
    let fault = |name: &str, message| RowFault { column: Some(name.to_owned()), line: 1, message };
    let has = |name: &str| columns.0.iter().any(|(n, _)| n == name);
    let mut faults = Vec::new();
    for (i, (name, _)) in columns.0.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let name: String = name.chars().take(80).collect();
            let message = format!("unknown column `{name}`; columns: {}", known.join(", "));
            faults.push(fault(&name, message));
        }
        if columns.0.iter().take(i).any(|(n, _)| n == name) {
            faults.push(fault(name, format!("column `{name}` stands twice")));
        }
    }
    let missing = required.iter().filter(|name| !has(name));
    faults.extend(missing.map(|name| fault(name, format!("column `{name}` is missing"))));
    faults
}

fn csv_fault(error: &csv::Error, line: u64) -> RowFault {
    kind_fault(error.kind(), line)
}

fn kind_fault(kind: &csv::ErrorKind, line: u64) -> RowFault {
    let (at, message) = match kind {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            (pos.as_ref(), format!("{len} fields where the header has {expected_len}"))
        }
        csv::ErrorKind::Utf8 { pos, .. } => (pos.as_ref(), "not UTF-8".to_owned()),
        csv::ErrorKind::Io(error) => (None, error.to_string()),
        other => (None, format!("no CSV: {other:?}")),
    };
    RowFault { column: None, line: at.map_or(line, csv::Position::line), message }
}
