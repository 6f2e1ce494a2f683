//! The members of a record's export view that a decision can be made from again.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Map;
use serde_json::Value;

use crate::model::Action;
use crate::model::AddressClass;
use crate::model::CountryText;
use crate::model::Verdict;

/// A record that is not as this version, or one before it, writes them.
#[derive(Debug, thiserror::Error)]
#[error("the record is not as records are: {0}")]
pub struct RecordError(#[from] serde_json::Error);

/// A record of a decision.
#[derive(Debug, Deserialize)]
pub(super) struct Recorded {
    pub(super) action: Action,
    pub(super) decision: RecordedDecision,
    #[serde(default)]
    pub(super) erased: bool,
    pub(super) evidence: Option<RecordedBuyer>,
    pub(super) id: String,
    #[serde(default)]
    pub(super) items: Vec<RecordedItem>,
    #[serde(default)]
    pub(super) masked: Vec<String>,
    pub(super) request: Option<RecordedRequest>,
    pub(super) seller: Option<RecordedSeller>,
    pub(super) seq: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordedDecision {
    pub(super) at: Timestamp,
    pub(super) bundle: String,
    pub(super) clause: Option<String>,
    /// Who cleared what the policies held.
    pub(super) clearance: Option<IgnoredAny>,
    pub(super) policy: Option<String>,
    pub(super) reason: String,
    pub(super) rule: Option<String>,
    pub(super) verdict: Verdict,
}

/// The evidence, of the buyer or of what a token claims.
#[derive(Debug, Deserialize)]
pub(super) struct RecordedBuyer {
    pub(super) account: Option<String>,
    pub(super) account_standing: Standing,
    #[serde(default)]
    pub(super) addresses: Vec<RecordedAddress>,
    pub(super) billing_country: Option<CountryText>,
    pub(super) billing_region: Option<String>,
    #[serde(default)]
    pub(super) citizenship: Vec<CountryText>,
    pub(super) claimed: Option<Box<Self>>,
    pub(super) declared_country: Option<CountryText>,
    pub(super) email_domain: Option<String>,
    pub(super) ip: Option<String>,
    pub(super) ip_class: Option<Vec<AddressClass>>,
    pub(super) ip_country: Option<CountryText>,
    pub(super) organization_country: Option<CountryText>,
    pub(super) parent_country: Option<CountryText>,
    #[serde(default)]
    pub(super) permanent_resident_of: Vec<CountryText>,
    #[serde(default)]
    pub(super) read: Readings,
    pub(super) registry: Option<RecordedCustomer>,
    pub(super) shipping_country: Option<CountryText>,
    pub(super) shipping_region: Option<String>,
    pub(super) us_person: Option<bool>,
    pub(super) vouching: Voucher,
}

/// Of what was read, the one thing that a decision needs: an address of mail is not recorded whole.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Readings {
    pub(super) email: Option<Email>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Email {
    Ordinary,
    Unreadable,
    UsGovernment,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    Known,
    Missing,
    NotAsked,
    Unknown,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Voucher {
    Unvouched,
    Vouched,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    Client,
    Transaction,
}

/// An address: the decision rests on country and classes, so that a masked address is no loss.
#[derive(Debug, Deserialize)]
pub(super) struct RecordedAddress {
    #[serde(default)]
    pub(super) classes: Vec<AddressClass>,
    pub(super) country: Option<CountryText>,
    pub(super) origin: Origin,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordedCustomer {
    pub(super) billing_country: Option<CountryText>,
    pub(super) billing_region: Option<String>,
    #[serde(default)]
    pub(super) citizenship: Vec<CountryText>,
    pub(super) email_domain: Option<String>,
    pub(super) organization_country: Option<CountryText>,
    pub(super) parent_country: Option<CountryText>,
    #[serde(default)]
    pub(super) permanent_resident_of: Vec<CountryText>,
    #[serde(default)]
    pub(super) read: Readings,
    pub(super) us_person: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordedItem {
    pub(super) attributes: Option<Value>,
    pub(super) catalog: Option<RecordedRow>,
    #[serde(default)]
    pub(super) components: Vec<String>,
    pub(super) name: Option<String>,
    /// A number, or a text where it is beyond what JSON numbers hold exactly.
    pub(super) quantity: Option<Value>,
    pub(super) sku: Option<String>,
    #[serde(default)]
    pub(super) suspected_components: Vec<String>,
    pub(super) vendor: Option<String>,
    #[serde(default)]
    pub(super) vendor_is_reseller: bool,
}

/// The row that the catalogue had for a line.
#[derive(Debug, Deserialize)]
pub(super) struct RecordedRow {
    pub(super) group: Option<String>,
    #[serde(default)]
    pub(super) name: String,
    pub(super) sku: String,
    #[serde(default)]
    pub(super) vendor: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordedRequest {
    pub(super) host: Option<String>,
    #[serde(default)]
    pub(super) judged: bool,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) readings: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RecordedSeller {
    pub(super) from: SellerOrigin,
    pub(super) organization_country: Option<CountryText>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum SellerOrigin {
    Request,
    Reseller,
}

impl Recorded {
    /// The record of a view; none if it is of no decision.
    pub(super) fn read(view: Map<String, Value>) -> Result<Option<Self>, RecordError> {
        if !view.contains_key("decision") {
            return Ok(None);
        }
        Ok(Some(serde_json::from_value(Value::Object(view))?))
    }
}
