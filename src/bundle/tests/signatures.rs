//! Who signed, how many, and how often a key counts.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::bundle::Bundle;
use crate::bundle::BundleError;
use crate::bundle::Trust;
use crate::bundle::TrustError;
use crate::bundle::VersionFloor;
use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::Note;
use crate::merkle::NoteFault;
use crate::merkle::Signature;

use super::support::Person;
use super::support::bundle;
use super::support::files;
use super::support::made;
use super::support::people;
use super::support::trust;

fn names(bundle: &Bundle, trust: &Trust) -> Vec<String> {
    let verified = bundle.verify(trust).unwrap();
    assert_eq!(verified.bundle(), bundle);
    verified.signers().iter().map(ToString::to_string).collect()
}

#[test]
fn two_of_three_suffice_and_one_does_not() {
    let [alice, bob, carol] = people(["alice", "bob", "carol"]);
    let trust = trust(&[&alice, &bob, &carol], 2);
    let mut bundle = bundle(7);
    let text = |error: BundleError| error.to_string();
    assert_eq!(
        text(bundle.verify(&trust).unwrap_err()),
        "signed by 0 of the 2 keys that are needed: none of `alice`, `bob`, `carol`"
    );
    carol.sign(&mut bundle);
    assert_eq!(
        text(bundle.verify(&trust).unwrap_err()),
        "signed by 1 of the 2 keys that are needed: by `carol`, not by `alice`, `bob`"
    );
    alice.sign(&mut bundle);
    assert_eq!(names(&bundle, &trust), ["alice", "carol"]);
    let read = Bundle::from_json(&bundle.to_json()).unwrap();
    assert_eq!(names(&read, &trust), ["alice", "carol"]);
}

#[test]
fn the_order_in_which_people_sign_leaves_no_trace() {
    let [alice, bob] = people(["alice", "bob"]);
    let (mut one, mut other) = (bundle(7), bundle(7));
    alice.sign(&mut one);
    bob.sign(&mut one);
    bob.sign(&mut other);
    alice.sign(&mut other);
    assert_eq!(one.to_json(), other.to_json());
    assert_eq!(one.digest(), bundle(7).digest(), "to sign does not change what is signed");
}

#[test]
fn a_key_counts_once_however_often_and_under_whatever_names_it_signs() {
    let [alice, bob] = people(["alice", "bob"]);
    let mut bundle = bundle(7);
    for name in ["alice", "alice", "alice2", "bob"] {
        bundle.sign(&KeyName::new(name).unwrap(), &alice.key).unwrap();
    }
    assert_eq!(bundle.signatures().len(), 3, "the same name and key once");
    let two = trust(&[&alice, &bob], 2);
    assert!(matches!(
        bundle.verify(&two),
        Err(BundleError::TooFew { signed, .. }) if signed == [alice.name.clone()]
    ));
    // Two names of one key are one key, in the trust too.
    let twice = || {
        vec![
            alice.public(),
            alice.key.verifier(KeyName::new("alice2").unwrap(), KeyKind::Ed25519),
            bob.public(),
        ]
    };
    assert_eq!(Trust::new(twice(), 3), Err(TrustError::Threshold { threshold: 3, keys: 2 }));
    let trust = Trust::new(twice(), 2).unwrap();
    assert!(bundle.verify(&trust).is_err());
    bob.sign(&mut bundle);
    assert_eq!(names(&bundle, &trust), ["alice", "bob"]);
}

#[test]
fn a_threshold_of_nothing_and_one_that_nobody_can_reach_cannot_be() {
    let [alice, bob] = people(["alice", "bob"]);
    let keys = || vec![alice.public(), bob.public()];
    for threshold in [0, 3, usize::MAX] {
        assert_eq!(
            Trust::new(keys(), threshold),
            Err(TrustError::Threshold { threshold, keys: 2 })
        );
    }
    assert_eq!(Trust::new(Vec::new(), 0), Err(TrustError::NoKeys));
    let witness = alice.key.verifier(alice.name.clone(), KeyKind::Cosignature);
    assert_eq!(Trust::new(vec![witness], 1), Err(TrustError::Kind(alice.name.clone())));
}

#[test]
fn unknown_keys_count_for_nothing_and_do_no_harm() {
    let [alice, mallory] = people(["alice", "alice"]);
    let trust = trust(&[&alice], 1);
    let mut bundle = bundle(7);
    mallory.sign(&mut bundle);
    assert!(bundle.verify(&trust).is_err(), "the name alone is nobody");
    alice.sign(&mut bundle);
    assert_eq!(bundle.signatures().len(), 2);
    assert_eq!(names(&bundle, &trust), ["alice"]);
}

/// The signature line of `of`, with the signature of another text.
fn false_signature(of: &Person) -> Signature {
    let note = Note::sign("another text\n", &of.name, &of.key).unwrap();
    note.signatures()[0].clone()
}

#[test]
fn a_false_signature_of_a_known_key_is_refused_even_where_others_suffice() {
    let [alice, bob, carol] = people(["alice", "bob", "carol"]);
    let mut bundle = bundle(7);
    alice.sign(&mut bundle);
    bob.sign(&mut bundle);
    bundle.add_signature(false_signature(&carol)).unwrap();
    assert_eq!(names(&bundle, &trust(&[&alice, &bob], 2)), ["alice", "bob"], "of a stranger");
    assert!(matches!(
        bundle.verify(&trust(&[&alice, &bob, &carol], 2)),
        Err(BundleError::Note(NoteFault::Wrong { name })) if name == carol.name
    ));
}

#[test]
fn a_signature_that_is_taken_away_is_missed() {
    let [alice, bob] = people(["alice", "bob"]);
    let trust = trust(&[&alice, &bob], 2);
    let mut bundle = bundle(7);
    alice.sign(&mut bundle);
    bob.sign(&mut bundle);
    bundle.verify(&trust).unwrap();
    let text = String::from_utf8(bundle.to_json()).unwrap();
    for signature in bundle.signatures() {
        let line = format!("{signature}\\n");
        assert!(text.contains(&line));
        let stripped = Bundle::from_json(text.replace(&line, "").as_bytes()).unwrap();
        assert!(matches!(stripped.verify(&trust), Err(BundleError::TooFew { .. })));
    }
}

#[test]
fn signatures_of_two_copies_come_together_and_those_of_another_bundle_do_not() {
    let [alice, bob] = people(["alice", "bob"]);
    let (mut one, mut other) = (bundle(7), bundle(7));
    alice.sign(&mut one);
    bob.sign(&mut other);
    // What is here is not replaced: a false copy cannot take a true signature away.
    other.add_signature(false_signature(&alice)).unwrap();
    one.merge(&other).unwrap();
    assert_eq!(names(&one, &trust(&[&alice, &bob], 2)), ["alice", "bob"]);
    let before = one.clone();
    let mut eighth = bundle(8);
    bob.sign(&mut eighth);
    assert!(matches!(one.merge(&eighth), Err(BundleError::OtherManifest(..))));
    assert_eq!(one, before);
    let moved = eighth.signatures()[0].clone();
    one.add_signature(moved).unwrap();
    assert!(one.verify(&trust(&[&bob], 1)).is_err(), "a signature is of one manifest");
}

#[test]
fn more_signatures_than_a_note_may_have_are_refused_and_change_nothing() {
    let alice = Person::new("alice");
    let mut bundle = bundle(7);
    for n in 0..64 {
        bundle.sign(&KeyName::new(&format!("alice{n}")).unwrap(), &alice.key).unwrap();
    }
    let before = bundle.to_json();
    let one_more = bundle.sign(&alice.name, &alice.key);
    assert!(matches!(one_more, Err(BundleError::Note(NoteFault::TooMany))));
    assert_eq!(bundle.to_json(), before);
    assert_eq!(Bundle::from_json(&before).unwrap(), bundle);
    let long = KeyName::new(&"a".repeat(1 << 20)).unwrap();
    let too_long = super::support::bundle(8).sign(&long, &alice.key);
    assert!(matches!(too_long, Err(BundleError::Note(NoteFault::TooLong { .. }))));
}

#[test]
fn a_signature_of_a_checkpoint_is_none_of_a_bundle() {
    let log = Person::new("shop.example/log");
    let mut bundle = bundle(7);
    let checkpoint = "shop.example/log\n1\nuaVVOOkJYl4W0OBqX1nrj5E7HVsWRgnfnvCAAx5M6lo=\n";
    let note = Note::sign(checkpoint, &log.name, &log.key).unwrap();
    bundle.add_signature(note.signatures()[0].clone()).unwrap();
    assert!(bundle.verify(&trust(&[&log], 1)).is_err());
    assert!(crate::merkle::Checkpoint::parse(bundle.manifest()).is_err());
}

#[test]
fn versions_rise_and_only_the_very_same_bundle_comes_again() {
    let seventh = VersionFloor::NONE.admit(&bundle(7)).unwrap();
    assert_eq!(seventh, VersionFloor::at(7, bundle(7).digest()));
    assert_eq!(seventh.admit(&bundle(7)).unwrap(), seventh, "the same again, as after a restart");
    for version in [1, 6] {
        assert!(matches!(
            seventh.admit(&bundle(version)),
            Err(BundleError::Older { accepted: 7, .. })
        ));
    }
    let other = Bundle::new(7, made(), "of the same version", files()).unwrap();
    assert!(matches!(seventh.admit(&other), Err(BundleError::OtherOfVersion { version: 7, .. })));
    let last = seventh.admit(&bundle(u64::MAX)).unwrap();
    assert_eq!(last.accepted(), Some((u64::MAX, bundle(u64::MAX).digest())));
    assert!(last.admit(&bundle(8)).is_err());
}

/// Which of the keys signed, told without the code under test: a list of (key, true or false) against a set of keys.
fn second_opinion(signed: &[(usize, bool)], trusted: &BTreeSet<usize>, threshold: usize) -> bool {
    let known: Vec<_> = signed.iter().filter(|(key, _)| trusted.contains(key)).collect();
    let all_true = known.iter().all(|(_, sound)| *sound);
    let different: BTreeSet<_> = known.iter().map(|(key, _)| *key).collect();
    all_true && different.len() >= threshold
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn n_of_m_agrees_with_a_naive_count(
        signed in proptest::collection::vec((0..5_usize, 0..3_usize, proptest::bool::weighted(0.9)), 0..8),
        trusted in proptest::collection::btree_set(0..5_usize, 1..5),
        threshold in 1..5_usize,
    ) {
        let people = people(["a", "b", "c", "d", "e"]);
        let keys: Vec<_> = trusted.iter().map(|at| people[*at].public()).collect();
        let Ok(trust) = Trust::new(keys, threshold) else {
            prop_assert!(threshold > trusted.len());
            return Ok(());
        };
        let mut bundle = bundle(7);
        // A later signature of the same key and name takes the place of the earlier one.
        let mut kept: Vec<(usize, usize, bool)> = Vec::new();
        for (key, alias, sound) in signed {
            let name = KeyName::new(&format!("name{alias}")).unwrap();
            let text = if sound { bundle.manifest().to_owned() } else { "other\n".to_owned() };
            let note = Note::sign(&text, &name, &people[key].key).unwrap();
            bundle.add_signature(note.signatures()[0].clone()).unwrap();
            kept.retain(|(k, a, _)| (*k, *a) != (key, alias));
            kept.push((key, alias, sound));
        }
        let kept: Vec<_> = kept.into_iter().map(|(key, _, sound)| (key, sound)).collect();
        let read = Bundle::from_json(&bundle.to_json()).unwrap();
        prop_assert_eq!(read.verify(&trust).is_ok(), second_opinion(&kept, &trusted, threshold));
    }
}
