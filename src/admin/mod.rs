//! The control plane's listener: `/healthz`, `/readyz`, `/metrics` and a status page (DESIGN 8).
//!
//! It answers on an address of its own, changes nothing, and tells nothing of a customer.

mod page;
mod server;

pub use server::{AdminPlane, start};
