//! What became of a judged request: one linked `outcome` record for each record that it left, whichever way it ends.
//!
//! A [`Delivery`] accompanies a request from its first byte. Whoever records for the request names the record to it; whoever
//! answers says with what, how many bytes the client's connection took, and how it ended. When the last of them lets go of it,
//! be it because all is sent, the client has gone, or a worker panics, the outcomes are queued. Nobody waits for them: the
//! ledger writes them with the next records, within its sync window.
//!
//! INVARIANT: a ledger that takes no records costs no outcome. Up to [`KEPT`] of them wait in memory until it does again; what
//! is lost beyond is counted, and told in the log.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use smallvec::SmallVec;

pub use crate::ledger::End;
use crate::ledger::Entry;
use crate::ledger::Head;
use crate::ledger::Ledger;
use crate::ledger::LedgerError;
use crate::model::DecisionId;
use crate::telemetry::LineBudget;
use crate::telemetry::Metrics;

use super::record::Kind;
use super::time::MonotoneClock;

/// Outcomes that wait in memory for a ledger that takes none.
const KEPT: usize = 65_536;
/// Outcomes that are appended at a time, so that nobody waits for a whole backlog.
const AT_ONCE: usize = 1_024;

/// Where outcomes go. Shared by all workers.
#[derive(Debug)]
pub(super) struct Outcomes {
    clock: Arc<MonotoneClock>,
    /// Whether `kept` holds any, so that the common path takes no lock.
    is_behind: AtomicBool,
    kept: Mutex<VecDeque<Outcome>>,
    ledger: Ledger,
    /// Of what is lost, so that a stranger's requests do not fill the log.
    lost_lines: LineBudget,
    metrics: Arc<Metrics>,
}

/// How one request ended.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    at: Timestamp,
    bytes: u64,
    end: End,
    notice: Option<&'static str>,
    of: DecisionId,
    status: u16,
}

/// A record that a request left.
#[derive(Clone, Copy, Debug)]
struct Recorded {
    id: DecisionId,
    /// Bytes of its own part of the answer, if it has one.
    part: Option<u64>,
}

/// What becomes of one request's answer.
#[derive(Debug)]
pub struct Delivery {
    bytes: Cell<u64>,
    end: Cell<End>,
    /// Someone else says how it ends.
    is_taken: Cell<bool>,
    notice: Cell<Option<&'static str>>,
    /// The records that the request left.
    of: RefCell<SmallVec<[Recorded; 1]>>,
    outcomes: Arc<Outcomes>,
    status: Cell<u16>,
}

impl Outcomes {
    pub(super) fn new(clock: Arc<MonotoneClock>, ledger: Ledger, metrics: Arc<Metrics>) -> Self {
        let (is_behind, kept) = (AtomicBool::new(false), Mutex::default());
        let lost_lines = LineBudget::default();
        Self { clock, is_behind, kept, ledger, lost_lines, metrics }
    }

    /// Appends what is kept, as far as the ledger takes it and at most so many at a time.
    pub(super) fn retry(&self) {
        if !self.is_behind.load(Ordering::Relaxed) {
            return;
        }
        let mut kept = self.kept();
        for _ in 0..AT_ONCE {
            let Some(outcome) = kept.front() else { break };
            if self.append(outcome).is_err() {
                return;
            }
            kept.pop_front();
        }
        self.is_behind.store(!kept.is_empty(), Ordering::Relaxed);
    }

    fn conclude(&self, outcome: Outcome) {
        self.retry();
        if !self.is_behind.load(Ordering::Relaxed) {
            match self.append(&outcome) {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(of = %outcome.of, %error, "an outcome waits for the ledger")
                }
            }
        }
        let mut kept = self.kept();
        self.is_behind.store(true, Ordering::Relaxed);
        if kept.len() >= KEPT {
            drop(kept);
            self.metrics.outcome_lost();
            if self.lost_lines.ask(outcome.at.as_second()).is_none() {
                return;
            }
            tracing::error!(of = %outcome.of, "an outcome is lost: the ledger has taken none for too long");
            return;
        }
        kept.push_back(outcome);
    }

    fn append(&self, outcome: &Outcome) -> Result<(), LedgerError> {
        let Outcome { at, bytes, end, notice, of, status } = *outcome;
        let entry = Entry {
            document: None,
            head: Head::Outcome { bytes, end, notice, of, status },
            id: DecisionId::new(at),
            kind: Kind::Outcome.as_str(),
            personal: None,
            subject: None,
        };
        // The sync thread writes it within the window.
        drop(self.ledger.enqueue(at, &entry)?);
        self.metrics.recorded();
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Outcome>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outcomes {
    /// The gateway ends. What the ledger still does not take is lost.
    fn drop(&mut self) {
        let mut kept = std::mem::take(self.kept.get_mut().unwrap_or_else(PoisonError::into_inner));
        while let Some(outcome) = kept.front() {
            if let Err(error) = self.append(outcome) {
                let outcomes = kept.len();
                tracing::error!(outcomes, %error, "outcomes are lost: the ledger takes none");
                return;
            }
            kept.pop_front();
        }
    }
}

impl Delivery {
    pub(super) fn new(outcomes: &Arc<Outcomes>) -> Self {
        Self {
            bytes: Cell::new(0),
            end: Cell::new(End::Cancelled),
            is_taken: Cell::new(false),
            notice: Cell::new(None),
            of: RefCell::default(),
            outcomes: Arc::clone(outcomes),
            status: Cell::new(0),
        }
    }

    /// A record of the request has its place in the ledger.
    pub(super) fn recorded(&self, id: DecisionId) {
        self.of.borrow_mut().push(Recorded { id, part: None });
    }

    /// True if the request left a record.
    pub fn is_recorded(&self) -> bool {
        !self.of.borrow().is_empty()
    }

    /// The answer's status; until it is set, no answer was given.
    pub fn answered(&self, status: u16) {
        self.status.set(status);
    }

    /// The client was shown something in place of what it asked for. The first word stands.
    pub fn noticed(&self, notice: &'static str) {
        if self.notice.get().is_none() {
            self.notice.set(Some(notice));
        }
    }

    /// So many bytes of the answer's body went to the client.
    pub fn sent(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes.set(self.bytes.get().saturating_add(bytes));
    }

    /// The part of the answer that is about the record made last has so many bytes, once the answer is sent.
    pub fn part(&self, bytes: usize) {
        if let Some(last) = self.of.borrow_mut().last_mut() {
            last.part = u64::try_from(bytes).ok();
        }
    }

    /// How it ended; until it is said, the client has gone away.
    pub fn ended(&self, end: End) {
        self.end.set(end);
    }

    /// Says that whoever holds another reference tells the rest; true if someone did before.
    pub fn take(&self) -> bool {
        self.is_taken.replace(true)
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let records = std::mem::take(self.of.get_mut());
        if records.is_empty() {
            return;
        }
        let end = if std::thread::panicking() { End::Failed } else { self.end.get() };
        let (at, _) = self.outcomes.clock.now();
        // Of parts that stand one behind the other, each with its line's end, those that are sent.
        let mut left = self.bytes.get();
        for Recorded { id: of, part } in records {
            let bytes = part.map_or(left, |part| part.min(left));
            left = part.map_or(left, |part| left.saturating_sub(part.saturating_add(1)));
            let (notice, status) = (self.notice.get(), self.status.get());
            self.outcomes.conclude(Outcome { at, bytes, end, notice, of, status });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::LedgerSettings;
    use crate::ledger::Reader;
    use crate::model::SystemClock;

    /// A ledger, and where outcomes go that are for it.
    fn outcomes(dir: &std::path::Path) -> (Ledger, Arc<Outcomes>) {
        let (ledger, _) = Ledger::open(LedgerSettings::new(dir)).unwrap();
        let clock = Arc::new(MonotoneClock::new(Arc::new(SystemClock), None));
        let metrics = Arc::new(Metrics::new().unwrap());
        let outcomes = Outcomes::new(clock, ledger.clone(), metrics);
        (ledger, Arc::new(outcomes))
    }

    fn views(dir: &std::path::Path) -> Vec<serde_json::Map<String, serde_json::Value>> {
        let mut reader = Reader::open(dir).unwrap();
        let mut views = Vec::new();
        while let Some(record) = reader.next_record().unwrap() {
            views.push(record.view().unwrap());
        }
        views
    }

    #[test]
    fn a_request_that_left_no_record_has_no_outcome_and_one_that_left_two_has_two() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, outcomes) = outcomes(dir.path());
        drop(Delivery::new(&outcomes));
        let delivery = Delivery::new(&outcomes);
        let ids = [(); 2].map(|()| DecisionId::new(Timestamp::now()));
        ids.iter().for_each(|id| delivery.recorded(*id));
        delivery.answered(201);
        delivery.sent(20);
        delivery.ended(End::Complete);
        drop(delivery);
        drop(outcomes);
        ledger.close().unwrap();
        let views = views(dir.path());
        assert_eq!(views.len(), 2);
        for (view, id) in views.iter().zip(ids) {
            assert_eq!(view["of"], id.to_string());
            assert_eq!((&view["status"], &view["bytes"]), (&201.into(), &20.into()));
            assert_eq!(view["end"], "complete");
        }
    }

    #[test]
    fn a_worker_that_panics_leaves_a_failed_outcome() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, outcomes) = outcomes(dir.path());
        let delivery = Delivery::new(&outcomes);
        delivery.recorded(DecisionId::new(Timestamp::now()));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _delivery = delivery;
            panic!("as a bug would");
        }));
        assert!(panicked.is_err());
        drop(outcomes);
        ledger.close().unwrap();
        assert_eq!(views(dir.path())[0]["end"], "failed");
    }

    #[test]
    fn outcomes_wait_for_a_ledger_that_takes_none_and_what_is_over_the_limit_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, outcomes) = outcomes(dir.path());
        // A closed ledger takes nothing, as one on a full disk.
        ledger.close().unwrap();
        let id = DecisionId::new(Timestamp::now());
        let end = || {
            let delivery = Delivery::new(&outcomes);
            delivery.recorded(id);
        };
        (0..KEPT).for_each(|_| end());
        let lost = || outcomes.metrics.render().contains("interdict_outcomes_lost_total 0");
        assert!(lost());
        end();
        assert!(!lost());
        assert_eq!(outcomes.kept().len(), KEPT);
        outcomes.retry();
        assert_eq!(outcomes.kept().len(), KEPT);
    }
}
