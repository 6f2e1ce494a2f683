//! Catalogue and customers in force, for the control plane to edit.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::config::Config;
use crate::control::registry::DeskSettings;
use crate::control::registry::Running;
use crate::enforcement::Gate;
use crate::enforcement::Snapshot;
use crate::registry::Care;
use crate::registry::Catalogue;
use crate::registry::Customers;
use crate::registry::Edits;
use crate::registry::RowFault;
use crate::registry::State;
use crate::registry::Table;

use super::load;

/// The tables that the gate judges by. Whoever replaces one, because a file changed or somebody edited a row, takes turns: else an edit
/// could be lost to a reload that began before it.
#[derive(Debug)]
pub(super) struct InForce {
    config: Arc<Config>,
    gate: Arc<Gate>,
    turn: Mutex<()>,
}

impl InForce {
    pub(super) fn new(config: &Arc<Config>, gate: &Arc<Gate>) -> Arc<Self> {
        let (config, gate) = (Arc::clone(config), Arc::clone(gate));
        Arc::new(Self { config, gate, turn: Mutex::new(()) })
    }

    /// Held while a table is read and replaced.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the control plane's desk is made of.
    pub(super) fn desk(self: &Arc<Self>) -> DeskSettings {
        let Config { catalog, customers, store, .. } = &*self.config;
        let files = [(Table::Catalogue, &catalog.file), (Table::Customers, &customers.file)];
        let files = files.into_iter().filter_map(|(table, file)| Some((table, file.clone()?)));
        let running: Arc<dyn Running> = Arc::<Self>::clone(self);
        DeskSettings {
            files: files.collect(),
            running,
            store_dir: store.dir.clone(),
            unknown: Arc::clone(self.gate.unknown_skus()),
        }
    }

    fn update(&self, change: impl FnOnce(Snapshot) -> Snapshot) {
        let next = self.gate.update(change);
        self.gate.metrics().registry_rows(next.catalogue.len(), next.customers.rows());
    }

    fn stored(&self, table: Table, state: Option<&State>) {
        if state.is_some_and(|state| load::tell_damage(table, state)) {
            self.gate.metrics().registry_rebuilt(table.as_str());
        }
    }
}

impl Running for InForce {
    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.gate.pin().catalogue)
    }

    fn customers(&self) -> Arc<Customers> {
        Arc::clone(&self.gate.pin().customers)
    }

    fn edit_catalogue(
        &self,
        edit: &dyn Fn(&Catalogue) -> Result<Catalogue, RowFault>,
    ) -> Result<(), RowFault> {
        let _turn = self.turn();
        let catalogue = Arc::new(edit(&self.gate.pin().catalogue)?);
        self.update(|now| Snapshot { catalogue, ..now });
        Ok(())
    }

    fn edit_customers(
        &self,
        edit: &dyn Fn(&Customers) -> Result<Customers, RowFault>,
    ) -> Result<(), RowFault> {
        let _turn = self.turn();
        let customers = Arc::new(edit(&self.gate.pin().customers)?);
        self.update(|now| Snapshot { customers, ..now });
        Ok(())
    }

    fn groups(&self) -> Vec<String> {
        self.gate.pin().policies.product_ids().map(str::to_owned).collect()
    }

    fn is_group(&self, id: &str) -> bool {
        self.gate.pin().policies.has_product(id)
    }

    fn reload(&self, table: Table, edits: &dyn Fn() -> Arc<Edits>) -> Result<(), String> {
        let _turn = self.turn();
        let edits = edits();
        let snapshot = self.gate.pin();
        match table {
            Table::Catalogue => {
                let loaded =
                    load::catalogue(&self.config, &snapshot.policies, Care::Mend, Some(&edits));
                let loaded = loaded.map_err(|error| error.to_string())?;
                self.stored(table, loaded.state.as_ref());
                let catalogue = Arc::new(loaded.index);
                self.update(|now| Snapshot { catalogue, ..now });
            }
            Table::Customers => {
                let loaded = load::customers(&self.config, Care::Mend, Some(&edits));
                let loaded = loaded.map_err(|error| error.to_string())?;
                self.stored(table, loaded.state.as_ref());
                let customers = Arc::new(loaded.index);
                self.update(|now| Snapshot { customers, ..now });
            }
        }
        Ok(())
    }
}
