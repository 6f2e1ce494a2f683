//! Proofs verified, after RFC 9162, 2.1.3.2 and 2.1.4.2. Nothing here can make a proof: a fault of the one that makes them is
//! not repeated by the one that believes them.

use crate::merkle::Hash;

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProofFault {
    /// A leaf that the tree does not have.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    Index {
        /// The leaf.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// Too few or too many hashes for trees of these sizes.
    #[error("the proof has {hashes} hashes, which is not what trees of these sizes need")]
    Length {
        /// How many it has.
        hashes: usize,
    },
    /// The hashes do not lead to the older tree's root.
    #[error("the proof does not lead to the root of the older tree")]
    OldRoot,
    /// The older tree is larger than the newer.
    #[error("a tree of {new} leaves cannot come after one of {old}")]
    Order {
        /// Leaves of the older tree.
        old: u64,
        /// Leaves of the newer.
        new: u64,
    },
    /// The hashes do not lead to the root; of two trees, to the newer's.
    #[error("the proof does not lead to the root of the tree")]
    Root,
}

/// Whether the leaf with this hash is leaf `index` of the tree with this size and root (RFC 9162, 2.1.3.2).
///
/// # Errors
/// It is not, or the proof does not show it.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofFault> {
    let length = ProofFault::Length { hashes: proof.len() };
    let last = size.checked_sub(1).filter(|last| index <= *last);
    let Some(last) = last else { return Err(ProofFault::Index { index, size }) };
    let mut position = Position { node: index, last };
    let mut hash = *leaf;
    for sibling in proof {
        if position.last == 0 {
            return Err(length);
        }
        if position.is_right() {
            hash = Hash::node(sibling, &hash);
            position.skip_missing_siblings();
        } else {
            hash = Hash::node(&hash, sibling);
        }
        position.climb();
    }
    if position.last != 0 {
        return Err(length);
    }
    if hash == *root { Ok(()) } else { Err(ProofFault::Root) }
}

/// Whether the tree with `old` leaves and root `old_root` is the beginning of that with `new` leaves and root `new_root` (RFC
/// 9162, 2.1.4.2). The empty tree is the beginning of every tree; its root is still checked, and the proof is empty.
///
/// # Errors
/// It is not, or the proof does not show it.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofFault> {
    let length = ProofFault::Length { hashes: proof.len() };
    if old > new {
        return Err(ProofFault::Order { old, new });
    }
    let (Some(node), Some(last)) = (old.checked_sub(1), new.checked_sub(1)) else {
        return from_nothing(old_root, new, new_root, proof);
    };
    if old == new {
        let same = if old_root == new_root { Ok(()) } else { Err(ProofFault::Root) };
        return if proof.is_empty() { same } else { Err(length) };
    }
    let mut path = proof.iter();
    // A complete old tree is a node of the new one: its root is known, and so is left out of the proof.
    let known = old.is_power_of_two().then_some(old_root);
    let Some(first) = known.or_else(|| path.next()) else { return Err(length) };
    let mut position = Position { node, last };
    while position.node & 1 == 1 {
        position.climb();
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in path {
        if position.last == 0 {
            return Err(length);
        }
        if position.is_right() {
            old_hash = Hash::node(sibling, &old_hash);
            new_hash = Hash::node(sibling, &new_hash);
            position.skip_missing_siblings();
        } else {
            new_hash = Hash::node(&new_hash, sibling);
        }
        position.climb();
    }
    if position.last != 0 {
        return Err(length);
    }
    if old_hash != *old_root {
        return Err(ProofFault::OldRoot);
    }
    if new_hash == *new_root { Ok(()) } else { Err(ProofFault::Root) }
}

fn from_nothing(
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofFault> {
    if !proof.is_empty() {
        return Err(ProofFault::Length { hashes: proof.len() });
    }
    if *old_root != Hash::EMPTY {
        return Err(ProofFault::OldRoot);
    }
    if new == 0 && *new_root != Hash::EMPTY { Err(ProofFault::Root) } else { Ok(()) }
}

/// `fn` and `sn` of RFC 9162: a node's number in its row, and that of the row's last.
struct Position {
    node: u64,
    last: u64,
}

impl Position {
    /// Its sibling, or the next one up that there is, stands to the left.
    const fn is_right(&self) -> bool {
        self.node & 1 == 1 || self.node == self.last
    }

    /// The last of an uneven row has no sibling, and stands as it is in the row above.
    const fn skip_missing_siblings(&mut self) {
        while self.node & 1 == 0 && self.node != 0 {
            self.climb();
        }
    }

    const fn climb(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }
}
