//! The durable record: every decision, in order, on disk before anything regulated leaves.
//!
//! **What it is for.** [`Ledger::enqueue`] gives a record the next sequence number. [`Ledger::write`] writes all that are queued to the
//! current segment file before it returns, so that a killed process loses nothing. [`Ledger::commit`] resolves once fdatasync covers the
//! record, so that a power cut loses nothing either; what nobody waits for is written and synced within `sync_window`. One write takes
//! all who are queued, one sync covers all who wait (group commit). [`Reader`] reads the files beside a
//! running process, without a lock.
//!
//! **What it must never do.** Drop a record it has given a receipt for; hand out a receipt for a record that is not written whole; hold
//! the append lock during a sync; trust a file handle whose sync has failed; read meaning into a payload.
//!
//! **Invariants.**
//! * Sequence numbers start at 0 and have no gap; instants (µs) never step back, across restarts too: an earlier clock is held.
//! * A segment ends where the next one begins: what an older file holds from the next file's first sequence on is a superseded copy.
//! * A file called `.seg` follows a predecessor that is wholly on disk. Until that is so, a new segment is called `.new`.
//! * Records that are not known to be on disk are also kept in memory, so that healing after a disk error writes them again elsewhere.
//! * A ledger that cannot write or sync refuses ([`LedgerError::Failed`]) and tries again every `retry`; one that falls behind refuses
//!   too ([`LedgerError::Behind`]). Callers answer 503.
//! * A personal part is on disk only with the key that it is encrypted under, and once that is destroyed it is nothing.
//! * A segment is taken away only when what replaces it is on disk and has been read back.
//! * Nothing read back is deleted: what is cut at open is set aside in a `.torn` file.
//!
//! **Standard.** `docs/ledger-format.md` gives the bytes, and what a crash loses in each state. The sequence, instant and opaque payload
//! of a record are all that a transparency log (RFC 6962) needs to be built on top.

mod append;
mod commit;
mod cursor;
mod entry;
mod error;
mod format;
mod holds;
mod keeper;
mod lookup;
mod orders;
mod parts;
mod personal;
mod prove;
mod reader;
mod recovery;
mod sealed;
mod search;
mod settings;
mod space;
mod state;
mod store;
mod tiles;
mod torn;
mod tree;
mod turn;

pub use append::{Ledger, LedgerStatus, Queued, Receipt};
pub use entry::{End, Entry, Head};
pub use error::{Defect, DefectKind, LedgerError};
pub use holds::{Hold, Holds, Scope};
pub use orders::{Done, Order, carry_out};
pub use parts::Parts;
pub use personal::{Masker, SubjectKeys};
pub use prove::{ProofError, ProofSettings, prove};
pub use reader::{Reader, Record};
pub use recovery::{Recovery, check_key};
pub use sealed::SealReport;
pub use search::{
    Found, Hit, IndexState, IndexStatus, Personal, Query, Searcher, records_at, search_files,
};
pub use settings::LedgerSettings;
pub use space::{Reserve, Room};
pub use tiles::{TilesSummary, export_tiles};
pub use torn::TornTail;
pub use tree::{ServedLog, SigningSettings};

#[cfg(test)]
mod tests;
