//! Checkpoints, cosignatures, offline proofs and requests to witnesses.

use std::slice::from_ref;

use super::naive::Rows;
use super::naive::leaves;
use crate::merkle::AddCheckpoint;
use crate::merkle::AddCheckpointFault;
use crate::merkle::Checkpoint;
use crate::merkle::CheckpointFault;
use crate::merkle::Cosignature;
use crate::merkle::Hash;
use crate::merkle::HashFault;
use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::Note;
use crate::merkle::NoteFault;
use crate::merkle::ProofFileFault;
use crate::merkle::SigningKey;
use crate::merkle::TlogProof;
use crate::merkle::VerifierKey;
use crate::merkle::cosign;
use crate::merkle::inclusion_proof;
use crate::merkle::verify_inclusion;

/// The example of C2SP tlog-checkpoint.
const SOFA: &str =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
const SOFA_LOG: &str = "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
/// The example of C2SP tlog-cosignature.
const SOFA_WITNESS: &str = "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

const ORIGIN: &str = "example.com/log";

struct Party {
    name: KeyName,
    secret: SigningKey,
    key: VerifierKey,
}

impl Party {
    fn new(name: &str, kind: KeyKind) -> Self {
        let (name, secret) = (KeyName::new(name).unwrap(), SigningKey::generate().unwrap());
        Self { key: secret.verifier(name.clone(), kind), name, secret }
    }

    fn log() -> Self {
        Self::new(ORIGIN, KeyKind::Ed25519)
    }

    fn witness(name: &str) -> Self {
        Self::new(name, KeyKind::Cosignature)
    }

    fn cosign(&self, note: &mut Note, time: u64) {
        note.add(cosign(note.text(), &self.name, &self.secret, time).unwrap()).unwrap();
    }
}

fn checkpoint() -> Checkpoint {
    let root = crate::merkle::root(7, &Rows::of(&leaves(7)).0).unwrap();
    Checkpoint::new(&KeyName::new(ORIGIN).unwrap(), 7, root)
}

#[test]
fn c2sp_example_checkpoint_is_read() {
    let read = Checkpoint::parse(SOFA).unwrap();
    assert_eq!((read.origin(), read.size()), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(read.root().to_base64(), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
    assert_eq!((read.to_string().as_str(), read.extensions()), (SOFA, [].as_slice()));
    let extended = format!("{SOFA}one more\nand another\n");
    let read = Checkpoint::parse(&extended).unwrap();
    assert_eq!(read.extensions(), ["one more", "and another"]);
    assert_eq!(read.to_string(), extended);
}

#[test]
fn c2sp_example_cosignature_has_its_time() {
    let note: Note = format!("{SOFA}\n{SOFA_LOG}{SOFA_WITNESS}").parse().unwrap();
    let (time, signature) = note.signatures()[1].bytes().split_first_chunk().unwrap();
    assert_eq!(u64::from_be_bytes(*time), 1_679_315_147);
    assert_eq!(signature.len(), 64);
}

#[test]
fn what_a_log_signs_and_witnesses_cosign_is_opened() {
    let (log, first, second) = (Party::log(), Party::witness("w/1"), Party::witness("w/2"));
    let mut note = checkpoint().sign(&log.name, &log.secret).unwrap();
    first.cosign(&mut note, 1_700_000_000);
    second.cosign(&mut note, u64::MAX >> 1);
    first.cosign(&mut note, 1_700_000_001);
    let witnesses = [first.key.clone(), second.key.clone(), Party::witness("w/3").key];
    let text = note.to_string();
    let opened = Checkpoint::open(&text, ORIGIN, from_ref(&log.key), &witnesses).unwrap();
    assert_eq!((opened.checkpoint, opened.note), (checkpoint(), note));
    let who = |party: &Party, time| Cosignature { name: party.name.clone(), time };
    assert_eq!(opened.cosignatures, [who(&first, 1_700_000_001), who(&second, u64::MAX >> 1)]);
}

#[test]
fn a_checkpoint_that_its_log_did_not_sign_is_refused() {
    let (log, witness) = (Party::log(), Party::witness("w/1"));
    let mut note = checkpoint().sign(&log.name, &log.secret).unwrap();
    witness.cosign(&mut note, 1_700_000_000);
    let text = note.to_string();
    let keys = [log.key];
    let other = Party::log();
    let unsigned = Err(CheckpointFault::Note(NoteFault::Unsigned));
    let by_other = Checkpoint::open(&text, ORIGIN, &[other.key], from_ref(&witness.key));
    assert_eq!(by_other, unsigned, "a witness does not stand in for the log");
    assert_eq!(Checkpoint::open(&text, ORIGIN, &[], from_ref(&witness.key)), unsigned);
    let elsewhere = Checkpoint::open(&text, "example.com/other", &keys, &[]);
    let (expected, found) = ("example.com/other".to_owned(), ORIGIN.to_owned());
    assert_eq!(elsewhere, Err(CheckpointFault::Origin { expected, found }));
    let note = Note::sign("no checkpoint\n", &log.name, &log.secret).unwrap();
    let no_checkpoint = Checkpoint::open(&note.to_string(), ORIGIN, &keys, &[]);
    assert_eq!(no_checkpoint, Err(CheckpointFault::Shape));
}

#[test]
fn no_changed_bit_of_a_cosigned_checkpoint_is_believed() {
    let (log, witness) = (Party::log(), Party::witness("w/1"));
    let mut note = checkpoint().sign(&log.name, &log.secret).unwrap();
    witness.cosign(&mut note, 1_700_000_000);
    let text = note.to_string();
    let (logs, witnesses) = ([log.key], [witness.key]);
    let believed = |text: &str| {
        let opened = Checkpoint::open(text, ORIGIN, &logs, &witnesses);
        opened.is_ok_and(|opened| opened.cosignatures.len() == 1)
    };
    assert!(believed(&text));
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let changed = String::from_utf8(bytes).is_ok_and(|text| believed(&text));
            assert!(!changed, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_cosignature_is_of_a_checkpoint_by_a_cosigner() {
    let (log, witness) = (Party::log(), Party::witness("w/1"));
    let text = checkpoint().to_string();
    let sign = |text, time| cosign(text, &witness.name, &witness.secret, time);
    assert_eq!(sign("hello\n", 1), Err(CheckpointFault::Shape));
    let late = 1 << 63;
    assert_eq!(sign(&text, late), Err(CheckpointFault::Time { time: late }));
    let signature = sign(&text, 5).unwrap();
    let time =
        |key| Cosignature::verify(&text, &signature, key).map(|cosignature| cosignature.time);
    assert_eq!(time(&witness.key), Ok(5));
    let namesake = Party::witness("w/1");
    assert_eq!(time(&namesake.key), Err(NoteFault::Unsigned));
    assert_eq!(time(&log.key), Err(NoteFault::Unsigned));
    // The same key's plain signature of the same text is none.
    let plain = Note::sign(&text, &witness.name, &witness.secret).unwrap();
    assert_eq!(plain.verify(from_ref(&witness.key)), Err(NoteFault::Unsigned));
    // One that says so much time that C2SP forbids it does not verify, whoever signed it.
    let message = format!("cosignature/v1\ntime {late}\n{text}");
    let bytes = [late.to_be_bytes().as_slice(), &witness.secret.sign(message.as_bytes())].concat();
    let signature = crate::merkle::Signature::new(&witness.name, witness.key.id(), bytes);
    let wrong = Err(NoteFault::Wrong { name: witness.name.clone() });
    assert_eq!(Cosignature::verify(&text, &signature, &witness.key), wrong);
}

#[test]
fn a_checkpoint_has_one_form() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let length = CheckpointFault::Root(HashFault::Length { bytes: 31 });
    for (text, fault) in [
        (String::new(), CheckpointFault::Shape),
        ("\n".to_owned(), CheckpointFault::Empty { line: 1 }),
        ("o\n".to_owned(), CheckpointFault::Shape),
        ("o\n1\n".to_owned(), CheckpointFault::Shape),
        (format!("o\n1\n{root}"), CheckpointFault::Shape),
        (format!("\n1\n{root}\n"), CheckpointFault::Empty { line: 1 }),
        (format!("o\n\n{root}\n"), CheckpointFault::Empty { line: 2 }),
        (format!("o\n01\n{root}\n"), CheckpointFault::Size),
        (format!("o\n00\n{root}\n"), CheckpointFault::Size),
        (format!("o\n+1\n{root}\n"), CheckpointFault::Size),
        (format!("o\n-1\n{root}\n"), CheckpointFault::Size),
        (format!("o\n1 \n{root}\n"), CheckpointFault::Size),
        (format!("o\n18446744073709551616\n{root}\n"), CheckpointFault::Size),
        ("o\n1\nCsU=\u{20}\n".to_owned(), CheckpointFault::Root(HashFault::Base64)),
        ("o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n".to_owned(), length),
        (format!("o\n1\n{root}\n\n"), CheckpointFault::Empty { line: 4 }),
        (format!("o\n1\n{root}\na\n\nb\n"), CheckpointFault::Empty { line: 5 }),
    ] {
        assert_eq!(Checkpoint::parse(&text), Err(fault), "{text:?}");
    }
    let most = format!("o\n18446744073709551615\n{root}\n");
    assert_eq!(Checkpoint::parse(&most).unwrap().size(), u64::MAX);
    assert_eq!(Checkpoint::parse(&format!("o\n0\n{root}\n")).unwrap().size(), 0);
}

fn proof(log: &Party, extra: &[u8]) -> TlogProof {
    let rows = Rows::of(&leaves(7)).0;
    TlogProof {
        extra: extra.to_vec(),
        index: 5,
        hashes: inclusion_proof(5, 7, &rows).unwrap(),
        checkpoint: checkpoint().sign(&log.name, &log.secret).unwrap(),
    }
}

/// As C2SP says that one must.
fn proves(text: &str, log: &VerifierKey) -> bool {
    let Ok(proof) = text.parse::<TlogProof>() else { return false };
    assert_eq!(proof.to_string(), text, "what is read is written back");
    let keys = from_ref(log);
    let opened = Checkpoint::open(&proof.checkpoint.to_string(), ORIGIN, keys, &[]);
    let Ok(checkpoint) = opened.map(|opened| opened.checkpoint) else { return false };
    let leaf = super::naive::leaf(5);
    let (size, root) = (checkpoint.size(), checkpoint.root());
    verify_inclusion(proof.index, size, &leaf, &proof.hashes, root).is_ok()
}

#[test]
fn an_offline_proof_proves_and_no_changed_bit_of_it_does() {
    let log = Party::log();
    let text = proof(&log, b"").to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 5\n"));
    assert!(proves(&text, &log.key));
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let changed = String::from_utf8(bytes).is_ok_and(|text| proves(&text, &log.key));
            assert!(!changed, "bit {bit} of byte {at}");
        }
    }
    let extra = proof(&log, b"page").to_string();
    assert!(extra.starts_with("c2sp.org/tlog-proof@v1\nextra cGFnZQ==\nindex 5\n"));
    assert!(proves(&extra, &log.key));
}

#[test]
fn an_offline_proof_has_one_form() {
    let log = Party::log();
    let text = proof(&log, b"page").to_string();
    let parse = |text: &str| text.parse::<TlogProof>();
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from));
        parse(&text.replacen(from, to, 1))
    };
    assert_eq!(parse(""), Err(ProofFileFault::Shape));
    assert_eq!(replaced("@v1", "@v2"), Err(ProofFileFault::Header));
    assert_eq!(replaced("cGFnZQ==", ""), Err(ProofFileFault::Extra));
    assert_eq!(replaced("cGFnZQ==", "cGFnZQ"), Err(ProofFileFault::Extra));
    assert_eq!(replaced("extra ", "Extra "), Err(ProofFileFault::Index { line: 2 }));
    assert_eq!(replaced("index 5", "index 05"), Err(ProofFileFault::Index { line: 3 }));
    assert_eq!(replaced("index 5", "index"), Err(ProofFileFault::Index { line: 3 }));
    assert_eq!(replaced("\nindex 5", ""), Err(ProofFileFault::Index { line: 3 }));
    let twice = replaced("index 5\n", "index 5\nindex 5\n");
    assert_eq!(twice, Err(ProofFileFault::Hash { line: 4, fault: HashFault::Base64 }));
    let many = format!("index 5\n{}", format!("{}\n", Hash::EMPTY).repeat(64));
    assert_eq!(replaced("index 5\n", &many), Err(ProofFileFault::TooMany));
    let note = replaced("— example.com/log ", "- example.com/log ");
    assert_eq!(note, Err(ProofFileFault::Checkpoint(NoteFault::Signature { number: 1 })));
    // The `extra` of C2SP's example.
    let example = "YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ";
    assert_eq!(replaced("cGFnZQ==", example).unwrap().extra.len(), 39);
}

#[test]
fn c2sp_example_request_to_a_witness_is_read() {
    let text = format!(
        "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
        \n\
        {SOFA}\n{SOFA_LOG}\
        — example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n"
    );
    let request: AddCheckpoint = text.parse().unwrap();
    assert_eq!((request.old, request.proof.len()), (20_852_014, 4));
    assert_eq!(request.checkpoint.signatures().len(), 2);
    assert_eq!(request.to_string(), text);
    let parse = |from: &str, to: &str| text.replacen(from, to, 1).parse::<AddCheckpoint>();
    assert_eq!(parse("old ", "old"), Err(AddCheckpointFault::Old));
    assert_eq!(parse("old 2", "old 02"), Err(AddCheckpointFault::Old));
    assert_eq!(
        parse("\n\n", "\n"),
        Err(AddCheckpointFault::Hash { line: 6, fault: HashFault::Base64 })
    );
    let many = format!("old 1\n{}", format!("{}\n", Hash::EMPTY).repeat(60));
    assert_eq!(parse("old 20852014\n", &many), Err(AddCheckpointFault::TooMany));
    let most = format!("old 1\n{}", format!("{}\n", Hash::EMPTY).repeat(59));
    assert_eq!(parse("old 20852014\n", &most).unwrap().proof.len(), 63);
    let short = parse("=\n\n", "=\n\nx\n").map(|_| ());
    assert_eq!(short, Ok(()), "whether the note is a checkpoint is asked when it is opened");
    assert_eq!("old 0\n".parse::<AddCheckpoint>(), Err(AddCheckpointFault::Shape));
}
