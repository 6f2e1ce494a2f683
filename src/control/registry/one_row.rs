//! One row: judged as an import would judge it, recorded, kept, and in force.

use crate::control::Change as Any;
use crate::control::ControlError;
use crate::model::Actor;
use crate::registry::Catalogue;
use crate::registry::Cells;
use crate::registry::Customers;
use crate::registry::MASKED;
use crate::registry::RowFault;
use crate::registry::Table;

use super::Change;
use super::desk::Desk;
use super::desk::RowView;
use super::desk::etag;
use super::desk::no_row;
use super::desk::refused;
use super::desk::stored;
use super::desk::unread;
use super::rules;
use super::running::Running;

impl Desk {
    /// Adds a row (`id` none), replaces one, or removes it (`new` none). `seen` is the etag of the row as it was seen. Once this
    /// returns, it is recorded and in force.
    ///
    /// # Errors
    /// `Conflict` where somebody was faster or a file of the configuration is the source, `Forbidden`, `Invalid` with the column and
    /// what to do, `NotFound`; `Ledger` when it cannot be recorded.
    pub async fn set_row(
        &self,
        actor: &Actor,
        reason: &str,
        table: Table,
        id: Option<String>,
        new: Option<Cells>,
        seen: Option<String>,
    ) -> Result<Option<RowView>, ControlError> {
        rules::check_editor(actor, table)?;
        self.check_source(table)?;
        let turn = self.inner.control.turn().await;
        self.take_over(&turn, table).await?;
        rules::check_edit(&turn.state().registry, actor, table)?;
        let edit = self.blocking(move |desk| desk.prepare(table, id, new, seen)).await?;
        let made = match turn.make(actor, reason, Any::Registry(edit.change(table))).await {
            Ok(_) => Ok(()),
            // Recorded and applied, though not kept beside.
            Err(error @ ControlError::Store(_)) => Err(error),
            Err(error) => return Err(error),
        };
        // It holds from here on, whatever becomes of the rest.
        let view = edit.new.clone().and_then(|cells| RowView::of(table, cells));
        self.blocking(move |desk| {
            let kept = desk.inner.store.keep_edits(table, &desk.edits(table));
            desk.publish(table, &edit)?;
            kept.map_err(|error| stored(&error))
        })
        .await?;
        drop(turn);
        made?;
        self.forget_known();
        Ok(view)
    }

    /// Judges an edit, as an import would.
    fn prepare(
        &self,
        table: Table,
        id: Option<String>,
        new: Option<Cells>,
        seen: Option<String>,
    ) -> Result<Edit, ControlError> {
        let now = self.effective(table)?;
        let new =
            new.map(|cells| table.tidy(&written(table, cells)?).map_err(refused)).transpose()?;
        let (id, old) = match id {
            Some(id) => {
                let old = now.get(&id).map_err(unread)?.ok_or_else(|| no_row(table, &id))?;
                (id, Some(old))
            }
            None => {
                let id = new.as_ref().and_then(|cells| table.id(cells)).unwrap_or_default();
                if now.get(&id).map_err(unread)?.is_some() {
                    return Err(ControlError::Conflict("there is such a row already".to_owned()));
                }
                (id, None)
            }
        };
        if let (Some(old), Some(seen)) = (&old, seen)
            && etag(old) != seen
        {
            let text = "somebody has edited the row meanwhile: look at it again";
            return Err(ControlError::Conflict(text.to_owned()));
        }
        let new = new.map(|mut cells| {
            for column in ["account", "license_key"].iter().filter(|_| table == Table::Customers) {
                if let Some(text) = old.as_ref().and_then(|old| old.get(*column)) {
                    cells.entry((*column).to_owned()).or_insert_with(|| text.clone());
                }
            }
            cells
        });
        if let Some(new) = &new {
            let named = table.id(new);
            if named.is_some() && named.as_deref() != Some(&id) {
                let text = "a row keeps its name: remove this one and add another";
                return Err(ControlError::Invalid(text.to_owned()));
            }
            if table == Table::Customers
                && old.is_none()
                && named.is_some_and(|id| new.get("account") != Some(&id))
            {
                let text =
                    "account: this may be a licence key, which stands in no record: import it";
                return Err(ControlError::Invalid(text.to_owned()));
            }
        }
        if old.is_some() && old == new {
            return Err(ControlError::Conflict("the row is so already".to_owned()));
        }
        let edit = Edit { id, new, old };
        self.try_out(table, &edit).map_err(refused)?;
        Ok(edit)
    }

    fn try_out(&self, table: Table, edit: &Edit) -> Result<(), RowFault> {
        let running = &self.inner.settings.running;
        match table {
            Table::Catalogue => edit.catalogue(&running.catalogue(), &**running).map(drop),
            Table::Customers => edit.customers(&running.customers()).map(drop),
        }
    }

    /// Puts an edit in force; where that does not fit any more, the table is read again.
    fn publish(&self, table: Table, edit: &Edit) -> Result<(), ControlError> {
        let running = &self.inner.settings.running;
        let put = match table {
            Table::Catalogue => running.edit_catalogue(&|now| edit.catalogue(now, &**running)),
            Table::Customers => running.edit_customers(&|now| edit.customers(now)),
        };
        put.or_else(|_| self.reload(table))
    }
}

/// An edit of a row, whole.
#[derive(Clone, Debug)]
struct Edit {
    id: String,
    new: Option<Cells>,
    old: Option<Cells>,
}

impl Edit {
    fn catalogue(&self, now: &Catalogue, running: &dyn Running) -> Result<Catalogue, RowFault> {
        now.edited(&self.id, self.new.as_ref(), |group| running.is_group(group))
    }

    fn customers(&self, now: &Customers) -> Result<Customers, RowFault> {
        now.edited(&self.id, self.old.as_ref(), self.new.as_ref())
    }

    fn change(&self, table: Table) -> Change {
        match table {
            Table::Catalogue => Change::RowSet {
                new: self.new.clone(),
                old: self.old.clone(),
                sku: self.id.clone(),
            },
            Table::Customers => Change::CustomerSet {
                account: self.id.clone(),
                new: self.new.clone().map(recorded),
                old: self.old.clone().map(recorded),
            },
        }
    }
}

/// A customer as an event may hold it: without licence keys, and with the e-mail under a name that a masked ledger masks.
fn recorded(cells: Cells) -> Cells {
    let mut cells = Table::Customers.shown(cells);
    cells.retain(|_, text| text != MASKED);
    if let Some(email) = cells.remove("email") {
        cells.insert("address".to_owned(), email);
    }
    cells
}

/// What a person wrote of a row, without what only stands for a licence key.
fn written(table: Table, mut cells: Cells) -> Result<Cells, ControlError> {
    if table == Table::Customers {
        cells.retain(|column, text| {
            !(text == MASKED && matches!(column.as_str(), "account" | "license_key"))
        });
        if cells.get("license_key").is_some_and(|key| !key.trim().is_empty()) {
            return Err(ControlError::Invalid(
                "license_key: licence keys stand in no record, so they come with an import: leave it as it is".to_owned(),
            ));
        }
        cells.remove("license_key");
    }
    Ok(cells)
}
