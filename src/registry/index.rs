//! Keys to records in two blocks of memory: a table of slots, and the bytes of all rows one after the other.
//!
//! A map of boxed keys to boxed customers would take several times as much, and as much again while it reloads; finding one here
//! costs two trips to memory.

use std::hash::BuildHasher;
use std::hash::RandomState;

/// What a key is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Space {
    /// As written.
    Exact,
    /// The one spelling of a code or licence key.
    Normal,
}

/// Keys to records.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyIndex {
    bytes: Vec<u8>,
    keys: usize,
    slots: Vec<Slot>,
    state: RandomState,
}

/// Where a row begins, and some bits of its key's hash; `at` 0 is nobody, for no row begins there.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    tag: u32,
    at: u32,
}

const FIRST_SLOTS: usize = 16;

impl KeyIndex {
    /// Puts a row in. The keys of one row may be equal.
    ///
    /// # Errors
    /// When another row has one of the keys, or there are more bytes than can be addressed.
    pub(super) fn insert(&mut self, keys: &[(Space, &[u8])], record: &[u8]) -> Result<(), Refused> {
        if keys.iter().any(|(space, key)| self.find(*space, key).is_some()) {
            return Err(Refused::Twice);
        }
        if self.bytes.is_empty() {
            self.bytes.push(0);
        }
        let at = u32::try_from(self.bytes.len()).map_err(|_| Refused::Full)?;
        self.bytes.push(u8::try_from(keys.len()).map_err(|_| Refused::Full)?);
        for (space, key) in keys {
            self.bytes.push(space.byte());
            write_text(&mut self.bytes, key);
        }
        self.bytes.extend_from_slice(record);
        for (n, (space, key)) in keys.iter().enumerate() {
            if !keys.iter().take(n).any(|earlier| earlier == &(*space, *key)) {
                self.grow();
                let tag = self.tag(*space, key);
                place(&mut self.slots, Slot { tag, at });
                self.keys = self.keys.saturating_add(1);
            }
        }
        Ok(())
    }

    /// The bytes that begin with the record of a key.
    pub(super) fn find(&self, space: Space, key: &[u8]) -> Option<&[u8]> {
        let mask = self.slots.len().checked_sub(1)?;
        let tag = self.tag(space, key);
        let mut position = index(tag) & mask;
        loop {
            let slot = self.slots.get(position)?;
            if slot.at == 0 {
                return None;
            }
            if slot.tag == tag
                && let Some(record) = self.record(slot.at, space, key)
            {
                return Some(record);
            }
            position = position.wrapping_add(1) & mask;
        }
    }

    /// Number of keys.
    pub(super) const fn len(&self) -> usize {
        self.keys
    }

    /// Gives back what was allocated ahead.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// The record of the row at `at`, if one of its keys is this one.
    fn record(&self, at: u32, space: Space, key: &[u8]) -> Option<&[u8]> {
        let mut rest = self.bytes.get(index(at)..)?;
        let keys = take(&mut rest)?;
        let mut is_it = false;
        for _ in 0..keys {
            let of = take(&mut rest)?;
            is_it |= read_text(&mut rest)? == key && of == space.byte();
        }
        is_it.then_some(rest)
    }

    fn tag(&self, space: Space, key: &[u8]) -> u32 {
        let hash = self.state.hash_one((space.byte(), key));
        u32::try_from(hash >> 32).unwrap_or_default()
    }

    /// Makes room for one more: at most seven of eight slots are taken.
    fn grow(&mut self) {
        if self.keys.saturating_add(1).saturating_mul(8) <= self.slots.len().saturating_mul(7) {
            return;
        }
        let size = self.slots.len().saturating_mul(2).max(FIRST_SLOTS);
        let mut slots = vec![Slot::default(); size];
        for slot in self.slots.iter().filter(|slot| slot.at != 0) {
            place(&mut slots, *slot);
        }
        self.slots = slots;
    }
}

/// Why a row was not put in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    /// More bytes than can be addressed.
    Full,
    /// Another row has one of its keys.
    Twice,
}

impl Space {
    const fn byte(self) -> u8 {
        match self {
            Self::Exact => 0,
            Self::Normal => 1,
        }
    }
}

/// Appends a text with its length before it.
pub(super) fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    let mut length = text.len();
    loop {
        let low = u8::try_from(length & 0x7f).unwrap_or_default();
        length >>= 7;
        if length == 0 {
            out.push(low);
            break;
        }
        out.push(low | 0x80);
    }
    out.extend_from_slice(text);
}

/// Takes a text off the front.
pub(super) fn read_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (mut length, mut shift) = (0_usize, 0_u32);
    loop {
        let byte = take(bytes)?;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            break;
        }
        shift = shift.checked_add(7).filter(|shift| *shift < 35)?;
    }
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(text)
}

/// Takes a byte off the front.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fn place(slots: &mut [Slot], new: Slot) {
    let mask = slots.len().saturating_sub(1);
    let mut position = index(new.tag) & mask;
    while let Some(slot) = slots.get_mut(position) {
        if slot.at == 0 {
            *slot = new;
            return;
        }
        position = position.wrapping_add(1) & mask;
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
