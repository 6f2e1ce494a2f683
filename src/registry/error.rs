//! What is wrong with a registry file, row by row.

use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use super::table::Table;

/// Why a registry file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Neither the store nor the import beside it is what was written: nobody knows which rows are missing.
    #[error(
        "the {} in `{}` are damaged, and so is the copy to rebuild them from ({reason}); import them again: interdict {} import FILE",
        table.as_str(), path.display(), table.command()
    )]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What differs.
        reason: String,
        /// Which table.
        table: Table,
    },
    /// Rows that do not say what they must.
    #[error("`{}` has {} bad row(s); the first: {}", path.display(), faults.len(), first(faults))]
    Rows {
        /// The file.
        path: PathBuf,
        /// Every bad row.
        faults: Vec<RowFault>,
    },
    /// The store cannot be written; what was in it before is untouched.
    #[error("cannot write the store `{}`: {reason}", path.display())]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl RegistryError {
    /// True if the file could not be read at all, or the store not written.
    pub const fn is_io(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::Unwritable { .. })
    }
}

/// One bad row.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct RowFault {
    /// The column that is at fault; absent where it is the row as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Line in the file, from 1; 0 for a row that was edited by hand and is in no file.
    pub line: u64,
    /// What is wrong and what to write.
    pub message: String,
}

/// What is wrong with a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Bad {
    pub(super) column: Option<&'static str>,
    pub(super) message: String,
}

impl Bad {
    /// The row as a whole.
    pub(super) fn row(message: impl Into<String>) -> Self {
        Self { column: None, message: message.into() }
    }

    /// One of its columns.
    pub(super) fn column(column: &'static str, message: impl Into<String>) -> Self {
        Self { column: Some(column), message: message.into() }
    }

    /// As a fault of that line.
    pub(super) fn at(self, line: u64) -> RowFault {
        RowFault { column: self.column.map(str::to_owned), line, message: self.message }
    }
}

fn first(faults: &[RowFault]) -> String {
    faults.first().map(ToString::to_string).unwrap_or_default()
}
