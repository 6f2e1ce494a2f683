//! Pure rules of HTTP messages: what a target, a header, an address list, a body means, once and for every route.
//!
//! For: RFC 9110, 9111, 9112, 7239, 6901, the PROXY protocol, and the readings of DESIGN 13 where they leave a choice.
//! Never: I/O, clocks, policies, or types of a server or client framework; a gateway hands in bytes and takes out values.
//!
//! Invariants: no input stops a parser; each has one reading of what it accepts and refuses what has several; work and
//! memory are bounded by the input and a stated limit.

mod target;

pub use target::{
    CanonicalTarget, LenientReadings, TargetError, TargetForm, TargetFormError, canonicalize,
    lenient_readings,
};
