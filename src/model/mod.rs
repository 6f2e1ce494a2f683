//! The vocabulary every floor shares: transactions, evidence, nexus, decisions, records, time.
//!
//! Plain data and the traits that floors pass to one another. Nothing here does I/O, reads a clock or knows a policy.
//! What comes from outside is parsed here once, strictly (`Transaction`), so that nothing below has to check again.

mod action;
mod address;
mod cleared;
mod clock;
mod country;
mod decision;
mod evidence;
mod json;
mod nexus;
mod party;
mod retention;
mod role;
mod timestamp;
mod transaction;

pub use action::{Action, UnknownAction};
pub use address::{AddressClass, AddressClasses, AddressEvidence, AddressOrigin, GeoAnswer};
pub use cleared::Cleared;
pub use clock::{Clock, SystemClock};
pub use country::{Country, CountryReading, CountryText, place};
pub use decision::{
    Basis, Decision, DecisionDocument, DecisionId, Finding, MatchedBy, Mode, RuleFacts,
    ShadowOutcome, Spared, Verdict,
};
pub use evidence::{CatalogueEntry, CatalogueGroup, CatalogueLookup, Customer, CustomerLookup};
pub use json::{JsonError, Number, StrictValue, from_slice as json_from_slice, lines};
pub use nexus::{Because, EvidenceField, Nexus};
pub use party::{AccountStanding, Buyer, Seller, Vouching};
pub use retention::Retention;
pub use role::{Actor, Role, Roles, Via};
pub use timestamp::{TimestampError, parse_timestamp};
pub use transaction::{Item, RequestTarget, Transaction, TransactionError};
