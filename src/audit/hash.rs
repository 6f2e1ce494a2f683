//! RFC 6962, 2.1, from the text of the standard: leaf, node, and the root of a log that is read once from front to back.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;
use sha2::Sha256;

/// A SHA-256 hash; shown in base64.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Hash(pub(super) [u8; 32]);

impl Hash {
    /// Of bytes as they are.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of a leaf: `SHA-256(0x00 || d)`.
    pub(super) fn leaf(entry: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([0]);
        hasher.update(entry);
        Self(hasher.finalize().into())
    }

    /// Of two subtrees: `SHA-256(0x01 || left || right)`.
    pub(super) fn node(left: &Self, right: &Self) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([1]);
        hasher.update(left.0);
        hasher.update(right.0);
        Self(hasher.finalize().into())
    }

    /// Of no leaves at all.
    pub(super) fn empty_tree() -> Self {
        Self::of(b"")
    }

    /// Reads 44 characters of base64 as the standard writes them.
    pub(super) fn from_base64(text: &[u8]) -> Option<Self> {
        if text.len() != 44 {
            return None;
        }
        // The decoder wants room for what it guesses before it has seen the padding.
        let mut bytes = [0; 33];
        let count = STANDARD.decode_slice(text, &mut bytes).ok()?;
        if count != 32 {
            return None;
        }
        bytes.first_chunk().copied().map(Self)
    }

    /// Whether `text` is this hash in base64.
    pub(super) fn is_base64(&self, text: &[u8]) -> bool {
        let mut encoded = [0; 44];
        STANDARD.encode_slice(self.0, &mut encoded).is_ok() && encoded == *text
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The leaves read so far, as the roots of the perfect trees that they make: at most 64 hashes, whatever the size.
pub(super) struct Frontier {
    size: u64,
    /// At rank `r` the root of `2^r` leaves, where bit `r` of the size is set.
    roots: [Hash; 64],
}

impl Frontier {
    pub(super) const fn new() -> Self {
        Self { size: 0, roots: [Hash([0; 32]); 64] }
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next leaf. `complete` gets each hash of a level of tiles that is complete with it: level, place in the level, hash.
    pub(super) fn push<E>(
        &mut self,
        leaf: Hash,
        mut complete: impl FnMut(u32, u64, &Hash) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut hash = leaf;
        for (rank, root) in (0_u32..).zip(&mut self.roots) {
            let place = self.size.checked_shr(rank).unwrap_or(0);
            if rank & 7 == 0 {
                complete(rank >> 3, place, &hash)?;
            }
            if place & 1 == 0 {
                *root = hash;
                break;
            }
            hash = Hash::node(root, &hash);
        }
        self.size = self.size.saturating_add(1);
        Ok(())
    }

    /// The Merkle Tree Hash of all leaves so far.
    pub(super) fn root(&self) -> Hash {
        let mut right: Option<Hash> = None;
        for (rank, root) in (0_u32..).zip(&self.roots) {
            if self.size.checked_shr(rank).unwrap_or(0) & 1 == 1 {
                right = Some(right.map_or(*root, |right| Hash::node(root, &right)));
            }
        }
        right.unwrap_or_else(Hash::empty_tree)
    }
}

/// The root that follows from a leaf and its audit path (RFC 6962, 2.1.1; the walk of RFC 9162, 2.1.3.2); `None` if the path has not
/// the length that index and size need.
pub(super) fn root_of_path(index: u64, size: u64, leaf: Hash, path: &[Hash]) -> Option<Hash> {
    let mut last = size.checked_sub(1).filter(|last| index <= *last)?;
    let (mut place, mut hash) = (index, leaf);
    for sibling in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            hash = Hash::node(sibling, &hash);
            // A last node without a sibling moves up as it is.
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = Hash::node(&hash, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// The definition of RFC 6962, 2.1, word for word.
    fn naive_root(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => Hash::of(b""),
            [one] => Hash::of(&[&[0], one.as_slice()].concat()),
            more => {
                let split = 1 << (more.len() - 1).ilog2();
                let (left, right) = (naive_root(&more[..split]), naive_root(&more[split..]));
                Hash::of(&[&[1][..], &left.0, &right.0].concat())
            }
        }
    }

    fn naive_path(index: usize, leaves: &[Vec<u8>]) -> Vec<Hash> {
        if leaves.len() < 2 {
            return Vec::new();
        }
        let split = 1 << (leaves.len() - 1).ilog2();
        let (left, right) = leaves.split_at(split);
        let (mut path, other) = match index < split {
            true => (naive_path(index, left), right),
            false => (naive_path(index - split, right), left),
        };
        path.push(naive_root(other));
        path
    }

    fn hex(hash: &Hash) -> String {
        hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn roots_are_those_of_the_known_answers_of_rfc_6962() {
        // The vectors of the Certificate Transparency reference implementation.
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
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
        let mut frontier = Frontier::new();
        assert_eq!(hex(&frontier.root()), roots[0]);
        for (leaf, root) in leaves.iter().zip(&roots[1..]) {
            frontier.push(Hash::leaf(leaf), |_, _, _| Ok::<_, ()>(())).unwrap();
            assert_eq!(hex(&frontier.root()), *root);
        }
    }

    #[test]
    fn frontier_levels_and_paths_agree_with_the_definition() {
        let leaves: Vec<Vec<u8>> = (0..600_u32).map(|n| n.to_be_bytes().to_vec()).collect();
        let mut frontier = Frontier::new();
        let mut levels = vec![Vec::new(); 8];
        for (n, leaf) in leaves.iter().enumerate() {
            if n < 70 || n % 97 == 0 {
                assert_eq!(frontier.root(), naive_root(&leaves[..n]), "{n}");
            }
            let push = frontier.push(Hash::leaf(leaf), |level, place, hash| {
                let level = &mut levels[level as usize];
                assert_eq!(level.len() as u64, place);
                level.push(*hash);
                Ok::<_, ()>(())
            });
            push.unwrap();
        }
        assert_eq!(levels.iter().map(Vec::len).collect::<Vec<_>>(), [600, 2, 0, 0, 0, 0, 0, 0]);
        assert_eq!(levels[1][1], naive_root(&leaves[256..512]));

        for size in (1..40).chain([255, 256, 257, 600]) {
            let root = naive_root(&leaves[..size]);
            for index in (0..size).filter(|index| size < 40 || index % 51 == 0) {
                let path = naive_path(index, &leaves[..size]);
                let root_of = |at: usize, path: &[Hash]| {
                    root_of_path(at as u64, size as u64, levels[0][index], path)
                };
                assert_eq!(root_of(index, &path), Some(root), "{index} of {size}");
                assert_ne!(root_of(index + 1, &path), Some(root));
                if let Some((_, shorter)) = path.split_last() {
                    assert_eq!(root_of(index, shorter), None);
                }
                assert_eq!(root_of(index, &[&path[..], &[root]].concat()), None);
            }
        }
    }

    #[test]
    fn hashes_in_base64_are_read_only_as_they_are_written() {
        let hash = Hash::of(b"x");
        let text = hash.to_string();
        assert!(hash.is_base64(text.as_bytes()));
        assert_eq!(Hash::from_base64(text.as_bytes()), Some(hash));
        // The last character before the padding has two bits that say nothing: they must be zero.
        let twin = Hash([0; 32]).to_string().replace("A=", "B=");
        assert_eq!(Hash::from_base64(twin.as_bytes()), None);
        assert!(!Hash([0; 32]).is_base64(twin.as_bytes()));
        assert_eq!(Hash::from_base64(&text.as_bytes()[..43]), None);
    }
}
