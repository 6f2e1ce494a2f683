//! A witness (C2SP tlog-witness): cosigns what logs say of their trees, as long as each tree continues the one before.
//!
//! **What it is for.** A log that shows one history to an auditor and another to a customer, or that is rolled back, can sign both; it
//! cannot get both cosigned. [`Witness`] holds the rules and knows no HTTP; [`serve`] gives them an address.
//!
//! **What it must never do.** Cosign two trees of one log of which neither continues the other; answer before what it cosigned is on the
//! disk; make a key for a state that had one, or take a key whose state is gone.
//!
//! **Invariants.**
//! * For each log there is one file with the last checkpoint that was cosigned; it is compared and replaced under one lock.
//! * The times of a log's cosignatures never fall.
//! * Logs are named at the start; strangers cannot make it keep anything.
//!
//! **Standard.** C2SP tlog-witness (`add-checkpoint` and the monitors' `checkpoint`; not the optional `sign-subtree`) and tlog-cosignature
//! (`cosignature/v1`, Ed25519).

mod cosigner;
mod error;
mod key;
mod server;
mod store;

pub use cosigner::{Refusal, Witness, WitnessSettings};
pub use error::WitnessError;
pub use server::serve;

#[cfg(test)]
mod tests;
