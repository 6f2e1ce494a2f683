//! What becomes of personal parts: kept as they are, masked, or encrypted under a key of whom they are about.
//!
//! **What it is for.** An erasure must reach what the log cannot lose: the envelope commits to the personal part's ciphertext, so that
//! with the key destroyed every proof still holds and nothing can be read. Or identifiers are never kept, and only their keyed
//! hashes are.
//!
//! **What it must never do.** Say that a record is on disk before its key is; derive a key, or its id, from whom it is of; keep a
//! destroyed key anywhere, the memory included; hand out an identifier where a mask was asked for.
//!
//! **Standard.** docs/ledger-format.md, "Keys of subjects"; AES-256-GCM (NIST SP 800-38D), HMAC-SHA-256 (RFC 2104).

mod cipher;
mod guard;
mod key_file;
mod keyring;
mod keys;
mod mask;
mod recent;
mod secret;

pub use keys::SubjectKeys;
pub use mask::Masker;

pub(super) use guard::{Guard, Kept};
pub(super) use key_file::hex;
pub(super) use keyring::Keyring;
pub(super) use keys::Opened;

/// The folder of keys and secret.
const SUBJECTS: &str = "subjects";
