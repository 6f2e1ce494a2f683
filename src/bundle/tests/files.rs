//! Which files a bundle holds, and that they mean what they mean in a folder.

use std::fs;
use std::path::Path;

use crate::bundle::Bundle;
use crate::bundle::BundleError;
use crate::bundle::Files;
use crate::policy::load_dirs;

use super::support::made;
use super::support::policy;

fn with(name: &str, text: &str) -> Result<Files, BundleError> {
    let files = [("p.toml", policy("p")), (name, text.to_owned())];
    Files::new(files.map(|(name, text)| (name.to_owned(), text)))
}

#[test]
fn only_plain_names_of_policies_and_cases_are_taken() {
    for name in ["a.toml", "A-1_b.2.toml", "cases/a.jsonl"] {
        with(name, "").unwrap();
    }
    let long = format!("{}.toml", "a".repeat(124));
    for name in [
        "",
        ".toml",
        "a.json",
        "a.TOML",
        "../a.toml",
        "..",
        "/a.toml",
        "x/a.toml",
        "cases/../a.jsonl",
        "cases/a.toml",
        "cases/.jsonl",
        "cases/x/a.jsonl",
        "cases\\a.jsonl",
        "a.jsonl",
        "a b.toml",
        "a\nversion 9.toml",
        "\u{e4}.toml",
        ".a.toml",
        &long,
    ] {
        assert!(matches!(with(name, ""), Err(BundleError::Name(n)) if n == name), "{name}");
    }
    assert!(matches!(with("p.toml", ""), Err(BundleError::Twice(name)) if name == "p.toml"));
}

#[test]
fn sizes_are_bounded_and_a_bundle_without_a_policy_is_none() {
    let large = "#".repeat(8 << 20);
    assert!(matches!(with("a.toml", &large), Err(BundleError::TooLarge)));
    let many = (0..1_001).map(|n| (format!("{n}.toml"), String::new()));
    assert!(matches!(Files::new(many), Err(BundleError::TooMany)));
    let cases = [("cases/a.jsonl".to_owned(), String::new())];
    assert!(matches!(Files::new(cases), Err(BundleError::NoPolicy)));
    for deceives in ['\0', '\u{1b}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}'] {
        let text = format!("# one\r\n#\t{deceives}\n");
        assert!(matches!(with("a.toml", &text), Err(BundleError::Control { line: 2, .. })));
    }
    // What is allowed at most can be written and read again.
    let quotes = "\"".repeat((8 << 20) - 10_000);
    let bundle = Bundle::new(1, made(), "", with("a.toml", &quotes).unwrap()).unwrap();
    assert_eq!(Bundle::from_json(&bundle.to_json()).unwrap(), bundle);
}

#[test]
fn versions_instants_and_notes_have_bounds() {
    let new = |version, made, note| Bundle::new(version, made, note, super::support::files());
    assert!(matches!(new(0, made(), ""), Err(BundleError::Version)));
    let before = jiff::Timestamp::MIN;
    assert!(matches!(new(1, before, ""), Err(BundleError::Made(_))));
    for note in
        [" a", "a ", "a\nversion 9", "a\u{202e}b", "a\u{9b}b", "a\u{2028}b", &"a".repeat(1_001)]
    {
        assert!(matches!(new(1, made(), note), Err(BundleError::NoteText)), "{note:?}");
    }
}

#[test]
fn the_revision_of_a_bundle_is_that_of_its_folder() {
    for dir in ["policies", "policies/examples"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
        let files = Files::read(&dir).unwrap();
        assert!(files.cases().count() > 0);
        let bundle = Bundle::new(1, made(), "", files).unwrap();
        let read = Bundle::from_json(&bundle.to_json()).unwrap();
        let (of_folder, of_bundle) = (load_dirs(&[dir]).unwrap(), read.policies().unwrap());
        assert_eq!(of_bundle.revision(), of_folder.revision());
        assert_eq!(of_bundle.rule_count(), of_folder.rule_count());
    }
}

#[test]
fn names_sort_in_a_bundle_as_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    for (at, name) in
        ["a.toml", "a-b.toml", "B.toml", "a.b.toml", "a0.toml", "_.toml"].iter().enumerate()
    {
        fs::write(folder.path().join(name), policy(&format!("p{at}"))).unwrap();
    }
    let bundle = Bundle::new(1, made(), "", Files::read(folder.path()).unwrap()).unwrap();
    let set = load_dirs(&[folder.path().to_owned()]).unwrap();
    assert_eq!(bundle.policies().unwrap().revision(), set.revision());
}

#[test]
fn a_fault_names_file_line_and_key_as_in_a_folder() {
    let bundle =
        Bundle::new(1, made(), "", with("bad.toml", "[policy]\nid = \"x\"\ntitel = 1\n").unwrap());
    let errors = bundle.unwrap().policies().unwrap_err().to_string();
    assert!(errors.starts_with("bad.toml:3: unknown field `titel`"), "{errors}");
}

#[test]
fn a_folder_gives_its_own_policies_and_cases_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("p.toml", policy("p").as_bytes());
    write("README.md", b"not a policy");
    write("examples/q.toml", b"not of this folder");
    write("cases/p.jsonl", b"");
    write("cases/notes.txt", b"not a case");
    let names: Vec<_> =
        Files::read(folder.path()).unwrap().iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, ["cases/p.jsonl", "p.toml"]);
    write(".#p.toml", b"");
    assert!(
        matches!(Files::read(folder.path()), Err(BundleError::Name(name)) if name == ".#p.toml")
    );
    fs::remove_file(folder.path().join(".#p.toml")).unwrap();
    write("cases/p.jsonl", b"\xff");
    let error = Files::read(folder.path()).unwrap_err();
    assert!(
        matches!(&error, BundleError::Unreadable { path, .. } if path.ends_with("cases/p.jsonl"))
    );
    assert!(!error.is_io(), "it is read, and is bad data");
    assert!(Files::read(&folder.path().join("none")).unwrap_err().is_io());
}
