//! Composition: from a configuration to running listeners, and back down again in order.
//!
//! `load` builds what a decision depends on, `reload` replaces it when files change, `serve` starts and drains, `demo`
//! does all of it with a sample store and mirror of its own.

mod activity;
mod blind_spots;
mod check;
mod console;
mod control;
pub mod demo;
mod identity;
mod load;
mod notify;
mod policy_keys;
mod reload;
mod sample;
mod search;
pub mod serve;
mod watch;
mod witness;

pub use check::{CheckReport, check};
pub(crate) use load::policies as policies_of;
pub(crate) use load::shipped_policies;
pub use load::{LoadError, Loaded, load};
pub use policy_keys::{PolicyKeysError, trust};
