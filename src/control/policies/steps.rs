//! Which step may be taken now, by whom: each function looks at the state, and says the change or why there is none.

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::Actor;
use crate::model::Role;
use crate::model::Via;

use super::super::error::ControlError;
use super::Change;
use super::CheckReport;
use super::Files;
use super::How;
use super::Origin;
use super::Revision;
use super::Stage;
use super::State;

pub use super::arriving::OnDisk;
pub use super::arriving::on_disk;
pub use super::arriving::upload;

/// Bytes of a title.
const MAX_TITLE: usize = 200;
/// Bytes of a note.
const MAX_NOTE: usize = 20_000;
/// Drafts that are open at once.
const MAX_OPEN: usize = 100;

/// What the operator's keys say of a revision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Signed {
    /// Too few have signed; this says who is to.
    No(String),
    /// The operator names no keys.
    NotAsked,
    /// These have signed.
    Yes(Vec<String>),
}

pub(super) type Checked = Result<Change, ControlError>;

/// Begins a draft from the files of a revision: the one in force, if none is named.
///
/// # Errors
/// `Forbidden` for who does not write policies; `NotFound` for a base that is not there; `Conflict` for too many drafts.
pub fn create(state: &State, actor: &Actor, title: &str, note: &str, base: Option<u64>) -> Checked {
    let base = match base {
        Some(version) => find(state, version)?,
        None => state.active().ok_or_else(|| ControlError::NotFound("revision in force".into()))?,
    };
    create_with(state, actor, title, note, base.version, base.files.clone())
}

/// Begins a draft of these files.
///
/// # Errors
/// As [`create`].
pub fn create_with(
    state: &State,
    actor: &Actor,
    title: &str,
    note: &str,
    base: u64,
    files: Files,
) -> Checked {
    writes(actor)?;
    let open = |revision: &&Revision| matches!(revision.stage, Stage::Draft | Stage::Checked);
    if state.revisions().filter(open).count() >= MAX_OPEN {
        return conflict(format!("{MAX_OPEN} drafts are open: withdraw those that nobody needs"));
    }
    let (title, note) = texts(title, note)?;
    Ok(Change::Created { base: Some(base), files, note, title, version: state.next_version() })
}

/// Replaces a file of a draft, adds one, or takes it away (`text` none). `edit` is the edit that the editor looked at.
///
/// # Errors
/// `Conflict` when somebody else was faster, or it is no draft any more; `Invalid` for a name or size.
pub fn edit(
    state: &State,
    actor: &Actor,
    version: u64,
    edit: u64,
    file: &str,
    text: Option<Arc<str>>,
) -> Checked {
    let revision = writable(state, actor, version, edit)?;
    revision.files.with(file, text.clone())?;
    Ok(Change::Edited { file: file.to_owned(), text, version })
}

/// Gives a draft another title and note, or another base: then whoever checks and approves it compares it with that.
///
/// # Errors
/// As [`edit`]; `NotFound` for a base that is not there.
pub fn describe(
    state: &State,
    actor: &Actor,
    version: u64,
    edit: u64,
    title: &str,
    note: &str,
    base: Option<u64>,
) -> Checked {
    let revision = writable(state, actor, version, edit)?;
    let base = match base {
        Some(base) if base == version => {
            return Err(ControlError::Invalid("base: a draft does not follow itself".into()));
        }
        Some(base) => Some(find(state, base)?.version),
        None => revision.base,
    };
    let (title, note) = texts(title, note)?;
    Ok(Change::Described { base, note, title, version })
}

/// True if the checks of a revision may be run now.
///
/// # Errors
/// `Conflict` when it is not its turn; `Forbidden` for who works on no policies.
pub fn may_check<'a>(
    state: &'a State,
    actor: &Actor,
    version: u64,
) -> Result<&'a Revision, ControlError> {
    if !actor.roles.contains(Role::PolicyAuthor) && !actor.roles.contains(Role::PolicyApprover) {
        return forbidden("policies are checked by their authors and approvers");
    }
    let revision = find(state, version)?;
    let waits = matches!(revision.stage, Stage::Draft | Stage::Checked)
        || (revision.origin == Origin::Bundle && revision.stage == Stage::Approved);
    if !waits {
        return turn(revision, "checks are for drafts");
    }
    Ok(revision)
}

/// Takes what came of the checks.
///
/// # Errors
/// As [`may_check`]; `Conflict` when it was edited meanwhile.
pub fn checked(state: &State, actor: &Actor, version: u64, report: Arc<CheckReport>) -> Checked {
    let revision = may_check(state, actor, version)?;
    if report.edit != revision.edit || report.revision != revision.revision {
        return conflict(format!("revision {version} was edited meanwhile: check it again"));
    }
    Ok(Change::Checked { report, version })
}

/// Agrees to a revision. `changed` is the number of changed outcomes in its report, so that nobody approves what they did not see.
///
/// # Errors
/// `Forbidden` for whoever wrote something of it; `Conflict` when it is not checked, or another number of outcomes changes.
pub fn approve(state: &State, actor: &Actor, version: u64, changed: u64, reason: &str) -> Checked {
    let revision = decides(state, actor, version, reason)?;
    second_person(revision, actor)?;
    let report = match &revision.report {
        Some(report) if revision.stage == Stage::Checked && report.passed() => report,
        _ => return turn(revision, "only what is checked can be approved"),
    };
    same_base(state, revision)?;
    if report.replay.changed != changed {
        let changes = report.replay.changed;
        return conflict(format!(
            "{changes} outcomes change under revision {version}, not {changed}: look at them, and give that number"
        ));
    }
    Ok(Change::Approved { changed, version })
}

/// Adds signatures.
///
/// # Errors
/// `Conflict` unless it is checked, approved or scheduled.
pub fn sign(state: &State, actor: &Actor, version: u64, signatures: Vec<String>) -> Checked {
    if !actor.roles.contains(Role::PolicyAuthor) && !actor.roles.contains(Role::PolicyApprover) {
        return forbidden("signatures are handed in by authors and approvers of policies");
    }
    let revision = find(state, version)?;
    if !matches!(revision.stage, Stage::Approved | Stage::Checked | Stage::Scheduled) {
        return turn(revision, "what is signed is checked and does not change any more");
    }
    Ok(Change::Signed { signatures, version })
}

/// Lets a revision come into force at an instant.
///
/// # Errors
/// As [`activate`]; `Invalid` for an instant that is over; `Conflict` for one at which another revision begins.
pub fn schedule(
    state: &State,
    actor: &Actor,
    version: u64,
    at: Timestamp,
    now: Timestamp,
    signed: Signed,
    reason: &str,
) -> Checked {
    let revision = decides(state, actor, version, reason)?;
    second_person(revision, actor)?;
    if !matches!(revision.stage, Stage::Approved | Stage::Scheduled) {
        return turn(revision, "only what is approved can be scheduled");
    }
    signers(revision, signed)?;
    if at <= now {
        return Err(ControlError::Invalid(format!("at: {at} is over; activate it instead")));
    }
    let waiting = state.scheduled();
    let others = || waiting.iter().filter(|(_, other)| other.version != version);
    if let Some((_, other)) = others().find(|(when, _)| *when == at) {
        return conflict(format!("revision {} begins at that very instant", other.version));
    }
    let mut before = others().filter(|(when, _)| *when < at).map(|(_, other)| other.version);
    let before = before.next_back().or(state.active().map(|active| active.version));
    follows(state, revision, before)?;
    Ok(Change::Scheduled { at, version })
}

/// Takes a revision off the schedule.
///
/// # Errors
/// `Conflict` unless it is scheduled.
pub fn unschedule(state: &State, actor: &Actor, version: u64, reason: &str) -> Checked {
    let revision = decides(state, actor, version, reason)?;
    if revision.stage != Stage::Scheduled {
        return turn(revision, "it is not scheduled");
    }
    Ok(Change::Unscheduled { version })
}

/// Puts a revision in force.
///
/// # Errors
/// `Forbidden` for whoever wrote something of it; `Conflict` when it is not approved, not signed by as many as the operator asks for, or
/// made from another revision than the one in force.
pub fn activate(
    state: &State,
    actor: &Actor,
    version: u64,
    signed: Signed,
    reason: &str,
) -> Checked {
    let revision = decides(state, actor, version, reason)?;
    second_person(revision, actor)?;
    comes(state, revision, signed, How::ByHand)
}

/// Puts a revision in force whose time has come.
///
/// # Errors
/// `Forbidden` for anybody but the program itself; as [`activate`].
pub fn fall_due(
    state: &State,
    actor: &Actor,
    version: u64,
    now: Timestamp,
    signed: Signed,
) -> Checked {
    itself(actor)?;
    let revision = find(state, version)?;
    if revision.stage != Stage::Scheduled || revision.scheduled.is_none_or(|at| now < at) {
        return turn(revision, "its time has not come");
    }
    comes(state, revision, signed, How::OnSchedule)
}

fn comes(state: &State, revision: &Revision, signed: Signed, how: How) -> Checked {
    let version = revision.version;
    if !matches!(revision.stage, Stage::Approved | Stage::Scheduled) {
        return turn(revision, "only what is approved can be activated");
    }
    let signers = signers(revision, signed)?;
    match revision.origin {
        Origin::Bundle if version <= state.floor() => {
            let floor = state.floor();
            return conflict(format!(
                "version {floor} was in force: a bundle of version {version} goes back"
            ));
        }
        Origin::Bundle => {}
        Origin::Draft | Origin::Files => {
            follows(state, revision, state.active().map(|active| active.version))?;
        }
    }
    Ok(Change::Activated { how, signers, version })
}

/// Puts a revision in force again that was in force before.
///
/// # Errors
/// `Conflict` for one that never was in force, or is now.
pub fn roll_back(state: &State, actor: &Actor, version: u64, reason: &str) -> Checked {
    let revision = decides(state, actor, version, reason)?;
    if revision.stage != Stage::Retired || !revision.was_active() {
        return turn(revision, "only what was in force before can be rolled back to");
    }
    Ok(Change::Activated { how: How::RolledBack, signers: Vec::new(), version })
}

/// Gives a revision up.
///
/// # Errors
/// `Conflict` for one that is or was in force; `Forbidden` for who works on no policies.
pub fn withdraw(state: &State, actor: &Actor, version: u64, reason: &str) -> Checked {
    if !actor.roles.contains(Role::PolicyAuthor) && !actor.roles.contains(Role::PolicyApprover) {
        return forbidden("policies are withdrawn by their authors and approvers");
    }
    because(reason)?;
    let revision = find(state, version)?;
    match revision.stage {
        Stage::Approved | Stage::Checked | Stage::Draft | Stage::Scheduled => {
            Ok(Change::Withdrawn { version })
        }
        Stage::Active | Stage::Retired | Stage::Withdrawn => {
            turn(revision, "only what was never in force can be withdrawn")
        }
    }
}

/// The revision of that version.
///
/// # Errors
/// `NotFound`.
pub fn find(state: &State, version: u64) -> Result<&Revision, ControlError> {
    state.get(version).ok_or_else(|| ControlError::NotFound(format!("revision {version}")))
}

fn writable<'a>(
    state: &'a State,
    actor: &Actor,
    version: u64,
    edit: u64,
) -> Result<&'a Revision, ControlError> {
    writes(actor)?;
    let revision = find(state, version)?;
    let open = matches!(revision.stage, Stage::Approved | Stage::Checked | Stage::Draft);
    if !open || revision.origin != Origin::Draft {
        return turn(revision, "only drafts are edited: begin one from it");
    }
    if revision.edit != edit {
        let now = revision.edit;
        return conflict(format!(
            "revision {version} was edited meanwhile (edit {now}, not {edit}): read it again"
        ));
    }
    Ok(revision)
}

fn writes(actor: &Actor) -> Result<(), ControlError> {
    match actor.roles.contains(Role::PolicyAuthor) {
        true => Ok(()),
        false => forbidden("drafts are written by policy authors"),
    }
}

fn decides<'a>(
    state: &'a State,
    actor: &Actor,
    version: u64,
    reason: &str,
) -> Result<&'a Revision, ControlError> {
    if !actor.roles.contains(Role::PolicyApprover) {
        return forbidden("what comes into force is decided by policy approvers");
    }
    because(reason)?;
    find(state, version)
}

fn second_person(revision: &Revision, actor: &Actor) -> Result<(), ControlError> {
    match revision.is_by(actor) {
        true => forbidden(
            "whoever wrote something of a revision does not put it in force: ask a second person",
        ),
        false => Ok(()),
    }
}

fn itself(actor: &Actor) -> Result<(), ControlError> {
    match actor.via {
        Via::System => Ok(()),
        Via::Command | Via::Session | Via::Token => {
            forbidden("what is scheduled comes into force by itself")
        }
    }
}

fn because(reason: &str) -> Result<(), ControlError> {
    match reason.trim().is_empty() {
        true => Err(ControlError::Invalid("reason: say why, for the record".into())),
        false => Ok(()),
    }
}

/// What was checked and approved was compared with its base: it follows that one, or would undo what came between.
fn follows(state: &State, revision: &Revision, before: Option<u64>) -> Result<(), ControlError> {
    if revision.base == before {
        return same_base(state, revision);
    }
    let name = |version: Option<u64>| {
        version.map_or_else(|| "nothing".to_owned(), |version| format!("revision {version}"))
    };
    conflict(format!(
        "revision {} was made from {}, and would follow {}: give it that base, and have it checked and approved again",
        revision.version,
        name(revision.base),
        name(before)
    ))
}

/// A base that is a draft itself may be edited: what was compared with it before was compared with something else.
fn same_base(state: &State, revision: &Revision) -> Result<(), ControlError> {
    let base = revision.base.and_then(|base| state.get(base));
    match base.map(|base| &base.revision) == revision.against.as_ref() {
        true => Ok(()),
        false => conflict(format!(
            "the revision that {} was made from was edited after the checks: give it that base once more, and have it checked and approved again",
            revision.version
        )),
    }
}

fn signers(revision: &Revision, signed: Signed) -> Result<Vec<String>, ControlError> {
    match signed {
        Signed::NotAsked => Ok(Vec::new()),
        Signed::Yes(signers) => Ok(signers),
        Signed::No(reason) => {
            conflict(format!("revision {} is not signed: {reason}", revision.version))
        }
    }
}

fn texts(title: &str, note: &str) -> Result<(String, String), ControlError> {
    let (title, note) = (title.trim(), note.trim());
    if title.is_empty() || title.len() > MAX_TITLE || title.chars().any(char::is_control) {
        return Err(ControlError::Invalid(format!(
            "title: write one line of at most {MAX_TITLE} bytes"
        )));
    }
    if note.len() > MAX_NOTE {
        return Err(ControlError::Invalid(format!("note: longer than {MAX_NOTE} bytes")));
    }
    Ok((title.to_owned(), note.to_owned()))
}

fn turn<T>(revision: &Revision, why: &str) -> Result<T, ControlError> {
    conflict(format!("revision {} is {}: {why}", revision.version, revision.stage.as_str()))
}

pub(super) fn conflict<T>(text: impl Into<String>) -> Result<T, ControlError> {
    Err(ControlError::Conflict(text.into()))
}

pub(super) fn forbidden<T>(text: &str) -> Result<T, ControlError> {
    Err(ControlError::Forbidden(text.to_owned()))
}
