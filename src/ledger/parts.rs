//! A record's payload taken apart, and the one JSON object that is shown of it.

use serde_json::Map;
use serde_json::Value;

use super::entry::SALT;

/// The parts of a payload, as they lie in the segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Parts<'a> {
    /// Salt and JSON of the document.
    pub document: Option<&'a [u8]>,
    /// What the tree commits to.
    pub envelope: &'a [u8],
    /// Salt and JSON of the personal part, or its ciphertext.
    pub personal: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Takes a payload apart; `None` if its lengths do not fill it exactly.
    pub fn read(payload: &'a [u8]) -> Option<Self> {
        let (length, rest) = payload.split_first_chunk::<2>()?;
        let (envelope, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let (document, rest) = part(rest)?;
        let (personal, rest) = part(rest)?;
        (rest.is_empty() && !envelope.is_empty()).then_some(Self { document, envelope, personal })
    }

    /// The entry of a C2SP entry bundle: the envelope behind its length (big endian).
    pub fn entry(payload: &'a [u8]) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(*payload.first_chunk::<2>()?);
        payload.get(..usize::from(length).saturating_add(2))
    }

    /// Id of the key that the personal part is encrypted under, if it is.
    pub fn subject_key(&self) -> Option<&'a str> {
        // Quotes inside of a text are escaped, so that this is the member's name and nothing else.
        let begin = memchr::memmem::find(self.envelope, NAME)?.saturating_add(NAME.len());
        let id = self.envelope.get(begin..begin.saturating_add(32))?;
        std::str::from_utf8(id).ok()
    }

    /// The export view: the document with the personal part merged in, its `id`, `kind`, `seq` and `time`; of a record without a
    /// document, its envelope. A personal part in ciphertext comes as it was before that, or not at all.
    ///
    /// # Errors
    /// When a part is no JSON object.
    pub fn view(
        &self,
        sequence: u64,
        personal: Option<&[u8]>,
    ) -> Result<Map<String, Value>, serde_json::Error> {
        let envelope: Map<String, Value> = serde_json::from_slice(self.envelope)?;
        let mut view = match self.document {
            Some(part) => serde_json::from_slice(json(part))?,
            None => envelope.clone(),
        };
        if let Some(part) = personal {
            let personal: Map<String, Value> = serde_json::from_slice(json(part))?;
            merge(&mut view, personal);
        }
        for name in ["id", "kind", "time"] {
            if let Some(value) = envelope.get(name) {
                view.insert(name.to_owned(), value.clone());
            }
        }
        view.remove("v");
        view.insert("seq".to_owned(), Value::from(sequence));
        Ok(view)
    }
}

const NAME: &[u8] = br#""subject_key":""#;

/// A part without its salt.
pub(super) fn json(part: &[u8]) -> &[u8] {
    part.get(SALT..).unwrap_or_default()
}

fn part(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (part, rest) = rest.split_at_checked(length)?;
    // A salt and `{}` are the least that a part is.
    (length == 0 || length >= SALT.saturating_add(2))
        .then_some(((length > 0).then_some(part), rest))
}

/// Puts `more` into `into`: objects member by member, arrays place by place.
fn merge(into: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, value) in more {
        match into.get_mut(&name) {
            Some(present) => merge_value(present, value),
            None => drop(into.insert(name, value)),
        }
    }
}

fn merge_value(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => merge(into, more),
        (Value::Array(into), Value::Array(more)) => {
            let mut more = more.into_iter();
            for (present, value) in into.iter_mut().zip(more.by_ref()) {
                merge_value(present, value);
            }
            into.extend(more);
        }
        (into, more) => *into = more,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(envelope: &str, document: Option<&str>, personal: Option<&str>) -> Vec<u8> {
        let mut bytes = u16::try_from(envelope.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(envelope.as_bytes());
        for part in [document, personal] {
            let length = part.map_or(0, |part| part.len().saturating_add(SALT));
            bytes.extend_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
            if let Some(part) = part {
                bytes.extend_from_slice(&[7; SALT]);
                bytes.extend_from_slice(part.as_bytes());
            }
        }
        bytes
    }

    #[test]
    fn the_view_merges_objects_by_member_and_arrays_by_place() {
        let payload = payload(
            r#"{"id":"x","kind":"k","time":"t","v":1}"#,
            Some(r#"{"a":[{"b":1}],"kind":"other","r":{"m":"GET"}}"#),
            Some(r#"{"a":[{"c":2},{"d":3}],"r":{"p":"::1"}}"#),
        );
        let parts = Parts::read(&payload).unwrap();
        let view = Value::Object(parts.view(5, parts.personal).unwrap());
        assert_eq!(
            view.to_string(),
            r#"{"a":[{"b":1,"c":2},{"d":3}],"id":"x","kind":"k","r":{"m":"GET","p":"::1"},"seq":5,"time":"t"}"#
        );
        let view = Value::Object(parts.view(5, None).unwrap());
        assert_eq!(
            view.to_string(),
            r#"{"a":[{"b":1}],"id":"x","kind":"k","r":{"m":"GET"},"seq":5,"time":"t"}"#
        );
    }

    #[test]
    fn a_payload_that_its_lengths_do_not_fill_exactly_is_none() {
        let whole = payload(r#"{"v":1}"#, Some("{}"), None);
        assert!(Parts::read(&whole).is_some());
        for cut in 0..whole.len() {
            assert_eq!(Parts::read(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(Parts::read(&[whole.as_slice(), b" "].concat()), None);
        assert_eq!(Parts::read(&payload("", None, None)), None);
    }
}
