//! Interdict: a gateway that stops prohibited sales and updates in front of real endpoints, and proves it.

pub mod ledger;
pub mod model;
