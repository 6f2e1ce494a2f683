//! Opens a ledger: takes the directory, cuts a torn tail, finds the last sequence number and instant, begins a new segment.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use jiff::Timestamp;

use crate::model::Clock;
use crate::model::SystemClock;

use super::append::{Handle, Ledger};
use super::commit;
use super::cursor::{Cursor, Step, file_name, open_as, segments};
use super::error::LedgerError;
use super::format::{Header, NO_INSTANT, Suffix, header_len, segment_path};
use super::personal::{Guard, Keyring, SubjectKeys};
use super::reader::Reader;
use super::settings::LedgerSettings;
use super::state::{Shared, Sleep, State, Unsynced, WriteGroup};
use super::store::{Disk, LedgerStore};
use super::torn::{TornTail, whole_record_after};
use super::tree::{LogKey, Published, Publisher, SigningSettings};

/// The file whose lock says that a process writes here.
const LOCK: &str = "ledger.lock";

/// What was found when a ledger was opened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Recovery {
    /// Records in the ledger.
    pub records: u64,
    /// Sequence number of the last record.
    pub last_sequence: Option<u64>,
    /// Instant (µs) of the last record; no later record is given an earlier one.
    pub last_instant: Option<Timestamp>,
    /// What was cut, each with its bytes set aside in `<segment>.at-<offset>.torn`.
    pub torn: Vec<TornTail>,
    /// The tree's files were not those of the last checkpoint, and were made again from the records, which are.
    pub tree_rebuilt: bool,
}

impl Ledger {
    /// Opens the ledger in a directory, which is created if absent, and takes it for this process.
    ///
    /// # Errors
    /// `InUse` if another process has it; `Key`, `Checkpoint`, `Short` or `Contradicted` if key, checkpoint and records do not belong
    /// together; `Defective` if the header of the last segment is not sound; `Io`.
    pub fn open(settings: LedgerSettings) -> Result<(Self, Recovery), LedgerError> {
        Self::open_on(Arc::new(Disk), settings)
    }

    /// As [`Ledger::open`], on a given file system.
    pub(super) fn open_on(
        store: Arc<dyn LedgerStore>,
        settings: LedgerSettings,
    ) -> Result<(Self, Recovery), LedgerError> {
        let dir = &settings.dir;
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(dir).map_err(LedgerError::io("create", dir))?;
        let lock = take_lock(dir)?;

        let guard = Guard::take(settings.personal, dir, &store)?;
        let key = match &settings.signing {
            Some(signing) => Some(LogKey::take(dir, signing, holds_records(dir)?)?),
            None => None,
        };
        let published = match &key {
            Some(key) => Published::read(dir, key)?,
            None => None,
        };
        let size = published.as_ref().map_or(0, |published| published.size);
        let mut found = Found::scan(&*store, dir, size)?;
        found.note_lost_keys(&store, &guard, dir, size)?;
        let header = Header { first: found.next, floor: found.last_instant };
        let from = segment_path(dir, header.first, Suffix::New);
        let path = segment_path(dir, header.first, Suffix::Seg);
        let file = store.create(&from).map_err(LedgerError::io("create", &from))?;
        file.write_at(&header.encode(), 0).map_err(LedgerError::io("write", &from))?;
        file.sync().map_err(LedgerError::io("sync", &from))?;
        store.rename(&from, &path).map_err(LedgerError::io("rename", &from))?;
        store.sync_dir(dir).map_err(LedgerError::io("sync", dir))?;

        let mut recovery = Recovery {
            records: found.next.saturating_sub(found.first),
            last_sequence: found.next.checked_sub(1),
            last_instant: Some(found.last_instant)
                .filter(|instant| *instant != NO_INSTANT)
                .and_then(|instant| Timestamp::from_microsecond(instant).ok()),
            torn: std::mem::take(&mut found.torn),
            tree_rebuilt: false,
        };
        let state = State {
            file,
            path: path.clone(),
            length: header_len(),
            segment_day: None,
            file_trusted: true,
            next: header.first,
            last_instant: header.floor,
            written: header.first,
            written_instant: header.floor,
            group: Arc::new(WriteGroup::default()),
            pending: Unsynced::default(),
            in_flight: None,
            spare: Vec::new(),
            synced: header.first,
            synced_instant: header.floor,
            synced_end: (path, header_len()),
            waiters: Vec::new(),
            failed: None,
            failures: 0,
            writes: 0,
            clock_holding: false,
            clock_held: 0,
            sleep: Sleep::Awake,
            stopping: false,
            ended: false,
        };
        let shared = Arc::new(Shared {
            guard,
            settings,
            store,
            wake: Condvar::new(),
            state: Mutex::new(state),
        });
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("ledger-sync".into())
            .spawn(move || commit::run(&of_thread, lock))
            .map_err(LedgerError::io("start the sync thread of", &shared.settings.dir))?;
        let of_publisher = Arc::clone(&shared);
        let handle = Handle {
            keeper: Mutex::new(None),
            publisher: Mutex::new(None),
            sealer: Arc::new(Mutex::new(None)),
            shared,
            thread: Mutex::new(Some(thread)),
        };
        if let Some(key) = key {
            // If this fails, dropping the handle ends the sync thread.
            let (publisher, rebuilt) = Publisher::start(&of_publisher, key, published)?;
            recovery.tree_rebuilt = rebuilt;
            handle.publish_by(publisher);
        }
        handle.keep(&of_publisher)?;
        Ok((Self { handle: Arc::new(handle) }, recovery))
    }
}

/// Whether the ledger in `dir` and its key belong together, as a start would find them; nothing is written.
///
/// # Errors
/// `Key` if they do not; `Io`.
pub fn check_key(dir: impl AsRef<Path>, signing: &SigningSettings) -> Result<(), LedgerError> {
    let dir = dir.as_ref();
    let has_records = dir.is_dir() && holds_records(dir)?;
    LogKey::check(dir, signing, has_records)
}

/// Whether any segment is longer than its header.
fn holds_records(dir: &Path) -> Result<bool, LedgerError> {
    for (first, suffix) in segments(dir)? {
        let path = segment_path(dir, first, suffix);
        let length = fs::metadata(&path).map_err(LedgerError::io("look at", &path))?.len();
        if first > 0 || length > header_len() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes the ledger for this process.
pub(super) fn take_lock(dir: &Path) -> Result<File, LedgerError> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(LedgerError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(LedgerError::io("lock", &path)(error)),
    }
}

/// What the files hold.
struct Found {
    /// The first sequence number there is.
    first: u64,
    /// The sequence number and least instant of the next record.
    next: u64,
    last_instant: i64,
    torn: Vec<TornTail>,
}

impl Found {
    /// Looks at the last segment, and at those whose final name was still to come. The first `size` records are published: if they
    /// are not all there, nothing is cut.
    fn scan(store: &dyn LedgerStore, dir: &Path, size: u64) -> Result<Self, LedgerError> {
        let files = segments(dir)?;
        let mut found = Self {
            first: files.keys().next().copied().unwrap_or(0),
            next: 0,
            last_instant: NO_INSTANT,
            torn: Vec::new(),
        };
        let last = files.iter().rev().find(|(_, suffix)| suffix.is_final());
        if let Some((first, suffix)) = last {
            let path = segment_path(dir, *first, *suffix);
            let end = End::of(open_as(dir, *first, *suffix)?)?;
            if end.next < size && files.values().all(|suffix| suffix.is_final()) {
                return Err(LedgerError::Short { found: end.next, size });
            }
            // Only a closed segment is sealed: if it is the last, those behind it were taken away.
            if *suffix == Suffix::Seg {
                found.cut(store, &path, &end)?;
            }
            (found.next, found.last_instant) = (end.next, end.last_instant);
        }
        for (first, _) in files.iter().filter(|(_, suffix)| **suffix == Suffix::New) {
            found.settle(store, dir, *first)?;
        }
        if found.next < size {
            return Err(LedgerError::Short { found: found.next, size });
        }
        Ok(found)
    }

    /// A record that was written and not synced may be on the disk, and its key not. Those that a checkpoint covers were synced.
    fn note_lost_keys(
        &self,
        store: &Arc<dyn LedgerStore>,
        guard: &Guard,
        dir: &Path,
        size: u64,
    ) -> Result<(), LedgerError> {
        let last = segments(dir)?.into_iter().rev().find(|(_, suffix)| suffix.is_final());
        // Of what was before the last segment all was on disk when that was begun.
        let begin = size.max(last.map_or(0, |(first, _)| first));
        let mut lost = BTreeSet::new();
        if begin < self.next {
            let keys = SubjectKeys::open(dir)?;
            let mut reader = Reader::open_at(dir, begin)?;
            while let Some(record) = reader.next_record()? {
                let parts = record.parts();
                if let Some(key) = parts.and_then(|parts| parts.subject_key()) {
                    lost.extend(keys.missing(key)?);
                }
            }
        }
        if lost.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = lost.into_iter().collect();
        let now = SystemClock.now().as_microsecond();
        match guard {
            Guard::Sealed(keyring) => keyring.note_lost(&ids, now),
            Guard::Clear | Guard::Masked(_) => Keyring::take(dir, store)?.note_lost(&ids, now),
        }
    }

    /// Takes up a `.new` segment if it continues the record; otherwise it holds only copies, or what lost its predecessor.
    fn settle(
        &mut self,
        store: &dyn LedgerStore,
        dir: &Path,
        first: u64,
    ) -> Result<(), LedgerError> {
        let path = segment_path(dir, first, Suffix::New);
        let end = match Cursor::open(&path, first) {
            Ok(cursor) => End::of(cursor)?,
            // Killed or cut off before the header was written: a file with no more than that is no loss.
            Err(LedgerError::Defective(_)) => End::nothing(first),
            Err(error) => return Err(error),
        };
        if first <= self.next && end.next > self.next {
            self.cut(store, &path, &end)?;
            let to = segment_path(dir, first, Suffix::Seg);
            store.rename(&path, &to).map_err(LedgerError::io("rename", &path))?;
            (self.next, self.last_instant) = (end.next, end.last_instant);
            return Ok(());
        }
        let bytes = fs::metadata(&path).map_err(LedgerError::io("look at", &path))?.len();
        if first > self.next && bytes > header_len() {
            let torn = TornTail {
                segment: file_name(&path),
                offset: 0,
                bytes,
                followed: end.next > first,
            };
            set_aside(&path, &torn)?;
            self.torn.push(torn);
        }
        store.remove(&path).map_err(LedgerError::io("remove", &path))
    }

    /// Cuts what follows the last whole record, and makes the rest durable: a segment follows.
    fn cut(&mut self, store: &dyn LedgerStore, path: &Path, end: &End) -> Result<(), LedgerError> {
        let length = fs::metadata(path).map_err(LedgerError::io("look at", path))?.len();
        let bytes = length.saturating_sub(end.offset);
        if bytes > 0 {
            let followed = whole_record_after(path, end.offset, end.next)?;
            let torn = TornTail { segment: file_name(path), offset: end.offset, bytes, followed };
            set_aside(path, &torn)?;
            self.torn.push(torn);
        }
        store.truncate(path, end.offset).map_err(LedgerError::io("cut", path))
    }
}

/// The end of the last whole record of a segment.
struct End {
    offset: u64,
    next: u64,
    last_instant: i64,
}

impl End {
    fn nothing(first: u64) -> Self {
        Self { offset: 0, next: first, last_instant: NO_INSTANT }
    }

    fn of(mut cursor: Cursor) -> Result<Self, LedgerError> {
        let header = cursor.header;
        let mut end =
            Self { offset: cursor.offset, next: header.first, last_instant: header.floor };
        while let Step::Record { sequence, instant } = cursor.step()? {
            // A record that does not continue the count is left over from elsewhere.
            if sequence != end.next {
                break;
            }
            end = Self {
                offset: cursor.offset,
                next: sequence.saturating_add(1),
                last_instant: end.last_instant.max(instant),
            };
        }
        Ok(end)
    }
}

/// Copies what is about to be cut into a file of its own, durably.
fn set_aside(path: &Path, torn: &TornTail) -> Result<(), LedgerError> {
    let name = format!("{}.at-{}.torn", torn.segment, torn.offset);
    let target: PathBuf = path.with_file_name(name);
    let copy = || -> io::Result<()> {
        let mut from = File::open(path)?;
        from.seek(SeekFrom::Start(torn.offset))?;
        let mut to =
            OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&target)?;
        io::copy(&mut from.take(torn.bytes), &mut to)?;
        to.sync_all()
    };
    copy().map_err(LedgerError::io("set aside the torn end in", &target))
}
