//! SHA-256, written `sha256:` and 64 hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;
use sha2::Sha256;

const PREFIX: &str = "sha256:";

/// The SHA-256 of a text.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest([u8; 32]);

/// Why a text is no digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a digest is `sha256:` and 64 hexadecimal digits in lower case")]
pub struct DigestError;

impl Digest {
    /// That of a text.
    pub(super) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let digits = text.strip_prefix(PREFIX).ok_or(DigestError)?;
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != 64 || !digits.bytes().all(lower) {
            return Err(DigestError);
        }
        let mut digest = [0; 32];
        for (byte, two) in digest.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let two = str::from_utf8(two).map_err(|_| DigestError)?;
            *byte = u8::from_str_radix(two, 16).map_err(|_| DigestError)?;
        }
        Ok(Self(digest))
    }
}
