//! Tamper evidence: the Merkle tree of the ledger, its proofs, and the signed statements about it.
//!
//! Hashes, tree and proofs are those of RFC 6962, 2.1, with SHA-256, verified by the algorithms of RFC 9162, 2.1.3.2 and
//! 2.1.4.2. Texts are those of C2SP: tlog-tiles, signed-note, tlog-checkpoint, tlog-cosignature (`cosignature/v1`), tlog-proof
//! and the requests of tlog-witness.
//!
//! Pure: where hashes lie is a [`Levels`], what time it is an argument. It never decides what a signature is worth; it says who
//! signed, and leaves the policy to its callers.
//!
//! INVARIANTS
//! * Every text has one reading and one spelling: what parses is written back byte for byte.
//! * No work and no memory grows with the size of the tree, nor with a stranger's text beyond the bounds named here.
//! * A private key is printed by nothing but [`SigningKey::to_pem`].

mod add_checkpoint;
mod checkpoint;
mod cosignature;
mod frontier;
mod hash;
mod key;
mod levels;
mod note;
mod number;
mod proof;
mod proof_file;
#[cfg(test)]
mod tests;
mod tile;

pub use add_checkpoint::{AddCheckpoint, AddCheckpointFault};
pub use checkpoint::{Checkpoint, CheckpointFault, Opened};
pub use cosignature::{Cosignature, cosign};
pub use frontier::Frontier;
pub use hash::{Hash, HashFault};
pub use key::{KeyFault, KeyKind, KeyName, SigningKey, VerifierKey};
pub use levels::{Levels, TreeFault, consistency_proof, inclusion_proof, root};
pub use note::{Note, NoteFault, Signature};
pub use proof::{ProofFault, verify_consistency, verify_inclusion};
pub use proof_file::{ProofFileFault, TlogProof};
pub use tile::{TileFault, TileKind, TilePath, width};
