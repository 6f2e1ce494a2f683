//! Closed segments made small and immutable: `segment-<first>.sealed`.
//!
//! **What it is for.** A segment that nothing is written to any more is compressed in blocks of 256 records ([`seal`]), and read from
//! any block on ([`Archive`]). Ten years of records are kept so.
//!
//! **What it must never do.** Take a segment away before what replaces it is on disk and has been read back, record by record; touch
//! the last segment, or one whose end is not on disk; stand in the way of a sync.
//!
//! **Standard.** docs/ledger-format.md, "Sealed segment"; Zstandard frames (RFC 8878).

mod archive;
mod format;
mod seal;
mod sealer;

pub use sealer::SealReport;

pub(super) use archive::{Archive, Fault};
pub(super) use sealer::{Sealer, seal_closed};
