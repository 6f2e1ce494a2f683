//! A bundle, and the proof that enough people have signed it.

use jiff::Timestamp;

use crate::merkle::KeyName;
use crate::merkle::Note;
use crate::merkle::Signature;
use crate::merkle::SigningKey;
use crate::policy::PolicyErrors;
use crate::policy::PolicySet;
use crate::policy::load_read;

use super::digest::Digest;
use super::document;
use super::document::Document;
use super::error::BundleError;
use super::files::Files;
use super::manifest::Manifest;
use super::trust::Trust;

/// A complete set of policy files with a version, and the signatures of its manifest. Signed by nobody at first; believe nothing of it
/// before [`Bundle::verify`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bundle {
    files: Files,
    /// INVARIANT: that of the files.
    manifest: Manifest,
    signatures: Vec<Signature>,
    /// INVARIANT: the manifest's.
    text: String,
}

/// A bundle that as many have signed as a [`Trust`] asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    bundle: Bundle,
    signers: Vec<KeyName>,
}

impl Bundle {
    /// A bundle of these files. `version` must be higher than that of every bundle before it; `note` is for people.
    ///
    /// # Errors
    /// The version is 0, the instant's year has more than four digits, or the note is more than a line.
    pub fn new(
        version: u64,
        made: Timestamp,
        note: &str,
        files: Files,
    ) -> Result<Self, BundleError> {
        let manifest = Manifest::new(version, made, note, &files)?;
        Ok(Self { text: manifest.text(), files, manifest, signatures: Vec::new() })
    }

    /// Reads a bundle's file. It agrees with itself; who signed it is another matter.
    ///
    /// # Errors
    /// It is no bundle, a file is not the one that the manifest names, or it is not spelled as [`Bundle::to_json`] spells it.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BundleError> {
        let Document { files, manifest, signatures } = document::read(bytes)?;
        Ok(Self { text: manifest.text(), files, manifest, signatures })
    }

    /// The bundle's file: canonical JSON, without a newline at its end.
    pub fn to_json(&self) -> Vec<u8> {
        document::write(&self.files, &self.text, &self.signatures)
    }

    /// Its version.
    pub const fn version(&self) -> u64 {
        self.manifest.version
    }

    /// When it was made, as whoever made it says.
    pub const fn made(&self) -> Timestamp {
        self.manifest.made
    }

    /// What whoever made it says of it; may be empty.
    pub fn note(&self) -> &str {
        &self.manifest.note
    }

    /// Its files.
    pub const fn files(&self) -> &Files {
        &self.files
    }

    /// What is signed.
    pub fn manifest(&self) -> &str {
        &self.text
    }

    /// The SHA-256 of the manifest: it names the bundle, and does not change when somebody signs.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.text)
    }

    /// Name and SHA-256 of each file, sorted by name.
    pub fn digests(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.manifest.files.iter().map(|(name, digest)| (name.as_str(), *digest))
    }

    /// The signatures, whoever they are from, sorted by name once one was added.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Signs it with a key, under the name of whose it is.
    ///
    /// # Errors
    /// There are as many signatures as a note may have.
    pub fn sign(&mut self, name: &KeyName, key: &SigningKey) -> Result<(), BundleError> {
        let note = Note::sign(&self.text, name, key)?;
        note.signatures().iter().cloned().try_for_each(|signature| self.add_signature(signature))
    }

    /// Adds a signature that was made elsewhere; an older one of the same key and name gives way. It is not verified here, for that
    /// takes the key.
    ///
    /// # Errors
    /// There are as many signatures as a note may have.
    pub fn add_signature(&mut self, signature: Signature) -> Result<(), BundleError> {
        let mut signatures = self.signatures.clone();
        signatures.retain(|old| !same_key(old, &signature));
        signatures.push(signature);
        // The order in which people sign leaves no trace.
        signatures.sort_by(|a, b| (a.name(), a.id()).cmp(&(b.name(), b.id())));
        self.signatures = Note::new(&self.text, signatures)?.signatures().to_vec();
        Ok(())
    }

    /// Adds the signatures of another copy. Of a key that has signed here already, what is here stays.
    ///
    /// # Errors
    /// The other is of another manifest, or there would be more signatures than a note may have.
    pub fn merge(&mut self, other: &Self) -> Result<(), BundleError> {
        if self.text != other.text {
            return Err(BundleError::OtherManifest(self.digest(), other.digest()));
        }
        let mut merged = self.clone();
        for signature in &other.signatures {
            if !self.signatures.iter().any(|own| same_key(own, signature)) {
                merged.add_signature(signature.clone())?;
            }
        }
        *self = merged;
        Ok(())
    }

    /// Verifies the signatures: as many different keys of `trust` as it asks for must have signed. Signatures of other keys are
    /// ignored.
    ///
    /// # Errors
    /// `Note` if the signature of one of the keys is false, even where others suffice; `TooFew`.
    pub fn verify(&self, trust: &Trust) -> Result<Verified, BundleError> {
        let signers = trust.signers(&self.text, &self.signatures)?;
        Ok(Verified { bundle: self.clone(), signers })
    }

    /// Compiles its policies. The revision is that of a folder with the same files.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn policies(&self) -> Result<PolicySet, PolicyErrors> {
        load_read(&self.files.policies())
    }
}

impl Verified {
    /// The bundle that was verified.
    pub const fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The bundle that was verified, for good.
    pub fn into_bundle(self) -> Bundle {
        self.bundle
    }

    /// Who signed it, by the names in the trust, each key once.
    pub fn signers(&self) -> &[KeyName] {
        &self.signers
    }
}

fn same_key(a: &Signature, b: &Signature) -> bool {
    a.id() == b.id() && a.name() == b.name()
}
