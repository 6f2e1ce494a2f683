//! What pages look at, and the API does not say: whether keys are named, and what they say of a revision; what a draft would be with
//! another text.

use crate::control::policies::Revision;
use crate::control::policies::steps::Signed;

use super::Policies;
use super::signed;

impl Policies {
    /// What the operator's keys say of a revision; `NotAsked` where none are named.
    pub fn signatures(&self, revision: &Revision) -> Signed {
        signed(self.inner.parts.trust.as_ref(), revision)
    }

    /// True if the operator names keys whose signatures count.
    pub fn names_keys(&self) -> bool {
        self.inner.parts.trust.is_some()
    }
}
