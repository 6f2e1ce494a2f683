//! The log as others read it: checkpoint, tiles and entry bundles (C2SP tlog-tiles), from the files, beside a running process.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::Unit;

use crate::merkle::Checkpoint;
use crate::merkle::Hash;
use crate::merkle::Levels;
use crate::merkle::Note;
use crate::merkle::TileKind;
use crate::merkle::TilePath;
use crate::merkle::TlogProof;
use crate::merkle::consistency_proof;
use crate::merkle::inclusion_proof;

use super::super::error::LedgerError;
use super::super::parts::Parts;
use super::super::reader::Reader;
use super::CHECKPOINT;
use super::levels::StoredLevels;

/// The last checkpoint with the cosignatures of witnesses.
const WITNESSED: &str = "checkpoint.witnessed";

/// The published log in a ledger's folder.
#[derive(Clone, Debug)]
pub struct ServedLog {
    dir: PathBuf,
}

impl ServedLog {
    /// The log in `dir`.
    #[must_use]
    pub fn of(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The last checkpoint, a signed note; none before the first is published.
    ///
    /// # Errors
    /// `Io` if it cannot be read.
    pub fn checkpoint(&self) -> Result<Option<String>, LedgerError> {
        self.text(CHECKPOINT)
    }

    /// The last checkpoint with the cosignatures of witnesses.
    ///
    /// # Errors
    /// `Io` if it cannot be read.
    pub fn witnessed(&self) -> Result<Option<String>, LedgerError> {
        self.text(WITNESSED)
    }

    /// The log's verifier key, a line; none where nothing was ever signed.
    ///
    /// # Errors
    /// `Io` if it cannot be read.
    pub fn verifier(&self) -> Result<Option<String>, LedgerError> {
        self.text("ledger.pub")
    }

    /// How many records the last checkpoint covers. Its signature is not checked: whoever asks has the files.
    ///
    /// # Errors
    /// `Io`, or `Checkpoint` if it is none.
    pub fn size(&self) -> Result<u64, LedgerError> {
        Ok(self.published()?.map_or(0, |(_, checkpoint)| checkpoint.size()))
    }

    /// A hash tile or an entry bundle; none if no checkpoint covers it.
    ///
    /// # Errors
    /// `Io`, or `Defective` if a segment is not what was written.
    pub fn tile(&self, path: TilePath) -> Result<Option<Vec<u8>>, LedgerError> {
        if !path.is_within(self.size()?) {
            return Ok(None);
        }
        let indices = path.indices();
        match path.kind() {
            TileKind::Entries => self.entries(indices.start, indices.end).map(Some),
            TileKind::Hashes(level) => {
                let levels = StoredLevels::of(&self.dir);
                let count = indices.end.saturating_sub(indices.start);
                let bytes = levels.bytes(level, indices.start, count);
                bytes.map(Some).map_err(LedgerError::io("read the tree of", &self.dir))
            }
        }
    }

    /// The last checkpoint that witnesses cosigned, taken apart; none if there is none, or it cannot be read.
    ///
    /// # Errors
    /// `Io`.
    pub fn witnessed_checkpoint(&self) -> Result<Option<(Note, Checkpoint)>, LedgerError> {
        let note = self.witnessed()?.and_then(|text| Note::parse(&text).ok());
        Ok(note.and_then(|note| Checkpoint::parse(note.text()).ok().map(|of| (note, of))))
    }

    /// The audit path of a record in the tree of `size` records.
    ///
    /// # Errors
    /// `Io`.
    pub fn inclusion(&self, sequence: u64, size: u64) -> Result<Vec<Hash>, LedgerError> {
        inclusion_proof(sequence, size, &StoredLevels::of(&self.dir)).map_err(|fault| {
            LedgerError::io("read the tree of", &self.dir)(io::Error::other(fault.to_string()))
        })
    }

    /// The proof that a record is in the tree of the last checkpoint; none if it is not published yet.
    ///
    /// # Errors
    /// `Io`, or `Checkpoint`.
    pub fn proof(&self, sequence: u64, extra: Vec<u8>) -> Result<Option<TlogProof>, LedgerError> {
        let Some((note, checkpoint)) = self.published()? else { return Ok(None) };
        if sequence >= checkpoint.size() {
            return Ok(None);
        }
        let hashes = self.inclusion(sequence, checkpoint.size())?;
        Ok(Some(TlogProof { checkpoint: note, extra, hashes, index: sequence }))
    }

    /// The proof that the tree of `new` leaves continues that of `old`.
    ///
    /// # Errors
    /// `Io`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, LedgerError> {
        consistency_proof(old, new, &StoredLevels::of(&self.dir)).map_err(|fault| {
            LedgerError::io("read the tree of", &self.dir)(io::Error::other(fault.to_string()))
        })
    }

    /// The stored hashes of the tree.
    ///
    /// # Errors
    /// Those of reading them.
    #[must_use]
    pub fn levels(&self) -> impl Levels<Error = io::Error> {
        StoredLevels::of(&self.dir)
    }

    fn entries(&self, first: u64, end: u64) -> Result<Vec<u8>, LedgerError> {
        let mut reader = Reader::open_at(&self.dir, first)?;
        let mut bundle = Vec::new();
        for sequence in first..end {
            let record = reader.next_record()?.filter(|record| record.sequence == sequence);
            let entry = record.and_then(|record| Parts::entry(record.payload));
            bundle.extend_from_slice(entry.ok_or(LedgerError::Unreadable { sequence })?);
        }
        Ok(bundle)
    }

    /// The last checkpoint, taken apart; none before the first is published. Its signature is not checked: whoever asks has the files.
    ///
    /// # Errors
    /// `Io`, or `Checkpoint` if it is none.
    pub fn published(&self) -> Result<Option<(Note, Checkpoint)>, LedgerError> {
        let Some(text) = self.checkpoint()? else { return Ok(None) };
        let wrong =
            |reason: String| LedgerError::Checkpoint { path: self.dir.join(CHECKPOINT), reason };
        let note = Note::parse(&text).map_err(|fault| wrong(fault.to_string()))?;
        let checkpoint =
            Checkpoint::parse(note.text()).map_err(|fault| wrong(fault.to_string()))?;
        Ok(Some((note, checkpoint)))
    }

    /// When the last checkpoint was published, as far as the file system tells.
    #[must_use]
    pub fn published_at(&self) -> Option<Timestamp> {
        self.changed(CHECKPOINT)
    }

    /// When the last one that witnesses have cosigned was put there.
    #[must_use]
    pub fn witnessed_at(&self) -> Option<Timestamp> {
        self.changed(WITNESSED)
    }

    fn changed(&self, name: &str) -> Option<Timestamp> {
        let changed = fs::metadata(self.dir.join(name)).ok()?.modified().ok()?;
        Timestamp::try_from(changed).ok()?.round(Unit::Millisecond).ok()
    }

    fn text(&self, name: &str) -> Result<Option<String>, LedgerError> {
        let path = self.dir.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LedgerError::io("read", Path::new(&path))(error)),
        }
    }
}
