//! What the API and the pages show of the record: one record, its explanation and proof, searches, exports, reports, how the ledger goes.
//!
//! **What it must never do.** Show a personal part to whoever has no role for it; show a record, an export or a report before the access
//! is itself a record on the disk; hold an export in memory; tell another story of a decision than its record does.

mod download;
mod explain;
mod find;
mod record;
mod status;
mod verification;

pub(super) use download::Format;
pub(super) use download::Wanted;
pub(super) use download::export;
pub(super) use download::report;
pub(super) use explain::Explained;
pub(super) use explain::explain;
pub(super) use find::Listed;
pub(super) use find::kinds;
pub(super) use find::search;
pub(super) use record::open;
pub(super) use record::outcome;
pub(super) use record::prove;
pub(super) use status::LedgerState;
pub(super) use status::ledger;
pub(super) use verification::Checked;
pub(super) use verification::Verification;

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Exports and reports that are made at a time.
const AT_ONCE: usize = 2;

/// What is under way, for all who use the control plane.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    /// Room for exports and reports.
    pub(super) downloads: Arc<Semaphore>,
    /// The verification of the ledger.
    pub(super) verification: Arc<Verification>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { downloads: Arc::new(Semaphore::new(AT_ONCE)), verification: Arc::default() }
    }
}
