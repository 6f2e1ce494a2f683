//! What came of a revision's checks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::model::Verdict;
use crate::policy::check::Severity;

/// So many changed outcomes, and so many failed cases, are listed; all are counted.
pub const MAX_LISTED: usize = 1_000;
/// So many stay listed of a revision that is over; its record has all of them.
const KEPT: usize = 50;

/// What came of a revision's checks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CheckReport {
    /// Its cases.
    pub cases: CasesReport,
    /// Which edit of the draft was checked.
    pub edit: u64,
    /// What `policy check` finds, faults that keep it from compiling among them.
    pub findings: Vec<Finding>,
    /// When the checks ended.
    pub finished: Timestamp,
    /// Recent decisions, decided again.
    pub replay: ReplayReport,
    /// What records would call its policies.
    pub revision: String,
    /// When the checks began.
    pub started: Timestamp,
}

/// Something that `policy check` finds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// What to write instead.
    pub help: String,
    /// The line, from 1.
    pub line: u64,
    /// What it is.
    pub message: String,
    /// How grave it is.
    pub severity: Severity,
}

/// What came of the cases.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CasesReport {
    /// How many failed.
    pub failed: u64,
    /// Of those the first.
    pub failures: Vec<CaseFailure>,
    /// How many passed.
    pub passed: u64,
}

/// A case that failed, or a line that is none.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFailure {
    /// Its name; empty for a line that is no case.
    pub case: String,
    /// What it expects.
    pub expected: String,
    /// The file.
    pub file: String,
    /// What was answered.
    pub got: String,
    /// The line, from 1.
    pub line: u64,
    /// Why it was answered so.
    pub reason: String,
}

/// What came of deciding recent decisions again.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayReport {
    /// How many have another verdict.
    pub changed: u64,
    /// Of those the latest, the latest first.
    pub listed: Vec<ChangedOutcome>,
    /// How many cannot be decided again.
    pub not_replayable: u64,
    /// Of those, how many for each reason.
    pub reasons: BTreeMap<String, u64>,
    /// How many went from one verdict to another, as `allow -> block`.
    pub transitions: BTreeMap<String, u64>,
    /// How many keep their verdict.
    pub unchanged: u64,
}

/// A decision that would be another one.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedOutcome {
    /// The instant for which it was decided.
    pub at: Timestamp,
    /// Its record.
    pub id: String,
    /// As it would be.
    pub new: Judged,
    /// As it was.
    pub old: Judged,
    /// The record's place.
    pub sequence: u64,
}

/// A verdict with its reason.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// The clause of the law.
    pub clause: Option<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// The rule, as `policy/rule`.
    pub rule: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
}

impl CheckReport {
    /// True if it may be approved: it compiles, `policy check` finds no error, and every case passes. What changes is for people to
    /// judge.
    pub fn passed(&self) -> bool {
        self.cases.failed == 0
            && self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }

    /// How many findings are that grave.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Without the length of its lists.
    pub(super) fn shortened(&self) -> Self {
        let mut short = self.clone();
        short.replay.listed.truncate(KEPT);
        short.cases.failures.truncate(KEPT);
        short
    }
}
