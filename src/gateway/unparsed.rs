//! Messages that actix refuses before they are requests: two lengths, a raw byte in the target, a head too long or too slow.
//!
//! On a judged route such a refusal is recorded, and answered as the others are (DESIGN 13: Answers).

use std::net::IpAddr;

use actix_web::HttpResponse;
use actix_web::body::BodySize;
use actix_web::body::MessageBody;
use actix_web::http::header::HeaderMap;

use crate::enforcement::End;
use crate::enforcement::Malformed;
use crate::enforcement::Refusal;
use crate::enforcement::Unread;

use super::answers;
use super::plane::Worker;

/// What is wrong with a message that did not become a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    Broken,
    Slow,
}

impl Worker {
    /// The answer to a message of which so much of the head came, where its target is a judged one.
    pub(super) fn refuse_unparsed(
        &self,
        head: &[u8],
        peer: Option<IpAddr>,
        fault: Fault,
    ) -> Option<Vec<u8>> {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        // RFC 9112 2.2: empty lines before the request line do not count.
        let mut words = lines.find(|line| !line.is_empty())?.split_ascii_whitespace();
        let (method, target) = (words.next()?, words.next()?);
        let target = origin_form(target);
        let route = self.judged_route(method, target)?;
        let host = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("host").then(|| value.trim())
        });
        let gate = &self.plane.gate;
        let id = gate.new_id();
        let refusal = match fault {
            Fault::Broken => Refusal::Malformed { id, reason: Malformed::Framing },
            Fault::Slow => Refusal::TooSlow { id },
        };
        let delivery = gate.delivery();
        let unread = Unread {
            basis: None,
            // Its header fields may be anything: only the peer is known.
            client: None,
            delivery: &delivery,
            host: host.unwrap_or_default(),
            method,
            path: target.split('?').next().unwrap_or(target),
            peer: peer.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)).to_canonical(),
            vouched: false,
        };
        let refusal = gate.refuse_at_once(refusal, route, unread);
        let notice_url = self.plane.notice_url.as_deref();
        let answer = answers::refusal(&refusal, &HeaderMap::new(), notice_url);
        // It is written as the connection's last bytes, and nobody waits to see them go.
        delivery.noticed(answers::notice(&answer));
        delivery.answered(answer.status().as_u16());
        if let BodySize::Sized(size) = answer.body().size() {
            delivery.sent(usize::try_from(size).unwrap_or(usize::MAX));
        }
        delivery.ended(End::Complete);
        let answer = bytes(answer);
        gate.metrics().answered(false, &route.name, u64::try_from(answer.len()).unwrap_or(0));
        Some(answer)
    }
}

/// Path and query of an absolute-form target (RFC 9112 3.2.2).
fn origin_form(target: &str) -> &str {
    let Some((_, rest)) = target.split_once("://") else { return target };
    if target.starts_with('/') {
        return target;
    }
    rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or("/")
}

/// The message as it goes over the wire, after which the connection ends.
fn bytes(answer: HttpResponse) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\r\nconnection: close\r\n", answer.status()).into_bytes();
    for (name, value) in answer.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    // INVARIANT: an answer of the gateway's own is whole in memory.
    let body = answer.into_body().try_into_bytes().unwrap_or_default();
    head.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    head.extend_from_slice(&body);
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_target_is_read_as_its_path() {
        for (target, path) in [
            ("/a?b", "/a?b"),
            ("http://h/a", "/a"),
            ("http://h:1?b", "?b"),
            ("http://h", "/"),
            ("/x?u=http://h/a", "/x?u=http://h/a"),
            ("*", "*"),
        ] {
            assert_eq!(origin_form(target), path);
        }
    }
}
