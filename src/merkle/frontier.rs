//! The right edge of a growing tree: the hashes of the complete trees that its size is made of, one for each bit.

use crate::merkle::Hash;
use crate::merkle::Levels;
use crate::merkle::TreeFault;
use crate::merkle::levels::complete;

/// A tree that takes leaves one at a time and keeps no more than 64 hashes.
#[derive(Clone, Debug)]
pub struct Frontier {
    size: u64,
    /// INVARIANT: where bit `h` of `size` is set, the hash of the complete tree of `2^h` leaves that it stands for.
    trees: [Hash; 64],
}

impl Frontier {
    /// The empty tree.
    pub const fn new() -> Self {
        Self { size: 0, trees: [Hash::EMPTY; 64] }
    }

    /// The tree of the first `size` leaves, from what is stored of it.
    ///
    /// # Errors
    /// The levels cannot be read.
    pub fn resume<L: Levels>(size: u64, levels: &L) -> Result<Self, TreeFault<L::Error>> {
        let mut frontier = Self { size, ..Self::new() };
        let mut first = 0_u64;
        for (height, tree) in (0_u32..64).zip(&mut frontier.trees).rev() {
            let leaves = 1_u64.checked_shl(height).unwrap_or_default();
            if size & leaves != 0 {
                *tree = complete(first, height, levels)?;
                first = first.saturating_add(leaves);
            }
        }
        Ok(frontier)
    }

    /// Adds a leaf, and calls back with level and hash for each hash of a level from 1 on that it completes, the lowest first.
    /// The leaf itself is the next hash of level 0; the others too are the next of their levels.
    ///
    /// One node hash a leaf on average, and no allocation.
    pub fn push(&mut self, leaf: Hash, mut completed: impl FnMut(u8, Hash)) {
        let mut hash = leaf;
        let mut rest = self.size;
        for (height, tree) in (1_u8..).zip(&mut self.trees) {
            if rest & 1 == 0 {
                *tree = hash;
                break;
            }
            hash = Hash::node(tree, &hash);
            rest >>= 1;
            if height & 7 == 0 {
                completed(height >> 3, hash);
            }
        }
        // At a thousand million leaves a second, 2^64 are there after 584 years.
        self.size = self.size.saturating_add(1);
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree as it is.
    pub fn root(&self) -> Hash {
        let mut whole = None;
        let mut rest = self.size;
        for tree in &self.trees {
            if rest & 1 == 1 {
                whole = Some(whole.map_or(*tree, |right| Hash::node(tree, &right)));
            }
            rest >>= 1;
        }
        whole.unwrap_or(Hash::EMPTY)
    }
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}
