//! What is kept of a request and of its decision (LAW 3; docs/records.md): a document, and the part of it that is about a person.
//!
//! The personal part is what was known of the buyer, and the network addresses; everything else is the document. Merged they
//! are what `ledger export` shows, and hold everything that the engine needs to reach the same verdict again.
//!
//! What it must never do: hold an activation code, a licence key, a token or the local part of an e-mail address. Where a text
//! was masked so that the decision could not be repeated from the record, `masked` says so.
//!
//! **Standard.** RFC 8785, canonical JSON; members of structs stand in alphabetical order for it.

mod canonical;
mod country;
mod decided;
mod evidence;
mod item;
mod masking;
mod mismatch;
mod person;
mod target;
mod undecided;

use ipnet::IpNet;
use serde::Serialize;

pub(super) use country::of_buyer as country_of_buyer;
pub(super) use decided::Decided;
pub use decided::OrderValue;
pub(super) use mismatch::Mismatch;
pub(super) use undecided::Received;
pub(super) use undecided::Subject;
pub(super) use undecided::Undecided;
pub use undecided::Unread;

/// Bytes of the largest part whose room is kept for the next record.
const KEPT: usize = 256 << 10;

/// The parts of one record. Made to be filled again and again, so that records allocate nothing but what is masked.
#[derive(Clone, Debug, Default)]
pub struct RecordParts {
    /// The document, one canonical JSON object.
    pub document: Vec<u8>,
    /// What is about a person, likewise; empty where nothing is.
    pub personal: Vec<u8>,
    /// Whom the personal part is about; empty where that is not known.
    pub subject: String,
}

/// What a record is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A decision on what is put in a cart: never a hold.
    Cart,
    /// A decision that a request waits for.
    Decision,
    /// An answer to the decision API at a given instant: never a permit.
    Enquiry,
    /// A store sold something else than was judged.
    Mismatch,
    /// What became of a request that has a record.
    Outcome,
    /// A webhook that sells nothing: it was not judged.
    Received,
    /// A request that could not be read.
    Refusal,
    /// The first refusal beyond the limit of a network and minute, and what more are answered under.
    Summary,
    /// How many those were.
    SummaryEnd,
}

impl Kind {
    /// As the envelope has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::Decision => "decision",
            Self::Enquiry => "enquiry",
            Self::Mismatch => "mismatch",
            Self::Outcome => "outcome",
            Self::Received => "received",
            Self::Refusal => "refusal",
            Self::Summary => "summary",
            Self::SummaryEnd => "summary_end",
        }
    }
}

#[derive(Serialize)]
struct NetworkPart {
    network: IpNet,
}

impl RecordParts {
    /// Nothing of the record before.
    pub(super) fn clear(&mut self) {
        self.document.clear();
        self.personal.clear();
        self.subject.clear();
    }

    /// Gives back what one huge order needed.
    pub(super) fn shrink(&mut self) {
        if self.document.capacity().max(self.personal.capacity()) > KEPT {
            *self = Self::default();
        }
    }

    pub(super) fn document(&mut self, value: &impl Serialize) -> Result<(), serde_json::Error> {
        canonical::write(&mut self.document, value)
    }

    /// A personal part that tells of a client network and nobody in it.
    pub(super) fn network(&mut self, network: IpNet) -> Result<(), serde_json::Error> {
        self.personal(&NetworkPart { network })?;
        person::subject(&mut self.subject, None, Some(network.network()));
        Ok(())
    }

    fn personal(&mut self, value: &impl Serialize) -> Result<(), serde_json::Error> {
        canonical::write(&mut self.personal, value)
    }
}

#[cfg(test)]
mod tests;
