//! The registry as people work with it: search, single rows, and the list of unknown SKUs. Plain functions with plain data.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;

use crate::control::Change as Any;
use crate::control::Control;
use crate::control::ControlError;
use crate::control::journal::Turn;
use crate::model::Actor;
use crate::model::CatalogueLookup as _;
use crate::model::Roles;
use crate::model::Via;
use crate::output::replace_private;
use crate::registry::Cells;
use crate::registry::Edits;
use crate::registry::Effective;
use crate::registry::Filter;
use crate::registry::Found;
use crate::registry::RegistryError;
use crate::registry::RowFault;
use crate::registry::RowFile;
use crate::registry::SearchError;
use crate::registry::Store;
use crate::registry::Table;
use crate::registry::UnknownSku;
use crate::registry::UnknownSkus;

use super::Change;
use super::imports::Job;
use super::rules;
use super::running::Running;
use super::staging::Staging;
use super::staging::hex;

/// How long a page of a search may take; then it says where to go on.
const PATIENCE: Duration = Duration::from_millis(60);
/// Rows of a page, at most.
pub(super) const PAGE: usize = 500;
/// The file of the unknown SKUs, below `[store] dir`.
const UNKNOWN: &str = "unknown-skus.json";

/// What the desk is made of.
#[derive(Clone, Debug)]
pub struct DeskSettings {
    /// `[catalog] file` and `[customers] file`: where they are given they are the source, and nothing is edited here.
    pub files: Vec<(Table, PathBuf)>,
    /// What is in force.
    pub running: Arc<dyn Running>,
    /// `[store] dir`.
    pub store_dir: PathBuf,
    /// SKUs that requests had and the catalogue has not.
    pub unknown: Arc<UnknownSkus>,
}

/// What tells a file from what it was: length, time of change, number.
type Stamp = (u64, SystemTime, u64);

/// The registry at work; clones share it.
#[derive(Clone, Debug)]
pub struct Desk {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) control: Control,
    pub(super) jobs: Mutex<BTreeMap<String, Job>>,
    /// What searches read, opened when it is first needed.
    opened: Mutex<Vec<(Table, Arc<RowFile>)>>,
    pub(super) settings: DeskSettings,
    /// Files of the configuration, as they were when they were last read.
    sources: Mutex<Vec<(Table, Stamp, Arc<RowFile>)>>,
    pub(super) staging: Staging,
    pub(super) store: Store,
}

/// A row as it may be shown: of a customer, without the licence key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RowView {
    /// Its texts by column; blank ones are not in it.
    pub cells: Cells,
    /// Changes with every edit.
    pub etag: String,
    /// Its name in the table.
    pub id: String,
}

impl Desk {
    /// Takes up work: what was imported while nobody ran, edits that are not beside their table, changes that were being applied.
    ///
    /// # Errors
    /// When the store cannot be read or written, or nothing can be recorded.
    pub async fn open(control: Control, settings: DeskSettings) -> Result<Self, ControlError> {
        let dir = &settings.store_dir;
        let (store, staging) = (Store::new(dir), Staging::new(dir));
        staging.sweep();
        let kept = std::fs::read(dir.join(UNKNOWN)).ok();
        let kept = kept.and_then(|text| serde_json::from_slice::<Vec<UnknownSku>>(&text).ok());
        settings.unknown.restore(kept.unwrap_or_default());
        let (jobs, opened, sources) = (Mutex::default(), Mutex::default(), Mutex::default());
        let inner = Inner { control, jobs, opened, settings, sources, staging, store };
        let desk = Self { inner: Arc::new(inner) };
        desk.resume().await?;
        desk.look().await?;
        for table in Table::ALL {
            if desk.source(table).is_some() {
                continue;
            }
            let edits = desk.edits(table);
            let kept = desk.inner.store.edits(table).ok().flatten().unwrap_or_default();
            if *edits != kept && !(edits.rows.is_empty() && kept.rows.is_empty()) {
                desk.blocking(move |desk| {
                    desk.inner.store.keep_edits(table, &edits).map_err(|e| stored(&e))?;
                    desk.reload(table)
                })
                .await?;
            }
        }
        desk.forget_known();
        let opening = desk.clone();
        drop(tokio::task::spawn_blocking(move || {
            for table in Table::ALL.into_iter().filter(|table| opening.source(*table).is_none()) {
                if let Err(error) = opening.effective(table) {
                    tracing::error!(%error, "rows cannot be opened for searches");
                }
            }
        }));
        Ok(desk)
    }

    /// The file of the configuration that is the table's source; nothing is edited here then.
    pub fn source(&self, table: Table) -> Option<&PathBuf> {
        let mut files = self.inner.settings.files.iter();
        files.find(|(of, _)| *of == table).map(|(_, path)| path)
    }

    /// The groups that a row may name.
    pub fn groups(&self) -> Vec<String> {
        self.inner.settings.running.groups()
    }

    /// Number of rows in force.
    pub fn rows(&self, table: Table) -> usize {
        match table {
            Table::Catalogue => self.inner.settings.running.catalogue().len(),
            Table::Customers => self.inner.settings.running.customers().rows(),
        }
    }

    /// A page of rows, in the order of the import and then those that were added. Within 0.1 s it says what it has, and where to go on.
    ///
    /// # Errors
    /// For a filter or a cursor that cannot be used, and when the store cannot be read.
    pub async fn search(
        &self,
        table: Table,
        filter: Filter,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<(Vec<RowView>, Found), ControlError> {
        self.blocking(move |desk| {
            let now = desk.effective(table)?;
            let until = Instant::now().checked_add(PATIENCE).unwrap_or_else(Instant::now);
            let limit = limit.clamp(1, PAGE);
            let mut found =
                now.search(&filter, cursor.as_deref(), limit, until).map_err(|e| sought(&e))?;
            let rows = std::mem::take(&mut found.rows);
            Ok((rows.into_iter().filter_map(|cells| RowView::of(table, cells)).collect(), found))
        })
        .await
    }

    /// A row.
    ///
    /// # Errors
    /// `NotFound`, and when the store cannot be read.
    pub async fn row(&self, table: Table, id: String) -> Result<RowView, ControlError> {
        self.blocking(move |desk| {
            let cells = desk.effective(table)?.get(&id).map_err(unread)?;
            let row = cells.and_then(|cells| RowView::of(table, cells));
            row.ok_or_else(|| no_row(table, &id))
        })
        .await
    }

    /// Looks after what changes by itself: imports on the command line, outdated uploads, the list of unknown SKUs. To be called now
    /// and then, and before the end.
    pub async fn tick(&self) {
        if let Err(error) = self.look().await {
            tracing::error!(%error, "the registry's store cannot be looked at");
        }
        if let Err(error) = self.expire().await {
            tracing::error!(%error, "outdated imports cannot be withdrawn");
        }
        let (unknown, path) = (self.unknown(), self.inner.settings.store_dir.join(UNKNOWN));
        let kept = tokio::task::spawn_blocking(move || {
            replace_private(&path, &serde_json::to_vec(&unknown)?)
        });
        if let Ok(Err(error)) = kept.await {
            tracing::warn!(%error, "the list of unknown SKUs cannot be kept");
        }
    }

    /// Takes over what was imported on the command line.
    ///
    /// # Errors
    /// When the store cannot be read, or nothing can be recorded.
    pub async fn look(&self) -> Result<(), ControlError> {
        for table in Table::ALL {
            if self.source(table).is_none() && self.is_imported(table)? {
                let turn = self.inner.control.turn().await;
                self.take_over(&turn, table).await?;
            }
        }
        Ok(())
    }

    /// Whether the store holds another import than the record knows of.
    fn is_imported(&self, table: Table) -> Result<bool, ControlError> {
        let base = self.inner.store.base(table).map_err(|error| stored(&error))?;
        let state = self.inner.control.state();
        Ok(base != state.registry.table(table).edits.base
            && state.registry.applying(table).is_none())
    }

    /// Records that the table was imported by somebody else, if it was: earlier edits no longer hold.
    pub(super) async fn take_over(
        &self,
        turn: &Turn<'_>,
        table: Table,
    ) -> Result<(), ControlError> {
        if !self.is_imported(table)? {
            return Ok(());
        }
        let base = self.inner.store.base(table).map_err(|error| stored(&error))?;
        let had_edits = !self.edits(table).rows.is_empty();
        let change = Any::Registry(Change::Taken { base, table });
        turn.make(&system(), "imported outside of the console", change).await?;
        if had_edits {
            tracing::warn!(
                table = table.as_str(),
                "the table was imported on the command line: edits of single rows made before no longer hold"
            );
        }
        self.blocking(move |desk| desk.reload(table)).await
    }

    /// Reads the table again.
    pub(super) fn reload(&self, table: Table) -> Result<(), ControlError> {
        let edits = || self.edits(table);
        self.inner.settings.running.reload(table, &edits).map_err(ControlError::Store)?;
        self.forget_known();
        // So that nobody's search has to wait for it.
        self.effective(table).map(drop)
    }

    pub(super) fn forget_known(&self) {
        let catalogue = self.inner.settings.running.catalogue();
        self.inner.settings.unknown.forget(|id| catalogue.find(id).is_some());
    }

    pub(super) fn check_source(&self, table: Table) -> Result<(), ControlError> {
        match self.source(table) {
            None => Ok(()),
            Some(file) => Err(rules::configured(table, file)),
        }
    }

    /// The table as it is in force.
    pub(super) fn effective(&self, table: Table) -> Result<Effective, ControlError> {
        if let Some(path) = self.source(table) {
            return self.of_source(table, path);
        }
        let base = self.inner.store.base(table).map_err(|error| stored(&error))?;
        let mut opened = self.inner.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let known = opened.iter().find(|(of, file)| *of == table && *file.base() == base);
        let file = match known {
            Some((_, file)) => Arc::clone(file),
            None => {
                let file = self.inner.store.rows(table).map_err(|error| stored(&error))?;
                let file = Arc::new(file);
                opened.retain(|(of, _)| *of != table);
                opened.push((table, Arc::clone(&file)));
                file
            }
        };
        drop(opened);
        Ok(Effective::new(file, self.edits(table), table))
    }

    /// The table of a file of the configuration, opened again once it is another one.
    fn of_source(&self, table: Table, path: &Path) -> Result<Effective, ControlError> {
        let stamp = std::fs::metadata(path).map_err(unread)?;
        let stamp = (stamp.len(), stamp.modified().map_err(unread)?, stamp.ino());
        let mut read = self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let known = read.iter().find(|(of, as_it_was, _)| *of == table && *as_it_was == stamp);
        let file = match known {
            Some((_, _, file)) => Arc::clone(file),
            None => {
                let file = RowFile::of_file(path, table).map_err(|error| stored(&error))?;
                let file = Arc::new(file);
                read.retain(|(of, _, _)| *of != table);
                read.push((table, stamp, Arc::clone(&file)));
                file
            }
        };
        drop(read);
        Ok(Effective::new(file, Arc::default(), table))
    }

    pub(super) fn edits(&self, table: Table) -> Arc<Edits> {
        Arc::clone(&self.inner.control.state().registry.table(table).edits)
    }

    /// Work that waits for the disk, away from requests.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, ControlError> + Send + 'static,
    ) -> Result<T, ControlError> {
        let desk = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&desk)).await;
        done.unwrap_or_else(|error| Err(ControlError::Store(error.to_string())))
    }
}

impl RowView {
    pub(super) fn of(table: Table, cells: Cells) -> Option<Self> {
        let (id, etag) = (table.id(&cells)?, etag(&cells));
        Some(Self { cells: table.shown(cells), etag, id })
    }
}

pub(super) fn etag(cells: &Cells) -> String {
    let text = serde_json::to_vec(cells).unwrap_or_default();
    hex(&Sha256::digest(&text)).chars().take(32).collect()
}

/// The program itself.
pub(super) fn system() -> Actor {
    Actor { id: "system".to_owned(), roles: Roles::NONE, via: Via::System }
}

pub(super) fn no_row(table: Table, id: &str) -> ControlError {
    ControlError::NotFound(format!("row `{id}` in the {}", table.as_str()))
}

pub(super) fn refused(fault: RowFault) -> ControlError {
    ControlError::Invalid(match fault.column {
        Some(column) => format!("{column}: {}", fault.message),
        None => fault.message,
    })
}

pub(super) fn stored(error: &RegistryError) -> ControlError {
    ControlError::Store(error.to_string())
}

pub(super) fn sought(error: &SearchError) -> ControlError {
    match error {
        SearchError::Column(_) => ControlError::Invalid(error.to_string()),
        SearchError::Cursor => ControlError::Conflict(error.to_string()),
        SearchError::Io(_) => ControlError::Store(error.to_string()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
pub(super) fn unread(error: std::io::Error) -> ControlError {
    ControlError::Store(format!("the rows cannot be read: {error}"))
}
