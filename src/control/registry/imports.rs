//! Imports and changes of many rows: uploaded, previewed, proposed by one person, approved by another, applied.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::control::Change as Any;
use crate::control::ControlError;
use crate::control::clock::now;
use crate::control::journal::Turn;
use crate::model::Actor;
use crate::model::DecisionId;
use crate::registry::Base;
use crate::registry::Bulk;
use crate::registry::Imported;
use crate::registry::Preview;
use crate::registry::Progress;
use crate::registry::Step;
use crate::registry::Table;
use crate::registry::bulk;
use crate::registry::preview;

use super::Change;
use super::Counts;
use super::Proposal;
use super::desk::Desk;
use super::desk::refused;
use super::desk::sought;
use super::desk::stored;
use super::desk::system;
use super::rules;
use super::staging::Meta;
use super::staging::Origin;
use super::staging::Upload;
use super::state::Pending;
use super::state::Status;
use super::view::ImportView;

/// How long an import waits.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// What is being done with an import right now.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) failed: Option<String>,
    pub(super) import: String,
    pub(super) progress: Option<Progress>,
}

impl Desk {
    /// Begins an upload; hand it to [`Desk::uploaded`] once all of it is written.
    ///
    /// # Errors
    /// `Forbidden`; `Conflict` where a file is the source, or too many imports wait.
    pub fn upload(&self, actor: &Actor, table: Table) -> Result<Upload, ControlError> {
        self.begin(actor, table, Origin::Upload)
    }

    /// The upload is whole: its preview begins.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn uploaded(&self, upload: Upload) -> Result<ImportView, ControlError> {
        let meta = self.blocking(move |_| upload.finish()).await?;
        self.start_preview(&meta);
        self.import(&meta.id)
    }

    /// Begins a change of many rows: it is written as an import, and previewed as one.
    ///
    /// # Errors
    /// As [`Desk::upload`]; `Invalid` for a filter or column that cannot be used.
    pub async fn bulk(
        &self,
        actor: &Actor,
        table: Table,
        change: Bulk,
    ) -> Result<ImportView, ControlError> {
        let chooses = !change.filter.terms.is_empty();
        if (change.remove || !change.set.is_empty()) && !chooses {
            let text = "filter: name at least one term, so that not every row is meant";
            return Err(ControlError::Invalid(text.to_owned()));
        }
        if change.add.is_empty() && !change.remove && change.set.is_empty() {
            let text = "nothing is to change: give `add`, `set` or `remove`";
            return Err(ControlError::Invalid(text.to_owned()));
        }
        if table == Table::Customers && !change.add.is_empty() {
            let text = "add: customers are added one by one, or by an upload";
            return Err(ControlError::Invalid(text.to_owned()));
        }
        if change.remove && !change.set.is_empty() {
            return Err(ControlError::Invalid("give either `set` or `remove`".to_owned()));
        }
        let mut change = change;
        for cells in &mut change.add {
            *cells = table.tidy(cells).map_err(refused)?;
        }
        let upload = self.begin(actor, table, Origin::Bulk { bulk: change.clone() })?;
        let meta = self
            .blocking(move |desk| {
                let effective = desk.effective(table)?;
                let met = match upload.file() {
                    Some(file) => bulk(&effective, &change, file).map_err(|e| sought(&e))?,
                    None => 0,
                };
                if met == 0 {
                    let text = "filter: no row is met by it, so nothing would change";
                    return Err(ControlError::Invalid(text.to_owned()));
                }
                let (bytes, sha256) = desk.inner.staging.measure(&upload.meta.id)?;
                upload.finish_as(bytes, sha256)
            })
            .await?;
        self.start_preview(&meta);
        self.import(&meta.id)
    }

    /// Every import that waits, and the proposals that have ended; newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn imports(&self) -> Result<Vec<ImportView>, ControlError> {
        let mut all: Vec<ImportView> = Vec::new();
        for meta in self.inner.staging.all()? {
            all.push(self.view(&meta.id, Some(meta.clone()))?);
        }
        let ended: Vec<String> = {
            let state = self.inner.control.state();
            let ids = state.registry.pending.keys();
            ids.filter(|id| !all.iter().any(|view| view.id == **id)).cloned().collect()
        };
        for id in ended {
            all.push(self.view(&id, None)?);
        }
        all.sort_by(|a, b| b.id.cmp(&a.id));
        Ok(all)
    }

    /// An import.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn import(&self, id: &str) -> Result<ImportView, ControlError> {
        self.view(id, self.inner.staging.meta(id))
    }

    /// How many proposals wait for a second person or are being applied.
    pub fn pending(&self) -> usize {
        self.inner.control.state().registry.open()
    }

    /// Proposes a previewed import.
    ///
    /// # Errors
    /// `Forbidden`; `Conflict` where it has bad rows, changes nothing, or the table has changed since the preview.
    pub async fn propose(
        &self,
        actor: &Actor,
        reason: &str,
        id: &str,
    ) -> Result<ImportView, ControlError> {
        let meta = self.inner.staging.meta(id).ok_or_else(|| none(id))?;
        let table = meta.table;
        rules::check_editor(actor, table)?;
        self.check_source(table)?;
        let preview = self.inner.staging.preview(id).ok_or_else(|| {
            ControlError::Conflict("it is still being read: wait for the preview".to_owned())
        })?;
        let proposal = proposal(&meta, &preview)?;
        let turn = self.inner.control.turn().await;
        self.take_over(&turn, table).await?;
        let change = {
            let state = turn.state();
            rules::check_idle(&state.registry, table)?;
            if state.registry.pending.contains_key(id) {
                return Err(ControlError::Conflict("it is proposed already".to_owned()));
            }
            if state.registry.table(table).version != meta.version {
                return Err(rules::changed_since());
            }
            Change::Proposed { import: id.to_owned(), proposal, table }
        };
        turn.make(actor, reason, Any::Registry(change)).await?;
        drop(turn);
        self.import(id)
    }

    /// Approves a proposal of another person, whose numbers are named; it is applied from here on.
    ///
    /// # Errors
    /// `Forbidden` for who proposed or prepared it, and without the role; `Conflict` where the numbers are others, or the table or the
    /// file has changed since.
    pub async fn approve(
        &self,
        actor: &Actor,
        reason: &str,
        id: &str,
        counts: Counts,
    ) -> Result<ImportView, ControlError> {
        let (table, wanted) = {
            let state = self.inner.control.state();
            let pending = rules::check_approval(&state.registry, actor, id, counts)?;
            (pending.table, pending.proposal.sha256.clone())
        };
        self.check_source(table)?;
        let name = id.to_owned();
        let (_, sha256) = self.blocking(move |desk| desk.inner.staging.measure(&name)).await?;
        if sha256 != wanted {
            return Err(ControlError::Conflict(
                "the file is not the one that was previewed: withdraw this and upload it again"
                    .to_owned(),
            ));
        }
        let turn = self.inner.control.turn().await;
        self.take_over(&turn, table).await?;
        rules::check_approval(&turn.state().registry, actor, id, counts)?;
        let change = Change::Approved { counts, import: id.to_owned(), table };
        turn.make(actor, reason, Any::Registry(change)).await?;
        drop(turn);
        self.start_applying(id.to_owned(), table);
        self.import(id)
    }

    /// Takes an import back, or turns a proposal down.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`; `Conflict` once it is approved.
    pub async fn withdraw(
        &self,
        actor: &Actor,
        reason: &str,
        id: &str,
    ) -> Result<(), ControlError> {
        let view = self.import(id)?;
        let table = view.table;
        if !(rules::may_edit(actor, table) || rules::may_approve(actor, table)) {
            rules::check_editor(actor, table)?;
        }
        let turn = self.inner.control.turn().await;
        self.withdrawn(&turn, actor, reason, id, table).await
    }

    async fn withdrawn(
        &self,
        turn: &Turn<'_>,
        actor: &Actor,
        reason: &str,
        id: &str,
        table: Table,
    ) -> Result<(), ControlError> {
        let status = turn.state().registry.pending.get(id).map(|pending| pending.status);
        match status {
            Some(Status::Proposed) => {
                let change = Change::Withdrawn { import: id.to_owned(), table };
                turn.make(actor, reason, Any::Registry(change)).await?;
            }
            Some(Status::Approved) => {
                return Err(ControlError::Conflict("it is approved already".to_owned()));
            }
            // Nobody ever proposed it, so nothing was to change.
            None | Some(Status::Applied | Status::Failed | Status::Withdrawn) => {}
        }
        self.inner.staging.remove(id);
        self.set_job(id, None);
        Ok(())
    }

    /// Withdraws what has waited for too long.
    pub(super) async fn expire(&self) -> Result<(), ControlError> {
        let at = now(&*self.inner.control.inner.settings.clock);
        for meta in self.inner.staging.all()? {
            let approved = {
                let state = self.inner.control.state();
                let pending = state.registry.pending.get(&meta.id);
                pending.is_some_and(|pending| pending.status == Status::Approved)
            };
            if approved || at.duration_since(meta.at) <= KEPT {
                continue;
            }
            let turn = self.inner.control.turn().await;
            self.withdrawn(&turn, &system(), "it waited for 30 days", &meta.id, meta.table).await?;
        }
        Ok(())
    }

    /// Goes on with what the end of the program cut off.
    pub(super) async fn resume(&self) -> Result<(), ControlError> {
        let approved: Vec<(String, Pending)> = {
            let state = self.inner.control.state();
            let all = state.registry.pending.iter();
            let approved = all.filter(|(_, pending)| pending.status == Status::Approved);
            approved.map(|(id, pending)| (id.clone(), pending.clone())).collect()
        };
        for (id, pending) in approved {
            let table = pending.table;
            let known = self.inner.control.state().registry.table(table).edits.base.clone();
            let base = self.inner.store.base(table).map_err(|error| stored(&error))?;
            if base != known && base.digest == pending.proposal.digest {
                // It was written, and the record was not told.
                self.applied(&id, table, Ok(base)).await?;
            } else if base != known {
                let reason = "the table was imported meanwhile on the command line";
                self.applied(&id, table, Err(reason.to_owned())).await?;
            } else {
                self.start_applying(id, table);
            }
        }
        for meta in self.inner.staging.all()? {
            if self.inner.staging.preview(&meta.id).is_none() {
                self.start_preview(&meta);
            }
        }
        Ok(())
    }

    fn begin(&self, actor: &Actor, table: Table, origin: Origin) -> Result<Upload, ControlError> {
        rules::check_editor(actor, table)?;
        self.check_source(table)?;
        let at = now(&*self.inner.control.inner.settings.clock);
        self.inner.staging.begin(Meta {
            at,
            by: actor.id.clone(),
            bytes: 0,
            id: DecisionId::new(at).to_string(),
            origin,
            sha256: String::new(),
            table,
            version: 0,
        })
    }

    fn start_preview(&self, meta: &Meta) {
        let (desk, mut meta) = (self.clone(), meta.clone());
        let id = meta.id.clone();
        let total = meta.bytes;
        self.set_job(&id, Some((None, Some(Progress { done: 0, step: Step::Read, total }))));
        let mut work = move || {
            let version = desk.inner.control.state().registry.table(meta.table).version;
            let effective = desk.effective(meta.table)?;
            let running = Arc::clone(&desk.inner.settings.running);
            let (file, id) = (desk.inner.staging.file(&meta.id), meta.id.clone());
            let told = desk.clone();
            let mut told = |progress| told.set_job(&id, Some((None, Some(progress))));
            let found = preview(&effective, &file, &|g| running.is_group(g), &mut told);
            meta.version = version;
            desk.inner.staging.keep_meta(&meta)?;
            desk.inner.staging.keep_preview(&meta.id, &found.map_err(|error| stored(&error))?)
        };
        let desk = self.clone();
        drop(tokio::task::spawn_blocking(move || {
            let failed = work().err().map(|error| error.to_string());
            desk.set_job(&id, failed.map(|reason| (Some(reason), None)));
        }));
    }

    fn start_applying(&self, id: String, table: Table) {
        let desk = self.clone();
        self.set_job(&id, Some((None, Some(Progress { done: 0, step: Step::Read, total: 0 }))));
        drop(tokio::spawn(async move {
            let name = id.clone();
            let written = desk.blocking(move |desk| desk.write(&name, table)).await;
            let written = written.map(|imported| imported.base).map_err(|error| error.to_string());
            if let Err(error) = desk.applied(&id, table, written).await {
                tracing::error!(id, %error, "what became of an import cannot be recorded");
            }
        }));
    }

    fn write(&self, id: &str, table: Table) -> Result<Imported, ControlError> {
        let running = Arc::clone(&self.inner.settings.running);
        let file = self.inner.staging.file(id);
        let mut told = |progress| self.set_job(id, Some((None, Some(progress))));
        let is_group = |group: &str| running.is_group(group);
        let imported = self.inner.store.import_file(table, &file, &is_group, &mut told);
        imported.map_err(|error| stored(&error))
    }

    /// Records what became of an approved import, and puts it in force.
    async fn applied(
        &self,
        id: &str,
        table: Table,
        written: Result<Base, String>,
    ) -> Result<(), ControlError> {
        let turn = self.inner.control.turn().await;
        let import = id.to_owned();
        let change = match &written {
            Ok(base) => Change::Applied { base: base.clone(), import, table },
            Err(reason) => Change::Failed { import, reason: reason.clone(), table },
        };
        turn.make(&system(), "", Any::Registry(change)).await?;
        if written.is_ok() {
            self.blocking(move |desk| desk.reload(table)).await?;
        }
        drop(turn);
        self.inner.staging.remove(id);
        self.set_job(id, None);
        Ok(())
    }

    fn set_job(&self, id: &str, job: Option<(Option<String>, Option<Progress>)>) {
        let jobs: &Mutex<_> = &self.inner.jobs;
        let mut jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
        match job {
            None => jobs.remove(id),
            Some((failed, progress)) => {
                jobs.insert(id.to_owned(), Job { failed, import: id.to_owned(), progress })
            }
        };
    }
}

/// What is proposed; a preview with bad rows, or that changes nothing, cannot be.
fn proposal(meta: &Meta, preview: &Preview) -> Result<Proposal, ControlError> {
    if preview.fault_count > 0 {
        return Err(ControlError::Conflict(format!(
            "{} row(s) are bad: correct them and upload the file again",
            preview.fault_count
        )));
    }
    let Preview { added, changed, removed, rows, .. } = *preview;
    if added == 0 && changed == 0 && removed == 0 {
        return Err(ControlError::Conflict("nothing would change".to_owned()));
    }
    Ok(Proposal {
        counts: Counts { added, changed, removed, rows },
        digest: preview.digest.clone(),
        prepared_by: meta.by.clone(),
        sha256: meta.sha256.clone(),
        version: meta.version,
        what: match &meta.origin {
            Origin::Upload => format!("an upload of {} bytes", meta.bytes),
            Origin::Bulk { bulk } if !bulk.add.is_empty() => {
                format!("{} rows that were put together by hand", bulk.add.len())
            }
            Origin::Bulk { bulk } if bulk.remove => "rows taken out by a filter".to_owned(),
            Origin::Bulk { bulk } => {
                let columns: Vec<_> = bulk.set.keys().map(String::as_str).collect();
                format!("`{}` of rows set by a filter", columns.join("`, `"))
            }
        },
    })
}

pub(super) fn none(id: &str) -> ControlError {
    ControlError::NotFound(format!("import `{id}`"))
}
