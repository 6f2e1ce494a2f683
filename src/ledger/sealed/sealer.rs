//! Which segments are sealed, and the thread that does it: one block at a time, and as long a rest after each.

use std::path::Path;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;

use crate::model::Clock;
use crate::model::SystemClock;

use super::super::cursor::{open_as, segments};
use super::super::error::LedgerError;
use super::super::format::Suffix;
use super::super::state::Shared;
use super::super::store::LedgerStore;
use super::super::tree::{ServedLog, StoredLevels};
use super::seal::Closed;

/// How often it looks for segments that have become old enough.
const INTERVAL: Duration = Duration::from_secs(60);

/// What sealing came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SealReport {
    /// Bytes of the segments.
    pub before: u64,
    /// Bytes of what replaced them.
    pub after: u64,
    /// Segments.
    pub segments: u64,
}

/// Seals the closed segments of a ledger whose last record is earlier than an instant. Whoever calls holds the ledger's lock.
///
/// `synced`: records below it are on disk, and none from it on is touched. A segment that the last checkpoint does not cover waits.
pub(in crate::ledger) fn seal_closed(
    store: &dyn LedgerStore,
    dir: &Path,
    synced: u64,
    before: Timestamp,
    pace: &mut dyn FnMut(Duration) -> bool,
) -> Result<SealReport, LedgerError> {
    let files = segments(dir)?;
    let log = ServedLog::of(dir);
    let signed = log.checkpoint()?.is_some();
    let upto = if signed { synced.min(log.size()?) } else { synced };
    let levels = signed.then(|| StoredLevels::of(dir));
    let mut report = SealReport::default();
    let followed = files.iter().zip(files.iter().skip(1));
    for ((first, suffix), (end, next)) in followed {
        let closed = *suffix == Suffix::Seg && next.is_final() && *end <= upto;
        if !closed || open_as(dir, *end, *next)?.header.floor >= before.as_microsecond() {
            continue;
        }
        let segment = Closed { dir, end: *end, first: *first, levels: levels.as_ref(), store };
        let Some(sizes) = segment.seal(pace)? else { break };
        report.segments = report.segments.saturating_add(1);
        report.before = report.before.saturating_add(sizes.before);
        report.after = report.after.saturating_add(sizes.after);
    }
    Ok(report)
}

/// The running thread.
#[derive(Debug)]
pub(in crate::ledger) struct Sealer {
    control: Arc<Control>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Control {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// All segments older than this are to be sealed now.
    asked: Option<Timestamp>,
    failed: Option<Arc<str>>,
    stopping: bool,
}

impl Sealer {
    /// Starts the thread; without an age it seals only what it is asked to.
    pub(in crate::ledger) fn start(
        shared: &Arc<Shared>,
        after: Option<Duration>,
    ) -> Result<Self, LedgerError> {
        let control = Arc::new(Control::default());
        let (of_thread, ledger) = (Arc::clone(&control), Arc::clone(shared));
        let thread = thread::Builder::new()
            .name("ledger-seal".into())
            .spawn(move || run(&of_thread, &ledger, after))
            .map_err(LedgerError::io("start the sealing thread of", &shared.settings.dir))?;
        Ok(Self { control, thread })
    }

    /// Asks for all segments older than an instant.
    pub(in crate::ledger) fn ask(&self, before: Timestamp) {
        let mut state = self.control.lock();
        state.asked = Some(state.asked.map_or(before, |asked| asked.max(before)));
        drop(state);
        self.control.wake.notify_one();
    }

    /// Why the last try failed, if it did.
    pub(in crate::ledger) fn failed(&self) -> Option<Arc<str>> {
        self.control.lock().failed.clone()
    }

    /// Ends it, in the middle of a segment if need be: that is begun again another time.
    pub(in crate::ledger) fn stop(self) {
        self.control.lock().stopping = true;
        self.control.wake.notify_one();
        // One that panicked has sealed less.
        self.thread.join().ok();
    }
}

impl Control {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rests. False if it is to end.
    fn rest(&self, rest: Duration) -> bool {
        let until = Instant::now().checked_add(rest);
        let mut state = self.lock();
        while !state.stopping {
            let left = until
                .map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return true;
            }
            let woken = self.wake.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Sleeps until it is asked, or for an interval. False if it is to end.
    fn next(&self) -> (bool, Option<Timestamp>) {
        let state = self.lock();
        if state.stopping || state.asked.is_some() {
            return Self::taken(state);
        }
        let woken = self.wake.wait_timeout(state, INTERVAL);
        Self::taken(woken.unwrap_or_else(PoisonError::into_inner).0)
    }

    fn taken(mut state: MutexGuard<'_, State>) -> (bool, Option<Timestamp>) {
        (!state.stopping, state.asked.take())
    }
}

fn run(control: &Control, ledger: &Shared, after: Option<Duration>) {
    let mut asked = None;
    loop {
        let old = after.and_then(|after| SystemClock.now().checked_sub(after).ok());
        if let Some(before) = asked.into_iter().chain(old).max() {
            let synced = ledger.lock().synced;
            let dir = &ledger.settings.dir;
            let sealed =
                seal_closed(&*ledger.store, dir, synced, before, &mut |took| control.rest(took));
            let failed = match sealed {
                Ok(report) => {
                    if report.segments > 0 {
                        let SealReport { before, after, segments } = report;
                        tracing::info!(segments, before, after, "segments sealed");
                    }
                    None
                }
                Err(error) => {
                    tracing::error!(%error, "a segment cannot be sealed; it stays as it is");
                    Some(Arc::from(error.to_string()))
                }
            };
            control.lock().failed = failed;
        }
        let (going, more) = control.next();
        if !going {
            return;
        }
        asked = more;
    }
}
