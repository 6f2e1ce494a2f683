//! From rows to an index, whether they come from a file or from the store.

use super::rows::Row;

/// Takes row after row, and becomes an index.
pub(super) trait Build: Send {
    /// What it becomes.
    type Index: Send;

    /// Takes a row.
    ///
    /// # Errors
    /// What is wrong with it and what to write.
    fn row(&mut self, row: &Row<'_>) -> Result<(), String>;

    /// Every row has been taken.
    fn finish(self) -> Self::Index;
}
