//! What the registry knows beforehand: catalogue rows and customers, and how floors below it look them up.

use std::sync::Arc;

use serde::Serialize;

use super::country::CountryText;

/// One row of the catalogue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CatalogueEntry {
    /// What the row says of its SKU.
    pub group: CatalogueGroup,
    /// The row's product name, folded as the policy folds names; empty if blank.
    pub name: Box<str>,
    /// The row's vendor, folded likewise; empty if blank.
    pub vendor: Box<str>,
}

/// What a catalogue row decides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CatalogueGroup {
    /// Nothing: judge by text.
    ByText,
    /// The SKU belongs to this policy group.
    Group(Arc<str>),
    /// Looked at, and not covered.
    NotCovered,
}

/// What the registry says of a customer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "each is the contract's field of that name")]
pub struct Customer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_country: Option<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_region: Option<Box<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub citizenship: Vec<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_country: Option<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_country: Option<CountryText>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permanent_resident_of: Vec<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub us_person: Option<bool>,
}

/// A catalogue in memory.
pub trait CatalogueLookup: Send + Sync + std::fmt::Debug {
    /// The row of a SKU, folded as the policy folds SKUs.
    fn find(&self, folded_sku: &str) -> Option<&CatalogueEntry>;
}

/// Customers in memory.
pub trait CustomerLookup: Send + Sync + std::fmt::Debug {
    /// The customer of an account or licence key.
    fn find(&self, account: &str) -> Option<Arc<Customer>>;
}
