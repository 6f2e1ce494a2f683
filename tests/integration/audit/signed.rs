//! Keys, checkpoints and witnesses.

use std::fs;

use interdict::audit::{DefectKind, Options, VerifierKey, verify_dir};

use super::{Ledger, defect};
use crate::naive_ledger::{Signer, leaves, sample};

fn given(ledger: &Ledger, text: &str) -> Options {
    Options { checkpoints: vec![("kept.txt".into(), text.into())], ..ledger.options() }
}

#[test]
fn a_wrong_key_is_found() {
    let ledger = Ledger::new(600);
    let other = Signer::log("log.example/gate", 9);
    let mut options = ledger.options();
    options.key = Some(VerifierKey::log(&other.public()).unwrap());
    let found = defect(verify_dir(ledger.path(), &options, &mut |_, _| ()));
    assert_eq!(found.file, "ledger.pub");
    // With its own key put in place of the log's, nothing that was signed is signed by it.
    fs::write(ledger.file("ledger.pub"), other.public()).unwrap();
    for key in [options.key, None] {
        let options = Options { key, ..Options::default() };
        let found = defect(verify_dir(ledger.path(), &options, &mut |_, _| ()));
        assert!(matches!(found.kind, DefectKind::WrongKey { .. }), "{found}");
    }
}

#[test]
fn without_a_key_from_outside_the_directorys_own_is_used_and_said_so() {
    let ledger = Ledger::new(600);
    let verify = || verify_dir(ledger.path(), &Options::default(), &mut |_, _| ());
    assert!(!verify().unwrap().key_given);
    fs::remove_file(ledger.file("ledger.pub")).unwrap();
    assert_eq!(defect(verify()).kind, DefectKind::NoKey);
    assert!(ledger.verify().unwrap().key_given);
}

#[test]
fn a_key_file_that_is_not_one_line_is_refused() {
    let ledger = Ledger::new(600);
    let line = ledger.log.public();
    for text in ["", line.trim_end(), &format!("{line}{line}"), &format!("{line} ")] {
        fs::write(ledger.file("ledger.pub"), text).unwrap();
        let found = ledger.defect();
        assert!(matches!(found.kind, DefectKind::PublicKey { .. }), "{found}");
    }
}

#[test]
fn a_forked_checkpoint_is_found_by_an_older_one_of_the_same_size() {
    let ledger = Ledger::new(600);
    let mut other = leaves(&ledger.records);
    other[40] = [7; 32];
    let kept = ledger.log.checkpoint(&other[..600]);
    let found = defect(verify_dir(ledger.path(), &given(&ledger, &kept), &mut |_, _| ()));
    assert_eq!(found.file, "kept.txt");
    assert!(matches!(found.kind, DefectKind::Root { size: 600, .. }), "{found}");
}

/// Records, tree and every checkpoint rewritten from the start by whoever has the key.
#[test]
fn a_rewritten_log_is_found_by_an_older_checkpoint() {
    let mut ledger = Ledger::new(600);
    let kept = ledger.log.checkpoint(&leaves(&ledger.records)[..410]);
    ledger.records[40] = crate::naive_ledger::record(
        40,
        sample(40).instant,
        serde_json::json!({"kind": "received"}),
        b"",
        b"",
    );
    ledger.write();
    assert!(ledger.verify().is_ok(), "whoever has the key can do that");
    let found = defect(verify_dir(ledger.path(), &given(&ledger, &kept), &mut |_, _| ()));
    assert_eq!(found.file, "kept.txt");
    assert!(matches!(found.kind, DefectKind::Root { size: 410, .. }), "{found}");
}

#[test]
fn a_log_that_is_smaller_than_what_was_signed_is_found() {
    let ledger = Ledger::new(600);
    let more: Vec<_> = (0..650).map(sample).collect();
    let kept = ledger.log.checkpoint(&leaves(&more));
    let found = defect(verify_dir(ledger.path(), &given(&ledger, &kept), &mut |_, _| ()));
    let kind = DefectKind::Fewer { checkpoint: "kept.txt".into(), size: 650, records: 600 };
    assert_eq!(found.kind, kind);
}

#[test]
fn older_and_newer_checkpoints_that_the_log_contains_are_counted() {
    let ledger = Ledger::new(605);
    let leaves = leaves(&ledger.records);
    let checkpoints = [0, 1, 255, 256, 257, 599, 600, 605];
    let checkpoints = checkpoints
        .map(|size| (format!("{size}"), ledger.log.checkpoint(&leaves[..size]).into_bytes()));
    let options = Options { checkpoints: checkpoints.into(), ..ledger.options() };
    let report = verify_dir(ledger.path(), &options, &mut |_, _| ()).unwrap();
    assert_eq!(report.checkpoints, 4 + 8);
}

#[test]
fn a_checkpoint_that_was_put_back_is_found_by_those_beside_it() {
    let ledger = Ledger::new(600);
    let leaves = leaves(&ledger.records);
    fs::write(ledger.file("checkpoint"), ledger.log.checkpoint(&leaves[..550])).unwrap();
    let found = ledger.defect();
    let other = "checkpoint.witnessed".to_owned();
    assert_eq!(found.kind, DefectKind::CheckpointBehind { size: 550, other, larger: 580 });
    assert_eq!(found.file, "checkpoint");
    fs::remove_file(ledger.file("checkpoint")).unwrap();
    assert_eq!(ledger.defect().kind, DefectKind::NoCheckpoint);
}

#[test]
fn every_checkpoint_of_a_day_is_verified_like_the_last() {
    let ledger = Ledger::new(600);
    let mut other = leaves(&ledger.records);
    other[3] = [7; 32];
    let day = "checkpoints/2026-11-25";
    for (text, matches) in [
        (ledger.log.checkpoint(&other[..520]), "the root of the first 520 records"),
        (Signer::log("log.example/gate", 9).checkpoint(&other[..520]), "bears no signature"),
        (Signer::log("log.example/other", 1).checkpoint(&other[..520]), "bears no signature"),
        ("nonsense\n".into(), "not a signed checkpoint"),
    ] {
        fs::write(ledger.file(day), text).unwrap();
        let found = ledger.defect();
        assert!(found.file == day && found.to_string().contains(matches), "{found}");
    }
}

/// The key may sign notes in the name of others; that is not a checkpoint of this log.
#[test]
fn a_checkpoint_of_another_origin_is_refused_though_the_key_signed_it() {
    let ledger = Ledger::new(600);
    let text = ledger.log.checkpoint(&leaves(&ledger.records)[..600]);
    let body = text.split_once("\n\n").unwrap().0.replacen("log.example/gate", "log.example/x", 1);
    fs::write(ledger.file("checkpoint"), ledger.log.sign(&format!("{body}\n"))).unwrap();
    let found = ledger.defect();
    assert_eq!(found.kind, DefectKind::Note { reason: "its origin is not the name of the key" });
}

#[test]
fn a_witness_that_was_asked_for_must_have_cosigned() {
    let ledger = Ledger::new(600);
    let stranger = Signer::witness("stranger.example", 5);
    let mut options = ledger.options();
    options.witnesses.push(VerifierKey::witness(&stranger.public()).unwrap());
    let found = defect(verify_dir(ledger.path(), &options, &mut |_, _| ()));
    assert_eq!(found.kind, DefectKind::NotCosigned { witness: "stranger.example".into() });

    // A cosignature under a known name that does not verify is never passed over.
    let witnessed = fs::read_to_string(ledger.file("checkpoint.witnessed")).unwrap();
    let elsewhere = Signer::log("log.example/gate", 1).checkpoint(&leaves(&ledger.records)[..581]);
    let elsewhere = ledger.witness.cosign(&elsewhere, 5);
    let line = elsewhere.trim_end().rsplit_once('\n').unwrap().1.to_owned();
    let (kept, _) = witnessed.trim_end().rsplit_once('\n').unwrap();
    fs::write(ledger.file("checkpoint.witnessed"), format!("{kept}\n{line}\n")).unwrap();
    let found = ledger.defect();
    assert_eq!(found.kind, DefectKind::Signature { by: "watcher.example".into() });
}
