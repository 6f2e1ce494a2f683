//! The thread that integrates and publishes: behind the sync thread, never in a request's way.
//!
//! Killed or cut off at any moment, nothing is lost: what a checkpoint does not cover is integrated again from the segments.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;

use crate::merkle::Checkpoint;
use crate::merkle::Frontier;
use crate::merkle::Hash;
use crate::merkle::root;

use super::super::error::LedgerError;
use super::super::parts::Parts;
use super::super::reader::Reader;
use super::super::state::Shared;
use super::super::state::day;
use super::super::store::LedgerStore;
use super::key::LogKey;
use super::levels::Growing;
use super::levels::LevelFiles;
use super::levels::StoredLevels;
use super::places;
use super::places::PLACE;
use super::places::Place;
use super::places::STEP;
use super::{CHECKPOINT, CHECKPOINTS, INDEX};

/// How often it looks for records; DESIGN 9 wants a checkpoint at least every second.
const INTERVAL: Duration = Duration::from_millis(250);
/// Under load, a checkpoint is published this long after the last at the latest.
const LATEST: Duration = Duration::from_millis(700);

/// How far publication has come.
#[derive(Clone, Debug, Default)]
pub(in crate::ledger) struct PublisherStatus {
    pub(in crate::ledger) failed: Option<Arc<str>>,
    pub(in crate::ledger) failures: u64,
    pub(in crate::ledger) size: u64,
}

/// A checkpoint that lies in the ledger, its signature checked.
#[derive(Clone, Debug)]
pub(in crate::ledger) struct Published {
    root: Hash,
    pub(in crate::ledger) size: u64,
    text: String,
}

/// The running thread.
#[derive(Debug)]
pub(in crate::ledger) struct Publisher {
    shared: Arc<Control>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Control {
    state: Mutex<Standing>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Standing {
    status: PublisherStatus,
    stopping: bool,
}

impl Published {
    /// The last checkpoint; if it is gone, that of the last day that has one, so that a log never falls behind what it signed.
    ///
    /// # Errors
    /// `Checkpoint` if it is none of this log.
    pub(in crate::ledger) fn read(dir: &Path, key: &LogKey) -> Result<Option<Self>, LedgerError> {
        let path = dir.join(CHECKPOINT);
        let path = match path.try_exists() {
            Ok(true) => path,
            Ok(false) => match last_day(&dir.join(CHECKPOINTS))? {
                Some(path) => path,
                None => return Ok(None),
            },
            Err(error) => return Err(LedgerError::io("look at", &path)(error)),
        };
        let text = std::fs::read_to_string(&path).map_err(LedgerError::io("read", &path))?;
        let opened = Checkpoint::open(&text, key.name.as_str(), &[key.verifier()], &[]);
        let opened =
            opened.map_err(|fault| LedgerError::Checkpoint { path, reason: fault.to_string() })?;
        let checkpoint = opened.checkpoint;
        Ok(Some(Self { root: *checkpoint.root(), size: checkpoint.size(), text }))
    }
}

/// The file of the last day; its name is a date.
fn last_day(folder: &Path) -> Result<Option<PathBuf>, LedgerError> {
    let failed = || LedgerError::io("list", folder);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed()(error)),
    };
    let mut last: Option<PathBuf> = None;
    for entry in entries {
        let path = entry.map_err(failed())?.path();
        // One that is being written ends with `.new`.
        if path.extension().is_none() {
            last = last.max(Some(path));
        }
    }
    Ok(last)
}

impl Publisher {
    /// Continues the tree of the last checkpoint, and starts the thread. True if the tree had to be made again.
    ///
    /// # Errors
    /// `Contradicted` if the records are not those of the checkpoint; `Io`.
    pub(in crate::ledger) fn start(
        shared: &Arc<Shared>,
        key: LogKey,
        published: Option<Published>,
    ) -> Result<(Self, bool), LedgerError> {
        let (work, rebuilt) = Work::new(shared, key, published)?;
        let control = Arc::new(Control::default());
        control.lock().status.size = work.published.as_ref().map_or(0, |published| published.size);
        let (of_thread, ledger) = (Arc::clone(&control), Arc::clone(shared));
        let thread = thread::Builder::new()
            .name("ledger-publish".into())
            .spawn(move || work.run(&of_thread, &ledger))
            .map_err(LedgerError::io("start the publishing thread of", &shared.settings.dir))?;
        Ok((Self { shared: control, thread }, rebuilt))
    }

    pub(in crate::ledger) fn status(&self) -> PublisherStatus {
        self.shared.lock().status.clone()
    }

    /// Publishes all that is synced and ends.
    pub(in crate::ledger) fn stop(self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_one();
        // One that panicked has published less; the next start goes on from there.
        self.thread.join().ok();
    }
}

impl Control {
    fn lock(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps, unless it is to end. True if so.
    fn sleep(&self, wait: Duration) -> bool {
        let state = self.lock();
        if state.stopping {
            return true;
        }
        let woken = self.wake.wait_timeout(state, wait);
        woken.unwrap_or_else(PoisonError::into_inner).0.stopping
    }
}

/// What the thread works with.
struct Work {
    dir: PathBuf,
    frontier: Frontier,
    key: LogKey,
    /// Day of the last leaf.
    last_day: Option<i64>,
    levels: LevelFiles,
    places: Growing,
    published: Option<Published>,
    /// Day of the last leaf that `published` covers.
    published_day: Option<i64>,
    reader: Option<Reader>,
    store: Arc<dyn LedgerStore>,
}

impl Work {
    fn new(
        shared: &Shared,
        key: LogKey,
        published: Option<Published>,
    ) -> Result<(Self, bool), LedgerError> {
        let (dir, store) = (shared.settings.dir.clone(), Arc::clone(&shared.store));
        let size = published.as_ref().map_or(0, |published| published.size);
        let stored = StoredLevels::of(&dir);
        let sound = published.as_ref().is_none_or(|published| {
            stored.cover(size) && root(size, &stored).is_ok_and(|root| root == published.root)
        });
        let kept = if sound { size } else { 0 };
        let opened = (|| {
            let levels = LevelFiles::open(&*store, &dir, kept)?;
            store.create_dir(&dir.join(INDEX))?;
            store.create_dir(&dir.join(CHECKPOINTS))?;
            let length = kept.div_ceil(STEP).saturating_mul(PLACE);
            let places = places::path(&dir);
            // What can be made again is not worth a failed start: a hole in it only makes looking slower.
            let places = Growing::open(&*store, &places, length)?;
            Ok((levels, places))
        })();
        let (levels, places) = opened.map_err(LedgerError::io("open the tree of", &dir))?;
        let frontier = Frontier::resume(kept, &stored);
        let frontier = frontier.map_err(|fault| {
            LedgerError::io("read the tree of", &dir)(std::io::Error::other(fault.to_string()))
        })?;
        let mut work = Self {
            dir,
            frontier,
            key,
            last_day: None,
            levels,
            places,
            published,
            published_day: None,
            reader: None,
            store,
        };
        if !sound {
            work.integrate(size, None)?;
            let fits = work.published.as_ref().is_some_and(|published| {
                work.frontier.size() == size && work.frontier.root() == published.root
            });
            if !fits {
                return Err(LedgerError::Contradicted { size });
            }
            let flushed = work.levels.flush().and_then(|()| work.places.flush());
            flushed.map_err(LedgerError::io("write the tree of", &work.dir))?;
        }
        if size > 0 && work.last_day.is_none() {
            let mut reader = Reader::open_at(&work.dir, size.saturating_sub(1))?;
            let last = reader.next_record()?.map(|record| day(record.instant.as_microsecond()));
            (work.last_day, work.reader) = (last, Some(reader));
        }
        work.published_day = work.last_day;
        Ok((work, !sound))
    }

    fn run(mut self, control: &Control, ledger: &Shared) {
        let mut wait = INTERVAL;
        loop {
            let stopping = control.sleep(wait);
            let outcome = self.catch_up(ledger);
            let mut state = control.lock();
            state.status.size = self.published.as_ref().map_or(0, |published| published.size);
            // A last try that fails is the last.
            let done;
            (wait, done) = match outcome {
                Ok(caught_up) => {
                    state.status.failed = None;
                    (if caught_up { INTERVAL } else { Duration::ZERO }, caught_up)
                }
                Err(error) => {
                    state.status.failed = Some(error.to_string().into());
                    state.status.failures = state.status.failures.saturating_add(1);
                    (ledger.settings.retry, true)
                }
            };
            drop(state);
            if stopping && done {
                // The day is not over, but nothing may come after it.
                self.keep_day().ok();
                return;
            }
        }
    }

    /// Integrates what is synced, for a while, and publishes. True if nothing is left.
    fn catch_up(&mut self, ledger: &Shared) -> Result<bool, LedgerError> {
        let synced = ledger.lock().synced;
        let until = Instant::now().checked_add(LATEST);
        self.integrate(synced, until)?;
        let size = self.published.as_ref().map(|published| published.size);
        if size != Some(self.frontier.size()) {
            self.publish()?;
        }
        Ok(self.frontier.size() >= synced)
    }

    /// Takes records into the tree, up to but without `upto`, or until an instant.
    fn integrate(&mut self, upto: u64, until: Option<Instant>) -> Result<(), LedgerError> {
        while self.frontier.size() < upto {
            let sequence = self.frontier.size();
            let reader = match &mut self.reader {
                Some(reader) => reader,
                none => none.insert(Reader::open_at(&self.dir, sequence)?),
            };
            let record = match reader.next_record() {
                Ok(Some(record)) if record.sequence == sequence => record,
                Ok(Some(record)) => {
                    return Err(LedgerError::Unreadable { sequence: record.sequence });
                }
                // It is on the disk, and a segment may just be changing its name.
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.reader = None;
                    return Err(error);
                }
            };
            let entry = Parts::entry(record.payload).and_then(|entry| entry.get(2..));
            let leaf = Hash::leaf(entry.ok_or(LedgerError::Unreadable { sequence })?);
            let instant = record.instant.as_microsecond();
            if sequence.is_multiple_of(STEP)
                && let Some((segment, offset)) = reader.place()
            {
                self.places.push(&Place { instant, offset, segment, sequence }.encode());
            }
            let levels = &mut self.levels;
            levels.push(0, &leaf);
            self.frontier.push(leaf, |level, hash| levels.push(level, &hash));
            self.last_day = Some(day(instant));
            let asked = sequence.is_multiple_of(STEP);
            if asked && until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
        }
        Ok(())
    }

    /// Makes the tree durable, and then says so.
    fn publish(&mut self) -> Result<(), LedgerError> {
        let flushed = self.levels.flush().and_then(|()| self.places.flush());
        flushed.map_err(LedgerError::io("write the tree of", &self.dir))?;
        if self.published_day != self.last_day {
            self.keep_day()?;
        }
        let (size, root) = (self.frontier.size(), self.frontier.root());
        let checkpoint = Checkpoint::new(&self.key.name, size, root);
        let path = self.dir.join(CHECKPOINT);
        let note = checkpoint.sign(&self.key.name, &self.key.key).map_err(|fault| {
            LedgerError::Checkpoint { path: path.clone(), reason: fault.to_string() }
        })?;
        let text = note.to_string();
        self.replace(&path, &text)?;
        self.published = Some(Published { root, size, text });
        self.published_day = self.last_day;
        Ok(())
    }

    /// Keeps the published checkpoint as that of its day.
    fn keep_day(&self) -> Result<(), LedgerError> {
        let (Some(published), Some(day)) = (&self.published, self.published_day) else {
            return Ok(());
        };
        let Ok(instant) = Timestamp::from_second(day.saturating_mul(86_400)) else { return Ok(()) };
        let name = instant.strftime("%Y-%m-%d").to_string();
        self.replace(&self.dir.join(CHECKPOINTS).join(name), &published.text)
    }

    /// Replaces a file whole and durably.
    fn replace(&self, path: &Path, text: &str) -> Result<(), LedgerError> {
        let unnamed = path.with_extension("new");
        let replaced = (|| {
            let file = self.store.create(&unnamed)?;
            file.write_at(text.as_bytes(), 0)?;
            file.sync()?;
            self.store.rename(&unnamed, path)?;
            self.store.sync_dir(path.parent().unwrap_or(&self.dir))
        })();
        replaced.map_err(LedgerError::io("write", path))
    }
}
