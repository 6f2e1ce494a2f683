//! The tally against a naive second opinion, tables read back by independent readers, and pages against hostile texts.

mod naive;
mod page;
mod support;
mod tables;
