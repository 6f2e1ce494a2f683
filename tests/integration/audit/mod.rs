//! The independent verifier against ledgers that a naive writer made by the letter of the format.

mod beside;
mod command;
mod directory;
mod exports;
mod property;
mod signed;

use std::fs;
use std::path::{Path, PathBuf};

use interdict::audit::{AuditError, Defect, Options, Report, VerifierKey, verify_dir};
use tempfile::TempDir;

use crate::naive_ledger::{
    Record, Signer, erasure, leaves, sample, sealed, segment, segment_name, write_tree,
};

/// A sound ledger: records 0 to 299 sealed, 300 to 559 and 560 to the end in segments. The log signed 520, witnesses 580, the last
/// checkpoint is of 600 records; what is beyond is not published yet.
struct Ledger {
    dir: TempDir,
    records: Vec<Record>,
    log: Signer,
    witness: Signer,
}

const PUBLISHED: usize = 600;

impl Ledger {
    fn new(count: u64) -> Self {
        Self::of((0..count).map(|n| if n == 599 { last_erasure() } else { sample(n) }).collect())
    }

    fn of(records: Vec<Record>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (log, witness) =
            (Signer::log("log.example/gate", 1), Signer::witness("watcher.example", 2));
        let ledger = Self { dir, records, log, witness };
        ledger.write();
        ledger
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The bytes of a file, changed.
    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.file(name)).unwrap();
        change(&mut bytes);
        fs::write(self.file(name), bytes).unwrap();
    }

    /// Writes everything as the records are now.
    fn write(&self) {
        self.write_segments();
        write_tree(self.path(), &self.records);
        self.sign(PUBLISHED);
    }

    fn write_segments(&self) {
        let count = self.records.len() as u64;
        fs::write(self.file(&segment_name(0, "sealed")), sealed(&self.records, 0, 300)).unwrap();
        for (first, end) in [(300, 560), (560, count)] {
            let bytes = segment(&self.records, first, end);
            fs::write(self.file(&segment_name(first, "seg")), bytes).unwrap();
        }
    }

    fn sign(&self, published: usize) {
        let leaves = leaves(&self.records);
        fs::create_dir_all(self.file("checkpoints")).unwrap();
        fs::write(self.file("ledger.pub"), self.log.public()).unwrap();
        fs::write(self.file("checkpoints/2026-11-24"), self.log.checkpoint(&leaves[..0])).unwrap();
        fs::write(self.file("checkpoints/2026-11-25"), self.log.checkpoint(&leaves[..520]))
            .unwrap();
        let witnessed = self.log.checkpoint(&leaves[..580]);
        let witnessed = self.witness.cosign(&witnessed, 1_795_600_000);
        fs::write(self.file("checkpoint.witnessed"), witnessed).unwrap();
        fs::write(self.file("checkpoint"), self.log.checkpoint(&leaves[..published])).unwrap();
    }

    fn key(&self) -> VerifierKey {
        VerifierKey::log(&self.log.public()).unwrap()
    }

    fn options(&self) -> Options {
        let witness = VerifierKey::witness(&self.witness.public()).unwrap();
        Options { key: Some(self.key()), witnesses: vec![witness], ..Options::default() }
    }

    fn verify(&self) -> Result<Report, AuditError> {
        verify_dir(self.path(), &self.options(), &mut |_, _| ())
    }

    fn defect(&self) -> Defect {
        defect(self.verify())
    }
}

fn last_erasure() -> Record {
    let key = crate::naive_ledger::subject_key(1);
    erasure(599, sample(599).instant, &[key])
}

fn defect<T: std::fmt::Debug>(verified: Result<T, AuditError>) -> Defect {
    match verified {
        Err(AuditError::Defective(defect)) => *defect,
        other => panic!("no defect was found: {other:?}"),
    }
}

/// Where record `n` begins in a segment of those records.
fn offset_of(records: &[Record], first: u64, n: u64) -> usize {
    segment(records, first, n).len()
}
