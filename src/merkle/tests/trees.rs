//! Roots, proofs and frontiers against RFC 6962's own definitions, against `ct-merkle`, and at sizes that nothing can store.

#![expect(clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::convert::Infallible;
use std::ops::Range;

use ct_merkle::ConsistencyProof;
use ct_merkle::InclusionProof;
use ct_merkle::RootHash;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

use super::naive;
use super::naive::Rows;
use super::naive::leaves;
use crate::merkle::Frontier;
use crate::merkle::Hash;
use crate::merkle::Levels;
use crate::merkle::ProofFault;
use crate::merkle::TreeFault;
use crate::merkle::consistency_proof;
use crate::merkle::inclusion_proof;
use crate::merkle::root;
use crate::merkle::verify_consistency;
use crate::merkle::verify_inclusion;

fn wide(size: usize) -> u64 {
    u64::try_from(size).unwrap()
}

/// Two sizes and a leaf of the greater tree, mostly near the edges of tiles.
fn sizes(most: usize) -> impl Strategy<Value = (usize, usize, usize)> {
    let size = prop_oneof![1..=most, 250..=260_usize, 508..=516_usize];
    (size.clone(), size, any::<prop::sample::Index>()).prop_map(|(a, b, index)| {
        let (old, new) = (a.min(b), a.max(b));
        (old, new, index.index(new))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn roots_and_proofs_are_those_of_rfc_6962((old, new, index) in sizes(1100)) {
        let leaves = leaves(new);
        let (rows, frontier) = Rows::of(&leaves);
        let (old_root, new_root) = (naive::mth(&leaves[..old]), naive::mth(&leaves));
        prop_assert_eq!(root(wide(new), &rows), Ok(new_root));
        prop_assert_eq!(root(wide(old), &rows), Ok(old_root), "a root of the past");
        prop_assert_eq!(frontier.root(), new_root);

        let path = inclusion_proof(wide(index), wide(new), &rows).unwrap();
        prop_assert_eq!(&path, &naive::path(index, &leaves));
        let included = verify_inclusion(wide(index), wide(new), &leaves[index], &path, &new_root);
        prop_assert_eq!(included, Ok(()));

        let proof = consistency_proof(wide(old), wide(new), &rows).unwrap();
        prop_assert_eq!(&proof, &naive::proof(old, &leaves));
        let consistent = verify_consistency(wide(old), &old_root, wide(new), &new_root, &proof);
        prop_assert_eq!(consistent, Ok(()));
    }

    #[test]
    fn a_resumed_frontier_goes_on_as_if_it_had_never_stopped((old, new, _) in sizes(1100)) {
        let leaves = leaves(new);
        let (whole, frontier) = Rows::of(&leaves);
        let (mut rows, _) = Rows::of(&leaves[..old]);
        let mut resumed = Frontier::resume(wide(old), &rows).unwrap();
        prop_assert_eq!(resumed.root(), naive::mth(&leaves[..old]));
        for leaf in &leaves[old..] {
            rows.add(0, *leaf);
            resumed.push(*leaf, |level, hash| rows.add(level, hash));
        }
        prop_assert_eq!((resumed.size(), resumed.root()), (frontier.size(), frontier.root()));
        prop_assert_eq!(rows.0, whole.0);
    }

    #[test]
    fn no_changed_bit_of_a_proof_is_believed((old, new, index) in sizes(300), bit in 0..256_usize) {
        let flip = |hash: &Hash| {
            let mut hash = *hash;
            hash.0[bit / 8] ^= 1 << (bit % 8);
            hash
        };
        let leaves = leaves(new);
        let (rows, _) = Rows::of(&leaves);
        let (old_root, new_root) = (naive::mth(&leaves[..old]), naive::mth(&leaves));
        let path = inclusion_proof(wide(index), wide(new), &rows).unwrap();
        let included = |leaf: &Hash, path: &[Hash], root: &Hash| {
            verify_inclusion(wide(index), wide(new), leaf, path, root)
        };
        prop_assert_eq!(included(&flip(&leaves[index]), &path, &new_root), Err(ProofFault::Root));
        prop_assert_eq!(included(&leaves[index], &path, &flip(&new_root)), Err(ProofFault::Root));
        let proof = consistency_proof(wide(old), wide(new), &rows).unwrap();
        let consistent = |old_root: &Hash, new_root: &Hash, proof: &[Hash]| {
            verify_consistency(wide(old), old_root, wide(new), new_root, proof)
        };
        prop_assert!(consistent(&flip(&old_root), &new_root, &proof).is_err());
        prop_assert!(consistent(&old_root, &flip(&new_root), &proof).is_err());
        for place in 0..path.len() {
            let mut other = path.clone();
            other[place] = flip(&other[place]);
            prop_assert_eq!(included(&leaves[index], &other, &new_root), Err(ProofFault::Root));
        }
        for place in 0..proof.len() {
            let mut other = proof.clone();
            other[place] = flip(&other[place]);
            prop_assert!(consistent(&old_root, &new_root, &other).is_err());
        }
        // Nor one of another length, nor of another leaf.
        let longer = |proof: &[Hash]| [proof, &[Hash::EMPTY]].concat();
        let length = |hashes| Err(ProofFault::Length { hashes });
        prop_assert_eq!(included(&leaves[index], &longer(&path), &new_root), length(path.len() + 1));
        prop_assert_eq!(consistent(&old_root, &new_root, &longer(&proof)), length(proof.len() + 1));
        if let Some((_, shorter)) = path.split_last() {
            prop_assert_eq!(included(&leaves[index], shorter, &new_root), length(shorter.len()));
        }
        if let Some((_, shorter)) = proof.split_last() {
            prop_assert_eq!(consistent(&old_root, &new_root, shorter), length(shorter.len()));
        }
        for other in (0..new).filter(|other| *other != index) {
            let other = wide(other);
            let moved = verify_inclusion(other, wide(new), &leaves[index], &path, &new_root);
            prop_assert!(moved.is_err());
        }
    }

    #[test]
    fn ct_merkle_agrees((old, new, index) in sizes(600)) {
        let entries: Vec<_> = (0..new).map(|number| format!("record {number}")).collect();
        let mut theirs = MemoryBackedTree::<Sha256, String>::new();
        let mut old_theirs = None;
        for (size, entry) in (1..).zip(&entries) {
            theirs.push(entry.clone());
            if size == old {
                old_theirs = Some(theirs.root());
            }
        }
        let (new_theirs, old_theirs) = (theirs.root(), old_theirs.unwrap());
        let leaves = leaves(new);
        let (rows, _) = Rows::of(&leaves);
        let (old_root, new_root) =
            (root(wide(old), &rows).unwrap(), root(wide(new), &rows).unwrap());
        prop_assert_eq!(&new_root.0[..], &new_theirs.as_bytes()[..]);
        prop_assert_eq!(&old_root.0[..], &old_theirs.as_bytes()[..]);

        // Our proofs, believed there.
        let bytes = |hashes: &[Hash]| hashes.iter().flat_map(|hash| hash.0).collect::<Vec<_>>();
        let path = inclusion_proof(wide(index), wide(new), &rows).unwrap();
        let there = RootHash::<Sha256>::new(new_root.0.into(), wide(new));
        let proof = InclusionProof::try_from_bytes(bytes(&path)).unwrap();
        prop_assert!(there.verify_inclusion(&entries[index], wide(index), &proof).is_ok());
        let consistency = consistency_proof(wide(old), wide(new), &rows).unwrap();
        let proof = ConsistencyProof::try_from_bytes(bytes(&consistency)).unwrap();
        let old_there = RootHash::new(old_root.0.into(), wide(old));
        prop_assert!(there.verify_consistency(&old_there, &proof).is_ok());

        // Their proofs, believed here.
        let hashes = |bytes: &[u8]| {
            bytes.chunks(32).map(|hash| Hash(hash.try_into().unwrap())).collect::<Vec<_>>()
        };
        let path = hashes(theirs.prove_inclusion(index).as_bytes());
        let included = verify_inclusion(wide(index), wide(new), &leaves[index], &path, &new_root);
        prop_assert_eq!(included, Ok(()));
        let proof = hashes(theirs.prove_consistency(new - old).as_bytes());
        let consistent = verify_consistency(wide(old), &old_root, wide(new), &new_root, &proof);
        prop_assert_eq!(consistent, Ok(()));
    }
}

#[test]
fn a_tree_of_three_levels_is_that_of_rfc_6962() {
    let size = 65_536 + 256 + 3;
    let leaves = leaves(size);
    let (rows, frontier) = Rows::of(&leaves);
    assert_eq!(rows.0.iter().map(Vec::len).collect::<Vec<_>>(), [size, 257, 1]);
    assert_eq!(rows.0[2][0], naive::mth(&leaves[..65_536]));
    assert_eq!(rows.0[1][256], naive::mth(&leaves[65_536..65_792]));
    let whole = naive::mth(&leaves);
    assert_eq!((root(wide(size), &rows), frontier.root()), (Ok(whole), whole));
    let resumed = Frontier::resume(wide(size), &rows).unwrap();
    assert_eq!((resumed.root(), resumed.size()), (whole, wide(size)));
    for index in [0, 65_535, 65_536, size - 1] {
        let path = inclusion_proof(wide(index), wide(size), &rows).unwrap();
        assert_eq!(path, naive::path(index, &leaves), "leaf {index}");
    }
    for old in [1, 255, 256, 257, 65_535, 65_536, 65_537, 65_792, size - 1] {
        let proof = consistency_proof(wide(old), wide(size), &rows).unwrap();
        assert_eq!(proof, naive::proof(old, &leaves), "from {old}");
    }
}

#[test]
fn a_push_allocates_nothing() {
    let leaves = leaves(1000);
    let mut frontier = Frontier::new();
    let mut completed = 0;
    let measured = allocation_counter::measure(|| {
        for leaf in &leaves {
            frontier.push(*leaf, |_, _| completed += 1);
        }
    });
    assert_eq!((measured.count_total, completed), (0, 3));
}

/// A tree of equal leaves, of any size: the hash of a complete tree depends on its height alone. Counts what is read of it.
struct Uniform {
    heights: Vec<Hash>,
    read: Cell<u64>,
    size: u64,
}

impl Uniform {
    fn new(size: u64) -> Self {
        let mut heights = vec![Hash::leaf(b"the same")];
        while heights.len() < 64 {
            let last = heights.last().unwrap();
            heights.push(Hash::node(last, last));
        }
        Self { heights, read: Cell::new(0), size }
    }

    fn mth(&self, size: u64) -> Hash {
        let height = size.ilog2();
        let left = self.heights[usize::try_from(height).unwrap()];
        let rest = size - (1 << height);
        if rest == 0 { left } else { Hash::node(&left, &self.mth(rest)) }
    }
}

impl Levels for Uniform {
    type Error = Infallible;

    fn hash(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        assert!(level < 8, "level {level}");
        assert!(index < self.size >> (8 * level), "hash {index} of level {level} is not there");
        self.read.set(self.read.get() + 1);
        Ok(self.heights[8 * usize::from(level)])
    }

    fn hashes(&self, level: u8, indices: Range<u64>) -> Result<Vec<Hash>, Infallible> {
        assert!(indices.end - indices.start <= 255);
        indices.map(|index| self.hash(level, index)).collect()
    }
}

#[test]
fn cost_grows_with_the_levels_not_with_the_size() {
    let sizes = [1_u64, 300, 1 << 20, (1 << 32) - 1, (1 << 40) + 12_345, u64::MAX];
    for size in sizes {
        let levels = u64::from(size.ilog2() / 8 + 1);
        let leaf = Hash::leaf(b"the same");
        let tree = Uniform::new(size);
        let whole = root(size, &tree).unwrap();
        assert_eq!(whole, tree.mth(size), "{size} leaves");
        assert!(tree.read.take() <= 255 * levels);
        assert_eq!(Frontier::resume(size, &tree).unwrap().root(), whole);
        assert!(tree.read.take() <= 255 * levels);
        for index in [0, size / 2, size / 3, size - 1] {
            let path = inclusion_proof(index, size, &tree).unwrap();
            let read = tree.read.take();
            assert!(read <= 2 * 255 * levels, "{read} for leaf {index} of {size}");
            assert_eq!(verify_inclusion(index, size, &leaf, &path, &whole), Ok(()));
        }
        for old in [1, size / 2 + 1, size / 3 + 1, size - size.min(2) / 2].map(|o| o.min(size)) {
            let proof = consistency_proof(old, size, &tree).unwrap();
            let read = tree.read.take();
            assert!(read <= 3 * 255 * levels, "{read} from {old} to {size}");
            let old_root = tree.mth(old);
            assert_eq!(verify_consistency(old, &old_root, size, &whole, &proof), Ok(()));
        }
    }
}

#[test]
fn what_is_not_in_the_tree_has_no_proof() {
    let (rows, _) = Rows::of(&leaves(5));
    assert_eq!(inclusion_proof(5, 5, &rows), Err(TreeFault::Index { index: 5, size: 5 }));
    assert_eq!(inclusion_proof(0, 0, &rows), Err(TreeFault::Index { index: 0, size: 0 }));
    assert_eq!(consistency_proof(5, 4, &rows), Err(TreeFault::Order { old: 5, new: 4 }));
    let fault = verify_inclusion(5, 5, &Hash::EMPTY, &[], &Hash::EMPTY);
    assert_eq!(fault, Err(ProofFault::Index { index: 5, size: 5 }));
    let fault = verify_inclusion(0, 0, &Hash::EMPTY, &[], &Hash::EMPTY);
    assert_eq!(fault, Err(ProofFault::Index { index: 0, size: 0 }));
    let fault = verify_consistency(5, &Hash::EMPTY, 4, &Hash::EMPTY, &[]);
    assert_eq!(fault, Err(ProofFault::Order { old: 5, new: 4 }));
}

#[test]
fn every_tree_begins_with_the_empty_one() {
    let some = Hash::leaf(b"some");
    assert_eq!(verify_consistency(0, &Hash::EMPTY, 7, &some, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &Hash::EMPTY, 0, &Hash::EMPTY, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &some, 7, &some, &[]), Err(ProofFault::OldRoot));
    assert_eq!(verify_consistency(0, &Hash::EMPTY, 0, &some, &[]), Err(ProofFault::Root));
    let padded = verify_consistency(0, &Hash::EMPTY, 7, &some, &[some]);
    assert_eq!(padded, Err(ProofFault::Length { hashes: 1 }));
    assert_eq!(verify_consistency(7, &some, 7, &Hash::EMPTY, &[]), Err(ProofFault::Root));
    let padded = verify_consistency(7, &some, 7, &some, &[some]);
    assert_eq!(padded, Err(ProofFault::Length { hashes: 1 }));
}

#[test]
fn a_level_that_answers_short_is_a_fault_not_another_tree() {
    struct Short;
    impl Levels for Short {
        type Error = Infallible;
        fn hash(&self, _: u8, _: u64) -> Result<Hash, Infallible> {
            Ok(Hash::EMPTY)
        }
        fn hashes(&self, _: u8, _: Range<u64>) -> Result<Vec<Hash>, Infallible> {
            Ok(vec![Hash::EMPTY])
        }
    }
    assert_eq!(root(4, &Short), Err(TreeFault::Number { level: 0, from: 0, asked: 4 }));
}
