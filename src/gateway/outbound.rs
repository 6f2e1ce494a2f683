//! The way of a permitted request to its upstream, and of the answer back.

use actix_http::Request;
use actix_web::HttpMessage;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use bytes::Bytes;

use crate::message::ConnectionOptions;
use crate::message::OutgoingForwarding;
use crate::message::RequestHeader;
use crate::message::is_for_shared_caches;
use crate::message::is_twin_of;
use crate::message::private_cache_control;
use crate::message::request_header;
use crate::model::DecisionId;
use crate::model::Verdict;
use crate::settings::Route;
use crate::settings::Source;

use super::answers::DECISION;
use super::answers::decision_field;
use super::fields::Sending;
use super::looking_up::CREDENTIALS;
use super::upstream::AnswerFields;
use super::upstream::OutgoingBody;

const X_FORWARDED_FOR: http::HeaderName = http::HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: http::HeaderName = http::HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: http::HeaderName = http::HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: http::HeaderName = http::HeaderName::from_static("x-forwarded-proto");
const X_REAL_IP: http::HeaderName = http::HeaderName::from_static("x-real-ip");
/// Fields that the gateway sets, and bytes of their values in most requests.
const OWN_FIELDS: usize = 7;
const OWN_BYTES: usize = 256;

/// The header fields that go upstream: the client's, without what belongs to one hop or claims what only the gateway
/// knows, and the gateway's own. `decoded` says that the body goes out without its content coding.
pub(super) fn request_headers(
    received: &HeaderMap,
    route: &Route,
    forwarding: &OutgoingForwarding<'_>,
    decoded: bool,
) -> http::HeaderMap {
    let options =
        ConnectionOptions::new(received.get_all(header::CONNECTION).map(HeaderValue::as_bytes));
    let bytes: usize = received.iter().map(|(_, value)| value.len()).sum();
    let count = received.len().saturating_add(OWN_FIELDS);
    let mut headers = Sending::with_capacity(count, bytes.saturating_add(OWN_BYTES));
    if let Some(host) = received.get(header::HOST) {
        // First: RFC 9110 7.2.
        headers.set(http::header::HOST, host.as_bytes());
    }
    for (name, value) in received {
        let text = name.as_str();
        if request_header(text) != RequestHeader::Pass || is_mapped_twin(route, text) {
            continue;
        }
        if options.removes(text) && !is_mapped(route, text) {
            continue;
        }
        if decoded && *name == header::CONTENT_ENCODING {
            continue;
        }
        // What frames the body is written anew, and the expectation has been met here.
        if [header::HOST, header::CONTENT_LENGTH, header::EXPECT].contains(name) {
            continue;
        }
        headers.append(name, value);
    }
    set_forwarding(&mut headers, forwarding);
    headers.into_fields()
}

fn set_forwarding(headers: &mut Sending, forwarding: &OutgoingForwarding<'_>) {
    headers.set(http::header::FORWARDED, forwarding.forwarded().as_bytes());
    if let Some(client) = forwarding.client_address() {
        headers.set(X_FORWARDED_FOR, client.as_bytes());
        headers.set(X_REAL_IP, client.as_bytes());
    }
    headers.set(X_FORWARDED_HOST, forwarding.host.as_bytes());
    headers.set(X_FORWARDED_PORT, forwarding.forwarded_port().as_bytes());
    headers.set(X_FORWARDED_PROTO, forwarding.proto.as_bytes());
}

/// The header fields of a question to the upstream: whose it is, and what the gateway knows of the client.
pub(super) fn question_headers(
    received: &HeaderMap,
    forwarding: &OutgoingForwarding<'_>,
) -> http::HeaderMap {
    let mut headers = Sending::with_capacity(OWN_FIELDS.saturating_mul(2), OWN_BYTES);
    headers.set(http::header::HOST, forwarding.host.as_bytes());
    headers.set(http::header::ACCEPT, b"application/json");
    for name in CREDENTIALS {
        for (name, value) in received.iter().filter(|(found, _)| found.as_str() == name) {
            headers.append(name, value);
        }
    }
    set_forwarding(&mut headers, forwarding);
    headers.into_fields()
}

/// The body that goes upstream: the judged one, or the client's own as it comes.
pub(super) fn request_body(
    request: &Request,
    judged: Option<Bytes>,
    payload: Payload,
) -> OutgoingBody {
    if let Some(body) = judged {
        return OutgoingBody::Bytes(body);
    }
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    let bodiless = matches!(*request.method(), Method::GET | Method::HEAD);
    if length == Some(0) || (length.is_none() && !headers.contains_key(header::TRANSFER_ENCODING)) {
        return OutgoingBody::Empty;
    }
    match payload {
        Payload::None if bodiless => OutgoingBody::Empty,
        payload => OutgoingBody::Stream { payload, length },
    }
}

/// Writes the upstream's fields as the gateway's own answer.
pub(super) fn answer_headers(
    received: &AnswerFields,
    headers: &mut HeaderMap,
    id: Option<DecisionId>,
    verdict: Verdict,
    covered: bool,
) {
    received.copy_to(headers, |name| !covered || !is_for_shared_caches(name));
    if covered {
        let values = headers.get_all(header::CACHE_CONTROL).map(HeaderValue::as_bytes);
        let private = HeaderValue::from_str(&private_cache_control(values));
        let private = private.unwrap_or(HeaderValue::from_static("private"));
        headers.insert(header::CACHE_CONTROL, private);
    }
    if let Some(id) = id
        && let Ok(value) = HeaderValue::from_maybe_shared(decision_field(verdict.as_str(), id))
    {
        headers.insert(HeaderName::from_static(DECISION), value);
    }
}

fn mapped(route: &Route) -> impl Iterator<Item = &str> {
    route.sources().filter_map(|source| match source {
        Source::Header(name) => Some(name.as_str()),
        _ => None,
    })
}

fn is_mapped(route: &Route, name: &str) -> bool {
    mapped(route).any(|judged| judged == name)
}

/// True if an upstream that reads headers as CGI does would take the field for one that was judged.
fn is_mapped_twin(route: &Route, name: &str) -> bool {
    mapped(route).any(|judged| is_twin_of(name, judged))
}
