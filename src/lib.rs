//! Interdict: a gateway that stops prohibited sales and updates in front of real endpoints, and proves it.

mod cli;
pub mod model;
pub mod policy;
