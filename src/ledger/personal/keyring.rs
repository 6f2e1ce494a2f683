//! The writing side of the keys: one for each subject that is met, in files that only grow, but for what is destroyed in them.

use std::fmt;
use std::fs::File;
use std::io;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use aws_lc_rs::rand;

use super::super::error::LedgerError;
use super::super::store::{LedgerStore, SegmentFile};
use super::SUBJECTS;
use super::key_file;
use super::key_file::{ENTRY, KeyEntry, STRIDE, State};
use super::recent::{Known, Recent};
use super::secret::{Purpose, Secret};

/// Keys not yet synced beyond which none is made: as many as records may be.
const UNSYNCED: usize = 65_536;

/// The keys of subjects, for writing. A subject has the key that it was given when it was last met after a start, or after it was
/// forgotten for 65,536 others; so it may have several, and all are its own.
pub(in crate::ledger) struct Keyring {
    folder: PathBuf,
    ring: Mutex<Ring>,
    secret: Secret,
    store: Arc<dyn LedgerStore>,
    /// Whether keys are written and not known to be on disk.
    unsynced: AtomicBool,
}

struct Ring {
    failed: Option<Arc<str>>,
    /// The file that is written to; none before the first key.
    file: Option<Arc<dyn SegmentFile>>,
    number: u32,
    /// Where the next entry goes.
    offset: u64,
    recent: Recent,
    /// False once a sync of `file` failed: later syncs of it prove nothing.
    trusted: bool,
    /// Entries that are not known to be on disk.
    unsynced: Vec<KeyEntry>,
}

/// What an erasure destroyed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::ledger) struct Destroyed {
    /// Keys destroyed before.
    pub(in crate::ledger) earlier: Vec<[u8; 16]>,
    /// Keys destroyed now.
    pub(in crate::ledger) now: Vec<[u8; 16]>,
}

impl Keyring {
    /// Takes the keys of the ledger in `dir`. Whoever calls holds the ledger's lock.
    pub(in crate::ledger) fn take(
        dir: &Path,
        store: &Arc<dyn LedgerStore>,
    ) -> Result<Self, LedgerError> {
        let secret = Secret::take(dir, &**store)?;
        let folder = dir.join(SUBJECTS);
        let files = key_file::list(&folder)?;
        let number = files.last().map_or(0, |(number, _)| number.saturating_add(1));
        let ring = Ring {
            failed: None,
            file: None,
            number,
            offset: 0,
            recent: Recent::default(),
            trusted: true,
            unsynced: Vec::new(),
        };
        Ok(Self {
            folder,
            ring: Mutex::new(ring),
            secret,
            store: Arc::clone(store),
            unsynced: AtomicBool::new(false),
        })
    }

    /// The subject's key and its id; one is made, and written, if none is known.
    pub(super) fn key_of(&self, subject: &str, now: i64) -> Result<Known, LedgerError> {
        let tag = self.secret.hash(Purpose::Tag, subject);
        let mut ring = self.lock();
        if let Some(known) = ring.recent.get(&tag) {
            return Ok(known);
        }
        if !ring.trusted || ring.unsynced.len() >= UNSYNCED {
            let reason = ring.failed.clone();
            let reason = reason.unwrap_or_else(|| "too many keys are not synced".into());
            return Err(LedgerError::Failed { reason });
        }
        let mut entry =
            KeyEntry { created: now, id: [0; 16], key: [0; 32], state: State::InUse, tag };
        let filled = rand::fill(&mut entry.id).and_then(|()| rand::fill(&mut entry.key));
        filled.map_err(|_| LedgerError::NoRandomness)?;
        if let Err(error) = self.write(&mut ring, &entry) {
            return Err(LedgerError::Failed { reason: ring.fail("write", &error) });
        }
        ring.failed = None;
        ring.unsynced.push(entry);
        self.unsynced.store(true, Ordering::Release);
        ring.recent.insert(tag, (entry.id, entry.key));
        Ok((entry.id, entry.key))
    }

    /// Makes what was written durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        if !self.unsynced.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let mut ring = self.lock();
        let (file, count) = (ring.file.clone(), ring.unsynced.len());
        let synced = match file {
            Some(file) if ring.trusted => {
                drop(ring);
                let synced = file.sync();
                ring = self.lock();
                if synced.is_ok() {
                    ring.unsynced.drain(..count);
                }
                synced
            }
            // As with segments: the file is left, and what is not known to be on disk is written to another.
            Some(_) | None => self.renew(&mut ring),
        };
        match &synced {
            Ok(()) => ring.failed = None,
            Err(error) => {
                ring.fail("sync", error);
                ring.trusted = false;
                self.unsynced.store(true, Ordering::Release);
            }
        }
        synced
    }

    pub(super) fn failed(&self) -> Option<Arc<str>> {
        self.lock().failed.clone()
    }

    /// After a failed write: writes and syncs an entry of zeros, which is none, where the next one goes.
    pub(super) fn probe(&self) {
        let mut ring = self.lock();
        if ring.failed.is_none() || !ring.trusted {
            return;
        }
        let tried = self.open(&mut ring).and_then(|file| {
            file.write_at(&[0; ENTRY], ring.offset)?;
            file.sync()
        });
        if tried.is_ok() {
            ring.failed = None;
        }
    }

    /// Notes keys that a power cut took: records are there that were written, and not synced, and so their keys may not be.
    pub(in crate::ledger) fn note_lost(
        &self,
        ids: &[[u8; 16]],
        now: i64,
    ) -> Result<(), LedgerError> {
        let mut ring = self.lock();
        let noted = ids.iter().try_for_each(|id| {
            let (key, tag) = ([0; 32], [0; 16]);
            let entry = KeyEntry { created: now, id: *id, key, state: State::Lost(now), tag };
            self.write(&mut ring, &entry)
        });
        let synced = noted.and_then(|()| match &ring.file {
            Some(file) => file.sync(),
            None => Ok(()),
        });
        synced.map_err(LedgerError::io("write", &key_file::path(&self.folder, ring.number)))
    }

    /// The ids of all of a subject's keys that can still be used.
    pub(in crate::ledger) fn in_use(&self, subject: &str) -> Result<Vec<[u8; 16]>, LedgerError> {
        let tag = self.secret.hash(Purpose::Tag, subject);
        let mut ids = Vec::new();
        for (_, path) in key_file::list(&self.folder)? {
            for_each(&path, |_, entry| {
                if entry.tag == tag && entry.state == State::InUse {
                    ids.push(entry.id);
                }
                Ok(())
            })
            .map_err(LedgerError::io("read", &path))?;
        }
        Ok(ids)
    }

    /// Destroys all keys of a subject that there are now, durably.
    pub(in crate::ledger) fn destroy(
        &self,
        subject: &str,
        at: i64,
    ) -> Result<Destroyed, LedgerError> {
        let tag = self.secret.hash(Purpose::Tag, subject);
        let mut ring = self.lock();
        ring.recent.forget(&tag);
        for entry in ring.unsynced.iter_mut().filter(|entry| entry.tag == tag) {
            entry.destroy(at);
        }
        // A key that is made from here on is that of someone who has come back.
        let end = (ring.number, ring.offset);
        drop(ring);
        let mut destroyed = Destroyed::default();
        for (number, path) in key_file::list(&self.folder)? {
            let limit = match number.cmp(&end.0) {
                std::cmp::Ordering::Less => u64::MAX,
                std::cmp::Ordering::Equal => end.1,
                std::cmp::Ordering::Greater => break,
            };
            let done = self.destroy_in(&path, limit, &tag, at, &mut destroyed);
            done.map_err(LedgerError::io("destroy a key in", &path))?;
        }
        destroyed.now.sort_unstable();
        destroyed.now.dedup();
        destroyed.earlier.sort_unstable();
        destroyed.earlier.dedup();
        destroyed.earlier.retain(|id| destroyed.now.binary_search(id).is_err());
        Ok(destroyed)
    }

    fn destroy_in(
        &self,
        path: &Path,
        limit: u64,
        tag: &[u8; 16],
        at: i64,
        destroyed: &mut Destroyed,
    ) -> io::Result<()> {
        let mut found = Vec::new();
        for_each_of(path, KeyEntry::unchecked, |offset, entry| {
            if entry.tag == *tag && offset < limit {
                found.push((offset, *entry));
            }
            Ok(())
        })?;
        if found.is_empty() {
            return Ok(());
        }
        let file = self.store.open(path)?;
        for (offset, mut entry) in found {
            let whole = entry.state != State::InUse && entry.key == [0; 32];
            if !whole {
                entry.destroy(at);
                destroyed.now.push(entry.id);
            } else {
                destroyed.earlier.push(entry.id);
            }
            // Also what was destroyed before: the sync of that may have failed, and its page be forgotten.
            file.write_at(&entry.encode(), offset)?;
        }
        file.sync()
    }

    fn write(&self, ring: &mut Ring, entry: &KeyEntry) -> io::Result<()> {
        let file = self.open(ring)?;
        file.write_at(&entry.encode(), ring.offset)?;
        ring.offset = ring.offset.saturating_add(STRIDE);
        Ok(())
    }

    /// The file, which is begun with its first key: its name is on disk before any key is in it.
    fn open(&self, ring: &mut Ring) -> io::Result<Arc<dyn SegmentFile>> {
        if let Some(file) = &ring.file {
            return Ok(Arc::clone(file));
        }
        let file = self.begin(ring.number)?;
        ring.offset = STRIDE;
        Ok(Arc::clone(ring.file.insert(file)))
    }

    fn begin(&self, number: u32) -> io::Result<Arc<dyn SegmentFile>> {
        let file = self.store.create(&key_file::path(&self.folder, number))?;
        file.write_at(&key_file::head(), 0)?;
        file.sync()?;
        self.store.sync_dir(&self.folder)?;
        Ok(file)
    }

    /// Begins another file with all keys that are not known to be on disk.
    fn renew(&self, ring: &mut Ring) -> io::Result<()> {
        let number = ring.number.saturating_add(1);
        let file = self.begin(number)?;
        let entries: Vec<u8> = ring.unsynced.iter().flat_map(|entry| entry.encode()).collect();
        file.write_at(&entries, STRIDE)?;
        file.sync()?;
        ring.number = number;
        ring.offset = STRIDE.saturating_add(u64::try_from(entries.len()).unwrap_or(u64::MAX));
        ring.file = Some(file);
        ring.trusted = true;
        ring.unsynced.clear();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn fail(&mut self, action: &str, error: &io::Error) -> Arc<str> {
        let reason: Arc<str> = format!("cannot {action} the keys of subjects: {error}").into();
        self.failed = Some(Arc::clone(&reason));
        reason
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Calls `each` for every entry of a file with its offset. What is none is passed over.
fn for_each(path: &Path, each: impl FnMut(u64, &KeyEntry) -> io::Result<()>) -> io::Result<()> {
    for_each_of(path, KeyEntry::decode, each)
}

fn for_each_of(
    path: &Path,
    read: fn(&[u8; ENTRY]) -> Option<KeyEntry>,
    mut each: impl FnMut(u64, &KeyEntry) -> io::Result<()>,
) -> io::Result<()> {
    let mut input = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut bytes = [0; ENTRY];
    let mut offset = 0_u64;
    loop {
        match input.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        if offset > 0
            && let Some(entry) = read(&bytes)
        {
            each(offset, &entry)?;
        }
        offset = offset.saturating_add(STRIDE);
    }
}
