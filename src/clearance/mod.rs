//! Clearances: what a person released, and for whom (docs/adr/0007-clearances.md).
//!
//! **What it is for.** A [`Clearance`] lifts a `review` of one subject, one product group and one action until it ends.
//! [`Clearances`] finds the one that answers a held finding; [`evidence`] is the digest of all that the hold rested on, so that a
//! clearance lapses as soon as any of it is another.
//!
//! **What it must never do.** Lift a block: it is asked of findings that review, and its answer is one clearance or none. Hold a
//! text that is a bearer credential: a licence key is known by its hash. Read a clock, a file or the network.
//!
//! **Invariants.**
//! * What nobody vouches for clears nothing by itself: an account that is only said clears from the network where it was held.
//! * A single use is taken once, whatever the number of threads and of snapshots that know of it.
//! * Where there is no clearance, asking for one costs one comparison.

mod digest;
mod evidence;
mod index;
mod subject;

pub use digest::Digest;
pub use evidence::{Evidence, order};
pub use index::{Asked, Clearance, Clearances, Mask, Uses};
pub use subject::{Subject, SubjectKind, network_of};

#[cfg(test)]
mod tests;
