//! Records, segments and the tree: what was changed, cut, removed, swapped or repeated is found, and where.

use std::fs;

use interdict::audit::{DefectKind, Part, Parts, Torn};

use super::{Ledger, PUBLISHED, offset_of};
use crate::naive_ledger::{
    Record, entry, floor, frame, framed, header, id, parts, sample, sealed, segment, segment_name,
};

const SECOND: &str = "segment-00000000000000000300.seg";
const LAST: &str = "segment-00000000000000000560.seg";

#[test]
fn a_sound_ledger_is_counted() {
    let ledger = Ledger::new(605);
    let mut shown = Vec::new();
    let progress = &mut |done, total| shown.push((done, total));
    let report = interdict::audit::verify_dir(ledger.path(), &ledger.options(), progress).unwrap();
    assert!(shown.iter().all(|(done, total)| done <= total) && !shown.is_empty());
    assert_eq!((report.segments, report.sealed), (3, 1));
    assert_eq!((report.records, report.unpublished, report.checkpoints), (605, 5, 4));
    let published = report.published.unwrap();
    assert_eq!((published.origin.as_str(), published.size), ("log.example/gate", 600));
    assert!(report.key_given && report.key.unwrap().starts_with("log.example/gate+"));
    assert_eq!((report.cosigned[0].size, report.cosigned[0].time), (580, 1_795_600_000));
    // Of 605 records 121 are of each kind, but for the erasure that took the place of one without a personal part. The key of every
    // third of those in ciphertext was destroyed.
    let parts = Parts { documents: 484, clear: 121, encrypted: 80, erased: 41 };
    assert_eq!((report.parts, report.erasures), (parts, 1));
    assert_eq!((report.superseded_bytes, report.torn), (0, None));
}

#[test]
fn a_directory_without_segments_is_a_report_of_none() {
    let dir = tempfile::tempdir().unwrap();
    let report = interdict::audit::verify_dir(dir.path(), &Default::default(), &mut |_, _| ());
    assert_eq!(report.unwrap().segments, 0);
}

#[test]
fn a_flipped_bit_of_a_record_is_found_at_the_record() {
    let ledger = Ledger::new(600);
    let at = offset_of(&ledger.records, 300, 317);
    for within in [0, 5, 9, 17, 30, 100, 200] {
        ledger.change(SECOND, |bytes| bytes[at + within] ^= 1);
        let found = ledger.defect();
        assert_eq!((found.file.as_str(), found.offset), (SECOND, at as u64), "{within}");
        assert_eq!(found.record.unwrap().sequence, 317);
        ledger.change(SECOND, |bytes| bytes[at + within] ^= 1);
    }
    assert!(ledger.verify().is_ok());
    let found = {
        ledger.change(SECOND, |bytes| bytes[at + 100] ^= 1);
        ledger.defect().to_string()
    };
    assert_eq!(
        found,
        format!("`{SECOND}` at byte {at}, record 317: the record does not match its checksum")
    );
}

#[test]
fn a_flipped_bit_of_a_header_is_found() {
    let ledger = Ledger::new(600);
    for at in 0..32 {
        ledger.change(SECOND, |bytes| bytes[at] ^= 0x10);
        let found = ledger.defect();
        assert!(matches!(found.kind, DefectKind::Header { .. }), "{at}: {found}");
        assert_eq!((found.file.as_str(), found.offset), (SECOND, 0));
        ledger.change(SECOND, |bytes| bytes[at] ^= 0x10);
    }
    ledger.change(SECOND, |bytes| bytes.truncate(20));
    assert_eq!(ledger.defect().kind, DefectKind::Header { reason: "it is cut short" });
}

/// Someone who computes every checksum anew is found by the hashes.
#[test]
fn a_record_that_was_rewritten_with_its_checksums_is_found_by_the_tree() {
    let mut ledger = Ledger::new(600);
    let sound = ledger.records[318].clone();
    let altered = String::from_utf8(sound.envelope).unwrap().replace("us/block", "us/allow");
    ledger.records[318].envelope = altered.into_bytes();
    ledger.write_segments();
    let found = ledger.defect();
    let at = offset_of(&ledger.records, 300, 318) as u64;
    assert_eq!((found.file.as_str(), found.offset), (SECOND, at));
    let record = found.record.unwrap();
    assert_eq!((record.sequence, record.id), (318, Some(id(318))));
    let tree = "tree/level-0".to_owned();
    assert_eq!(found.kind, DefectKind::Leaf { tree, offset: 318 * 32 });

    // And if the tree is made anew too, by the next checkpoint that covers it.
    crate::naive_ledger::write_tree(ledger.path(), &ledger.records);
    let found = ledger.defect();
    assert_eq!(found.file, "checkpoints/2026-11-25");
    assert!(matches!(found.kind, DefectKind::Root { size: 520, .. }), "{found}");
}

#[test]
fn parts_that_are_not_what_the_envelope_committed_to_are_found() {
    let sound = |n: u64| sample(n);
    let replaced = |n: u64, record: Record| {
        let mut ledger = Ledger::new(600);
        ledger.records[usize::try_from(n).unwrap()] = record;
        ledger.write();
        let found = ledger.defect();
        assert_eq!(found.record.clone().unwrap().sequence, n, "{found}");
        found.kind
    };
    let mut record = sound(310);
    record.document[20] ^= 1;
    assert_eq!(replaced(310, record), DefectKind::Hash { part: Part::Document });
    let mut record = sound(310);
    record.personal[3] ^= 1;
    assert_eq!(replaced(310, record), DefectKind::Hash { part: Part::Personal });
    let mut record = sound(311);
    record.personal[3] ^= 1;
    assert_eq!(replaced(311, record), DefectKind::Hash { part: Part::Personal });
    for (n, document) in [(310, true), (310, false), (311, false)] {
        let mut record = sound(n);
        if document { &mut record.document } else { &mut record.personal }.clear();
        assert!(matches!(replaced(n, record), DefectKind::Layout { .. }));
    }
    for document in [true, false] {
        let mut record = sound(312);
        *(if document { &mut record.document } else { &mut record.personal }) = vec![b' '; 30];
        assert!(matches!(replaced(312, record), DefectKind::Layout { .. }));
    }
    let with_document = |document: &[u8]| {
        let members = serde_json::json!({"kind": "received"});
        crate::naive_ledger::record(310, sound(310).instant, members, document, b"")
    };
    for json in ["{\"b\":1,\"a\":2}", "{ }", "[]", "{}x", ""] {
        let document = [&[7; 16], json.as_bytes()].concat();
        let kind = replaced(310, with_document(&document));
        assert!(matches!(kind, DefectKind::Json { .. } | DefectKind::Layout { .. }), "{kind}");
    }
    let record = crate::naive_ledger::erasure(310, sound(310).instant, &[]);
    assert_eq!(replaced(310, record), DefectKind::Erasure);
}

#[test]
fn an_envelope_that_is_not_as_specified_is_found() {
    for (from, to) in [
        ("\"v\":1", "\"v\":2"),
        ("\"kind\"", "\"king\""),
        (":\"decision", ": \"decision"),
        ("2026-11-25T", "2026-11-26T"),
        (".", ","),
        ("019ac0de", "019ac0dE"),
    ] {
        let mut ledger = Ledger::new(600);
        let text = String::from_utf8(ledger.records[313].envelope.clone()).unwrap();
        assert!(text.contains(from));
        ledger.records[313].envelope = text.replacen(from, to, 1).into_bytes();
        ledger.write();
        let found = ledger.defect();
        assert!(matches!(found.kind, DefectKind::Envelope { .. }), "{found}");
        assert_eq!(found.record.unwrap().sequence, 313);
    }
}

#[test]
fn a_payload_that_its_parts_do_not_fill_is_found() {
    let ledger = Ledger::new(600);
    let record = &ledger.records[313];
    let sound = [entry(record), parts(record)].concat();
    for payload in [
        [&sound[..], b"x"].concat(),
        sound[..sound.len() - 1].to_vec(),
        sound[..9].to_vec(),
        vec![0],
        vec![],
    ] {
        let mut bytes = segment(&ledger.records, 300, 313);
        bytes.extend(framed(313, record.instant, &payload));
        let rest = segment(&ledger.records, 314, 560);
        bytes.extend(&rest[32..]);
        fs::write(ledger.file(SECOND), bytes).unwrap();
        let found = ledger.defect();
        assert!(matches!(found.kind, DefectKind::Layout { .. }), "{found}");
        assert_eq!(found.record.unwrap().sequence, 313);
    }
}

#[test]
fn removed_swapped_and_repeated_records_are_found() {
    let ledger = Ledger::new(600);
    let records = &ledger.records;
    let (before, after) = (segment(records, 300, 340), segment(records, 343, 560)[32..].to_vec());
    let [a, b, c] = [340, 341, 342].map(|n| frame(n, &records[n as usize]));
    let at = before.len();
    for (middle, expected, found, behind) in [
        ([&a[..], &c].concat(), 341, 342, a.len()),
        ([&b[..], &a, &c].concat(), 340, 341, 0),
        ([&a[..], &a, &b, &c].concat(), 341, 340, a.len()),
        ([&a[..], &b, &c, &a].concat(), 343, 340, a.len() + b.len() + c.len()),
    ] {
        fs::write(ledger.file(SECOND), [&before[..], &middle, &after].concat()).unwrap();
        let defect = ledger.defect();
        assert_eq!(defect.kind, DefectKind::OutOfOrder { expected, found });
        assert_eq!((defect.file.as_str(), defect.offset), (SECOND, (at + behind) as u64));
    }
    // With sequence and instant made to fit, the envelope's time or the tree says it.
    let (swapped_b, swapped_a) = (
        framed(340, records[340].instant, &[entry(&records[341]), parts(&records[341])].concat()),
        framed(341, records[341].instant, &[entry(&records[340]), parts(&records[340])].concat()),
    );
    let bytes = [&before[..], &swapped_b, &swapped_a, &c, &after].concat();
    fs::write(ledger.file(SECOND), bytes).unwrap();
    assert_eq!(ledger.defect().record.unwrap().id, Some(id(341)));
}

#[test]
fn an_instant_that_falls_is_found() {
    let mut ledger = Ledger::new(600);
    let mut late = sample(330);
    late.instant += 60_000_000;
    let text = String::from_utf8(late.envelope).unwrap();
    let time = |instant| crate::naive_ledger::time(instant);
    late.envelope = text.replace(&time(sample(330).instant), &time(late.instant)).into_bytes();
    ledger.records[330] = late;
    ledger.write();
    let found = ledger.defect();
    assert_eq!((found.kind, found.record.unwrap().sequence), (DefectKind::InstantBackwards, 331));
}

#[test]
fn removed_swapped_and_repeated_segments_are_found() {
    let ledger = Ledger::new(600);
    let first = segment_name(0, "sealed");
    let [sealed_bytes, second, last] =
        [&first, SECOND, LAST].map(|name| fs::read(ledger.file(name)).unwrap());

    fs::remove_file(ledger.file(&first)).unwrap();
    let found = ledger.defect();
    assert_eq!(found.kind, DefectKind::Missing { expected: 0, found: 300 });
    fs::write(ledger.file(&first), sealed_bytes).unwrap();

    fs::remove_file(ledger.file(SECOND)).unwrap();
    let found = ledger.defect();
    assert_eq!(found.kind, DefectKind::Missing { expected: 300, found: 560 });
    assert_eq!(found.file, LAST);

    fs::write(ledger.file(SECOND), &last).unwrap();
    fs::write(ledger.file(LAST), &second).unwrap();
    let found = ledger.defect();
    assert!(matches!(found.kind, DefectKind::Header { .. }) && found.file == SECOND, "{found}");

    fs::write(ledger.file(SECOND), &second).unwrap();
    fs::write(ledger.file(LAST), &last).unwrap();
    let copy = segment_name(600, "seg");
    fs::write(ledger.file(&copy), &last).unwrap();
    let found = ledger.defect();
    assert!(matches!(found.kind, DefectKind::Header { .. }) && found.file == copy, "{found}");

    fs::remove_file(ledger.file(&copy)).unwrap();
    fs::remove_file(ledger.file(LAST)).unwrap();
    let found = ledger.defect();
    let kind =
        DefectKind::Fewer { checkpoint: "checkpoint.witnessed".into(), size: 580, records: 560 };
    assert_eq!(
        (found.kind, found.file.as_str(), found.offset),
        (kind, SECOND, second.len() as u64)
    );
}

#[test]
fn a_cut_tail_is_found_where_a_checkpoint_says_that_records_were() {
    let ledger = Ledger::new(603);
    let end = offset_of(&ledger.records, 560, 599);
    // Within a record, and exactly between two.
    for (cut, kind) in [
        (end + 50, DefectKind::Truncated),
        (end, DefectKind::Fewer { checkpoint: "checkpoint".into(), size: 600, records: 599 }),
    ] {
        ledger.change(LAST, |bytes| bytes.truncate(cut));
        let found = ledger.defect();
        assert_eq!((found.file.as_str(), found.offset, found.kind), (LAST, end as u64, kind));
    }
    // Even with the tree cut to what is left.
    crate::naive_ledger::write_tree(ledger.path(), &ledger.records[..599]);
    assert!(matches!(ledger.defect().kind, DefectKind::Fewer { .. }));
}

#[test]
fn a_torn_tail_behind_the_checkpoint_is_reported_and_no_defect() {
    let ledger = Ledger::new(603);
    crate::naive_ledger::write_tree(ledger.path(), &ledger.records[..PUBLISHED]);
    let end = offset_of(&ledger.records, 560, 602) as u64;
    ledger.change(LAST, |bytes| bytes.truncate(end as usize + 50));
    let report = ledger.verify().unwrap();
    assert_eq!((report.records, report.unpublished), (602, 2));
    assert_eq!(report.torn, Some(Torn { file: LAST.into(), offset: end, bytes: 50 }));
    // A hole of zeros too, as a power cut leaves it.
    ledger.change(LAST, |bytes| bytes[end as usize..].fill(0));
    assert!(ledger.verify().unwrap().torn.is_some());
}

#[test]
fn damage_with_a_whole_record_behind_it_is_no_torn_tail() {
    let ledger = Ledger::new(603);
    crate::naive_ledger::write_tree(ledger.path(), &ledger.records[..PUBLISHED]);
    let at = offset_of(&ledger.records, 560, 601);
    ledger.change(LAST, |bytes| bytes[at + 40] ^= 1);
    let found = ledger.defect();
    assert_eq!((found.offset, found.kind), (at as u64, DefectKind::Checksum));
}

#[test]
fn a_segment_ends_where_the_next_begins_whatever_it_goes_on_with() {
    let ledger = Ledger::new(600);
    ledger.change(SECOND, |bytes| bytes.extend(frame(560, &sample(7))));
    ledger.change(SECOND, |bytes| bytes.extend(b"left by a disk error"));
    let report = ledger.verify().unwrap();
    assert_eq!(report.records, 600);
    assert_eq!(report.superseded_bytes, frame(560, &sample(7)).len() as u64 + 20);
}

#[test]
fn an_unsettled_segment_is_read_exactly_where_the_last_one_ends() {
    let mut ledger = Ledger::new(600);
    ledger.records.extend((600..604).map(sample));
    let new = segment_name(600, "new");
    fs::write(ledger.file(&new), segment(&ledger.records, 600, 604)).unwrap();
    let report = ledger.verify().unwrap();
    assert_eq!((report.records, report.segments, report.unpublished), (604, 4, 4));
    // Its header never reached the disk.
    ledger.change(&new, |bytes| bytes.truncate(10));
    let report = ledger.verify().unwrap();
    assert_eq!(
        (report.records, report.torn),
        (600, Some(Torn { file: new.clone(), offset: 0, bytes: 10 }))
    );
    // It is not read where it would leave a gap.
    fs::rename(ledger.file(&new), ledger.file(&segment_name(601, "new"))).unwrap();
    assert_eq!(ledger.verify().unwrap().records, 600);
}

#[test]
fn a_sealed_segment_is_checked_in_every_field() {
    let ledger = Ledger::new(600);
    let name = segment_name(0, "sealed");
    let sound = fs::read(ledger.file(&name)).unwrap();
    let table = u64::from_le_bytes(sound[48..56].try_into().unwrap()) as usize;
    for at in (0..80).chain(table..sound.len()) {
        ledger.change(&name, |bytes| bytes[at] ^= 4);
        let found = ledger.defect();
        assert_eq!(found.file, name, "{at}: {found}");
        fs::write(ledger.file(&name), &sound).unwrap();
    }
    // The second block: its offset is named.
    let second = u64::from_le_bytes(sound[table + 8..table + 16].try_into().unwrap());
    ledger.change(&name, |bytes| bytes[second as usize + 99] ^= 4);
    let found = ledger.defect();
    assert_eq!((found.file.as_str(), found.offset), (name.as_str(), second));
    for bytes in
        [&sound[..sound.len() - 1], &sound[..70], &sound[..10], &[&sound[..], b"x"].concat()]
    {
        fs::write(ledger.file(&name), bytes).unwrap();
        assert_eq!(ledger.defect().file, name);
    }
    // Records that do not join the next segment.
    for end in [299, 301] {
        fs::write(ledger.file(&name), sealed(&ledger.records, 0, end)).unwrap();
        assert!(matches!(
            ledger.defect().kind,
            DefectKind::Missing { .. } | DefectKind::Sealed { .. }
        ));
    }
}

/// While a segment is replaced both are there, and every reader takes the `.seg`: another one is not hidden by a sound archive.
#[test]
fn where_a_segment_stands_beside_its_sealed_form_the_segment_is_verified() {
    let ledger = Ledger::new(600);
    let open = segment_name(0, "seg");
    fs::write(ledger.file(&open), segment(&ledger.records, 0, 300)).unwrap();
    let report = ledger.verify().unwrap();
    assert_eq!((report.records, report.sealed), (600, 0));
    let mut other = sample(1_007);
    other.instant = ledger.records[7].instant;
    let records: Vec<_> =
        (0..300).map(|n| if n == 7 { other.clone() } else { ledger.records[n].clone() }).collect();
    fs::write(ledger.file(&open), segment(&records, 0, 300)).unwrap();
    assert_eq!(ledger.defect().record.unwrap().sequence, 7);
    fs::write(ledger.file(&open), segment(&ledger.records, 0, 200)).unwrap();
    assert_eq!(ledger.defect().kind, DefectKind::Missing { expected: 200, found: 300 });
}

/// Every 24 bytes the head of a record of 16 MiB: to check them all would take hours.
#[test]
fn a_tail_that_was_made_to_be_searched_for_hours_is_a_defect() {
    let ledger = Ledger::new(600);
    let head = [&0x00ff_ffff_u32.to_le_bytes()[..], &[7; 4], &601_u64.to_le_bytes(), &[0; 8]];
    ledger.change(LAST, |bytes| bytes.extend(head.concat().repeat(1 << 20)));
    assert_eq!(ledger.defect().file, LAST);
    let error = read_whole(ledger.path()).unwrap_err();
    assert!(matches!(error, interdict::ledger::LedgerError::Defective(_)), "{error}");
}

/// What a reader makes of a folder, as `ledger export` reads it.
fn read_whole(dir: &std::path::Path) -> Result<(), interdict::ledger::LedgerError> {
    let mut reader = interdict::ledger::Reader::open(dir)?;
    while reader.next_record()?.is_some() {}
    Ok(())
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_an_error_and_no_wait() {
    let names = ["checkpoint", "checkpoints/2026-11-24", "ledger.pub", "tree/level-0", SECOND];
    for name in names.map(str::to_owned).into_iter().chain([segment_name(0, "sealed")]) {
        let ledger = Ledger::new(600);
        let path = ledger.file(&name);
        fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let found = ledger.verify().unwrap_err().to_string();
        assert!(found.contains("it is not a regular file"), "{name}: {found}");
        if name.starts_with("segment-") {
            let error = read_whole(ledger.path()).unwrap_err();
            assert!(matches!(error, interdict::ledger::LedgerError::Io { .. }), "{error}");
        }
    }
}

#[test]
fn the_tree_is_compared_hash_by_hash_on_every_level() {
    let ledger = Ledger::new(605);
    for (name, at, record) in [("tree/level-0", 320, 10), ("tree/level-0", 604 * 32, 604)] {
        ledger.change(name, |bytes| bytes[at] ^= 1);
        let found = ledger.defect();
        assert!(matches!(found.kind, DefectKind::Leaf { .. }), "{found}");
        assert_eq!(found.record.unwrap().sequence, record);
        ledger.change(name, |bytes| bytes[at] ^= 1);
    }
    ledger.change("tree/level-1", |bytes| bytes[40] ^= 1);
    let found = ledger.defect();
    assert_eq!((found.file.as_str(), found.offset), ("tree/level-1", 32));
    assert_eq!(found.kind, DefectKind::TreeHash { first: 256, last: 511 });
}

#[test]
fn a_tree_that_lags_behind_the_checkpoint_or_runs_ahead_of_the_log_is_found() {
    let ledger = Ledger::new(605);
    let behind = |name: &str, hashes, needed| {
        let found = ledger.defect();
        assert_eq!(found.file, name);
        assert_eq!(found.kind, DefectKind::TreeBehind { hashes, size: 600, needed });
    };
    // It may lag behind the records, and end in a torn hash, as long as it has what was published.
    ledger.change("tree/level-0", |bytes| bytes.truncate(600 * 32 + 7));
    assert!(ledger.verify().is_ok());
    ledger.change("tree/level-0", |bytes| bytes.truncate(600 * 32 - 1));
    behind("tree/level-0", 599, 600);
    crate::naive_ledger::write_tree(ledger.path(), &ledger.records);
    ledger.change("tree/level-1", |bytes| bytes.truncate(32));
    behind("tree/level-1", 1, 2);
    fs::remove_file(ledger.file("tree/level-1")).unwrap();
    behind("tree/level-1", 0, 2);
    crate::naive_ledger::write_tree(ledger.path(), &ledger.records);
    ledger.change("tree/level-0", |bytes| bytes.extend([7; 32]));
    let found = ledger.defect();
    assert_eq!(found.kind, DefectKind::TreeAhead { hashes: 606, records: 605, complete: 605 });
    assert_eq!((found.file.as_str(), found.offset), ("tree/level-0", 605 * 32));
    crate::naive_ledger::write_tree(ledger.path(), &ledger.records);
    ledger.change("tree/level-1", |bytes| bytes.extend([7; 32]));
    assert!(matches!(ledger.defect().kind, DefectKind::TreeAhead { complete: 2, .. }));
}

#[test]
fn lengths_that_nothing_stands_behind_claim_no_memory() {
    let ledger = Ledger::new(600);
    let bytes =
        [&header(600, floor(&ledger.records, 600))[..], &u32::MAX.to_le_bytes(), &[0; 40]].concat();
    fs::write(ledger.file(&segment_name(600, "seg")), bytes).unwrap();
    assert_eq!(ledger.verify().unwrap().torn.unwrap().bytes, 44);
}
