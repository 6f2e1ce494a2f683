//! Who may do what to the registry: pure checks of the state.

use crate::control::ControlError;
use crate::model::Actor;
use crate::model::Role;
use crate::registry::Table;

use super::Counts;
use super::state::Pending;
use super::state::State;
use super::state::Status;

/// Edits of single rows that one import bears; after that it is time for another one.
pub(super) const MOST_EDITS: usize = 10_000;

/// True if the roles are enough to edit rows, and to propose imports and changes of many rows.
pub fn may_edit(actor: &Actor, table: Table) -> bool {
    let roles = actor.roles;
    match table {
        Table::Catalogue => {
            roles.contains(Role::PolicyAuthor) || roles.contains(Role::Administrator)
        }
        Table::Customers => roles.contains(Role::Administrator),
    }
}

/// True if the roles are enough to approve what another person proposed.
pub fn may_approve(actor: &Actor, table: Table) -> bool {
    let roles = actor.roles;
    match table {
        Table::Catalogue => {
            roles.contains(Role::PolicyApprover) || roles.contains(Role::Administrator)
        }
        Table::Customers => roles.contains(Role::Administrator),
    }
}

/// Whether somebody may edit rows of a table, or propose a change of many.
pub(super) fn check_editor(actor: &Actor, table: Table) -> Result<(), ControlError> {
    if may_edit(actor, table) {
        return Ok(());
    }
    Err(ControlError::Forbidden(
        match table {
            Table::Catalogue => "the catalogue is edited by policy authors and administrators",
            Table::Customers => "customers are edited by administrators",
        }
        .to_owned(),
    ))
}

/// Whether a row may be edited now.
pub(super) fn check_edit(state: &State, actor: &Actor, table: Table) -> Result<(), ControlError> {
    check_editor(actor, table)?;
    check_idle(state, table)?;
    if state.table(table).edits.rows.len() >= MOST_EDITS {
        return Err(ControlError::Conflict(format!(
            "{MOST_EDITS} rows were edited since the last import: export the table with `interdict {} export` and import it, or \
             make a change of many rows; then more can be edited",
            table.command()
        )));
    }
    Ok(())
}

/// No approved change is being applied to the table.
pub(super) fn check_idle(state: &State, table: Table) -> Result<(), ControlError> {
    match state.applying(table) {
        None => Ok(()),
        Some((id, _)) => Err(ControlError::Conflict(format!(
            "the change {id} is being applied to the {}: try again in a moment",
            table.as_str()
        ))),
    }
}

/// Whether somebody may approve a proposal whose numbers they name.
pub(super) fn check_approval<'a>(
    state: &'a State,
    actor: &Actor,
    import: &str,
    counts: Counts,
) -> Result<&'a Pending, ControlError> {
    let pending = state
        .pending
        .get(import)
        .ok_or_else(|| ControlError::NotFound(format!("proposed change `{import}`")))?;
    if !may_approve(actor, pending.table) {
        return Err(ControlError::Forbidden(
            match pending.table {
                Table::Catalogue => {
                    "changes of the catalogue are approved by policy approvers and administrators"
                }
                Table::Customers => "changes of the customers are approved by administrators",
            }
            .to_owned(),
        ));
    }
    if actor.id == pending.proposed_by || actor.id == pending.proposal.prepared_by {
        return Err(ControlError::Forbidden(
            "a second person approves: you have prepared or proposed this change".to_owned(),
        ));
    }
    if pending.status != Status::Proposed {
        return Err(ControlError::Conflict("it does not wait for an approval".to_owned()));
    }
    check_idle(state, pending.table)?;
    if counts != pending.proposal.counts {
        return Err(ControlError::Conflict(
            "the numbers that are approved are not those of the proposal: look at it again"
                .to_owned(),
        ));
    }
    if state.table(pending.table).version != pending.proposal.version {
        return Err(changed_since());
    }
    Ok(pending)
}

/// The table is another one than was compared with.
pub(super) fn changed_since() -> ControlError {
    ControlError::Conflict(
        "the table has changed since the preview: withdraw this and preview again".to_owned(),
    )
}

/// Where a file of the configuration is the source.
pub(super) fn configured(table: Table, file: &std::path::Path) -> ControlError {
    ControlError::Conflict(format!(
        "the {} come from the file `{}` ([{}] file in the configuration): edit that file, or take it out of the configuration and \
         import it",
        table.as_str(),
        file.display(),
        table.command()
    ))
}
