//! Records of what no decision was made on: refusals of what cannot be read, and webhooks that sell nothing.

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::enforcement::delivery::Delivery;
use crate::enforcement::outcome::Refusal;
use crate::enforcement::request::Request;
use crate::enforcement::secrets::without_secrets;
use crate::message::AddressBasis;

use super::RecordParts;
use super::masking::Masked;
use super::person;
use super::target::Connection;
use super::target::RequestRecord;
use crate::model::Retention;

/// What is known of a request that could not be read.
#[derive(Clone, Copy, Debug)]
pub struct Unread<'a> {
    /// Where `client` was taken from, where it is known.
    pub basis: Option<AddressBasis>,
    /// The client's address, where it is known.
    pub client: Option<IpAddr>,
    /// What becomes of its answer.
    pub delivery: &'a Delivery,
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

/// What a webhook is about, so that whoever fulfils the order finds it.
#[derive(Debug, Serialize)]
pub(in crate::enforcement) struct Subject {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
}

/// A refusal that no decision preceded.
pub(in crate::enforcement) struct Undecided<'a> {
    pub(in crate::enforcement) at: Timestamp,
    /// The path may name a person.
    pub(in crate::enforcement) path_is_personal: bool,
    pub(in crate::enforcement) refusal: &'a Refusal,
    pub(in crate::enforcement) retention: Retention,
    pub(in crate::enforcement) route: &'a str,
    pub(in crate::enforcement) unread: Unread<'a>,
}

/// A webhook that is not judged.
pub(in crate::enforcement) struct Received<'a> {
    pub(in crate::enforcement) at: Timestamp,
    pub(in crate::enforcement) request: &'a Request<'a>,
    pub(in crate::enforcement) retention: Retention,
    pub(in crate::enforcement) route: &'a str,
    pub(in crate::enforcement) subject: &'a Subject,
}

#[derive(Serialize)]
struct RefusalDocument<'a> {
    at: Timestamp,
    reason: Cow<'static, str>,
    request: RequestRecord<'a>,
    retain_until: Date,
    route: &'a str,
    status: u16,
}

#[derive(Serialize)]
struct ReceivedDocument<'a> {
    at: Timestamp,
    request: RequestRecord<'a>,
    retain_until: Date,
    route: &'a str,
    subject: &'a Subject,
}

/// Nothing was asked of the buyer: the connection is all that is personal.
#[derive(Serialize)]
struct Personal<'a> {
    request: Connection<'a>,
}

impl Undecided<'_> {
    /// Fills the parts.
    pub(in crate::enforcement) fn write(
        self,
        parts: &mut RecordParts,
    ) -> Result<(), serde_json::Error> {
        let Self { at, path_is_personal, refusal, retention, route, unread } = self;
        let mut request = RequestRecord::of_unread(&unread);
        let mut connection = Connection::bare(unread.client, unread.peer);
        if path_is_personal {
            connection = connection.with_path_of(&mut request);
        }
        parts.document(&RefusalDocument {
            at,
            reason: refusal.reason(),
            request,
            retain_until: retention.end(at),
            route,
            status: refusal.status(),
        })?;
        about(parts, connection, unread.client.unwrap_or(unread.peer))
    }
}

impl Received<'_> {
    /// Fills the parts.
    pub(in crate::enforcement) fn write(
        self,
        parts: &mut RecordParts,
    ) -> Result<(), serde_json::Error> {
        let Self { at, request, retention, route, subject } = self;
        parts.document(&ReceivedDocument {
            at,
            request: RequestRecord::of_request(request, None, &mut Masked::default()),
            retain_until: retention.end(at),
            route,
            subject,
        })?;
        let (client, peer) = (request.client, request.peer);
        about(parts, Connection::bare(client, peer), client.unwrap_or(peer))
    }
}

fn about(
    parts: &mut RecordParts,
    request: Connection<'_>,
    whose: IpAddr,
) -> Result<(), serde_json::Error> {
    parts.personal(&Personal { request })?;
    person::subject(&mut parts.subject, None, Some(whose));
    Ok(())
}

impl Subject {
    /// Characters of each text that are kept.
    const LIMIT: usize = 128;

    /// What is known, cut to a length that no record minds.
    pub(in crate::enforcement) fn new(
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
    pub(in crate::enforcement) fn order(&self) -> Option<&str> {
        self.order.as_deref()
    }
}
