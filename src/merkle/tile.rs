//! Tiles of the tree and bundles of entries, and their paths (C2SP tlog-tiles): 256 hashes of a level, or entries, fewer at
//! the right edge.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::merkle::number::decimal;

/// Hashes in a full tile.
const FULL: u64 = 256;
/// The highest level that a path may name.
const LAST_LEVEL: u8 = 63;

/// What a tile holds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TileKind {
    /// Entries: an entry bundle.
    Entries,
    /// Hashes of this level.
    Hashes(u8),
}

impl TileKind {
    /// The level whose hashes are as many: a bundle has the entries of the tile of level 0 with its number.
    pub const fn level(self) -> u8 {
        match self {
            Self::Entries => 0,
            Self::Hashes(level) => level,
        }
    }
}

/// A tile by its place: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TilePath {
    kind: TileKind,
    index: u64,
    /// INVARIANT: 1 to 256.
    width: u16,
}

/// Why a text is no path of a tile, or there is no such tile.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TileFault {
    /// The number of the tile is not in groups of three digits, each but the last after an `x`, without a needless first group;
    /// or the tile would hold what is beyond all leaves.
    #[error("the tile's number must be in groups of three digits, all but the last after an `x`")]
    Index,
    /// Not `entries` nor a number from 0 to 63.
    #[error("the level must be `entries` or a number from 0 to 63")]
    Level,
    /// It does not begin with `tile/`, or parts are missing.
    #[error("a tile's path is `tile/<level>/<number>`, with `.p/<width>` if it is not full")]
    Shape,
    /// The width of a partial tile is not a number from 1 to 255.
    #[error("the width of a partial tile must be a number from 1 to 255")]
    Width,
}

impl TilePath {
    /// The tile with number `index` and `width` hashes or entries, 1 to 256.
    ///
    /// # Errors
    /// The level, number or width is beyond what a path can name.
    pub const fn new(kind: TileKind, index: u64, width: u16) -> Result<Self, TileFault> {
        if kind.level() > LAST_LEVEL {
            return Err(TileFault::Level);
        }
        // The indices of what it holds must be numbers too.
        if index > u64::MAX >> 8 {
            return Err(TileFault::Index);
        }
        if width == 0 || width > 256 {
            return Err(TileFault::Width);
        }
        Ok(Self { kind, index, width })
    }

    /// What it holds.
    pub const fn kind(self) -> TileKind {
        self.kind
    }

    /// Its number in its level.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds: 1 to 256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it is full: it never changes, and no wider one takes its place.
    pub const fn is_full(self) -> bool {
        self.width == 256
    }

    /// The indices, in its level, of the hashes or entries that it holds.
    pub fn indices(self) -> Range<u64> {
        let first = self.index.saturating_mul(FULL);
        first..first.saturating_add(self.width.into())
    }

    /// Whether a tree of `size` leaves has all that it holds. A server may answer for it.
    pub fn is_within(self, size: u64) -> bool {
        self.indices().end <= width(self.kind.level(), size)
    }

    /// Whether it is one of the tiles that a tree of `size` leaves is made of: full, or partial at the right edge with just the
    /// width of that size. A server must answer for it if there was a checkpoint of that size.
    pub fn is_of(self, size: u64) -> bool {
        let held = width(self.kind.level(), size);
        self.is_within(size) && (self.is_full() || self.indices().end == held)
    }

    /// The tile or bundle of this kind that holds hash or entry `index`, as wide as it is in a tree of `size` leaves; none if
    /// that has no such hash.
    pub fn holding(kind: TileKind, index: u64, size: u64) -> Option<Self> {
        let held = width(kind.level(), size);
        let number = index / FULL;
        let in_it = held.checked_sub(number.saturating_mul(FULL))?.min(FULL);
        let found = Self::new(kind, number, u16::try_from(in_it).ok()?).ok()?;
        found.indices().contains(&index).then_some(found)
    }

    /// The tiles of this kind that a tree of `size` leaves is made of, from the left.
    pub fn all(kind: TileKind, size: u64) -> impl Iterator<Item = Self> {
        let tiles = width(kind.level(), size).div_ceil(FULL);
        (0..tiles).filter_map(move |number| Self::holding(kind, number.saturating_mul(FULL), size))
    }
}

/// How many hashes `level` has in a tree of `size` leaves: `floor(size / 256^level)`.
pub fn width(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or_default()
}

impl FromStr for TilePath {
    type Err = TileFault;

    /// The one spelling that C2SP gives a tile, without a slash before it.
    fn from_str(text: &str) -> Result<Self, TileFault> {
        let rest = text.strip_prefix("tile/").ok_or(TileFault::Shape)?;
        let (level, rest) = rest.split_once('/').ok_or(TileFault::Shape)?;
        let kind = if level == "entries" {
            TileKind::Entries
        } else {
            let level = decimal(level).and_then(|level| u8::try_from(level).ok());
            TileKind::Hashes(level.filter(|level| *level <= LAST_LEVEL).ok_or(TileFault::Level)?)
        };
        let (number, width) = match rest.split_once(".p/") {
            None => (rest, 256),
            Some((number, width)) => {
                let width = decimal(width).and_then(|width| u16::try_from(width).ok());
                let partial = width.filter(|width| (1..=255).contains(width));
                (number, partial.ok_or(TileFault::Width)?)
            }
        };
        Self::new(kind, index(number).ok_or(TileFault::Index)?, width)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => f.write_str("tile/entries")?,
            TileKind::Hashes(level) => write!(f, "tile/{level}")?,
        }
        // The greatest group that is not nought, and the last one in any case.
        let highest = self.index.checked_ilog(1000).unwrap_or_default();
        for group in (0..=highest).rev() {
            let value = 1000_u64.checked_pow(group).and_then(|unit| self.index.checked_div(unit));
            let mark = if group == 0 { "" } else { "x" };
            write!(f, "/{mark}{:03}", value.unwrap_or_default() % 1000)?;
        }
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// `x001/x234/067` is 1234067.
fn index(text: &str) -> Option<u64> {
    let (above, last) = match text.rsplit_once('/') {
        Some((above, last)) => (Some(above), last),
        None => (None, text),
    };
    let mut index = 0_u64;
    for group in above.into_iter().flat_map(|above| above.split('/')) {
        let value = three_digits(group.strip_prefix('x')?)?;
        if index == 0 && value == 0 {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(value)?;
    }
    index.checked_mul(1000)?.checked_add(three_digits(last)?)
}

fn three_digits(text: &str) -> Option<u64> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}
