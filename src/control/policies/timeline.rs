//! The law's timeline, and which revision was in force at an instant.

use jiff::Timestamp;
use serde::Serialize;

use crate::policy::Milestone;
use crate::policy::RuleDates;
use crate::policy::load_read;

use super::Revision;
use super::State;

/// Everything that has a date.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Timeline {
    /// What came into force when, in order.
    pub activations: Vec<Era>,
    /// What the policies tell of beside their rules, such as a vendor's own dates, in order.
    pub milestones: Vec<Milestone>,
    /// Each rule of the revision in force, with its dates and its stay.
    pub rules: Vec<RuleDates>,
    /// What will come into force when, in order.
    pub scheduled: Vec<Era>,
    /// The revision in force.
    pub version: Option<u64>,
}

/// A revision, and the time that begins with it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Era {
    /// Since when.
    pub at: Timestamp,
    /// Who let it begin.
    pub by: String,
    /// What records call its policies.
    pub revision: String,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: u64,
}

/// Why a revision answers for an instant.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// Somebody asked for it.
    Chosen,
    /// Nothing was in force yet: what is in force now tells the law's own dates.
    Current,
    /// It was in force then.
    InForce,
    /// It will be, as things stand.
    Scheduled,
}

/// Everything that has a date.
pub fn timeline(state: &State) -> Timeline {
    let active = state.active();
    let compiled = active.and_then(|active| load_read(&active.files.policies()).ok());
    let title = |version| state.get(version).map_or_else(String::new, |r| r.title.clone());
    let by = |version, serial| {
        let activations = state.get(version).map_or(&[][..], |r| r.activations.as_slice());
        let activation = activations.iter().find(|activation| activation.serial == serial);
        activation.map_or_else(String::new, |activation| activation.by.clone())
    };
    let activations = state.in_force().iter().map(|era| Era {
        at: era.at,
        by: by(era.version, era.serial),
        revision: era.revision.clone(),
        title: title(era.version),
        version: era.version,
    });
    let scheduled = state.scheduled().into_iter().map(|(at, revision)| Era {
        at,
        by: revision.history.last().map_or_else(String::new, |step| step.by.clone()),
        revision: revision.revision.clone(),
        title: revision.title.clone(),
        version: revision.version,
    });
    Timeline {
        activations: activations.collect(),
        milestones: compiled.as_ref().map_or_else(Vec::new, |set| set.milestones().to_vec()),
        rules: compiled.as_ref().map_or_else(Vec::new, |set| set.dates()),
        scheduled: scheduled.collect(),
        version: active.map(|active| active.version),
    }
}

/// The revision that was in force at an instant, or would be if it is yet to come; before the first of all, the one in force now.
pub fn in_force_at(state: &State, at: Timestamp, now: Timestamp) -> Option<(&Revision, Answers)> {
    if at > now {
        let due = state.scheduled().into_iter().rev().find(|(when, _)| *when <= at);
        if let Some((_, revision)) = due {
            return Some((revision, Answers::Scheduled));
        }
    }
    let era = state.in_force().iter().rev().find(|era| era.at <= at);
    match era.and_then(|era| state.get(era.version)) {
        Some(revision) => Some((revision, Answers::InForce)),
        None => state.active().map(|revision| (revision, Answers::Current)),
    }
}
