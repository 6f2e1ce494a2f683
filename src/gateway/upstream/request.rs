//! The request as it goes out, and its head on the wire.

use std::fmt;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use bytes::Bytes;

use super::error::UpstreamError;

/// One permitted request, ready to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The canonical origin-form target: path and query.
    pub path_and_query: String,
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

/// Writes the head for a server; `host` replaces the client's, `fallback` stands in for a missing one.
///
/// # Errors
/// `Target`, if the target would break the request line.
pub(super) fn write_head(
    out: &mut Vec<u8>,
    outgoing: &Outgoing,
    host: Option<&str>,
    fallback: &str,
) -> Result<(), UpstreamError> {
    let target = outgoing.path_and_query.as_bytes();
    if target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
        return Err(UpstreamError::Target);
    }
    out.extend_from_slice(outgoing.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    // Host goes first (RFC 9110, section 7.2), exactly once.
    let own = outgoing.headers.get(header::HOST).map(|value| value.as_bytes());
    let host = host.map(str::as_bytes).or(own).unwrap_or(fallback.as_bytes());
    write_field(out, b"host", host);
    for (name, value) in &outgoing.headers {
        if *name == header::HOST || *name == header::EXPECT || is_of_one_hop(name) {
            continue;
        }
        if *name == header::CONTENT_LENGTH {
            continue;
        }
        write_field(out, name.as_str().as_bytes(), value.as_bytes());
    }
    match &outgoing.body {
        OutgoingBody::Empty => {
            if matches!(outgoing.method, Method::POST | Method::PUT | Method::PATCH) {
                out.extend_from_slice(b"content-length: 0\r\n");
            }
        }
        OutgoingBody::Bytes(bytes) => write_length(out, bytes.len() as u64),
        OutgoingBody::Stream { length, .. } => match length {
            Some(length) => write_length(out, *length),
            None => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        },
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// The fields that never outlive one connection (RFC 9110, section 7.6.1), whether `Connection` names them or not.
pub(super) fn is_of_one_hop(name: &HeaderName) -> bool {
    // The common names are compared as what they are; only strangers are compared as text.
    matches!(
        *name,
        header::CONNECTION
            | header::TE
            | header::TRAILER
            | header::TRANSFER_ENCODING
            | header::UPGRADE
            | header::PROXY_AUTHENTICATE
            | header::PROXY_AUTHORIZATION
    ) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn write_length(out: &mut Vec<u8>, length: u64) {
    write_field(out, b"content-length", itoa::Buffer::new().format(length).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

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
        Outgoing { method, path_and_query: target.to_owned(), headers, body }
    }

    fn head(outgoing: &Outgoing, host: Option<&str>) -> String {
        let mut out = Vec::new();
        write_head(&mut out, outgoing, host, "server:1").unwrap();
        String::from_utf8(out).unwrap()
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
            head(&request, None),
            "POST /a?b=c HTTP/1.1\r\nhost: shop.example\r\naccept: */*\r\ncontent-length: 3\r\n\r\n"
        );
    }

    #[test]
    fn the_configured_host_replaces_the_clients_and_a_missing_one_is_the_servers() {
        let request = outgoing(Method::GET, "/", &[("host", "a.example")], OutgoingBody::Empty);
        assert_eq!(head(&request, Some("b.example")), "GET / HTTP/1.1\r\nhost: b.example\r\n\r\n");
        let request = outgoing(Method::PUT, "/", &[], OutgoingBody::Empty);
        assert_eq!(
            head(&request, None),
            "PUT / HTTP/1.1\r\nhost: server:1\r\ncontent-length: 0\r\n\r\n"
        );
    }

    #[test]
    fn a_target_that_would_end_the_line_is_refused() {
        for target in ["", "/ HTTP/1.1", "/\r\nX: y", "/\n", "/\t", "/\u{e4}", "/\0"] {
            let request = outgoing(Method::GET, target, &[], OutgoingBody::Empty);
            let written = write_head(&mut Vec::new(), &request, None, "s");
            assert!(matches!(written, Err(UpstreamError::Target)), "{target:?}");
        }
    }
}
