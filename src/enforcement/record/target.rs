//! What was asked, and by which connection: `request` of a record.

use std::borrow::Cow;
use std::net::IpAddr;

use bytes::Bytes;
use serde::Serialize;
use serde::Serializer;
use sha2::Digest;
use sha2::Sha256;
use smallvec::SmallVec;

use crate::enforcement::request::Request;
use crate::enforcement::secrets::without_secrets;
use crate::model::RequestTarget;

use super::masking::Masked;
use super::undecided::Unread;

/// A request, without whose it is.
#[derive(Default, Serialize)]
pub(super) struct RequestRecord<'a> {
    /// Where the client's address was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarded: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    /// Host and path themselves were judged, not items alone.
    #[serde(skip_serializing_if = "is_false")]
    judged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    /// Every reading of the path that counted, where it has others than itself in lower case.
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    readings: SmallVec<[&'a str; 1]>,
}

/// A body that was looked at.
#[derive(Serialize)]
struct BodyRecord {
    bytes: usize,
    sha256: Hash,
}

struct Hash([u8; 32]);

/// Whose connection it was, and what came over it. A body's hash is of a person too: whoever guesses the order can try it.
#[derive(Serialize)]
pub(super) struct Connection<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<BodyRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<IpAddr>,
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    looked_up: SmallVec<[Option<BodyRecord>; 2]>,
    /// Where the path names the buyer.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<IpAddr>,
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    readings: SmallVec<[&'a str; 1]>,
}

impl<'a> Connection<'a> {
    /// Of a request that was read.
    pub(super) fn of(request: &Request<'_>) -> Self {
        Self {
            body: request.body.map(BodyRecord::of),
            looked_up: request.looked_up.iter().map(|b| b.as_ref().map(BodyRecord::of)).collect(),
            ..Self::bare(request.client, request.peer)
        }
    }

    /// Of one that was not.
    pub(super) fn bare(client: Option<IpAddr>, peer: IpAddr) -> Self {
        Self {
            body: None,
            client,
            looked_up: SmallVec::new(),
            path: None,
            peer: Some(peer),
            readings: SmallVec::new(),
        }
    }

    /// The same with the path, which `request` then no longer has.
    pub(super) fn with_path_of(self, request: &mut RequestRecord<'a>) -> Self {
        let (path, readings) = (request.path.take(), std::mem::take(&mut request.readings));
        Self { path, readings, ..self }
    }
}

impl<'a> RequestRecord<'a> {
    /// Of a request whose target has one reading.
    pub(super) fn of_request(
        request: &'a Request<'a>,
        judged: Option<&'a RequestTarget>,
        masked: &mut Masked,
    ) -> Self {
        let mut record = Self {
            forwarded: Some(request.basis.as_str()),
            host: Some(request.host),
            method: Some(request.method),
            ..Self::default()
        };
        record.path(request.target.path(), judged, masked);
        record
    }

    /// Of what a caller of the decision API hands in.
    pub(super) fn of_target(target: &'a RequestTarget, masked: &mut Masked) -> Self {
        let mut record = Self { host: target.host.as_deref(), judged: true, ..Self::default() };
        if let Some(path) = target.path.as_deref() {
            record.path(path, Some(target), masked);
        }
        record
    }

    /// Of a request that could not be read.
    pub(super) fn of_unread(unread: &Unread<'a>) -> Self {
        Self {
            forwarded: unread.basis.map(crate::message::AddressBasis::as_str),
            host: Some(unread.host),
            method: Some(unread.method),
            path: Some(without_secrets(unread.path)),
            ..Self::default()
        }
    }

    fn path(&mut self, path: &'a str, judged: Option<&'a RequestTarget>, masked: &mut Masked) {
        let kept = without_secrets(path);
        let mut is_masked = matches!(kept, Cow::Owned(_));
        self.path = Some(kept);
        let Some(target) = judged else { return };
        self.judged = true;
        let others = match &*target.readings {
            [] => false,
            [one] => !is_lower_case_of(one, path),
            _ => true,
        };
        if others && !is_masked {
            // A reading is in lower case, in which a bare code looks like any word.
            let is_secret =
                |reading: &str| matches!(without_secrets(&reading.to_uppercase()), Cow::Owned(_));
            is_masked = target.readings.iter().any(|reading| is_secret(reading));
            if is_masked {
                self.path = Some(Cow::Borrowed("[masked]"));
            } else {
                self.readings = target.readings.iter().map(|reading| &**reading).collect();
            }
        }
        if is_masked {
            masked.note(|| "request.path".to_owned());
        }
    }
}

impl BodyRecord {
    fn of(body: &Bytes) -> Self {
        Self { bytes: body.len(), sha256: Hash(Sha256::digest(body).into()) }
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or(b'?');
        let mut text = [0_u8; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            if let [high, low] = pair {
                (*high, *low) = (digit(byte >> 4), digit(byte & 15));
            }
        }
        serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// True if `reading` is what everybody makes of the path.
fn is_lower_case_of(reading: &str, path: &str) -> bool {
    path.is_ascii()
        && reading.len() == path.len()
        && reading.eq_ignore_ascii_case(path)
        && !reading.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(truth: &bool) -> bool {
    !*truth
}
