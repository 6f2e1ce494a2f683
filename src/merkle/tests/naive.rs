//! RFC 6962, 2.1 to 2.1.2, word for word: recursive, slow, and sharing nothing with what it checks but the two hashes.

#![expect(clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

use std::convert::Infallible;

use crate::merkle::Frontier;
use crate::merkle::Hash;
use crate::merkle::Levels;

/// `k` of RFC 6962: the greatest power of two smaller than `n`.
fn k(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// MTH(D[n]).
pub(super) fn mth(d: &[Hash]) -> Hash {
    match d {
        [] => Hash::EMPTY,
        [leaf] => *leaf,
        _ => {
            let (left, right) = d.split_at(k(d.len()));
            Hash::node(&mth(left), &mth(right))
        }
    }
}

/// PATH(m, D[n]).
pub(super) fn path(m: usize, d: &[Hash]) -> Vec<Hash> {
    if d.len() == 1 {
        return Vec::new();
    }
    let k = k(d.len());
    let (left, right) = d.split_at(k);
    let (mut proof, sibling) =
        if m < k { (path(m, left), mth(right)) } else { (path(m - k, right), mth(left)) };
    proof.push(sibling);
    proof
}

/// PROOF(m, D[n]).
pub(super) fn proof(m: usize, d: &[Hash]) -> Vec<Hash> {
    subproof(m, d, true)
}

/// SUBPROOF(m, D[n], b).
fn subproof(m: usize, d: &[Hash], b: bool) -> Vec<Hash> {
    if m == d.len() {
        return if b { Vec::new() } else { vec![mth(d)] };
    }
    let k = k(d.len());
    let (left, right) = d.split_at(k);
    let (mut proof, sibling) = if m <= k {
        (subproof(m, left, b), mth(right))
    } else {
        (subproof(m - k, right, false), mth(left))
    };
    proof.push(sibling);
    proof
}

pub(super) fn leaf(number: usize) -> Hash {
    Hash::leaf(format!("record {number}").as_bytes())
}

pub(super) fn leaves(size: usize) -> Vec<Hash> {
    (0..size).map(leaf).collect()
}

/// Levels in memory.
#[derive(Debug, Default)]
pub(super) struct Rows(pub(super) Vec<Vec<Hash>>);

impl Rows {
    /// What a frontier says of these leaves.
    pub(super) fn of(leaves: &[Hash]) -> (Self, Frontier) {
        let mut rows = Self(vec![leaves.to_vec()]);
        let mut frontier = Frontier::new();
        for leaf in leaves {
            frontier.push(*leaf, |level, hash| rows.add(level, hash));
        }
        (rows, frontier)
    }

    pub(super) fn add(&mut self, level: u8, hash: Hash) {
        let level = usize::from(level);
        self.0.resize_with(self.0.len().max(level + 1), Vec::new);
        self.0[level].push(hash);
    }
}

impl Levels for Rows {
    type Error = Infallible;

    fn hash(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.0[usize::from(level)][usize::try_from(index).unwrap()])
    }
}
