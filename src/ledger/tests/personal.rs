//! Personal parts: what is encrypted is read back with its key and with nothing else, and the key is on disk first.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use serde_json::Value;
use serde_json::json;

use super::support::{FaultyDisk, Op, at, export, settings, wait_until};
use crate::ledger::reader::Reader;
use crate::ledger::{
    Entry, Head, Ledger, LedgerError, LedgerSettings, Masker, SigningSettings, SubjectKeys,
};
use crate::model::DecisionId;
use crate::settings::PersonalParts;

fn kept(dir: &Path, personal: PersonalParts) -> LedgerSettings {
    LedgerSettings { personal, ..settings(dir) }
}

fn record(ledger: &Ledger, subject: Option<&str>, personal: &Value) -> Result<u64, LedgerError> {
    let personal = personal.to_string();
    let entry = Entry {
        document: Some(br#"{"action":"resale","evidence":{"vouching":"none"}}"#),
        head: Head::Plain,
        id: DecisionId::new(at(5)),
        kind: "decision",
        personal: Some(personal.as_bytes()),
        subject,
    };
    ledger.append(at(5), &entry).map(|receipt| receipt.sequence())
}

fn of_account(account: &str) -> Value {
    json!({ "evidence": { "account": account }, "request": { "client": "203.0.113.9" } })
}

fn views(dir: &Path) -> Vec<Value> {
    let mut out = Vec::new();
    export(dir, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All bytes of all files, folders included.
fn bytes(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { bytes(&path) } else { fs::read(&path).unwrap() });
    }
    all
}

fn holds(all: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(all, text).is_some()
}

#[test]
fn what_is_sealed_stands_nowhere_in_clear_and_the_export_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(kept(dir.path(), PersonalParts::Sealed)).unwrap();
    record(&ledger, Some("account:A-17"), &of_account("A-17")).unwrap();
    record(&ledger, Some("account:B-4"), &of_account("B-4")).unwrap();
    record(&ledger, Some("account:A-17"), &of_account("A-17")).unwrap();
    record(&ledger, None, &of_account("unknown")).unwrap();
    ledger.close().unwrap();
    let all = bytes(dir.path());
    for text in ["A-17", "B-4", "203.0.113.9", "unknown"] {
        assert!(!holds(&all, text.as_bytes()), "{text}");
    }
    let views = views(dir.path());
    let accounts: Vec<_> = views.iter().map(|view| view["evidence"]["account"].clone()).collect();
    assert_eq!(accounts, ["A-17", "B-4", "A-17", "unknown"]);
    assert_eq!(views[0]["evidence"]["vouching"], "none");
    let mut reader = Reader::open(dir.path()).unwrap();
    let mut ids = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        let parts = record.parts().unwrap();
        let envelope: Value = serde_json::from_slice(parts.envelope).unwrap();
        assert_eq!(envelope.to_string().as_bytes(), parts.envelope, "canonical");
        assert_eq!(envelope["subject_key"], parts.subject_key().unwrap());
        let without = record.view().unwrap();
        assert!(!without.contains_key("request") && !without.contains_key("erased"));
        ids.push(parts.subject_key().unwrap().to_owned());
    }
    assert_eq!(ids[0], ids[2], "one key a subject");
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
}

#[test]
fn after_a_new_start_a_subject_has_another_key_and_both_are_read() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let (ledger, _) = Ledger::open(kept(dir.path(), PersonalParts::Sealed)).unwrap();
        record(&ledger, Some("account:A-17"), &of_account("A-17")).unwrap();
        ledger.close().unwrap();
    }
    assert!(views(dir.path()).iter().all(|view| view["evidence"]["account"] == "A-17"));
    assert_eq!(
        fs::read_dir(dir.path().join("subjects")).unwrap().count(),
        4,
        "three and the secret"
    );
}

#[test]
fn a_key_that_is_missing_without_an_erasure_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(kept(dir.path(), PersonalParts::Sealed)).unwrap();
    record(&ledger, Some("account:A-17"), &of_account("A-17")).unwrap();
    ledger.close().unwrap();
    let file = dir.path().join("subjects/keys-00000000");
    let whole = fs::read(&file).unwrap();
    for damaged in [whole[..128].to_vec(), {
        let mut bytes = whole.clone();
        bytes[128 + 70] ^= 1;
        bytes
    }] {
        fs::write(&file, damaged).unwrap();
        let failed = export(dir.path(), &mut Vec::new());
        assert!(matches!(failed, Err(LedgerError::NoKey { sequence: 0, .. })), "{failed:?}");
    }
    fs::remove_file(dir.path().join("subjects/secret")).unwrap();
    let failed = Ledger::open(kept(dir.path(), PersonalParts::Sealed));
    assert!(matches!(failed, Err(LedgerError::Subjects { .. })), "{failed:?}");
}

#[test]
fn a_key_that_a_power_cut_took_with_the_last_records_is_told_as_lost() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("ledger");
    let signing = SigningSettings { key: folder.path().join("key.pem"), origin: None };
    let signed = LedgerSettings { signing: Some(signing), ..kept(&dir, PersonalParts::Sealed) };
    let (ledger, _) = Ledger::open(signed.clone()).unwrap();
    record(&ledger, Some("account:old"), &of_account("old")).unwrap();
    wait_until(|| ledger.status().published_size == 1);
    let checkpoint = fs::read(dir.join("checkpoint")).unwrap();
    record(&ledger, Some("account:new"), &of_account("new")).unwrap();
    ledger.close().unwrap();
    // The last page of keys never reached the disk; that of the record did.
    let file = dir.join("subjects/keys-00000000");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, [&whole[..256], &[0; 128]].concat()).unwrap();
    fs::write(dir.join("checkpoint"), checkpoint).unwrap();
    for _ in 0..2 {
        Ledger::open(signed.clone()).unwrap().0.close().unwrap();
        let views = views(&dir);
        assert_eq!(views[0]["evidence"]["account"], "old");
        assert_eq!((&views[1]["lost"], views[1].get("request")), (&json!(true), None));
    }
    // What a checkpoint covers was on the disk, and its key before it: without an erasure it must be there.
    fs::write(&file, &whole[..128]).unwrap();
    Ledger::open(signed).unwrap().0.close().unwrap();
    let failed = export(&dir, &mut Vec::new());
    assert!(matches!(failed, Err(LedgerError::NoKey { sequence: 0, .. })), "{failed:?}");
}

#[test]
fn keys_opened_before_a_record_read_it_too() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(kept(dir.path(), PersonalParts::Sealed)).unwrap();
    let keys = SubjectKeys::open(dir.path()).unwrap();
    for round in 0..3 {
        let account = format!("A-{round}");
        record(&ledger, Some(&account), &of_account(&account)).unwrap();
        let mut reader = Reader::open_at(dir.path(), round).unwrap();
        let view = reader.next_record().unwrap().unwrap().view_with(&keys).unwrap();
        assert_eq!(view["evidence"]["account"], account);
    }
    ledger.close().unwrap();
}

#[test]
fn many_threads_with_the_same_subjects_make_one_key_for_each() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(kept(dir.path(), PersonalParts::Sealed)).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..200 {
                    let account = format!("A-{}", n % 50);
                    record(&ledger, Some(&account), &of_account(&account)).unwrap();
                }
            });
        }
    });
    ledger.close().unwrap();
    let file = fs::read(dir.path().join("subjects/keys-00000000")).unwrap();
    assert_eq!(file.len(), 128 * 51);
    assert_eq!(views(dir.path()).len(), 800);
}

#[test]
fn a_key_that_cannot_be_written_or_synced_refuses_the_record_and_heals() {
    for op in [Op::Create, Op::Write, Op::ShortWrite, Op::Sync] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::of_files_named("keys-");
        let of_disk = Arc::new(disk.clone());
        let look = std::time::Duration::from_millis(1);
        let opened = LedgerSettings { look, ..kept(dir.path(), PersonalParts::Sealed) };
        let (ledger, _) = Ledger::open_on(of_disk, opened).unwrap();
        record(&ledger, Some("account:old"), &of_account("old")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(ledger.settled()).unwrap();
        disk.fail(&[op]);
        let failed = record(&ledger, Some("account:new"), &of_account("new"))
            .and_then(|_| runtime.block_on(ledger.settled()));
        if op == Op::Create {
            // The file is there: only another would have to be created.
            failed.unwrap();
        } else {
            assert!(matches!(failed, Err(LedgerError::Failed { .. })), "{op:?}: {failed:?}");
            assert!(ledger.status().failed.is_some(), "{op:?}");
        }
        disk.fail(&[]);
        wait_until(|| ledger.status().failed.is_none());
        record(&ledger, Some("account:newer"), &of_account("newer")).unwrap();
        runtime.block_on(ledger.settled()).unwrap();
        ledger.close().unwrap();
        let views = views(dir.path());
        assert_eq!(views[0]["evidence"]["account"], "old", "{op:?}");
        assert_eq!(views.last().unwrap()["evidence"]["account"], "newer", "{op:?}");
    }
}

#[test]
fn after_a_failed_sync_the_keys_are_written_again_to_a_file_that_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::of_files_named("keys-");
    let opened = kept(dir.path(), PersonalParts::Sealed);
    let (ledger, _) = Ledger::open_on(Arc::new(disk.clone()), opened).unwrap();
    record(&ledger, Some("account:old"), &of_account("old")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(ledger.settled()).unwrap();
    disk.fail(&[Op::Sync]);
    record(&ledger, Some("account:new"), &of_account("new")).unwrap();
    wait_until(|| ledger.status().failed.is_some());
    disk.fail(&[]);
    wait_until(|| ledger.status().failed.is_none());
    ledger.close().unwrap();
    // The page of the file whose sync failed never reached the disk.
    let first = dir.path().join("subjects/keys-00000000");
    let mut bytes = fs::read(&first).unwrap();
    bytes[256..].fill(0);
    fs::write(&first, bytes).unwrap();
    let accounts: Vec<_> =
        views(dir.path()).iter().map(|view| view["evidence"]["account"].clone()).collect();
    assert_eq!(accounts, ["old", "new"]);
}

#[test]
fn what_is_masked_stands_nowhere_in_clear_and_equal_identifiers_stay_equal() {
    let dir = tempfile::tempdir().unwrap();
    let personal = json!({
        "evidence": {
            "account": "A-17",
            "addresses": [{ "address": "203.0.113.9", "answers": [{ "country": "DE", "source": "db" }], "country": "DE" }],
            "claimed": { "account": "A-17", "billing_country": "FR" },
            "email_domain": "shop.example",
            "principal": { "certificate": { "common_name": "Jane", "dns": ["host.example"] }, "issuer": "i", "subject": "jane" },
            "read": { "email": "ordinary" },
            "us_person": false,
        },
        "request": { "client": "203.0.113.9", "peer": "10.0.0.1" },
    });
    for _ in 0..2 {
        let (ledger, _) = Ledger::open(kept(dir.path(), PersonalParts::Masked)).unwrap();
        record(&ledger, Some("account:A-17"), &personal).unwrap();
        ledger.close().unwrap();
    }
    let all = bytes(dir.path());
    for text in ["A-17", "203.0.113.9", "10.0.0.1", "Jane", "jane", "host.example"] {
        assert!(!holds(&all, text.as_bytes()), "{text}");
    }
    let views = views(dir.path());
    assert_eq!(views[0]["evidence"], views[1]["evidence"]);
    let evidence = &views[0]["evidence"];
    let masker = Masker::open(dir.path()).unwrap().unwrap();
    let (account, address) = (masker.mask("A-17"), masker.mask("203.0.113.9"));
    assert!(account.starts_with("masked:") && account.len() == 7 + 24);
    assert_eq!(evidence["account"], account);
    assert_eq!(evidence["claimed"]["account"], account);
    assert_eq!(evidence["claimed"]["billing_country"], "FR");
    assert_eq!(evidence["addresses"][0]["address"], address);
    assert_eq!(evidence["addresses"][0]["country"], "DE");
    assert_eq!(evidence["addresses"][0]["answers"][0]["source"], "db");
    assert_eq!(evidence["email_domain"], "shop.example");
    assert_eq!(evidence["read"]["email"], "ordinary");
    assert_eq!(evidence["us_person"], false);
    assert_eq!(views[0]["request"]["client"], address);
    let other = tempfile::tempdir().unwrap();
    Ledger::open(kept(other.path(), PersonalParts::Masked)).unwrap().0.close().unwrap();
    let other = Masker::open(other.path()).unwrap().unwrap();
    assert_ne!(other.mask("A-17"), account, "each ledger has a secret of its own");
}
