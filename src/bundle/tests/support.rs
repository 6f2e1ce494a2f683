//! People with keys, and bundles to sign.

use jiff::Timestamp;

use crate::bundle::Bundle;
use crate::bundle::Files;
use crate::bundle::Trust;
use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::SigningKey;
use crate::merkle::VerifierKey;

/// A policy without rules.
pub(super) fn policy(id: &str) -> String {
    format!(
        "[policy]\nid = \"{id}\"\ntitle = \"\u{dc}ber \\\"{id}\\\"\"\nauthority = \"A\"\nversion = \"1.0.0\"\n"
    )
}

pub(super) fn files() -> Files {
    let case = "{\"case\":\"a\",\"raw\":\"?\",\"expect\":{\"error\":true}}\r\n";
    let files =
        [("b.toml", policy("b")), ("a.toml", policy("a")), ("cases/a.jsonl", case.to_owned())];
    Files::new(files.map(|(name, text)| (name.to_owned(), text))).unwrap()
}

pub(super) fn made() -> Timestamp {
    "2026-11-25T17:00:00Z".parse().unwrap()
}

pub(super) fn bundle(version: u64) -> Bundle {
    Bundle::new(version, made(), "Stay of 12 November", files()).unwrap()
}

/// Somebody with a key.
pub(super) struct Person {
    pub(super) key: SigningKey,
    pub(super) name: KeyName,
}

impl Person {
    pub(super) fn new(name: &str) -> Self {
        Self { key: SigningKey::generate().unwrap(), name: KeyName::new(name).unwrap() }
    }

    pub(super) fn public(&self) -> VerifierKey {
        self.key.verifier(self.name.clone(), KeyKind::Ed25519)
    }

    pub(super) fn sign(&self, bundle: &mut Bundle) {
        bundle.sign(&self.name, &self.key).unwrap();
    }
}

pub(super) fn people<const N: usize>(names: [&str; N]) -> [Person; N] {
    names.map(Person::new)
}

pub(super) fn trust(people: &[&Person], threshold: usize) -> Trust {
    Trust::new(people.iter().map(|person| person.public()).collect(), threshold).unwrap()
}
