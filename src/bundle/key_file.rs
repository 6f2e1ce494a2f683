//! Files of keys: public ones as a verifier key (C2SP signed-note, as in `ledger.pub`) or in PEM, private ones in PKCS#8 and PEM.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::merkle::KeyFault;
use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::SigningKey;
use crate::merkle::VerifierKey;

const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_END: &str = "-----END PUBLIC KEY-----";
/// What stands before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410, 4).
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Why a file gives no key. Says nothing of what stands in it.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It holds no such key.
    #[error("`{}`: {problem}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: PublicKeyFault,
    },
}

/// Why a text is no key that may sign policies.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PublicKeyFault {
    /// A verifier key or a private key that is none.
    #[error("{0}")]
    Key(#[from] KeyFault),
    /// Not an Ed25519 key.
    #[error("it is no Ed25519 public key in PEM (`{PEM_BEGIN}`)")]
    Pem,
    /// A secret where none belongs.
    #[error(
        "it holds a private key: name its public half, the line that `interdict policy key` printed, and keep the private one where \
        it is signed with"
    )]
    Private,
    /// A witness's key.
    #[error("it is the key of a witness (type 0x04); a policy key has type 0x01")]
    Witness,
}

/// The public key in a text: a verifier key, or PEM, which gives no name and takes `name`.
///
/// # Errors
/// It is none, or not one that may sign policies.
pub fn public_key(text: &str, name: &str) -> Result<VerifierKey, PublicKeyFault> {
    if text.contains("PRIVATE KEY") {
        return Err(PublicKeyFault::Private);
    }
    let text = text.trim();
    if let Some(rest) = text.strip_prefix(PEM_BEGIN) {
        let body = rest.strip_suffix(PEM_END).ok_or(PublicKeyFault::Pem)?;
        let base64: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(base64).map_err(|_| PublicKeyFault::Pem)?;
        let key = der.strip_prefix(&ED25519).and_then(|key| key.try_into().ok());
        let key = key.ok_or(PublicKeyFault::Pem)?;
        return Ok(VerifierKey::new(KeyName::new(name)?, KeyKind::Ed25519, key));
    }
    let key: VerifierKey = text.parse()?;
    if key.kind() == KeyKind::Ed25519 { Ok(key) } else { Err(PublicKeyFault::Witness) }
}

/// The public key in a file; one in PEM has the name of the file, without its ending.
///
/// # Errors
/// It cannot be read, or holds none.
pub fn read_public_key(path: &Path) -> Result<VerifierKey, KeyFileError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    public_key(&read(path)?, &name)
        .map_err(|problem| KeyFileError::Key { path: path.to_owned(), problem })
}

/// The private key in a file.
///
/// # Errors
/// It cannot be read, or holds none.
pub fn read_signing_key(path: &Path) -> Result<SigningKey, KeyFileError> {
    SigningKey::from_pem(&read(path)?)
        .map_err(|fault| KeyFileError::Key { path: path.to_owned(), problem: fault.into() })
}

fn read(path: &Path) -> Result<String, KeyFileError> {
    fs::read_to_string(path).map_err(|source| KeyFileError::Io { path: path.to_owned(), source })
}
