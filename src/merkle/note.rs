//! Signed notes (C2SP signed-note): a text, an empty line, and a line for each signature.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::merkle::KeyFault;
use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::SigningKey;
use crate::merkle::VerifierKey;
use crate::merkle::cosignature;
use crate::merkle::key::key_id;

/// Before each signature: em dash, space.
const MARK: &str = "\u{2014} ";
/// Signatures in a note; C2SP wants at least 16 to be taken.
const MAX_SIGNATURES: usize = 64;
/// Bytes of a note.
const MAX_BYTES: usize = 1 << 20;

/// Why a text is no signed note, or not one to believe.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoteFault {
    /// A control character other than the end of a line.
    #[error("line {line} has a control character")]
    Control {
        /// Which line, from 1 on.
        line: usize,
    },
    /// No empty line, or no signature after the last one, or no end of line at the end.
    #[error("the note must be a text, an empty line and signature lines, each line ended")]
    Shape,
    /// A signature's name is none.
    #[error("signature {number}: {fault}")]
    Name {
        /// Which signature, from 1 on.
        number: usize,
        /// What is wrong with the name.
        fault: KeyFault,
    },
    /// A line after the empty one is no signature.
    #[error("signature {number} is not `\u{2014} <name> <base64 of key id and signature>`")]
    Signature {
        /// Which signature, from 1 on.
        number: usize,
    },
    /// The note is too long.
    #[error("the note has {bytes} bytes; at most {MAX_BYTES} are read")]
    TooLong {
        /// How many it has.
        bytes: usize,
    },
    /// More signatures than anyone needs.
    #[error("the note has more than {MAX_SIGNATURES} signatures")]
    TooMany,
    /// None of the signatures is from a key that was given.
    #[error("the note is not signed by any known key")]
    Unsigned,
    /// A known key's signature does not verify: the whole note is to be refused.
    #[error("the signature of `{name}` is false")]
    Wrong {
        /// The key's name.
        name: KeyName,
    },
}

/// One signature line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature {
    name: KeyName,
    id: u32,
    /// INVARIANT: not empty.
    bytes: Vec<u8>,
}

impl Signature {
    pub(super) fn new(name: &KeyName, id: u32, bytes: Vec<u8>) -> Self {
        Self { name: name.clone(), id, bytes }
    }

    /// The name of the key that it says it is from.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of that key.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// What follows the id.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it says that it is from this key.
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.id == key.id() && self.name == *key.name()
    }

    /// Signature lines alone, as a witness answers them (C2SP tlog-witness).
    ///
    /// # Errors
    /// One of the lines is none, or there is none.
    pub fn parse_lines(text: &str) -> Result<Vec<Self>, NoteFault> {
        if text.len() > MAX_BYTES {
            return Err(NoteFault::TooLong { bytes: text.len() });
        }
        let lines = text.strip_suffix('\n').ok_or(NoteFault::Shape)?;
        let mut signatures = Vec::new();
        for (number, line) in (1..).zip(lines.split('\n')) {
            if number > MAX_SIGNATURES {
                return Err(NoteFault::TooMany);
            }
            signatures.push(Self::parse(number, line)?);
        }
        Ok(signatures)
    }

    fn parse(number: usize, line: &str) -> Result<Self, NoteFault> {
        let fault = || NoteFault::Signature { number };
        let parts = line.strip_prefix(MARK).and_then(|rest| rest.split_once(' '));
        let (name, base64) = parts.ok_or_else(fault)?;
        let name = KeyName::new(name).map_err(|fault| NoteFault::Name { number, fault })?;
        let bytes = STANDARD.decode(base64).map_err(|_| fault())?;
        let (id, bytes) = bytes.split_first_chunk().ok_or_else(fault)?;
        if bytes.is_empty() {
            return Err(fault());
        }
        Ok(Self { name, id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
    }
}

impl fmt::Display for Signature {
    /// The line, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.bytes);
        write!(f, "{MARK}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A text with its signatures. Believe nothing of it before [`Note::verify`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// INVARIANT: ends with a newline, and has no other control character.
    text: String,
    /// INVARIANT: one to 64.
    signatures: Vec<Signature>,
}

impl Note {
    /// A note, from its bytes. What parses is written back byte for byte.
    ///
    /// # Errors
    /// It is none; the error says where.
    pub fn parse(note: &str) -> Result<Self, NoteFault> {
        if note.len() > MAX_BYTES {
            return Err(NoteFault::TooLong { bytes: note.len() });
        }
        check_characters(note)?;
        // The text may have empty lines; the last one parts it from the signatures.
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteFault::Shape)?;
        Ok(Self { text: format!("{text}\n"), signatures: Signature::parse_lines(signatures)? })
    }

    /// A text with signatures that were made elsewhere, in this order. Whether they are true [`Note::verify`] says.
    ///
    /// # Errors
    /// The text does not end with a newline, or has other control characters; there is no signature, or there are too many; it is too long.
    pub fn new(text: &str, signatures: Vec<Signature>) -> Result<Self, NoteFault> {
        if !text.ends_with('\n') || signatures.is_empty() {
            return Err(NoteFault::Shape);
        }
        check_characters(text)?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteFault::TooMany);
        }
        let note = Self { text: text.to_owned(), signatures };
        // So that it can be parsed again.
        let bytes = note.to_string().len();
        if bytes > MAX_BYTES { Err(NoteFault::TooLong { bytes }) } else { Ok(note) }
    }

    /// A text with its first signature, that of an Ed25519 key.
    ///
    /// # Errors
    /// The text does not end with a newline, or has other control characters.
    pub fn sign(text: &str, name: &KeyName, key: &SigningKey) -> Result<Self, NoteFault> {
        if !text.ends_with('\n') {
            return Err(NoteFault::Shape);
        }
        check_characters(text)?;
        let id = key_id(name, KeyKind::Ed25519, key.public_key());
        let signature = Signature::new(name, id, key.sign(text.as_bytes()));
        let note = Self { text: text.to_owned(), signatures: vec![signature] };
        Ok(note)
    }

    /// Adds a signature after those that are there; one of the same key takes the place of the older one.
    ///
    /// # Errors
    /// There are as many as a note may have.
    pub fn add(&mut self, signature: Signature) -> Result<(), NoteFault> {
        let same = |old: &Signature| old.name == signature.name && old.id == signature.id;
        self.signatures.retain(|old| !same(old));
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteFault::TooMany);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// What is signed, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signatures, whoever they are from.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Those of the given keys that signed the text, each once, in the order given. Signatures of other keys are ignored.
    ///
    /// # Errors
    /// None of them signed, or a signature that names one of them is false.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteFault> {
        let mut signed = Vec::new();
        for key in keys {
            let mut found = false;
            for signature in self.signatures.iter().filter(|signature| signature.is_by(key)) {
                let verified = match key.kind() {
                    KeyKind::Cosignature => {
                        cosignature::time_of(&self.text, signature, key).is_some()
                    }
                    KeyKind::Ed25519 => key.has_signed(self.text.as_bytes(), &signature.bytes),
                };
                if !verified {
                    return Err(NoteFault::Wrong { name: key.name().clone() });
                }
                found = true;
            }
            if found && !signed.contains(&key) {
                signed.push(key);
            }
        }
        if signed.is_empty() { Err(NoteFault::Unsigned) } else { Ok(signed) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl FromStr for Note {
    type Err = NoteFault;

    fn from_str(note: &str) -> Result<Self, NoteFault> {
        Self::parse(note)
    }
}

fn check_characters(note: &str) -> Result<(), NoteFault> {
    let bad = |line: &str| line.bytes().any(|byte| byte < 0x20);
    let mut lines = (1..).zip(note.split('\n'));
    match lines.find(|(_, line)| bad(line)) {
        Some((line, _)) => Err(NoteFault::Control { line }),
        None => Ok(()),
    }
}
