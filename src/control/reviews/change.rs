//! The steps of a review, as they are recorded.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::clearance::Digest;
use crate::model::Action;
use crate::model::DecisionId;

use super::hold::Key;
use super::hold::RuleName;

/// A step in the review of a hold. Subjects stand here as the ledger keeps them: where it masks or seals, under their mask.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// A reviewer says what should become of it.
    Recommended {
        /// What is recommended about.
        about: Box<About>,
        /// Why, from a closed list.
        code: ReasonCode,
        /// The entry.
        entry: String,
        /// What should become of it.
        outcome: Outcome,
    },
    /// It stays held.
    Refused {
        /// The action that stays held.
        action: Action,
        /// Why, from a closed list.
        code: ReasonCode,
        /// The last decisions that it answers.
        decisions: Vec<DecisionId>,
        /// The entry.
        entry: String,
    },
    /// It passes from now on.
    Released {
        /// What passes.
        clearance: Box<Grant>,
        /// Why, from a closed list.
        code: ReasonCode,
        /// The last decisions that it answers.
        decisions: Vec<DecisionId>,
        /// The entry.
        entry: String,
        /// What goes into the networks file with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        row: Option<NetworksRow>,
    },
    /// The approver asks for more.
    Returned {
        /// The entry.
        entry: String,
    },
    /// A clearance holds no longer.
    Revoked {
        /// The clearance.
        clearance: String,
        /// The entry that it was given for.
        entry: String,
    },
}

/// What a recommendation is about, as it was when it was made.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// How often it had been held.
    pub count: u64,
    /// What the hold rests on.
    pub evidence: Digest,
    /// The last hold.
    pub hold: DecisionId,
    /// Whom it is for, and for what.
    pub key: Key,
    /// From where it was held, if that is to carry an account that nobody vouches for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// What kind of evidence it is, for finding cases like it: no value of it.
    pub pattern: String,
    /// The rule that holds it.
    pub rule: RuleName,
}

/// A row of the networks file that a release adds: from then on everything from there is judged by it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NetworksRow {
    /// The country that it says, alpha-2.
    pub country: String,
    /// The network.
    pub network: String,
}

/// A clearance as it is recorded.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The action.
    pub action: Action,
    /// Who released it, then who recommended that.
    pub by: Vec<String>,
    /// What the hold rested on.
    pub evidence: Digest,
    /// From when it holds.
    pub from: Timestamp,
    /// The hold that it answers.
    pub hold: DecisionId,
    /// Its name.
    pub id: String,
    /// Networks from which an account that nobody vouches for is cleared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// The product group; absent for an item that nothing identifies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// For whom.
    pub subject: String,
    /// When it ends, exclusive.
    pub until: Timestamp,
    /// How often.
    pub uses: Times,
}

/// How often a clearance may be used.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// Once: of an order.
    Once,
    /// Until it ends.
    Unlimited,
}

/// What should become, or became, of an entry.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It stays held.
    Refuse,
    /// It passes.
    Release,
}

/// Why, from a closed list, so that cases can be compared.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// An authorisation of the authority covers it.
    AuthorisedByLicence,
    /// An address outside the United States was verified.
    ForeignAddressVerified,
    /// Who the customer is was verified.
    IdentityVerified,
    /// It could not be found out.
    InsufficientEvidence,
    /// The item is not what it seemed to be.
    ItemNotCovered,
    /// As the note says.
    Other,
    /// A US person, or in the United States.
    UsPerson,
    /// A customer outside the United States behind a VPN.
    VpnOfForeignCustomer,
}

impl ReasonCode {
    /// Every code.
    pub const ALL: [Self; 8] = [
        Self::AuthorisedByLicence,
        Self::ForeignAddressVerified,
        Self::IdentityVerified,
        Self::InsufficientEvidence,
        Self::ItemNotCovered,
        Self::Other,
        Self::UsPerson,
        Self::VpnOfForeignCustomer,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorisedByLicence => "authorised_by_licence",
            Self::ForeignAddressVerified => "foreign_address_verified",
            Self::IdentityVerified => "identity_verified",
            Self::InsufficientEvidence => "insufficient_evidence",
            Self::ItemNotCovered => "item_not_covered",
            Self::Other => "other",
            Self::UsPerson => "us_person",
            Self::VpnOfForeignCustomer => "vpn_of_foreign_customer",
        }
    }

    /// True if it can be the reason of that outcome.
    pub const fn fits(self, outcome: Outcome) -> bool {
        match (self, outcome) {
            (Self::Other, _) => true,
            (Self::InsufficientEvidence | Self::UsPerson, outcome) => {
                matches!(outcome, Outcome::Refuse)
            }
            (_, outcome) => matches!(outcome, Outcome::Release),
        }
    }
}

impl Change {
    pub(in crate::control) const fn action(&self) -> &'static str {
        match self {
            Self::Recommended { .. } => "review.recommend",
            Self::Refused { .. } => "review.refuse",
            Self::Released { .. } => "review.release",
            Self::Returned { .. } => "review.return",
            Self::Revoked { .. } => "review.revoke",
        }
    }

    /// None: subjects stand under their mask wherever the ledger hides them, so that nothing here has to be erased.
    #[expect(clippy::unused_self, reason = "each area of the control plane is asked alike")]
    pub(in crate::control) const fn subject(&self) -> Option<String> {
        None
    }

    /// The entry that it is about.
    pub fn entry(&self) -> &str {
        match self {
            Self::Recommended { entry, .. }
            | Self::Refused { entry, .. }
            | Self::Released { entry, .. }
            | Self::Returned { entry }
            | Self::Revoked { entry, .. } => entry,
        }
    }
}
