//! The request as it goes out, and the seam to hyper's types.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::http::Method;
use bytes::Bytes;
use futures_util::Stream;
use http::header;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame};
use smallvec::SmallVec;

use crate::message::is_hop_by_hop;

use super::error::UpstreamError;
use super::pace::{Pace, Stage};

/// One permitted request, ready to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The canonical origin-form target: path and query.
    pub path_and_query: Bytes,
    /// The fields to send. Those of one hop and `Expect` are left out, `Content-Length` is written from the body.
    pub headers: HeaderMap,
    /// The body.
    pub body: OutgoingBody,
}

/// The body of a request.
pub enum OutgoingBody {
    /// None at all. Methods that expect one (`POST`, `PUT`, `PATCH`) announce a length of zero.
    Empty,
    /// One that was read, and perhaps judged, before.
    Bytes(Bytes),
    /// One that is passed on as the client sends it, at the pace of the slower side.
    Stream {
        /// The client's body.
        payload: Payload,
        /// What the client announced as `Content-Length`; none is sent chunked.
        length: Option<u64>,
    },
}

impl fmt::Debug for OutgoingBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("Empty"),
            Self::Bytes(bytes) => write!(formatter, "Bytes({})", bytes.len()),
            Self::Stream { length, .. } => write!(formatter, "Stream({length:?})"),
        }
    }
}

/// Whether a second try does no more than the first (RFC 9110, section 9.2.2).
pub(super) fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE
    )
}

/// The request for a server, of its target and method, these fields and this body.
///
/// # Errors
/// `Target`, if the target would break the request line; `Fields`, if hyper knows no such method.
pub(super) fn request(
    outgoing: &Outgoing,
    fields: HeaderMap,
    body: RequestBody,
) -> Result<http::Request<RequestBody>, UpstreamError> {
    let target = outgoing.path_and_query.clone();
    let readable = matches!(*target, [b'/', ..] | [b'*'])
        && target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    if !readable {
        return Err(UpstreamError::Target);
    }
    let target =
        http::uri::PathAndQuery::from_maybe_shared(target).map_err(|_| UpstreamError::Target)?;
    let mut request = http::Request::new(body);
    *request.method_mut() = method(&outgoing.method)?;
    *request.uri_mut() = http::Uri::from(target);
    *request.headers_mut() = fields;
    Ok(request)
}

/// The fields for a server; `host` replaces the client's, `fallback` stands in for a missing one.
///
/// # Errors
/// `Fields`, if they do not fit a message.
pub(super) fn fields(
    outgoing: &Outgoing,
    host: Option<&HeaderValue>,
    fallback: &HeaderValue,
) -> Result<HeaderMap, UpstreamError> {
    try_fields(outgoing, host, fallback).ok_or(UpstreamError::Fields)
}

/// A request's body as hyper takes it; tells its exchange how it moves, and why it failed.
#[derive(Debug)]
pub(super) struct RequestBody {
    source: OutgoingBody,
    /// What is left of an announced length.
    left: Option<u64>,
    pace: Rc<Pace>,
}

/// A body that failed; the exchange knows why.
#[derive(Debug, thiserror::Error)]
#[error("the request's body failed")]
pub(super) struct BodyFailed;

impl RequestBody {
    pub(super) fn new(source: OutgoingBody, pace: Rc<Pace>) -> Self {
        let left = match &source {
            OutgoingBody::Stream { length, .. } => *length,
            OutgoingBody::Empty | OutgoingBody::Bytes(_) => None,
        };
        Self { source, left, pace }
    }

    /// The body again, if hyper has given it back untouched.
    pub(super) fn into_outgoing(self) -> OutgoingBody {
        self.source
    }

    pub(super) fn stage(&self) -> Stage {
        if self.is_end_stream() { Stage::Sent } else { Stage::Sending }
    }

    fn end(&mut self) {
        self.source = OutgoingBody::Empty;
        self.pace.reach(Stage::Sent);
    }

    fn fail(&mut self, fault: UpstreamError) -> Option<Result<Frame<Bytes>, BodyFailed>> {
        self.source = OutgoingBody::Empty;
        self.pace.blame(fault);
        Some(Err(BodyFailed))
    }

    fn piece(&mut self, piece: Bytes) -> Option<Result<Frame<Bytes>, BodyFailed>> {
        if let Some(left) = &mut self.left {
            match left.checked_sub(piece.len() as u64) {
                Some(rest) => *left = rest,
                None => return self.fail(UpstreamError::ClientBodyLength),
            }
        }
        self.pace.took(piece.len());
        if self.left == Some(0) {
            // hyper asks no further once it has what was announced.
            self.pace.reach(Stage::Sent);
        } else {
            self.pace.reach(Stage::Sending);
        }
        Some(Ok(Frame::data(piece)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFailed;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailed>>> {
        let this = self.get_mut();
        if this.pace.stage() == Stage::Refused {
            // The server has answered without wanting the rest; the connection ends with its answer.
            this.source = OutgoingBody::Empty;
            return Poll::Pending;
        }
        match &mut this.source {
            OutgoingBody::Empty => Poll::Ready(None),
            OutgoingBody::Bytes(bytes) => {
                let bytes = mem::take(bytes);
                this.end();
                Poll::Ready((!bytes.is_empty()).then(|| {
                    this.pace.took(bytes.len());
                    Ok(Frame::data(bytes))
                }))
            }
            OutgoingBody::Stream { payload, .. } => {
                let next = Pin::new(payload).poll_next(context);
                Poll::Ready(match next {
                    Poll::Ready(Some(Ok(piece))) => this.piece(piece),
                    Poll::Ready(Some(Err(source))) => {
                        this.fail(UpstreamError::ClientBody { source })
                    }
                    Poll::Ready(None) if this.left.is_some_and(|left| left > 0) => {
                        this.fail(UpstreamError::ClientBodyLength)
                    }
                    Poll::Ready(None) => {
                        this.end();
                        None
                    }
                    Poll::Pending => {
                        this.pace.reach(Stage::Client);
                        return Poll::Pending;
                    }
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            OutgoingBody::Empty => true,
            OutgoingBody::Bytes(bytes) => bytes.is_empty(),
            OutgoingBody::Stream { length, .. } => *length == Some(0),
        }
    }
}

fn method(method: &Method) -> Result<http::Method, UpstreamError> {
    Ok(match *method {
        Method::GET => http::Method::GET,
        Method::HEAD => http::Method::HEAD,
        Method::POST => http::Method::POST,
        _ => http::Method::from_bytes(method.as_str().as_bytes())
            .map_err(|_| UpstreamError::Fields)?,
    })
}

/// The fields as they go out: those given, `Host`, and framing from the body.
fn try_fields(
    outgoing: &Outgoing,
    host: Option<&HeaderValue>,
    fallback: &HeaderValue,
) -> Option<HeaderMap> {
    let mut fields = outgoing.headers.clone();
    let of_one_hop = |name: &&HeaderName| {
        **name == header::CONTENT_LENGTH || **name == header::EXPECT || is_hop_by_hop(name.as_str())
    };
    let ours: SmallVec<[HeaderName; 2]> = fields.keys().filter(of_one_hop).cloned().collect();
    for name in ours {
        fields.remove(name);
    }
    match host {
        Some(host) => {
            fields.try_insert(header::HOST, host.clone()).ok()?;
        }
        None if fields.contains_key(header::HOST) => {}
        None => {
            fields.try_insert(header::HOST, fallback.clone()).ok()?;
        }
    }
    let length = match &outgoing.body {
        OutgoingBody::Empty => {
            matches!(outgoing.method, Method::POST | Method::PUT | Method::PATCH).then_some(0)
        }
        OutgoingBody::Bytes(bytes) => Some(bytes.len() as u64),
        OutgoingBody::Stream { length: Some(length), .. } => Some(*length),
        OutgoingBody::Stream { length: None, .. } => {
            let chunked = HeaderValue::from_static("chunked");
            fields.try_append(header::TRANSFER_ENCODING, chunked).ok()?;
            None
        }
    };
    if let Some(length) = length {
        fields.try_append(header::CONTENT_LENGTH, length.into()).ok()?;
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(
        method: Method,
        target: &str,
        fields: &[(&str, &str)],
        body: OutgoingBody,
    ) -> Outgoing {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        Outgoing {
            method,
            path_and_query: Bytes::copy_from_slice(target.as_bytes()),
            headers,
            body,
        }
    }

    fn sent(outgoing: &Outgoing, host: Option<&'static str>) -> Result<String, UpstreamError> {
        let host = host.map(HeaderValue::from_static);
        let fallback = HeaderValue::from_static("server:1");
        let body = RequestBody::new(OutgoingBody::Empty, Rc::new(Pace::new()));
        let fields = fields(outgoing, host.as_ref(), &fallback)?;
        let request = request(outgoing, fields, body)?;
        let mut text = format!("{} {}\n", request.method(), request.uri());
        for (name, value) in request.headers() {
            text.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
        }
        Ok(text)
    }

    #[test]
    fn fields_of_one_hop_and_foreign_framing_are_never_sent() {
        let request = outgoing(
            Method::POST,
            "/a?b=c",
            &[
                ("host", "shop.example"),
                ("content-length", "99"),
                ("transfer-encoding", "gzip, chunked"),
                ("connection", "x"),
                ("keep-alive", "1"),
                ("te", "trailers"),
                ("upgrade", "h2c"),
                ("expect", "100-continue"),
                ("proxy-connection", "x"),
                ("accept", "*/*"),
            ],
            OutgoingBody::Bytes(Bytes::from_static(b"abc")),
        );
        assert_eq!(
            sent(&request, None).unwrap(),
            "POST /a?b=c\nhost: shop.example\naccept: */*\ncontent-length: 3\n"
        );
    }

    #[test]
    fn the_configured_host_replaces_the_clients_and_a_missing_one_is_the_servers() {
        let request = outgoing(Method::GET, "/", &[("host", "a.example")], OutgoingBody::Empty);
        assert_eq!(sent(&request, Some("b.example")).unwrap(), "GET /\nhost: b.example\n");
        let request = outgoing(Method::PUT, "/", &[], OutgoingBody::Empty);
        assert_eq!(sent(&request, None).unwrap(), "PUT /\nhost: server:1\ncontent-length: 0\n");
    }

    #[test]
    fn a_target_that_would_end_the_line_is_refused() {
        for target in ["", "a", "/#a", "/ HTTP/1.1", "/\r\nX: y", "/\n", "/\t", "/\u{e4}", "/\0"] {
            let request = outgoing(Method::GET, target, &[], OutgoingBody::Empty);
            let sent = sent(&request, None);
            assert!(matches!(sent, Err(UpstreamError::Target)), "{target:?}");
        }
    }
}
