//! Whom to believe: public keys, and how many of them must have signed.

use std::collections::BTreeSet;

use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::Note;
use crate::merkle::Signature;
use crate::merkle::VerifierKey;

use super::error::BundleError;
use super::error::TrustError;

/// Keys that may sign policies, and how many of them it takes.
///
/// INVARIANT: the threshold is from 1 to the number of different keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trust {
    keys: Vec<VerifierKey>,
    threshold: usize,
}

impl Trust {
    /// These keys, of which `threshold` different ones must have signed. One key under two names is one key.
    ///
    /// # Errors
    /// There is none, one of them is a witness's, or the threshold cannot be, or not be missed.
    pub fn new(keys: Vec<VerifierKey>, threshold: usize) -> Result<Self, TrustError> {
        if keys.is_empty() {
            return Err(TrustError::NoKeys);
        }
        if let Some(key) = keys.iter().find(|key| key.kind() != KeyKind::Ed25519) {
            return Err(TrustError::Kind(key.name().clone()));
        }
        let different: BTreeSet<_> = keys.iter().map(VerifierKey::public_key).collect();
        let different = different.len();
        if !(1..=different).contains(&threshold) {
            return Err(TrustError::Threshold { threshold, keys: different });
        }
        Ok(Self { keys, threshold })
    }

    /// The keys.
    pub fn keys(&self) -> &[VerifierKey] {
        &self.keys
    }

    /// How many of them must have signed.
    pub const fn threshold(&self) -> usize {
        self.threshold
    }

    /// Those who signed the text, each key once, in the order of the keys.
    ///
    /// A key is known by itself: a signature is its own if it bears the id of the name it gives and this key, whatever that name is.
    /// Files that hold a key alone (PEM) give no name to compare, and no name makes a signature truer.
    ///
    /// # Errors
    /// A signature of one of the keys is false, or too few of them signed.
    pub(super) fn signers(
        &self,
        text: &str,
        signatures: &[Signature],
    ) -> Result<Vec<KeyName>, BundleError> {
        let mut seen = BTreeSet::new();
        let (mut signed, mut unsigned) = (Vec::new(), Vec::new());
        for key in &self.keys {
            if !seen.insert(key.public_key()) {
                continue;
            }
            let named = signatures.iter().map(|signature| {
                (
                    signature,
                    VerifierKey::new(signature.name().clone(), KeyKind::Ed25519, *key.public_key()),
                )
            });
            let own: Vec<_> = named
                .filter(|(signature, named)| signature.is_by(named))
                .map(|(_, named)| named)
                .collect();
            if own.is_empty() {
                unsigned.push(key.name().clone());
                continue;
            }
            Note::new(text, signatures.to_vec())?.verify(&own)?;
            signed.push(key.name().clone());
        }
        if signed.len() < self.threshold {
            return Err(BundleError::TooFew { signed, threshold: self.threshold, unsigned });
        }
        Ok(signed)
    }
}
