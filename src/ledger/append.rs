//! The hot path: one record, one write.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::error::LedgerError;
use super::format::{Frame, PAYLOAD_LIMIT, frame_len};
use super::settings::LedgerSettings;
use super::store::{LedgerStore, SegmentFile};

/// The writing side of a ledger; clones share it. Dropping the last clone closes it.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) handle: Arc<Handle>,
}

/// Proof that a record is in the ledger: written, so that a killed process does not lose it, but not yet synced.
#[derive(Debug)]
pub struct Receipt {
    sequence: u64,
    instant: Timestamp,
}

impl Receipt {
    /// The record's sequence number; the first record of a ledger has 0.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The record's instant (µs): the one given to `append`, or that of the record before if the clock stepped back.
    #[must_use]
    pub fn instant(&self) -> Timestamp {
        self.instant
    }
}

/// How a ledger stands, for metrics and readiness.
#[derive(Clone, Debug)]
pub struct LedgerStatus {
    /// Whether the clock stood before the last record's instant at the latest append.
    pub clock_holding: bool,
    /// Records whose instant was held since the ledger was opened.
    pub clock_held: u64,
    /// Records written and not yet synced.
    pub depth: u64,
    /// Why the ledger refuses, if it does because a disk operation failed.
    pub failed: Option<Arc<str>>,
    /// Failed disk operations since the ledger was opened, attempts to heal included.
    pub failures: u64,
    /// Age of the oldest record not yet synced.
    pub lag: Duration,
    /// The sequence number of the next record.
    pub next_sequence: u64,
    /// The last record that is known to be on disk.
    pub synced_sequence: Option<u64>,
}

impl Ledger {
    /// Writes one record and returns once the system has it; [`Ledger::durable`] waits for the disk.
    ///
    /// `write` appends the payload to the empty buffer it is given; it gets the instant that the record will have (µs), which is that
    /// of the record before it if `instant` is earlier. It runs under the ledger's lock: it must be short and not call the ledger.
    ///
    /// # Errors
    /// `Behind`, `Closed` and `Failed` when the ledger takes no records now (503); `TooLarge` for a payload over 16 MiB.
    /// In each case there is no record.
    pub fn append(
        &self,
        instant: Timestamp,
        write: impl FnOnce(&mut Vec<u8>, Timestamp),
    ) -> Result<Receipt, LedgerError> {
        let now = Instant::now();
        let shared = &*self.handle.shared;
        let mut guard = shared.lock();
        let state = &mut *guard;
        state.admit(now, &shared.settings)?;

        let micros = instant.as_microsecond();
        let held = micros < state.last_instant;
        let micros = micros.max(state.last_instant);
        let instant = Timestamp::from_microsecond(micros).unwrap_or(instant);

        state.scratch.clear();
        write(&mut state.scratch, instant);
        let bytes = state.scratch.len();
        let limit = PAYLOAD_LIMIT;
        let length = u32::try_from(bytes)
            .ok()
            .filter(|_| bytes <= limit)
            .ok_or(LedgerError::TooLarge { bytes, limit })?;
        let sequence = state.next;
        let frame = Frame::seal(length, sequence, micros, &state.scratch);

        let start = state.pending.bytes.len();
        state.pending.bytes.extend_from_slice(&frame.encode());
        state.pending.bytes.extend_from_slice(&state.scratch);
        let record = state.pending.bytes.get(start..).unwrap_or_default();
        if let Err(error) = state.file.write_at(record, state.length) {
            state.pending.bytes.truncate(start);
            // Cut a half-written record off. If that fails too, healing leaves this file behind and readers stop before the torn end.
            state.file.truncate(state.length).ok();
            let reason = state.fail("write a record", &error, now, &shared.settings);
            shared.wake.notify_one();
            return Err(LedgerError::Failed { reason });
        }
        state.length = state.length.saturating_add(frame_len(length));
        state.next = sequence.saturating_add(1);
        state.last_instant = micros;
        state.pending.oldest.get_or_insert(now);
        state.clock_holding = held;
        state.clock_held = state.clock_held.saturating_add(u64::from(held));
        // Only after an idle spell is anyone asleep without a timer; under load an append wakes nobody.
        let wake = std::mem::take(&mut state.parked);
        drop(guard);
        if wake {
            shared.wake.notify_one();
        }
        Ok(Receipt { sequence, instant })
    }

    /// Resolves once the record is on disk: fdatasync has returned after its write.
    ///
    /// # Errors
    /// `Failed` if the sync failed. The record may still reach the disk when the ledger heals; the answer must not count on it.
    pub async fn durable(&self, receipt: &Receipt) -> Result<(), LedgerError> {
        let Some(outcome) = self.handle.shared.wait_for(receipt.sequence)? else { return Ok(()) };
        match outcome.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(LedgerError::Failed { reason }),
            Err(_) => Err(LedgerError::Closed),
        }
    }

    /// Resolves once every record appended so far is on disk.
    ///
    /// # Errors
    /// As for [`Ledger::durable`].
    pub async fn settled(&self) -> Result<(), LedgerError> {
        let last = self.handle.shared.lock().next.checked_sub(1);
        let Some(sequence) = last else { return Ok(()) };
        self.durable(&Receipt { sequence, instant: Timestamp::UNIX_EPOCH }).await
    }

    /// How the ledger stands now.
    #[must_use]
    pub fn status(&self) -> LedgerStatus {
        let state = self.handle.shared.lock();
        LedgerStatus {
            clock_holding: state.clock_holding,
            clock_held: state.clock_held,
            depth: state.depth(),
            failed: state.failed.as_ref().map(|failure| Arc::clone(&failure.reason)),
            failures: state.failures,
            lag: state.lag(Instant::now()),
            next_sequence: state.next,
            synced_sequence: state.synced.checked_sub(1),
        }
    }

    /// Takes no more records, syncs all there are, and releases the directory. Blocks for one sync.
    ///
    /// # Errors
    /// `Failed` if not all records could be made durable.
    pub fn close(self) -> Result<(), LedgerError> {
        self.handle.shut_down();
        let state = self.handle.shared.lock();
        if state.depth() == 0 {
            return Ok(());
        }
        let failure = state.failed.as_ref().map(|failure| Arc::clone(&failure.reason));
        Err(LedgerError::Failed {
            reason: failure.unwrap_or_else(|| "the sync thread died".into()),
        })
    }
}

/// Ends the sync thread with the last clone of a ledger.
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) thread: Mutex<Option<JoinHandle<()>>>,
}

impl Handle {
    fn shut_down(&self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A thread that panicked has left records unsynced, and `depth` says so.
        thread.map(JoinHandle::join);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("dir", &self.shared.settings.dir).finish_non_exhaustive()
    }
}

/// What appenders and the sync thread share.
pub(super) struct Shared {
    pub(super) settings: LedgerSettings,
    pub(super) store: Arc<dyn LedgerStore>,
    pub(super) wake: Condvar,
    pub(super) state: Mutex<State>,
}

impl Shared {
    /// A panic in a payload writer leaves the state sound: nothing is counted before the record is written.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` if the record is on disk already.
    fn wait_for(&self, sequence: u64) -> Result<Option<oneshot::Receiver<Outcome>>, LedgerError> {
        let mut state = self.lock();
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
        state.parked = false;
        drop(state);
        self.wake.notify_one();
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

/// Records that are written and not known to be on disk.
#[derive(Default)]
pub(super) struct Unsynced {
    /// The records as they are in the file, frames included.
    pub(super) bytes: Vec<u8>,
    /// When the first of them was appended.
    pub(super) oldest: Option<Instant>,
}

/// Why the ledger refuses.
pub(super) struct Failure {
    pub(super) reason: Arc<str>,
    pub(super) retry_at: Instant,
}

pub(super) struct State {
    /// The segment that is written to, its final path, and its length up to the last whole record.
    pub(super) file: Arc<dyn SegmentFile>,
    pub(super) path: PathBuf,
    pub(super) length: u64,
    /// False once a sync of `file` failed: later syncs of it prove nothing.
    pub(super) file_trusted: bool,
    pub(super) next: u64,
    /// Instant (µs) of the last record.
    pub(super) last_instant: i64,
    pub(super) scratch: Vec<u8>,
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
    pub(super) clock_holding: bool,
    pub(super) clock_held: u64,
    /// The sync thread sleeps without a timer.
    pub(super) parked: bool,
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

    pub(super) fn depth(&self) -> u64 {
        self.next.saturating_sub(self.synced)
    }

    pub(super) fn oldest(&self) -> Option<Instant> {
        self.in_flight.and_then(|(_, oldest)| oldest).or(self.pending.oldest)
    }

    fn lag(&self, now: Instant) -> Duration {
        self.oldest().map_or(Duration::ZERO, |oldest| now.saturating_duration_since(oldest))
    }
}
