//! Files of keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::bundle::PublicKeyFault;
use crate::bundle::Trust;
use crate::bundle::public_key;
use crate::merkle::KeyKind;
use crate::merkle::KeyName;

use super::support::Person;
use super::support::bundle;

/// The public key as `openssl pkey -pubout` writes it.
fn pem(of: &Person) -> String {
    let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend_from_slice(of.key.public_key());
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

#[test]
fn a_key_in_pem_is_known_by_whatever_name_it_signs() {
    let alice = Person::new("alice");
    let line = format!("{}\n", alice.public());
    assert_eq!(public_key(&line, "other").unwrap(), alice.public(), "a line has its own name");
    let key = public_key(&pem(&alice), "someone").unwrap();
    assert_eq!(key, alice.key.verifier(KeyName::new("someone").unwrap(), KeyKind::Ed25519));
    let mut bundle = bundle(7);
    alice.sign(&mut bundle);
    let verified = bundle.verify(&Trust::new(vec![key], 1).unwrap()).unwrap();
    assert_eq!(verified.signers(), [KeyName::new("someone").unwrap()], "told as it is trusted");
}

#[test]
fn what_is_no_public_key_of_a_person_is_refused() {
    let alice = Person::new("alice");
    let private = alice.key.to_pem().unwrap();
    let refused = |text: &str| public_key(text, "name").unwrap_err();
    assert_eq!(refused(&private), PublicKeyFault::Private);
    assert!(!refused(&private).to_string().contains("MC4"), "a secret is not told");
    let witness = alice.key.verifier(alice.name.clone(), KeyKind::Cosignature);
    assert_eq!(refused(&witness.to_string()), PublicKeyFault::Witness);
    let pem = pem(&alice);
    for text in [pem.replace("MCo", "MCs"), pem.replace("END", "FIN"), pem.repeat(2)] {
        assert_eq!(refused(&text), PublicKeyFault::Pem);
    }
    for text in ["", "alice", &alice.public().to_string()[1..]] {
        assert!(matches!(refused(text), PublicKeyFault::Key(_)), "{text}");
    }
    assert!(public_key(&pem, "two words").is_err());
}
