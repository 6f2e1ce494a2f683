//! The command line.

pub(crate) mod exit;
pub(crate) mod policy;
