//! What is done with a personal part before it is written.

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::model::Clock;
use crate::model::SystemClock;
use crate::settings::PersonalParts;

use super::super::entry::SALT;
use super::super::error::LedgerError;
use super::super::store::LedgerStore;
use super::cipher;
use super::keyring::Keyring;
use super::mask::Masker;

/// How personal parts are kept.
#[derive(Debug)]
pub(in crate::ledger) enum Guard {
    /// As they are.
    Clear,
    /// Their identifiers masked.
    Masked(Masker),
    /// Encrypted.
    Sealed(Box<Keyring>),
}

/// A personal part as it is written.
#[derive(Debug)]
pub(in crate::ledger) enum Kept<'a> {
    /// JSON that is to be salted.
    Json(Cow<'a, [u8]>),
    /// Salt and JSON in ciphertext, and the id of the key.
    Sealed { key: [u8; 16], part: Vec<u8> },
}

impl Guard {
    /// Takes what it needs from the ledger's folder, or makes it there. Whoever calls holds the ledger's lock.
    pub(in crate::ledger) fn take(
        how: PersonalParts,
        dir: &Path,
        store: &Arc<dyn LedgerStore>,
    ) -> Result<Self, LedgerError> {
        Ok(match how {
            PersonalParts::Clear => Self::Clear,
            PersonalParts::Masked => Self::Masked(Masker::take(dir, &**store)?),
            PersonalParts::Sealed => Self::Sealed(Box::new(Keyring::take(dir, store)?)),
        })
    }

    /// Makes a personal part ready. `id` is the record's; without a subject the record is its own.
    ///
    /// # Errors
    /// `Failed` if a key cannot be written; `Unmaskable`; `NoRandomness`.
    pub(in crate::ledger) fn keep<'a>(
        &self,
        json: &'a [u8],
        salt: &[u8; SALT],
        subject: Option<&str>,
        id: &str,
    ) -> Result<Kept<'a>, LedgerError> {
        match self {
            Self::Clear => Ok(Kept::Json(Cow::Borrowed(json))),
            Self::Masked(masker) => {
                let masked = masker.part(json).ok_or(LedgerError::Unmaskable)?;
                Ok(Kept::Json(Cow::Owned(masked)))
            }
            Self::Sealed(keyring) => {
                let own;
                let subject = match subject {
                    Some(subject) => subject,
                    None => {
                        own = format!("record:{id}");
                        &own
                    }
                };
                let (key, secret) = keyring.key_of(subject, SystemClock.now().as_microsecond())?;
                let part = cipher::encrypt(&secret, id, &[salt, json]);
                Ok(Kept::Sealed { key, part: part.ok_or(LedgerError::NoRandomness)? })
            }
        }
    }

    /// Makes all keys durable under which something has been encrypted; called before the records of those are synced.
    pub(in crate::ledger) fn sync(&self) -> io::Result<()> {
        match self {
            Self::Clear | Self::Masked(_) => Ok(()),
            Self::Sealed(keyring) => keyring.sync(),
        }
    }

    /// After a key could not be written: tries whether one could now.
    pub(in crate::ledger) fn probe(&self) {
        match self {
            Self::Clear | Self::Masked(_) => {}
            Self::Sealed(keyring) => keyring.probe(),
        }
    }

    /// Why no key can be written, if so.
    pub(in crate::ledger) fn failed(&self) -> Option<Arc<str>> {
        match self {
            Self::Clear | Self::Masked(_) => None,
            Self::Sealed(keyring) => keyring.failed(),
        }
    }
}
