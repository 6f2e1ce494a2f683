//! The life cycle of policies, with its effects on the running gateway: everything that the API and the pages do with policies.
//!
//! Whatever comes into force is compiled first, with the catalogue read against it; then it is recorded; then it is swapped in, for
//! all workers at once. So a request is judged wholly by one revision, and a record of an activation never names one that could not
//! come into force.
//!
//! **What it must never do.** Swap in what is not recorded; leave out of force what is.

mod along;
mod asking;
mod bundles;
mod checks;
mod looking;
mod replaying;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::bundle::Trust;
use crate::control::Change;
use crate::control::Control;
use crate::control::ControlError;
use crate::control::Event;
use crate::control::State;
use crate::control::policies;
use crate::control::policies::Files;
use crate::control::policies::Revision;
use crate::control::policies::diff::RevisionDiff;
use crate::control::policies::diff::diff;
use crate::control::policies::steps;
use crate::control::policies::suspend;
use crate::control::policies::suspend::Stay;
use crate::control::policies::suspend::Which;
use crate::control::policies::timeline;
use crate::control::policies::timeline::Timeline;
use crate::enforcement::Gate;
use crate::enforcement::Snapshot;
use crate::model::Actor;
use crate::policy::PolicySet;
use crate::policy::load_read;
use crate::registry::Catalogue;

pub use along::Stop;
pub use asking::Asked;
pub use asking::Question;
pub use bundles::signed;
pub use checks::CheckProgress;
pub use checks::Phase;
pub use checks::Scope;

use checks::Checks;

/// Reads the catalogue against policies: a row may name a product of theirs.
pub type Catalogues = dyn Fn(&PolicySet) -> Result<Catalogue, String> + Send + Sync;

/// Policies of a running gateway; clones share them.
#[derive(Clone)]
pub struct Policies {
    inner: Arc<Inner>,
}

/// What [`Policies`] are made of.
pub struct PoliciesParts {
    /// Reads the catalogue.
    pub catalogues: Box<Catalogues>,
    /// The control plane's state.
    pub control: Control,
    /// The gate.
    pub gate: Arc<Gate>,
    /// `[ledger] dir`.
    pub ledger_dir: PathBuf,
    /// Whose signatures are asked for, where some are.
    pub trust: Option<Trust>,
}

struct Inner {
    checks: Checks,
    parts: PoliciesParts,
}

/// What could come into force at once.
struct Prepared {
    catalogue: Arc<Catalogue>,
    /// The one in force when this was read: another one since then may hold edits that this lacks.
    over: Arc<Catalogue>,
    policies: Arc<PolicySet>,
}

/// Whether the catalogue that was read beside policies is of the table that is in force.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Read {
    Current,
    Stale,
}

type Done = Result<Event, ControlError>;

impl Policies {
    /// Of their parts.
    pub fn new(parts: PoliciesParts) -> Self {
        Self { inner: Arc::new(Inner { checks: Checks::default(), parts }) }
    }

    /// The control plane.
    pub fn control(&self) -> &Control {
        &self.inner.parts.control
    }

    /// The gate.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.inner.parts.gate
    }

    /// A revision as it is now.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn revision(&self, version: u64) -> Result<Revision, ControlError> {
        steps::find(&self.control().state().policies, version).cloned()
    }

    /// Begins a draft of the files of a revision: of the one in force, unless `base` names another.
    ///
    /// # Errors
    /// See [`steps::create`].
    pub async fn create(&self, actor: &Actor, title: &str, note: &str, base: Option<u64>) -> Done {
        self.change(actor, "", |state| steps::create(state, actor, title, note, base)).await
    }

    /// Replaces, adds or takes away a file of a draft.
    ///
    /// # Errors
    /// See [`steps::edit`].
    pub async fn edit(
        &self,
        actor: &Actor,
        version: u64,
        edit: u64,
        file: &str,
        text: Option<Arc<str>>,
    ) -> Done {
        self.change(actor, "", |state| steps::edit(state, actor, version, edit, file, text)).await
    }

    /// Gives a draft another title, note or base.
    ///
    /// # Errors
    /// See [`steps::describe`].
    pub async fn describe(
        &self,
        actor: &Actor,
        version: u64,
        edit: u64,
        (title, note, base): (&str, &str, Option<u64>),
    ) -> Done {
        let describe = |state: &_| steps::describe(state, actor, version, edit, title, note, base);
        self.change(actor, "", describe).await
    }

    /// A draft of what is in force with a stay on some rules.
    ///
    /// # Errors
    /// See [`suspend::suspend`] and [`steps::create`].
    pub async fn suspend(&self, actor: &Actor, which: &Which, stay: &Stay, reason: &str) -> Done {
        let title = format!("Suspend {}", named(which));
        let note = format!("By {}: {}", stay.by.trim(), stay.reason.trim());
        let files = |files: &Files| suspend::suspend(files, which, stay);
        self.written_draft(actor, &title, &note, reason, files).await
    }

    /// A draft of what is in force with the stay taken off some rules, or ended at `until`.
    ///
    /// # Errors
    /// See [`suspend::resume`] and [`steps::create`].
    pub async fn resume(
        &self,
        actor: &Actor,
        which: &Which,
        until: Option<Timestamp>,
        reason: &str,
    ) -> Done {
        let title = format!("Resume {}", named(which));
        let files = |files: &Files| suspend::resume(files, which, until);
        self.written_draft(actor, &title, "", reason, files).await
    }

    async fn written_draft(
        &self,
        actor: &Actor,
        title: &str,
        note: &str,
        reason: &str,
        write: impl FnOnce(&Files) -> Result<Files, ControlError>,
    ) -> Done {
        let draft = |state: &policies::State| {
            let none = || ControlError::NotFound("revision in force".to_owned());
            let active = state.active().ok_or_else(none)?;
            let files = write(&active.files)?;
            steps::create_with(state, actor, title, note, active.version, files)
        };
        self.change(actor, reason, draft).await
    }

    /// Agrees to a revision, knowing of so many changed outcomes.
    ///
    /// # Errors
    /// See [`steps::approve`].
    pub async fn approve(&self, actor: &Actor, version: u64, changed: u64, reason: &str) -> Done {
        let approve = |state: &_| steps::approve(state, actor, version, changed, reason);
        self.change(actor, reason, approve).await
    }

    /// Lets a revision come into force at an instant.
    ///
    /// # Errors
    /// See [`steps::schedule`].
    pub async fn schedule(&self, actor: &Actor, version: u64, at: Timestamp, reason: &str) -> Done {
        let now = self.gate().now();
        let schedule = |state: &policies::State| {
            let signed = self.signed(state, version);
            steps::schedule(state, actor, version, at, now, signed, reason)
        };
        self.change(actor, reason, schedule).await
    }

    /// Takes a revision off the schedule.
    ///
    /// # Errors
    /// See [`steps::unschedule`].
    pub async fn unschedule(&self, actor: &Actor, version: u64, reason: &str) -> Done {
        self.change(actor, reason, |state| steps::unschedule(state, actor, version, reason)).await
    }

    /// Gives a revision up.
    ///
    /// # Errors
    /// See [`steps::withdraw`].
    pub async fn withdraw(&self, actor: &Actor, version: u64, reason: &str) -> Done {
        self.change(actor, reason, |state| steps::withdraw(state, actor, version, reason)).await
    }

    /// Puts a revision in force, on all workers at once.
    ///
    /// # Errors
    /// See [`steps::activate`]; `Conflict` when it does not compile, or the catalogue does not fit it. Then nothing changes.
    pub async fn activate(&self, actor: &Actor, version: u64, reason: &str) -> Done {
        let activate = |state: &policies::State| {
            steps::activate(state, actor, version, self.signed(state, version), reason)
        };
        self.enter(actor, reason, activate).await
    }

    /// Puts a revision in force again.
    ///
    /// # Errors
    /// See [`steps::roll_back`]; as [`Policies::activate`].
    pub async fn roll_back(&self, actor: &Actor, version: u64, reason: &str) -> Done {
        self.enter(actor, reason, |state| steps::roll_back(state, actor, version, reason)).await
    }

    /// Puts in force whatever's time has come, in order; how many that were.
    ///
    /// # Errors
    /// As [`Policies::activate`]: it stays scheduled.
    pub async fn fall_due(&self) -> Result<usize, ControlError> {
        let system = Actor::system();
        for count in 0_usize.. {
            let now = self.gate().now();
            let next = self.next_due().filter(|(at, _)| *at <= now);
            let Some((at, version)) = next else { return Ok(count) };
            let due = |state: &policies::State| {
                steps::fall_due(state, &system, version, now, self.signed(state, version))
            };
            self.enter(&system, &format!("scheduled for {at}"), due).await?;
        }
        Ok(0)
    }

    /// What comes into force next, and when.
    pub fn next_due(&self) -> Option<(Timestamp, u64)> {
        let state = self.control().state();
        let scheduled = state.policies.scheduled();
        scheduled.first().map(|(at, revision)| (*at, revision.version))
    }

    /// What differs from one revision to another.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn diff(&self, from: u64, to: u64) -> Result<RevisionDiff, ControlError> {
        let (from, to) = (self.revision(from)?, self.revision(to)?);
        Ok(diff(&from.files, &to.files))
    }

    /// Everything that has a date.
    pub fn timeline(&self) -> Timeline {
        timeline::timeline(&self.control().state().policies)
    }

    async fn change(
        &self,
        actor: &Actor,
        reason: &str,
        check: impl FnOnce(&policies::State) -> Result<policies::Change, ControlError>,
    ) -> Done {
        let check = |state: &State| check(&state.policies).map(Change::Policies);
        self.control().change(actor, reason, check).await
    }

    /// Compiles, records, swaps. Nobody else changes anything meanwhile, not even the catalogue: who reads that anew holds the turn.
    async fn enter(
        &self,
        actor: &Actor,
        reason: &str,
        check: impl FnOnce(&policies::State) -> Result<policies::Change, ControlError>,
    ) -> Done {
        let turn = self.control().turn().await;
        let (change, revision, before) = {
            let state = turn.state();
            let change = check(&state.policies)?;
            let revision = steps::find(&state.policies, change.version())?.clone();
            (change, revision, state.policies.serial())
        };
        let prepared = self.prepare(&revision).await?;
        let made = turn.make(actor, reason, Change::Policies(change)).await;
        // Recorded it holds, even where it could not be kept beside.
        if turn.state().policies.serial() > before {
            let policies = Arc::clone(&prepared.policies);
            if self.swap(prepared, &revision) == Read::Stale {
                self.settle(policies).await;
            }
        }
        made
    }

    async fn prepare(&self, revision: &Revision) -> Result<Prepared, ControlError> {
        let (version, texts, inner) =
            (revision.version, revision.files.policies(), Arc::clone(&self.inner));
        let over = Arc::clone(&self.gate().pin().catalogue);
        let work = tokio::task::spawn_blocking(move || {
            let policies = load_read(&texts).map_err(|errors| errors.to_string())?;
            let catalogue = Arc::new((inner.parts.catalogues)(&policies)?);
            Ok(Prepared { catalogue, over, policies: Arc::new(policies) })
        });
        let prepared: Result<Prepared, String> =
            work.await.unwrap_or_else(|error| Err(error.to_string()));
        prepared.map_err(|reason| {
            ControlError::Conflict(format!(
                "revision {version} cannot come into force, so nothing has changed: {reason}"
            ))
        })
    }

    /// Reads the catalogue once more, until none was put in force meanwhile. Its file is one that another thread reads as well.
    async fn settle(&self, policies: Arc<PolicySet>) {
        loop {
            let over = Arc::clone(&self.gate().pin().catalogue);
            let (inner, of_work) = (Arc::clone(&self.inner), Arc::clone(&policies));
            let read =
                tokio::task::spawn_blocking(move || (inner.parts.catalogues)(&of_work)).await;
            let catalogue = match read {
                Ok(Ok(catalogue)) => Arc::new(catalogue),
                Ok(Err(reason)) => {
                    tracing::error!(reason, "the catalogue cannot be read anew");
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "the catalogue was not read anew");
                    return;
                }
            };
            let next = self.gate().revise(|now| match Arc::ptr_eq(&now.catalogue, &over) {
                true => Snapshot { catalogue: Arc::clone(&catalogue), ..now },
                false => now,
            });
            if Arc::ptr_eq(&next.catalogue, &catalogue) {
                return;
            }
        }
    }

    fn swap(&self, prepared: Prepared, revision: &Revision) -> Read {
        let gate = self.gate();
        let loaded = gate.now();
        let Prepared { catalogue, over, policies } = prepared;
        let name = Arc::clone(policies.revision());
        let mut read = Read::Current;
        let next = gate.revise(|snapshot| {
            if !Arc::ptr_eq(&snapshot.catalogue, &over) {
                read = Read::Stale;
            }
            Snapshot { catalogue, loaded, policies, ..snapshot }
        });
        let metrics = gate.metrics();
        metrics.registry_rows(next.catalogue.len(), next.customers.rows());
        metrics.policies_in_force(&name, seconds(loaded));
        metrics.policy_version(revision.version, seconds(revision.edited));
        let version = revision.version;
        tracing::info!(version, revision = &*name, "policies came into force");
        read
    }
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policies").finish_non_exhaustive()
    }
}

impl fmt::Debug for PoliciesParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoliciesParts").finish_non_exhaustive()
    }
}

fn named(which: &Which) -> String {
    match &which.rule {
        Some(rule) => format!("rule {rule} of {}", which.policy),
        None => format!("all rules of {}", which.policy),
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}
