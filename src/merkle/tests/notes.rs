//! Signed notes and their keys, against C2SP's examples, those of Go's `sumdb/note`, and checkpoints of public logs.

#![expect(clippy::string_slice, reason = "a test fails by panicking")]

use crate::merkle::Cosignature;
use crate::merkle::KeyFault;
use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::Note;
use crate::merkle::NoteFault;
use crate::merkle::Signature;
use crate::merkle::SigningKey;
use crate::merkle::VerifierKey;

/// The example of C2SP signed-note.
const C2SP_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const C2SP_NOTE: &str = "This is an example message.\n\n\
    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

/// Those of Go's `sumdb/note`. The seed of `EnochRoot` is 32 zeros.
const PETER_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIIEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n\
    -----END PRIVATE KEY-----\n";
const ENOCH_KEY: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const ENOCH_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\
    -----END PRIVATE KEY-----\n";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n";
const PETER: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

/// A checkpoint of a public log, with its two signatures (one of static-ct-api, unknown here) and four witnesses'.
const PUBLIC: &str = include_str!("public-checkpoint.txt");
const PUBLIC_LOG: &str =
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";
const PUBLIC_WITNESSES: [&str; 4] = [
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
];

fn key(text: &str) -> VerifierKey {
    let key: VerifierKey = text.parse().unwrap();
    assert_eq!(key.to_string(), text);
    key
}

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

fn note(text: &str) -> Note {
    let note: Note = text.parse().unwrap();
    assert_eq!(note.to_string(), text, "what is read is written back");
    note
}

#[test]
fn c2sp_example_verifies() {
    let key = key(C2SP_KEY);
    assert_eq!((key.name().as_str(), key.id()), ("example.com/foo", 0x530d_903a));
    assert_eq!(note(C2SP_NOTE).verify(std::slice::from_ref(&key)), Ok(vec![&key]));
}

#[test]
fn c2sp_example_with_an_empty_line_is_read() {
    let text = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n";
    let sample = note(&format!(
        "{text}\n— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
    ));
    assert_eq!(sample.text(), text);
    assert_eq!(sample.signatures()[0].id(), 0x367b_a04b);
    assert_eq!(sample.verify(&[key(C2SP_KEY)]), Err(NoteFault::Unsigned));
}

#[test]
fn go_signs_and_verifies_the_same() {
    let (peter, enoch) = (key(PETER_KEY), key(ENOCH_KEY));
    let secret = SigningKey::from_pem(PETER_PEM).unwrap();
    assert_eq!(secret.verifier(name("PeterNeumann"), KeyKind::Ed25519), peter);
    let mut signed = Note::sign(TEXT, &name("PeterNeumann"), &secret).unwrap();
    assert_eq!(signed.to_string(), format!("{TEXT}\n{PETER}"));

    let secret = SigningKey::from_pem(ENOCH_PEM).unwrap();
    let other = Note::sign(TEXT, &name("EnochRoot"), &secret).unwrap();
    signed.add(other.signatures()[0].clone()).unwrap();
    let both = format!("{TEXT}\n{PETER}{ENOCH}");
    assert_eq!(signed.to_string(), both);
    let keys = [enoch.clone(), peter.clone()];
    assert_eq!(note(&both).verify(&keys), Ok(vec![&enoch, &peter]));
    assert_eq!(note(&both).verify(std::slice::from_ref(&peter)).map(|keys| keys.len()), Ok(1));
    signed.add(other.signatures()[0].clone()).unwrap();
    assert_eq!(signed.to_string(), both, "a key's second signature takes the place of its first");
}

#[test]
fn a_public_logs_checkpoint_and_its_witnesses_verify() {
    let public = note(PUBLIC);
    let log = key(PUBLIC_LOG);
    assert_eq!(public.verify(std::slice::from_ref(&log)), Ok(vec![&log]));
    let witnesses = PUBLIC_WITNESSES.map(key);
    assert_eq!(public.verify(&witnesses).map(|signed| signed.len()), Ok(4));
    for witness in &witnesses {
        assert_eq!(witness.kind(), KeyKind::Cosignature);
        let by_it = public.signatures().iter().find(|signature| signature.is_by(witness)).unwrap();
        let cosignature = Cosignature::verify(public.text(), by_it, witness).unwrap();
        assert_eq!(cosignature.time, 1_779_573_024, "{}", witness.name());
    }
}

#[test]
fn no_changed_bit_of_a_signed_note_is_believed() {
    let both = format!("{TEXT}\n{PETER}{ENOCH}");
    let keys = [key(PETER_KEY), key(ENOCH_KEY)];
    let signed =
        |note: &str| Note::parse(note).and_then(|note| note.verify(&keys).map(|k| k.len()));
    assert_eq!(signed(&both), Ok(2));
    for at in 0..both.len() {
        for bit in 0..8 {
            let mut bytes = both.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let believed = String::from_utf8(bytes).is_ok_and(|note| signed(&note) == Ok(2));
            assert!(!believed, "bit {bit} of byte {at}");
        }
        if both.is_char_boundary(at) {
            assert_ne!(signed(&both[..at]), Ok(2), "cut at {at}");
        }
    }
    // Within what a known key says of itself, a change is no ignored signature but a false note.
    let wrong = both.replace("PeterNeumann x08go/ZJ", "PeterNeumann x08go/ZK");
    assert_eq!(signed(&wrong), Err(NoteFault::Wrong { name: name("PeterNeumann") }));
    let twice = format!("{both}{}", PETER.replace("/ZJ", "/ZK"));
    assert_eq!(signed(&twice), Err(NoteFault::Wrong { name: name("PeterNeumann") }));
}

#[test]
fn unknown_signatures_are_ignored_whatever_they_share() {
    let (peter, enoch) = (key(PETER_KEY), key(ENOCH_KEY));
    let both = format!("{TEXT}\n{PETER}{ENOCH}");
    // Peter's name with Enoch's id, and the other way round: neither is either's.
    let name = both.replace("EnochRoot", "PeterNeumann");
    assert_eq!(note(&name).verify(std::slice::from_ref(&peter)), Ok(vec![&peter]));
    let id = both.replace("PeterNeumann", "EnochRoot");
    assert_eq!(note(&id).verify(std::slice::from_ref(&enoch)), Ok(vec![&enoch]));
}

#[test]
fn a_note_has_one_form() {
    let sign = |number| NoteFault::Signature { number };
    let bad_name = |number| NoteFault::Name { number, fault: KeyFault::Name };
    for (text, fault) in [
        (String::new(), NoteFault::Shape),
        (TEXT.to_owned(), NoteFault::Shape),
        (format!("{TEXT}{PETER}"), NoteFault::Shape),
        (format!("{TEXT}\n"), NoteFault::Shape),
        (format!("{TEXT}\n{PETER}\n"), NoteFault::Shape),
        (format!("{TEXT}\n{}", PETER.trim_end()), NoteFault::Shape),
        (format!("{TEXT}\n{PETER}and"), NoteFault::Shape),
        (format!("{TEXT}\n{PETER}and\n"), sign(2)),
        (format!("{TEXT}\n- PeterNeumann x08go/ZJ\n"), sign(1)),
        (format!("{TEXT}\n—PeterNeumann x08go/ZJ\n"), sign(1)),
        (format!("{TEXT}\n— PeterNeumann\n"), sign(1)),
        (format!("{TEXT}\n— PeterNeumann \n"), sign(1)),
        (format!("{TEXT}\n— PeterNeumann x08go/ZJ x08go/ZJ\n"), sign(1)),
        (format!("{TEXT}\n— PeterNeumann x08go/ZJ \n"), sign(1)),
        (format!("{TEXT}\n— PeterNeumann x08g\n"), sign(1)),
        (format!("{TEXT}\n— PeterNeumann x08gow==\n"), sign(1)),
        (format!("{TEXT}\n— PeterNeumann x08go/Z=\n"), sign(1)),
        (format!("{TEXT}\n—  x08go/ZJ\n"), bad_name(1)),
        (format!("{TEXT}\n— Peter+Neumann x08go/ZJ\n"), bad_name(1)),
        (format!("{TEXT}\n— Peter\u{a0}Neumann x08go/ZJ\n"), bad_name(1)),
        (format!("{TEXT}\n— Peter\u{2028}Neumann x08go/ZJ\n"), bad_name(1)),
        (format!("{}\n{PETER}", TEXT.replace('\n', "\r\n")), NoteFault::Control { line: 1 }),
        (format!("{TEXT}\u{0}\n\n{PETER}"), NoteFault::Control { line: 3 }),
        (format!("{TEXT}\n{}", PETER.repeat(65)), NoteFault::TooMany),
        ("x".repeat((1 << 20) + 1), NoteFault::TooLong { bytes: (1 << 20) + 1 }),
    ] {
        assert_eq!(Note::parse(&text), Err(fault), "{text:.200}");
    }
    // C2SP: at least 16 must be taken.
    assert_eq!(note(&format!("{TEXT}\n{}", PETER.repeat(16))).signatures().len(), 16);
    assert_eq!(note(&format!("\n\n{PETER}")).text(), "\n");
}

#[test]
fn only_a_text_that_a_note_can_hold_is_signed() {
    let secret = SigningKey::from_pem(ENOCH_PEM).unwrap();
    let sign = |text| Note::sign(text, &name("EnochRoot"), &secret);
    assert_eq!(sign("no end"), Err(NoteFault::Shape));
    assert_eq!(sign("a\tb\n"), Err(NoteFault::Control { line: 1 }));
    let tricky = "text\n\n— EnochRoot rwz+eBzm\n";
    let signed = sign(tricky).unwrap();
    assert_eq!(note(&signed.to_string()).text(), tricky, "the last empty line counts");
}

#[test]
fn a_verifier_key_has_one_spelling() {
    // As Go's own test: no part of it is a key, nor is it with any byte changed.
    for from in 0..PETER_KEY.len() {
        for to in from..=PETER_KEY.len() {
            let whole = to - from == PETER_KEY.len();
            assert_eq!(PETER_KEY[from..to].parse::<VerifierKey>().is_ok(), whole, "{from}..{to}");
        }
        let mut bytes = PETER_KEY.to_owned().into_bytes();
        bytes[from] += 1;
        assert!(String::from_utf8(bytes).unwrap().parse::<VerifierKey>().is_err(), "{from}");
    }
    let fault = |text: &str| text.parse::<VerifierKey>().unwrap_err();
    let longer = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==";
    assert_eq!(fault(longer), KeyFault::Shape, "not even base64");
    let longer = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAAAA";
    assert_eq!(fault(longer), KeyFault::Length { bytes: 35 });
    let unknown = "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert_eq!(fault(unknown), KeyFault::Kind { found: 0x65 });
    assert_eq!(fault(&PETER_KEY.replace("c74f20a3", "C74F20A3")), KeyFault::Shape);
    assert_eq!(fault(&PETER_KEY.replace("c74f20a3", "+74f20a3")), KeyFault::Shape);
    assert_eq!(
        fault(&PETER_KEY.replace("c74f", "c74e")),
        KeyFault::Id { found: 0xc74e_20a3, computed: 0xc74f_20a3 }
    );
    assert_eq!(fault(&PETER_KEY.replace("Peter", "Peter ")), KeyFault::Name);
    // Base64 may hold plus signs: the name and the id end at the first two.
    key("TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6");
}

#[test]
fn one_key_of_two_kinds_has_two_ids() {
    let secret = SigningKey::generate().unwrap();
    let plain = secret.verifier(name("example.com/w"), KeyKind::Ed25519);
    let cosigner = secret.verifier(name("example.com/w"), KeyKind::Cosignature);
    assert_ne!(plain.id(), cosigner.id());
    assert_eq!(key(&cosigner.to_string()), cosigner);
}

#[test]
fn a_private_key_survives_its_pem_and_nothing_else_prints_it() {
    let secret = SigningKey::generate().unwrap();
    let pem = secret.to_pem().unwrap();
    assert_eq!(SigningKey::from_pem(&pem).unwrap().public_key(), secret.public_key());
    assert_eq!(SigningKey::from_pem(ENOCH_PEM).unwrap().to_pem().unwrap(), ENOCH_PEM);
    assert!(pem.lines().all(|line| line.len() <= 64));
    assert_eq!(format!("{secret:?}"), "SigningKey { .. }");
    for bad in ["", "MC4CAQAwBQYDK2VwBCIEIAAA", &pem.replace("PRIVATE", "PUBLIC"), &pem.repeat(2)] {
        assert_eq!(SigningKey::from_pem(bad).map(|_| ()), Err(KeyFault::Pem), "{bad}");
    }
    let cut = ENOCH_PEM.replace("AAAAAAAA", "AAAA");
    assert_eq!(SigningKey::from_pem(&cut).map(|_| ()), Err(KeyFault::Pkcs8));
}

#[test]
fn signature_lines_are_read_alone() {
    // The example answer of C2SP tlog-witness.
    let answer = "— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==\n\
        — witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==\n\
        — witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==\n";
    let lines = Signature::parse_lines(answer).unwrap();
    assert_eq!(lines.len(), 3);
    let written: String = lines.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(written, answer);
    assert_eq!(Signature::parse_lines(""), Err(NoteFault::Shape));
    assert_eq!(Signature::parse_lines("\n"), Err(NoteFault::Signature { number: 1 }));
    assert_eq!(Signature::parse_lines(answer.trim_end()), Err(NoteFault::Shape));
}
