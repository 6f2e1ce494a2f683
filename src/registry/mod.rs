//! What the reseller knows beforehand: catalogue and customers, read from CSV into immutable indexes.
//!
//! A file is taken whole or not at all: a bad row is an error with its line, for a catalogue that silently lost a row would
//! let that product through. Reading happens here; requests only look up.

mod catalogue;
mod customers;
mod error;
mod rows;

pub use catalogue::Catalogue;
pub use customers::Customers;
pub use error::{RegistryError, RowFault};
