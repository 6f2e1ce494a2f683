//! The head of an answer: what hyper read, held to stricter framing.

use actix_web::body::BodySize;
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use http::header;
use http::response::Parts;

use crate::message::ConnectionOptions;
use crate::message::passes_downstream;

use super::super::fields;

/// The head as the server side takes it.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: AnswerFields,
    pub(super) size: BodySize,
}

/// The fields of an answer, as received.
#[derive(Debug)]
pub struct AnswerFields {
    announced: Option<u64>,
    received: http::HeaderMap,
}

impl AnswerFields {
    /// The fields of a 101, which has no body.
    pub(super) fn of_switch(received: http::HeaderMap) -> Self {
        Self { announced: None, received }
    }

    /// The one value of a field; none where it is absent, repeated or no text. `name` is in lower case.
    pub fn single(&self, name: &str) -> Option<&str> {
        let mut values = self.received.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// The content coding; none where there are several.
    pub(super) fn content_coding(&self) -> Option<&str> {
        if self.received.contains_key(header::CONTENT_ENCODING) {
            return self.single(header::CONTENT_ENCODING.as_str());
        }
        Some("identity")
    }

    /// Adds the fields that are for the client and that `passes` to those of the client's answer; `passes` is asked with
    /// lower-case names. Those of one hop stay here.
    pub fn copy_to(&self, to: &mut HeaderMap, passes: impl Fn(&str) -> bool) {
        let options = self.received.get_all(header::CONNECTION);
        let options = ConnectionOptions::new(options.iter().map(http::HeaderValue::as_bytes));
        fields::copy(&self.received, to, |name| {
            passes_downstream(name)
                && !options.removes(name)
                && name != header::CONTENT_LENGTH.as_str()
                && passes(name)
        });
        if let Some(length) = self.announced {
            // Kept beside the framing: a 304 carries it without a body.
            to.insert(actix_web::http::header::CONTENT_LENGTH, HeaderValue::from(length));
        }
    }
}

/// Reads a head; `length` is the body's as hyper will enforce it, if it is known.
///
/// # Errors
/// What is wrong with it.
pub(super) fn head(
    parts: Parts,
    method: &Method,
    length: Option<u64>,
) -> Result<Head, &'static str> {
    if parts.status == http::StatusCode::SWITCHING_PROTOCOLS {
        return Err("it switches protocols unasked");
    }
    let status =
        StatusCode::from_u16(parts.status.as_u16()).map_err(|_| "its status is no status")?;
    let announced = announced(&parts.headers)?;
    // RFC 9112, section 6.3: no body, whatever the fields say.
    let size = match (status, announced) {
        (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED, _) => BodySize::None,
        _ if *method == Method::HEAD => announced.map_or(BodySize::None, BodySize::Sized),
        _ => length.map_or(BodySize::Stream, BodySize::Sized),
    };
    let announced = announced.filter(|_| status != StatusCode::NO_CONTENT);
    Ok(Head { status, headers: AnswerFields { announced, received: parts.headers }, size })
}

/// `Content-Length`, where given. hyper lets a transfer coding win over a length, and others than `chunked` pass: what
/// two readers could frame in two ways is refused here (RFC 9112, section 6.3).
fn announced(headers: &http::HeaderMap) -> Result<Option<u64>, &'static str> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let coding = codings.next();
    if let Some(coding) = coding
        && (codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Err("its transfer coding is not understood");
    }
    let mut announced = None;
    for value in headers.get_all(header::CONTENT_LENGTH) {
        let length = value
            .to_str()
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or("its length is no number")?;
        if announced.replace(length).is_some_and(|other| other != length) {
            return Err("it has two different lengths");
        }
    }
    match (coding, announced) {
        (Some(_), Some(_)) => Err("it has a length and a transfer coding"),
        (_, announced) => Ok(announced),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(status: u16, fields: &[(&str, &str)]) -> Parts {
        let mut builder = http::Response::builder().status(status);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn copied(head: &Head) -> HeaderMap {
        let mut headers = HeaderMap::new();
        head.headers.copy_to(&mut headers, |_| true);
        headers
    }

    #[test]
    fn framing_that_two_readers_could_read_in_two_ways_is_an_error() {
        for fields in [
            &[("content-length", "7"), ("content-length", "8")][..],
            &[("content-length", "+7")],
            &[("content-length", "7, 7")],
            &[("content-length", "")],
            &[("content-length", "99999999999999999999")],
            &[("content-length", "7"), ("transfer-encoding", "chunked")],
            &[("transfer-encoding", "gzip, chunked")],
            &[("transfer-encoding", "identity")],
            &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
        ] {
            assert!(head(parts(200, fields), &Method::GET, None).is_err(), "{fields:?}");
        }
        let twice = [("content-length", "7"), ("content-length", "7")];
        let headers = copied(&head(parts(200, &twice), &Method::GET, Some(7)).unwrap());
        assert_eq!(headers.get_all("content-length").collect::<Vec<_>>(), ["7"]);
    }

    #[test]
    fn fields_of_one_hop_stay_here_and_the_others_pass_in_order() {
        let fields = [
            ("connection", "X-Hop, keep-alive, content-length"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("trailer", "a"),
            ("content-length", "0"),
            ("set-cookie", "a"),
            ("set-cookie", "b"),
            ("x-custom", "v"),
            ("interdict-decision", "allow"),
        ];
        let headers = copied(&head(parts(200, &fields), &Method::GET, Some(0)).unwrap());
        let cookies: Vec<_> = headers.get_all("set-cookie").collect();
        assert_eq!(cookies, ["a", "b"]);
        assert_eq!(headers.get("x-custom").unwrap(), "v");
        assert_eq!(headers.len(), 4);
    }

    #[test]
    fn the_size_is_that_of_the_framing_or_of_what_a_get_would_bring() {
        let sized = [("content-length", "9")];
        for (status, method, fields, length, size) in [
            (200, Method::GET, &sized[..], Some(9), BodySize::Sized(9)),
            (200, Method::GET, &[], None, BodySize::Stream),
            (200, Method::HEAD, &sized, Some(0), BodySize::Sized(9)),
            (200, Method::HEAD, &[], Some(0), BodySize::None),
            (304, Method::GET, &sized, Some(0), BodySize::None),
            (204, Method::GET, &sized, Some(0), BodySize::None),
        ] {
            let head = head(parts(status, fields), &method, length).unwrap();
            assert_eq!(head.size, size, "{status} {method}");
        }
    }
}
