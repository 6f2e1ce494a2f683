//! The secrets, and the signature (Standard Webhooks, "Signature scheme").

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a secret may begin with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret: the standard's bounds.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// While a secret is replaced, old and new sign side by side.
const MOST: usize = 4;

/// The secrets of a key file: each signs every message.
pub struct SigningKeys(Vec<hmac::Key>);

/// Why a key file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No secret, or too many.
    #[error("[notify] key: `{}` holds {found} secrets, one a line; it must hold 1 to {MOST}: {HOW}", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// Secrets in it.
        found: usize,
    },
    /// Too short or too long.
    #[error("[notify] key: `{}`, line {line}: the secret has {bytes} bytes; it must have 24 to 64: {HOW}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Bytes of the secret.
        bytes: usize,
    },
    /// It cannot be read.
    #[error("[notify] key: `{}` cannot be read: {source}; {HOW}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no base64.
    #[error("[notify] key: `{}`, line {line}: the secret is no base64: {HOW}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

const HOW: &str = "make one with `openssl rand -base64 32`";

impl SigningKeys {
    /// Reads a key file: a secret a line, base64, perhaps after `whsec_`.
    ///
    /// # Errors
    /// Which line is wrong, and how to make a secret.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let file = || path.to_owned();
        let text =
            fs::read_to_string(path).map_err(|source| KeyError::Read { path: file(), source })?;
        let mut keys = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let secret = line.trim();
            if secret.is_empty() {
                continue;
            }
            let line = at.saturating_add(1);
            let secret = secret.strip_prefix(PREFIX).unwrap_or(secret);
            let bytes =
                STANDARD.decode(secret).map_err(|_| KeyError::Text { path: file(), line })?;
            if !BYTES.contains(&bytes.len()) {
                return Err(KeyError::Length { path: file(), line, bytes: bytes.len() });
            }
            keys.push(hmac::Key::new(hmac::HMAC_SHA256, &bytes));
        }
        if keys.is_empty() || keys.len() > MOST {
            return Err(KeyError::Count { path: file(), found: keys.len() });
        }
        Ok(Self(keys))
    }

    /// The value of `webhook-signature`: one signature a secret, blanks between.
    pub fn sign(&self, id: &str, unix_seconds: i64, body: &[u8]) -> String {
        let mut signed = format!("{id}.{unix_seconds}.").into_bytes();
        signed.extend_from_slice(body);
        let signature = |key| format!("v1,{}", STANDARD.encode(hmac::sign(key, &signed)));
        self.0.iter().map(signature).collect::<Vec<_>>().join(" ")
    }
}

/// Tells nothing of the secrets.
impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<SigningKeys, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify-key.txt");
        fs::write(&path, text).unwrap();
        SigningKeys::load(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn the_signature_is_that_of_the_standards_own_example() {
        let keys = keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let signature =
            keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_sign_side_by_side_so_that_one_can_be_replaced() {
        let old = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let new = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let both = keys(&format!("{new}\n\nwhsec_{old}\n")).unwrap().sign("id", 1, b"x");
        let alone = |secret: &str| keys(secret).unwrap().sign("id", 1, b"x");
        assert_eq!(both, format!("{} {}", alone(new), alone(old)));
    }

    #[test]
    fn a_secret_that_is_none_is_told_by_its_line_with_what_to_do() {
        for (text, says) in [
            ("", "holds 0 secrets"),
            ("c2hvcnQ=", "line 1: the secret has 5 bytes"),
            ("\nnot base64", "line 2: the secret is no base64"),
        ] {
            let error = keys(text).unwrap_err();
            assert!(error.starts_with("[notify] key: "), "{error}");
            assert!(error.contains(says) && error.contains("openssl rand -base64 32"), "{error}");
        }
    }
}
