//! What `[notify]` tells a receiver, and how: messages out of records, their signature, when to try again, how far it has come.
//!
//! **What it is for.** The pure parts of the outgoing webhook. `app::notify` follows the ledger with them and sends.
//!
//! **What it must never do.** Tell of evidence, addresses of people, or a country: a message holds what fulfilment needs to find the
//! order and to hold it. Take a record for told that the receiver has not acknowledged, except as [`schedule`] says and counts.
//!
//! **Standard.** Standard Webhooks 1.0.0: `webhook-id`, `webhook-timestamp`, `webhook-signature` with scheme `v1`
//! (HMAC-SHA256, FIPS 198-1), secrets `whsec_<base64>`. At least once, in the order of the ledger, ids that never change.

mod key;
mod message;
mod position;
mod resolution;
mod schedule;

pub use key::{KeyError, SigningKeys};
pub use message::{Message, Unreadable};
pub use position::{Position, PositionError};
pub use schedule::{Outcome, Step, after};
