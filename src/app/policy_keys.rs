//! `[policies] keys`: who must have signed policies that arrive over the network.

use std::path::PathBuf;

use crate::bundle::KeyFileError;
use crate::bundle::Trust;
use crate::bundle::TrustError;
use crate::bundle::read_public_key;
use crate::merkle::VerifierKey;
use crate::settings::Policies;

/// Why the keys of `[policies]` are not whom to trust.
#[derive(Debug, thiserror::Error)]
pub enum PolicyKeysError {
    /// A file gives no key.
    #[error("policies.keys: {0}")]
    File(#[from] KeyFileError),
    /// Two files, one key: two of a threshold would be one person.
    #[error("policies.keys: `{}` and `{}` hold the same key; each key is named once", one.display(), other.display())]
    Same {
        /// The first.
        one: PathBuf,
        /// The second.
        other: PathBuf,
    },
    /// Keys and threshold do not fit.
    #[error("policies.threshold: {0}")]
    Trust(#[from] TrustError),
}

/// Reads the files of the keys; none where the configuration names none.
///
/// # Errors
/// A file cannot be read or holds no key that may sign policies, or two hold the same.
pub fn trust(settings: &Policies) -> Result<Option<Trust>, PolicyKeysError> {
    let Some(settings) = &settings.trust else { return Ok(None) };
    let mut keys: Vec<VerifierKey> = Vec::new();
    for path in &settings.keys {
        let key = read_public_key(path)?;
        let same = keys.iter().position(|known| known.public_key() == key.public_key());
        if let Some(one) = same.and_then(|at| settings.keys.get(at)) {
            return Err(PolicyKeysError::Same { one: one.clone(), other: path.clone() });
        }
        keys.push(key);
    }
    Ok(Some(Trust::new(keys, settings.threshold)?))
}
