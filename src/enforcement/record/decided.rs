//! The record of a decision.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use smallvec::SmallVec;

use crate::enforcement::clearing::Held;
use crate::enforcement::principal_record::PrincipalRecord;
use crate::enforcement::request::Request;
use crate::enforcement::snapshot::Snapshot;
use crate::model::Action;
use crate::model::Country;
use crate::model::CountryText;
use crate::model::Decision;
use crate::model::DecisionDocument;
use crate::model::DecisionId;
use crate::model::Transaction;
use crate::model::Verdict;
use crate::policy::RuleOutcome;
use crate::policy::RuleTrace;
use crate::policy::trace;

use super::RecordParts;
use super::country::of_buyer;
use super::evidence::Evidence;
use super::evidence::Readings;
use super::item::ItemRecord;
use super::masking::Masked;
use super::person;
use super::target::Connection;
use super::target::RequestRecord;
use super::undecided::Subject;
use crate::model::Retention;

/// What an order comes to, as it says itself. No decision rests on it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct OrderValue {
    /// In whole units of the currency, as received.
    pub amount: String,
    /// As received; absent where it is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

/// A decision and all that it was made of.
pub(in crate::enforcement) struct Decided<'a> {
    pub(in crate::enforcement) decision: &'a Decision,
    /// What it asks of a person, if it is held.
    pub(in crate::enforcement) held: Option<Held>,
    /// True for an answer to a given instant.
    pub(in crate::enforcement) hypothetical: bool,
    pub(in crate::enforcement) id: DecisionId,
    /// The path names the buyer.
    pub(in crate::enforcement) path_is_personal: bool,
    pub(in crate::enforcement) principal: Option<PrincipalRecord<'a>>,
    /// When it is recorded; an answer to a given instant is about another.
    pub(in crate::enforcement) recorded: Timestamp,
    pub(in crate::enforcement) request: Option<&'a Request<'a>>,
    pub(in crate::enforcement) retention: Retention,
    pub(in crate::enforcement) route: &'a str,
    pub(in crate::enforcement) snapshot: &'a Snapshot,
    /// Of a webhook.
    pub(in crate::enforcement) subject: Option<&'a Subject>,
    pub(in crate::enforcement) transaction: &'a Transaction,
    pub(in crate::enforcement) value: Option<&'a OrderValue>,
}

/// Rules are what the trace lends, for a shorter time than the rest.
#[derive(Serialize)]
struct Document<'a, 'r> {
    action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<Country>,
    decision: DecisionDocument<'a>,
    items: SmallVec<[ItemRecord<'a>; 4]>,
    #[serde(skip_serializing_if = "Masked::is_empty")]
    masked: Masked,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<RequestRecord<'a>>,
    retain_until: Date,
    route: &'a str,
    rules: SmallVec<[RuleRecord<'r>; 8]>,
    seller: SellerRecord<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a OrderValue>,
}

#[derive(Serialize)]
struct Personal<'a> {
    evidence: Evidence<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Held>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Connection<'a>>,
}

/// A rule that was looked at.
#[derive(Serialize)]
struct RuleRecord<'a> {
    clause: &'a str,
    outcome: RuleOutcome,
    policy: &'a str,
    rule: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
}

/// The seller as it counted.
#[derive(Serialize)]
struct SellerRecord<'a> {
    /// `request`, or `reseller` for the configured one.
    from: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_country: Option<&'a str>,
    #[serde(skip_serializing_if = "Readings::is_empty")]
    read: Readings,
}

impl Decided<'_> {
    /// Fills the parts.
    pub(in crate::enforcement) fn write(
        self,
        parts: &mut RecordParts,
    ) -> Result<(), serde_json::Error> {
        let Self { decision, snapshot, transaction, .. } = self;
        let mut masked = Masked::default();
        let buyer = &transaction.buyer;
        let evidence = Evidence::of(buyer, self.principal, &mut masked);
        let items = transaction.items.iter().enumerate();
        let items = items.map(|(at, item)| ItemRecord::of(item, at, snapshot, &mut masked));
        let items = items.collect();
        let target = transaction.request.as_ref();
        let mut request = match self.request {
            Some(request) => Some(RequestRecord::of_request(request, target, &mut masked)),
            None => target.map(|target| RequestRecord::of_target(target, &mut masked)),
        };
        let mut connection = self.request.map(Connection::of);
        if let (true, Some(request)) = (self.path_is_personal, &mut request) {
            connection = connection.map(|connection| connection.with_path_of(request));
        }
        let rules = trace(transaction, decision.at, &snapshot.policies, &snapshot.setting());
        let document = decision.document(self.id, snapshot.policies.revision());
        parts.document(&Document {
            action: transaction.action,
            country: of_buyer(buyer, decision.buyer, decision.because),
            decision: if self.hypothetical { document.hypothetical() } else { document },
            items,
            masked,
            request,
            retain_until: self.retention.end(self.recorded),
            route: self.route,
            rules: rules.iter().map(RuleRecord::from).collect(),
            seller: SellerRecord::of(transaction, snapshot),
            subject: self.subject,
            value: self.value,
        })?;
        parts.personal(&Personal { evidence, held: self.held, request: connection })?;
        let address: Option<IpAddr> =
            self.request.map(|request| request.client.unwrap_or(request.peer));
        person::subject(&mut parts.subject, Some(buyer), address);
        Ok(())
    }
}

impl<'a> SellerRecord<'a> {
    fn of(transaction: &'a Transaction, snapshot: &'a Snapshot) -> Self {
        match &transaction.seller {
            Some(seller) => Self {
                from: "request",
                organization_country: seller.organization_country.as_ref().map(CountryText::text),
                read: Readings::of_seller(seller),
            },
            None => Self {
                from: "reseller",
                organization_country: snapshot.reseller.country().map(Country::as_str),
                read: Readings::default(),
            },
        }
    }
}

impl<'a> From<&'a RuleTrace> for RuleRecord<'a> {
    fn from(traced: &'a RuleTrace) -> Self {
        Self {
            clause: &traced.facts.clause,
            outcome: traced.outcome,
            policy: &traced.facts.policy,
            rule: &traced.facts.rule,
            verdict: traced.verdict,
        }
    }
}
