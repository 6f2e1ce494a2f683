//! What is recorded: an envelope, which the tree commits to, and beside it a document and a personal part, which the envelope
//! commits to by salted hashes (docs/ledger-format.md).

use std::borrow::Cow;
use std::cell::Cell;
use std::cell::RefCell;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::Digest;
use sha2::Sha256;

use crate::model::DecisionId;
use crate::model::Verdict;

use super::error::LedgerError;
use super::format::PAYLOAD_LIMIT;
use super::personal::{Guard, Kept, hex};

/// Bytes of salt before a part's JSON.
pub(super) const SALT: usize = 16;

/// A record that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// One canonical JSON object (RFC 8785): what was decided, and from what.
    pub document: Option<&'a [u8]>,
    /// What the record says beside its evidence.
    pub head: Head<'a>,
    /// Its id.
    pub id: DecisionId,
    /// What the record is of, such as `decision`; no character that JSON escapes.
    pub kind: &'static str,
    /// One canonical JSON object: what is of a person. The export view merges it into the document.
    pub personal: Option<&'a [u8]>,
    /// Whom the personal part is about, such as `account:A-17`; whoever is erased is erased under this name.
    pub subject: Option<&'a str>,
}

/// What an envelope says beside its hashes.
#[derive(Clone, Copy, Debug)]
pub enum Head<'a> {
    /// It speaks of another record.
    About {
        /// That record.
        of: DecisionId,
    },
    /// A decision.
    Decision {
        /// Revision of the policies.
        bundle: &'a str,
        /// Policy and rule, where a rule made it.
        rule: Option<(&'a str, &'a str)>,
        /// The verdict.
        verdict: Verdict,
    },
    /// What became of a request.
    Outcome {
        /// Bytes of the answer's body that were sent.
        bytes: u64,
        /// How it ended.
        end: End,
        /// What was shown to whom was refused; no character that JSON escapes.
        notice: Option<&'static str>,
        /// The decision or refusal.
        of: DecisionId,
        /// The answer's status.
        status: u16,
    },
    /// Nothing more.
    Plain,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// The client went away.
    Cancelled,
    /// It was sent whole.
    Complete,
    /// The upstream, or the gateway, broke off.
    Failed,
}

impl End {
    /// The envelope's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Complete => "complete",
            Self::Failed => "failed",
        }
    }
}

/// A record's payload as it goes to the file, but for its instant.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) bytes: Vec<u8>,
    /// Where the 27 bytes of `time` stand.
    pub(super) time: Option<usize>,
}

impl Payload {
    /// Bytes that are no entry: what the tests of the writer need.
    #[cfg(test)]
    pub(super) fn opaque(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), time: None }
    }

    /// Puts another instant into the envelope.
    pub(super) fn set_time(&mut self, instant: Timestamp) {
        let place = self.time.and_then(|at| self.bytes.get_mut(at..at.saturating_add(TIME)));
        let text = time_text(instant);
        if let Some(place) = place.filter(|place| place.len() == text.len()) {
            place.copy_from_slice(&text);
        }
    }
}

/// A part as it lies in the segment.
struct Part<'a> {
    /// Its JSON; or salt and JSON in ciphertext.
    body: Cow<'a, [u8]>,
    /// Id of the key, if it is in ciphertext.
    key: Option<[u8; 16]>,
    /// None if it is in the body.
    salt: Option<[u8; SALT]>,
}

thread_local! {
    /// Random bytes that are not used yet: asking for many at once costs a tenth of asking for each salt.
    static POOL: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Random bytes that nobody else has.
fn fresh_salt() -> Result<[u8; SALT], LedgerError> {
    POOL.with_borrow_mut(|pool| {
        if pool.len() < SALT {
            let mut bytes = [0; SALT * 64];
            rand::fill(&mut bytes).map_err(|_| LedgerError::NoRandomness)?;
            *pool = bytes.to_vec();
        }
        let rest = pool.len().saturating_sub(SALT);
        let salt = pool.last_chunk().copied().ok_or(LedgerError::NoRandomness)?;
        pool.truncate(rest);
        Ok(salt)
    })
}

impl<'a> Part<'a> {
    fn new(json: &'a [u8]) -> Result<Self, LedgerError> {
        Ok(Self { body: Cow::Borrowed(json), key: None, salt: Some(fresh_salt()?) })
    }

    fn personal(json: &'a [u8], entry: &Entry<'_>, guard: &Guard) -> Result<Self, LedgerError> {
        let salt = fresh_salt()?;
        let mut id = String::with_capacity(36);
        entry.id.push_to(&mut id);
        Ok(match guard.keep(json, &salt, entry.subject, &id)? {
            Kept::Json(body) => Self { body, key: None, salt: Some(salt) },
            Kept::Sealed { key, part } => {
                Self { body: Cow::Owned(part), key: Some(key), salt: None }
            }
        })
    }

    /// The hash in base64.
    fn hash(&self) -> [u8; HASH] {
        let mut sha = Sha256::new();
        sha.update(self.salt());
        sha.update(&self.body);
        let mut text = [0; HASH];
        // INVARIANT: 32 bytes are 44 in base64.
        STANDARD.encode_slice(sha.finalize(), &mut text).ok();
        text
    }

    fn push_to(part: Option<&Self>, payload: &mut Vec<u8>) {
        let length = part.map_or(0, |part| part.body.len().saturating_add(part.salt().len()));
        payload.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        if let Some(part) = part {
            payload.extend_from_slice(part.salt());
            payload.extend_from_slice(&part.body);
        }
    }

    fn salt(&self) -> &[u8] {
        self.salt.as_ref().map_or(&[], |salt| salt.as_slice())
    }
}

impl Entry<'_> {
    /// The payload, for an instant, in a buffer that need not be empty.
    pub(super) fn encode(
        &self,
        instant: Timestamp,
        guard: &Guard,
        buffer: Vec<u8>,
    ) -> Result<Payload, LedgerError> {
        let size = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        let bytes = size(self.document).saturating_add(size(self.personal));
        if bytes > PAYLOAD_LIMIT {
            return Err(LedgerError::TooLarge { bytes, limit: PAYLOAD_LIMIT });
        }
        let document = self.document.map(Part::new).transpose()?;
        let personal = self.personal.map(|json| Part::personal(json, self, guard)).transpose()?;
        let mut payload = buffer;
        payload.clear();
        payload.reserve(bytes.saturating_add(512));
        payload.extend_from_slice(&[0; 2]);
        let mut envelope = Envelope { bytes: &mut payload, first: true };
        let time =
            self.write_envelope(&mut envelope, document.as_ref(), personal.as_ref(), instant);
        let length = payload.len().saturating_sub(2);
        // C2SP entries have at most 65,535 bytes.
        let limit = usize::from(u16::MAX);
        let Ok(stated) = u16::try_from(length) else {
            return Err(LedgerError::TooLarge { bytes: length, limit });
        };
        if let Some(head) = payload.first_chunk_mut::<2>() {
            *head = stated.to_be_bytes();
        }
        Part::push_to(document.as_ref(), &mut payload);
        Part::push_to(personal.as_ref(), &mut payload);
        Ok(Payload { bytes: payload, time: Some(time) })
    }

    /// Members in alphabetical order. Says where the time stands in the payload.
    fn write_envelope(
        &self,
        envelope: &mut Envelope<'_>,
        document: Option<&Part<'_>>,
        personal: Option<&Part<'_>>,
        instant: Timestamp,
    ) -> usize {
        let mut text = String::with_capacity(36);
        let (mut decided, mut outcome, mut of) = (None, None, None);
        match self.head {
            Head::About { of: other } => of = Some(other),
            Head::Decision { bundle, rule, verdict } => decided = Some((bundle, rule, verdict)),
            Head::Outcome { bytes, end, notice, of: other, status } => {
                of = Some(other);
                outcome = Some((bytes, end, notice, status));
            }
            Head::Plain => {}
        }
        if let Some((bundle, ..)) = decided {
            envelope.text("bundle", bundle);
        }
        if let Some((bytes, end, ..)) = outcome {
            envelope.number("bytes", bytes);
            envelope.text("end", end.as_str());
        }
        if let Some(part) = document {
            envelope.ascii("evidence", &part.hash());
        }
        self.id.push_to(&mut text);
        envelope.text("id", &text);
        envelope.text("kind", self.kind);
        if let Some((_, _, Some(notice), _)) = outcome {
            envelope.text("notice", notice);
        }
        if let Some(of) = of {
            text.clear();
            of.push_to(&mut text);
            envelope.text("of", &text);
        }
        if let Some(part) = personal {
            envelope.ascii("personal", &part.hash());
        }
        if let Some((_, Some((policy, rule)), _)) = decided {
            text.clear();
            text.push_str(policy);
            text.push('/');
            text.push_str(rule);
            envelope.escaped("rule", &text);
        }
        if let Some((.., status)) = outcome {
            envelope.number("status", u64::from(status));
        }
        if let Some(key) = personal.and_then(|part| part.key) {
            envelope.text("subject_key", &hex(&key));
        }
        envelope.ascii("time", &time_text(instant));
        let time = envelope.bytes.len().saturating_sub(TIME.saturating_add(1));
        envelope.number("v", 1);
        if let Some((.., verdict)) = decided {
            envelope.text("verdict", verdict.as_str());
        }
        envelope.bytes.push(b'}');
        time
    }
}

/// Writes a JSON object, member by member.
struct Envelope<'a> {
    bytes: &'a mut Vec<u8>,
    first: bool,
}

impl Envelope<'_> {
    fn name(&mut self, name: &str) {
        self.bytes.push(if self.first { b'{' } else { b',' });
        self.first = false;
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }

    /// A text without characters that JSON escapes.
    fn text(&mut self, name: &str, text: &str) {
        self.ascii(name, text.as_bytes());
    }

    /// Bytes that are such a text.
    fn ascii(&mut self, name: &str, text: &[u8]) {
        self.name(name);
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(text);
        self.bytes.push(b'"');
    }

    /// Any text.
    fn escaped(&mut self, name: &str, text: &str) {
        self.name(name);
        // serde_json's escapes are the shortest, as RFC 8785 wants them.
        self.bytes.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }

    fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.bytes.extend_from_slice(number.to_string().as_bytes());
    }
}

/// Bytes of an envelope's time.
pub(super) const TIME: usize = 27;

/// Bytes of a hash in base64.
const HASH: usize = 44;

thread_local! {
    /// The last second that was written, and its text up to the point: most records are made in the second of the one before.
    static SECOND: Cell<(i64, [u8; 20])> = const { Cell::new((i64::MIN, [0; 20])) };
}

/// An instant as an envelope has it: UTC, always six digits.
pub(super) fn time_text(instant: Timestamp) -> [u8; TIME] {
    let micros = instant.as_microsecond();
    let (second, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let mut known = SECOND.get();
    if known.0 != second {
        let text = instant.strftime("%Y-%m-%dT%H:%M:%S.").to_string();
        let Some(text) = text.as_bytes().first_chunk().filter(|_| text.len() == 20) else {
            // A year before 0 or after 9999, which no clock shows.
            return *b"0000-01-01T00:00:00.000000Z";
        };
        known = (second, *text);
        SECOND.set(known);
    }
    let mut text = [b'Z'; TIME];
    let (head, tail) = text.split_at_mut(20);
    head.copy_from_slice(&known.1);
    let mut rest = u32::try_from(rest).unwrap_or_default();
    for digit in tail.iter_mut().take(6).rev() {
        *digit = u8::try_from(rest % 10).unwrap_or_default().saturating_add(b'0');
        rest /= 10;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::parts::Parts;

    fn id() -> DecisionId {
        DecisionId::parse("0197a3f2-8c3b-7d1e-9f00-0123456789ab").unwrap()
    }

    fn instant() -> Timestamp {
        "2026-11-25T13:56:36.1234Z".parse().unwrap()
    }

    #[test]
    fn a_decisions_envelope_is_canonical_and_commits_to_both_parts() {
        let head = Head::Decision {
            bundle: "sha256:00",
            rule: Some(("a", "b\"c")),
            verdict: Verdict::Block,
        };
        let (document, personal) = (br#"{"a":1}"#.as_slice(), br#"{"b":2}"#.as_slice());
        let entry = Entry {
            document: Some(document),
            head,
            id: id(),
            kind: "decision",
            personal: Some(personal),
            subject: None,
        };
        let payload = entry.encode(instant(), &Guard::Clear, Vec::new()).unwrap();
        let parts = Parts::read(&payload.bytes).unwrap();
        let value: serde_json::Value = serde_json::from_slice(parts.envelope).unwrap();
        // A map of serde_json is sorted, so that writing it again gives the canonical form.
        assert_eq!(value.to_string().as_bytes(), parts.envelope);
        let hash = |part: &[u8]| STANDARD.encode(Sha256::digest(part));
        assert_eq!(value["evidence"], hash(parts.document.unwrap()));
        assert_eq!(value["personal"], hash(parts.personal.unwrap()));
        assert_eq!(&parts.document.unwrap()[SALT..], document);
        assert_eq!(&parts.personal.unwrap()[SALT..], personal);
        assert_ne!(parts.document.unwrap()[..SALT], parts.personal.unwrap()[..SALT]);
        assert_eq!(value["rule"], "a/b\"c");
        assert_eq!(value["time"], "2026-11-25T13:56:36.123400Z");
        let time = payload.time.unwrap();
        assert_eq!(&payload.bytes[time..time + TIME], b"2026-11-25T13:56:36.123400Z");
    }

    #[test]
    fn no_salt_is_given_twice() {
        let salts: std::collections::BTreeSet<_> =
            (0..1_000).map(|_| fresh_salt().unwrap()).collect();
        assert_eq!(salts.len(), 1_000);
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for micros in [0, 1, 999_999, 1_000_000, -1, 1_764_079_999_999_999, 1_709_164_800_000_000] {
            for ahead in [0, 1, 59_999_999] {
                let instant = Timestamp::from_microsecond(micros + ahead).unwrap();
                assert_eq!(time_text(instant), format!("{instant:.6}").as_bytes(), "{instant}");
            }
        }
    }

    #[test]
    fn an_outcome_is_its_envelope_alone() {
        let head = Head::Outcome {
            bytes: 7,
            end: End::Cancelled,
            notice: Some("page-en"),
            of: id(),
            status: 451,
        };
        let entry = Entry {
            document: None,
            head,
            id: id(),
            kind: "outcome",
            personal: None,
            subject: None,
        };
        let payload = entry.encode(instant(), &Guard::Clear, Vec::new()).unwrap().bytes;
        let parts = Parts::read(&payload).unwrap();
        assert_eq!(
            std::str::from_utf8(parts.envelope).unwrap(),
            r#"{"bytes":7,"end":"cancelled","id":"0197a3f2-8c3b-7d1e-9f00-0123456789ab","kind":"outcome","notice":"page-en","of":"0197a3f2-8c3b-7d1e-9f00-0123456789ab","status":451,"time":"2026-11-25T13:56:36.123400Z","v":1}"#
        );
        assert_eq!((parts.document, parts.personal), (None, None));
    }
}
