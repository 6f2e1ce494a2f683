//! Claims that hold for every input, tried on thousands of random ones.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where its own preparation fails"
)]

mod engine;
