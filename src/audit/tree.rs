//! The stored tree, compared hash by hash with the one that is recomputed.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::error::{AuditError, Defect, DefectKind};
use super::files;
use super::hash::Hash;

/// Bytes of a hash.
const HASH: u64 = 32;
/// Levels that 64 bits of leaves can have.
const LEVELS: u32 = 8;

/// The files `tree/level-<L>`, each read once from front to back.
pub(super) struct Tree {
    levels: Vec<Level>,
}

struct Level {
    name: String,
    path: PathBuf,
    /// Whole hashes in the file when it was opened: what was there before the records were read.
    hashes: u64,
    input: Option<BufReader<File>>,
}

/// A stored hash that is not the one that was computed.
pub(super) struct Mismatch {
    pub(super) file: String,
    pub(super) offset: u64,
    pub(super) level: u32,
    pub(super) place: u64,
}

/// Why a hash could not be found right.
pub(super) enum Failure {
    Mismatch(Mismatch),
    Other(AuditError),
}

/// Hashes that were stored, in whatever layout.
pub(super) trait StoredTree {
    /// Compares the next hash of a level with the stored one.
    fn compare(&mut self, level: u32, place: u64, hash: &Hash) -> Result<(), Failure>;

    /// Checks, after all records were read, that there was no hash of others.
    fn check_ends(&self, records: u64) -> Result<(), AuditError>;
}

impl Tree {
    pub(super) fn open(dir: &Path) -> Result<Self, AuditError> {
        let level = |level: u32| -> Result<Level, AuditError> {
            let name = format!("tree/level-{level}");
            let path = dir.join(&name);
            let file = match files::open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                opened => Some(opened.map_err(AuditError::io("open", &path))?),
            };
            let length = file.as_ref().map_or(Ok(0), |file| file.metadata().map(|meta| meta.len()));
            let length = length.map_err(AuditError::io("look at", &path))?;
            let capacity = if level == 0 { 1 << 18 } else { 1 << 13 };
            let input = file.map(|file| BufReader::with_capacity(capacity, file));
            Ok(Level { name, path, hashes: length / HASH, input })
        };
        Ok(Self { levels: (0..LEVELS).map(level).collect::<Result<_, AuditError>>()? })
    }

    /// Checks that the tree had every hash of a checkpoint of that size.
    pub(super) fn check_covers(&self, size: u64) -> Result<(), AuditError> {
        for (level, needed) in self.levels.iter().zip(complete(size)) {
            if level.hashes < needed {
                let offset = level.hashes.saturating_mul(HASH);
                let kind = DefectKind::TreeBehind { hashes: level.hashes, size, needed };
                return Err(Defect { file: level.name.clone(), offset, record: None, kind }.into());
            }
        }
        Ok(())
    }
}

impl StoredTree for Tree {
    /// Hashes that were not there at the start are not looked at.
    fn compare(&mut self, level: u32, place: u64, hash: &Hash) -> Result<(), Failure> {
        let Some(stored) = usize::try_from(level).ok().and_then(|at| self.levels.get_mut(at))
        else {
            return Ok(());
        };
        let Some(input) = stored.input.as_mut().filter(|_| place < stored.hashes) else {
            return Ok(());
        };
        let mut bytes = [0; 32];
        let read = input.read_exact(&mut bytes).map_err(AuditError::io("read", &stored.path));
        read.map_err(Failure::Other)?;
        if bytes == hash.0 {
            return Ok(());
        }
        let offset = place.saturating_mul(HASH);
        Err(Failure::Mismatch(Mismatch { file: stored.name.clone(), offset, level, place }))
    }

    fn check_ends(&self, records: u64) -> Result<(), AuditError> {
        for (level, complete) in self.levels.iter().zip(complete(records)) {
            if level.hashes > complete {
                let offset = complete.saturating_mul(HASH);
                let kind = DefectKind::TreeAhead { hashes: level.hashes, records, complete };
                return Err(Defect { file: level.name.clone(), offset, record: None, kind }.into());
            }
        }
        Ok(())
    }
}

/// How many hashes of each level so many leaves make: `floor(size / 256^L)`.
pub(super) fn complete(size: u64) -> impl Iterator<Item = u64> {
    (0..LEVELS).map(move |level| size.checked_shr(level.saturating_mul(8)).unwrap_or(0))
}
