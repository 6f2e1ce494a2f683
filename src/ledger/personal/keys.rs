//! The reading side of the keys, beside a running process.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::super::error::LedgerError;
use super::SUBJECTS;
use super::cipher;
use super::key_file;
use super::key_file::{ENTRY, KeyEntry, STRIDE, State};

/// The keys under which personal parts are encrypted. Where each lies is kept in memory, about 50 bytes a key; the keys themselves are
/// read as they are needed, so that one that is destroyed meanwhile is gone here too.
pub struct SubjectKeys {
    folder: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    files: Vec<KeyFile>,
    /// File, by its place in `files`, and number of the entry in it.
    places: HashMap<[u8; 16], (u32, u32)>,
}

struct KeyFile {
    file: File,
    number: u32,
    path: PathBuf,
    /// Entries that have been read, the head included.
    read: u32,
}

/// What an encrypted part came to.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::ledger) enum Opened {
    /// Salt and JSON.
    Clear(Vec<u8>),
    /// Its key was destroyed.
    Erased,
    /// A power cut took its key.
    Lost,
    /// There is no such key.
    NoKey,
    /// The key does not open it.
    Refused,
}

impl SubjectKeys {
    /// The keys of the ledger in `dir`, which may have none.
    ///
    /// # Errors
    /// `Io` if a file of keys cannot be read.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let folder = dir.as_ref().join(SUBJECTS);
        let keys = Self { folder, known: Mutex::new(Known::default()) };
        keys.with(|known| known.refresh(&keys.folder))?;
        Ok(keys)
    }

    /// Decrypts a personal part of the record `id`, encrypted under `key`.
    pub(in crate::ledger) fn decrypt(
        &self,
        key: &str,
        id: &str,
        part: &[u8],
    ) -> Result<Opened, LedgerError> {
        let entry = key_file::id(key).map_or(Ok(None), |key| self.entry(&key))?;
        let Some(entry) = entry else { return Ok(Opened::NoKey) };
        Ok(match entry.state {
            State::Destroyed(_) => Opened::Erased,
            State::InUse => {
                cipher::decrypt(&entry.key, id, part).map_or(Opened::Refused, Opened::Clear)
            }
            State::Lost(_) => Opened::Lost,
        })
    }

    /// The id of a key, if it is not there.
    pub(in crate::ledger) fn missing(&self, key: &str) -> Result<Option<[u8; 16]>, LedgerError> {
        let Some(id) = key_file::id(key) else { return Ok(None) };
        Ok(self.entry(&id)?.is_none().then_some(id))
    }

    fn entry(&self, key: &[u8; 16]) -> Result<Option<KeyEntry>, LedgerError> {
        self.with(|known| {
            if let Some(place) = known.places.get(key).copied() {
                return known.read(place);
            }
            // It may have been made since.
            known.refresh(&self.folder)?;
            known.places.get(key).copied().map_or(Ok(None), |place| known.read(place))
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Known) -> T) -> T {
        work(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    /// Notes what was written since the last look.
    fn refresh(&mut self, folder: &Path) -> Result<(), LedgerError> {
        for (number, path) in key_file::list(folder)? {
            if self.files.iter().any(|file| file.number == number) {
                continue;
            }
            let file = File::open(&path).map_err(LedgerError::io("open", &path))?;
            self.files.push(KeyFile { file, number, path, read: 1 });
        }
        for (at, file) in (0_u32..).zip(&mut self.files) {
            let noted = file.note(|number, id| {
                // A later copy counts: it is on a file that was synced.
                self.places.insert(id, (at, number));
            });
            noted.map_err(LedgerError::io("read", &file.path))?;
        }
        Ok(())
    }

    fn read(&self, (file, number): (u32, u32)) -> Result<Option<KeyEntry>, LedgerError> {
        /// Looks at an entry that is just being destroyed.
        const TRIES: u32 = 3;
        let file = usize::try_from(file).ok().and_then(|file| self.files.get(file));
        let Some(KeyFile { file, path, .. }) = file else { return Ok(None) };
        let mut bytes = [0; ENTRY];
        for _ in 0..TRIES {
            let read = file.read_exact_at(&mut bytes, u64::from(number).saturating_mul(STRIDE));
            read.map_err(LedgerError::io("read", path))?;
            if let Some(entry) = KeyEntry::decode(&bytes) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

impl KeyFile {
    /// Tells the entries that are new. One that is not whole yet is met again the next time.
    fn note(&mut self, mut each: impl FnMut(u32, [u8; 16])) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let end = u32::try_from(length / STRIDE).unwrap_or(u32::MAX);
        let mut settled = true;
        let mut bytes = vec![0; ENTRY.saturating_mul(512)];
        let mut next = self.read;
        while next < end {
            let count = end.saturating_sub(next).min(512);
            let wanted = usize::try_from(count).unwrap_or(0).saturating_mul(ENTRY);
            let Some(chunk) = bytes.get_mut(..wanted) else { break };
            self.file.read_exact_at(chunk, u64::from(next).saturating_mul(STRIDE))?;
            let (entries, _) = chunk.as_chunks::<ENTRY>();
            for (number, entry) in (next..).zip(entries) {
                match KeyEntry::decode(entry) {
                    Some(entry) => each(number, entry.id),
                    None => settled = false,
                }
                if settled {
                    self.read = number.saturating_add(1);
                }
            }
            next = next.saturating_add(count);
        }
        Ok(())
    }
}

impl fmt::Debug for SubjectKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectKeys").field("folder", &self.folder).finish_non_exhaustive()
    }
}
