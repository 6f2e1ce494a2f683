//! The two tables of the registry.

use serde::Deserialize;
use serde::Serialize;

/// A table: what it is called, and its columns.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Products by SKU.
    Catalogue,
    /// Customers by account or licence key.
    Customers,
}

impl Table {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Catalogue, Self::Customers];

    /// Its name: a label, and its folder in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Catalogue => "catalogue",
            Self::Customers => "customers",
        }
    }

    /// The command that imports and exports it.
    pub const fn command(self) -> &'static str {
        match self {
            Self::Catalogue => "catalog",
            Self::Customers => "customers",
        }
    }

    /// Every column, in the order in which they are kept and exported.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Catalogue => &["sku", "name", "vendor", "group"],
            Self::Customers => &[
                "account",
                "license_key",
                "organization_country",
                "billing_country",
                "billing_region",
                "parent_country",
                "citizenship",
                "permanent_resident_of",
                "us_person",
                "email",
            ],
        }
    }

    /// The columns that no file may lack.
    pub(super) const fn required(self) -> &'static [&'static str] {
        match self {
            Self::Catalogue => &["sku"],
            Self::Customers => &[],
        }
    }
}
