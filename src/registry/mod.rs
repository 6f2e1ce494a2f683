//! What the reseller knows beforehand: catalogue and customers, from CSV files or the store, in immutable indexes.
//!
//! A file is taken whole or not at all: a bad row is an error with its line, for a catalogue that silently lost a row would
//! let that product through. The store (sled, docs/adr/0004) is written by imports and read at start; requests only look
//! up what is in memory. A damaged store is rebuilt from its import or refused, never served short.

mod build;
mod catalogue;
mod customers;
mod error;
mod index;
mod licence_key;
mod rows;
mod store;
mod table;

pub use catalogue::Catalogue;
pub use customers::Customers;
pub use error::{RegistryError, RowFault};
pub use licence_key::{credential, is_credential};
pub use store::{Care, Imported, Progress, State, Step, Store, Stored};
pub use table::Table;

#[cfg(test)]
mod tests;
