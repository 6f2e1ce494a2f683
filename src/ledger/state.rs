//! What appenders and the sync thread share: the queue, the file, and how far each record has come.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::append::{Queued, Receipt};
use super::entry::Payload;
use super::error::LedgerError;
use super::format::{Frame, PAYLOAD_LIMIT};
use super::personal::Guard;
use super::settings::LedgerSettings;
use super::store::{LedgerStore, SegmentFile};

/// What appenders and the sync thread share.
pub(super) struct Shared {
    /// How personal parts are kept.
    pub(super) guard: Guard,
    pub(super) settings: LedgerSettings,
    pub(super) store: Arc<dyn LedgerStore>,
    pub(super) wake: Condvar,
    pub(super) state: Mutex<State>,
}

impl Shared {
    /// A thread that panicked while it held the lock leaves no half-made state: nothing under it can.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a record would be taken now.
    pub(super) fn takes(&self) -> Result<(), LedgerError> {
        self.lock().admit(Instant::now(), &self.settings)
    }

    /// Gives a record its place behind the others that are queued.
    pub(super) fn enqueue(
        &self,
        instant: Timestamp,
        payload: &mut Payload,
    ) -> Result<Queued, LedgerError> {
        let bytes = payload.bytes.len();
        let limit = PAYLOAD_LIMIT;
        let length = u32::try_from(bytes)
            .ok()
            .filter(|_| bytes <= limit)
            .ok_or(LedgerError::TooLarge { bytes, limit })?;
        let now = Instant::now();
        let mut guard = self.lock();
        let state = &mut *guard;
        state.admit(now, &self.settings)?;

        let micros = instant.as_microsecond();
        let held = micros < state.last_instant;
        let micros = micros.max(state.last_instant);
        let instant = Timestamp::from_microsecond(micros).unwrap_or(instant);
        if held {
            payload.set_time(instant);
        }
        let sequence = state.next;
        let frame = Frame::seal(length, sequence, micros, &payload.bytes);
        state.pending.bytes.extend_from_slice(&frame.encode());
        state.pending.bytes.extend_from_slice(&payload.bytes);
        state.next = sequence.saturating_add(1);
        state.last_instant = micros;
        state.pending.oldest.get_or_insert(now);
        state.clock_holding = held;
        state.clock_held = state.clock_held.saturating_add(u64::from(held));
        let group = Arc::clone(&state.group);
        // Only after an idle spell is anyone asleep without a timer; under load a record wakes nobody.
        let wake = state.sleep == Sleep::Parked;
        if wake {
            state.sleep = Sleep::Awake;
        }
        drop(guard);
        if wake {
            self.wake.notify_one();
        }
        Ok(Queued { receipt: Receipt { sequence, instant }, group })
    }

    /// Makes sure that a record is written.
    pub(super) fn write(&self, queued: Queued) -> Result<Receipt, LedgerError> {
        let Queued { receipt, group } = queued;
        if group.outcome.get().is_none() {
            self.flush(&mut self.lock());
        }
        group.check()?;
        Ok(receipt)
    }

    /// Writes what is queued, with one call. If that fails nothing of it is in the ledger, and who asks is told so.
    pub(super) fn flush(&self, state: &mut State) {
        let queued = state.pending.bytes.get(state.pending.written..).unwrap_or_default();
        if queued.is_empty() {
            return;
        }
        if let Err(error) = state.file.write_at(queued, state.length) {
            // Cut a half-written record off. If that fails too, healing leaves this file behind and readers stop before the torn end.
            state.file.truncate(state.length).ok();
            let reason = state.fail("write a record", &error, Instant::now(), &self.settings);
            state.take_back(&reason);
            self.wake.notify_one();
            return;
        }
        let bytes = u64::try_from(queued.len()).unwrap_or(u64::MAX);
        state.length = state.length.saturating_add(bytes);
        state.pending.written = state.pending.bytes.len();
        state.writes = state.writes.saturating_add(1);
        state.written = state.next;
        state.written_instant = state.last_instant;
        state.segment_day.get_or_insert(day(state.last_instant));
        state.settle(Ok(()));
    }

    /// `None` if the record is on disk already. A record that may still be queued comes with its group.
    pub(super) fn wait_for(
        &self,
        sequence: u64,
        group: Option<&WriteGroup>,
    ) -> Result<Option<oneshot::Receiver<Outcome>>, LedgerError> {
        let mut state = self.lock();
        // Under the lock: a number that was taken back may be another record's by now.
        group.map_or(Ok(()), WriteGroup::check)?;
        if sequence < state.synced {
            return Ok(None);
        }
        match &state.failed {
            // What was written before a failed write can still be synced; after a failed sync nothing can.
            Some(failure) if !state.file_trusted => {
                return Err(LedgerError::Failed { reason: Arc::clone(&failure.reason) });
            }
            Some(_) | None => {}
        }
        if state.ended {
            return Err(LedgerError::Closed);
        }
        let (sender, receiver) = oneshot::channel();
        state.waiters.push(Waiter { sequence, sender });
        // One that is awake, or paced, looks by itself before it sleeps.
        let wake = matches!(state.sleep, Sleep::Parked | Sleep::Window);
        if wake {
            state.sleep = Sleep::Awake;
        }
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        Ok(Some(receiver))
    }
}

/// What a waiter is told; the reason if the sync failed.
pub(super) type Outcome = Result<(), Arc<str>>;

/// Someone who waits for a record to be on disk.
pub(super) struct Waiter {
    pub(super) sequence: u64,
    pub(super) sender: oneshot::Sender<Outcome>,
}

/// The records that one write takes to the file, as those see it who wait for that.
#[derive(Debug, Default)]
pub(super) struct WriteGroup {
    /// None until the write.
    outcome: OnceLock<Outcome>,
}

impl WriteGroup {
    /// # Errors
    /// `Failed` if the write failed. No error before the write.
    pub(super) fn check(&self) -> Result<(), LedgerError> {
        match self.outcome.get() {
            Some(Err(reason)) => Err(LedgerError::Failed { reason: Arc::clone(reason) }),
            Some(Ok(())) | None => Ok(()),
        }
    }
}

/// Records that are not known to be on disk.
#[derive(Default)]
pub(super) struct Unsynced {
    /// The records as they are in the file, or will be, frames included.
    pub(super) bytes: Vec<u8>,
    /// How many of the bytes are in the file; the rest is queued.
    pub(super) written: usize,
    /// When the first of them was appended.
    pub(super) oldest: Option<Instant>,
}

/// Why the ledger refuses.
pub(super) struct Failure {
    pub(super) reason: Arc<str>,
    pub(super) retry_at: Instant,
}

/// What the sync thread is at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sleep {
    /// It runs, or has been told to.
    Awake,
    /// It lets a crowd gather for its next sync; nobody shortens that.
    Paced,
    /// It sleeps without a timer.
    Parked,
    /// It sleeps for at most a window.
    Window,
}

pub(super) struct State {
    /// The segment that is written to, its final path, and its length up to the last whole record.
    pub(super) file: Arc<dyn SegmentFile>,
    pub(super) path: PathBuf,
    pub(super) length: u64,
    /// The day (UTC, since 1970) of the first records in `file`; none while it has none.
    pub(super) segment_day: Option<i64>,
    /// False once a sync of `file` failed: later syncs of it prove nothing.
    pub(super) file_trusted: bool,
    pub(super) next: u64,
    /// Instant (µs) of the last record.
    pub(super) last_instant: i64,
    /// Records below this sequence number are in the file, the last of them at `written_instant`; those from it on are queued.
    pub(super) written: u64,
    pub(super) written_instant: i64,
    /// The queued records' next write.
    pub(super) group: Arc<WriteGroup>,
    /// Records that the next sync covers.
    pub(super) pending: Unsynced,
    /// Bytes and oldest of the records that the running sync covers.
    pub(super) in_flight: Option<(usize, Option<Instant>)>,
    /// A buffer for reuse.
    pub(super) spare: Vec<u8>,
    /// Records below this sequence number are on disk, the last of them at `synced_instant`, ending at `synced_end`.
    pub(super) synced: u64,
    pub(super) synced_instant: i64,
    pub(super) synced_end: (PathBuf, u64),
    pub(super) waiters: Vec<Waiter>,
    pub(super) failed: Option<Failure>,
    pub(super) failures: u64,
    pub(super) writes: u64,
    pub(super) clock_holding: bool,
    pub(super) clock_held: u64,
    pub(super) sleep: Sleep,
    pub(super) stopping: bool,
    /// The sync thread is gone.
    pub(super) ended: bool,
}

impl State {
    fn admit(&self, now: Instant, settings: &LedgerSettings) -> Result<(), LedgerError> {
        if self.stopping {
            return Err(LedgerError::Closed);
        }
        if let Some(failure) = &self.failed {
            return Err(LedgerError::Failed { reason: Arc::clone(&failure.reason) });
        }
        let in_flight = self.in_flight.map_or(0, |(bytes, _)| bytes);
        let records = self.depth();
        let age = self.lag(now);
        let behind = records >= settings.queue_records
            || age > settings.queue_age
            || self.pending.bytes.len().saturating_add(in_flight) >= settings.queue_bytes;
        if behind { Err(LedgerError::Behind { records, age }) } else { Ok(()) }
    }

    pub(super) fn fail(
        &mut self,
        action: &str,
        error: &std::io::Error,
        now: Instant,
        settings: &LedgerSettings,
    ) -> Arc<str> {
        let reason: Arc<str> = format!("cannot {action}: {error}").into();
        let retry_at = now.checked_add(settings.retry).unwrap_or(now);
        self.failed = Some(Failure { reason: Arc::clone(&reason), retry_at });
        self.failures = self.failures.saturating_add(1);
        reason
    }

    /// Forgets what is queued: it is not in the file, and those who wait for it are told why.
    pub(super) fn take_back(&mut self, reason: &Arc<str>) {
        self.pending.bytes.truncate(self.pending.written);
        self.next = self.written;
        self.last_instant = self.written_instant;
        if self.pending.bytes.is_empty() {
            self.pending.oldest = None;
        }
        let lost = |waiter: &mut Waiter| waiter.sequence >= self.written;
        for waiter in self.waiters.extract_if(.., lost) {
            // One that has gone away needs no answer.
            waiter.sender.send(Err(Arc::clone(reason))).ok();
        }
        self.settle(Err(Arc::clone(reason)));
    }

    /// Tells the queued records' write, and begins a group for the next.
    fn settle(&mut self, outcome: Outcome) {
        // INVARIANT: a group is settled once, for it is replaced at once.
        std::mem::take(&mut self.group).outcome.set(outcome).ok();
    }

    pub(super) fn depth(&self) -> u64 {
        self.next.saturating_sub(self.synced)
    }

    pub(super) fn oldest(&self) -> Option<Instant> {
        self.in_flight.and_then(|(_, oldest)| oldest).or(self.pending.oldest)
    }

    /// Whether the segment is full, or of another day than the record that was written last.
    pub(super) fn is_full(&self, settings: &LedgerSettings) -> bool {
        let of_another_day = self.segment_day.is_some_and(|first| first != day(self.last_instant));
        self.length >= settings.segment_bytes || of_another_day
    }

    pub(super) fn lag(&self, now: Instant) -> Duration {
        self.oldest().map_or(Duration::ZERO, |oldest| now.saturating_duration_since(oldest))
    }
}

/// The day (UTC, since 1970) of an instant (µs).
pub(super) const fn day(micros: i64) -> i64 {
    const MICROS_A_DAY: i64 = 86_400_000_000;
    micros.div_euclid(MICROS_A_DAY)
}
