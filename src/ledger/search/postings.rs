//! Which records of a block bear which tag, as the values of the index.
//!
//! A block is 65,536 records. Its tags are sorted and cut into pages. A page: CRC-32C of its key and the rest (4 bytes), the first tag of
//! the next page (8 bytes; all ones after the last), then for each tag the distance from the tag before it, the number of places, and
//! the places: up to 8,192 as distances, more as a bitmap of 8,192 bytes. Numbers little endian, counts and distances as LEB128.

/// Records of a block; in tests fewer, so that there are many blocks.
pub(super) const BLOCK: u64 = if cfg!(test) { 1_024 } else { 65_536 };
/// Bits of a tag.
pub(super) const TAG_BITS: u32 = 48;
/// Bytes after which a page is full.
const PAGE: usize = 2_048;
/// Bytes before the first tag.
const HEAD: usize = 12;
/// More places than this are a bitmap.
const SPARSE: u64 = 8_192;
/// Bytes of a bitmap.
const BITMAP: usize = 8_192;

/// A page whose bytes are not what was written, or that is missing.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Damaged;

/// A page and its key within a block.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) key: [u8; 16],
    pub(super) bytes: Vec<u8>,
}

/// Places of a block.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Bits(Vec<u64>);

/// A tag at a place, as one number that sorts by tag.
pub(super) const fn pair(tag: u64, place: u16) -> u64 {
    (tag << 16) | place as u64
}

/// The key of the page of a block that begins with a tag.
pub(super) fn key(block: u64, tag: u64) -> [u8; 16] {
    let mut key = [0; 16];
    for (to, from) in key.iter_mut().zip([block.to_be_bytes(), tag.to_be_bytes()].as_flattened()) {
        *to = *from;
    }
    key
}

impl Bits {
    pub(super) fn none() -> Self {
        Self(vec![0; BITMAP / 8])
    }

    pub(super) fn all() -> Self {
        Self(vec![u64::MAX; BITMAP / 8])
    }

    pub(super) fn set(&mut self, place: u16) {
        if let Some(word) = self.0.get_mut(usize::from(place >> 6)) {
            *word |= 1 << (place & 63);
        }
    }

    pub(super) fn has(&self, place: u16) -> bool {
        self.0.get(usize::from(place >> 6)).is_some_and(|word| word & (1 << (place & 63)) != 0)
    }

    pub(super) fn keep(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= other;
        }
    }

    /// Whether any of the 256 places of a group is set.
    pub(super) fn any_in(&self, group: u64) -> bool {
        let at = usize::try_from(group).unwrap_or(usize::MAX).saturating_mul(4);
        self.0.iter().skip(at).take(4).any(|word| *word != 0)
    }

    /// The places in a list of pairs that bear a tag.
    pub(super) fn of(pairs: &[u64], tag: u64) -> Self {
        let mut bits = Self::none();
        for found in pairs.iter().filter(|found| **found >> 16 == tag) {
            bits.set(u16::try_from(found & 0xffff).unwrap_or_default());
        }
        bits
    }

    fn bytes(&self) -> impl Iterator<Item = u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes())
    }
}

/// The pages of a block.
pub(super) fn pages(block: u64, mut pairs: Vec<u64>) -> Vec<Page> {
    pairs.sort_unstable();
    pairs.dedup();
    let mut pages = Vec::new();
    let (mut first, mut last) = (0, 0);
    let mut bytes = vec![0; HEAD];
    for places in pairs.chunk_by(|a, b| a >> 16 == b >> 16) {
        let tag = places.first().map_or(0, |pair| pair >> 16);
        if bytes.len() >= PAGE {
            let full = std::mem::replace(&mut bytes, vec![0; HEAD]);
            pages.push(seal(key(block, first), full, tag));
            (first, last) = (tag, tag);
        }
        push(&mut bytes, tag.saturating_sub(last));
        last = tag;
        let count = u64::try_from(places.len()).unwrap_or(u64::MAX);
        push(&mut bytes, count);
        if count > SPARSE {
            bytes.extend(Bits::of(places, tag).bytes());
            continue;
        }
        let mut before = 0;
        for place in places.iter().map(|pair| pair & 0xffff) {
            push(&mut bytes, place.saturating_sub(before));
            before = place;
        }
    }
    pages.push(seal(key(block, first), bytes, u64::MAX));
    pages
}

/// The places of a tag, out of the last page of its block that begins at or before it.
pub(super) fn look(key: &[u8], page: &[u8], tag: u64) -> Result<Option<Bits>, Damaged> {
    let (checksum, rest) = page.split_first_chunk::<4>().ok_or(Damaged)?;
    if u32::from_le_bytes(*checksum) != crc32c::crc32c_append(crc32c::crc32c(key), rest) {
        return Err(Damaged);
    }
    let (next, mut rest) = rest.split_first_chunk::<8>().ok_or(Damaged)?;
    let first = key.last_chunk::<8>().ok_or(Damaged)?;
    // A page that should lie between this one and the next is gone.
    if tag >= u64::from_le_bytes(*next) {
        return Err(Damaged);
    }
    let mut at = u64::from_be_bytes(*first);
    while !rest.is_empty() {
        at = at.checked_add(pull(&mut rest)?).ok_or(Damaged)?;
        let count = pull(&mut rest)?;
        if at > tag {
            return Ok(None);
        }
        if count > SPARSE {
            let (bitmap, after) = rest.split_at_checked(BITMAP).ok_or(Damaged)?;
            rest = after;
            if at == tag {
                let words = bitmap.as_chunks::<8>().0.iter();
                return Ok(Some(Bits(words.map(|word| u64::from_le_bytes(*word)).collect())));
            }
            continue;
        }
        let mut bits = (at == tag).then(Bits::none);
        let mut place = 0_u64;
        for _ in 0..count {
            place = place.saturating_add(pull(&mut rest)?);
            if let Some(bits) = &mut bits {
                bits.set(u16::try_from(place).map_err(|_| Damaged)?);
            }
        }
        if bits.is_some() {
            return Ok(bits);
        }
    }
    Ok(None)
}

fn seal(key: [u8; 16], mut bytes: Vec<u8>, next: u64) -> Page {
    for (to, from) in bytes.iter_mut().skip(4).zip(next.to_le_bytes()) {
        *to = from;
    }
    let rest = bytes.get(4..).unwrap_or_default();
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&key), rest);
    for (to, from) in bytes.iter_mut().zip(checksum.to_le_bytes()) {
        *to = from;
    }
    Page { key, bytes }
}

fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn pull(bytes: &mut &[u8]) -> Result<u64, Damaged> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Damaged)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Damaged)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers")]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn find(pages: &BTreeMap<[u8; 16], Vec<u8>>, tag: u64) -> Result<Option<Bits>, Damaged> {
        let (key, page) = pages.range(..=key(3, tag)).next_back().ok_or(Damaged)?;
        look(key, page, tag)
    }

    fn stored(pairs: Vec<u64>) -> BTreeMap<[u8; 16], Vec<u8>> {
        pages(3, pairs).into_iter().map(|page| (page.key, page.bytes)).collect()
    }

    #[test]
    fn sparse_and_dense_tags_are_found_as_they_were_put() {
        let mut pairs = Vec::new();
        for place in 0..=u16::MAX {
            pairs.push(pair(u64::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16, place));
            if place % 3 > 0 {
                pairs.push(pair(77, place));
            }
        }
        let pages = stored(pairs.clone());
        assert!(pages.len() > 100, "{}", pages.len());
        for tag in [77, 0, 1, pairs[5_000] >> 16, pairs[60_001] >> 16] {
            let expected = Bits::of(&pairs, tag);
            assert_eq!(find(&pages, tag).unwrap().unwrap_or_else(Bits::none), expected);
        }
    }

    proptest! {
        #[test]
        fn any_pairs_are_found_and_no_missing_or_changed_page_is_taken_for_absence(
            pairs in prop::collection::vec((0_u64..2_000, any::<u16>()), 1..3_000),
            lost in any::<prop::sample::Index>(),
            bit in any::<prop::sample::Index>(),
        ) {
            let pairs: Vec<_> = pairs.iter().map(|(tag, place)| pair(*tag << 20, *place)).collect();
            let whole = stored(pairs.clone());
            let mut cut = whole.clone();
            let key = *lost.get(&whole.keys().collect::<Vec<_>>());
            cut.remove(key);
            let mut changed = whole.clone();
            let page = changed.get_mut(key).unwrap();
            let bit = bit.index(page.len() * 8);
            page[bit / 8] ^= 1 << (bit % 8);
            for tag in (0..2_000).map(|tag| tag << 20) {
                let expected = Bits::of(&pairs, tag);
                prop_assert_eq!(find(&whole, tag).unwrap().unwrap_or_else(Bits::none), expected.clone());
                for damaged in [&cut, &changed] {
                    if let Ok(found) = find(damaged, tag) {
                        prop_assert_eq!(found.unwrap_or_else(Bits::none), expected.clone());
                    }
                }
            }
        }
    }
}
