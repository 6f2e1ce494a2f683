//! The control plane's listener: `/healthz`, `/readyz`, `/metrics` and a status page (DESIGN 8).
//!
//! It answers on an address of its own, changes nothing, and tells nothing of a customer but to a bearer who may audit
//! (`/admin/v1/records`).

mod metrics;
mod page;
mod records;
mod server;

pub use records::{Auditors, Records};
pub use server::{AdminPlane, start};
