//! Why nothing was changed.

use crate::ledger::LedgerError;

/// Why a change was not made. In each case nothing has changed, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It does not fit what is there now: somebody was faster, or it is not that thing's turn.
    #[error("{0}")]
    Conflict(String),
    /// The person may not do this to this, such as approve what they wrote.
    #[error("{0}")]
    Forbidden(String),
    /// What was given cannot be used; it names the field and what to do.
    #[error("{0}")]
    Invalid(String),
    /// The ledger takes no record now, so nothing may change.
    #[error("the change cannot be recorded: {0}")]
    Ledger(#[from] LedgerError),
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(String),
    /// The change is recorded, and could not be kept in the store: it holds, and the store is made whole at the next start.
    #[error("the store cannot be written: {0}")]
    Store(String),
    /// It could not be written as JSON.
    #[error("{0}")]
    Written(#[from] serde_json::Error),
}

impl From<sled::Error> for ControlError {
    fn from(error: sled::Error) -> Self {
        Self::Store(error.to_string())
    }
}
