//! The data plane: the only floor that speaks HTTP with strangers.
//!
//! `handler` is the life of a request; `inbound` reads it, `answers` refuses it, `outbound` forwards it, `upstream` is the way out,
//! `api` is the decision API, `check` answers other proxies, `published` is the log for readers, `receiver` takes webhooks, `tunnel` is a WebSocket, `server` binds it all to addresses, and `listener` takes connections, each `watched` for its client's time.
//!
//! INVARIANTS
//! * Nothing here decides. A request reaches an upstream only with a permit of the gate, and with the target and body
//!   that the permit holds.
//! * Headers that claim an address, another target or another method never pass; the gateway writes its own.
//! * An answer of the upstream is passed on as it is, but for hop-by-hop fields, its own `Interdict-Decision`, and what
//!   would let a shared cache keep a covered delivery.

mod answers;
mod api;
mod cart;
mod check;
mod checkout;
mod concluding;
mod entrance;
mod fields;
mod forwarding;
mod handler;
mod identify;
mod inbound;
mod language;
mod listener;
mod looking_up;
mod outbound;
mod page;
mod plane;
mod proxied;
mod published;
pub mod receiver;
pub mod server;
pub mod tls;
mod tunnel;
mod unparsed;
pub mod upstream;
mod watched;
mod wording;
