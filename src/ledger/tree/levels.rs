//! The tree's files: hashes of one level, one after the other. Only appended to, and only what a checkpoint covers counts.

use std::fs;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::merkle::Hash;
use crate::merkle::Levels;
use crate::merkle::width;

use super::super::store::LedgerStore;
use super::super::store::SegmentFile;
use super::TREE;

/// Bytes of a hash.
const HASH: u64 = 32;

/// The levels, open for appending. All of them: eight are enough for 2^64 leaves.
#[derive(Debug)]
pub(super) struct LevelFiles([Growing; LEVELS]);

const LEVELS: usize = 8;

/// A file that only grows.
#[derive(Debug)]
pub(super) struct Growing {
    file: Arc<dyn SegmentFile>,
    /// Bytes that are in the file and synced.
    length: u64,
    /// Bytes that are to follow.
    pending: Vec<u8>,
}

impl Growing {
    /// Opens or creates a file, of which the first `length` bytes count.
    pub(super) fn open(store: &dyn LedgerStore, path: &Path, length: u64) -> io::Result<Self> {
        let file = store.open(path)?;
        file.truncate(length)?;
        Ok(Self { file, length, pending: Vec::new() })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Writes and syncs what is pending. If that fails it stays pending, and is written again at the same place.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.file.write_at(&self.pending, self.length)?;
        self.file.sync()?;
        let bytes = u64::try_from(self.pending.len()).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(bytes);
        self.pending.clear();
        Ok(())
    }
}

impl LevelFiles {
    /// Opens the levels of a tree of `size` leaves; what lies beyond that is cut off.
    pub(super) fn open(store: &dyn LedgerStore, dir: &Path, size: u64) -> io::Result<Self> {
        let tree = dir.join(TREE);
        store.create_dir(&tree)?;
        let open = |level| {
            let length = width(level, size).saturating_mul(HASH);
            Growing::open(store, &path(&tree, level), length)
        };
        let [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(open);
        let levels = Self([a?, b?, c?, d?, e?, f?, g?, h?]);
        // A file whose name is lost in a power cut would be a hole in the tree.
        store.sync_dir(&tree)?;
        store.sync_dir(dir)?;
        Ok(levels)
    }

    /// Adds the next hash of a level.
    pub(super) fn push(&mut self, level: u8, hash: &Hash) {
        if let Some(file) = self.0.get_mut(usize::from(level)) {
            file.push(hash.as_bytes());
        }
    }

    /// Makes all of it durable.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.0.iter_mut().try_for_each(Growing::flush)
    }
}

/// The levels, open for reading, beside a running process.
#[derive(Debug)]
pub(in crate::ledger) struct StoredLevels {
    dir: PathBuf,
}

impl StoredLevels {
    pub(in crate::ledger) fn of(dir: &Path) -> Self {
        Self { dir: dir.join(TREE) }
    }

    /// Whether all hashes of a tree of `size` leaves are there.
    pub(super) fn cover(&self, size: u64) -> bool {
        let covered = |level: u8, hashes: u64| {
            let length = fs::metadata(path(&self.dir, level)).map_or(0, |metadata| metadata.len());
            length >= hashes.saturating_mul(HASH)
        };
        (0..8)
            .map(|level| (level, width(level, size)))
            .all(|(level, hashes)| covered(level, hashes))
    }

    /// Bytes of successive hashes.
    pub(in crate::ledger) fn bytes(
        &self,
        level: u8,
        first: u64,
        count: u64,
    ) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(count.saturating_mul(HASH)).unwrap_or(0)];
        if !bytes.is_empty() {
            let file = File::open(path(&self.dir, level))?;
            file.read_exact_at(&mut bytes, first.saturating_mul(HASH))?;
        }
        Ok(bytes)
    }
}

impl Levels for StoredLevels {
    type Error = io::Error;

    fn hash(&self, level: u8, index: u64) -> io::Result<Hash> {
        let bytes = self.bytes(level, index, 1)?;
        bytes
            .first_chunk()
            .map(|hash| Hash(*hash))
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn hashes(&self, level: u8, indices: std::ops::Range<u64>) -> io::Result<Vec<Hash>> {
        let count = indices.end.saturating_sub(indices.start);
        let bytes = self.bytes(level, indices.start, count)?;
        Ok(bytes.as_chunks::<32>().0.iter().map(|hash| Hash(*hash)).collect())
    }
}

fn path(dir: &Path, level: u8) -> PathBuf {
    dir.join(format!("level-{level}"))
}
