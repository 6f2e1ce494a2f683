//! The control plane's listener: `/healthz`, `/readyz`, `/metrics`, the admin API and the console (DESIGN 8).
//!
//! It answers on an address of its own. What may be seen and done there, and by whom, is declared with each route ([`mount`]) and
//! enforced by `access`; `api` speaks JSON, `console` pages. Both stand on the same `control`.

mod access;
mod api;
pub mod console;
mod metrics;
mod mount;
pub mod policies;
mod probes;
mod server;

pub use access::Access;
pub use access::Tokens;
pub use access::Trusted;
pub use mount::Entry;
pub use mount::Who;
pub use policies::Policies;
pub use policies::PoliciesParts;
pub use server::AdminParts;
pub use server::AdminPlane;
pub use server::start;
pub use server::table;
