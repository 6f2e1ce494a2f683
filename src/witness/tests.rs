//! The rules of the specification, one by one, and any history: no two trees are cosigned of which neither continues the other.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use proptest::prelude::*;

use crate::merkle::Checkpoint;
use crate::merkle::Hash;
use crate::merkle::KeyKind;
use crate::merkle::KeyName;
use crate::merkle::Levels;
use crate::merkle::Note;
use crate::merkle::SigningKey;
use crate::merkle::VerifierKey;
use crate::merkle::consistency_proof;
use crate::merkle::root;
use crate::model::Clock;

use super::cosigner::Refusal;
use super::cosigner::Witness;
use super::cosigner::WitnessSettings;
use super::error::WitnessError;
use super::store::origin_hash;

const ORIGIN: &str = "shop.example/log";

#[derive(Debug)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// A history: leaves that are numbers, hashed where they are asked for.
#[derive(Clone)]
struct Tree(Vec<u32>);

impl Levels for Tree {
    type Error = std::convert::Infallible;

    fn hash(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        assert_eq!(level, 0, "these trees are small");
        Ok(Hash::leaf(&self.0[usize::try_from(index).unwrap()].to_be_bytes()))
    }
}

struct LogOf {
    key: SigningKey,
    name: KeyName,
}

impl LogOf {
    fn new(origin: &str) -> Self {
        Self { key: SigningKey::generate().unwrap(), name: KeyName::new(origin).unwrap() }
    }

    fn verifier(&self) -> VerifierKey {
        self.key.verifier(self.name.clone(), KeyKind::Ed25519)
    }

    fn note(&self, tree: &Tree, size: u64) -> Note {
        let root = root(size, tree).unwrap();
        Checkpoint::new(&self.name, size, root).sign(&self.name, &self.key).unwrap()
    }

    /// An honest request of the tree's first `size` leaves.
    fn request(&self, tree: &Tree, old: u64, size: u64) -> String {
        let proof = consistency_proof(old, size, tree).unwrap();
        request(old, &proof, &self.note(tree, size))
    }
}

fn request(old: u64, proof: &[Hash], note: &Note) -> String {
    let proof: String = proof.iter().map(|hash| format!("{hash}\n")).collect();
    format!("old {old}\n{proof}\n{note}")
}

struct Setting {
    clock: Arc<TestClock>,
    folder: tempfile::TempDir,
    log: LogOf,
    tree: Tree,
}

impl Setting {
    fn new() -> Self {
        Self {
            clock: Arc::new(TestClock(AtomicI64::new(1_700_000_000))),
            folder: tempfile::tempdir().unwrap(),
            log: LogOf::new(ORIGIN),
            tree: Tree((0..200).collect()),
        }
    }

    fn settings(&self) -> WitnessSettings {
        WitnessSettings {
            key: self.folder.path().join("witness-key.pem"),
            logs: vec![self.log.verifier()],
            name: KeyName::new("witness.example/w1").unwrap(),
            state: self.folder.path().join("state"),
        }
    }

    fn open(&self) -> Witness {
        let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&self.clock);
        Witness::open(&self.settings(), clock).unwrap()
    }

    fn refused(&self) -> WitnessError {
        let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&self.clock);
        Witness::open(&self.settings(), clock).unwrap_err()
    }
}

/// The time of a cosignature, verified as a log would.
fn verified(witness: &Witness, log: &LogOf, note: &Note, lines: &str) -> u64 {
    let text = format!("{note}{lines}");
    let opened = Checkpoint::open(&text, ORIGIN, &[log.verifier()], &[witness.verifier()]);
    opened.unwrap().cosignatures[0].time
}

#[test]
fn tlog_witness_a_tree_that_continues_the_last_is_cosigned_and_kept_before_the_answer() {
    let setting = Setting::new();
    let witness = setting.open();
    let mut old = 0;
    for size in [0, 1, 7, 7, 8, 64, 65, 200] {
        let note = setting.log.note(&setting.tree, size);
        let lines = witness.add_checkpoint(&setting.log.request(&setting.tree, old, size)).unwrap();
        assert_eq!(verified(&witness, &setting.log, &note, &lines), 1_700_000_000);
        let kept = witness.checkpoint(&origin_hash(ORIGIN)).unwrap();
        assert_eq!(kept, format!("{note}{lines}"));
        let path = setting.folder.path().join(format!("state/{}.checkpoint", origin_hash(ORIGIN)));
        assert_eq!(std::fs::read_to_string(path).unwrap(), kept);
        old = size;
    }
    drop(witness);
    // A restart forgets nothing.
    let witness = setting.open();
    let asked = witness.add_checkpoint(&setting.log.request(&setting.tree, 0, 200));
    assert_eq!(asked, Err(Refusal::Conflict { size: 200 }));
}

#[test]
fn tlog_witness_each_fault_has_its_status() {
    let setting = Setting::new();
    let (log, tree) = (&setting.log, &setting.tree);
    let witness = setting.open();
    assert_eq!(witness.checkpoint(&origin_hash(ORIGIN)), None, "404 before the first");
    witness.add_checkpoint(&log.request(tree, 0, 10)).unwrap();
    let ask = |body: &str| witness.add_checkpoint(body).unwrap_err();
    let honest = log.request(tree, 10, 20);

    for malformed in [
        "",
        "old 10\n",
        &honest.replacen("old 10", "old 010", 1),
        &honest.replacen("old 10", "old  10", 1),
        &honest.replacen("old 10", "old 1x", 1),
        &honest.replacen('\n', "\r\n", 1),
        honest.trim_end(),
        &log.request(tree, 0, 20).replacen("old 0", "old 21", 1),
        &request(10, &[Hash::EMPTY; 64], &log.note(tree, 20)),
    ] {
        assert!(matches!(ask(malformed), Refusal::Malformed(_)), "{malformed}");
    }

    let stranger = LogOf::new("other.example/log");
    assert!(matches!(ask(&stranger.request(tree, 0, 20)), Refusal::UnknownLog(_)));
    let impostor = LogOf::new(ORIGIN);
    assert!(matches!(ask(&impostor.request(tree, 10, 20)), Refusal::Unsigned(_)), "another key");
    let signature = log.note(tree, 21).signatures()[0].to_string();
    let text = log.note(tree, 20).text().to_owned();
    let false_signature = format!("old 10\n\n{text}\n{signature}\n");
    assert!(matches!(ask(&false_signature), Refusal::Unsigned(_)));

    for other in [0, 9, 11] {
        let conflict = ask(&log.request(tree, other, 20));
        assert_eq!(conflict, Refusal::Conflict { size: 10 }, "old {other}");
    }

    let proof = consistency_proof(10, 20, tree).unwrap();
    let note = log.note(tree, 20);
    let mut wrong = proof.clone();
    wrong[1] = Hash::EMPTY;
    for proof in [&[][..], &proof[1..], &wrong, &[&proof[..], &[Hash::EMPTY]].concat()] {
        assert!(matches!(ask(&request(10, proof, &note)), Refusal::Inconsistent(_)));
    }
    let same = request(10, &[Hash::EMPTY], &log.note(tree, 10));
    assert!(matches!(ask(&same), Refusal::Inconsistent(_)), "a proof where none is needed");
    // After all that nothing has changed.
    witness.add_checkpoint(&honest).unwrap();
}

#[test]
fn tlog_witness_the_empty_tree_has_one_root_and_a_first_checkpoint_no_proof() {
    let setting = Setting::new();
    let witness = setting.open();
    let name = &setting.log.name;
    let wrong = Checkpoint::new(name, 0, Hash([7; 32])).sign(name, &setting.log.key).unwrap();
    let refused = witness.add_checkpoint(&request(0, &[], &wrong));
    assert!(matches!(refused, Err(Refusal::Inconsistent(_))));
    let note = setting.log.note(&setting.tree, 5);
    let refused = witness.add_checkpoint(&request(0, &[Hash::EMPTY], &note));
    assert!(matches!(refused, Err(Refusal::Inconsistent(_))));
    witness.add_checkpoint(&request(0, &[], &note)).unwrap();
}

#[test]
fn two_signed_trees_of_one_size_are_refused_and_kept_as_what_they_show() {
    let setting = Setting::new();
    let witness = setting.open();
    witness.add_checkpoint(&setting.log.request(&setting.tree, 0, 10)).unwrap();
    let mut forked = setting.tree.clone();
    forked.0[3] = 999;
    let note = setting.log.note(&forked, 10);
    let refused = witness.add_checkpoint(&request(10, &[], &note));
    assert!(matches!(refused, Err(Refusal::Inconsistent(_))));
    let kept = setting.folder.path().join(format!("state/{}.fork", origin_hash(ORIGIN)));
    assert_eq!(std::fs::read_to_string(kept).unwrap(), note.to_string());
}

#[test]
fn the_times_of_cosignatures_never_fall() {
    let setting = Setting::new();
    let witness = setting.open();
    let mut times = Vec::new();
    for (size, now) in [(1, 100), (2, 90), (3, 0), (4, 200)] {
        setting.clock.0.store(now, Ordering::SeqCst);
        let lines =
            witness.add_checkpoint(&setting.log.request(&setting.tree, size - 1, size)).unwrap();
        let note = setting.log.note(&setting.tree, size);
        times.push(verified(&witness, &setting.log, &note, &lines));
    }
    assert_eq!(times, [100, 100, 100, 200]);
}

#[test]
fn a_key_and_its_state_are_not_parted_and_a_damaged_state_cosigns_nothing() {
    let setting = Setting::new();
    let settings = setting.settings();
    let witness = setting.open();
    witness.add_checkpoint(&setting.log.request(&setting.tree, 0, 10)).unwrap();
    assert!(matches!(setting.refused(), WitnessError::Busy { .. }), "one process at a time");
    drop(witness);

    let file = settings.state.join(format!("{}.checkpoint", origin_hash(ORIGIN)));
    let sound = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, sound.replacen("\n10\n", "\n9\n", 1)).unwrap();
    assert!(matches!(setting.refused(), WitnessError::State { .. }));
    std::fs::write(&file, &sound).unwrap();

    let moved = setting.folder.path().join("elsewhere");
    std::fs::rename(&settings.state, &moved).unwrap();
    assert!(matches!(setting.refused(), WitnessError::Key { .. }), "the state is gone");
    std::fs::remove_dir_all(&settings.state).unwrap();
    std::fs::rename(&moved, &settings.state).unwrap();
    let pem = std::fs::read(&settings.key).unwrap();
    std::fs::remove_file(&settings.key).unwrap();
    assert!(matches!(setting.refused(), WitnessError::Key { .. }), "the key is gone");
    assert!(!settings.key.exists(), "no other is made");
    std::fs::write(&settings.key, pem).unwrap();
    assert!(setting.open().checkpoint(&origin_hash(ORIGIN)).is_some());
}

#[test]
fn a_witness_key_is_no_log() {
    let setting = Setting::new();
    let mut settings = setting.settings();
    settings.logs = vec![setting.log.key.verifier(setting.log.name.clone(), KeyKind::Cosignature)];
    let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&setting.clock);
    let refused = Witness::open(&settings, clock).unwrap_err();
    assert!(matches!(refused, WitnessError::NotALog { .. }));
}

/// What a log does: it grows, forks (another leaf at a place, and everything behind it), or asks for a tree it had once.
#[derive(Clone, Debug)]
enum Step {
    Ask { history: usize, old: u8, size: u8 },
    AskFromLast { history: usize, size: u8 },
    Fork { history: usize, at: u8 },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0_usize..4, 0_u8..40, 0_u8..40)
            .prop_map(|(history, old, size)| Step::Ask { history, old, size }),
        5 => (0_usize..4, 0_u8..40).prop_map(|(history, size)| Step::AskFromLast { history, size }),
        2 => (0_usize..4, 0_u8..40).prop_map(|(history, at)| Step::Fork { history, at }),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_log_does_all_that_is_cosigned_is_one_history(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let setting = Setting::new();
        let mut witness = Some(setting.open());
        let mut histories = vec![Tree((0..40).collect()); 4];
        let mut cosigned: Vec<Vec<u32>> = Vec::new();
        let mut fresh = 1_000_u32..;
        for step in steps {
            let last = cosigned.last().map_or(0, |leaves| u8::try_from(leaves.len()).unwrap());
            let (history, old, size) = match step {
                Step::Fork { history, at } => {
                    for leaf in &mut histories[history].0[usize::from(at)..] {
                        *leaf = fresh.next().unwrap();
                    }
                    continue;
                }
                Step::Restart => {
                    drop(witness.take());
                    witness = Some(setting.open());
                    continue;
                }
                Step::Ask { history, old, size } => (history, old, size),
                Step::AskFromLast { history, size } => (history, last, size),
            };
            let tree = &histories[history];
            if old > size {
                continue;
            }
            let body = setting.log.request(tree, old.into(), size.into());
            let leaves = tree.0[..usize::from(size)].to_vec();
            let continues = cosigned.last().is_none_or(|before| leaves.starts_with(before));
            let answer = witness.as_ref().unwrap().add_checkpoint(&body);
            prop_assert_eq!(answer.is_ok(), old == last && continues);
            if answer.is_ok() {
                cosigned.push(leaves);
            }
        }
        for pair in cosigned.windows(2) {
            prop_assert!(pair[1].starts_with(&pair[0]));
        }
    }
}
