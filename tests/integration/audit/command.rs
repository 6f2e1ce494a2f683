//! `interdict ledger verify`: what it says, and how it ends.

use std::fs;
use std::path::Path;

use super::Ledger;
use crate::naive_ledger::{Signer, id, leaves, proof, sample, write_tiles};
use crate::support::{Ended, interdict, run};

fn verify(arguments: &[&str]) -> Ended {
    run(interdict().args(["ledger", "verify"]).args(arguments))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_sound_ledger_ends_with_0_and_says_what_was_proven() {
    let ledger = Ledger::new(605);
    let dir = text(ledger.path()).to_owned();
    let own = verify(&[&dir]);
    assert_eq!((own.code, own.stdout.as_str()), (Some(0), ""), "{}", own.stderr);
    let root = fs::read_to_string(ledger.file("checkpoint")).unwrap();
    let root = root.lines().nth(2).unwrap();
    let line = format!("ok: 605 records in 3 segments, published to size 600, root {root}\n");
    assert!(own.stderr.contains(&line), "{}", own.stderr);
    assert!(own.stderr.contains("5 records not yet published"), "{}", own.stderr);
    assert!(own.stderr.contains("80 encrypted, 41 erased (1 erasures)"), "{}", own.stderr);
    assert!(own.stderr.contains("the folder's own key"), "{}", own.stderr);

    let (key, kept) = (ledger.file("elsewhere.pub"), ledger.file("kept.txt"));
    fs::write(&key, ledger.log.public()).unwrap();
    fs::write(&kept, ledger.log.checkpoint(&leaves(&ledger.records)[..300])).unwrap();
    let witness = ledger.witness.public();
    let line = ledger.log.public();
    for key in [text(&key), line.trim_end()] {
        let found =
            verify(&[&dir, "--key", key, "--checkpoint", text(&kept), "--witness", &witness]);
        assert_eq!(found.code, Some(0), "{}", found.stderr);
        assert!(!found.stderr.contains("own key"), "{}", found.stderr);
        let said = "witness `watcher.example` cosigned size 580 at 2026-11-25T09:46:40Z";
        assert!(found.stderr.contains(said), "{}", found.stderr);
        assert!(found.stderr.contains("5 checkpoints contained"), "{}", found.stderr);
    }
}

#[test]
fn defects_are_65_missing_files_74_and_bad_arguments_64() {
    let ledger = Ledger::new(600);
    let dir = text(ledger.path()).to_owned();
    let other = Signer::log("log.example/gate", 4).public();
    let wrong = verify(&[&dir, "--key", other.trim_end()]);
    assert_eq!(wrong.code, Some(65), "{}", wrong.stderr);
    assert!(wrong.stderr.starts_with("interdict: `ledger.pub` at byte 0: "), "{}", wrong.stderr);
    for (arguments, code) in [
        (&[][..], 64),
        (&["--proof", "x"], 64),
        (&[&dir, "--proof", "x", "--key", "y"], 64),
        (&[&dir, "--key", "no+such+key"], 64),
        (&[&dir, "--witness", other.trim_end()], 64),
        (&[&dir, "--key", "no-such-file"], 74),
        (&[&dir, "--checkpoint", "no-such-file"], 74),
        (&["no-such-folder", "--key", other.trim_end()], 74),
        (&["no-such-folder", "--tiles"], 74),
        (&["--proof", "no-such-file", "--key", other.trim_end()], 74),
    ] {
        let found = verify(arguments);
        assert_eq!(found.code, Some(code), "{arguments:?}: {}", found.stderr);
        assert!(found.stdout.is_empty() && !found.stderr.contains("ok:"), "{arguments:?}");
    }
    ledger.change("tree/level-0", |bytes| bytes[0] ^= 1);
    let found = verify(&[&dir]);
    assert_eq!(found.code, Some(65));
    let said = format!("`segment-00000000000000000000.sealed` at byte 64, record 0 ({}): ", id(0));
    assert!(found.stderr.contains(&said), "{}", found.stderr);
}

#[test]
fn a_ledger_whose_segments_are_all_gone_is_not_taken_for_an_empty_folder() {
    let ledger = Ledger::new(600);
    for entry in fs::read_dir(ledger.path()).unwrap() {
        let path = entry.unwrap().path();
        if text(&path).contains("segment-") {
            fs::remove_file(path).unwrap();
        }
    }
    let found = verify(&[text(ledger.path())]);
    assert_eq!(found.code, Some(65));
    assert!(found.stderr.contains("but the log ends after 0"), "{}", found.stderr);
}

#[test]
fn a_folder_of_tiles_is_known_by_its_names() {
    let dir = tempfile::tempdir().unwrap();
    let log = Signer::log("log.example/gate", 1);
    let records: Vec<_> = (0..300).map(sample).collect();
    write_tiles(dir.path(), &records, &log);
    for flags in [&[][..], &["--tiles"]] {
        let found = verify(&[&[text(dir.path())], flags].concat());
        assert_eq!(found.code, Some(0), "{}", found.stderr);
        assert!(found.stderr.contains("ok: 300 entries in tiles, root "), "{}", found.stderr);
    }
    fs::remove_dir_all(dir.path().join("evidence")).unwrap();
    let found = verify(&[text(dir.path())]);
    assert!(found.code == Some(0) && found.stderr.contains("documents are not there"));
    fs::remove_file(dir.path().join("tile/0/000")).unwrap();
    let found = verify(&[text(dir.path())]);
    assert_eq!(found.code, Some(65));
    assert!(found.stderr.contains("`tile/0/000` at byte 0: the file is missing"));
}

#[test]
fn a_proof_is_verified_with_the_key_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let log = Signer::log("log.example/gate", 1);
    let records: Vec<_> = (0..40).map(sample).collect();
    let file = dir.path().join("record.tlog-proof");
    fs::write(&file, proof(&records, 30, &log.checkpoint(&leaves(&records)), true, true)).unwrap();
    let key = log.public();
    let found = verify(&["--proof", text(&file), "--key", key.trim_end()]);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    let said = format!("ok: decision {} of 2026-11-25T00:00:18.518505Z, block by us/block", id(30));
    assert!(found.stderr.starts_with(&said), "{}", found.stderr);
    assert!(found.stderr.contains("is entry 30 of 40 in `log.example/gate`"), "{}", found.stderr);
    let shown: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!((&shown["index"], &shown["envelope"]["id"]), (&30.into(), &id(30).into()));
    assert_eq!(shown["document"]["action"], "sale");
    assert_eq!(shown["personal"]["account"], "A-30");

    let other = Signer::log("log.example/gate", 5).public();
    let found = verify(&["--proof", text(&file), "--key", other.trim_end()]);
    assert_eq!((found.code, found.stdout.as_str()), (Some(65), ""));
}
