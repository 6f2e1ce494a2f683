//! Proofs that can be verified offline (C2SP tlog-proof): index, audit path and signed checkpoint in one text.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::merkle::Hash;
use crate::merkle::HashFault;
use crate::merkle::Note;
use crate::merkle::NoteFault;
use crate::merkle::number::decimal;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// No tree with a size below 2^64 needs more.
const MAX_HASHES: usize = 64;

/// Why a text is no proof.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProofFileFault {
    /// What follows the empty line is no signed note.
    #[error("the proof's checkpoint: {0}")]
    Checkpoint(#[from] NoteFault),
    /// `extra` is not base64, or is there and empty.
    #[error("line 2: `extra` must be followed by base64")]
    Extra,
    /// A line of the audit path is no hash.
    #[error("line {line} is no hash: {fault}")]
    Hash {
        /// Which line, from 1 on.
        line: usize,
        /// What is wrong with it.
        fault: HashFault,
    },
    /// The first line is another.
    #[error("line 1 must be `{HEADER}`")]
    Header,
    /// The index is missing or no number.
    #[error("line {line} must be `index` and a decimal without leading zeros below 2^64")]
    Index {
        /// Which line, from 1 on.
        line: usize,
    },
    /// There is no empty line before the checkpoint.
    #[error("there is no empty line before the checkpoint")]
    Shape,
    /// More hashes than a tree can need.
    #[error("the proof has more than {MAX_HASHES} hashes")]
    TooMany,
}

/// A proof that a record is in the tree of a checkpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlogProof {
    /// What an application adds; nobody has signed it. None is written where it is empty.
    pub extra: Vec<u8>,
    /// Which leaf.
    pub index: u64,
    /// The audit path, from the leaf's sibling upwards.
    pub hashes: Vec<Hash>,
    /// The checkpoint, signed.
    pub checkpoint: Note,
}

impl FromStr for TlogProof {
    type Err = ProofFileFault;

    /// A proof's text. Nothing of it is verified.
    fn from_str(text: &str) -> Result<Self, ProofFileFault> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(ProofFileFault::Shape)?;
        let mut lines = (1..).zip(head.split('\n')).peekable();
        if lines.next().is_none_or(|(_, line)| line != HEADER) {
            return Err(ProofFileFault::Header);
        }
        let mut extra = Vec::new();
        if let Some(base64) = lines.peek().and_then(|(_, line)| line.strip_prefix("extra ")) {
            extra = STANDARD.decode(base64).map_err(|_| ProofFileFault::Extra)?;
            if extra.is_empty() {
                return Err(ProofFileFault::Extra);
            }
            lines.next();
        }
        let (line, index) = lines.next().ok_or(ProofFileFault::Index { line: 2 })?;
        let index = index.strip_prefix("index ").and_then(decimal);
        let index = index.ok_or(ProofFileFault::Index { line })?;
        let mut hashes = Vec::new();
        for (line, hash) in lines {
            if hashes.len() == MAX_HASHES {
                return Err(ProofFileFault::TooMany);
            }
            let hash = Hash::from_base64(hash);
            hashes.push(hash.map_err(|fault| ProofFileFault::Hash { line, fault })?);
        }
        Ok(Self { extra, index, hashes, checkpoint: Note::parse(checkpoint)? })
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", STANDARD.encode(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
