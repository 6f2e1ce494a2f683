//! What can go wrong with a ledger, in the operator's words.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Why the ledger cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Too much is written and not yet synced; serve nothing regulated until it has caught up.
    #[error("the ledger is behind: {records} records not synced, the oldest for {age:?}")]
    Behind {
        /// Records written and not yet synced.
        records: u64,
        /// Age of the oldest of them.
        age: Duration,
    },
    /// The last checkpoint is not one of this log.
    #[error("`{}` is no checkpoint of this log: {reason}", path.display())]
    Checkpoint {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The ledger has been closed.
    #[error("the ledger is closed")]
    Closed,
    /// The records are not those that the last checkpoint was signed for.
    #[error(
        "the ledger's first {size} records are not those that its last checkpoint was signed for"
    )]
    Contradicted {
        /// How many records the checkpoint covers.
        size: u64,
    },
    /// The files do not hold what was written.
    #[error(transparent)]
    Defective(#[from] Defect),
    /// A write or sync failed; the ledger refuses until it has healed.
    #[error("the ledger has failed: {reason}")]
    Failed {
        /// What failed, and why.
        reason: Arc<str>,
    },
    /// Another process has the directory open.
    #[error("the ledger in `{}` is in use by another process", dir.display())]
    InUse {
        /// The ledger's directory.
        dir: PathBuf,
    },
    /// A file operation failed.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log's key and the ledger do not belong together.
    #[error("the ledger in `{}` and its key `{}`: {problem}", dir.display(), key.display())]
    Key {
        /// The ledger's folder.
        dir: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// Nothing is published.
    #[error(
        "the ledger in `{}` has no checkpoint: start the gateway on it, which publishes what is on the disk",
        dir.display()
    )]
    NoCheckpoint {
        /// The ledger's folder.
        dir: PathBuf,
    },
    /// A personal part cannot be read: its key is not there, or is another, and no erasure destroyed it.
    #[error(
        "the personal part of record {sequence} cannot be decrypted: its key `{key}` is {problem}. Restore `subjects/`"
    )]
    NoKey {
        /// The record's sequence number.
        sequence: u64,
        /// Id of the key.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The system gave no random bytes for a salt or a key.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// What was asked must not, or cannot, be done. Nothing was changed.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// Records that the last checkpoint covers are missing at the end.
    #[error(
        "the ledger holds {found} records, but its last checkpoint was signed for {size}: records are missing at the end. Restore the segments; nothing was changed"
    )]
    Short {
        /// Records there are.
        found: u64,
        /// Records the checkpoint covers.
        size: u64,
    },
    /// The secret of the subjects' keys is not what it must be.
    #[error("`{}`: {problem}", path.display())]
    Subjects {
        /// The secret's file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// The payload is longer than a record may be.
    #[error("a record of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// Bytes of the payload.
        bytes: usize,
        /// Most bytes a payload may have.
        limit: usize,
    },
    /// The process that has the ledger did not do what was asked in time. It will not do it later.
    #[error(
        "the process that has the ledger in `{}` open gave no answer within {seconds} s: nothing was done; see whether it runs and is healthy", dir.display()
    )]
    Unanswered {
        /// The ledger's folder.
        dir: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A personal part that is to be masked is no JSON.
    #[error("a personal part that is to be masked is no JSON object")]
    Unmaskable,
    /// A record whose checksum is right does not have the form of an entry.
    #[error("record {sequence} does not have the form of an entry")]
    Unreadable {
        /// Its sequence number.
        sequence: u64,
    },
}

impl LedgerError {
    /// Whether what lies in the ledger is not what was written, as against a file that cannot be read or written now.
    #[must_use]
    pub const fn is_of_data(&self) -> bool {
        match self {
            Self::Checkpoint { .. }
            | Self::Contradicted { .. }
            | Self::Defective(_)
            | Self::NoCheckpoint { .. }
            | Self::NoKey { .. }
            | Self::Refused { .. }
            | Self::Short { .. }
            | Self::Subjects { .. }
            | Self::Unreadable { .. } => true,
            Self::Behind { .. }
            | Self::Closed
            | Self::Failed { .. }
            | Self::InUse { .. }
            | Self::Io { .. }
            | Self::Key { .. }
            | Self::NoRandomness
            | Self::TooLarge { .. }
            | Self::Unanswered { .. }
            | Self::Unmaskable => false,
        }
    }

    /// For `map_err`: names the action and the path.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// The first place where the files do not hold what was written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{segment}` at byte {offset}: {kind}")]
pub struct Defect {
    /// File name of the segment.
    pub segment: String,
    /// Byte offset of the defective record or header in that file.
    pub offset: u64,
    /// What is wrong there.
    pub kind: DefectKind,
}

/// A kind of defect.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DefectKind {
    /// A block of a sealed segment is not what was written.
    #[error("the block is not sound: {reason}")]
    Archive {
        /// In what way.
        reason: &'static str,
    },
    /// Length, sequence, instant or payload have changed since they were written.
    #[error("the record does not match its checksum")]
    Checksum,
    /// The file header has changed, is cut, or is not that of the file's name.
    #[error("the file header is not sound: {reason}")]
    Header {
        /// In what way.
        reason: &'static str,
    },
    /// A record is earlier than the one before it.
    #[error("the record is earlier than the one before it")]
    InstantBackwards,
    /// Records are missing.
    #[error("record {expected} is missing, {found} follows")]
    Missing {
        /// The sequence number that should stand here.
        expected: u64,
        /// The sequence number that does.
        found: u64,
    },
    /// A sequence number appears twice or out of order.
    #[error("record {expected} should stand here, not {found}")]
    OutOfOrder {
        /// The sequence number that should stand here.
        expected: u64,
        /// The sequence number that does.
        found: u64,
    },
    /// A record that is followed by others is not whole.
    #[error("the record is cut short")]
    Truncated,
}
