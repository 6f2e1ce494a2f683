//! Search: which records are of an account, a product, a rule, a verdict, a country, a time.
//!
//! **What it is for.** A background thread follows the published log and keeps an inverted index in sled; [`Searcher::search`] finds the
//! newest records that meet a [`Query`]. [`search_files`] does the same where no gateway runs.
//!
//! **What it must never do.** Stand in a request's way; keep the gateway from being ready; leave a record out, or show one that does not
//! meet the query. So what the index does not cover is read, every hit is read and compared, and an index that differs from the log in
//! anything is removed and made anew.
//!
//! **INVARIANT** The index holds keyed hashes of values and places, never a value: without `index/search.key` it says nothing of anybody.
//!
//! **Standard.** docs/searching.md. sled 0.34 opens damaged files without an error, with rows missing, or panics: so each value has its own
//! checksum and says where the next one begins, and sled runs on threads whose panic is a result (docs/adr/0004).

mod fetch;
mod find;
mod follower;
mod index;
mod masked;
mod offline;
mod postings;
mod query;
mod quick;
mod secret;
mod terms;

pub use find::{Found, Hit, Personal};
pub use follower::{IndexState, IndexStatus, Searcher};
pub use offline::{records_at, search_files};
pub use query::Query;

#[cfg(test)]
mod tests;
