//! The ledger's promises, each with a test of its name.

mod crash;
mod erasure;
mod fault;
mod model;
mod personal;
mod prove;
mod sealed;
mod support;
mod tree;
mod wait;
mod walk;
