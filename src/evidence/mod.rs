//! What is done with the record: filters, exports, tallies and the report that can be handed in.
//!
//! **What it is for.** [`each`] walks the *export views* of a ledger, one JSON object a record, and gives those that a [`Filter`] admits to
//! an [`Export`] (JSONL, CSV, Parquet) or to a [`Tally`], which [`report`](fn@report) turns into a page. One record is in memory at a time.
//!
//! **What it must never do.** Fail over a record with members that it does not know, or without those that it does; count a record in a
//! way that docs/reports.md does not tell; write a text of a record into a page or a cell as anything but a text; call a maximum a forecast.
//!
//! **Standard.** docs/records.md for what is read; RFC 4180, JSON Lines and Apache Parquet for what is written.

mod columns;
mod csv;
mod entry;
mod error;
mod export;
mod exposure;
mod filter;
mod made;
mod maxima;
mod money;
mod outcomes;
#[cfg(feature = "parquet")]
mod parquet;
mod proof;
mod report;
mod tally;
mod view;

pub use entry::{Entry, Progress, Walked, bytes, each};
pub use error::EvidenceError;
pub use export::Export;
pub use filter::{CountryWanted, Filter, FilterError, Id, Kind, Moment, RuleWanted};
pub use made::{Made, report_of};
pub use proof::ProofStatus;
pub use report::{ReportAbout, report};
pub use tally::Tally;

#[cfg(test)]
mod tests;
