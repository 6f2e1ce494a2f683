//! Policies and their life cycle: draft, checked, approved by a second person, scheduled or active, retired; or withdrawn.
//!
//! A [`Revision`] is a complete set of policy files under a version of its own. What a person may do to it now says a function of
//! [`steps`], which looks and changes nothing; what was done is a [`Change`], and [`State`] is the fold of all of them.
//!
//! **What it must never do.** Put in force what was not checked and approved by somebody who wrote nothing of it, except what the
//! policy files themselves say, and what was in force before. Use a version twice. Have two revisions in force.
//!
//! **Standard.** The separation of duties of NIST SP 800-53 AC-5; docs/policies.md for those who work by it.

mod arriving;
pub mod diff;
mod files;
mod report;
mod revision;
mod state;
pub mod steps;
pub mod suspend;
#[cfg(test)]
mod tests;
pub mod timeline;
pub mod writing;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

pub use files::Files;
pub use report::CaseFailure;
pub use report::CasesReport;
pub use report::ChangedOutcome;
pub use report::CheckReport;
pub use report::Finding;
pub use report::Judged;
pub use report::MAX_LISTED;
pub use report::ReplayReport;
pub use revision::Activation;
pub use revision::Approval;
pub use revision::How;
pub use revision::Origin;
pub use revision::Revision;
pub use revision::Stage;
pub use revision::Step;
pub use state::InForce;
pub use state::State;

/// A step of a policy's life.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "each variant says what was done to the revision of that version")]
pub enum Change {
    /// It is in force from now on.
    Activated { how: How, signers: Vec<String>, version: u64 },
    /// The files on disk say what is in force anyway.
    Adopted { digest: String, version: u64 },
    /// A second person agrees, knowing of so many changed outcomes.
    Approved { changed: u64, version: u64 },
    /// This came of its checks.
    Checked { report: Arc<CheckReport>, version: u64 },
    /// A draft was begun.
    Created { base: Option<u64>, files: Files, note: String, title: String, version: u64 },
    /// Title, note or base of a draft are others.
    Described { base: Option<u64>, note: String, title: String, version: u64 },
    /// A file of a draft is another, or gone.
    Edited { file: String, text: Option<Arc<str>>, version: u64 },
    /// What the files on disk say is in force from now on.
    Imported { digest: String, files: Files, title: String, version: u64 },
    /// It will be in force from that instant on.
    Scheduled { at: Timestamp, version: u64 },
    /// Signatures were added; these are all there are now, a line each.
    Signed { signatures: Vec<String>, version: u64 },
    /// It will not come into force by itself any more.
    Unscheduled { version: u64 },
    /// A bundle that was made and signed elsewhere.
    Uploaded {
        files: Files,
        made: Timestamp,
        note: String,
        signatures: Vec<String>,
        signers: Vec<String>,
        version: u64,
    },
    /// It will never be in force.
    Withdrawn { version: u64 },
}

impl Change {
    pub(super) const fn action(&self) -> &'static str {
        match self {
            Self::Activated { how: How::RolledBack, .. } => "policy.rollback",
            Self::Activated { .. } => "policy.activate",
            Self::Adopted { .. } => "policy.adopt",
            Self::Approved { .. } => "policy.approve",
            Self::Checked { .. } => "policy.check",
            Self::Created { .. } => "policy.create",
            Self::Described { .. } => "policy.describe",
            Self::Edited { .. } => "policy.edit",
            Self::Imported { .. } => "policy.import",
            Self::Scheduled { .. } => "policy.schedule",
            Self::Signed { .. } => "policy.sign",
            Self::Unscheduled { .. } => "policy.unschedule",
            Self::Uploaded { .. } => "policy.upload",
            Self::Withdrawn { .. } => "policy.withdraw",
        }
    }

    /// The revision.
    pub const fn version(&self) -> u64 {
        match self {
            Self::Activated { version, .. }
            | Self::Adopted { version, .. }
            | Self::Approved { version, .. }
            | Self::Checked { version, .. }
            | Self::Created { version, .. }
            | Self::Described { version, .. }
            | Self::Edited { version, .. }
            | Self::Imported { version, .. }
            | Self::Scheduled { version, .. }
            | Self::Signed { version, .. }
            | Self::Unscheduled { version }
            | Self::Uploaded { version, .. }
            | Self::Withdrawn { version } => *version,
        }
    }
}
