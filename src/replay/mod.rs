//! Decides recorded transactions again, under other policies or the same.
//!
//! A record holds all that its decision was made from (docs/records.md): what was said, what geo sources and registry answered, what
//! the catalogue said of each line, and whose shop it was. So nothing is looked up anew: what differs, differs by the policies.
//!
//! **What it must never do.** Guess: a record that does not say what was judged, because a part was masked or erased, is told as not
//! replayable, with the reason.

mod outcome;
mod rebuild;
mod recorded;

pub use outcome::{Change, Made, Outcome, Replayed, replay};
pub use recorded::RecordError;
