//! Runs the checks of a revision in the background: one at a time, with progress, and they can be cancelled.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Serialize;

use crate::control::Change;
use crate::control::ControlError;
use crate::control::State;
use crate::control::policies::CaseFailure;
use crate::control::policies::CasesReport;
use crate::control::policies::CheckReport;
use crate::control::policies::Finding;
use crate::control::policies::MAX_LISTED;
use crate::control::policies::ReplayReport;
use crate::control::policies::Revision;
use crate::control::policies::steps;
use crate::model::Actor;
use crate::model::CatalogueEntry;
use crate::model::CatalogueLookup;
use crate::policy::PolicyError;
use crate::policy::PolicyErrors;
use crate::policy::PolicySet;
use crate::policy::Reseller;
use crate::policy::Setting;
use crate::policy::cases::CaseOutcome;
use crate::policy::cases::gather_stated;
use crate::policy::cases::read_cases;
use crate::policy::cases::run_case;
use crate::policy::check::Severity;
use crate::policy::check::check;
use crate::policy::load_read;

use super::Policies;
use super::replaying;

/// Decisions that are decided again, unless somebody says otherwise.
const RECORDS: u64 = 10_000;
/// At least so many decisions: whoever wrote a revision does not choose to have none looked at.
const LEAST_RECORDS: u64 = 1_000;
/// Most decisions.
const MOST_RECORDS: u64 = 100_000;
/// Days that they lie back, unless somebody says otherwise.
const DAYS: u16 = 7;
/// Most days.
const MOST_DAYS: u16 = 3_660;

/// Which decisions are decided again: the latest, but none that is older.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scope {
    /// So many days.
    pub days: u16,
    /// So many decisions.
    pub records: u64,
}

impl Scope {
    /// The usual scope, where nothing is said otherwise.
    ///
    /// # Errors
    /// `Invalid` for more than there is time for, and for so few that a report tells nothing.
    pub fn of(records: Option<u64>, days: Option<u16>) -> Result<Self, ControlError> {
        let scope = Self { days: days.unwrap_or(DAYS), records: records.unwrap_or(RECORDS) };
        if !(LEAST_RECORDS..=MOST_RECORDS).contains(&scope.records) {
            let range = format!("records: {LEAST_RECORDS} to {MOST_RECORDS}");
            return Err(ControlError::Invalid(range));
        }
        if !(1..=MOST_DAYS).contains(&scope.days) {
            return Err(ControlError::Invalid(format!("days: 1 to {MOST_DAYS}")));
        }
        Ok(scope)
    }
}

/// How far a check is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Somebody cancelled it.
    Cancelled,
    /// The cases are run.
    Cases,
    /// It is over, and its report is with the revision.
    Done,
    /// It could not be ended; `problem` says why.
    Failed,
    /// The policies are read.
    Policies,
    /// Recent decisions are decided again.
    Replay,
}

/// How far a check is, for who waits for it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct CheckProgress {
    /// Steps of this phase that are done: cases, or decisions.
    pub done: u64,
    /// Which edit is checked.
    pub edit: u64,
    /// How far it is.
    pub phase: Phase,
    /// Why it failed.
    pub problem: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// Steps of this phase; 0 where that is not known yet.
    pub total: u64,
    /// The revision.
    pub version: u64,
}

impl CheckProgress {
    /// True while it goes on.
    pub const fn runs(&self) -> bool {
        matches!(self.phase, Phase::Cases | Phase::Policies | Phase::Replay)
    }
}

/// The check that runs, or the last that did.
#[derive(Debug, Default)]
pub(super) struct Checks(Mutex<Option<Arc<Job>>>);

/// A check.
#[derive(Debug)]
pub(super) struct Job {
    cancelled: AtomicBool,
    done: AtomicU64,
    edit: u64,
    phase: Mutex<(Phase, Option<String>)>,
    started: Timestamp,
    total: AtomicU64,
    version: u64,
}

/// Somebody cancelled it.
#[derive(Debug)]
pub(super) struct Cancelled;

impl Job {
    fn progress(&self) -> CheckProgress {
        let (phase, problem) = self.phase.lock().unwrap_or_else(PoisonError::into_inner).clone();
        CheckProgress {
            done: self.done.load(Ordering::Relaxed),
            edit: self.edit,
            phase,
            problem,
            started: self.started,
            total: self.total.load(Ordering::Relaxed),
            version: self.version,
        }
    }

    fn enter(&self, phase: Phase, problem: Option<String>) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = (phase, problem);
    }

    /// So many steps come now.
    pub(super) fn expect(&self, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// A step is done, unless nobody wants it any more.
    pub(super) fn step(&self) -> Result<(), Cancelled> {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.wanted()
    }

    /// Whether anybody still wants it.
    pub(super) fn wanted(&self) -> Result<(), Cancelled> {
        match self.cancelled.load(Ordering::Relaxed) {
            true => Err(Cancelled),
            false => Ok(()),
        }
    }
}

/// Why a check has no report.
pub(super) enum Ended {
    Cancelled,
    Failed(String),
}

impl From<Cancelled> for Ended {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl Policies {
    /// Begins the checks of a revision; they go on in the background.
    ///
    /// # Errors
    /// `Conflict` while others run, or when it is not the revision's turn; see [`steps::may_check`].
    pub fn begin_check(
        &self,
        actor: &Actor,
        version: u64,
        scope: Scope,
    ) -> Result<CheckProgress, ControlError> {
        let state = self.control().state();
        let revision = steps::may_check(&state.policies, actor, version)?.clone();
        drop(state);
        let job = Arc::new(Job {
            cancelled: AtomicBool::new(false),
            done: AtomicU64::new(0),
            edit: revision.edit,
            phase: Mutex::new((Phase::Policies, None)),
            started: self.gate().now(),
            total: AtomicU64::new(0),
            version,
        });
        let mut current = self.inner.checks.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runs) = current.as_ref().map(|job| job.progress()).filter(|p| p.runs()) {
            return Err(ControlError::Conflict(format!(
                "revision {} is being checked: wait for it, or cancel that",
                runs.version
            )));
        }
        *current = Some(Arc::clone(&job));
        drop(current);
        let progress = job.progress();
        let (policies, actor) = (self.clone(), actor.clone());
        // A thread of its own: nobody waits for it but who asks how far it is.
        drop(tokio::task::spawn_blocking(move || policies.check(&job, &actor, &revision, scope)));
        Ok(progress)
    }

    /// How far the check is that runs, or the last that did.
    pub fn check_progress(&self) -> Option<CheckProgress> {
        let current = self.inner.checks.0.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|job| job.progress())
    }

    /// Cancels the check of a revision that runs; false if there is none.
    pub fn cancel_check(&self, version: u64) -> bool {
        let current = self.inner.checks.0.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = current.as_ref().filter(|job| job.version == version && job.progress().runs());
        runs.inspect(|job| job.cancelled.store(true, Ordering::Relaxed)).is_some()
    }

    fn check(&self, job: &Job, actor: &Actor, revision: &Revision, scope: Scope) {
        let report = match self.report(job, revision, scope) {
            Ok(report) => Arc::new(report),
            Err(Ended::Cancelled) => return job.enter(Phase::Cancelled, None),
            Err(Ended::Failed(problem)) => return job.enter(Phase::Failed, Some(problem)),
        };
        let version = revision.version;
        let take = |state: &State| {
            steps::checked(&state.policies, actor, version, report).map(Change::Policies)
        };
        let taken =
            tokio::runtime::Handle::current().block_on(self.control().change(actor, "", take));
        match taken {
            Ok(_) => job.enter(Phase::Done, None),
            Err(error) => job.enter(Phase::Failed, Some(error.to_string())),
        }
    }

    fn report(&self, job: &Job, revision: &Revision, scope: Scope) -> Result<CheckReport, Ended> {
        let mut report = CheckReport {
            cases: CasesReport::default(),
            edit: revision.edit,
            findings: Vec::new(),
            finished: job.started,
            replay: ReplayReport::default(),
            revision: revision.revision.clone(),
            started: job.started,
        };
        let texts = revision.files.policies();
        match (load_read(&texts), check(&texts, None, job.started)) {
            (Ok(set), Ok(findings)) => {
                report.findings.extend(findings.iter().map(|finding| Finding {
                    file: finding.fault.file().to_owned(),
                    help: finding.fault.help_text().to_owned(),
                    line: wide(finding.fault.line()),
                    message: finding.fault.message().to_owned(),
                    severity: finding.severity,
                }));
                report.cases = cases(job, revision, &set)?;
                job.enter(Phase::Replay, None);
                let since = job.started.checked_sub(SignedDuration::from_hours(
                    i64::from(scope.days).saturating_mul(24),
                ));
                let since = since.unwrap_or(Timestamp::MIN);
                let parts = &self.inner.parts;
                let end = parts.gate.ledger().status().next_sequence;
                report.replay =
                    replaying::run(job, &parts.ledger_dir, end, scope.records, since, &set)?;
            }
            (Err(errors), _) | (_, Err(errors)) => report.findings = faults(&errors),
        }
        report.finished = self.gate().now();
        Ok(report)
    }
}

fn cases(job: &Job, revision: &Revision, set: &PolicySet) -> Result<CasesReport, Ended> {
    job.enter(Phase::Cases, None);
    let lines: usize = revision.files.cases().map(|(_, text)| text.lines().count()).sum();
    job.expect(wide(lines));
    let reseller = Reseller::default();
    let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
    let mut report = CasesReport::default();
    for (file, text) in revision.files.cases() {
        for (line, case) in read_cases(text) {
            job.step()?;
            let failure = |case: &str, expected: String, got: String, reason: String| CaseFailure {
                case: case.to_owned(),
                expected,
                file: file.to_owned(),
                got,
                line: wide(line),
                reason,
            };
            let failed = match case {
                Err(error) => {
                    failure("", "a case".to_owned(), "none".to_owned(), error.to_string())
                }
                Ok(case) => match run_case(&case, set, &setting, job.started, &mut gather_stated) {
                    CaseOutcome::Passed => {
                        report.passed = report.passed.saturating_add(1);
                        continue;
                    }
                    CaseOutcome::Failed { expected, got, reason } => {
                        failure(&case.name, expected, got, reason)
                    }
                },
            };
            report.failed = report.failed.saturating_add(1);
            if report.failures.len() < MAX_LISTED {
                report.failures.push(failed);
            }
        }
    }
    Ok(report)
}

fn faults(errors: &PolicyErrors) -> Vec<Finding> {
    let faults = errors.iter().map(|error| match error {
        PolicyError::Fault(fault) => Finding {
            file: fault.file().to_owned(),
            help: fault.help_text().to_owned(),
            line: wide(fault.line()),
            message: fault.message().to_owned(),
            severity: Severity::Error,
        },
        PolicyError::Empty(_) | PolicyError::Unreadable { .. } => Finding {
            file: String::new(),
            help: String::new(),
            line: 1,
            message: error.to_string(),
            severity: Severity::Error,
        },
    });
    faults.collect()
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Policies are tested by what they say themselves.
#[derive(Debug)]
struct NoCatalogue;

impl CatalogueLookup for NoCatalogue {
    fn find(&self, _folded_sku: &str) -> Option<&CatalogueEntry> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_a_revision_compared_with_nothing() {
        for (records, days) in [(Some(0), None), (Some(999), None), (None, Some(0))] {
            assert!(Scope::of(records, days).is_err(), "{records:?} {days:?}");
        }
        assert_eq!(Scope::of(None, None).unwrap(), Scope { days: 7, records: 10_000 });
        assert!(Scope::of(Some(1_000), Some(1)).is_ok());
    }
}
