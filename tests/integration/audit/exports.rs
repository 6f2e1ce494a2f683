//! Folders of tiles, and the proof of one record.

use std::fs;
use std::path::Path;

use interdict::audit::{
    DefectKind, Options, Part, PersonalPart, VerifierKey, verify_proof, verify_tiles,
};

use super::defect;
use crate::naive_ledger::{Record, Signer, id, leaves, proof, sample, subject_key, write_tiles};

struct Folder {
    dir: tempfile::TempDir,
    records: Vec<Record>,
    log: Signer,
}

impl Folder {
    fn new(count: u64) -> Self {
        let folder = Self {
            dir: tempfile::tempdir().unwrap(),
            records: (0..count).map(sample).collect(),
            log: Signer::log("log.example/gate", 1),
        };
        write_tiles(folder.path(), &folder.records, &folder.log);
        folder
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn options(&self) -> Options {
        let key = VerifierKey::log(&self.log.public()).unwrap();
        Options { key: Some(key), ..Options::default() }
    }

    fn verify(&self) -> Result<interdict::audit::TilesReport, interdict::audit::AuditError> {
        verify_tiles(self.path(), &self.options(), &mut |_, _| ())
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path().join(name)).unwrap();
        change(&mut bytes);
        fs::write(self.path().join(name), bytes).unwrap();
    }
}

#[test]
fn a_sound_folder_of_tiles_verifies_at_every_width() {
    for count in [0, 1, 2, 255, 256, 257, 512, 700] {
        let folder = Folder::new(count);
        let report = folder.verify().unwrap();
        assert_eq!(report.published.size, count);
        // Without a record there is no file of evidence, nor its folder.
        let documents = report.parts.map_or(0, |parts| parts.documents);
        assert_eq!(documents, count - (count + 2) / 5, "{count}");
    }
}

#[test]
fn a_folder_without_evidence_is_verified_as_far_as_it_goes_and_says_so() {
    let folder = Folder::new(300);
    fs::remove_dir_all(folder.path().join("evidence")).unwrap();
    assert_eq!(folder.verify().unwrap().parts, None);
    // A part of it is not the whole.
    let folder = Folder::new(300);
    fs::remove_file(folder.path().join("evidence/001.p/44")).unwrap();
    let found = defect(folder.verify());
    assert_eq!((found.file.as_str(), found.kind), ("evidence/001.p/44", DefectKind::NoFile));
}

#[test]
fn changed_cut_and_missing_tiles_bundles_and_evidence_are_located() {
    let folder = Folder::new(600);
    for name in ["tile/0/001", "tile/1/000.p/2", "tile/entries/002.p/88", "evidence/000"] {
        let kept = fs::read(folder.path().join(name)).unwrap();
        for change in [
            (|bytes: &mut Vec<u8>| bytes.push(0)) as fn(&mut Vec<u8>),
            |bytes| bytes.truncate(bytes.len() - 1),
            |bytes| bytes.clear(),
        ] {
            folder.change(name, change);
            assert_eq!(defect(folder.verify()).file, name);
            fs::write(folder.path().join(name), &kept).unwrap();
        }
        fs::remove_file(folder.path().join(name)).unwrap();
        let found = defect(folder.verify());
        assert_eq!((found.file.as_str(), found.kind), (name, DefectKind::NoFile));
        fs::write(folder.path().join(name), &kept).unwrap();
    }
    folder.change("tile/0/001", |bytes| bytes[64] ^= 1);
    let found = defect(folder.verify());
    assert_eq!(found.kind, DefectKind::Leaf { tree: "tile/0/001".into(), offset: 64 });
    assert_eq!(found.file, "tile/entries/001");
    let record = found.record.unwrap();
    assert_eq!((record.sequence, record.id), (258, Some(id(258))));
    folder.change("tile/0/001", |bytes| bytes[64] ^= 1);

    folder.change("evidence/001", |bytes| bytes[4 + 20] ^= 1);
    let found = defect(folder.verify());
    assert_eq!((found.file.as_str(), found.offset), ("evidence/001", 0));
    assert_eq!(found.kind, DefectKind::Hash { part: Part::Document });
    assert_eq!(found.record.unwrap().sequence, 256);
}

#[test]
fn a_folder_of_tiles_of_another_log_or_an_older_state_is_found() {
    let folder = Folder::new(300);
    let mut options = folder.options();
    let more: Vec<_> = (0..301).map(sample).collect();
    options.checkpoints = vec![("kept".into(), folder.log.checkpoint(&leaves(&more)).into())];
    let found = defect(verify_tiles(folder.path(), &options, &mut |_, _| ()));
    assert!(matches!(found.kind, DefectKind::Fewer { size: 301, records: 300, .. }), "{found}");
    let mut forked = leaves(&folder.records);
    forked[3] = [1; 32];
    options.checkpoints = vec![("kept".into(), folder.log.checkpoint(&forked[..200]).into())];
    let found = defect(verify_tiles(folder.path(), &options, &mut |_, _| ()));
    assert!(matches!(found.kind, DefectKind::Root { size: 200, .. }) && found.file == "kept");
    let stranger = Signer::log("log.example/gate", 3);
    options.key = Some(VerifierKey::log(&stranger.public()).unwrap());
    assert_eq!(defect(verify_tiles(folder.path(), &options, &mut |_, _| ())).file, "ledger.pub");
    fs::remove_file(folder.path().join("ledger.pub")).unwrap();
    let found = defect(verify_tiles(folder.path(), &options, &mut |_, _| ()));
    assert!(matches!(found.kind, DefectKind::WrongKey { .. }), "{found}");
    let found = defect(verify_tiles(folder.path(), &Options::default(), &mut |_, _| ()));
    assert_eq!(found.kind, DefectKind::NoKey);
}

// === Proofs ===

struct Proofs {
    records: Vec<Record>,
    checkpoint: String,
    key: VerifierKey,
    witness: VerifierKey,
}

impl Proofs {
    fn new(count: u64) -> Self {
        let records: Vec<_> = (0..count).map(sample).collect();
        let (log, witness) = (Signer::log("log.example/gate", 1), Signer::witness("w.example", 2));
        let checkpoint = witness.cosign(&log.checkpoint(&leaves(&records)), 1_795_600_000);
        let key = VerifierKey::log(&log.public()).unwrap();
        let witness = VerifierKey::witness(&witness.public()).unwrap();
        Self { records, checkpoint, key, witness }
    }

    fn of(&self, index: usize, document: bool, personal: bool) -> String {
        proof(&self.records, index, &self.checkpoint, document, personal)
    }

    fn verify(&self, text: &str) -> Result<interdict::audit::Proven, interdict::audit::AuditError> {
        let witnesses = std::slice::from_ref(&self.witness);
        verify_proof("record.tlog-proof", text.as_bytes(), &self.key, witnesses)
    }
}

#[test]
fn a_proof_shows_the_record_and_what_it_carries() {
    let proofs = Proofs::new(300);
    let proven = proofs.verify(&proofs.of(30, true, true)).unwrap();
    assert_eq!((proven.index, proven.published.size), (30, 300));
    assert_eq!((proven.id.as_str(), proven.kind.as_str()), (id(30).as_str(), "decision"));
    assert_eq!(
        (proven.verdict.as_deref(), proven.rule.as_deref()),
        (Some("block"), Some("us/block"))
    );
    assert_eq!(proven.time, crate::naive_ledger::time(proofs.records[30].instant));
    let document = String::from_utf8(proofs.records[30].document[16..].to_vec()).unwrap();
    assert_eq!(proven.document, Some(document));
    assert!(matches!(&proven.personal, PersonalPart::Clear(text) if text.contains("A-30")));
    assert_eq!(proven.cosigned[0].time, 1_795_600_000);

    let proven = proofs.verify(&proofs.of(30, false, false)).unwrap();
    assert_eq!((proven.document, proven.personal), (None, PersonalPart::NotShown));
    let proven = proofs.verify(&proofs.of(31, true, true)).unwrap();
    assert_eq!(proven.personal, PersonalPart::Encrypted(subject_key(31 % 3)));
    let proven = proofs.verify(&proofs.of(32, true, true)).unwrap();
    assert_eq!((proven.document, proven.personal), (None, PersonalPart::None));
}

#[test]
fn every_record_of_logs_of_every_shape_is_proven_and_at_no_other_place() {
    for count in [1, 2, 3, 7, 8, 9] {
        let proofs = Proofs::new(count);
        for index in 0..count as usize {
            let text = proofs.of(index, true, true);
            assert_eq!(proofs.verify(&text).unwrap().index, index as u64);
            for other in (0..=count as usize).filter(|other| *other != index) {
                let moved =
                    text.replacen(&format!("\nindex {index}\n"), &format!("\nindex {other}\n"), 1);
                assert!(proofs.verify(&moved).is_err(), "{index} at {other} of {count}");
            }
        }
    }
}

/// What a changed byte can still be: a line of a stranger's signature. Here every signer is known.
#[test]
fn every_changed_byte_of_a_proof_is_detected() {
    let proofs = Proofs::new(9);
    let text = proofs.of(5, true, true);
    assert!(proofs.verify(&text).is_ok());
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1 << (at % 7);
        let witnesses = std::slice::from_ref(&proofs.witness);
        let verified = verify_proof("p", &bytes, &proofs.key, witnesses);
        assert!(verified.is_err(), "byte {at}");
    }
}

#[test]
fn a_proof_with_parts_of_another_record_or_unknown_members_is_refused() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let proofs = Proofs::new(9);
    let text = proofs.of(5, true, true);
    let replaced = |change: &dyn Fn(&mut serde_json::Value)| {
        let (head, rest) = text.split_once("extra ").unwrap();
        let (extra, rest) = rest.split_once('\n').unwrap();
        let mut extra = serde_json::from_slice(&STANDARD.decode(extra).unwrap()).unwrap();
        change(&mut extra);
        format!("{head}extra {}\n{rest}", STANDARD.encode(extra.to_string()))
    };
    assert!(proofs.verify(&replaced(&|_| ())).is_ok());
    let document = STANDARD.encode(&proofs.records[3].document);
    let found =
        defect(proofs.verify(&replaced(&|extra| extra["document"] = document.clone().into())));
    assert_eq!(found.kind, DefectKind::Hash { part: Part::Document });
    assert_eq!(found.record.unwrap().id, Some(id(5)));
    let envelope = STANDARD.encode(&proofs.records[3].envelope);
    let found =
        defect(proofs.verify(&replaced(&|extra| extra["envelope"] = envelope.clone().into())));
    assert!(matches!(found.kind, DefectKind::Proof { .. }), "{found}");
    assert!(proofs.verify(&replaced(&|extra| extra["more"] = 1.into())).is_err());
    let without_extra = text.lines().filter(|line| !line.starts_with("extra")).collect::<Vec<_>>();
    assert!(proofs.verify(&without_extra.join("\n")).is_err());
}

#[test]
fn a_proof_under_another_key_or_without_the_witness_proves_nothing() {
    let proofs = Proofs::new(9);
    let text = proofs.of(5, true, true);
    let other = VerifierKey::log(&Signer::log("log.example/gate", 7).public()).unwrap();
    let found = defect(verify_proof("p", text.as_bytes(), &other, &[]));
    assert!(matches!(found.kind, DefectKind::WrongKey { .. }), "{found}");
    let own = text.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    assert!(verify_proof("p", own.as_bytes(), &proofs.key, &[]).is_ok());
    let found = defect(proofs.verify(&own));
    assert_eq!(found.kind, DefectKind::NotCosigned { witness: "w.example".into() });
}
