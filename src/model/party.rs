//! The parties of a transaction and what is known of them (DESIGN 4 and 5).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::address::{AddressClass, AddressEvidence};
use super::country::CountryText;
use super::evidence::Customer;
use super::json::present;

/// The buyer: first what was said, then what was gathered.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the contract's field of that name")]
pub struct Buyer {
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub billing_country: Option<CountryText>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub billing_region: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub citizenship: Vec<CountryText>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub declared_country: Option<CountryText>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub ip_class: Option<Vec<AddressClass>>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub ip_country: Option<CountryText>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub organization_country: Option<CountryText>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub parent_country: Option<CountryText>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permanent_resident_of: Vec<CountryText>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub shipping_country: Option<CountryText>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub shipping_region: Option<String>,
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub us_person: Option<bool>,

    /// Every address that counts, with what the geo sources say of it.
    #[serde(skip)]
    pub addresses: SmallVec<[AddressEvidence; 2]>,
    /// What a token that is believed says of the buyer: counted beside the rest, replaces none of it.
    #[serde(skip)]
    pub claimed: Option<Box<Self>>,
    /// What the customer registry says of the account.
    #[serde(skip)]
    pub customer: Option<Arc<Customer>>,
    /// Whether the account is known, and whether it had to be.
    #[serde(skip)]
    pub standing: AccountStanding,
    /// Whether the account may improve an outcome.
    #[serde(skip)]
    pub vouching: Vouching,
}

/// The seller: its own nexus follows from where it is organised, alone.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seller {
    /// Country of organisation.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub organization_country: Option<CountryText>,
}

/// What the registry knows of the account.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStanding {
    /// Found.
    Known,
    /// The route requires a known account and there is none: the buyer is at best unclear.
    Missing,
    /// None was given, and none was required.
    #[default]
    NotAsked,
    /// Given, and not found: noted.
    Unknown,
}

/// Who stands behind the account.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Vouching {
    /// Nobody: what the account says may worsen an outcome, never improve it.
    #[default]
    Unvouched,
    /// A token, a client certificate, or a caller of the decision API.
    Vouched,
}
