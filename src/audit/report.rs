//! What a sound ledger holds.

use super::hash::Hash;

/// What the audit of a ledger's directory found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Segment files.
    pub segments: u64,
    /// Those of them that are sealed.
    pub sealed: u64,
    /// Records.
    pub records: u64,
    /// The last published state; `None` if the directory has no checkpoint.
    pub published: Option<Published>,
    /// Records that no checkpoint in the directory covers yet; the tree, where it has them, agrees.
    pub unpublished: u64,
    /// Whether the key came from outside. A directory's own key proves only that the directory agrees with itself.
    pub key_given: bool,
    /// Name and id of the key that signatures were verified with.
    pub key: Option<String>,
    /// Checkpoints, of the directory and from outside, that the log was found to contain.
    pub checkpoints: u64,
    /// The latest cosignature of each witness that was asked for.
    pub cosigned: Vec<Cosigned>,
    /// What lies beside the envelopes.
    pub parts: Parts,
    /// Records that say that subjects' keys were destroyed.
    pub erasures: u64,
    /// Bytes in segments after the point where the next one takes over: left by a disk error that has been healed.
    pub superseded_bytes: u64,
    /// Bytes after the last record that are none.
    pub torn: Option<Torn>,
}

/// A state of the log that its key signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Published {
    /// The log's origin.
    pub origin: String,
    /// Records.
    pub size: u64,
    /// Root of their tree.
    pub root: Hash,
}

/// A witness's word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cosigned {
    /// The witness's name.
    pub witness: String,
    /// Size of the largest checkpoint that it cosigned.
    pub size: u64,
    /// When, in seconds since 1970-01-01T00:00:00Z, by its own clock.
    pub time: u64,
}

/// Parts of records, all of which match the hashes in their envelopes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Parts {
    /// Document parts.
    pub documents: u64,
    /// Personal parts in clear.
    pub clear: u64,
    /// Personal parts in ciphertext under a key that no erasure names.
    pub encrypted: u64,
    /// Personal parts in ciphertext under a key that an erasure says was destroyed.
    pub erased: u64,
}

/// Bytes at the end of the last segment that are no whole record. Beside a running process that may be a record on its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Torn {
    /// File name of the segment.
    pub file: String,
    /// Where the last whole record ends.
    pub offset: u64,
    /// Bytes from there to the end of the file.
    pub bytes: u64,
}
