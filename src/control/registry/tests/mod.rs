//! What the registry promises: rows in force are the import and the edits since, whatever stops in between; many rows take two persons.

mod many_rows;
mod one_row;
mod plain_map;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use crate::control::Control;
use crate::control::ControlError;
use crate::control::ControlSettings;
use crate::ledger::Ledger;
use crate::ledger::LedgerSettings;
use crate::model::Actor;
use crate::model::CatalogueGroup;
use crate::model::CatalogueLookup as _;
use crate::model::CustomerLookup as _;
use crate::model::Retention;
use crate::model::Role;
use crate::model::Roles;
use crate::model::SystemClock;
use crate::model::Via;
use crate::policy::Folded;
use crate::registry::Bulk;
use crate::registry::Care;
use crate::registry::Catalogue;
use crate::registry::Cells;
use crate::registry::Customers;
use crate::registry::Edits;
use crate::registry::Filter;
use crate::registry::How;
use crate::registry::RowFault;
use crate::registry::Store;
use crate::registry::Table;
use crate::registry::Term;
use crate::registry::UnknownSkus;

use super::*;

const MOMENT: std::time::Duration = std::time::Duration::from_millis(1);

/// A gateway in memory, over the same store.
#[derive(Debug)]
struct Memory {
    catalogue: Mutex<Arc<Catalogue>>,
    customers: Mutex<Arc<Customers>>,
    store: Store,
}

impl Memory {
    fn open(dir: &Path) -> Arc<Self> {
        let store = Store::new(dir);
        let catalogue = store.catalogue(group, Care::Mend, None).unwrap().index;
        let customers = store.customers(Care::Mend, None).unwrap().index;
        let (catalogue, customers) = (Arc::new(catalogue), Arc::new(customers));
        Arc::new(Self { catalogue: Mutex::new(catalogue), customers: Mutex::new(customers), store })
    }
}

fn group(id: &str) -> bool {
    id.starts_with("g.")
}

impl Running for Memory {
    fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.lock().unwrap())
    }
    fn customers(&self) -> Arc<Customers> {
        Arc::clone(&self.customers.lock().unwrap())
    }
    fn edit_catalogue(
        &self,
        edit: &dyn Fn(&Catalogue) -> Result<Catalogue, RowFault>,
    ) -> Result<(), RowFault> {
        let mut now = self.catalogue.lock().unwrap();
        *now = Arc::new(edit(&now)?);
        Ok(())
    }
    fn edit_customers(
        &self,
        edit: &dyn Fn(&Customers) -> Result<Customers, RowFault>,
    ) -> Result<(), RowFault> {
        let mut now = self.customers.lock().unwrap();
        *now = Arc::new(edit(&now)?);
        Ok(())
    }
    fn groups(&self) -> Vec<String> {
        vec!["g.one".to_owned()]
    }
    fn is_group(&self, id: &str) -> bool {
        group(id)
    }
    fn reload(&self, table: Table, edits: &dyn Fn() -> Arc<Edits>) -> Result<(), String> {
        let edits = edits();
        let text = |error: crate::registry::RegistryError| error.to_string();
        match table {
            Table::Catalogue => {
                let loaded = self.store.catalogue(group, Care::Mend, Some(&edits));
                *self.catalogue.lock().unwrap() = Arc::new(loaded.map_err(text)?.index);
            }
            Table::Customers => {
                let loaded = self.store.customers(Care::Mend, Some(&edits));
                *self.customers.lock().unwrap() = Arc::new(loaded.map_err(text)?.index);
            }
        }
        Ok(())
    }
}

/// A desk in a folder, and what it needs.
struct World {
    desk: Desk,
    ledger: Ledger,
    running: Arc<Memory>,
}

fn store_dir(dir: &Path) -> std::path::PathBuf {
    dir.join("store")
}

async fn open(dir: &Path, ledger: Ledger) -> World {
    let running = Memory::open(&store_dir(dir));
    let control = loop {
        let opened = Control::open(
            ControlSettings {
                clock: Arc::new(SystemClock),
                ledger_dir: dir.join("ledger"),
                retention: Retention::default(),
                store_dir: store_dir(dir),
            },
            ledger.clone(),
        );
        match opened {
            Ok(control) => break control,
            // A task of the one before still has the store.
            Err(ControlError::Store(_)) => tokio::time::sleep(MOMENT).await,
            Err(error) => panic!("{error}"),
        }
    };
    let settings = DeskSettings {
        files: Vec::new(),
        running: Arc::<Memory>::clone(&running),
        store_dir: store_dir(dir),
        unknown: Arc::new(UnknownSkus::default()),
    };
    let desk = Desk::open(control, settings).await.unwrap();
    World { desk, ledger, running }
}

async fn world(dir: &Path) -> World {
    let ledger = Ledger::open(LedgerSettings::new(dir.join("ledger"))).unwrap().0;
    open(dir, ledger).await
}

fn person(name: &str, roles: &[Role]) -> Actor {
    Actor { id: format!("local:{name}"), roles: Roles::of(roles), via: Via::Session }
}

fn anna() -> Actor {
    person("anna", &[Role::Administrator, Role::PolicyAuthor])
}

fn ben() -> Actor {
    person("ben", &[Role::Administrator])
}

fn cells(pairs: &[(&str, &str)]) -> Cells {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

async fn settled(desk: &Desk, id: &str) -> ImportView {
    for _ in 0..20_000 {
        let view = desk.import(id).unwrap();
        let waits = [Stage::Previewing, Stage::ApplyingRead, Stage::ApplyingWrite];
        if !waits.contains(&view.stage) {
            return view;
        }
        tokio::time::sleep(MOMENT).await;
    }
    panic!("it does not end")
}

async fn upload(desk: &Desk, who: &Actor, table: Table, text: &str) -> ImportView {
    let mut upload = desk.upload(who, table).unwrap();
    upload.write(text.as_bytes()).unwrap();
    let view = desk.uploaded(upload).await.unwrap();
    settled(desk, &view.id).await
}

fn counts(view: &ImportView) -> Counts {
    let preview = view.preview.as_ref().unwrap();
    let (added, changed, removed) = (preview.added, preview.changed, preview.removed);
    Counts { added, changed, removed, rows: preview.rows }
}

/// Uploads, proposes and approves.
async fn import(desk: &Desk, table: Table, text: &str) -> ImportView {
    let view = upload(desk, &anna(), table, text).await;
    assert_eq!(view.stage, Stage::Ready, "{:?}", view.preview);
    desk.propose(&anna(), "new list", &view.id).await.unwrap();
    desk.approve(&ben(), "looked at", &view.id, counts(&view)).await.unwrap();
    settled(desk, &view.id).await
}

async fn everything(desk: &Desk, table: Table) -> BTreeMap<String, Cells> {
    let (mut all, mut cursor) = (BTreeMap::new(), None);
    loop {
        let (rows, found) = desk.search(table, Filter::default(), cursor, 7).await.unwrap();
        for row in rows {
            assert!(all.insert(row.id, row.cells).is_none(), "a row twice");
        }
        let Some(next) = found.next else { return all };
        cursor = Some(next);
    }
}
