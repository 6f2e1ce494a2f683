//! Any single changed byte of any file is detected.

use std::fs;
use std::path::{Path, PathBuf};

use interdict::audit::{Options, VerifierKey, verify_dir, verify_proof, verify_tiles};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

use super::Ledger;
use crate::naive_ledger::{Signer, header, sample, write_tiles};

/// Every file below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// A byte of one of the files, and what it is changed by. Small files are as likely as large ones.
fn change(files: &[PathBuf]) -> impl Strategy<Value = (PathBuf, usize, u8)> + use<> {
    let sizes: Vec<_> =
        files.iter().map(|file| (file.clone(), fs::read(file).unwrap().len())).collect();
    let one_of = proptest::sample::select(sizes);
    let byte = prop_oneof![
        (0_u8..8).prop_map(|bit| 1 << bit),
        any::<u8>().prop_filter("a change", |x| *x != 0)
    ];
    (one_of, any::<proptest::sample::Index>(), byte, Just(()))
        .prop_map(|((file, size), at, by, ())| (file, at.index(size), by))
}

/// A file may also end at any byte.
fn each_cut_is_detected(dir: &Path, cases: u32, sound: impl Fn() -> bool) {
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let ran = runner.run(&change(&files(dir)), |(file, at, _)| {
        let kept = fs::read(&file).unwrap();
        fs::write(&file, &kept[..at]).unwrap();
        let detected = !sound();
        fs::write(&file, kept).unwrap();
        proptest::prop_assert!(detected, "{} cut at byte {at}", file.display());
        Ok(())
    });
    ran.unwrap();
    assert!(sound());
}

fn each_is_detected(dir: &Path, cases: u32, sound: impl Fn() -> bool) {
    assert!(sound());
    let files = files(dir);
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let ran = runner.run(&change(&files), |(file, at, by)| {
        let kept = fs::read(&file).unwrap();
        let mut changed = kept.clone();
        changed[at] ^= by;
        fs::write(&file, changed).unwrap();
        let detected = !sound();
        fs::write(&file, kept).unwrap();
        proptest::prop_assert!(detected, "{} at byte {at} by {by:#x}", file.display());
        Ok(())
    });
    ran.unwrap();
    assert!(sound());
}

#[test]
fn any_file_that_is_cut_short_is_detected() {
    let ledger = Ledger::new(600);
    each_cut_is_detected(ledger.path(), 200, || ledger.verify().is_ok());
    let dir = tempfile::tempdir().unwrap();
    let records: Vec<_> = (0..300).map(sample).collect();
    write_tiles(dir.path(), &records, &ledger.log);
    let options = Options::default();
    each_cut_is_detected(dir.path(), 200, || {
        verify_tiles(dir.path(), &options, &mut |_, _| ()).is_ok()
    });
}

proptest::proptest! {
    /// Hostile bytes are an error, never a panic and never a proof.
    #[test]
    fn no_bytes_make_the_verifier_panic(bytes: Vec<u8>, text in "(c2sp.org/tlog-proof@v1\n)?(extra [A-Za-z0-9=]{0,12}\n)?(index [0-9]{1,22}\n)?([A-Za-z0-9+/=]{44}\n){0,3}\n(a\n[0-9]{1,21}\n.{44}\n)?\n(— a [A-Za-z0-9=]{4,120}\n)?") {
        let log = Signer::log("a", 1).public();
        let key = VerifierKey::log(&log).unwrap();
        for bytes in [&bytes[..], text.as_bytes()] {
            proptest::prop_assert!(verify_proof("p", bytes, &key, &[]).is_err());
        }
        proptest::prop_assert!(VerifierKey::log(&String::from_utf8_lossy(&bytes)).is_err());
        let dir = tempfile::tempdir().unwrap();
        for name in ["segment-00000000000000000000.seg", "segment-00000000000000000000.sealed"] {
            let magic = if name.ends_with("seg") { header(0, i64::MIN) } else { b"INTERDAR\x01\0\0\0".to_vec() };
            fs::write(dir.path().join(name), [magic, bytes.clone()].concat()).unwrap();
            let report = verify_dir(dir.path(), &Options::default(), &mut |_, _| ());
            proptest::prop_assert!(report.is_err() || report.is_ok_and(|report| report.records == 0));
        }
    }
}

#[test]
fn any_changed_byte_of_a_ledger_is_detected() {
    let ledger = Ledger::new(600);
    let names: Vec<_> =
        files(ledger.path()).iter().map(|file| file.extension().map(ToOwned::to_owned)).collect();
    assert_eq!(names.len(), 3 + 2 + 4 + 1, "segments, tree, checkpoints, key");
    each_is_detected(ledger.path(), 600, || ledger.verify().is_ok());
}

/// Without a key or a witness from outside too: the directory's own signature covers it.
#[test]
fn any_changed_byte_of_what_the_log_signed_is_detected_by_its_own_key() {
    let ledger = Ledger::new(600);
    fs::remove_file(ledger.file("checkpoint.witnessed")).unwrap();
    each_is_detected(ledger.path(), 300, || {
        verify_dir(ledger.path(), &Options::default(), &mut |_, _| ()).is_ok()
    });
}

#[test]
fn any_changed_byte_of_a_folder_of_tiles_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    let records: Vec<_> = (0..600).map(sample).collect();
    let log = Signer::log("log.example/gate", 1);
    write_tiles(dir.path(), &records, &log);
    let key = Some(VerifierKey::log(&log.public()).unwrap());
    let options = Options { key, ..Options::default() };
    assert_eq!(
        files(dir.path()).len(),
        2 + 3 + 1 + 3 + 3,
        "notes, tiles of two levels, bundles, evidence"
    );
    each_is_detected(dir.path(), 600, || {
        verify_tiles(dir.path(), &options, &mut |_, _| ()).is_ok()
    });
}

/// Every byte of a small ledger, one after the other.
#[test]
fn every_byte_of_a_small_ledger_counts() {
    use crate::naive_ledger::{leaves, sealed, segment, segment_name, write_tree};
    let dir = tempfile::tempdir().unwrap();
    let records: Vec<_> = (0..6).map(sample).collect();
    let log = Signer::log("log.example/gate", 1);
    fs::write(dir.path().join(segment_name(0, "sealed")), sealed(&records, 0, 3)).unwrap();
    fs::write(dir.path().join(segment_name(3, "seg")), segment(&records, 3, 6)).unwrap();
    write_tree(dir.path(), &records);
    fs::write(dir.path().join("ledger.pub"), log.public()).unwrap();
    fs::write(dir.path().join("checkpoint"), log.checkpoint(&leaves(&records))).unwrap();
    let sound = || verify_dir(dir.path(), &Options::default(), &mut |_, _| ()).is_ok();
    assert!(sound());
    for file in files(dir.path()) {
        let kept = fs::read(&file).unwrap();
        for at in 0..kept.len() {
            let mut changed = kept.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&file, changed).unwrap();
            assert!(!sound(), "{} at byte {at}", file.display());
        }
        fs::write(&file, kept).unwrap();
    }
    assert!(sound());
}
