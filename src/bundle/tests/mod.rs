//! Claims about bundles.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod files;
mod keys;
mod signatures;
mod spelling;
mod support;
