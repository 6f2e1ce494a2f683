//! What the record knows of policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::super::event::Event;
use super::Activation;
use super::Approval;
use super::Change;
use super::Files;
use super::How;
use super::Origin;
use super::Revision;
use super::Stage;
use super::Step;

/// What the record knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Which is in force.
    active: Option<u64>,
    /// What records called the policies of the files on disk when they were last taken.
    files_seen: Option<String>,
    /// Since when which revision was in force.
    in_force: Vec<InForce>,
    revisions: BTreeMap<u64, Revision>,
}

/// A time that begins with an activation, and ends with the next.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct InForce {
    /// Since when.
    pub at: Timestamp,
    /// What records call its policies.
    pub revision: String,
    /// Its number among all activations, from 1.
    pub serial: u64,
    /// Of which revision.
    pub version: u64,
}

impl State {
    /// The revision of that version.
    pub fn get(&self, version: u64) -> Option<&Revision> {
        self.revisions.get(&version)
    }

    /// Every revision, the latest first.
    pub fn revisions(&self) -> impl DoubleEndedIterator<Item = &Revision> {
        self.revisions.values().rev()
    }

    /// The revision in force; none before the first start.
    pub fn active(&self) -> Option<&Revision> {
        self.active.and_then(|version| self.get(version))
    }

    /// Those that wait for their time, the next first.
    pub fn scheduled(&self) -> Vec<(Timestamp, &Revision)> {
        let waiting = self.revisions.values().filter(|r| r.stage == Stage::Scheduled);
        let mut waiting: Vec<_> = waiting.filter_map(|r| Some((r.scheduled?, r))).collect();
        waiting.sort_by_key(|(at, revision)| (*at, revision.version));
        waiting
    }

    /// What records called the policies of the files on disk when they were last taken.
    pub fn files_seen(&self) -> Option<&str> {
        self.files_seen.as_deref()
    }

    /// Since when which revision was in force, in order.
    pub fn in_force(&self) -> &[InForce] {
        &self.in_force
    }

    /// How often something came into force.
    pub fn serial(&self) -> u64 {
        self.in_force.last().map_or(0, |last| last.serial)
    }

    /// The highest version that was ever in force. A rollback does not lower it.
    pub fn floor(&self) -> u64 {
        self.in_force.iter().map(|era| era.version).max().unwrap_or(0)
    }

    /// The version that a new revision gets.
    pub fn next_version(&self) -> u64 {
        self.revisions.keys().next_back().copied().unwrap_or(0).saturating_add(1)
    }

    /// The revisions whose policies records call so, the latest first: one, unless somebody changed the cases alone.
    pub fn of_revision(&self, revision: &str) -> Vec<u64> {
        self.revisions().filter(|r| r.revision == revision).map(|r| r.version).collect()
    }

    pub(in super::super) fn apply(&mut self, change: &Change, event: &Event) {
        let version = change.version();
        match change {
            Change::Created { base, files, note, title, .. } => {
                let begun = Revision::begun(event, version, Origin::Draft, files.clone());
                let (note, title) = (note.clone(), title.clone());
                self.revisions.insert(version, Revision { base: *base, note, title, ..begun });
            }
            Change::Imported { digest, files, title, .. } => {
                let begun = Revision::begun(event, version, Origin::Files, files.clone());
                let title = title.clone();
                self.revisions.insert(version, Revision { base: self.active, title, ..begun });
                self.files_seen = Some(digest.clone());
                self.activate(version, How::FromFiles, &[], event);
            }
            Change::Uploaded { files, made, note, signatures, signers, .. } => {
                self.upload(version, files, *made, note, signatures, signers, event);
            }
            Change::Adopted { digest, .. } => self.files_seen = Some(digest.clone()),
            Change::Activated { how, signers, .. } => self.activate(version, *how, signers, event),
            _ => {}
        }
        let base = self.get(version).and_then(|revision| self.get(revision.base?));
        let base = base.map(|base| base.revision.clone());
        let Some(revision) = self.revisions.get_mut(&version) else { return };
        revision.history.push(Step {
            action: event.action.clone(),
            at: event.at,
            by: event.actor.id.clone(),
            id: event.id,
            reason: event.reason.clone(),
        });
        match change {
            Change::Approved { changed, .. } => {
                revision.stage = Stage::Approved;
                revision.approval = Some(Approval {
                    at: event.at,
                    by: event.actor.id.clone(),
                    changed: *changed,
                    reason: event.reason.clone(),
                });
            }
            Change::Checked { report, .. } => {
                revision.report = Some(Arc::clone(report));
                revision.against = base;
                if matches!(revision.stage, Stage::Checked | Stage::Draft) {
                    revision.stage = if report.passed() { Stage::Checked } else { Stage::Draft };
                }
            }
            Change::Described { base, note, title, .. } => {
                revision.base = *base;
                revision.note.clone_from(note);
                revision.title.clone_from(title);
                revision.written(event);
            }
            Change::Edited { file, text, .. } => {
                revision.files.put(file, text.as_ref());
                revision.written(event);
            }
            Change::Scheduled { at, .. } => {
                revision.scheduled = Some(*at);
                revision.stage = Stage::Scheduled;
            }
            Change::Signed { signatures, .. } => revision.signatures.clone_from(signatures),
            Change::Unscheduled { .. } => {
                revision.scheduled = None;
                revision.stage = Stage::Approved;
            }
            Change::Withdrawn { .. } => {
                revision.scheduled = None;
                revision.end(Stage::Withdrawn);
            }
            Change::Activated { .. }
            | Change::Adopted { .. }
            | Change::Created { .. }
            | Change::Imported { .. }
            | Change::Uploaded { .. } => {}
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the members of one change")]
    fn upload(
        &mut self,
        version: u64,
        files: &Files,
        made: Timestamp,
        note: &str,
        signatures: &[String],
        signers: &[String],
        event: &Event,
    ) {
        let begun = Revision::begun(event, version, Origin::Bundle, files.clone());
        let approval = Approval {
            at: event.at,
            by: signers.join(", "),
            changed: 0,
            reason: event.reason.clone(),
        };
        let revision = Revision {
            approval: Some(approval),
            edited: made,
            signatures: signatures.to_vec(),
            stage: Stage::Approved,
            title: if note.trim().is_empty() {
                format!("Bundle {version}")
            } else {
                note.trim().to_owned()
            },
            note: note.to_owned(),
            ..begun
        };
        self.revisions.insert(version, revision);
    }

    fn activate(&mut self, version: u64, how: How, signers: &[String], event: &Event) {
        let serial = self.serial().saturating_add(1);
        if let Some(before) = self.active.and_then(|active| self.revisions.get_mut(&active)) {
            before.end(Stage::Retired);
        }
        let Some(revision) = self.revisions.get_mut(&version) else { return };
        revision.stage = Stage::Active;
        revision.scheduled = None;
        revision.activations.push(Activation {
            at: event.at,
            by: event.actor.id.clone(),
            how,
            reason: event.reason.clone(),
            serial,
            signers: signers.to_vec(),
        });
        let name = revision.revision.clone();
        self.active = Some(version);
        self.in_force.push(InForce { at: event.at, revision: name, serial, version });
    }
}

impl Revision {
    /// It is over: its lists are in the record.
    fn end(&mut self, stage: Stage) {
        self.stage = stage;
        self.report = self.report.as_ref().map(|report| Arc::new(report.shortened()));
    }
}
