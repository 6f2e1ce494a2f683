//! What is kept of a decision: one JSON object, members in alphabetical order (docs/records.md).
//!
//! No activation code, licence key, token or local part of an e-mail stands in it; what a nexus rests on does.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;
use smallvec::SmallVec;

use crate::model::AccountStanding;
use crate::model::Action;
use crate::model::AddressClasses;
use crate::model::AddressEvidence;
use crate::model::AddressOrigin;
use crate::model::Buyer;
use crate::model::CountryReading;
use crate::model::CountryText;
use crate::model::Customer;
use crate::model::DecisionDocument;
use crate::model::DecisionId;
use crate::model::GeoAnswer;
use crate::model::Item;
use crate::model::Seller;
use crate::model::Transaction;
use crate::model::Vouching;

use super::outcome::Refusal;
use super::principal_record::PrincipalRecord;
use super::request::Request;
use super::secrets::account_without_secrets;
use super::secrets::without_secrets;

/// What a record is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// A decision on what is put in a cart: never a hold.
    Cart,
    /// A decision that a request waits for.
    Decision,
    /// An answer to the decision API at a given instant: never a permit.
    Enquiry,
    /// A store sold something else than was judged.
    Mismatch,
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
    /// The record's text.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::Decision => "decision",
            Self::Enquiry => "enquiry",
            Self::Mismatch => "mismatch",
            Self::Received => "received",
            Self::Refusal => "refusal",
            Self::Summary => "summary",
            Self::SummaryEnd => "summary_end",
        }
    }
}

#[derive(Serialize)]
struct DecisionRecord<'a> {
    action: Action,
    decision: DecisionDocument<'a>,
    evidence: Evidence<'a>,
    id: DecisionId,
    items: SmallVec<[ItemRecord<'a>; 4]>,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<RequestRecord<'a>>,
    route: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seller: Option<&'a Seller>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Subject>,
}

#[derive(Serialize)]
struct ReceivedRecord<'a> {
    at: Timestamp,
    id: DecisionId,
    kind: Kind,
    request: RequestRecord<'a>,
    route: &'a str,
    subject: &'a Subject,
}

/// What a webhook is about, so that whoever fulfils the order finds it.
#[derive(Debug, Serialize)]
pub(super) struct Subject {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
}

#[derive(Serialize)]
struct RefusalRecord<'a> {
    at: Timestamp,
    id: DecisionId,
    kind: Kind,
    reason: std::borrow::Cow<'static, str>,
    request: RequestRecord<'a>,
    route: &'a str,
    status: u16,
}

#[derive(Serialize)]
struct RequestRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<IpAddr>,
}

#[derive(Serialize)]
struct Evidence<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<std::borrow::Cow<'a, str>>,
    account_standing: AccountStanding,
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    addresses: SmallVec<[AddressRecord<'a>; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_country: &'a Option<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_region: &'a Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    citizenship: &'a [CountryText],
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<Box<Self>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    declared_country: &'a Option<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_country: &'a Option<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_country: &'a Option<CountryText>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    permanent_resident_of: &'a [CountryText],
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<PrincipalRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<RegistryRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping_country: &'a Option<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping_region: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    us_person: Option<bool>,
    vouching: Vouching,
}

#[derive(Serialize)]
struct AddressRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    answers: &'a [GeoAnswer],
    #[serde(skip_serializing_if = "AddressClasses::is_clean")]
    classes: AddressClasses,
    country: Option<&'a str>,
    origin: AddressOrigin,
}

#[derive(Serialize)]
struct RegistryRecord<'a> {
    billing_country: &'a Option<CountryText>,
    billing_region: &'a Option<Box<str>>,
    citizenship: &'a [CountryText],
    email_domain: Option<&'a str>,
    organization_country: &'a Option<CountryText>,
    parent_country: &'a Option<CountryText>,
    permanent_resident_of: &'a [CountryText],
    us_person: Option<bool>,
}

#[derive(Serialize)]
struct ItemRecord<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    components: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    name: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: &'a Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    suspected_components: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: &'a Option<String>,
}

/// Writes the record of a decision on a webhook.
pub(super) fn write_webhook(
    out: &mut Vec<u8>,
    document: DecisionDocument<'_>,
    id: DecisionId,
    route: &str,
    transaction: &Transaction,
    request: &Request<'_>,
    subject: &Subject,
) -> Result<(), serde_json::Error> {
    let subject = Some(subject);
    let record = of_decision(Kind::Decision, document, id, route, transaction, Some(request));
    serde_json::to_writer(out, &DecisionRecord { subject, ..record })
}

/// Writes the record of a webhook that is not judged.
pub(super) fn write_received(
    out: &mut Vec<u8>,
    at: Timestamp,
    id: DecisionId,
    route: &str,
    request: &Request<'_>,
    subject: &Subject,
) -> Result<(), serde_json::Error> {
    let (kind, request) = (Kind::Received, RequestRecord::from(request));
    serde_json::to_writer(out, &ReceivedRecord { at, id, kind, request, route, subject })
}

/// Writes the record of a decision.
#[expect(clippy::too_many_arguments, reason = "each is a member of the record")]
pub(super) fn write_decision(
    out: &mut Vec<u8>,
    kind: Kind,
    document: DecisionDocument<'_>,
    id: DecisionId,
    route: &str,
    transaction: &Transaction,
    request: Option<&Request<'_>>,
    principal: Option<PrincipalRecord<'_>>,
) -> Result<(), serde_json::Error> {
    let mut record = of_decision(kind, document, id, route, transaction, request);
    record.evidence.principal = principal;
    serde_json::to_writer(out, &record)
}

fn of_decision<'a>(
    kind: Kind,
    document: DecisionDocument<'a>,
    id: DecisionId,
    route: &'a str,
    transaction: &'a Transaction,
    request: Option<&'a Request<'a>>,
) -> DecisionRecord<'a> {
    DecisionRecord {
        action: transaction.action,
        decision: document,
        evidence: Evidence::from(&transaction.buyer),
        id,
        items: transaction.items.iter().map(ItemRecord::from).collect(),
        kind,
        request: request.map(RequestRecord::from).or_else(|| {
            transaction.request.as_ref().map(|target| RequestRecord {
                client: None,
                host: target.host.as_deref(),
                method: None,
                path: target.path.as_deref().map(without_secrets),
                peer: None,
            })
        }),
        route,
        seller: transaction.seller.as_ref(),
        subject: None,
    }
}

impl Subject {
    /// Characters of each text that are kept.
    const LIMIT: usize = 128;

    /// What is known, cut to a length that no record minds.
    pub(super) fn new(
        name: Option<&str>,
        order: Option<&str>,
        shop: Option<&str>,
        topic: Option<&str>,
    ) -> Self {
        let kept = |text: Option<&str>| {
            text.map(|text| without_secrets(text).chars().take(Self::LIMIT).collect())
        };
        Self { name: kept(name), order: kept(order), shop: kept(shop), topic: kept(topic) }
    }

    /// The order's id.
    pub(super) fn order(&self) -> Option<&str> {
        self.order.as_deref()
    }
}

/// What is known of a request that could not be read.
#[derive(Clone, Copy, Debug)]
pub struct Unread<'a> {
    /// The client's address, where it is known.
    pub client: Option<IpAddr>,
    /// `Host` as far as it could be read.
    pub host: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path as received.
    pub path: &'a str,
    /// The connection's peer.
    pub peer: IpAddr,
    /// Whether a token or a certificate tells who asks.
    pub vouched: bool,
}

/// A difference between what was judged and what a store has sold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mismatch<'a> {
    pub(super) action: Action,
    pub(super) at: Timestamp,
    pub(super) found: &'a [Item],
    pub(super) id: DecisionId,
    pub(super) judged: &'a [Item],
    pub(super) of: DecisionId,
    pub(super) order: &'a str,
    pub(super) route: &'a str,
}

#[derive(Serialize)]
struct MismatchRecord<'a> {
    action: Action,
    at: Timestamp,
    /// Of the order as it was sold.
    decision: DecisionDocument<'a>,
    id: DecisionId,
    items: SmallVec<[ItemRecord<'a>; 4]>,
    judged: SmallVec<[ItemRecord<'a>; 4]>,
    kind: Kind,
    of: DecisionId,
    route: &'a str,
    subject: SubjectRecord<'a>,
}

/// What fulfilment knows an order by.
#[derive(Serialize)]
struct SubjectRecord<'a> {
    order: &'a str,
}

/// Writes the record of a mismatch.
pub(super) fn write_mismatch(
    out: &mut Vec<u8>,
    mismatch: Mismatch<'_>,
    decision: DecisionDocument<'_>,
) -> Result<(), serde_json::Error> {
    let Mismatch { action, at, found, id, judged, of, order, route } = mismatch;
    let record = MismatchRecord {
        action,
        at,
        decision,
        id,
        items: found.iter().map(ItemRecord::from).collect(),
        judged: judged.iter().map(ItemRecord::from).collect(),
        kind: Kind::Mismatch,
        of,
        route,
        subject: SubjectRecord { order },
    };
    serde_json::to_writer(out, &record)
}

/// Writes the record of a refusal without a decision.
pub(super) fn write_refusal(
    out: &mut Vec<u8>,
    refusal: &Refusal,
    at: Timestamp,
    route: &str,
    unread: Unread<'_>,
) -> Result<(), serde_json::Error> {
    let record = RefusalRecord {
        at,
        id: refusal.id(),
        kind: Kind::Refusal,
        reason: refusal.reason(),
        request: RequestRecord {
            client: unread.client,
            host: Some(unread.host),
            method: Some(unread.method),
            path: Some(without_secrets(unread.path)),
            peer: Some(unread.peer),
        },
        route,
        status: refusal.status(),
    };
    serde_json::to_writer(out, &record)
}

impl AddressClasses {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_clean(&self) -> bool {
        self.is_empty()
    }
}

impl<'a> From<&'a Buyer> for Evidence<'a> {
    fn from(buyer: &'a Buyer) -> Self {
        Self {
            account: buyer.account.as_deref().map(account_without_secrets),
            account_standing: buyer.standing,
            addresses: buyer.addresses.iter().map(AddressRecord::from).collect(),
            billing_country: &buyer.billing_country,
            billing_region: &buyer.billing_region,
            citizenship: &buyer.citizenship,
            claimed: buyer.claimed.as_deref().map(|claimed| Box::new(Self::from(claimed))),
            declared_country: &buyer.declared_country,
            email_domain: buyer.email.as_deref().map(domain),
            organization_country: &buyer.organization_country,
            parent_country: &buyer.parent_country,
            permanent_resident_of: &buyer.permanent_resident_of,
            principal: None,
            registry: buyer.customer.as_deref().map(RegistryRecord::from),
            shipping_country: &buyer.shipping_country,
            shipping_region: &buyer.shipping_region,
            us_person: buyer.us_person,
            vouching: buyer.vouching,
        }
    }
}

impl<'a> From<&'a AddressEvidence> for AddressRecord<'a> {
    fn from(evidence: &'a AddressEvidence) -> Self {
        // The combined country is one of the sources' own, so that it can be borrowed from there.
        let country = match evidence.country {
            CountryReading::Read(country) => evidence
                .answers
                .iter()
                .filter_map(|answer| answer.country.as_ref())
                .find(|c| **c == country)
                .map(crate::model::Country::as_str),
            CountryReading::Missing | CountryReading::Unreadable => None,
        };
        Self {
            address: evidence.address,
            answers: &evidence.answers,
            classes: evidence.classes,
            country,
            origin: evidence.origin,
        }
    }
}

impl<'a> From<&'a Customer> for RegistryRecord<'a> {
    fn from(customer: &'a Customer) -> Self {
        Self {
            billing_country: &customer.billing_country,
            billing_region: &customer.billing_region,
            citizenship: &customer.citizenship,
            email_domain: customer.email.as_deref().map(domain),
            organization_country: &customer.organization_country,
            parent_country: &customer.parent_country,
            permanent_resident_of: &customer.permanent_resident_of,
            us_person: customer.us_person,
        }
    }
}

impl<'a> From<&'a Item> for ItemRecord<'a> {
    fn from(item: &'a Item) -> Self {
        Self {
            components: &item.components,
            name: &item.name,
            quantity: item.quantity,
            sku: &item.sku,
            suspected_components: &item.suspected_components,
            vendor: &item.vendor,
        }
    }
}

impl<'a> From<&'a Request<'a>> for RequestRecord<'a> {
    fn from(request: &'a Request<'a>) -> Self {
        Self {
            client: request.client,
            host: Some(request.host),
            method: Some(request.method),
            path: Some(without_secrets(request.target.path())),
            peer: Some(request.peer),
        }
    }
}

/// The part of an e-mail address that a nexus can rest on.
fn domain(email: &str) -> &str {
    email.rsplit_once('@').map_or("", |(_, domain)| domain)
}
