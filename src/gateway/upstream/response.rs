//! The head of an answer: parsed once, straight into the header map that goes to the client.

use std::mem::MaybeUninit;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use super::request::is_of_one_hop;

/// The largest head, and the most fields, that are taken.
pub(super) const HEAD_LIMIT: usize = 64 * 1024;
const FIELD_LIMIT: usize = 128;

/// How long the body is (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none, whatever the fields say: an answer to `HEAD`, 204, 304.
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) framing: Framing,
    /// `Content-Length`, where given; with `Framing::None` it is what a `GET` would have got.
    pub(super) announced: Option<u64>,
    /// Whether the server will take another request on the connection.
    pub(super) persists: bool,
}

/// What the front of the buffer holds.
#[derive(Debug)]
pub(super) enum Parsed {
    /// A final head; it has been taken from the buffer.
    Final(Head),
    /// An interim head (1xx); it has been taken from the buffer.
    Interim,
    /// Not yet a whole head.
    More,
}

/// Takes a head from the buffer's front.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(buffer: &mut BytesMut, method: &Method) -> Result<Parsed, &'static str> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELD_LIMIT];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, buffer, &mut fields)
        .map_err(|error| match error {
            httparse::Error::TooManyHeaders => "too many fields",
            _ => "it is not HTTP/1.1",
        })?;
    let httparse::Status::Complete(length) = parsed else {
        return if buffer.len() >= HEAD_LIMIT {
            Err("the head is too long")
        } else {
            Ok(Parsed::More)
        };
    };
    let code = response.code.unwrap_or_default();
    let version = response.version.unwrap_or_default();
    // Where each name and value stands, so that the values can share the head's memory once it is taken.
    let base = buffer.as_ptr().addr();
    let place = |part: &[u8]| {
        let start = part.as_ptr().addr().saturating_sub(base);
        (start, start.saturating_add(part.len()))
    };
    let places: SmallVec<[_; 32]> = response
        .headers
        .iter()
        .map(|field| (place(field.name.as_bytes()), place(field.value)))
        .collect();
    let head = buffer.split_to(length).freeze();
    if code == 101 {
        return Err("it switches protocols unasked");
    }
    if code < 200 {
        return Ok(Parsed::Interim);
    }
    let status = StatusCode::from_u16(code).map_err(|_| "its status is no status")?;
    let mut reader = Fields::new(version, places.len());
    for (name, value) in places {
        reader.add(&part(&head, name)?, part(&head, value)?)?;
    }
    reader.finish(status, method).map(Parsed::Final)
}

fn part(head: &Bytes, (start, end): (usize, usize)) -> Result<Bytes, &'static str> {
    if start <= end && end <= head.len() {
        Ok(head.slice(start..end))
    } else {
        Err("it cannot be taken apart")
    }
}

/// Sorts the fields into those for the client and those that were for us.
struct Fields {
    headers: HeaderMap,
    announced: Option<u64>,
    coding: Option<bool>,
    persists: bool,
    named_by_connection: SmallVec<[HeaderName; 2]>,
    version: u8,
}

impl Fields {
    fn new(version: u8, count: usize) -> Self {
        Self {
            headers: HeaderMap::with_capacity(count),
            announced: None,
            coding: None,
            persists: version == 1,
            named_by_connection: SmallVec::new(),
            version,
        }
    }

    fn add(&mut self, name: &[u8], value: Bytes) -> Result<(), &'static str> {
        let name = HeaderName::from_bytes(name).map_err(|_| "a field's name is no name")?;
        if name == header::CONTENT_LENGTH {
            // Kept in the map as well: a 304 carries it without a body.
            self.add_length(&value)?;
        } else if name == header::TRANSFER_ENCODING {
            // Only `chunked` alone is understood; anything before or after it is not.
            if self.coding.is_some() || !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                return Err("its transfer coding is not understood");
            }
            self.coding = Some(true);
        } else if name == header::CONNECTION {
            self.add_connection(&value);
        }
        if is_of_one_hop(&name) && name != header::PROXY_AUTHENTICATE {
            return Ok(());
        }
        let value =
            HeaderValue::from_maybe_shared(value).map_err(|_| "a field's value is no value")?;
        if name == header::CONTENT_LENGTH {
            self.headers.insert(name, value);
        } else {
            self.headers.append(name, value);
        }
        Ok(())
    }

    fn add_length(&mut self, value: &[u8]) -> Result<(), &'static str> {
        const WRONG: &str = "its length is no number";
        let text = value.trim_ascii();
        if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
            return Err(WRONG);
        }
        let length = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or(WRONG)?;
        match self.announced.replace(length) {
            Some(other) if other != length => Err("it has two different lengths"),
            _ => Ok(()),
        }
    }

    fn add_connection(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if option.eq_ignore_ascii_case(b"close") {
                self.persists = false;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.persists |= self.version == 0;
            } else if let Ok(name) = HeaderName::from_bytes(option) {
                self.named_by_connection.push(name);
            }
        }
    }

    fn finish(mut self, status: StatusCode, method: &Method) -> Result<Head, &'static str> {
        for name in &self.named_by_connection {
            // No server can talk us out of the length we frame by.
            if *name != header::CONTENT_LENGTH {
                self.headers.remove(name);
            }
        }
        let bodiless = *method == Method::HEAD
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED;
        let framing = match (bodiless, self.coding, self.announced) {
            (true, ..) => Framing::None,
            (_, Some(_), Some(_)) => return Err("it has a length and a transfer coding"),
            (_, Some(_), None) if self.version == 0 => {
                return Err("HTTP/1.0 with a transfer coding");
            }
            (_, Some(_), None) => Framing::Chunked,
            (_, None, Some(length)) => Framing::Length(length),
            (_, None, None) => Framing::UntilClose,
        };
        Ok(Head {
            status,
            headers: self.headers,
            framing,
            announced: self.announced,
            persists: self.persists && framing != Framing::UntilClose,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str, method: &Method) -> Result<Head, &'static str> {
        match parse(&mut BytesMut::from(text), method)? {
            Parsed::Final(head) => Ok(head),
            other => panic!("{other:?}"),
        }
    }

    fn get(fields: &str) -> Result<Head, &'static str> {
        head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), &Method::GET)
    }

    #[test]
    fn the_body_is_as_long_as_rfc_9112_section_6_3_says() {
        assert_eq!(get("Content-Length: 7\r\n").unwrap().framing, Framing::Length(7));
        assert_eq!(
            get("Content-Length: 7\r\nContent-Length: 7\r\n").unwrap().framing,
            Framing::Length(7)
        );
        assert_eq!(get("Transfer-Encoding: Chunked\r\n").unwrap().framing, Framing::Chunked);
        let open = get("").unwrap();
        assert!(open.framing == Framing::UntilClose && !open.persists);
        for status in ["204 No Content", "304 Not Modified"] {
            let head =
                head(&format!("HTTP/1.1 {status}\r\nContent-Length: 9\r\n\r\n"), &Method::GET)
                    .unwrap();
            assert_eq!((head.framing, head.announced), (Framing::None, Some(9)));
        }
        let answer = head("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", &Method::HEAD).unwrap();
        assert_eq!((answer.framing, answer.announced), (Framing::None, Some(9)));
    }

    #[test]
    fn ambiguous_framing_is_an_error() {
        for fields in [
            "Content-Length: 7\r\nContent-Length: 8\r\n",
            "Content-Length: +7\r\n",
            "Content-Length: 7, 7\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert!(get(fields).is_err(), "{fields:?}");
        }
        assert!(
            head("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &Method::GET).is_err()
        );
    }

    #[test]
    fn fields_of_one_hop_stay_here_and_the_others_pass_in_order() {
        let head = get(
            "Connection: X-Hop, keep-alive, content-length\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTrailer: a\r\n\
             Content-Length: 0\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-Custom:  \tv \r\n",
        )
        .unwrap();
        let cookies: Vec<_> = head.headers.get_all(header::SET_COOKIE).collect();
        assert_eq!(cookies, ["a", "b"]);
        assert_eq!(head.headers.get("x-custom").unwrap(), "v");
        assert_eq!(head.headers.len(), 4);
        assert!(head.persists);
    }

    #[test]
    fn a_connection_persists_by_version_and_option() {
        assert!(!get("Connection: close\r\nContent-Length: 0\r\n").unwrap().persists);
        let old = |fields| {
            head(&format!("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n{fields}\r\n"), &Method::GET)
        };
        assert!(!old("").unwrap().persists);
        assert!(old("Connection: Keep-Alive\r\n").unwrap().persists);
    }

    #[test]
    fn interim_answers_are_told_from_final_ones_and_101_is_refused() {
        let mut buffer =
            BytesMut::from("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        assert!(matches!(parse(&mut buffer, &Method::GET), Ok(Parsed::Interim)));
        assert!(matches!(parse(&mut buffer, &Method::GET), Ok(Parsed::Final(_))));
        assert!(head("HTTP/1.1 101 Switching\r\n\r\n", &Method::GET).is_err());
        assert!(matches!(
            parse(&mut BytesMut::from("HTTP/1.1 200 O"), &Method::GET),
            Ok(Parsed::More)
        ));
        assert!(parse(&mut BytesMut::from("SSH-2.0-x\r\n"), &Method::GET).is_err());
    }
}
