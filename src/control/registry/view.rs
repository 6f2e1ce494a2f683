//! Imports as they may be shown.

use std::sync::PoisonError;

use jiff::Timestamp;
use serde::Serialize;

use crate::control::ControlError;
use crate::registry::MASKED;
use crate::registry::Preview;
use crate::registry::Step;
use crate::registry::Table;
use crate::registry::is_credential;

use super::desk::Desk;
use super::imports::none;
use super::staging::Meta;
use super::staging::Origin;
use super::state::Pending;
use super::state::Status;

/// An import, as it may be shown.
#[derive(Clone, Debug, Serialize)]
pub struct ImportView {
    /// When it was begun.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Of the file.
    pub bytes: u64,
    /// How much of the file has been gone through, in bytes; absent where nothing is under way.
    pub done: Option<u64>,
    /// Why it is of no use.
    pub failure: Option<String>,
    /// Its name.
    pub id: String,
    /// A file, or a change of many rows.
    pub origin: Origin,
    /// The proposal, once it is one.
    pub pending: Option<Pending>,
    /// What it would change, once that is known.
    pub preview: Option<Preview>,
    /// How far it is.
    pub stage: Stage,
    /// True if the table has changed since the preview: nothing can become of it.
    pub stale: bool,
    /// The table.
    pub table: Table,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is a step on the way of an import")]
pub enum Stage {
    Applied,
    ApplyingRead,
    ApplyingWrite,
    Bad,
    Failed,
    Previewing,
    Proposed,
    Ready,
    Withdrawn,
}

impl Desk {
    /// An import out of what is kept of it, what is recorded, and what is being done.
    pub(super) fn view(&self, id: &str, meta: Option<Meta>) -> Result<ImportView, ControlError> {
        let (pending, version) = {
            let state = self.inner.control.state();
            let pending = state.registry.pending.get(id).cloned();
            let table = pending.as_ref().map(|p| p.table).or(meta.as_ref().map(|m| m.table));
            let table = table.ok_or_else(|| none(id))?;
            (pending, state.registry.table(table).version)
        };
        let jobs = self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let job = jobs.get(id).filter(|job| job.import == id).cloned();
        drop(jobs);
        let preview = self.inner.staging.preview(id);
        // The version that was compared with is kept before the preview: read before it, it may be the one from before.
        let meta = match &preview {
            Some(_) => self.inner.staging.meta(id).or(meta),
            None => meta,
        };
        let progress = job.as_ref().and_then(|job| job.progress);
        let failed = job.and_then(|job| job.failed);
        let stage = match (&pending, &preview) {
            (Some(pending), _) => match pending.status {
                // Recorded, and not in force yet.
                Status::Applied if progress.is_some() => Stage::ApplyingWrite,
                Status::Applied => Stage::Applied,
                Status::Approved => match progress.map(|progress| progress.step) {
                    Some(Step::Write) => Stage::ApplyingWrite,
                    Some(Step::Read) | None => Stage::ApplyingRead,
                },
                Status::Failed => Stage::Failed,
                Status::Proposed => Stage::Proposed,
                Status::Withdrawn => Stage::Withdrawn,
            },
            (None, Some(preview)) if preview.fault_count > 0 => Stage::Bad,
            (None, Some(_)) => Stage::Ready,
            (None, None) if failed.is_some() => Stage::Failed,
            (None, None) => Stage::Previewing,
        };
        let over = pending.as_ref().is_some_and(|pending| pending.status != Status::Proposed);
        let compared = meta.as_ref().filter(|_| preview.is_some()).map(|meta| meta.version);
        Ok(ImportView {
            at: meta
                .as_ref()
                .map(|meta| meta.at)
                .or(pending.as_ref().map(|p| p.at))
                .unwrap_or_default(),
            by: meta
                .as_ref()
                .map(|meta| meta.by.clone())
                .or_else(|| pending.as_ref().map(|p| p.proposal.prepared_by.clone()))
                .unwrap_or_default(),
            bytes: meta.as_ref().map_or(0, |meta| meta.bytes),
            done: progress.map(|progress| progress.done),
            failure: failed.or_else(|| pending.as_ref().and_then(|p| p.failure.clone())),
            id: id.to_owned(),
            origin: meta.as_ref().map_or(Origin::Upload, |meta| shown(&meta.origin)),
            table: pending
                .as_ref()
                .map(|p| p.table)
                .or(meta.map(|m| m.table))
                .unwrap_or(Table::Catalogue),
            pending,
            preview,
            stage,
            stale: !over && compared.is_some_and(|compared| compared != version),
        })
    }
}

/// Licence keys that somebody looked for are not shown to others.
fn shown(origin: &Origin) -> Origin {
    let mut origin = origin.clone();
    if let Origin::Bulk { bulk } = &mut origin {
        for term in &mut bulk.filter.terms {
            if term.column.as_deref() == Some("license_key") || is_credential(&term.text) {
                MASKED.clone_into(&mut term.text);
            }
        }
    }
    origin
}
