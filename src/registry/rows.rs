//! Rows of a CSV file by column name (RFC 4180, UTF-8, a header line; a leading BOM is accepted).

use std::path::Path;

use super::build::Build;
use super::error::RegistryError;
use super::error::RowFault;
use super::table::Table;

/// Columns of a file's header.
pub(super) struct Columns(Vec<(String, usize)>);

/// One row.
pub(super) struct Row<'a> {
    columns: &'a Columns,
    record: &'a csv::StringRecord,
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
    /// The field of that column, without surrounding blanks; absent where blank.
    pub(super) fn field(&self, column: &str) -> Option<&str> {
        let at = self.columns.0.iter().find(|(name, _)| name == column).map(|(_, at)| *at)?;
        self.record.get(at).map(str::trim).filter(|text| !text.is_empty())
    }
}

/// Reads a file into an index.
pub(super) fn load<B: Build>(
    path: &Path,
    table: Table,
    mut build: B,
) -> Result<B::Index, RegistryError> {
    let bytes = std::fs::read(path)
        .map_err(|source| RegistryError::Unreadable { path: path.to_owned(), source })?;
    read(&bytes, path, table, |row, _| build.row(row))?;
    Ok(build.finish())
}

/// Reads every row of a file that was read from `path`; `each` is also told how many bytes are behind it.
pub(super) fn read(
    bytes: &[u8],
    path: &Path,
    table: Table,
    mut each: impl FnMut(&Row<'_>, u64) -> Result<(), String>,
) -> Result<(), RegistryError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut faults = Vec::new();
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(bytes);
    match reader.headers() {
        Ok(headers) => {
            let columns = Columns(
                headers
                    .iter()
                    .enumerate()
                    .map(|(at, name)| (name.trim().to_lowercase(), at))
                    .collect(),
            );
            faults.extend(header_faults(&columns, table.columns(), table.required()));
            if faults.is_empty() {
                rows(reader, &columns, &mut each, &mut faults);
            }
        }
        Err(error) => faults.push(csv_fault(&error, 1)),
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(RegistryError::Rows { path: path.to_owned(), faults })
    }
}

fn rows(
    mut reader: csv::Reader<&[u8]>,
    columns: &Columns,
    each: &mut impl FnMut(&Row<'_>, u64) -> Result<(), String>,
    faults: &mut Vec<RowFault>,
) {
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => return,
            Ok(true) => {
                let line = record.position().map_or(line, csv::Position::line);
                let behind = reader.position().byte();
                if let Err(message) = each(&columns.row(&record), behind) {
                    faults.push(RowFault { line, message });
                }
            }
            Err(error) => {
                faults.push(csv_fault(&error, line));
                if error.is_io_error() {
                    return;
                }
            }
        }
    }
}

fn header_faults(columns: &Columns, known: &[&str], required: &[&str]) -> Vec<RowFault> {
    let fault = |message| RowFault { line: 1, message };
    let has = |name: &str| columns.0.iter().any(|(n, _)| n == name);
    let mut faults = Vec::new();
    for (i, (name, _)) in columns.0.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            faults.push(fault(format!("unknown column `{name}`; columns: {}", known.join(", "))));
        }
        if columns.0.iter().take(i).any(|(n, _)| n == name) {
            faults.push(fault(format!("column `{name}` stands twice")));
        }
    }
    let missing = required.iter().filter(|name| !has(name));
    faults.extend(missing.map(|name| fault(format!("column `{name}` is missing"))));
    faults
}

fn csv_fault(error: &csv::Error, line: u64) -> RowFault {
    let line = error.position().map_or(line, csv::Position::line);
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
        _ => error.to_string(),
    };
    RowFault { line, message }
}
