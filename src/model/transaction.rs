//! What is judged (DESIGN 4, Contract).

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::action::Action;
use super::json::{self, JsonError, StrictValue, present};
use super::party::{Buyer, Seller};
use super::timestamp::parse_timestamp;

/// What someone wants to do, with whom, and what is known of them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// What it does.
    pub action: Action,
    /// The instant it is judged at; absent means now.
    #[serde(default, deserialize_with = "instant", skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The buyer.
    #[serde(default)]
    pub buyer: Buyer,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// The request that would deliver it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestTarget>,
    /// The seller; absent means the configured reseller.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub seller: Option<Seller>,
}

/// One line of an order.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Item {
    /// Free facts that rules may ask for.
    #[serde(deserialize_with = "object", skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(String, StrictValue)>,
    /// What is known to be built in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// Product name.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many; at least 1.
    #[serde(deserialize_with = "quantity", skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u64>,
    /// Stock-keeping unit.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// What may be built in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suspected_components: Vec<String>,
    /// Who makes it.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
}

/// Where a delivery is asked for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestTarget {
    /// Host name, without or with port.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Path, in any spelling.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Every folded reading of the path that counts; empty until gathered.
    #[serde(skip)]
    pub readings: Vec<Box<str>>,
}

/// Why a line is no transaction.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// The request's path has more readings than can be looked at.
    #[error("the path of the request has too many readings")]
    AmbiguousPath,
    /// Not one acceptable document.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// No items and no request, where the action is one that a policy judges.
    #[error("nothing to judge: a `{0}` needs `items` or a `request`")]
    NothingToJudge(Action),
}

impl Transaction {
    /// Reads the contract's JSON.
    ///
    /// # Errors
    /// When the bytes are not one strict document of the contract's form.
    pub fn from_json(bytes: &[u8]) -> Result<Self, JsonError> {
        json::from_slice(bytes)
    }

    /// A transaction about nothing yet.
    pub fn new(action: Action) -> Self {
        Self {
            action,
            at: None,
            buyer: Buyer::default(),
            items: Vec::new(),
            request: None,
            seller: None,
        }
    }

    /// True if there is an item or a request with something in it.
    pub fn has_subject(&self) -> bool {
        let blank = |text: &Option<String>| text.as_deref().is_none_or(|t| t.trim().is_empty());
        !self.items.is_empty()
            || self.request.as_ref().is_some_and(|r| !(blank(&r.host) && blank(&r.path)))
    }
}

impl Item {
    /// The value of a free attribute.
    pub fn attribute(&self, name: &str) -> Option<&StrictValue> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_timestamp(&text).map(Some).map_err(serde::de::Error::custom)
}

fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match u64::deserialize(deserializer)? {
        0 => Err(serde::de::Error::custom("`quantity` must be at least 1")),
        quantity => Ok(Some(quantity)),
    }
}

fn object<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, StrictValue)>, D::Error> {
    match StrictValue::deserialize(deserializer)? {
        StrictValue::Object(members) => Ok(members),
        _ => Err(serde::de::Error::custom("`attributes` must be an object")),
    }
}
