//! Never back in version: an old bundle bears true signatures for ever.

use super::digest::Digest;
use super::error::BundleError;
use super::signed::Bundle;

/// The highest version that was ever accepted, with its digest. Whoever keeps it keeps it durably: lost, it lets old bundles in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct VersionFloor(Option<(u64, Digest)>);

impl VersionFloor {
    /// Nothing was accepted yet.
    pub const NONE: Self = Self(None);

    /// This was the highest.
    pub const fn at(version: u64, digest: Digest) -> Self {
        Self(Some((version, digest)))
    }

    /// The highest version and its digest.
    pub const fn accepted(&self) -> Option<(u64, Digest)> {
        self.0
    }

    /// The floor after this bundle. Of a version that was accepted only the very same bundle is taken again.
    ///
    /// # Errors
    /// `Older`, `OtherOfVersion`.
    pub fn admit(&self, bundle: &Bundle) -> Result<Self, BundleError> {
        let (version, digest) = (bundle.version(), bundle.digest());
        match self.0 {
            Some((accepted, _)) if version < accepted => {
                Err(BundleError::Older { version, accepted })
            }
            Some((accepted, known)) if version == accepted && digest != known => {
                Err(BundleError::OtherOfVersion { version, accepted: known, digest })
            }
            _ => Ok(Self::at(version, digest)),
        }
    }
}
