//! The test tree of the Certificate Transparency sources.

use super::naive::Rows;
use crate::merkle::Hash;
use crate::merkle::consistency_proof;
use crate::merkle::inclusion_proof;
use crate::merkle::root;
use crate::merkle::verify_consistency;
use crate::merkle::verify_inclusion;

const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

const LEAF_HASHES: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
    "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "4271a26be0d8a84f0bd54c8c302e7cb3a3b5d1fa6780a40bcce2873477dab658",
    "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
    "46f6ffadd3d06a09ff3c5860d2755c8b9819db7df44251788c7d8e3180de8eb1",
];

/// Of the trees of 0 to 8 leaves.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const NODE_2_3: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const NODE_4_5: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const NODE_6_7: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const NODE_4_7: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";

/// Leaf, size, path.
const PATHS: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (0, 8, &[LEAF_HASHES[1], NODE_2_3, NODE_4_7]),
    (5, 8, &[LEAF_HASHES[4], NODE_6_7, ROOTS[4]]),
    (2, 3, &[ROOTS[2]]),
    (1, 5, &[LEAF_HASHES[0], NODE_2_3, LEAF_HASHES[4]]),
];

/// Older size, newer size, proof.
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (1, 8, &[LEAF_HASHES[1], NODE_2_3, NODE_4_7]),
    (6, 8, &[NODE_4_5, NODE_6_7, ROOTS[4]]),
    (2, 5, &[NODE_2_3, LEAF_HASHES[4]]),
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

fn hash(hex: &str) -> Hash {
    Hash(bytes(hex).try_into().unwrap())
}

fn hashes(hex: &[&str]) -> Vec<Hash> {
    hex.iter().copied().map(hash).collect()
}

fn tree() -> Rows {
    Rows(vec![LEAVES.iter().map(|leaf| Hash::leaf(&bytes(leaf))).collect()])
}

#[test]
fn leaves_hash_as_published() {
    assert_eq!(tree().0[0], hashes(&LEAF_HASHES));
}

#[test]
fn roots_are_as_published() {
    for (size, expected) in (0..).zip(ROOTS) {
        assert_eq!(root(size, &tree()), Ok(hash(expected)), "{size} leaves");
    }
    assert_eq!(Hash::EMPTY, hash(ROOTS[0]));
}

#[test]
fn audit_paths_are_as_published() {
    for (index, size, expected) in PATHS {
        let path = inclusion_proof(index, size, &tree()).unwrap();
        assert_eq!(path, hashes(expected), "leaf {index} of {size}");
        let (leaf, root) = (usize::try_from(index).unwrap(), usize::try_from(size).unwrap());
        let (leaf, root) = (hash(LEAF_HASHES[leaf]), hash(ROOTS[root]));
        assert_eq!(verify_inclusion(index, size, &leaf, &path, &root), Ok(()));
    }
}

#[test]
fn consistency_proofs_are_as_published() {
    for (old, new, expected) in CONSISTENCY {
        let proof = consistency_proof(old, new, &tree()).unwrap();
        assert_eq!(proof, hashes(expected), "{old} to {new}");
        let root = |size| hash(ROOTS[usize::try_from(size).unwrap()]);
        assert_eq!(verify_consistency(old, &root(old), new, &root(new), &proof), Ok(()));
    }
}

#[test]
fn hashes_have_one_spelling() {
    let text = Hash::EMPTY.to_base64();
    assert_eq!(text, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_eq!(Hash::from_base64(&text), Ok(Hash::EMPTY));
    for other in [
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
        "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFVV",
        " 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "",
    ] {
        assert!(Hash::from_base64(other).is_err(), "{other:?}");
    }
}
