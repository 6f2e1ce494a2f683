//! A JWK Set (RFC 7517, 7518 6, 8037): the keys that are of use here, by name.

use std::collections::HashMap;

use jsonwebtoken::DecodingKey;

use crate::model::StrictValue;
use crate::model::json_from_slice;
use crate::settings::Algorithm;

use super::encoding::decode;

/// Longer sets are refused.
pub(super) const LONGEST_SET: usize = 262_144;
/// More keys are refused.
const MOST_KEYS: usize = 256;
/// Longer names are refused.
pub(super) const LONGEST_NAME: usize = 256;

/// Keys by `kid`.
#[derive(Debug)]
pub struct KeySet(HashMap<String, Key>);

/// A key, and the one algorithm that it is for.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// Why a JWK Set cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeySetError {
    /// A key stands in it twice.
    #[error("two keys are named `{0}`: which one signs is anybody's guess")]
    Duplicate(String),
    /// Not a strict JSON object with a list `keys`.
    #[error("not a JWK Set: {0}")]
    Form(String),
    /// No key fits the configuration.
    #[error("no usable key for `[identity] algorithms`{0}")]
    NoneUsable(String),
    /// A private key was given.
    #[error("key `{0}` holds its private part: give the public keys alone, and replace this one")]
    Private(String),
    /// Over the limit.
    #[error("longer than {LONGEST_SET} bytes or {MOST_KEYS} keys")]
    TooLarge,
}

impl KeySet {
    /// Reads a set, keeping what fits `algorithms`. Keys for other purposes are left out (RFC 7517 5).
    ///
    /// # Errors
    /// When it cannot be read, names a key twice, holds a private key, or nothing in it is of use.
    pub fn parse(bytes: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetError> {
        if bytes.len() > LONGEST_SET {
            return Err(KeySetError::TooLarge);
        }
        let document: StrictValue =
            json_from_slice(bytes).map_err(|error| KeySetError::Form(error.to_string()))?;
        let Some(StrictValue::Array(listed)) = document.member("keys") else {
            return Err(KeySetError::Form("`keys` is not a list".to_owned()));
        };
        if listed.len() > MOST_KEYS {
            return Err(KeySetError::TooLarge);
        }
        let mut keys = HashMap::new();
        let mut unusable = String::new();
        for (at, jwk) in listed.iter().enumerate() {
            let name = jwk.member("kid").and_then(StrictValue::as_str).unwrap_or_default();
            let shown = if name.is_empty() { format!("number {at}") } else { name.to_owned() };
            // `d` is the private part of every asymmetric kind.
            if jwk.member("d").is_some() {
                return Err(KeySetError::Private(shown));
            }
            match key(jwk, name, algorithms) {
                Ok(key) => {
                    if keys.insert(name.to_owned(), key).is_some() {
                        return Err(KeySetError::Duplicate(shown));
                    }
                }
                Err(why) => {
                    let sign = if unusable.is_empty() { ": " } else { "; " };
                    unusable.push_str(&format!("{sign}key `{shown}` {why}"));
                }
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::NoneUsable(unusable));
        }
        Ok(Self(keys))
    }

    /// How many keys are of use.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for none; a set that was read has at least one.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn find(&self, name: &str) -> Option<&Key> {
        self.0.get(name)
    }
}

fn key(jwk: &StrictValue, name: &str, accepted: &[Algorithm]) -> Result<Key, &'static str> {
    let text = |member: &str| jwk.member(member).and_then(StrictValue::as_str);
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err("has no `kid`, by which a token names it");
    }
    if jwk.member("use").is_some() && text("use") != Some("sig") {
        return Err("is not for signatures");
    }
    if let Some(operations) = jwk.member("key_ops") {
        let verify = |operation: &StrictValue| operation.as_str() == Some("verify");
        if !matches!(operations, StrictValue::Array(all) if all.iter().any(verify)) {
            return Err("is not for verifying");
        }
    }
    let bytes = |member: &str| text(member).and_then(decode).filter(|bytes| !bytes.is_empty());
    let part = |member: &str, length: usize| {
        bytes(member).filter(|bytes| bytes.len() == length).ok_or("has a part of a wrong length")
    };
    let unreadable = |_| "cannot be read";
    let (possible, key): (&[Algorithm], _) = match (text("kty"), text("crv")) {
        (Some("OKP"), Some("Ed25519")) => {
            (&[Algorithm::EdDsa], DecodingKey::from_ed_der(&part("x", 32)?))
        }
        (Some("EC"), Some(curve @ ("P-256" | "P-384"))) => {
            let (length, algorithm) = match curve {
                "P-256" => (32, &[Algorithm::Es256]),
                _ => (48, &[Algorithm::Es384]),
            };
            part("x", length)?;
            part("y", length)?;
            let (x, y) = (text("x").unwrap_or_default(), text("y").unwrap_or_default());
            (algorithm, DecodingKey::from_ec_components(x, y).map_err(unreadable)?)
        }
        (Some("RSA"), None) => {
            let modulus = bytes("n").ok_or("has no modulus")?;
            let exponent = bytes("e").ok_or("has no exponent")?;
            // RFC 7518 3.3: 2048 bits or more.
            if !(256..=1024).contains(&modulus.len()) || modulus.first().is_none_or(|b| *b == 0) {
                return Err("is shorter than 2048 bits or longer than 8192");
            }
            (RSA, DecodingKey::from_rsa_raw_components(&modulus, &exponent))
        }
        _ => return Err("is of a kind that is not used here"),
    };
    let mut fitting = possible.iter().copied().filter(|algorithm| accepted.contains(algorithm));
    let algorithm = match jwk.member("alg") {
        Some(given) => fitting.find(|algorithm| given.as_str() == Some(algorithm.as_str())),
        // A key that does not say is for the one algorithm of its kind that is accepted.
        None => match (fitting.next(), fitting.next()) {
            (Some(_), Some(_)) => return Err("has no `alg`, and several would do"),
            (one, _) => one,
        },
    };
    Ok(Key { algorithm: algorithm.ok_or("is for another algorithm")?, key })
}

const RSA: &[Algorithm] = &[
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
];

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn parse(keys: &str, algorithms: &[Algorithm]) -> Result<usize, String> {
        let text = format!("{{\"keys\":[{keys}]}}");
        let set = KeySet::parse(text.as_bytes(), algorithms);
        set.map(|set| set.len()).map_err(|error| error.to_string())
    }

    fn ed(more: &str) -> String {
        format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{X}\"{more}}}")
    }

    #[test]
    fn keys_for_other_purposes_are_left_out_and_a_set_without_use_is_refused() {
        let accepted = [Algorithm::EdDsa];
        assert_eq!(parse(&ed(",\"kid\":\"a\""), &accepted), Ok(1));
        let oct = r#"{"kty":"oct","kid":"s","k":"c2VjcmV0"}"#;
        assert_eq!(parse(&format!("{oct},{}", ed(",\"kid\":\"a\"")), &accepted), Ok(1));
        for (more, why) in [
            ("", "has no `kid`"),
            (",\"kid\":\"a\",\"use\":\"enc\"", "not for signatures"),
            (",\"kid\":\"a\",\"key_ops\":[\"sign\"]", "not for verifying"),
            (",\"kid\":\"a\",\"alg\":\"HS256\"", "another algorithm"),
            (",\"kid\":\"a\",\"d\":\"AA\"", "private part"),
        ] {
            let error = parse(&ed(more), &accepted).unwrap_err();
            assert!(error.contains(why), "{more}: {error}");
        }
        let twice = format!("{0},{0}", ed(",\"kid\":\"a\""));
        assert!(parse(&twice, &accepted).unwrap_err().contains("two keys"));
        assert!(parse(&ed(",\"kid\":\"a\""), &[Algorithm::Es256]).is_err());
        assert!(parse(oct, &accepted).is_err());
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, r#"{"keys":[]}"#]
        {
            assert!(KeySet::parse(text.as_bytes(), &accepted).is_err(), "{text}");
        }
    }

    #[test]
    fn a_short_rsa_key_or_one_that_could_be_of_two_algorithms_is_not_used() {
        let rsa = |n: &str| format!(r#"{{"kty":"RSA","kid":"r","e":"AQAB","n":"{n}"}}"#);
        let long = "_".repeat(342).replace("__", "_w");
        assert!(parse(&rsa("AQAB"), &[Algorithm::Rs256]).unwrap_err().contains("2048"));
        let both = [Algorithm::Rs256, Algorithm::Ps256];
        assert!(parse(&rsa(&long), &both).unwrap_err().contains("several"));
    }
}
