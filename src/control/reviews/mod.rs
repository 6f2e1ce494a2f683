//! The review queue and its clearances (docs/reviews.md).
//!
//! **What it is for.** Held requests become entries: one for each subject, product group and action, however often it is asked. A
//! reviewer recommends what is to become of an entry, and a policy approver, who is another person, releases or refuses it. A release
//! makes a clearance (`crate::clearance`).
//!
//! An entry has two halves. What was **held** ([`Hold`]) follows from the records of decisions: a follower of the ledger takes each once
//! ([`Holds`]), and position and entries are kept in one batch. What was **decided about it** ([`State`]) is the fold of events, as everywhere in
//! the control plane. Neither half says anything that the ledger does not.
//!
//! **What it must never do.** Resolve anything by itself; let whoever recommended release; make a clearance that lifts a block, is for
//! nobody, or has no end; show an identifier that the ledger does not keep.
//!
//! **Invariants.**
//! * A use of a single clearance that is on record is known before anything is served.
//! * Entries are bounded: beyond [`MOST`] the one that was seen longest ago leaves, and that is counted.

mod change;
mod hold;
mod holds;
mod networks;
mod reading;
mod state;
mod suggestion;
mod work;

pub use change::{About, Change, Grant, Outcome, ReasonCode, Times};
pub use hold::{Hold, Key, RuleName};
pub use holds::{Holds, MOST, Taken};
pub use networks::NetworksFile;
pub use reading::{Found, Seen, seen};
pub use state::{Course, Permission, Resolution, State, Status, Step};
pub use suggestion::{Suggestion, suggestion};
pub use work::{Queue, Recommend, Release, Review};

#[cfg(test)]
mod tests;
