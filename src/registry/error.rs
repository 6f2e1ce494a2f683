//! What is wrong with a registry file, row by row.

use std::path::PathBuf;

/// Why a registry file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Rows that do not say what they must.
    #[error("`{}` has {} bad row(s); the first: {}", path.display(), faults.len(), first(faults))]
    Rows {
        /// The file.
        path: PathBuf,
        /// Every bad row.
        faults: Vec<RowFault>,
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
    /// True if the file could not be read at all.
    pub const fn is_io(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }
}

/// One bad row.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct RowFault {
    /// Line in the file, from 1.
    pub line: u64,
    /// What is wrong and what to write.
    pub message: String,
}

fn first(faults: &[RowFault]) -> String {
    faults.first().map(ToString::to_string).unwrap_or_default()
}
