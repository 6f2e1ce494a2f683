//! The data plane: the only floor that speaks HTTP with strangers.
//!
//! `upstream` is the way out, to the endpoints behind the gateway.

pub mod upstream;
