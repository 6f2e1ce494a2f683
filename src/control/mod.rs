//! The control plane's state: policies and their life cycle, the review queue, changes of the registry, operators.
//!
//! Every change is an [`Event`]: who, when, why, what. It is recorded in the evidence ledger first (kind `change`, durable), then
//! kept in the store, then applied to the state in memory. So the state is the fold of its events, an auditor sees each of them,
//! and a store that was lost is made again from the ledger (DESIGN 10).
//!
//! **What it must never do.** Apply what is not recorded; let one person do what takes two; let a clearance lift a `block`; go back in
//! the version of a bundle.

mod access;
mod clock;
mod error;
mod event;
mod idempotency;
mod journal;
pub mod operators;
pub mod policies;
pub mod registry;
pub mod reviews;
mod state;
mod store;
#[cfg(test)]
mod tests;

pub use access::Access;
pub use access::AccessOutcome;
pub use error::ControlError;
pub use event::Change;
pub use event::Event;
pub use idempotency::Remembered;
pub use idempotency::Repeat;
pub use journal::Control;
pub use journal::ControlSettings;
pub use journal::Turn;
pub use state::State;
