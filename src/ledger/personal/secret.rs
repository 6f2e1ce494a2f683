//! The ledger's own secret, under which subjects are found again and identifiers are masked.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::hmac;
use aws_lc_rs::rand;

use super::super::error::LedgerError;
use super::super::store::LedgerStore;
use super::SUBJECTS;
use super::key_file;

const MAGIC: [u8; 8] = *b"INTERDSC";
const VERSION: u32 = 1;
/// Bytes of the file.
const FILE: usize = 64;
const NAME: &str = "secret";

/// A key of HMAC-SHA-256.
#[derive(Clone)]
pub(super) struct Secret(Box<hmac::Key>);

/// What is hashed, so that a hash of one kind is never one of another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// An identifier is masked.
    Mask,
    /// A subject's keys are found.
    Tag,
}

impl Secret {
    /// Reads the secret of the ledger in `dir`; none if it has none.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, LedgerError> {
        let path = dir.join(SUBJECTS).join(NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LedgerError::io("read", &path)(error)),
        };
        let secret = bytes.get(16..48).filter(|secret| encode(secret) == bytes);
        match secret {
            Some(secret) => Ok(Some(Self::of(secret))),
            None => Err(LedgerError::Subjects {
                path,
                problem: "it is damaged: restore it; without it no subject's keys are found",
            }),
        }
    }

    /// As [`Secret::read`]; makes one if there is none, and no key either. Whoever calls holds the ledger's lock.
    pub(super) fn take(dir: &Path, store: &dyn LedgerStore) -> Result<Self, LedgerError> {
        if let Some(secret) = Self::read(dir)? {
            return Ok(secret);
        }
        let folder = dir.join(SUBJECTS);
        let path = folder.join(NAME);
        if !key_file::list(&folder)?.is_empty() {
            let problem = "it is missing and there are keys: restore it; without it no subject's keys are found";
            return Err(LedgerError::Subjects { path, problem });
        }
        let mut secret = [0; 32];
        rand::fill(&mut secret).map_err(|_| LedgerError::NoRandomness)?;
        let unnamed = path.with_extension("new");
        let made = (|| {
            store.create_dir(&folder)?;
            let file = store.create(&unnamed)?;
            file.write_at(&encode(&secret), 0)?;
            file.sync()?;
            store.rename(&unnamed, &path)?;
            store.sync_dir(&folder)?;
            store.sync_dir(dir)
        })();
        made.map_err(LedgerError::io("make", &path))?;
        Ok(Self::of(&secret))
    }

    fn of(secret: &[u8]) -> Self {
        Self(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// The first 16 bytes of the keyed hash.
    pub(super) fn hash(&self, purpose: Purpose, text: &str) -> [u8; 16] {
        let mut hmac = hmac::Context::with_key(&self.0);
        hmac.update(match purpose {
            Purpose::Mask => &[2],
            Purpose::Tag => &[1],
        });
        hmac.update(text.as_bytes());
        hmac.sign().as_ref().first_chunk().copied().unwrap_or_default()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secret").finish_non_exhaustive()
    }
}

fn encode(secret: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    let mut rest = secret.to_vec();
    rest.resize(FILE.saturating_sub(16), 0);
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), &rest);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(&rest);
    bytes
}
