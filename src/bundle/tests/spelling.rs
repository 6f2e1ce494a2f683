//! One spelling: what is read is written back, and nothing else is read.

use std::sync::LazyLock;

use proptest::prelude::*;

use crate::bundle::Bundle;
use crate::bundle::BundleError;
use crate::bundle::Files;
use crate::bundle::Trust;

use super::support::bundle;
use super::support::made;
use super::support::people;
use super::support::policy;
use super::support::trust;

/// A bundle that two of two have signed, and whom to trust.
static SIGNED: LazyLock<(Vec<u8>, Trust)> = LazyLock::new(|| {
    let [alice, bob] = people(["alice", "bob"]);
    let mut bundle = bundle(7);
    alice.sign(&mut bundle);
    bob.sign(&mut bundle);
    (bundle.to_json(), trust(&[&alice, &bob], 2))
});

/// Whether a gateway would take these bytes.
fn taken(bytes: &[u8], trust: &Trust) -> bool {
    Bundle::from_json(bytes).is_ok_and(|bundle| bundle.verify(trust).is_ok())
}

fn text() -> String {
    String::from_utf8(SIGNED.0.clone()).unwrap()
}

#[test]
fn the_manifest_is_spelled_so() {
    let bundle = bundle(7);
    let lines: Vec<_> = bundle.manifest().lines().collect();
    assert_eq!(lines.len(), 7);
    assert_eq!(
        lines[..4],
        [
            "interdict policy bundle v1",
            "version 7",
            "made 2026-11-25T17:00:00Z",
            "note Stay of 12 November"
        ]
    );
    for (line, name) in lines[4..].iter().zip(["a.toml", "b.toml", "cases/a.jsonl"]) {
        let hash = line.strip_prefix("file sha256:").unwrap().strip_suffix(name).unwrap();
        assert_eq!(hash.len(), 65, "{line}");
    }
    let without = Bundle::new(7, made(), "", super::support::files()).unwrap();
    assert!(!without.manifest().contains("note"));
    assert_eq!(Bundle::from_json(&without.to_json()).unwrap(), without);
}

#[test]
fn a_bundle_comes_back_byte_for_byte_signed_or_not() {
    for bytes in [SIGNED.0.clone(), bundle(u64::MAX).to_json()] {
        let read = Bundle::from_json(&bytes).unwrap();
        assert_eq!(read.to_json(), bytes);
    }
    assert!(taken(&SIGNED.0, &SIGNED.1));
}

#[test]
fn every_single_byte_matters() {
    let (bytes, trust) = &*SIGNED;
    for at in 0..bytes.len() {
        for flipped in [1, 2, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= flipped;
            assert!(!taken(&changed, trust), "byte {at} ^ {flipped}");
        }
        let mut shorter = bytes.clone();
        shorter.remove(at);
        assert!(!taken(&shorter, trust), "without byte {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_edit_of_the_file_is_taken(
        at in any::<proptest::sample::Index>(),
        removed in 0..40_usize,
        put in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let (bytes, trust) = &*SIGNED;
        let at = at.index(bytes.len() + 1);
        let end = (at + removed).min(bytes.len());
        let edited = [&bytes[..at], &put, &bytes[end..]].concat();
        prop_assert_eq!(taken(&edited, trust), edited == *bytes);
    }
}

#[test]
fn another_spelling_of_the_same_json_is_refused() {
    let text = text();
    let manifest = text.find("\"manifest\"").unwrap();
    let (files, rest) = text[1..text.len() - 1].split_at(manifest - 2);
    let swapped = format!("{{{},{files}}}", rest.strip_prefix(',').unwrap());
    assert!(serde_json::from_str::<serde_json::Value>(&swapped).is_ok());
    for other in [
        swapped,
        format!("{text}\n"),
        format!(" {text}"),
        format!("\u{feff}{text}"),
        text.replacen(":{", ": {", 1),
        text.replacen("\u{dc}", "\\u00dc", 1),
        text.replacen("a.toml", "\\u0061.toml", 1),
        text.replacen("\"manifest\"", "\"more\":1,\"manifest\"", 1),
        "[]".to_owned(),
        "{}".to_owned(),
        String::new(),
    ] {
        assert_ne!(other, text);
        assert!(Bundle::from_json(other.as_bytes()).is_err(), "{other}");
    }
}

#[test]
fn duplicate_members_are_refused_wherever_they_stand() {
    let text = text();
    let file = "\"a.toml\":";
    let at = text.find(file).unwrap();
    let twice_a_file = format!("{}\"a.toml\":\"\",{}", &text[..at], &text[at..]);
    let twice_files = text.replacen("{\"files\"", "{\"files\":{},\"files\"", 1);
    let twice_manifest = text.replacen("\"manifest\"", "\"manifest\":\"\",\"manifest\"", 1);
    for twice in [twice_a_file, twice_files, twice_manifest] {
        let error = Bundle::from_json(twice.as_bytes()).unwrap_err();
        assert!(matches!(error, BundleError::Json(_)), "{error}");
        assert!(error.to_string().contains("duplicate key"), "{error}");
    }
}

#[test]
fn files_that_change_their_places_or_come_from_elsewhere_are_named() {
    let text = text();
    let escaped = |id: &str| {
        let json = serde_json::to_string(&policy(id)).unwrap();
        json[1..json.len() - 1].to_owned()
    };
    let (a, b, elsewhere) = (escaped("a"), escaped("b"), escaped("elsewhere"));
    let swapped = text.replacen(&a, "?", 1).replacen(&b, &a, 1).replacen('?', &b, 1);
    assert_ne!(swapped, text);
    let told = |text: &str| Bundle::from_json(text.as_bytes()).unwrap_err().to_string();
    assert!(told(&swapped).starts_with("`a.toml` is not the file that was signed: it has sha256:"));
    let other = text.replacen(&b, &elsewhere, 1);
    assert!(told(&other).starts_with("`b.toml` is not the file that was signed"));
    let more = text.replacen("{\"files\":{", "{\"files\":{\"0.toml\":\"\",", 1);
    assert_eq!(told(&more), "`0.toml` is in the bundle but not in what was signed");
    let fewer = text.replacen(&format!("\"b.toml\":\"{b}\","), "", 1);
    assert_eq!(told(&fewer), "`b.toml` was signed but is not in the bundle");
}

#[test]
fn a_manifest_with_other_lines_is_refused_by_number() {
    let text = text();
    let told = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        Bundle::from_json(changed.as_bytes()).unwrap_err().to_string()
    };
    for (from, to, line) in [
        ("bundle v1\\n", "bundle v2\\n", 1),
        ("bundle v1\\n", "bundle v1 \\n", 1),
        ("version 7\\n", "version 07\\n", 2),
        ("version 7\\n", "version +7\\n", 2),
        ("version 7\\n", "version 0\\n", 2),
        ("version 7\\n", "version 18446744073709551616\\n", 2),
        ("version 7\\n", "version 7\\nversion 8\\n", 3),
        ("17:00:00Z\\n", "17:00:00.0Z\\n", 3),
        ("17:00:00Z\\n", "18:00:00+01:00\\n", 3),
        ("note Stay", "note Stay of 1\\nnote Stay", 5),
        ("file sha256:", "file SHA256:", 5),
    ] {
        let told = told(from, to);
        assert!(told.starts_with(&format!("manifest, line {line}: ")), "{to}: {told}");
    }
    assert!(told("note Stay", "note ").contains("the note must be one line"));
}

proptest! {
    #[test]
    fn whatever_can_be_made_is_read_back(
        version in 1..=u64::MAX,
        seconds in -62_135_596_800_i64..253_402_300_800,
        nanos in 0..1_000_000_000_i32,
        note in "[a-zA-Z\u{e9}\u{4e2d}\u{1f600} \"\\\\]{0,40}",
        texts in proptest::collection::btree_map("[a-z0-9_-]{1,8}", "[\t\r\n -~\u{a0}-\u{2000}\u{3000}-\u{1ffff}]{0,80}", 1..5),
    ) {
        let files = texts.iter().map(|(name, text)| (format!("{name}.toml"), text.clone()));
        let files = Files::new(files).unwrap();
        let made = jiff::Timestamp::new(seconds, nanos).unwrap();
        let bundle = match Bundle::new(version, made, note.trim(), files) {
            Ok(bundle) => bundle,
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        let bytes = bundle.to_json();
        let read = Bundle::from_json(&bytes).unwrap();
        prop_assert_eq!(&read, &bundle);
        prop_assert_eq!(read.to_json(), bytes);
    }
}
