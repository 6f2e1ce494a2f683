//! A revision, and where it stands.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::model::Actor;
use crate::model::DecisionId;

use super::super::event::Event;
use super::CheckReport;
use super::Files;

/// Where a revision stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is in force.
    Active,
    /// A second person agreed.
    Approved,
    /// Its checks passed.
    Checked,
    /// It is being written.
    Draft,
    /// It was in force.
    Retired,
    /// It will come into force by itself.
    Scheduled,
    /// It never was in force and never will be.
    Withdrawn,
}

/// Where a revision came from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was made and signed elsewhere.
    Bundle,
    /// Somebody wrote it here.
    Draft,
    /// `[policies] dir`, or the policies that ship with the program.
    Files,
}

/// How a revision came into force.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Somebody activated it.
    ByHand,
    /// The files on disk changed.
    FromFiles,
    /// Its time came.
    OnSchedule,
    /// It had been in force before.
    RolledBack,
}

/// A second person's agreement.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Approval {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Of how many changed outcomes they knew.
    pub changed: u64,
    /// Why.
    pub reason: String,
}

/// A time that a revision came into force.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Activation {
    /// Since when.
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    /// How.
    pub how: How,
    /// Why.
    pub reason: String,
    /// Its number among all activations, from 1.
    pub serial: u64,
    /// Whose signatures it had, where the operator asks for some.
    pub signers: Vec<String>,
}

/// Something that was done to a revision.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Step {
    /// What, such as `policy.approve`.
    pub action: String,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// The record.
    pub id: DecisionId,
    /// Why.
    pub reason: String,
}

/// A complete set of policy files, and its life so far.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revision {
    /// Each time it came into force.
    pub activations: Vec<Activation>,
    /// What the policies of its base were called when its checks were taken: with those it was compared.
    pub against: Option<String>,
    /// Who agreed, and when.
    pub approval: Option<Approval>,
    /// Who began it: an actor's id.
    pub author: String,
    /// The revision that it was made from. It may follow that one alone.
    pub base: Option<u64>,
    /// When it was begun.
    pub created: Timestamp,
    /// Counts its edits: what an editor names, so that two do not overwrite each other.
    pub edit: u64,
    /// When its files were last changed.
    pub edited: Timestamp,
    /// Everybody who wrote something of it, its author among them.
    pub editors: BTreeSet<String>,
    /// Its files.
    pub files: Files,
    /// Everything that was done to it.
    pub history: Vec<Step>,
    /// What its author wants a reader to know.
    pub note: String,
    /// Where it came from.
    pub origin: Origin,
    /// What came of its checks; none since the last edit.
    pub report: Option<Arc<CheckReport>>,
    /// What records call its policies.
    pub revision: String,
    /// When it is to come into force.
    pub scheduled: Option<Timestamp>,
    /// The signatures it bears, a line of a signed note each.
    pub signatures: Vec<String>,
    /// Where it stands.
    pub stage: Stage,
    /// What it is called.
    pub title: String,
    /// Its version: rising, and never used twice.
    pub version: u64,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 7] = [
        Self::Active,
        Self::Approved,
        Self::Checked,
        Self::Draft,
        Self::Retired,
        Self::Scheduled,
        Self::Withdrawn,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Approved => "approved",
            Self::Checked => "checked",
            Self::Draft => "draft",
            Self::Retired => "retired",
            Self::Scheduled => "scheduled",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Revision {
    /// One that was just begun.
    pub(super) fn begun(event: &Event, version: u64, origin: Origin, files: Files) -> Self {
        Self {
            activations: Vec::new(),
            against: None,
            approval: None,
            author: event.actor.id.clone(),
            base: None,
            created: event.at,
            edit: 1,
            edited: event.at,
            editors: BTreeSet::from([event.actor.id.clone()]),
            revision: files.revision(),
            files,
            history: Vec::new(),
            note: String::new(),
            origin,
            report: None,
            scheduled: None,
            signatures: Vec::new(),
            stage: Stage::Draft,
            title: String::new(),
            version,
        }
    }

    /// Somebody wrote on it: what was found out and agreed is void.
    pub(super) fn written(&mut self, event: &Event) {
        self.edit = self.edit.saturating_add(1);
        self.edited = event.at;
        self.editors.insert(event.actor.id.clone());
        self.revision = self.files.revision();
        self.against = None;
        self.approval = None;
        self.report = None;
        self.signatures.clear();
        self.stage = Stage::Draft;
    }

    /// True if the person wrote something of it.
    pub fn is_by(&self, actor: &Actor) -> bool {
        self.editors.contains(&actor.id)
    }

    /// True if it was in force once, or is.
    pub fn was_active(&self) -> bool {
        !self.activations.is_empty()
    }
}
