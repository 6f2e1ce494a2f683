//! The gate: classify, gather, decide, record, and only then permit (DESIGN 3).
//!
//! A gateway hands in what it read of a request; it gets a [`Permit`], which is the only thing that reaches an upstream, or a
//! [`Refusal`], which says what to answer. Both exist only after the decision's record does.
//!
//! INVARIANTS
//! * Proof before action: a `Permit` has private fields, no `Clone`, and is made here alone.
//! * Record, then act: agreements and every refusal are durable before this returns; a delivery's record is written.
//! * One request, one snapshot: policies, catalogue, customers and geo tables of one revision judge the whole of it.
//! * What cannot be read on a judged route is refused, and the refusal is recorded; beyond a limit, under a summary of its network.
//! * What became of each recorded request is recorded, whichever way it ends: [`Delivery`].

mod classify;
mod clearing;
mod delivery;
mod flood;
mod gate;
mod gather;
mod inquiry;
mod looked_up;
mod names;
mod noting;
mod outcome;
mod preset;
mod principal;
mod principal_record;
mod read_back;
mod record;
mod recording;
mod refuse;
mod request;
mod routes;
mod secrets;
mod snapshot;
mod summarise;
mod summary;
mod time;
mod unknown;
mod values;
mod webhook;
mod worth;

pub use delivery::{Delivery, End};
pub use gate::{Gate, GateSettings};
pub use gather::gather_paths;
pub use inquiry::{Answer, Caller, InquiryError};
pub use looked_up::{Answers, Question};
pub use outcome::{Malformed, Permit, Refusal, Refused, RefusedItem, Unauthenticated};
pub use preset::Hit;
pub use preset::Wants;
pub use principal::Principal;
pub use read_back::Placed;
pub use record::{OrderValue, RecordParts, Unread};
pub use request::{HeaderLookup, Request};
pub use routes::{Asking, Found, Meaning, RouteTable, RouteTableError};
pub use secrets::without_secrets;
pub use snapshot::Snapshot;
pub use time::MonotoneClock;
pub use webhook::Receipt;
