//! The tree against pymerkle, a Merkle tree of other people in another language; the keys against OpenSSL.

use std::convert::Infallible;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use interdict::merkle::Frontier;
use interdict::merkle::Hash;
use interdict::merkle::Levels;
use interdict::merkle::SigningKey;
use interdict::merkle::consistency_proof;
use interdict::merkle::inclusion_proof;
use interdict::merkle::root;
use interdict::merkle::verify_consistency;
use interdict::merkle::verify_inclusion;
use serde_json::Value;
use serde_json::json;

/// Two levels and a bit: a tile of level 1 is full at 65,536.
const LEAVES: u64 = 66_000;

/// Sizes around the edges of tiles and of the tree.
const SIZES: [u64; 22] = [
    1, 2, 3, 5, 7, 8, 9, 127, 128, 255, 256, 257, 511, 512, 513, 1000, 65_280, 65_535, 65_536,
    65_537, 65_793, LEAVES,
];

struct Rows(Vec<Vec<Hash>>);

impl Levels for Rows {
    type Error = Infallible;

    fn hash(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.0[usize::from(level)][usize::try_from(index).unwrap()])
    }
}

fn tree() -> Rows {
    let mut rows = Rows(vec![Vec::new(); 3]);
    let mut frontier = Frontier::new();
    for number in 0..LEAVES {
        let leaf = Hash::leaf(format!("record {number}").as_bytes());
        rows.0[0].push(leaf);
        frontier.push(leaf, |level, hash| rows.0[usize::from(level)].push(hash));
    }
    rows
}

fn asked(question: &Value) -> Value {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("target/test-tools/python/bin/python3");
    let mut child = Command::new(&python)
        .arg(here.join("tests/integration/merkle_oracles.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}; run `sh tests/install.sh`", python.display()));
    child.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "pymerkle: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn hashes(hex: &Value) -> Vec<Hash> {
    hex.as_array().unwrap().iter().map(|hex| hash(hex.as_str().unwrap())).collect()
}

fn hash(hex: &str) -> Hash {
    let byte = |two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap();
    let bytes: Vec<_> = hex.as_bytes().chunks(2).map(byte).collect();
    Hash(bytes.try_into().unwrap())
}

#[test]
fn pymerkle_has_the_same_roots_and_proofs() {
    let paths: Vec<_> = SIZES
        .iter()
        .flat_map(|size| [0, size / 3, size / 2, size - 1].map(|index| (index, *size)))
        .collect();
    let proofs: Vec<_> = SIZES
        .iter()
        .flat_map(|new| SIZES.iter().filter(move |old| *old <= new).map(move |old| (*old, *new)))
        .collect();
    let question = json!({"leaves": LEAVES, "roots": SIZES, "paths": paths, "proofs": proofs});
    let answer = asked(&question);
    let tree = tree();
    let root = |size| root(size, &tree).unwrap();
    assert_eq!(SIZES.map(root).as_slice(), hashes(&answer["roots"]));

    let answers = answer["paths"].as_array().unwrap();
    assert_eq!(answers.len(), paths.len());
    for ((index, size), path) in paths.into_iter().zip(answers) {
        let path = hashes(path);
        assert_eq!(inclusion_proof(index, size, &tree).unwrap(), path, "leaf {index} of {size}");
        let leaf = tree.hash(0, index).unwrap();
        assert_eq!(verify_inclusion(index, size, &leaf, &path, &root(size)), Ok(()));
    }

    let answers = answer["proofs"].as_array().unwrap();
    assert_eq!(answers.len(), proofs.len());
    for ((old, new), proof) in proofs.into_iter().zip(answers) {
        let proof = hashes(proof);
        assert_eq!(consistency_proof(old, new, &tree).unwrap(), proof, "{old} to {new}");
        assert_eq!(verify_consistency(old, &root(old), new, &root(new), &proof), Ok(()));
    }
}

/// What OpenSSL prints, which must be nothing but bytes.
fn openssl(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
    output.stdout
}

#[test]
fn openssl_reads_our_keys_and_we_read_its() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key.pem");
    let path = file.to_str().unwrap();
    let ours = SigningKey::generate().unwrap();
    fs::write(&file, ours.to_pem().unwrap()).unwrap();
    // The last 32 bytes of an Ed25519 public key in DER are the key (RFC 8410, 4).
    let public = |path| openssl(&["pkey", "-in", path, "-pubout", "-outform", "DER"]);
    assert!(public(path).ends_with(ours.public_key()));

    let pem = String::from_utf8(openssl(&["genpkey", "-algorithm", "ed25519"])).unwrap();
    fs::write(&file, &pem).unwrap();
    let theirs = SigningKey::from_pem(&pem).unwrap();
    assert!(public(path).ends_with(theirs.public_key()));
    assert_eq!(theirs.to_pem().unwrap(), pem);
}
