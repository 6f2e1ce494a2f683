//! Claims about bundles.

mod files;
mod keys;
mod signatures;
mod spelling;
mod support;
