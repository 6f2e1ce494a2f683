//! The ledger's promises, each with a test of its name.

mod crash;
mod fault;
mod model;
mod prove;
mod support;
mod tree;
mod wait;
