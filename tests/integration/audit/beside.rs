//! Beside a running writer: files grow, are renamed, sealed and replaced while they are read.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use interdict::audit::{Options, VerifierKey, verify_dir};

use crate::naive_ledger::{
    Record, Signer, floor, frame, header, leaves, levels, sample, sealed, segment_name,
};

fn replace(dir: &Path, name: &str, bytes: &[u8]) {
    let temporary = dir.join("being-written");
    fs::write(&temporary, bytes).unwrap();
    fs::rename(temporary, dir.join(name)).unwrap();
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// Writes records one after the other in pieces that end within records, a new segment every 40; seals those before the last; appends to
/// the tree; publishes every 7 records.
fn write(dir: &Path, records: &[Record], log: &Signer, written: &AtomicU64) {
    fs::create_dir(dir.join("tree")).unwrap();
    fs::create_dir(dir.join("checkpoints")).unwrap();
    let leaves = leaves(records);
    let all = levels(&leaves);
    let (mut current, mut integrated) = (0, 0);
    for n in 0..records.len() as u64 {
        if n % 40 == 0 {
            let (new, seg) = (segment_name(n, "new"), segment_name(n, "seg"));
            fs::write(dir.join(&new), header(n, floor(records, n))).unwrap();
            fs::rename(dir.join(&new), dir.join(&seg)).unwrap();
            if n > 40 {
                let first = current - 40;
                replace(dir, &segment_name(first, "sealed"), &sealed(records, first, first + 40));
                fs::remove_file(dir.join(segment_name(first, "seg"))).unwrap();
            }
            current = n;
        }
        let file = dir.join(segment_name(current, "seg"));
        let bytes = frame(n, &records[n as usize]);
        let (a, b) = bytes.split_at(bytes.len() / 3);
        append(&file, a);
        append(&file, b);
        if n % 7 == 6 {
            let size = n as usize + 1;
            for (level, hashes) in all.iter().enumerate() {
                let width = 256_usize.pow(level as u32);
                let new = hashes[integrated / width..size / width].concat();
                append(&dir.join(format!("tree/level-{level}")), &new);
            }
            integrated = size;
            let checkpoint = log.checkpoint(&leaves[..size]);
            replace(dir, "checkpoint", checkpoint.as_bytes());
            replace(dir, "checkpoints/2026-11-25", checkpoint.as_bytes());
        }
        written.store(n + 1, Ordering::Release);
    }
}

#[test]
fn a_log_that_is_being_written_is_sound_at_every_moment() {
    let dir = tempfile::tempdir().unwrap();
    let records: Vec<_> = (0..700).map(sample).collect();
    let log = Signer::log("log.example/gate", 1);
    fs::write(dir.path().join("ledger.pub"), log.public()).unwrap();
    let (written, ended) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            write(dir.path(), &records, &log, &written);
            ended.store(true, Ordering::Release);
        });
        let mut seen = Vec::new();
        loop {
            let last = ended.load(Ordering::Acquire);
            let before = written.load(Ordering::Acquire);
            let report = verify_dir(dir.path(), &Options::default(), &mut |_, _| ()).unwrap();
            assert!(report.records >= before, "{} of {before}", report.records);
            seen.push(report.records);
            if last {
                assert_eq!((report.records, report.torn), (700, None));
                break;
            }
        }
        assert!(
            seen.iter().any(|records| (1..700).contains(records)),
            "only the end was seen: {seen:?}"
        );
    });
    let key = Some(VerifierKey::log(&log.public()).unwrap());
    let options = Options { key, ..Options::default() };
    let report = verify_dir(dir.path(), &options, &mut |_, _| ()).unwrap();
    assert_eq!(report.published.unwrap().size, 700);
}
