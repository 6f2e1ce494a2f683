//! Reading a request: its host, its client's address, its body.

use std::net::IpAddr;
use std::time::Duration;

use actix_http::Request;
use actix_web::HttpMessage;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use bytes::Bytes;
use bytes::BytesMut;
use futures_util::StreamExt;
use smallvec::SmallVec;

use crate::enforcement::HeaderLookup;
use crate::message::CodingError;
use crate::message::Host;
use crate::message::decode_content;

/// Bytes in a millisecond below which an inspected body comes too slowly: 32 kbit/s.
const SLOWEST: u64 = 4;

/// A request as actix read it, and the listener it came by.
pub(super) struct Received {
    pub(super) port: u16,
    pub(super) request: Request,
    /// True if it came by TLS.
    pub(super) secure: bool,
    /// True if its connection can become a tunnel.
    pub(super) switchable: bool,
}

/// actix's headers, looked up by the floors below.
pub(super) struct Headers<'a>(pub(super) &'a HeaderMap);

impl HeaderLookup for Headers<'_> {
    fn values(&self, name: &str) -> SmallVec<[&[u8]; 2]> {
        self.0.get_all(name).map(header::HeaderValue::as_bytes).collect()
    }
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BodyFault {
    /// It ended before it was whole.
    Broken,
    /// It is not what its content coding says.
    Coding,
    /// It came too slowly.
    Slow,
    /// It is over the limit.
    TooLarge,
    /// Its media type or content coding is not read.
    Unsupported,
}

/// The host a request asks for: exactly one, and the target's own if it has one (RFC 9112 3.2).
pub(super) fn host(request: &Request) -> Option<Host<'_>> {
    let mut values = request.headers().get_all(header::HOST);
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let host = Host::parse(value.to_str().ok()?).ok()?;
    let scheme = request.uri().scheme_str();
    if !matches!(scheme, None | Some("http" | "https")) {
        return None;
    }
    match request.uri().authority() {
        Some(authority) => {
            let named = Host::parse(authority.as_str()).ok()?;
            let port = if scheme == Some("https") { 443 } else { 80 };
            named.is_same(&host, port).then_some(host)
        }
        None => Some(host),
    }
}

/// The connection's peer. A connection without one has no address that could be believed.
pub(super) fn peer(request: &Request) -> IpAddr {
    let unspecified = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    request.peer_addr().map_or(unspecified, |address| address.ip().to_canonical())
}

/// Reads a body that is to be judged, if its media type `fits`: whole, decoded, at most `limit` bytes either way.
pub(super) async fn body(
    headers: &HeaderMap,
    payload: &mut Payload,
    fits: fn(&str) -> bool,
    limit: usize,
    pause: Duration,
) -> Result<Bytes, BodyFault> {
    let single = |name| single(headers, name);
    if !single(header::CONTENT_TYPE)?.is_some_and(fits) {
        return Err(BodyFault::Unsupported);
    }
    let coding = single(header::CONTENT_ENCODING)?.unwrap_or("identity");
    let announced = single(header::CONTENT_LENGTH)?.and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(BodyFault::TooLarge);
    }
    let body = collect(payload, limit, pause).await?;
    match decode_content(coding, &body, limit) {
        Ok(std::borrow::Cow::Borrowed(_)) => Ok(body),
        Ok(std::borrow::Cow::Owned(decoded)) => Ok(Bytes::from(decoded)),
        Err(CodingError::Malformed) => Err(BodyFault::Coding),
        Err(CodingError::TooLarge) => Err(BodyFault::TooLarge),
        Err(CodingError::Unsupported) => Err(BodyFault::Unsupported),
    }
}

/// Reads a body whose very bytes are signed: whole, in no content coding, at most `limit` bytes.
pub(super) async fn raw(
    headers: &HeaderMap,
    payload: &mut Payload,
    limit: usize,
    pause: Duration,
) -> Result<Bytes, BodyFault> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(BodyFault::Unsupported);
    }
    let announced = single(headers, header::CONTENT_LENGTH)?;
    if announced.and_then(|l| l.parse::<usize>().ok()).is_some_and(|length| length > limit) {
        return Err(BodyFault::TooLarge);
    }
    collect(payload, limit, pause).await
}

/// The one value of a field; none where it is absent.
pub(super) fn single(
    headers: &HeaderMap,
    name: header::HeaderName,
) -> Result<Option<&str>, BodyFault> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| BodyFault::Unsupported),
        (Some(_), Some(_)) => Err(BodyFault::Unsupported),
    }
}

/// Reads a form of either media type, where the body is one: whole and as it came. Another body is left where it is.
pub(super) async fn form(
    headers: &HeaderMap,
    payload: &mut Payload,
    limit: usize,
    pause: Duration,
) -> Result<Option<Bytes>, BodyFault> {
    let is_form = headers.get_all(header::CONTENT_TYPE).any(|value| {
        let kind = value.as_bytes().to_ascii_lowercase();
        let holds = |part: &[u8]| kind.windows(part.len()).any(|window| window == part);
        holds(b"application/x-www-form-urlencoded") || holds(b"multipart/")
    });
    if !is_form {
        return Ok(None);
    }
    single(headers, header::CONTENT_TYPE)?;
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(BodyFault::Unsupported);
    }
    let announced = single(headers, header::CONTENT_LENGTH)?.and_then(|l| l.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(BodyFault::TooLarge);
    }
    collect(payload, limit, pause).await.map(Some)
}

/// Reads a form that comes beside a query which is judged; another body is left where it is. A form in several parts, or one
/// in a content coding, is not read and so not passed.
pub(super) async fn form_beside_query(
    headers: &HeaderMap,
    payload: &mut Payload,
    limit: usize,
    pause: Duration,
) -> Result<Option<Bytes>, BodyFault> {
    let is = |kind: &[u8]| {
        headers.get_all(header::CONTENT_TYPE).any(|value| {
            value.as_bytes().to_ascii_lowercase().windows(kind.len()).any(|part| part == kind)
        })
    };
    if is(b"multipart/") {
        return Err(BodyFault::Unsupported);
    }
    if !is(b"application/x-www-form-urlencoded") {
        return Ok(None);
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(BodyFault::Unsupported);
    }
    collect(payload, limit, pause).await.map(Some)
}

/// Reads at most `limit` bytes; no pause between two pieces may be longer than `pause`, and the whole may take that long and
/// the time that its bytes need at [`SLOWEST`], so that a trickle does not hold a connection and its buffer for days.
pub(super) async fn collect(
    payload: &mut Payload,
    limit: usize,
    pause: Duration,
) -> Result<Bytes, BodyFault> {
    let mut whole = BytesMut::new();
    let mut first = Bytes::new();
    let started = tokio::time::Instant::now();
    loop {
        let received = first.len().saturating_add(whole.len());
        let earned = Duration::from_millis(u64::try_from(received).unwrap_or(u64::MAX) / SLOWEST);
        let left = pause.saturating_add(earned).saturating_sub(started.elapsed());
        let next = tokio::time::timeout(pause.min(left), payload.next()).await;
        let next = next.map_err(|_| BodyFault::Slow)?;
        let Some(piece) = next else { break };
        let piece = piece.map_err(|_| BodyFault::Broken)?;
        if first.len().saturating_add(whole.len()).saturating_add(piece.len()) > limit {
            return Err(BodyFault::TooLarge);
        }
        if first.is_empty() && whole.is_empty() {
            first = piece;
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&first);
            first = Bytes::new();
        }
        whole.extend_from_slice(&piece);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}
