//! The thread that keeps the index: it follows what is published, block by block, and holds what is less than a block in memory.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::mem;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use crate::merkle::root;

use super::super::append::Ledger;
use super::super::error::LedgerError;
use super::super::personal::SubjectKeys;
use super::super::reader::Reader;
use super::super::reader::Record;
use super::super::tree::INDEX;
use super::super::tree::ServedLog;
use super::find::Found;
use super::find::Known;
use super::find::Pace;
use super::find::find;
use super::index::Fault;
use super::index::Index;
use super::index::Meta;
use super::index::apart;
use super::masked::both;
use super::postings::BLOCK;
use super::postings::Bits;
use super::postings::pages;
use super::postings::pair;
use super::query::Query;
use super::quick;
use super::secret::Secret;
use super::terms;
use super::terms::Field;

/// The folder of sled below that of the index.
pub(super) const SLED: &str = "search";
/// How often the thread looks for records.
const LOOK: Duration = Duration::from_millis(100);
/// How long it leaves a disk or a record alone that gave an error.
const TROUBLE: Duration = Duration::from_secs(5);
/// Records read at a time.
const CHUNK: u64 = 1_024;
/// So few records behind, the index counts as ready: reading them takes no longer than a search.
const BEHIND: u64 = 8_192;
/// Tags that are remembered; values that are few come again and again.
const REMEMBERED: usize = 1_024;

/// Searches beside a running ledger; clones share the index. [`Searcher::stop`] ends its thread.
#[derive(Clone, Debug)]
pub struct Searcher {
    shared: Arc<Shared>,
}

/// How the index stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IndexStatus {
    /// Bytes of its files.
    pub bytes: u64,
    /// Records that are in it; others are read.
    pub indexed: u64,
    /// How often it was made anew since the start because it was damaged or did not fit.
    pub rebuilds: u64,
    /// Records of the ledger.
    pub records: u64,
    /// Whether it covers all but the last few.
    pub state: IndexState,
}

/// Whether the index covers what there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IndexState {
    /// It is being opened or made; what it does not cover is read, which takes longer.
    Building,
    /// It covers all but the last few records.
    Ready,
}

impl IndexState {
    /// The contract's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Ready => "ready",
        }
    }
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    keys: Arc<SubjectKeys>,
    ledger: Ledger,
    state: Mutex<State>,
    thread: Mutex<Option<JoinHandle<()>>>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    blocks: u64,
    damaged: bool,
    /// Both are there once the index is open and agrees with the log.
    open: Option<(Arc<Index>, Arc<Secret>)>,
    rebuilds: u64,
    stopping: bool,
    /// Tags and places behind the last whole block.
    tail: Vec<u64>,
    /// Up to which record those go.
    tail_end: u64,
}

/// Whether an index was made for this log.
pub(super) fn fits(meta: &Meta, secret: &Secret, log: &ServedLog) -> bool {
    let size = meta.blocks.saturating_mul(BLOCK);
    meta.secret == secret.name()
        && log.size().is_ok_and(|published| size <= published)
        && root(size, &log.levels()).is_ok_and(|root| *root.as_bytes() == meta.root)
}

impl Searcher {
    /// The ledger's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The keys of what is encrypted.
    #[must_use]
    pub fn keys(&self) -> &SubjectKeys {
        &self.shared.keys
    }

    /// Starts the thread; the index opens in the background.
    ///
    /// # Errors
    /// `Io` if there is no thread, or the keys of subjects cannot be read.
    pub fn start(ledger: &Ledger) -> Result<Self, LedgerError> {
        let dir = ledger.handle.shared.settings.dir.clone();
        let shared = Arc::new(Shared {
            keys: Arc::new(SubjectKeys::open(&dir)?),
            dir,
            ledger: ledger.clone(),
            state: Mutex::default(),
            thread: Mutex::default(),
            wake: Condvar::new(),
        });
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("ledger-index".to_owned())
            .spawn(move || of_thread.run())
            .map_err(LedgerError::io("start the indexing thread of", &shared.dir))?;
        *shared.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(Self { shared })
    }

    /// How the index stands.
    #[must_use]
    pub fn status(&self) -> IndexStatus {
        let records = self.shared.ledger.status().next_sequence;
        let state = self.shared.lock();
        let (open, indexed, rebuilds) = (state.open.clone(), state.tail_end, state.rebuilds);
        drop(state);
        let ready = open.is_some() && records.saturating_sub(indexed) <= BEHIND;
        IndexStatus {
            bytes: open.map_or(0, |(index, _)| index.bytes()),
            indexed,
            rebuilds,
            records,
            state: if ready { IndexState::Ready } else { IndexState::Building },
        }
    }

    /// Finds records; blocks meanwhile, at most until `until` and one step more.
    ///
    /// # Errors
    /// `Defective`, `Unreadable` or `Io` where the records cannot be read.
    pub fn search(&self, query: &Query, until: Option<Instant>) -> Result<Found, LedgerError> {
        both(&self.shared.dir, query, |query| self.search_for(query, until))
    }

    fn search_for(&self, query: &Query, until: Option<Instant>) -> Result<Found, LedgerError> {
        let shared = &self.shared;
        let mut told = |_, _| {};
        let state = shared.lock();
        if let Some((index, secret)) = state.open.clone() {
            let (blocks, end) = (state.blocks, state.tail_end);
            let tags = query.tags(&secret);
            let mut bits = Bits::all();
            for tag in &tags {
                bits.keep(&Bits::of(&state.tail, *tag));
            }
            drop(state);
            let known = Known {
                index: Some((&index, blocks)),
                keys: Arc::clone(&self.shared.keys),
                tags: &tags,
                tail: Some((end, bits)),
            };
            match apart(|| find(&shared.dir, query, &known, Pace { told: &mut told, until })) {
                Ok(found) => return Ok(found),
                Err(Fault::Ledger(error)) => return Err(error),
                Err(Fault::Index(reason)) => {
                    tracing::warn!(reason, "the search index is made anew");
                    shared.lock().damaged = true;
                    shared.wake.notify_one();
                }
            }
        } else {
            drop(state);
        }
        let known =
            Known { index: None, keys: Arc::clone(&self.shared.keys), tags: &[], tail: None };
        find(&shared.dir, query, &known, Pace { told: &mut told, until }).map_err(|fault| {
            match fault {
                Fault::Ledger(error) => error,
                // Without an index there is no such fault.
                Fault::Index(_) => LedgerError::Closed,
            }
        })
    }

    /// Ends the thread and lets go of the index.
    pub fn stop(&self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_one();
        let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // One that panicked leaves an index that is less far.
        thread.map(JoinHandle::join);
        let open = self.shared.lock().open.take();
        drop(open);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps, unless it is to end or the index is damaged. True if it is to end.
    fn sleep(&self, wait: Duration) -> bool {
        let state = self.lock();
        if state.stopping || state.damaged || wait.is_zero() {
            return state.stopping;
        }
        let woken = self.wake.wait_timeout(state, wait);
        woken.unwrap_or_else(PoisonError::into_inner).0.stopping
    }

    fn run(&self) {
        while !self.lock().stopping {
            let ended = self.open().and_then(|mut work| work.follow());
            let Err(fault) = ended else { return };
            let wait = match fault {
                Fault::Ledger(error) => {
                    tracing::error!(%error, "the search index cannot follow the ledger");
                    TROUBLE
                }
                Fault::Index(reason) => {
                    self.remove(&reason);
                    LOOK
                }
            };
            if self.sleep(wait) {
                return;
            }
        }
    }

    /// Opens the index, if it is one of this log.
    fn open(&self) -> Result<Work<'_>, Fault> {
        let folder = self.dir.join(INDEX);
        let secret = Arc::new(Secret::take(&folder)?);
        let mut opened = self.lock().open.take().map(|(index, _)| index);
        if opened.is_none() {
            opened = Some(Arc::new(Index::open(&folder.join(SLED))?));
        }
        let Some(index) = opened else { return Err(Fault::Index("it is gone".to_owned())) };
        let meta = apart(|| index.meta())?;
        let log = ServedLog::of(&self.dir);
        if let Some(meta) = &meta
            && !fits(meta, &secret, &log)
        {
            return Err(Fault::Index("it is not that of this log".to_owned()));
        }
        let blocks = meta.map_or(0, |meta| meta.blocks);
        let mut state = self.lock();
        state.blocks = blocks;
        state.damaged = false;
        state.open = Some((Arc::clone(&index), Arc::clone(&secret)));
        state.tail.clear();
        state.tail_end = blocks.saturating_mul(BLOCK);
        drop(state);
        let next = blocks.saturating_mul(BLOCK);
        Ok(Work { index, log, next, secret, shared: self, tags: HashMap::new() })
    }

    fn remove(&self, reason: &str) {
        let mut state = self.lock();
        let open = state.open.take();
        state.rebuilds = state.rebuilds.saturating_add(1);
        state.damaged = false;
        (state.blocks, state.tail_end) = (0, 0);
        state.tail.clear();
        drop(state);
        tracing::warn!(reason, "the search index is removed and made anew");
        // A search may still hold it, and finds what it finds in the files that have no name any more.
        if let Some(index) = open.and_then(|(index, _)| Arc::into_inner(index)) {
            index.close();
        }
        match fs::remove_dir_all(self.dir.join(INDEX).join(SLED)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::error!(%error, "the search index cannot be removed");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

struct Work<'a> {
    index: Arc<Index>,
    log: ServedLog,
    /// The record to be indexed next.
    next: u64,
    secret: Arc<Secret>,
    shared: &'a Shared,
    tags: HashMap<Field, HashMap<Box<str>, u64>>,
}

impl Work<'_> {
    /// Takes what is published into the index until it is to end.
    fn follow(&mut self) -> Result<(), Fault> {
        let mut reader = Reader::open_at(&self.shared.dir, self.next)?;
        let mut written = 0;
        loop {
            let begun = Instant::now();
            let status = self.shared.ledger.status();
            let idle = status.published_size <= self.next
                || !self.take(&mut reader, status.published_size)?;
            // While others write, half of a processor's time is enough to catch up.
            let busy = mem::replace(&mut written, status.next_sequence) != status.next_sequence;
            let wait = match (idle, busy) {
                (true, _) => LOOK,
                (false, true) => begun.elapsed(),
                (false, false) => Duration::ZERO,
            };
            if self.shared.sleep(wait) {
                return Ok(());
            }
            if self.shared.lock().damaged {
                return Err(Fault::Index("a search has found it damaged".to_owned()));
            }
        }
    }

    /// Takes some records. False if there is none yet.
    fn take(&mut self, reader: &mut Reader, published: u64) -> Result<bool, Fault> {
        let boundary = (self.next / BLOCK).saturating_add(1).saturating_mul(BLOCK);
        let end = published.min(boundary).min(self.next.saturating_add(CHUNK));
        let mut pairs = Vec::new();
        let begun = self.next;
        while self.next < end {
            let Some(record) = reader.next_record()? else { break };
            // The first records of a ledger may have been removed.
            if record.sequence >= boundary {
                *reader = Reader::open_at(&self.shared.dir, record.sequence)?;
                self.next = boundary;
                break;
            }
            self.next = record.sequence.saturating_add(1);
            self.pairs(&record, &mut pairs);
        }
        let mut state = self.shared.lock();
        state.tail.append(&mut pairs);
        state.tail_end = self.next;
        let whole = (self.next == boundary).then(|| state.tail.clone());
        let open = state.open.is_some();
        drop(state);
        if let Some(pairs) = whole.filter(|_| open) {
            let blocks = boundary / BLOCK;
            let levels = self.log.levels();
            let root = root(boundary, &levels).map_err(|fault| {
                let source = io::Error::other(fault.to_string());
                LedgerError::io("read the tree of", &self.shared.dir)(source)
            })?;
            let meta = Meta { blocks, root: *root.as_bytes(), secret: self.secret.name() };
            self.index.put(pages(blocks.saturating_sub(1), pairs), meta)?;
            let mut state = self.shared.lock();
            state.blocks = blocks;
            state.tail.clear();
        }
        Ok(self.next > begun)
    }

    fn pairs(&mut self, record: &Record<'_>, pairs: &mut Vec<u64>) {
        let Some(parts) = record.parts() else { return };
        let place = u16::try_from(record.sequence % BLOCK).unwrap_or_default();
        let before = pairs.len();
        let (keys, secret, tags) = (&self.shared.keys, &self.secret, &mut self.tags);
        let mut told = |field: Field, value: &str| {
            let tag = match field {
                Field::Account => secret.tag(field, value),
                _ => {
                    let known = tags.entry(field).or_default();
                    known.get(value).copied().unwrap_or_else(|| {
                        let tag = secret.tag(field, value);
                        if known.len() < REMEMBERED {
                            known.insert(value.into(), tag);
                        }
                        tag
                    })
                }
            };
            let found = pair(tag, place);
            if !pairs.iter().skip(before).any(|pair| *pair == found) {
                pairs.push(found);
            }
        };
        if quick::each(&parts, keys, &mut told).is_none() {
            terms::each(&parts, keys, &mut told);
        }
    }
}
