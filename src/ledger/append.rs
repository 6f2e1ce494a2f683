//! The hot path: a record is queued, written with all others that are queued, and known to be on disk.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::entry::Entry;
use super::error::LedgerError;
use super::keeper::Keeper;
use super::sealed::Sealer;
use super::state::{Shared, WriteGroup};
use super::tree::Publisher;
use super::turn::TurnEnd;

/// Bytes of a buffer that are kept for the thread's next record.
const KEPT: usize = 16_384;

thread_local! {
    /// Where the thread's records are put together.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The writing side of a ledger; clones share it. Dropping the last clone closes it.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) handle: Arc<Handle>,
}

/// A record that has its place in the ledger but is not written yet: proof of nothing. Lost if the process is killed now.
#[derive(Debug)]
#[must_use = "a queued record is not in the ledger yet"]
pub struct Queued {
    pub(super) receipt: Receipt,
    pub(super) group: Arc<WriteGroup>,
}

/// Proof that a record is in the ledger: written, so that a killed process does not lose it, but not yet synced.
#[derive(Debug)]
pub struct Receipt {
    pub(super) sequence: u64,
    pub(super) instant: Timestamp,
}

impl Queued {
    /// The record's sequence number, which another record gets if this one is not written.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.receipt.sequence
    }
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
    /// Why no checkpoint is published, if the last try failed. Records are taken all the same.
    pub publish_failed: Option<Arc<str>>,
    /// Failed tries to publish since the ledger was opened.
    pub publish_failures: u64,
    /// How many records the last checkpoint covers.
    pub published_size: u64,
    /// Why the last try to seal segments failed, if it did. They stay as they are.
    pub seal_failed: Option<Arc<str>>,
    /// The last record that is known to be on disk.
    pub synced_sequence: Option<u64>,
    /// Writes since the ledger was opened; under load one takes many records.
    pub writes: u64,
}

impl Ledger {
    /// Gives a record its place. It is written by whoever comes first: [`Ledger::write`], [`Ledger::written`] or
    /// [`Ledger::commit`] of this or a later record, or the sync thread within the window.
    ///
    /// Its instant (µs) is that of the record before it if `instant` is earlier.
    ///
    /// # Errors
    /// `Behind`, `Closed` and `Failed` when the ledger takes no records now (503); `TooLarge` for an envelope over 64 KiB or parts
    /// over 16 MiB. In each case there is no record.
    pub fn enqueue(&self, instant: Timestamp, entry: &Entry<'_>) -> Result<Queued, LedgerError> {
        let shared = &self.handle.shared;
        let mut payload = entry.encode(instant, &shared.guard, BUFFER.take())?;
        let queued = shared.enqueue(instant, &mut payload);
        if payload.bytes.capacity() <= KEPT {
            BUFFER.set(payload.bytes);
        }
        queued
    }

    /// Whether a record would be taken now.
    ///
    /// # Errors
    /// `Behind`, `Closed` and `Failed` as for [`Ledger::enqueue`].
    pub fn takes(&self) -> Result<(), LedgerError> {
        self.handle.shared.takes()
    }

    /// Writes a record, and all others that are queued, and returns once the system has them.
    ///
    /// # Errors
    /// `Failed` if it could not be written; then there is no record.
    pub fn write(&self, queued: Queued) -> Result<Receipt, LedgerError> {
        self.handle.shared.write(queued)
    }

    /// As [`Ledger::write`], after others that run on this thread have had their turn: one write for the records of all.
    ///
    /// # Errors
    /// As for [`Ledger::write`].
    pub async fn written(&self, queued: Queued) -> Result<Receipt, LedgerError> {
        TurnEnd::default().await;
        self.write(queued)
    }

    /// [`Ledger::enqueue`] and [`Ledger::write`].
    ///
    /// # Errors
    /// As for both.
    pub fn append(&self, instant: Timestamp, entry: &Entry<'_>) -> Result<Receipt, LedgerError> {
        self.write(self.enqueue(instant, entry)?)
    }

    /// Resolves once a queued record is written and on disk; the sync thread does both.
    ///
    /// # Errors
    /// `Failed` if either failed. The record may still reach the disk when the ledger heals; the answer must not count on it.
    pub async fn commit(&self, queued: Queued) -> Result<Receipt, LedgerError> {
        let Queued { receipt, group } = queued;
        self.wait_for(receipt.sequence, Some(&group)).await?;
        Ok(receipt)
    }

    /// Resolves once the record is on disk: fdatasync has returned after its write.
    ///
    /// # Errors
    /// `Failed` if the sync failed. The record may still reach the disk when the ledger heals; the answer must not count on it.
    pub async fn durable(&self, receipt: &Receipt) -> Result<(), LedgerError> {
        self.wait_for(receipt.sequence, None).await
    }

    async fn wait_for(&self, sequence: u64, group: Option<&WriteGroup>) -> Result<(), LedgerError> {
        let Some(outcome) = self.handle.shared.wait_for(sequence, group)? else { return Ok(()) };
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
        let publisher = self.handle.publisher.lock().unwrap_or_else(PoisonError::into_inner);
        let published = publisher.as_ref().map(Publisher::status).unwrap_or_default();
        drop(publisher);
        let keys_failed = self.handle.shared.guard.failed();
        let seal_failed = lock(&self.handle.sealer).as_ref().and_then(|sealer| sealer.failed());
        let state = self.handle.shared.lock();
        LedgerStatus {
            clock_holding: state.clock_holding,
            clock_held: state.clock_held,
            depth: state.depth(),
            failed: state
                .failed
                .as_ref()
                .map(|failure| Arc::clone(&failure.reason))
                .or(keys_failed),
            failures: state.failures,
            lag: state.lag(Instant::now()),
            next_sequence: state.next,
            publish_failed: published.failed,
            publish_failures: published.failures,
            published_size: published.size,
            seal_failed,
            synced_sequence: state.synced.checked_sub(1),
            writes: state.writes,
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

/// Ends the threads with the last clone of a ledger.
pub(super) struct Handle {
    pub(super) keeper: Mutex<Option<Keeper>>,
    pub(super) publisher: Mutex<Option<Publisher>>,
    pub(super) sealer: Arc<Mutex<Option<Sealer>>>,
    pub(super) shared: Arc<Shared>,
    pub(super) thread: Mutex<Option<JoinHandle<()>>>,
}

impl Handle {
    pub(super) fn publish_by(&self, publisher: Publisher) {
        *self.publisher.lock().unwrap_or_else(PoisonError::into_inner) = Some(publisher);
    }

    /// Starts the threads that seal, and that do what commands ask for.
    pub(super) fn keep(&self, shared: &Arc<Shared>) -> Result<(), LedgerError> {
        *lock(&self.sealer) = Some(Sealer::start(shared, shared.settings.seal_after)?);
        *lock(&self.keeper) = Some(Keeper::start(shared, &self.sealer)?);
        Ok(())
    }

    /// First all records become durable, then the tree of all of them is published.
    fn shut_down(&self) {
        // Both work for those who ask, and one of them appends.
        let (keeper, sealer) = (lock(&self.keeper).take(), lock(&self.sealer).take());
        if let Some(keeper) = keeper {
            keeper.stop();
        }
        if let Some(sealer) = sealer {
            sealer.stop();
        }
        self.shared.lock().stopping = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A thread that panicked has left records unsynced, and `depth` says so.
        thread.map(JoinHandle::join);
        let publisher = self.publisher.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(publisher) = publisher {
            publisher.stop();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
