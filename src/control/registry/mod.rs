//! Changes of catalogue and customers.
//!
//! **What it is for.** Single rows are edited and hold at once; an import, or a change of many rows, is previewed, proposed by one person,
//! approved by another and only then made. What is in force is an import (a generation of the registry's store) and the edits that were
//! made since, which are the fold of this area's events.
//!
//! **What it must never do.** Let one person make a change of many rows; apply another file than the one that was previewed, or to
//! another table; put a licence key into an event.

mod desk;
mod imports;
mod one_row;
mod rules;
mod running;
mod staging;
mod state;
#[cfg(test)]
mod tests;
mod unknown;
mod view;

use serde::Deserialize;
use serde::Serialize;

use crate::registry::Base;
use crate::registry::Cells;
use crate::registry::Table;

pub use desk::Desk;
pub use desk::DeskSettings;
pub use desk::RowView;
pub use rules::may_approve;
pub use rules::may_edit;
pub use running::Running;
pub use staging::Origin;
pub use staging::Upload;
pub use state::Pending;
pub use state::State;
pub use state::Status;
pub use state::TableState;
pub use unknown::Classified;
pub use view::ImportView;
pub use view::Stage;

/// A change of the registry.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "each variant says what became of the table, row or import")]
pub enum Change {
    /// An approved change is in force: the table is this import now, and no edits stand on it.
    Applied { base: Base, import: String, table: Table },
    /// A second person has approved it.
    Approved { counts: Counts, import: String, table: Table },
    /// A row of the customers is another one; none: there was none, or there is none any more. Without its licence key.
    CustomerSet { account: String, new: Option<Cells>, old: Option<Cells> },
    /// An approved change could not be made, and the table is what it was.
    Failed { import: String, reason: String, table: Table },
    /// Somebody wants an import, or a change of many rows.
    Proposed { import: String, proposal: Proposal, table: Table },
    /// A row of the catalogue is another one.
    RowSet { new: Option<Cells>, old: Option<Cells>, sku: String },
    /// The table was imported on the command line, or begins here.
    Taken { base: Base, table: Table },
    /// Nobody wants it any more.
    Withdrawn { import: String, table: Table },
}

/// What a change of many rows does, in numbers.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Rows that come.
    pub added: u64,
    /// Rows that become others.
    pub changed: u64,
    /// Rows that go.
    pub removed: u64,
    /// Rows of the table afterwards.
    pub rows: u64,
}

/// What is proposed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// What it does, in numbers.
    pub counts: Counts,
    /// The digest of the rows to come.
    pub digest: String,
    /// Who uploaded the file, or asked for the change of many rows.
    pub prepared_by: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// The table's version that it was compared with.
    pub version: u64,
    /// What it is, such as `an upload of 1,024 bytes`.
    pub what: String,
}

impl Change {
    pub(super) const fn action(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "registry.apply",
            Self::Approved { .. } => "registry.approve",
            Self::CustomerSet { new: None, .. } | Self::RowSet { new: None, .. } => {
                "registry.remove_row"
            }
            Self::CustomerSet { old: None, .. } | Self::RowSet { old: None, .. } => {
                "registry.add_row"
            }
            Self::CustomerSet { .. } | Self::RowSet { .. } => "registry.edit_row",
            Self::Failed { .. } => "registry.fail",
            Self::Proposed { .. } => "registry.propose",
            Self::Taken { .. } => "registry.take_over",
            Self::Withdrawn { .. } => "registry.withdraw",
        }
    }

    /// Whom it is about, where it holds what is of a person.
    pub(super) fn subject(&self) -> Option<String> {
        match self {
            Self::CustomerSet { account, .. } => Some(format!("account:{account}")),
            _ => None,
        }
    }
}
