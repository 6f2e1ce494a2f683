//! The second mind: verifies a ledger from its raw bytes, for an auditor who trusts nobody.
//!
//! **What it is for.** [`verify_dir`] recomputes everything that the ledger's directory claims: every record, every hash of the tree,
//! every checkpoint and signature. [`verify_tiles`] does the same for an export in the layout of C2SP tlog-tiles, [`verify_proof`] for
//! the proof of one record. The first defect is named with its file, its byte offset and, where known, the record.
//!
//! **What it must never do.** Share code with the writer: it knows `docs/ledger-format.md` alone and imports nothing of the ledger or
//! of its tree, so that a fault there does not hide itself here; only CRC-32C, SHA-256, Ed25519, Zstandard, base64 and the parser of
//! single JSON values are taken from libraries. Write anything. Trust a length before the bytes are there. Take "not checked" for "sound".
//!
//! **Invariants.**
//! * Works beside a running writer, without a lock: checkpoints are read before the tree's sizes, those before the records, so that
//!   whatever grows meanwhile is beyond what has to be there.
//! * Memory is bounded by one record, one compressed block and the subjects' keys that are counted; time by the bytes that there are.
//!
//! **Standards.** RFC 6962 2.1 (tree), RFC 8785 (canonical JSON), RFC 3720 B.4 (CRC-32C), RFC 8878 (Zstandard), C2SP signed-note,
//! tlog-checkpoint, tlog-cosignature, tlog-tiles and tlog-proof.

mod checkpoint;
mod directory;
mod envelope;
mod error;
mod files;
mod hash;
mod instant;
mod json;
mod key;
mod ledger_file;
mod part;
mod proof;
mod published;
mod record;
mod report;
mod sealed;
mod subjects;
mod tail;
mod tiles;
mod tree;
mod walk;
mod window;

pub use directory::{Options, verify_dir};
pub use error::{AuditError, Defect, DefectKind, Part, RecordName};
pub use hash::Hash;
pub use key::{KeyError, VerifierKey};
pub use proof::{PersonalPart, Proven, verify_proof};
pub use report::{Cosigned, Parts, Published, Report, Torn};
pub use tiles::{TilesReport, verify_tiles};
