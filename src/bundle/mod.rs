//! Signed policy bundles: a complete set of policy files with a version, under one signed note (docs/bundles.md).
//!
//! A [`Bundle`] is made of a folder or read from its file, signed by any number of people one after another, and believed only by
//! [`Bundle::verify`], which gives a [`Verified`]. Whether a version may follow those before it says a [`VersionFloor`].
//!
//! **What it must never do.** Take a signature's word for who signed: signers are told by the names in the [`Trust`]. Count a key twice.
//! Take a threshold of nothing. Know a clock, or keep anything: what was accepted before is an argument.
//!
//! INVARIANTS
//! * A [`Bundle`] agrees with itself: its manifest names every file with the hash that it has, and no other.
//! * One set of files, one spelling: what [`Bundle::from_json`] takes, [`Bundle::to_json`] writes back byte for byte.
//! * A [`Verified`] comes out of [`Bundle::verify`] only, and holds the very bundle that was verified.
//! * The policies of a bundle have the revision of a folder with the same files.
//!
//! **Standard.** C2SP signed-note (Ed25519); JSON of RFC 8785; SHA-256.

mod digest;
mod document;
mod error;
mod files;
mod floor;
mod key_file;
mod manifest;
mod signed;
#[cfg(test)]
mod tests;
mod trust;

pub use digest::{Digest, DigestError};
pub use error::{BundleError, TrustError};
pub use files::Files;
pub use floor::VersionFloor;
pub use key_file::{KeyFileError, PublicKeyFault, public_key, read_public_key, read_signing_key};
pub use signed::{Bundle, Verified};
pub use trust::Trust;
