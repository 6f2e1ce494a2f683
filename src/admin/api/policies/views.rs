//! Revisions as the API shows them.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa::ToSchema;

use crate::control::policies::Origin;
use crate::control::policies::Revision;
use crate::control::policies::Stage;

/// A revision in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct RevisionSummary {
    /// Since when it is or was last in force (RFC 3339).
    #[schema(value_type = Option<String>)]
    active_from: Option<Timestamp>,
    /// Who agreed.
    approved_by: Option<String>,
    /// Who began it.
    #[schema(example = "local:anna")]
    author: String,
    /// The revision that it was made from.
    base: Option<u64>,
    /// How many recent decisions would be others; null until it is checked.
    changed: Option<u64>,
    /// When it was begun (RFC 3339).
    #[schema(value_type = String)]
    created: Timestamp,
    /// Counts its edits.
    edit: u64,
    /// When its files were last changed (RFC 3339).
    #[schema(value_type = String)]
    edited: Timestamp,
    /// `draft`, `files` or `bundle`.
    #[schema(value_type = String)]
    origin: Origin,
    /// What records call its policies.
    #[schema(example = "sha256:9f86d081884c7d65")]
    revision: String,
    /// When it is to come into force (RFC 3339).
    #[schema(value_type = Option<String>)]
    scheduled: Option<Timestamp>,
    /// `draft`, `checked`, `approved`, `scheduled`, `active`, `retired` or `withdrawn`.
    #[schema(value_type = String)]
    stage: Stage,
    /// What it is called.
    title: String,
    /// Its version.
    version: u64,
}

/// A revision.
#[derive(Serialize, ToSchema)]
pub(super) struct RevisionView {
    #[serde(flatten)]
    summary: RevisionSummary,
    /// Each time it came into force.
    #[schema(value_type = Vec<Object>)]
    activations: Value,
    /// Who agreed, when, why, and of how many changed outcomes they knew.
    #[schema(value_type = Option<Object>)]
    approval: Value,
    /// Everybody who wrote something of it: none of them may put it in force.
    editors: Vec<String>,
    /// Its files.
    files: Vec<FileView>,
    /// Everything that was done to it: what, when, by whom, why, and the record.
    #[schema(value_type = Vec<Object>)]
    history: Value,
    /// What its author wants a reader to know.
    note: String,
    /// What came of its checks; null since the last edit.
    #[schema(value_type = Option<Object>)]
    report: Value,
    /// The signatures it bears, a line of a signed note each.
    signatures: Vec<String>,
}

/// A file of a revision.
#[derive(Serialize, ToSchema)]
pub(super) struct FileView {
    /// Its length.
    bytes: usize,
    /// Its name.
    #[schema(example = "us-commerce-kaspersky.toml")]
    name: String,
}

/// What a revision is compared with.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DiffFrom {
    /// The version of the older one; its base unless given.
    pub(super) from: Option<u64>,
}

impl RevisionSummary {
    pub(super) fn of(revision: &Revision) -> Self {
        Self {
            active_from: revision.activations.last().map(|activation| activation.at),
            approved_by: revision.approval.as_ref().map(|approval| approval.by.clone()),
            author: revision.author.clone(),
            base: revision.base,
            changed: revision.report.as_ref().map(|report| report.replay.changed),
            created: revision.created,
            edit: revision.edit,
            edited: revision.edited,
            origin: revision.origin,
            revision: revision.revision.clone(),
            scheduled: revision.scheduled,
            stage: revision.stage,
            title: revision.title.clone(),
            version: revision.version,
        }
    }

    pub(super) const fn version(&self) -> u64 {
        self.version
    }
}

impl RevisionView {
    pub(super) fn of(revision: &Revision) -> Result<Self, serde_json::Error> {
        let file =
            |(name, text): (&str, &str)| FileView { bytes: text.len(), name: name.to_owned() };
        Ok(Self {
            summary: RevisionSummary::of(revision),
            activations: serde_json::to_value(&revision.activations)?,
            approval: serde_json::to_value(&revision.approval)?,
            editors: revision.editors.iter().cloned().collect(),
            files: revision.files.iter().map(file).collect(),
            history: serde_json::to_value(&revision.history)?,
            note: revision.note.clone(),
            report: serde_json::to_value(&revision.report)?,
            signatures: revision.signatures.clone(),
        })
    }
}
