//! From rows to an index, whether they come from a file or from the store.

use super::error::Bad;
use super::rows::Row;

/// Takes row after row, and becomes an index.
pub(super) trait Build: Send {
    /// What it becomes.
    type Index: Send;

    /// Takes a row.
    ///
    /// # Errors
    /// What is wrong with it and what to write.
    fn row(&mut self, row: &Row<'_>) -> Result<(), Bad>;

    /// Every row has been taken.
    ///
    /// # Errors
    /// When a row that is in no file is bad.
    fn finish(self) -> Result<Self::Index, Bad>;
}
