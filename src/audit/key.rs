//! Verifier keys (C2SP signed-note, `vkey`): `<name>+<key id in hexadecimal>+<base64 of type and public key>`.

use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::hash::Hash;

/// Ed25519 over the text of a note.
const NOTE: u8 = 0x01;
/// Ed25519 over a timestamped checkpoint.
const COSIGNATURE: u8 = 0x04;

/// The public key of a log or of a witness, with its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    kind: u8,
    public: [u8; 32],
}

/// Why text is not a verifier key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(&'static str);

impl VerifierKey {
    /// Reads the key of a log: a line of text, as in `ledger.pub`; a line break at its end may be there or not.
    ///
    /// # Errors
    /// If it is not the key of a log.
    pub fn log(text: &str) -> Result<Self, KeyError> {
        let key = Self::read(text)?;
        match key.kind {
            NOTE => Ok(key),
            COSIGNATURE => Err(KeyError("it is the key of a witness, not of a log")),
            _ => Err(KeyError("its type is not Ed25519")),
        }
    }

    /// Reads the key of a witness: a line of text; a line break at its end may be there or not.
    ///
    /// # Errors
    /// If it is not the key of a witness.
    pub fn witness(text: &str) -> Result<Self, KeyError> {
        let key = Self::read(text)?;
        match key.kind {
            COSIGNATURE => Ok(key),
            NOTE => Err(KeyError("it is the key of a log, not of a witness")),
            _ => Err(KeyError("its type is not an Ed25519 cosignature")),
        }
    }

    fn read(text: &str) -> Result<Self, KeyError> {
        let form = KeyError("it is not of the form `name+id+key`");
        let line = text.strip_suffix('\n').unwrap_or(text);
        let mut fields = line.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (fields.next(), fields.next(), fields.next())
        else {
            return Err(form);
        };
        if !is_name(name) {
            return Err(KeyError("its name is empty, or has blanks or control characters"));
        }
        let key = STANDARD.decode(key).map_err(|_| KeyError("its key is not base64"))?;
        let (kind, public) = key.split_first().ok_or(form)?;
        let public = public.try_into().map_err(|_| KeyError("its key has not 32 bytes"))?;
        let computed = Hash::of(&[name.as_bytes(), b"\n", &key].concat());
        let computed = computed.0.first_chunk().copied().unwrap_or_default();
        if id != hex(computed) {
            return Err(KeyError("its id is not that of its name and key"));
        }
        Ok(Self { name: name.to_owned(), id: computed, kind: *kind, public })
    }

    /// The origin of the log, or the name of the witness.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a signature line with that name and id speaks of this key.
    pub(super) fn is(&self, name: &str, id: [u8; 4]) -> bool {
        self.name == name && self.id == id
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(message, signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.name, hex(self.id))
    }
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

/// Whether that can be the name of a key: not empty, no blanks, no plus, no control characters.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the example of C2SP signed-note.
    const EXAMPLE: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn the_example_of_the_specification_verifies_its_note() {
        let key = VerifierKey::log(EXAMPLE).unwrap();
        assert_eq!(key.name(), "example.com/foo");
        assert_eq!(key.to_string(), "example.com/foo+530d903a");
        let signature = STANDARD
            .decode("Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=")
            .unwrap();
        let (id, signature) = signature.split_first_chunk().unwrap();
        assert!(key.is("example.com/foo", *id));
        assert!(key.verifies(b"This is an example message.\n", signature));
        assert!(!key.verifies(b"This is an example message!\n", signature));
    }

    #[test]
    fn every_changed_byte_of_a_key_is_noticed() {
        for at in 0..EXAMPLE.len() {
            for change in [1, 2, 0x20] {
                let mut bytes = EXAMPLE.as_bytes().to_vec();
                bytes[at] ^= change;
                let text = String::from_utf8(bytes).unwrap();
                assert!(VerifierKey::log(&text).is_err(), "{text}");
            }
        }
        for text in
            ["", "a", "a+b", "+530d903a+AQ==", &format!("{EXAMPLE}\n\n"), &format!(" {EXAMPLE}")]
        {
            assert!(VerifierKey::log(text).is_err(), "{text}");
        }
        assert!(VerifierKey::log(&format!("{EXAMPLE}\n")).is_ok());
        assert!(VerifierKey::witness(EXAMPLE).is_err());
    }
}
