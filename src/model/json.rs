//! The one JSON reader for what strangers send: no duplicate keys, bounded depth, bounded numbers, nothing trailing.
//!
//! Two parsers that disagree on a document are a way around a gateway: what is accepted here has one reading only.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Deeper documents are refused; no order, token or transaction comes near.
const MAX_DEPTH: u8 = 32;
/// 2^64: no sensible quantity, price or identifier is larger.
const MAX_MAGNITUDE: f64 = 18_446_744_073_709_551_616.0;

/// A JSON document that has one reading only.
#[derive(Clone, Debug, PartialEq)]
pub enum StrictValue {
    /// An array.
    Array(Vec<Self>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A number of sensible size.
    Number(Number),
    /// Members in the order received; no name stands twice.
    Object(Vec<(String, Self)>),
    /// A text.
    String(String),
}

/// A number of sensible size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// With a fraction or an exponent.
    Float(f64),
    /// A negative whole number.
    Negative(i64),
    /// A whole number.
    Positive(u64),
}

/// Why a document was refused. The text names the line and column within the document.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Not UTF-8.
    #[error("not UTF-8 at byte {0}")]
    Encoding(usize),
    /// Not JSON, a duplicate or unknown key, a wrong type, an absurd depth or number, or trailing data.
    #[error("{0}")]
    Syntax(#[from] serde_json::Error),
}

/// Reads one JSON document from `bytes`.
///
/// # Errors
/// When the bytes are not exactly one acceptable document of type `T`.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|e| JsonError::Encoding(e.valid_up_to()))?;
    Ok(serde_json::from_str(text)?)
}

/// The lines of a JSONL document: LF or CRLF, a leading BOM skipped. What follows the last newline counts only if there is
/// something; every other empty line is a line, and a bad one.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let none = bytes.is_empty();
    whole
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(move |_| !none)
}

/// A value that, if the key is there, is not null.
pub(super) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

impl StrictValue {
    /// The member of an object.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            Self::Array(_) | Self::Bool(_) | Self::Null | Self::Number(_) | Self::String(_) => None,
        }
    }

    /// The text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Array(_) | Self::Bool(_) | Self::Null | Self::Number(_) | Self::Object(_) => None,
        }
    }
}

struct Strict {
    depth: u8,
}

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Strict { depth: 0 }.deserialize(deserializer)
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = StrictValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<StrictValue, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Strict {
    fn deeper<E: de::Error>(&self) -> Result<Self, E> {
        if self.depth < MAX_DEPTH {
            Ok(Self { depth: self.depth.saturating_add(1) })
        } else {
            Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")))
        }
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = StrictValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<StrictValue, E> {
        Ok(StrictValue::Bool(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<StrictValue, E> {
        if value.is_finite() && value.abs() <= MAX_MAGNITUDE {
            Ok(StrictValue::Number(Number::Float(value)))
        } else {
            Err(E::custom("a number out of range"))
        }
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<StrictValue, E> {
        Ok(StrictValue::Number(
            u64::try_from(value).map_or(Number::Negative(value), Number::Positive),
        ))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<StrictValue, E> {
        Ok(StrictValue::Number(Number::Positive(value)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<StrictValue, E> {
        Ok(StrictValue::String(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<StrictValue, E> {
        Ok(StrictValue::String(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<StrictValue, E> {
        Ok(StrictValue::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<StrictValue, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self.deeper()?)? {
            values.push(value);
        }
        Ok(StrictValue::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StrictValue, A::Error> {
        let mut members: Vec<(String, StrictValue)> = Vec::new();
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(de::Error::custom(format_args!("duplicate key `{name}`")));
            }
            members.push((name, map.next_value_seed(self.deeper()?)?));
        }
        Ok(StrictValue::Object(members))
    }
}

impl Serialize for StrictValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Array(values) => serializer.collect_seq(values),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Null => serializer.serialize_unit(),
            Self::Number(Number::Float(value)) => serializer.serialize_f64(*value),
            Self::Number(Number::Negative(value)) => serializer.serialize_i64(*value),
            Self::Number(Number::Positive(value)) => serializer.serialize_u64(*value),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(n, v)| (n, v))),
            Self::String(text) => serializer.serialize_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<StrictValue, JsonError> {
        from_slice(text.as_bytes())
    }

    #[test]
    fn one_reading_only() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            "{} {}",
            "[1,]",
            "1e400",
            "1e300",
            "123456789012345678901234567890",
            "\u{feff}{}",
            "NaN",
            "",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(from_slice::<StrictValue>(b"\"\xff\"").is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(&nested(32)).is_ok());
        assert!(read(&nested(34)).is_err());
        assert!(read(&nested(100_000)).is_err());
    }
}
