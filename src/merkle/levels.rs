//! Roots and proofs (RFC 6962, 2.1 to 2.1.2) from stored levels: hash `i` of level `L` is that of leaves `i*256^L` to
//! `(i+1)*256^L - 1`.
//!
//! What lies between two levels is hashed anew: at most 255 hashes of a level are read for a root or for each side of a proof,
//! so that the cost grows with the logarithm of the tree.

use std::ops::Range;

use crate::merkle::Hash;

/// Where the hashes of a tree lie.
pub trait Levels {
    /// Why a hash cannot be had.
    type Error;

    /// Hash `index` of `level`: that of the `256^level` leaves from `index * 256^level` on. It is asked for only if all of
    /// these leaves belong to the tree that the caller named.
    ///
    /// # Errors
    /// It cannot be read.
    fn hash(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;

    /// Successive hashes of one level, in order. Never more than 255 are asked for at once.
    ///
    /// # Errors
    /// One of them cannot be read.
    fn hashes(&self, level: u8, indices: Range<u64>) -> Result<Vec<Hash>, Self::Error> {
        indices.map(|index| self.hash(level, index)).collect()
    }
}

impl<L: Levels + ?Sized> Levels for &L {
    type Error = L::Error;

    fn hash(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        (**self).hash(level, index)
    }

    fn hashes(&self, level: u8, indices: Range<u64>) -> Result<Vec<Hash>, Self::Error> {
        (**self).hashes(level, indices)
    }
}

/// Why there is no such root or proof.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TreeFault<E> {
    /// A leaf that the tree does not have.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    Index {
        /// The leaf asked for.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// The levels cannot be read.
    #[error(transparent)]
    Levels(#[from] E),
    /// [`Levels::hashes`] gave another number of hashes than it was asked for.
    #[error("level {level} gave another number of hashes than the {asked} from {from} on")]
    Number {
        /// Which level.
        level: u8,
        /// The first that was asked for.
        from: u64,
        /// How many were.
        asked: u64,
    },
    /// The older tree is larger than the newer.
    #[error("a tree of {new} leaves cannot come after one of {old}")]
    Order {
        /// Leaves of the older tree.
        old: u64,
        /// Leaves of the newer.
        new: u64,
    },
}

/// The Merkle Tree Hash of the first `size` leaves.
///
/// # Errors
/// The levels cannot be read.
pub fn root<L: Levels>(size: u64, levels: &L) -> Result<Hash, TreeFault<L::Error>> {
    span(0, size, levels)
}

/// The audit path (RFC 6962, 2.1.1) of leaf `index` in the tree of the first `size`, from the leaf's sibling upwards.
///
/// # Errors
/// There is no such leaf, or the levels cannot be read.
pub fn inclusion_proof<L: Levels>(
    index: u64,
    size: u64,
    levels: &L,
) -> Result<Vec<Hash>, TreeFault<L::Error>> {
    if index >= size {
        return Err(TreeFault::Index { index, size });
    }
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    while let Some(middle) = split(start, end) {
        if index < middle {
            proof.push(span(middle, end, levels)?);
            end = middle;
        } else {
            proof.push(span(start, middle, levels)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The consistency proof (RFC 6962, 2.1.2) of the first `old` leaves with the first `new`. Empty if they are the same tree, or
/// the old one is empty: everything begins with nothing.
///
/// # Errors
/// `old` is greater than `new`, or the levels cannot be read.
pub fn consistency_proof<L: Levels>(
    old: u64,
    new: u64,
    levels: &L,
) -> Result<Vec<Hash>, TreeFault<L::Error>> {
    if old > new {
        return Err(TreeFault::Order { old, new });
    }
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Ok(proof);
    }
    // SUBPROOF(m, D[n], b) without recursion: the span that `old` ends in, narrowed until `old` ends with it.
    let (mut start, mut end) = (0, new);
    while old != end {
        let Some(middle) = split(start, end) else { break };
        if old <= middle {
            proof.push(span(middle, end, levels)?);
            end = middle;
        } else {
            proof.push(span(start, middle, levels)?);
            start = middle;
        }
    }
    // `b` is true while the span begins with the tree: then the verifier has its hash, which is the old root.
    if start != 0 {
        proof.push(span(start, end, levels)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The hash of the `2^height` leaves from `first` on, which is a multiple of that.
pub(super) fn complete<L: Levels>(
    first: u64,
    height: u32,
    levels: &L,
) -> Result<Hash, TreeFault<L::Error>> {
    let level = height.checked_div(8).unwrap_or_default();
    let index = first.checked_shr(level.saturating_mul(8)).unwrap_or_default();
    let asked = 1_u64.checked_shl(height & 7).unwrap_or_default();
    let level = u8::try_from(level).unwrap_or(u8::MAX);
    let mut row = levels.hashes(level, index..index.saturating_add(asked))?;
    if u64::try_from(row.len()) != Ok(asked) {
        return Err(TreeFault::Number { level, from: index, asked });
    }
    // In place: each round halves the row.
    while row.len() > 1 {
        row = row.chunks_exact(2).filter_map(pair).collect();
    }
    row.first().copied().ok_or(TreeFault::Number { level, from: index, asked })
}

fn pair(two: &[Hash]) -> Option<Hash> {
    let [left, right] = two else { return None };
    Some(Hash::node(left, right))
}

/// MTH(D[start:end]), where `start` is a multiple of the greatest power of two that is smaller than the width, as everywhere in
/// RFC 6962: complete trees from left to right, the smallest last, joined from the right.
fn span<L: Levels>(start: u64, end: u64, levels: &L) -> Result<Hash, TreeFault<L::Error>> {
    let mut whole = None;
    let mut rest = end.saturating_sub(start);
    let mut end = end;
    // The lowest bit of what is left is the rightmost complete tree.
    while rest != 0 {
        let height = rest.trailing_zeros();
        let leaves = 1_u64.checked_shl(height).unwrap_or_default();
        end = end.saturating_sub(leaves);
        rest &= rest.wrapping_sub(1);
        let left = complete(end, height, levels)?;
        whole = Some(whole.map_or(left, |right| Hash::node(&left, &right)));
    }
    Ok(whole.unwrap_or(Hash::EMPTY))
}

/// Where RFC 6962 parts a span of at least two leaves: after the greatest power of two smaller than its width.
fn split(start: u64, end: u64) -> Option<u64> {
    let below = end.saturating_sub(start).checked_sub(1)?;
    let height = below.checked_ilog2()?;
    start.checked_add(1_u64.checked_shl(height)?)
}
