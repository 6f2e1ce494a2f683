//! The sync thread: group commit, rotation, and healing after a disk error. It never holds the append lock during disk work,
//! but for the creation of the next segment's file.

use std::fs::File;
use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cursor::segments;
use super::error::LedgerError;
use super::format::{Header, Suffix, header_len, segment_path};
use super::state::{Outcome, Shared, Sleep, State, Unsynced, Waiter};
use super::store::SegmentFile;

/// So many who waited for one sync are a crowd: the next sync lets as many gather again.
const CROWD: usize = 4;
/// Windows without a record after which the thread sleeps until it is woken.
const IDLE_WINDOWS: u32 = 50;

/// Runs until the ledger is closed; the directory's lock is released with it.
pub(super) fn run(shared: &Shared, lock: File) {
    let mut pace = Pace::default();
    loop {
        match shared.next_work(&pace) {
            Work::End => break,
            Work::Heal { last } => {
                let healed = shared.heal();
                if last && !healed {
                    break;
                }
            }
            Work::Sync(batch) => {
                let begun = Instant::now();
                pace = Pace { begun: Some(begun), told: shared.sync(batch) };
            }
        }
    }
    let mut state = shared.lock();
    state.ended = true;
    // Dropping the senders tells the waiters.
    let waiters = mem::take(&mut state.waiters);
    drop(state);
    drop(waiters);
    drop(lock);
}

/// How the last sync went. Under load a sync for every few waiters costs more processor time than all else that a refusal
/// needs, so that syncs with a crowd are some time apart (as `commit_delay` does in other stores); without one nobody waits for others.
#[derive(Default)]
struct Pace {
    begun: Option<Instant>,
    told: usize,
}

enum Work {
    End,
    Heal { last: bool },
    Sync(Batch),
}

/// What one sync covers.
struct Batch {
    file: Arc<dyn SegmentFile>,
    /// Where the covered records end.
    end: (PathBuf, u64),
    unsynced: Unsynced,
    /// The first sequence number that is not covered.
    upto: u64,
    last_instant: i64,
    rotation: Option<Rotation>,
}

/// The next segment, already written to, whose final name waits for its predecessor to be on disk.
struct Rotation {
    file: Arc<dyn SegmentFile>,
    from: PathBuf,
    to: PathBuf,
}

impl Shared {
    /// Sleeps until there is something to do.
    fn next_work(&self, pace: &Pace) -> Work {
        let window = self.settings.sync_window;
        let mut state = self.lock();
        let mut idle = 0_u32;
        loop {
            let now = Instant::now();
            let unsynced = state.next > state.synced;
            if let Some(failure) = &state.failed {
                // What was written before a failed write is not lost yet: sync it in place.
                if unsynced && state.file_trusted {
                    return Work::Sync(self.take_batch(&mut state));
                }
                let wait = failure.retry_at.saturating_duration_since(now);
                if state.stopping || wait.is_zero() {
                    return Work::Heal { last: state.stopping };
                }
                state = self.sleep(state, Sleep::Window, wait).0;
                continue;
            }
            if unsynced && (state.stopping || !state.waiters.is_empty()) {
                let gather = if state.stopping { Duration::ZERO } else { self.gather(pace, now) };
                if gather.is_zero() {
                    return Work::Sync(self.take_batch(&mut state));
                }
                state = self.sleep(state, Sleep::Paced, gather).0;
                continue;
            }
            if state.stopping {
                return Work::End;
            }
            let wait = state.oldest().map_or(window, |oldest| {
                window.saturating_sub(now.saturating_duration_since(oldest))
            });
            if unsynced && wait.is_zero() {
                return Work::Sync(self.take_batch(&mut state));
            }
            if !unsynced && idle >= IDLE_WINDOWS {
                idle = 0;
                state.sleep = Sleep::Parked;
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.sleep = Sleep::Awake;
                continue;
            }
            let (woken, timed_out) = self.sleep(state, Sleep::Window, wait);
            state = woken;
            if timed_out && state.next > state.synced && state.failed.is_none() {
                return Work::Sync(self.take_batch(&mut state));
            }
            idle = if unsynced { 0 } else { idle.saturating_add(1) };
        }
    }

    /// How long the next sync lets a crowd gather.
    fn gather(&self, pace: &Pace, now: Instant) -> Duration {
        let since = pace.begun.filter(|_| pace.told >= CROWD);
        since.map_or(Duration::ZERO, |begun| {
            self.settings.sync_pace.saturating_sub(now.saturating_duration_since(begun))
        })
    }

    fn sleep<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        how: Sleep,
        wait: Duration,
    ) -> (MutexGuard<'a, State>, bool) {
        state.sleep = how;
        let (mut state, result) =
            self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner);
        state.sleep = Sleep::Awake;
        (state, result.timed_out())
    }

    /// Writes and takes all that is pending, and turns to the next segment if this one is full.
    fn take_batch(&self, state: &mut State) -> Batch {
        self.flush(state);
        let spare = Unsynced { bytes: mem::take(&mut state.spare), ..Unsynced::default() };
        let unsynced = mem::replace(&mut state.pending, spare);
        state.in_flight = Some((unsynced.bytes.len(), unsynced.oldest));
        let mut batch = Batch {
            file: Arc::clone(&state.file),
            end: (state.path.clone(), state.length),
            unsynced,
            upto: state.next,
            last_instant: state.last_instant,
            rotation: None,
        };
        if state.is_full(&self.settings) && state.failed.is_none() {
            match self.begin_segment(state) {
                Ok(rotation) => batch.rotation = Some(rotation),
                // The full segment still takes records, so nothing is refused; the next sync tries again.
                Err(_) => state.failures = state.failures.saturating_add(1),
            }
        }
        batch
    }

    fn begin_segment(&self, state: &mut State) -> io::Result<Rotation> {
        let dir = &self.settings.dir;
        let header = Header { first: state.next, floor: state.last_instant };
        let from = segment_path(dir, header.first, Suffix::New);
        let to = segment_path(dir, header.first, Suffix::Seg);
        let file = self.store.create(&from)?;
        if let Err(error) = file.write_at(&header.encode(), 0) {
            self.store.remove(&from).ok();
            return Err(error);
        }
        state.file = Arc::clone(&file);
        state.path.clone_from(&to);
        state.length = header_len();
        state.segment_day = None;
        Ok(Rotation { file, from, to })
    }

    /// Makes a batch durable and tells who waits for it; how many those are.
    fn sync(&self, batch: Batch) -> usize {
        let synced = self.sync_files(&batch);
        let now = Instant::now();
        let mut state = self.lock();
        state.in_flight = None;
        let told: Vec<(Waiter, Outcome)> = match synced {
            Ok(()) => {
                state.synced = batch.upto;
                state.synced_instant = batch.last_instant;
                state.synced_end = match batch.rotation {
                    Some(rotation) => (rotation.to, header_len()),
                    None => batch.end,
                };
                state.spare = batch.unsynced.bytes;
                state.spare.clear();
                let covered = |waiter: &mut Waiter| waiter.sequence < batch.upto;
                state.waiters.extract_if(.., covered).map(|waiter| (waiter, Ok(()))).collect()
            }
            Err(error) => {
                let reason = state.fail("sync the ledger", &error, now, &self.settings);
                // Nothing more goes into this file.
                state.take_back(&reason);
                let mut unsynced = batch.unsynced;
                unsynced.bytes.append(&mut state.pending.bytes);
                unsynced.written = unsynced.bytes.len();
                state.pending = unsynced;
                state.file_trusted = false;
                let waiters = mem::take(&mut state.waiters);
                waiters.into_iter().map(|waiter| (waiter, Err(Arc::clone(&reason)))).collect()
            }
        };
        drop(state);
        let count = told.len();
        tell(told);
        count
    }

    fn sync_files(&self, batch: &Batch) -> io::Result<()> {
        // INVARIANT: no record is known to be on disk whose key is not.
        self.guard.sync()?;
        batch.file.sync()?;
        if let Some(rotation) = &batch.rotation {
            // INVARIANT: a `.seg` has a sound header and a predecessor that is wholly on disk.
            rotation.file.sync()?;
            self.store.rename(&rotation.from, &rotation.to)?;
            self.store.sync_dir(&self.settings.dir)?;
        }
        Ok(())
    }

    /// Begins a new segment with all records that are not known to be on disk. True if the ledger takes records again.
    fn heal(&self) -> bool {
        let mut state = self.lock();
        // Appends are refused until this is over, so that the records can be taken out.
        let pending = mem::take(&mut state.pending);
        state.in_flight = Some((pending.bytes.len(), pending.oldest));
        let header = Header { first: state.synced, floor: state.synced_instant };
        let synced_end = state.synced_end.clone();
        drop(state);

        let begun = self.salvage(header, &pending.bytes, &synced_end);
        let now = Instant::now();
        let mut state = self.lock();
        state.in_flight = None;
        match begun {
            Ok(file) => {
                state.file = file;
                state.path = segment_path(&self.settings.dir, header.first, Suffix::Seg);
                let bytes = u64::try_from(pending.bytes.len()).unwrap_or(u64::MAX);
                state.length = header_len().saturating_add(bytes);
                state.segment_day = None;
                state.file_trusted = true;
                state.synced = state.next;
                state.synced_instant = state.last_instant;
                state.synced_end = (state.path.clone(), state.length);
                state.failed = None;
                true
            }
            Err(error) => {
                state.pending = pending;
                state.fail("begin a new segment", &error, now, &self.settings);
                false
            }
        }
    }

    fn salvage(
        &self,
        header: Header,
        records: &[u8],
        synced_end: &(PathBuf, u64),
    ) -> io::Result<Arc<dyn SegmentFile>> {
        let dir = &self.settings.dir;
        let from = segment_path(dir, header.first, Suffix::New);
        let to = segment_path(dir, header.first, Suffix::Seg);
        self.guard.sync()?;
        let file = self.store.create(&from)?;
        file.write_at(&header.encode(), 0)?;
        file.write_at(records, header_len())?;
        file.sync()?;
        self.store.rename(&from, &to)?;
        // A rotation that did not come to its end left copies of some of the records. Such a file must not be taken for a later segment,
        // so this is part of healing. Killed in between, a reader finds the same records in the copies.
        let found = segments(dir).map_err(|error| match error {
            LedgerError::Io { source, .. } => source,
            other => io::Error::other(other),
        })?;
        for (first, suffix) in found {
            if first > header.first || suffix == Suffix::New {
                self.store.remove(&segment_path(dir, first, suffix))?;
            }
        }
        self.store.sync_dir(dir)?;
        // A segment ends where the next one begins, so that this is only tidiness and may fail.
        if synced_end.0 != to {
            self.store.truncate(&synced_end.0, synced_end.1).ok();
        }
        Ok(file)
    }
}

/// Wakes waiters, outside the lock.
fn tell(told: Vec<(Waiter, Outcome)>) {
    for (waiter, outcome) in told {
        // One that has gone away needs no answer.
        waiter.sender.send(outcome).ok();
    }
}
