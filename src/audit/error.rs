//! What an audit finds, in an auditor's words.

use std::io;
use std::path::{Path, PathBuf};

use super::hash::Hash;

/// Why an audit did not end well.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The files do not hold what they claim.
    #[error(transparent)]
    Defective(#[from] Box<Defect>),
    /// A file operation failed: nothing is known of the rest.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory changed under the audit more often than it can follow.
    #[error("`{}` kept changing while it was read; copy it and verify the copy", dir.display())]
    Unsteady {
        /// The ledger's directory.
        dir: PathBuf,
    },
}

impl AuditError {
    /// For `map_err`: names the action and the path.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

impl From<Defect> for AuditError {
    fn from(defect: Defect) -> Self {
        Self::Defective(Box::new(defect))
    }
}

/// The first place, in the log's order, where something is not what it must be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{file}` at byte {offset}{}: {kind}", of(record.as_ref()))]
pub struct Defect {
    /// The file, below the directory; of a checkpoint that was given from outside, the name it was given under.
    pub file: String,
    /// Byte offset in that file of what is defective: the record, the hash, the block of a sealed segment.
    pub offset: u64,
    /// The record there, where it is known.
    pub record: Option<RecordName>,
    /// What is wrong.
    pub kind: DefectKind,
}

impl Defect {
    /// A defect of a whole file.
    pub(super) fn file(file: impl Into<String>, kind: DefectKind) -> Self {
        Self { file: file.into(), offset: 0, record: None, kind }
    }
}

/// Which record.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RecordName {
    /// Its sequence number.
    pub sequence: u64,
    /// Its id, if its envelope can be read.
    pub id: Option<String>,
}

fn of(record: Option<&RecordName>) -> String {
    match record {
        None => String::new(),
        Some(RecordName { sequence, id: None }) => format!(", record {sequence}"),
        Some(RecordName { sequence, id: Some(id) }) => format!(", record {sequence} ({id})"),
    }
}

/// A part of a record beside its envelope.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The document part.
    Document,
    /// The personal part.
    Personal,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Document => "document part",
            Self::Personal => "personal part",
        })
    }
}

/// A kind of defect.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DefectKind {
    /// Bytes have changed since their checksum was made.
    #[error("the record does not match its checksum")]
    Checksum,
    /// Something larger was signed before.
    #[error("it is of size {size}, but `{other}` of size {larger}: it was rolled back")]
    CheckpointBehind {
        /// Size of this checkpoint.
        size: u64,
        /// Where a larger one stands.
        other: String,
        /// Its size.
        larger: u64,
    },
    /// The envelope is not what the format says.
    #[error("the envelope is not sound: {reason}")]
    Envelope {
        /// In what way.
        reason: &'static str,
    },
    /// An erasure does not say which keys it destroyed.
    #[error("the erasure does not name the keys it destroyed")]
    Erasure,
    /// Records that a signed checkpoint covers are gone.
    #[error("`{checkpoint}` is of {size} records, but the log ends after {records}")]
    Fewer {
        /// Where the checkpoint stands.
        checkpoint: String,
        /// Its size.
        size: u64,
        /// Records that there are.
        records: u64,
    },
    /// A part is not what the envelope committed to.
    #[error("the {part} does not match the hash in the envelope")]
    Hash {
        /// Which part.
        part: Part,
    },
    /// The file header has changed, is cut, or is not that of the file's name.
    #[error("the file header is not sound: {reason}")]
    Header {
        /// In what way.
        reason: &'static str,
    },
    /// A record is earlier than the one before it.
    #[error("the record is earlier than the one before it")]
    InstantBackwards,
    /// A part is not canonical JSON.
    #[error("the {part} is not canonical JSON: {reason}")]
    Json {
        /// Which part.
        part: Part,
        /// In what way.
        reason: &'static str,
    },
    /// The payload is not what the format says.
    #[error("the payload is not sound: {reason}")]
    Layout {
        /// In what way.
        reason: &'static str,
    },
    /// Record and tree do not agree.
    #[error(
        "its leaf hash is not that of `{tree}` at byte {offset}: the record or the tree was changed"
    )]
    Leaf {
        /// The file of leaf hashes.
        tree: String,
        /// Where in it.
        offset: u64,
    },
    /// Records are missing.
    #[error("record {expected} is missing, {found} follows")]
    Missing {
        /// The sequence number that should stand here.
        expected: u64,
        /// The sequence number that does.
        found: u64,
    },
    /// There is no checkpoint where one is needed.
    #[error("there is no checkpoint: nothing here is signed")]
    NoCheckpoint,
    /// There is no key to verify signatures with.
    #[error("there is no `ledger.pub`, and no key was given: signatures cannot be verified")]
    NoKey,
    /// A file that must be there is not.
    #[error("the file is missing")]
    NoFile,
    /// A witness that was asked for has cosigned nothing.
    #[error("no checkpoint bears a cosignature of the witness `{witness}`")]
    NotCosigned {
        /// The witness's name.
        witness: String,
    },
    /// The text is not a signed checkpoint.
    #[error("it is not a signed checkpoint: {reason}")]
    Note {
        /// In what way.
        reason: &'static str,
    },
    /// A sequence number appears twice or out of order.
    #[error("record {expected} should stand here, not {found}")]
    OutOfOrder {
        /// The sequence number that should stand here.
        expected: u64,
        /// The sequence number that does.
        found: u64,
    },
    /// The text is not a proof, or proves nothing.
    #[error("it is not a sound proof: {reason}")]
    Proof {
        /// In what way.
        reason: &'static str,
    },
    /// The public key in the directory is not one, or not the one that was given.
    #[error("the log's public key is not sound: {reason}")]
    PublicKey {
        /// In what way.
        reason: String,
    },
    /// The log is not the one that was signed.
    #[error(
        "the root of the first {size} records is {computed}, but {claimed} was signed: the log was rewritten or forked"
    )]
    Root {
        /// How many records.
        size: u64,
        /// Their root.
        computed: Hash,
        /// The root in the checkpoint.
        claimed: Hash,
    },
    /// A sealed segment is not what the format says.
    #[error("the sealed segment is not sound: {reason}")]
    Sealed {
        /// In what way.
        reason: &'static str,
    },
    /// A signature of a known key does not verify.
    #[error("the signature of `{by}` does not verify")]
    Signature {
        /// Name of the key.
        by: String,
    },
    /// A bundle of entries or evidence is not what the format says.
    #[error("the bundle is not sound: {reason}")]
    Bundle {
        /// In what way.
        reason: &'static str,
    },
    /// The tree is larger than the log.
    #[error("it has {hashes} hashes, but the {records} records there are make only {complete}")]
    TreeAhead {
        /// Hashes in the file.
        hashes: u64,
        /// Records in the log.
        records: u64,
        /// How many hashes they make at that level.
        complete: u64,
    },
    /// The tree lacks hashes that a checkpoint covers.
    #[error("it has {hashes} hashes, but the checkpoint of size {size} needs {needed}")]
    TreeBehind {
        /// Hashes in the file.
        hashes: u64,
        /// Size of the checkpoint.
        size: u64,
        /// Hashes that size needs at that level.
        needed: u64,
    },
    /// A hash of an upper level is wrong.
    #[error("the hash of records {first} to {last} is not theirs: the tree was changed")]
    TreeHash {
        /// First record below it.
        first: u64,
        /// Last record below it.
        last: u64,
    },
    /// A record that is followed by others, or that a checkpoint covers, is not whole.
    #[error("the record is cut short")]
    Truncated,
    /// No signature is of the log's key.
    #[error("it bears no signature of the key `{key}`")]
    WrongKey {
        /// Name and id of the key.
        key: String,
    },
}
