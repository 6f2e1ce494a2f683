//! The promises of the gateway, made to the real program by real clients through real neighbours.
//!
//! One binary, to link once. Ports are the system's choice, folders are temporary, nothing waits longer than it must.

#![cfg(test)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod audit;
mod bundles;
mod cache;
mod certificates;
mod client_address;
mod console;
mod control_plane;
mod crash;
mod decision_api;
mod demo;
mod documents;
mod flood;
mod forms;
mod forward_auth;
mod full_disk;
mod hostile;
mod hostile_findings;
mod hostile_ledger;
mod identity;
mod in_flight;
mod instants;
mod lookups;
mod merkle_oracles;
mod metrics;
mod mirror;
#[path = "../support/mmdb.rs"]
mod mmdb;
#[path = "../support/naive_ledger.rs"]
mod naive_ledger;
mod notify;
mod openmetrics;
mod operation;
mod operators;
mod orders;
mod policies;
mod presets;
mod proxy_protocol;
mod published_log;
mod records;
mod refusal_answers;
mod registry;
mod replay;
mod reports;
mod retention;
mod screen;
mod search;
mod server_side;
mod streaming;
mod support;
mod system_calls;
mod target_readings;
mod tls;
mod tunnel;
mod tutorials;
mod witnessing;
