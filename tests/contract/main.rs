//! The contract (DESIGN 4, 5 and 7), held against the program itself: nothing here calls the library, for other people's
//! scripts do not either. One binary, so that it is linked once.

#![cfg(test)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod cases;
mod catalogue;
mod lines;
mod program;
mod shape;
