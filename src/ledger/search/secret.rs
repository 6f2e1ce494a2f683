//! The key of the tags: what the index says of a person cannot be read without it, nor guessed.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use aws_lc_rs::hmac;
use aws_lc_rs::rand;

use crate::output::replace_private;

use super::super::error::LedgerError;
use super::postings::TAG_BITS;
use super::terms::Field;

/// Bytes of the key.
const KEY: usize = 32;

/// Makes tags of values.
#[derive(Debug)]
pub(super) struct Secret(hmac::Key);

impl Secret {
    /// The key in an index's folder; none if there is none, or no whole one.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, LedgerError> {
        let path = path(folder);
        match fs::read(&path) {
            Ok(bytes) => Ok((bytes.len() == KEY).then(|| Self::of(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LedgerError::io("read", &path)(error)),
        }
    }

    /// The same, made if there is none.
    pub(super) fn take(folder: &Path) -> Result<Self, LedgerError> {
        if let Some(secret) = Self::read(folder)? {
            return Ok(secret);
        }
        let mut bytes = [0; KEY];
        rand::fill(&mut bytes).map_err(|_| LedgerError::NoRandomness)?;
        let path = path(folder);
        replace_private(&path, &bytes).map_err(LedgerError::io("write", &path))?;
        Ok(Self::of(&bytes))
    }

    fn of(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The tag of a value.
    pub(super) fn tag(&self, field: Field, value: &str) -> u64 {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&[field.number()]);
        context.update(value.as_bytes());
        let first = context.sign().as_ref().first_chunk().copied().unwrap_or_default();
        u64::from_be_bytes(first) >> 64_u32.saturating_sub(TAG_BITS)
    }

    /// What tells this key from others, and says nothing of it.
    pub(super) fn name(&self) -> [u8; 16] {
        let name = hmac::sign(&self.0, b"interdict search index 1");
        name.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("search.key")
}
