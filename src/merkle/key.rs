//! Keys of signed notes (C2SP signed-note): who signs, under which name, in which way.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::ED25519;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::UnparsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;
use sha2::Sha256;

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";
/// Characters of base64 on a line (RFC 7468, 2).
const PEM_LINE: usize = 64;

/// Why a text is no key or no name of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyFault {
    /// The library could not make, read or write a key.
    #[error("the cryptographic library cannot {action} the key")]
    Crypto {
        /// What was tried.
        action: &'static str,
    },
    /// The id in a verifier key is not that of name, type and public key.
    #[error("the key id is {found:08x}, but name and key have {computed:08x}")]
    Id {
        /// The one that it says.
        found: u32,
        /// The one that it must be.
        computed: u32,
    },
    /// A signature type that is not known here.
    #[error("signature type 0x{found:02x} is not supported: only 0x01 and 0x04 are")]
    Kind {
        /// The type's byte.
        found: u8,
    },
    /// The public key has another length than Ed25519's.
    #[error("the public key has {bytes} bytes instead of 32")]
    Length {
        /// How many it has.
        bytes: usize,
    },
    /// A name that is empty, or has a space, a control character or a plus sign.
    #[error("a key's name must not be empty, nor have spaces, control characters or `+`")]
    Name,
    /// Not one PEM text of a PKCS#8 key.
    #[error("the text is not a private key in PKCS#8 and PEM (`{PEM_BEGIN}`)")]
    Pem,
    /// Not PKCS#8 of an Ed25519 key.
    #[error("the private key is not an Ed25519 key in PKCS#8")]
    Pkcs8,
    /// Not `<name>+<id>+<key>`.
    #[error("a verifier key is `<name>+<8 hexadecimal digits>+<base64>`")]
    Shape,
}

/// The name of a key: not empty, without spaces, control characters and `+`. A log's is its origin.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyName(String);

impl KeyName {
    /// A name, checked.
    ///
    /// # Errors
    /// It is none.
    pub fn new(name: &str) -> Result<Self, KeyFault> {
        let bad = |c: char| c.is_whitespace() || c < ' ' || c == '+';
        if name.is_empty() || name.contains(bad) {
            return Err(KeyFault::Name);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyName {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        Self::new(text)
    }
}

/// How a key signs: the signature type of a verifier key.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum KeyKind {
    /// 0x04: a witness's timestamped statement about a checkpoint (C2SP tlog-cosignature, `cosignature/v1`).
    Cosignature,
    /// 0x01: Ed25519 over the note's text.
    Ed25519,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Cosignature => 0x04,
            Self::Ed25519 => 0x01,
        }
    }
}

/// A public key with its name and kind: `<name>+<id>+<base64>`.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VerifierKey {
    name: KeyName,
    kind: KeyKind,
    id: u32,
    key: [u8; 32],
}

impl VerifierKey {
    /// The verifier key of a public key.
    pub fn new(name: KeyName, kind: KeyKind, key: [u8; 32]) -> Self {
        Self { id: key_id(&name, kind, &key), name, kind, key }
    }

    /// Its name.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// How it signs.
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Its id: the first four bytes of the SHA-256 of name, kind and key.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The public key (RFC 8032).
    pub const fn public_key(&self) -> &[u8; 32] {
        &self.key
    }

    /// Whether the key made this Ed25519 signature over these bytes.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.key).verify(message, signature).is_ok()
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.kind.byte()];
        bytes.extend_from_slice(&self.key);
        write!(f, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        // Base64 has plus signs of its own, and they come last.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyFault::Shape);
        };
        let name = KeyName::new(name)?;
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if id.len() != 8 || !id.bytes().all(lower) {
            return Err(KeyFault::Shape);
        }
        let found = u32::from_str_radix(id, 16).map_err(|_| KeyFault::Shape)?;
        let bytes = STANDARD.decode(key).map_err(|_| KeyFault::Shape)?;
        let (kind, key) = bytes.split_first().ok_or(KeyFault::Shape)?;
        let kind = match *kind {
            0x01 => KeyKind::Ed25519,
            0x04 => KeyKind::Cosignature,
            found => return Err(KeyFault::Kind { found }),
        };
        let key = key.try_into().map_err(|_| KeyFault::Length { bytes: key.len() })?;
        let this = Self::new(name, kind, key);
        if this.id == found { Ok(this) } else { Err(KeyFault::Id { found, computed: this.id }) }
    }
}

/// The id that C2SP recommends for all keys, and prescribes for these kinds.
pub(super) fn key_id(name: &KeyName, kind: KeyKind, key: &[u8; 32]) -> u32 {
    let mut sha = Sha256::new();
    sha.update(name.as_str());
    sha.update([b'\n', kind.byte()]);
    sha.update(key);
    let [a, b, c, d, ..] = <[u8; 32]>::from(sha.finalize());
    u32::from_be_bytes([a, b, c, d])
}

/// A private Ed25519 key.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl SigningKey {
    /// A new key from the system's randomness.
    ///
    /// # Errors
    /// There is none.
    pub fn generate() -> Result<Self, KeyFault> {
        let made = Ed25519KeyPair::generate();
        Self::of(made.map_err(|_| KeyFault::Crypto { action: "make" })?)
    }

    /// A key in PKCS#8 (RFC 5958, either version) and PEM (RFC 7468), alone in its text.
    ///
    /// # Errors
    /// It is none. The error says nothing of the key.
    pub fn from_pem(text: &str) -> Result<Self, KeyFault> {
        let body = text.trim().strip_prefix(PEM_BEGIN).and_then(|rest| rest.strip_suffix(PEM_END));
        let base64: String = body.ok_or(KeyFault::Pem)?.split_ascii_whitespace().collect();
        let der = STANDARD.decode(base64).map_err(|_| KeyFault::Pem)?;
        Self::of(Ed25519KeyPair::from_pkcs8(&der).map_err(|_| KeyFault::Pkcs8)?)
    }

    /// The key in PKCS#8 (version 1, which every tool reads) and PEM. This text is the secret itself.
    ///
    /// # Errors
    /// The library refuses.
    pub fn to_pem(&self) -> Result<String, KeyFault> {
        let der = self.pair.to_pkcs8v1().map_err(|_| KeyFault::Crypto { action: "write" })?;
        let mut pem = format!("{PEM_BEGIN}\n");
        for (at, c) in STANDARD.encode(der).char_indices() {
            if at != 0 && at.is_multiple_of(PEM_LINE) {
                pem.push('\n');
            }
            pem.push(c);
        }
        pem.push('\n');
        pem.push_str(PEM_END);
        pem.push('\n');
        Ok(pem)
    }

    /// Its public key (RFC 8032).
    pub const fn public_key(&self) -> &[u8; 32] {
        &self.public
    }

    /// Its verifier key under this name.
    pub fn verifier(&self, name: KeyName, kind: KeyKind) -> VerifierKey {
        VerifierKey::new(name, kind, self.public)
    }

    /// Its Ed25519 signature over these bytes: 64 bytes.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    fn of(pair: Ed25519KeyPair) -> Result<Self, KeyFault> {
        let public = pair.public_key().as_ref();
        let public = public.try_into().map_err(|_| KeyFault::Length { bytes: public.len() })?;
        Ok(Self { pair, public })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}
