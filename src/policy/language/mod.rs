//! The policy language: TOML with offset date-times and spans (DESIGN 6, docs/policy-language.md).
//!
//! `source` is the file as written, `compile` makes of it what the engine runs, `error` says what is wrong and where.
//! A file that has one error contributes nothing: a policy is taken whole or not at all.

pub(super) mod compile;
pub(super) mod error;
pub(super) mod instant;
pub(super) mod load;
pub(super) mod source;
