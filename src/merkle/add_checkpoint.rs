//! What a log asks of a witness (C2SP tlog-witness, `add-checkpoint`): its old size, a consistency proof, its new checkpoint.

use std::fmt;
use std::str::FromStr;

use crate::merkle::Hash;
use crate::merkle::HashFault;
use crate::merkle::Note;
use crate::merkle::NoteFault;
use crate::merkle::number::decimal;

/// The most that a client may send.
const MAX_HASHES: usize = 63;

/// Why a text is no such request.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AddCheckpointFault {
    /// What follows the empty line is no signed note.
    #[error("the request's checkpoint: {0}")]
    Checkpoint(#[from] NoteFault),
    /// A line of the proof is no hash.
    #[error("line {line} is no hash: {fault}")]
    Hash {
        /// Which line, from 1 on.
        line: usize,
        /// What is wrong with it.
        fault: HashFault,
    },
    /// The first line is another.
    #[error("line 1 must be `old` and a decimal without leading zeros below 2^64")]
    Old,
    /// There is no empty line before the checkpoint.
    #[error("there is no empty line before the checkpoint")]
    Shape,
    /// More hashes than a witness takes.
    #[error("the consistency proof has more than {MAX_HASHES} hashes")]
    TooMany,
}

/// A request to cosign a checkpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddCheckpoint {
    /// Size of the tree that the witness cosigned last; 0 if none.
    pub old: u64,
    /// The consistency proof from there.
    pub proof: Vec<Hash>,
    /// The checkpoint, signed by the log.
    pub checkpoint: Note,
}

impl FromStr for AddCheckpoint {
    type Err = AddCheckpointFault;

    /// A request's body. Nothing of it is verified.
    fn from_str(text: &str) -> Result<Self, AddCheckpointFault> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(AddCheckpointFault::Shape)?;
        let mut lines = (1..).zip(head.split('\n'));
        let old = lines.next().and_then(|(_, line)| line.strip_prefix("old ")).and_then(decimal);
        let old = old.ok_or(AddCheckpointFault::Old)?;
        let mut proof = Vec::new();
        for (line, hash) in lines {
            if proof.len() == MAX_HASHES {
                return Err(AddCheckpointFault::TooMany);
            }
            let hash = Hash::from_base64(hash);
            proof.push(hash.map_err(|fault| AddCheckpointFault::Hash { line, fault })?);
        }
        Ok(Self { old, proof, checkpoint: Note::parse(checkpoint)? })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
