//! What the registry promises of its tables, and of what becomes of damaged ones.

mod customers;
mod search;
mod store;
