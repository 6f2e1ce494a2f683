//! What the reseller knows beforehand: catalogue and customers, from CSV files or the store, in immutable indexes.
//!
//! A file is taken whole or not at all: a bad row is an error with its line, for a catalogue that silently lost a row would
//! let that product through. The store (sled, docs/adr/0004) is written by imports and read at start; requests only look
//! up what is in memory. A damaged store is rebuilt from its import or refused, never served short.

mod build;
mod catalogue;
mod cells;
mod customers;
mod edits;
mod error;
mod index;
mod licence_key;
mod preview;
mod row_file;
mod rows;
mod search;
mod store;
mod table;
mod unknown;

pub use catalogue::Catalogue;
pub use cells::{Cells, MASKED};
pub use customers::Customers;
pub use edits::{Base, Edits};
pub use error::{RegistryError, RowFault};
pub use licence_key::{credential, is_credential};
pub use preview::{Bulk, Difference, Kind, Preview, bulk, preview};
pub use row_file::RowFile;
pub use search::{Effective, Filter, Found, How, SearchError, Term};
pub use store::{Care, Imported, Progress, State, Step, Store, Stored};
pub use table::Table;
pub use unknown::{Matched, Seen, UnknownSku, UnknownSkus};

#[cfg(test)]
mod tests;
