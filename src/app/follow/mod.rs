//! Fills the review queue: a follower of the ledger, on a thread of its own.
//!
//! It reads what is on the disk, in order, from where it was. Before the gateway serves anything it has caught up, so that no use of
//! a clearance is forgotten; from then on no request waits for it. Of all records but holds and cleared ones it reads the envelope alone.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;

use crate::clearance::Mask;
use crate::control::Control;
use crate::control::ControlError;
use crate::control::reviews::seen;
use crate::enforcement::Gate;
use crate::enforcement::Snapshot;
use crate::ledger::Ledger;
use crate::ledger::LedgerError;
use crate::ledger::Masker;
use crate::ledger::Reader;
use crate::ledger::SubjectKeys;
use crate::telemetry::Metrics;

/// How often it looks for new records.
const LOOK: Duration = Duration::from_millis(100);
/// How often the queue's age is looked at, and a position without anything else is kept.
const TELL: Duration = Duration::from_secs(1);
/// Records that are taken at a time.
const AT_ONCE: usize = 50_000;

/// Why the queue cannot be filled.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The store.
    #[error("the review queue: {0}")]
    Control(#[from] ControlError),
    /// The ledger cannot be read.
    #[error("the review queue: {0}")]
    Ledger(#[from] LedgerError),
    /// No thread.
    #[error("the review queue: cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// The running follower.
#[derive(Debug)]
pub(super) struct Follower {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

struct Queue {
    control: Control,
    dir: PathBuf,
    keys: SubjectKeys,
    ledger: Ledger,
    masker: Option<Masker>,
    metrics: Arc<Metrics>,
    /// The next record to read; the queue has taken those before, or has no use for them.
    next: u64,
    reader: Reader,
}

impl Follower {
    /// Takes all that is on record, and goes on with what comes.
    ///
    /// # Errors
    /// Why it cannot: then nothing may be served, for nobody knows which clearances were used.
    pub(super) fn start(
        dir: &Path,
        ledger: &Ledger,
        control: &Control,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, FollowError> {
        let next = control.holds().position();
        let mut queue = Queue {
            control: control.clone(),
            dir: dir.to_owned(),
            keys: SubjectKeys::open(dir)?,
            ledger: ledger.clone(),
            masker: Masker::open(dir)?,
            metrics: Arc::clone(metrics),
            next,
            reader: Reader::open_at(dir, next)?,
        };
        // What was on record when the ledger was opened is on the disk.
        let end = ledger.status().synced_sequence.map_or(0, |synced| synced.saturating_add(1));
        while queue.next < end {
            let before = queue.next;
            queue.take(end, true)?;
            if queue.next == before {
                return Err(LedgerError::Unreadable { sequence: before }.into());
            }
        }
        queue.tell();
        let (stop, stopped) = mpsc::channel();
        let thread =
            thread::Builder::new().name("reviews".to_owned()).spawn(move || queue.follow(&stopped));
        Ok(Self { stop, thread: thread? })
    }

    /// Takes what is still to be taken, and ends.
    pub(super) fn stop(self) {
        self.stop.send(()).ok();
        if self.thread.join().is_err() {
            tracing::error!("the thread of the review queue has panicked");
        }
    }
}

impl Queue {
    fn follow(mut self, stopped: &mpsc::Receiver<()>) {
        let mut told = Instant::now();
        let mut is_last = false;
        loop {
            let synced = self.ledger.status().synced_sequence;
            let end = synced.map_or(0, |synced| synced.saturating_add(1));
            let is_time = told.elapsed() >= TELL;
            if is_time || is_last {
                told = Instant::now();
            }
            let is_behind = self.next < end || self.control.holds().position() < self.next;
            if is_behind && let Err(error) = self.take(end, is_time || is_last) {
                tracing::error!(%error, "the review queue cannot be filled; it is tried again");
            }
            if is_time {
                self.tell();
            }
            if is_last {
                return;
            }
            match stopped.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => is_last = true,
            }
        }
    }

    /// Takes the records before `end`, at most so many at a time. Where there is nothing for the queue, the position is kept only if
    /// `keeps`: records that are looked at again do no harm.
    fn take(&mut self, end: u64, keeps: bool) -> Result<(), FollowError> {
        let mut found = Vec::new();
        let mut looked = 0_usize;
        while self.next < end && looked < AT_ONCE {
            let read = self.reader.next_record();
            let record = match read {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(error) => {
                    self.again()?;
                    return Err(error.into());
                }
            };
            self.next = record.sequence.saturating_add(1);
            looked = looked.saturating_add(1);
            match seen(&record, &self.keys, self.masker.as_ref()) {
                Ok(one) if one.is_empty() => {}
                Ok(one) => found.push(one),
                Err(error) => {
                    let sequence = record.sequence;
                    tracing::error!(sequence, %error, "a hold cannot be read into the review queue");
                }
            }
        }
        if found.is_empty() && !keeps {
            return Ok(());
        }
        let state = self.control.state();
        let taken = self.control.holds().take(&found, self.next, &state.reviews, Timestamp::now());
        drop(state);
        match taken {
            Ok(taken) => {
                self.metrics.reviews_dropped(taken.dropped);
                if keeps {
                    self.control.looked_at(self.next)?;
                }
                Ok(())
            }
            Err(error) => {
                self.again()?;
                Err(error.into())
            }
        }
    }

    /// What was not kept is read again.
    fn again(&mut self) -> Result<(), LedgerError> {
        self.next = self.control.holds().position();
        self.reader = Reader::open_at(&self.dir, self.next)?;
        Ok(())
    }

    fn tell(&self) {
        let now = Timestamp::now();
        let queue = self.control.review_queue();
        let age = queue.since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
        self.metrics.review_queue(queue.pending, age);
        self.metrics.clearances_active(self.control.state().reviews.active(now));
    }
}

/// The mask under which subjects stand in a ledger that hides them.
///
/// # Errors
/// When its secret is damaged.
pub(super) fn mask(dir: &Path) -> Result<Option<Mask>, LedgerError> {
    Ok(Masker::open(dir)?.map(|masker| Mask::new(move |text| masker.mask(text))))
}

/// Puts the clearances in force into the gate.
pub(super) fn publish(gate: &Gate, control: &Control, mask: Option<&Mask>) {
    gate.update(|snapshot| {
        // Looked at in the gate's turn, so that a later one never has fewer of them.
        let now = Timestamp::now();
        let clearances = control.state().reviews.clearances(now, mask.cloned());
        Snapshot { clearances: Arc::new(clearances), ..snapshot }
    });
}

/// Does so after every change.
pub(super) async fn publish_changes(gate: Arc<Gate>, control: Control, mask: Option<Mask>) {
    let mut changes = control.changes();
    loop {
        publish(&gate, &control, mask.as_ref());
        if changes.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
