//! Policies: the language they are written in, and the engine that decides by them. Pure: no I/O but reading policy
//! files, no clock, no state.
//!
//! `language` turns TOML into a [`PolicySet`]; `engine` decides. A decision is a function of the transaction, the instant, the set
//! and the setting (catalogue, reseller), so that any record can be decided again years later.
//!
//! INVARIANTS
//! * A file with an error contributes nothing, and neither does the set it is in: an incomplete set would allow.
//! * What cannot be read never improves an outcome: a condition on a missing attribute reviews unless the rule says otherwise.
//! * Cost does not grow with the number of rules: texts go through one automaton, rules are found by product and action.

pub mod cases;
pub mod check;
mod dates;
pub mod diff;
mod engine;
pub mod explain;
mod language;
pub mod plain;
mod text;
mod trace;

pub use dates::{Milestone, RuleDates, SuspendedDates};
pub use engine::decide::decide;
pub use engine::index::PathSignature;
pub use engine::nexus::{EmailReading, buyer_nexus, seller_nexus};
pub use engine::rule::{InFlight, PolicyInfo};
pub use engine::set::PolicySet;
pub use engine::setting::{Reseller, Setting};
pub use language::compile::PolicyText;
pub use language::error::{Fault, PolicyError, PolicyErrors};
pub use language::load::{load_dirs, load_read, load_texts, read_dirs, revision};
pub use text::Folded;
pub use trace::{RuleOutcome, RuleTrace, trace};
