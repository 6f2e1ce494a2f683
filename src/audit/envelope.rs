//! The envelope: the small canonical JSON object that the tree commits to, and that commits to the rest of a record.

use super::instant;
use super::json::{Reason, Scanner};

/// An envelope whose members all have their form.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Envelope<'a> {
    pub(super) evidence: Option<&'a [u8]>,
    pub(super) id: &'a [u8],
    pub(super) kind: &'a [u8],
    pub(super) personal: Option<&'a [u8]>,
    pub(super) rule: Option<&'a [u8]>,
    pub(super) subject_key: Option<&'a [u8]>,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub(super) instant: i64,
    pub(super) time: &'a [u8],
    pub(super) verdict: Option<&'a [u8]>,
}

impl<'a> Envelope<'a> {
    /// Reads one envelope and nothing else.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, Reason> {
        std::str::from_utf8(text).map_err(|_| "it is not UTF-8")?;
        let mut scanner = Scanner::new(text);
        let mut envelope = Self::default();
        if !scanner.take(b'{') {
            return Err("it is not an object");
        }
        let mut before: &[u8] = b"";
        let mut required = 0_u8;
        loop {
            let name = scanner.string()?;
            if !scanner.take(b':') {
                return Err("a colon was expected");
            }
            // Known names are plain ASCII: bytes sort as code units do.
            if name <= before {
                return Err("members are not sorted, or one stands twice");
            }
            before = name;
            required = required.saturating_add(envelope.member(name, &mut scanner)?);
            if !scanner.take(b',') {
                break;
            }
        }
        if !scanner.take(b'}') {
            return Err("it does not end");
        }
        scanner.end()?;
        if required != 4 {
            return Err("it lacks one of `id`, `kind`, `time` and `v`");
        }
        if envelope.subject_key.is_some() && envelope.personal.is_none() {
            return Err("it names a key for a personal part and has none");
        }
        Ok(envelope)
    }

    /// Takes the value of a member; gives 1 if every envelope must have that member.
    fn member(&mut self, name: &[u8], scanner: &mut Scanner<'a>) -> Result<u8, Reason> {
        match name {
            b"bundle" => {
                form(scanner, "`bundle` is no revision", |text| {
                    text.strip_prefix(b"sha256:").is_some_and(is_hex)
                })?;
            }
            b"bytes" => {
                number(scanner, "`bytes` is no count of bytes")?;
            }
            b"end" => {
                form(scanner, "`end` is unknown", |text| {
                    matches!(text, b"complete" | b"cancelled" | b"failed")
                })?;
            }
            b"evidence" => self.evidence = Some(form(scanner, "`evidence` is no hash", is_hash)?),
            b"id" => {
                self.id = form(scanner, "`id` is no UUIDv7", is_uuid_v7)?;
                return Ok(1);
            }
            b"kind" => {
                self.kind = form(scanner, "`kind` is empty", |text| !text.is_empty())?;
                return Ok(1);
            }
            b"notice" => {
                form(scanner, "`notice` is empty", |text| !text.is_empty())?;
            }
            b"of" => {
                form(scanner, "`of` is no UUIDv7", is_uuid_v7)?;
            }
            b"personal" => self.personal = Some(form(scanner, "`personal` is no hash", is_hash)?),
            b"rule" => {
                let of_policy = |text: &[u8]| text.contains(&b'/');
                self.rule = Some(form(scanner, "`rule` is not `<policy>/<rule>`", of_policy)?);
            }
            b"status" => {
                let status = number(scanner, "`status` is no HTTP status")?;
                // 0: the client went away before there was one.
                if status != 0 && !(100..=999).contains(&status) {
                    return Err("`status` is no HTTP status");
                }
            }
            b"subject_key" => {
                let is_id = |text: &[u8]| text.len() == 32 && is_hex(text);
                self.subject_key = Some(form(scanner, "`subject_key` is no id of a key", is_id)?);
            }
            b"time" => {
                self.time = scanner.string()?;
                self.instant = instant::parse(self.time).ok_or("`time` is no instant")?;
                return Ok(1);
            }
            b"v" => {
                if number(scanner, "`v` is no version")? != 1 {
                    return Err("its version is unknown");
                }
                return Ok(1);
            }
            b"verdict" => {
                let verdict = form(scanner, "`verdict` is unknown", |text| {
                    matches!(text, b"allow" | b"block" | b"review")
                });
                self.verdict = Some(verdict?);
            }
            _ => return Err("it has an unknown member"),
        }
        Ok(0)
    }
}

/// A text of that form.
fn form<'a>(
    scanner: &mut Scanner<'a>,
    reason: Reason,
    holds: impl FnOnce(&[u8]) -> bool,
) -> Result<&'a [u8], Reason> {
    let text = scanner.string()?;
    if holds(text) { Ok(text) } else { Err(reason) }
}

fn number(scanner: &mut Scanner<'_>, reason: Reason) -> Result<u64, Reason> {
    scanner.number()?.ok_or(reason)
}

fn is_hex(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Which hash is compared with the part itself.
const fn is_hash(text: &[u8]) -> bool {
    text.len() == 44
}

/// RFC 9562: 8-4-4-4-12 digits in lower case, version 7, variant 10.
fn is_uuid_v7(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            14 => *byte == b'7',
            19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "019ac0de-0000-7000-8000-00000000002a";

    fn with(members: &str) -> String {
        format!(
            r#"{{"id":"{ID}","kind":"decision",{members}"time":"2026-11-25T13:56:36.123456Z","v":1,"verdict":"block"}}"#
        )
    }

    #[test]
    fn members_are_read() {
        let text = with(r#""rule":"p/r","#);
        let envelope = Envelope::read(text.as_bytes()).unwrap();
        assert_eq!(envelope.id, ID.as_bytes());
        assert_eq!((envelope.kind, envelope.rule), (&b"decision"[..], Some(&b"p/r"[..])));
        assert_eq!(envelope.verdict, Some(&b"block"[..]));
        assert_eq!(envelope.instant, 1_795_614_996_123_456);
        let hash = "A".repeat(43) + "=";
        let outcome = format!(
            r#"{{"bytes":0,"end":"complete","id":"{ID}","kind":"outcome","notice":"451","of":"{ID}","personal":"{hash}","status":451,"subject_key":"{}","time":"2026-11-25T13:56:36.123456Z","v":1}}"#,
            "0f".repeat(16)
        );
        assert!(Envelope::read(outcome.as_bytes()).is_ok());
        let unanswered = outcome.replace(r#""status":451"#, r#""status":0"#);
        assert!(unanswered != outcome && Envelope::read(unanswered.as_bytes()).is_ok());
    }

    #[test]
    fn unknown_missing_twisted_and_repeated_members_are_refused() {
        for (members, reason) in [
            (r#""nonce":"1","#, "it has an unknown member"),
            (r#""rule":"r","#, "`rule` is not `<policy>/<rule>`"),
            (r#""end":"complete","#, "members are not sorted, or one stands twice"),
            (r#""kind":"decision","#, "members are not sorted, or one stands twice"),
            (r#""status":99,"#, "`status` is no HTTP status"),
            (r#""status":200.5,"#, "`status` is no HTTP status"),
            (r#""status":"200","#, "a value was expected"),
            (r#""of":"019ac0de-0000-4000-8000-00000000002a","#, "`of` is no UUIDv7"),
            (r#""of":"019AC0DE-0000-7000-8000-00000000002a","#, "`of` is no UUIDv7"),
            (r#""personal":"short","#, "`personal` is no hash"),
            (r#""subject_key":"0f","#, "`subject_key` is no id of a key"),
        ] {
            let text = with(members);
            assert_eq!(Envelope::read(text.as_bytes()).err(), Some(reason), "{text}");
        }
        let key = format!(r#""subject_key":"{}","#, "0f".repeat(16));
        assert!(Envelope::read(with(&key).as_bytes()).is_err());
        let sound = with("");
        for (from, to) in [
            ("\"v\":1,", ""),
            ("\"v\":1", "\"v\":2"),
            ("\"kind\":\"decision\",", ""),
            ("block", "refuse"),
            ("2026-11-25T", "2026-11-25 "),
            (",\"v\"", ", \"v\""),
            ("{\"id\"", "[\"id\""),
            ("\"}", "\"}}"),
        ] {
            let text = sound.replacen(from, to, 1);
            assert!(text != sound && Envelope::read(text.as_bytes()).is_err(), "{text}");
        }
        for bundle in ["", "sha256:", "sha256:xyz", "md5:00"] {
            let text = sound.replacen('{', &format!(r#"{{"bundle":"{bundle}","#), 1);
            assert_eq!(Envelope::read(text.as_bytes()).err(), Some("`bundle` is no revision"));
        }
    }
}
