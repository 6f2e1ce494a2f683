//! What a transaction does (DESIGN 4, Contract).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a transaction does. The names are the contract's and case matters.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// First use of a licence.
    Activation,
    /// A query to a vendor's cloud (Kaspersky Security Network).
    CloudService,
    /// A newer engine or installer.
    CodebaseUpdate,
    /// Sending an item out of a country.
    Export,
    /// Supply to a government.
    GovernmentSupply,
    /// Bringing an item into a country.
    Import,
    /// Building the item into another product.
    Integration,
    /// Asking whether a licence is still valid.
    LicenseStatus,
    /// A licence for resale or integration.
    Licensing,
    /// Taking money.
    Payment,
    /// Giving money back.
    Refund,
    /// Removing the software.
    Removal,
    /// A further term of an agreement.
    Renewal,
    /// A sale by someone other than the vendor.
    Resale,
    /// A new agreement with the vendor.
    Sale,
    /// Anti-virus databases.
    SignatureUpdate,
    /// Going on using what one has.
    Use,
}

/// A text that names no action.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown action `{0}`")]
pub struct UnknownAction(pub String);

impl Action {
    /// Every action, in the order of their names.
    pub const ALL: [Self; 17] = [
        Self::Activation,
        Self::CloudService,
        Self::CodebaseUpdate,
        Self::Export,
        Self::GovernmentSupply,
        Self::Import,
        Self::Integration,
        Self::LicenseStatus,
        Self::Licensing,
        Self::Payment,
        Self::Refund,
        Self::Removal,
        Self::Renewal,
        Self::Resale,
        Self::Sale,
        Self::SignatureUpdate,
        Self::Use,
    ];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::CloudService => "cloud_service",
            Self::CodebaseUpdate => "codebase_update",
            Self::Export => "export",
            Self::GovernmentSupply => "government_supply",
            Self::Import => "import",
            Self::Integration => "integration",
            Self::LicenseStatus => "license_status",
            Self::Licensing => "licensing",
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Removal => "removal",
            Self::Renewal => "renewal",
            Self::Resale => "resale",
            Self::Sale => "sale",
            Self::SignatureUpdate => "signature_update",
            Self::Use => "use",
        }
    }

    /// True for what reaches a machine rather than a contract: its place is the address's (DESIGN 5).
    pub const fn is_delivery(self) -> bool {
        matches!(self, Self::CloudService | Self::CodebaseUpdate | Self::SignatureUpdate)
    }

    /// Position in [`Action::ALL`], for dense tables.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        Self::ALL
            .into_iter()
            .find(|action| action.as_str() == text)
            .ok_or_else(|| UnknownAction(text.to_owned()))
    }
}
