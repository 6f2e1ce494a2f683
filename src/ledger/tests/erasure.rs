//! Erasure and legal holds.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

use serde_json::Value;
use serde_json::json;

use super::support::{FaultyDisk, Op, at, export, records, settings};
use crate::ledger::store::{LedgerStore, SegmentFile};
use crate::ledger::{
    Done, Entry, Head, Holds, Ledger, LedgerError, LedgerSettings, Order, Scope, carry_out,
};
use crate::model::DecisionId;
use crate::settings::PersonalParts;

fn sealed(dir: &Path) -> LedgerSettings {
    let look = Duration::from_millis(1);
    LedgerSettings { look, personal: PersonalParts::Sealed, ..settings(dir) }
}

fn record(ledger: &Ledger, account: &str) -> DecisionId {
    let personal = json!({ "evidence": { "account": account } }).to_string();
    let id = DecisionId::new(at(5));
    let subject = format!("account:{account}");
    let entry = Entry {
        document: Some(br#"{"action":"resale"}"#),
        head: Head::Plain,
        id,
        kind: "decision",
        personal: Some(personal.as_bytes()),
        subject: Some(&subject),
    };
    ledger.append(at(5), &entry).unwrap();
    id
}

fn erase(account: &str) -> Order {
    Order::Erase {
        by: "J. Doe".to_owned(),
        reason: "asked for by the customer".to_owned(),
        subject: format!("account:{account}"),
    }
}

fn hold(scope: Scope) -> Order {
    Order::Hold { by: None, name: "case-1".to_owned(), reason: "a subpoena".to_owned(), scope }
}

fn release() -> Order {
    Order::Release { by: None, name: "case-1".to_owned(), reason: "over".to_owned() }
}

fn views(dir: &Path) -> Vec<Value> {
    let mut out = Vec::new();
    export(dir, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The 32 bytes of every key there is.
fn keys(dir: &Path) -> Vec<[u8; 32]> {
    let mut keys = Vec::new();
    for entry in fs::read_dir(dir.join("subjects")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("keys-") {
            let bytes = fs::read(path).unwrap();
            keys.extend(
                bytes[128..].chunks(128).map(|entry| <[u8; 32]>::try_from(&entry[64..96]).unwrap()),
            );
        }
    }
    keys
}

fn refused<T: std::fmt::Debug>(done: Result<T, LedgerError>) -> String {
    match done {
        Err(LedgerError::Refused { reason }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn an_erasure_destroys_all_keys_of_one_subject_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let (ledger, _) = Ledger::open(sealed(dir.path())).unwrap();
        for account in ["A-17", "B-4", "A-17"] {
            record(&ledger, account);
        }
        ledger.close().unwrap();
    }
    let before = (keys(dir.path()), records(dir.path()));
    let done = carry_out(sealed(dir.path()), erase("A-17")).unwrap();
    assert_eq!(done, Done::Erased { keys: 2, sequence: 6 });
    let after = keys(dir.path());
    assert_eq!(after.iter().filter(|key| **key == [0; 32]).count(), 2);
    assert_eq!(after.iter().filter(|key| before.0.contains(key)).count(), 2);
    assert_eq!(records(dir.path())[..6], before.1, "the log has not changed");
    let views = views(dir.path());
    for (at, view) in views[..6].iter().enumerate() {
        let of_a = at % 3 != 1;
        assert_eq!(view.get("erased"), of_a.then_some(&Value::Bool(true)), "{view}");
        assert_eq!(view["action"], "resale");
        if !of_a {
            assert_eq!(view["evidence"]["account"], "B-4");
        }
    }
    assert_eq!(views[6]["kind"], "erasure");
    assert_eq!(views[6]["by"], "J. Doe");
    assert_eq!(views[6]["subject_key"].as_array().unwrap().len(), 2);
    assert!(!views[6].to_string().contains("A-17"));
    // Whoever asks twice has a record of it twice, and one who was never there is refused.
    let again = carry_out(sealed(dir.path()), erase("A-17")).unwrap();
    assert_eq!(again, Done::Erased { keys: 0, sequence: 7 });
    assert!(refused(carry_out(sealed(dir.path()), erase("a-17"))).contains("spelt otherwise"));
}

#[test]
fn beside_a_running_process_the_key_is_gone_from_its_memory_too() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(sealed(dir.path())).unwrap();
    record(&ledger, "A-17");
    record(&ledger, "B-4");
    let done = carry_out(sealed(dir.path()), erase("A-17")).unwrap();
    assert_eq!(done, Done::Erased { keys: 1, sequence: 2 });
    assert_eq!(fs::read_dir(dir.path().join("requests")).unwrap().count(), 0);
    // One who comes back has another key.
    record(&ledger, "A-17");
    ledger.close().unwrap();
    let views = views(dir.path());
    assert_eq!(views[0]["erased"], true);
    assert_eq!(views[1]["evidence"]["account"], "B-4");
    assert_eq!(views[3]["evidence"]["account"], "A-17");
    assert_eq!(keys(dir.path()).iter().filter(|key| **key == [0; 32]).count(), 1);
}

#[test]
fn an_erasure_that_fails_is_not_on_record_and_the_next_try_destroys_what_is_left() {
    for op in [Op::Write, Op::ShortWrite, Op::Sync] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::of_files_named("keys-");
        let counting = Counting::over(disk.clone());
        let (ledger, _) = Ledger::open_on(Arc::new(counting.clone()), sealed(dir.path())).unwrap();
        record(&ledger, "A-17");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(ledger.settled()).unwrap();
        disk.fail(&[op]);
        let failed = ledger.handle.shared.carry_out(&erase("A-17"), None);
        assert!(matches!(failed, Err(LedgerError::Io { .. })), "{op:?}: {failed:?}");
        // Half destroyed, the part may be unreadable; nothing says that it was erased.
        assert_eq!(records(dir.path()).len(), 1, "{op:?}");
        disk.fail(&[]);
        let synced = counting.syncs();
        ledger.handle.shared.carry_out(&erase("A-17"), None).unwrap();
        assert!(
            counting.syncs() > synced,
            "{op:?}: a sync that failed is not taken for one that did not"
        );
        ledger.close().unwrap();
        assert_eq!(keys(dir.path()), [[0; 32]]);
        let views = views(dir.path());
        assert_eq!((&views[0]["erased"], &views[1]["kind"]), (&json!(true), &json!("erasure")));
    }
}

#[test]
fn a_hold_that_cannot_be_written_is_not_on_record_and_is_laid_later() {
    for op in [Op::Create, Op::Write, Op::ShortWrite, Op::Sync, Op::Rename] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::of_files_named("case-1");
        let opened = Ledger::open_on(Arc::new(disk.clone()), sealed(dir.path()));
        let (ledger, _) = opened.unwrap();
        disk.fail(&[op]);
        let failed = ledger.handle.shared.carry_out(&hold(Scope::All), None);
        assert!(matches!(failed, Err(LedgerError::Io { .. })), "{op:?}: {failed:?}");
        assert_eq!(Holds::of(dir.path()).list().unwrap(), vec![]);
        disk.fail(&[]);
        ledger.handle.shared.carry_out(&hold(Scope::All), None).unwrap();
        disk.fail(&[Op::Remove]);
        ledger.handle.shared.carry_out(&release(), None).unwrap_err();
        assert_eq!(
            Holds::of(dir.path()).list().unwrap().len(),
            1,
            "one that is not released stands"
        );
        disk.fail(&[]);
        ledger.handle.shared.carry_out(&release(), None).unwrap();
        ledger.close().unwrap();
        assert_eq!(Holds::of(dir.path()).list().unwrap(), vec![]);
    }
}

/// A disk that counts the syncs of files of keys.
#[derive(Clone, Debug)]
struct Counting {
    disk: FaultyDisk,
    syncs: Arc<AtomicU64>,
}

#[derive(Debug)]
struct CountingFile {
    file: Arc<dyn SegmentFile>,
    syncs: Option<Arc<AtomicU64>>,
}

impl Counting {
    fn over(disk: FaultyDisk) -> Self {
        Self { disk, syncs: Arc::default() }
    }

    fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::SeqCst)
    }

    fn counted(&self, path: &Path, file: Arc<dyn SegmentFile>) -> Arc<dyn SegmentFile> {
        let of_keys = path.file_name().unwrap().to_string_lossy().starts_with("keys-");
        Arc::new(CountingFile { file, syncs: of_keys.then(|| Arc::clone(&self.syncs)) })
    }
}

impl LedgerStore for Counting {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(self.counted(path, self.disk.create(path)?))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(self.counted(path, self.disk.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.disk.truncate(path, length)
    }
}

impl SegmentFile for CountingFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()?;
        if let Some(syncs) = &self.syncs {
            syncs.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }
}

#[test]
fn what_is_being_written_when_the_process_starts_is_left_and_what_is_old_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let requests = dir.path().join("requests");
    fs::create_dir(&requests).unwrap();
    for name in ["young.new", "young.answer", "old.new", "old.taken"] {
        fs::write(requests.join(name), "{}").unwrap();
    }
    for name in ["old.new", "old.taken"] {
        let file = fs::File::options().write(true).open(requests.join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    let (ledger, _) = Ledger::open(sealed(dir.path())).unwrap();
    super::support::wait_until(|| fs::read_dir(&requests).unwrap().count() == 2);
    ledger.close().unwrap();
    assert!(requests.join("young.new").exists() && requests.join("young.answer").exists());
}

#[test]
fn a_request_that_nobody_waits_for_any_more_is_not_carried_out() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(sealed(dir.path())).unwrap();
    record(&ledger, "A-17");
    let requests = dir.path().join("requests");
    fs::create_dir(&requests).unwrap();
    let late = json!({ "order": erase("A-17"), "until": "2020-01-01T00:00:00Z" }).to_string();
    fs::write(requests.join("late.new"), late).unwrap();
    fs::rename(requests.join("late.new"), requests.join("late.request")).unwrap();
    super::support::wait_until(|| fs::read_dir(&requests).unwrap().count() == 0);
    fs::write(requests.join("odd.new"), "{}").unwrap();
    fs::rename(requests.join("odd.new"), requests.join("odd.request")).unwrap();
    super::support::wait_until(|| requests.join("odd.answer").exists());
    ledger.close().unwrap();
    assert_eq!(views(dir.path()).len(), 1);
    assert_ne!(keys(dir.path())[0], [0; 32]);
}

#[test]
fn a_legal_hold_of_each_kind_refuses_an_erasure_until_it_is_released() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(sealed(dir.path())).unwrap();
    let id = record(&ledger, "A-17").to_string();
    let other = record(&ledger, "B-4").to_string();
    ledger.close().unwrap();
    let own = Scope::Subject("account:A-17".to_owned());
    let held = [
        Scope::All,
        own.clone(),
        Scope::Record { id, seq: 0 },
        Scope::Between { from: at(5), to: at(5) },
    ];
    let free = [
        Scope::Subject("account:B-4".to_owned()),
        Scope::Record { id: other, seq: 0 },
        Scope::Between { from: at(6), to: at(7) },
        Scope::Between { from: at(0), to: at(4) },
    ];
    for scope in held {
        carry_out(sealed(dir.path()), hold(scope.clone())).unwrap();
        let reason = refused(carry_out(sealed(dir.path()), erase("A-17")));
        assert!(reason.contains("`case-1` (a subpoena)"), "{reason}");
        if scope == own {
            assert_eq!(views(dir.path()).last().unwrap()["subject"], "account:A-17");
        }
        assert_eq!(Holds::of(dir.path()).list().unwrap().len(), 1);
        carry_out(sealed(dir.path()), release()).unwrap();
        assert_eq!(Holds::of(dir.path()).list().unwrap(), vec![]);
    }
    assert!(keys(dir.path()).iter().all(|key| *key != [0; 32]));
    for scope in free {
        carry_out(sealed(dir.path()), hold(scope)).unwrap();
        carry_out(sealed(dir.path()), erase("A-17")).unwrap();
        carry_out(sealed(dir.path()), release()).unwrap();
    }
    let notes: Vec<_> =
        views(dir.path()).into_iter().filter(|view| view["kind"] == "hold").collect();
    assert_eq!(notes.len(), 16);
    assert_eq!((&notes[0]["action"], &notes[1]["action"]), (&json!("add"), &json!("release")));
    // Whom a hold was on is of a person, and was erased with the rest.
    assert_eq!((&notes[2]["name"], &notes[2]["erased"]), (&json!("case-1"), &json!(true)));
}

#[test]
fn a_hold_that_cannot_be_is_refused_and_the_same_one_twice_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(sealed(dir.path())).unwrap();
    record(&ledger, "A-17");
    let named = |name: &str| Order::Hold {
        by: None,
        name: name.to_owned(),
        reason: "r".to_owned(),
        scope: Scope::All,
    };
    for name in ["", "../x", ".x", "a b", &"x".repeat(65)] {
        assert!(refused(carry_out(sealed(dir.path()), named(name))).contains("no name of a hold"));
    }
    let unknown = Scope::Record { id: "nothing".to_owned(), seq: 0 };
    assert!(refused(carry_out(sealed(dir.path()), hold(unknown))).contains("no record has the id"));
    let inverted = Scope::Between { from: at(2), to: at(1) };
    assert!(refused(carry_out(sealed(dir.path()), hold(inverted))).contains("before it begins"));
    assert!(refused(carry_out(sealed(dir.path()), release())).contains("there is no hold"));
    carry_out(sealed(dir.path()), hold(Scope::All)).unwrap();
    carry_out(sealed(dir.path()), hold(Scope::All)).unwrap();
    let other = Scope::Subject("account:A-17".to_owned());
    assert!(refused(carry_out(sealed(dir.path()), hold(other))).contains("already"));
    fs::write(dir.path().join("holds/damaged.json"), "{").unwrap();
    assert!(refused(carry_out(sealed(dir.path()), erase("A-17"))).contains("is no hold"));
    ledger.close().unwrap();
}
