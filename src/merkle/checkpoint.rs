//! Checkpoints (C2SP tlog-checkpoint): what a log says of its tree, in a signed note.

use std::fmt;

use crate::merkle::Cosignature;
use crate::merkle::Hash;
use crate::merkle::HashFault;
use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::Note;
use crate::merkle::NoteFault;
use crate::merkle::SigningKey;
use crate::merkle::VerifierKey;
use crate::merkle::number::decimal;

/// Why a text is no checkpoint, or not one to believe.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CheckpointFault {
    /// An extension line is empty.
    #[error("line {line} of the checkpoint is empty")]
    Empty {
        /// Which line, from 1 on.
        line: usize,
    },
    /// It is no signed note, or not signed as it must be.
    #[error(transparent)]
    Note(#[from] NoteFault),
    /// It is of another log.
    #[error("the checkpoint is of `{found}` instead of `{expected}`")]
    Origin {
        /// Whose it must be.
        expected: String,
        /// Whose it is.
        found: String,
    },
    /// Fewer than three lines, or a line without its end.
    #[error("a checkpoint has lines for origin, size and root, each ended")]
    Shape,
    /// The third line is no hash.
    #[error("the checkpoint's root is no hash: {0}")]
    Root(#[source] HashFault),
    /// The second line is no size.
    #[error("the checkpoint's size is not a decimal without leading zeros below 2^64")]
    Size,
    /// A time that a cosignature cannot have.
    #[error("the time {time} is beyond what a cosignature can say")]
    Time {
        /// Seconds since 1970-01-01T00:00:00Z.
        time: u64,
    },
}

/// Origin, size and root of a log's tree.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

/// A checkpoint that its log has signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opened {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The known witnesses that cosigned it, each once, in the order in which they were given.
    pub cosignatures: Vec<Cosignature>,
    /// The note itself, with all its signatures.
    pub note: Note,
}

impl Checkpoint {
    /// A checkpoint of a log whose origin is its key's name, without extensions.
    pub fn new(origin: &KeyName, size: u64, root: Hash) -> Self {
        Self { origin: origin.as_str().to_owned(), size, root, extensions: Vec::new() }
    }

    /// The text of a note, read as a checkpoint. Whether anyone signed it is not asked.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, CheckpointFault> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointFault::Shape)?;
        let mut lines = (1..).zip(lines.split('\n'));
        let mut next = || match lines.next() {
            None => Ok(None),
            Some((line, "")) => Err(CheckpointFault::Empty { line }),
            Some((_, text)) => Ok(Some(text)),
        };
        let origin = next()?.ok_or(CheckpointFault::Shape)?.to_owned();
        let size = decimal(next()?.ok_or(CheckpointFault::Shape)?).ok_or(CheckpointFault::Size)?;
        let root = Hash::from_base64(next()?.ok_or(CheckpointFault::Shape)?);
        let root = root.map_err(CheckpointFault::Root)?;
        let mut extensions = Vec::new();
        while let Some(extension) = next()? {
            extensions.push(extension.to_owned());
        }
        Ok(Self { origin, size, root, extensions })
    }

    /// Signs it with the log's key, under its name.
    ///
    /// # Errors
    /// Origin or extensions have control characters.
    pub fn sign(&self, name: &KeyName, key: &SigningKey) -> Result<Note, NoteFault> {
        Note::sign(&self.to_string(), name, key)
    }

    /// Reads a signed checkpoint of the log `origin`, which one of the `log` keys must have signed, and says which of the
    /// `witnesses` cosigned it. Whether these suffice is for the caller to say.
    ///
    /// # Errors
    /// It is no such checkpoint; no log key signed it; a signature that names one of the keys is false; or it is of another log.
    pub fn open(
        note: &str,
        origin: &str,
        log: &[VerifierKey],
        witnesses: &[VerifierKey],
    ) -> Result<Opened, CheckpointFault> {
        let note = Note::parse(note)?;
        note.verify(log)?;
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin != origin {
            let (expected, found) = (origin.to_owned(), checkpoint.origin);
            return Err(CheckpointFault::Origin { expected, found });
        }
        let cosignatures = cosignatures(&note, witnesses)?;
        Ok(Opened { checkpoint, cosignatures, note })
    }

    /// Which log it is of.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree of that size.
    pub const fn root(&self) -> &Hash {
        &self.root
    }

    /// Lines that the log added.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

impl fmt::Display for Checkpoint {
    /// The text that is signed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|extension| writeln!(f, "{extension}"))
    }
}

/// Those of the witnesses that cosigned, with the latest time of each.
fn cosignatures(note: &Note, witnesses: &[VerifierKey]) -> Result<Vec<Cosignature>, NoteFault> {
    let mut found: Vec<Cosignature> = Vec::new();
    for key in witnesses.iter().filter(|key| key.kind() == KeyKind::Cosignature) {
        let by_it = note.signatures().iter().filter(|signature| signature.is_by(key));
        let times = by_it.map(|signature| Cosignature::verify(note.text(), signature, key));
        let times = times.collect::<Result<Vec<_>, _>>()?;
        let latest = times.into_iter().max_by_key(|cosignature| cosignature.time);
        found.extend(latest.filter(|latest| found.iter().all(|old| old.name != latest.name)));
    }
    Ok(found)
}
