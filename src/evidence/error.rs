//! What can go wrong between a ledger and a file of evidence.

use std::io;
use std::path::PathBuf;

use crate::audit::AuditError;
use crate::ledger::LedgerError;

/// Why an export or report is not there.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The ledger cannot be verified, so that nothing is known of it.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no segment, which no ledger is without.
    #[error("`{}` holds no ledger: there is no segment in it", .0.display())]
    NoLedger(PathBuf),
    /// The page could not be made.
    #[error("the report could not be written: {0}")]
    Page(String),
    /// A record that is not what docs/records.md says.
    #[error("record {sequence} cannot be read: {reason}")]
    Unreadable {
        /// Its sequence number.
        sequence: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// What it was to be written to did not take it.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}
