//! What the record knows of the registry.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::control::event::Event;
use crate::registry::Base;
use crate::registry::Cells;
use crate::registry::Edits;
use crate::registry::Table;

use super::Change;
use super::Proposal;

/// Changes of many rows that have ended and are still shown.
const ENDED: usize = 200;
/// Begins what a masked ledger says in place of an account.
const MASKED: &str = "masked:";

/// What the record knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The catalogue.
    pub catalogue: TableState,
    /// The customers.
    pub customers: TableState,
    /// Imports and changes of many rows that were proposed, by their id.
    pub pending: BTreeMap<String, Pending>,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct TableState {
    /// What was edited since the import, and which import that is.
    pub edits: Arc<Edits>,
    /// The sequence of the last event that changed the table, from 1; 0 before the first.
    pub version: u64,
}

/// An import or a change of many rows that was proposed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pending {
    /// Who approved it.
    pub approved_by: Option<String>,
    /// When its last step was.
    pub at: Timestamp,
    /// Why it failed.
    pub failure: Option<String>,
    /// What it does.
    pub proposal: Proposal,
    /// Who proposed it.
    pub proposed_by: String,
    /// Why, in their words.
    pub reason: String,
    /// How far it is.
    pub status: Status,
    /// The table.
    pub table: Table,
}

/// How far a proposal is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is in force.
    Applied,
    /// It is being applied.
    Approved,
    /// It could not be applied; the table is what it was.
    Failed,
    /// It waits for a second person.
    Proposed,
    /// Nobody wants it any more.
    Withdrawn,
}

impl Status {
    /// True if nothing more will come of it.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Applied | Self::Failed | Self::Withdrawn)
    }
}

impl State {
    /// A table.
    pub const fn table(&self, table: Table) -> &TableState {
        match table {
            Table::Catalogue => &self.catalogue,
            Table::Customers => &self.customers,
        }
    }

    /// The approved change that is being applied to a table.
    pub fn applying(&self, table: Table) -> Option<(&String, &Pending)> {
        let mut all = self.pending.iter();
        all.find(|(_, pending)| pending.table == table && pending.status == Status::Approved)
    }

    /// How many wait for a second person, or are being applied.
    pub fn open(&self) -> usize {
        self.pending.values().filter(|pending| !pending.status.is_over()).count()
    }

    pub(in crate::control) fn apply(&mut self, change: &Change, event: &Event) {
        let version = event.sequence.saturating_add(1);
        match change {
            Change::Applied { base, import, table } => {
                self.begin(*table, base, version);
                self.step(import, Status::Applied, event);
            }
            Change::Approved { import, .. } => {
                self.step(import, Status::Approved, event);
                if let Some(pending) = self.pending.get_mut(import) {
                    pending.approved_by = Some(event.actor.id.clone());
                }
            }
            Change::CustomerSet { account, new, .. } => {
                if account.starts_with(MASKED) {
                    tracing::warn!(
                        sequence = event.sequence,
                        "an edit of a customer cannot be taken over: the ledger masks accounts"
                    );
                    return;
                }
                let new = new.clone().map(|mut cells| {
                    if let Some(email) = cells.remove("address") {
                        cells.insert("email".to_owned(), email);
                    }
                    cells
                });
                self.edit(Table::Customers, account, new.as_ref(), version);
            }
            Change::Failed { import, reason, .. } => {
                self.step(import, Status::Failed, event);
                if let Some(pending) = self.pending.get_mut(import) {
                    pending.failure = Some(reason.clone());
                }
            }
            Change::Proposed { import, proposal, table } => {
                let pending = Pending {
                    approved_by: None,
                    at: event.at,
                    failure: None,
                    proposal: proposal.clone(),
                    proposed_by: event.actor.id.clone(),
                    reason: event.reason.clone(),
                    status: Status::Proposed,
                    table: *table,
                };
                self.pending.insert(import.clone(), pending);
            }
            Change::RowSet { new, sku, .. } => {
                self.edit(Table::Catalogue, sku, new.as_ref(), version);
            }
            Change::Taken { base, table } => self.begin(*table, base, version),
            Change::Withdrawn { import, .. } => self.step(import, Status::Withdrawn, event),
        }
    }

    fn table_mut(&mut self, table: Table) -> &mut TableState {
        match table {
            Table::Catalogue => &mut self.catalogue,
            Table::Customers => &mut self.customers,
        }
    }

    fn begin(&mut self, table: Table, base: &Base, version: u64) {
        let state = self.table_mut(table);
        state.edits = Arc::new(Edits { base: base.clone(), rows: BTreeMap::new() });
        state.version = version;
    }

    fn edit(&mut self, table: Table, id: &str, new: Option<&Cells>, version: u64) {
        let state = self.table_mut(table);
        Arc::make_mut(&mut state.edits).rows.insert(id.to_owned(), new.cloned());
        state.version = version;
    }

    fn step(&mut self, import: &str, status: Status, event: &Event) {
        if let Some(pending) = self.pending.get_mut(import) {
            pending.status = status;
            pending.at = event.at;
        }
        let over = self.pending.iter().filter(|(_, pending)| pending.status.is_over());
        let mut over: Vec<_> = over.map(|(id, pending)| (pending.at, id.clone())).collect();
        over.sort();
        let leave = over.len().saturating_sub(ENDED);
        for (_, id) in over.into_iter().take(leave) {
            self.pending.remove(&id);
        }
    }
}
