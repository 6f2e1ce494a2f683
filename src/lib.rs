//! Interdict: a gateway that stops prohibited sales and updates in front of real endpoints, and proves it.

pub mod gateway;
pub mod model;
