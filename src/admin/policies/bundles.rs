//! Signatures on revisions, and bundles that were made and signed elsewhere (docs/bundles.md).

use crate::bundle::Bundle;
use crate::bundle::BundleError;
use crate::bundle::Files as BundleFiles;
use crate::control::ControlError;
use crate::control::policies::Files;
use crate::control::policies::Origin;
use crate::control::policies::Revision;
use crate::control::policies::State;
use crate::control::policies::steps;
use crate::control::policies::steps::Signed;
use crate::merkle::Signature;
use crate::model::Actor;

use super::Done;
use super::Policies;

impl Policies {
    /// The bundle of a revision, with the signatures that it bears. What is signed does not change while its files do not.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for files that cannot be part of a bundle.
    pub fn bundle(&self, version: u64) -> Result<Bundle, ControlError> {
        of_revision(&self.revision(version)?).map_err(|error| unfit(&error))
    }

    /// Adds signatures to a revision: lines of a signed note, or a signed copy of its bundle.
    ///
    /// # Errors
    /// `Invalid` for what is neither; `Conflict` for a copy of other files, a false signature of one of the operator's keys, or where no
    /// keys are named; see [`steps::sign`].
    pub async fn sign(&self, actor: &Actor, version: u64, given: &str, reason: &str) -> Done {
        let Some(trust) = &self.inner.parts.trust else {
            return Err(ControlError::Conflict(
                "`[policies] keys` names nobody whose signature counts".to_owned(),
            ));
        };
        self.change(actor, reason, |state| {
            let mut bundle =
                of_revision(steps::find(state, version)?).map_err(|error| unfit(&error))?;
            if given.trim_start().starts_with('{') {
                let copy = Bundle::from_json(given.trim().as_bytes());
                let copy =
                    copy.map_err(|error| ControlError::Invalid(format!("bundle: {error}")))?;
                bundle.merge(&copy).map_err(|error| unfit(&error))?;
            } else {
                let lines = format!("{}\n", given.trim());
                let signatures = Signature::parse_lines(&lines);
                let signatures = signatures
                    .map_err(|fault| ControlError::Invalid(format!("signatures: {fault}")))?;
                for signature in signatures {
                    bundle.add_signature(signature).map_err(|error| unfit(&error))?;
                }
            }
            match bundle.verify(trust) {
                Ok(_) | Err(BundleError::TooFew { .. }) => {}
                Err(error) => return Err(unfit(&error)),
            }
            steps::sign(state, actor, version, lines(&bundle))
        })
        .await
    }

    /// Takes over a bundle that was made and signed elsewhere: an approved revision, by those who signed it.
    ///
    /// # Errors
    /// `Invalid` for what is no bundle; `Conflict` for one that is not signed by as many as `[policies]` asks for, or goes back in version.
    pub async fn upload(&self, actor: &Actor, given: &[u8], reason: &str) -> Done {
        let bundle = Bundle::from_json(given);
        let bundle = bundle.map_err(|error| ControlError::Invalid(format!("bundle: {error}")))?;
        let signed = self.signed_bundle(&bundle);
        let files = bundle.files().iter().map(|(name, text)| (name.to_owned(), text.into()));
        let files = Files::new(files)?;
        bundle.policies().map_err(|errors| {
            ControlError::Invalid(format!("bundle: its policies do not compile: {errors}"))
        })?;
        self.change(actor, reason, |state| {
            let (version, made, note) = (bundle.version(), bundle.made(), bundle.note());
            steps::upload(state, actor, version, made, note, files, lines(&bundle), signed)
        })
        .await
    }

    /// What the operator's keys say of a revision.
    pub(super) fn signed(&self, state: &State, version: u64) -> Signed {
        let Some(revision) = state.get(version) else {
            return Signed::No(format!("there is no revision {version}"));
        };
        signed(self.inner.parts.trust.as_ref(), revision)
    }

    fn signed_bundle(&self, bundle: &Bundle) -> Signed {
        self.inner.parts.trust.as_ref().map_or(Signed::NotAsked, |trust| by(trust, bundle))
    }
}

/// What keys say of a revision. Where none are named, none are asked for.
pub fn signed(trust: Option<&crate::bundle::Trust>, revision: &Revision) -> Signed {
    let Some(trust) = trust else { return Signed::NotAsked };
    match of_revision(revision) {
        Ok(bundle) => by(trust, &bundle),
        Err(error) => Signed::No(error.to_string()),
    }
}

fn by(trust: &crate::bundle::Trust, bundle: &Bundle) -> Signed {
    match bundle.verify(trust) {
        Ok(verified) => Signed::Yes(verified.signers().iter().map(ToString::to_string).collect()),
        Err(error) => Signed::No(error.to_string()),
    }
}

fn of_revision(revision: &Revision) -> Result<Bundle, BundleError> {
    let files = revision.files.iter().map(|(name, text)| (name.to_owned(), text.to_owned()));
    // What came as a bundle is the bundle that came.
    let note = match revision.origin {
        Origin::Bundle => &revision.note,
        Origin::Draft | Origin::Files => &revision.title,
    };
    let files = BundleFiles::new(files)?;
    let mut bundle = Bundle::new(revision.version, revision.edited, note, files)?;
    if !revision.signatures.is_empty() {
        let lines = format!("{}\n", revision.signatures.join("\n"));
        for signature in Signature::parse_lines(&lines)? {
            bundle.add_signature(signature)?;
        }
    }
    Ok(bundle)
}

fn lines(bundle: &Bundle) -> Vec<String> {
    bundle.signatures().iter().map(ToString::to_string).collect()
}

fn unfit(error: &BundleError) -> ControlError {
    ControlError::Conflict(error.to_string())
}
