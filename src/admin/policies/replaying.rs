//! Recent decisions of the ledger, decided again under a revision that is checked.

use std::collections::VecDeque;
use std::path::Path;

use jiff::Timestamp;

use crate::control::policies::ChangedOutcome;
use crate::control::policies::Judged;
use crate::control::policies::MAX_LISTED;
use crate::control::policies::ReplayReport;
use crate::ledger::LedgerError;
use crate::ledger::Reader;
use crate::ledger::Record;
use crate::ledger::SubjectKeys;
use crate::policy::PolicySet;
use crate::replay::Made;
use crate::replay::Outcome;
use crate::replay::replay;

use super::checks::Ended;
use super::checks::Job;

/// Reasons that are told apart; the others are one.
const REASONS: usize = 50;

/// Decides the latest `most` decisions again that are before record `end` and not before `since`.
pub(super) fn run(
    job: &Job,
    ledger: &Path,
    end: u64,
    most: u64,
    since: Timestamp,
    policies: &PolicySet,
) -> Result<ReplayReport, Ended> {
    let mut report = ReplayReport::default();
    let Some(from) = first(job, ledger, end, most, since).map_err(|error| failed(&error))?? else {
        return Ok(report);
    };
    let mut listed = VecDeque::new();
    let mut reader = Reader::open_at(ledger, from).map_err(|error| failed(&error))?;
    let keys = SubjectKeys::open(ledger).map_err(|error| failed(&error))?;
    while let Some(record) = reader.next_record().map_err(|error| failed(&error))? {
        if record.sequence >= end {
            break;
        }
        if !is_decision(&record) {
            continue;
        }
        job.step()?;
        let sequence = record.sequence;
        let view = record.view_with(&keys).map_err(|error| failed(&error))?;
        let replayed = replay(view, policies)
            .map_err(|error| Ended::Failed(format!("record {sequence}: {error}")))?;
        let Some(replayed) = replayed else { continue };
        match replayed.outcome {
            Outcome::Unchanged => report.unchanged = report.unchanged.saturating_add(1),
            Outcome::NotReplayable { reason } => {
                report.not_replayable = report.not_replayable.saturating_add(1);
                let known = report.reasons.len() < REASONS || report.reasons.contains_key(&reason);
                let reason = if known { reason } else { "other reasons".to_owned() };
                let count = report.reasons.entry(reason).or_default();
                *count = count.saturating_add(1);
            }
            Outcome::Changed(change) => {
                report.changed = report.changed.saturating_add(1);
                let (old, new) = (change.old.verdict.as_str(), change.new.verdict.as_str());
                let count = report.transitions.entry(format!("{old} -> {new}")).or_default();
                *count = count.saturating_add(1);
                if listed.len() >= MAX_LISTED {
                    listed.pop_back();
                }
                listed.push_front(ChangedOutcome {
                    at: replayed.at,
                    id: replayed.id,
                    new: judged(change.new),
                    old: judged(change.old),
                    sequence,
                });
            }
        }
    }
    report.listed = listed.into();
    Ok(report)
}

/// The first of the decisions that count; looked for from the end backwards, in leaps.
fn first(
    job: &Job,
    ledger: &Path,
    end: u64,
    most: u64,
    since: Timestamp,
) -> Result<Result<Option<u64>, Ended>, LedgerError> {
    let wanted = usize::try_from(most).unwrap_or(usize::MAX);
    let mut back = most.saturating_mul(3).saturating_add(1_000);
    loop {
        let from = end.saturating_sub(back);
        let mut latest = VecDeque::new();
        let mut older = false;
        let mut reader = Reader::open_at(ledger, from)?;
        while let Some(record) = reader.next_record()? {
            if record.sequence >= end {
                break;
            }
            if let Err(cancelled) = job.wanted() {
                return Ok(Err(cancelled.into()));
            }
            if record.instant < since {
                older = true;
                continue;
            }
            if is_decision(&record) {
                latest.push_back(record.sequence);
                if latest.len() > wanted {
                    latest.pop_front();
                }
            }
        }
        if latest.len() >= wanted || older || from == 0 {
            job.expect(u64::try_from(latest.len()).unwrap_or(u64::MAX));
            return Ok(Ok(latest.front().copied().filter(|_| wanted > 0)));
        }
        back = back.saturating_mul(4);
    }
}

/// True for a decision about somebody's request. What was only asked about is none.
fn is_decision(record: &Record<'_>) -> bool {
    const KINDS: [&[u8]; 2] = [b"\"kind\":\"decision\"", b"\"kind\":\"cart\""];
    let is_of =
        |envelope: &[u8]| KINDS.iter().any(|kind| memchr::memmem::find(envelope, kind).is_some());
    record.parts().is_some_and(|parts| is_of(parts.envelope))
}

fn judged(made: Made) -> Judged {
    let rule = made.policy.zip(made.rule).map(|(policy, rule)| format!("{policy}/{rule}"));
    Judged { clause: made.clause, reason: made.reason, rule, verdict: made.verdict }
}

fn failed(error: &LedgerError) -> Ended {
    Ended::Failed(error.to_string())
}
