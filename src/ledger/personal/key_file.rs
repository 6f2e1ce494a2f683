//! The bytes of the files of keys.

use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use super::super::error::LedgerError;

/// Bytes of an entry, and of the file's head: so none lies across two sectors of a disk.
pub(super) const ENTRY: usize = 128;
/// The same, as an offset.
pub(super) const STRIDE: u64 = 128;

const MAGIC: [u8; 8] = *b"INTERDSK";
const VERSION: u32 = 1;
const IN_USE: u32 = 1;
const DESTROYED: u32 = 2;
const LOST: u32 = 3;

/// What has become of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    /// An erasure destroyed it, at that instant (µs).
    Destroyed(i64),
    InUse,
    /// A power cut took it before it was on disk, as a start found at that instant (µs).
    Lost(i64),
}

/// A key of a subject.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) struct KeyEntry {
    /// µs since 1970.
    pub(super) created: i64,
    pub(super) id: [u8; 16],
    /// Zeros unless it is in use.
    pub(super) key: [u8; 32],
    pub(super) state: State,
    /// Of whom; zeros if it was lost.
    pub(super) tag: [u8; 16],
}

impl KeyEntry {
    pub(super) fn destroy(&mut self, at: i64) {
        self.key = [0; 32];
        self.state = State::Destroyed(at);
    }

    pub(super) fn encode(&self) -> [u8; ENTRY] {
        let (state, ended) = match self.state {
            State::Destroyed(at) => (DESTROYED, at),
            State::InUse => (IN_USE, 0),
            State::Lost(at) => (LOST, at),
        };
        let mut rest = Vec::with_capacity(ENTRY);
        rest.extend_from_slice(&state.to_le_bytes());
        rest.extend_from_slice(&self.created.to_le_bytes());
        rest.extend_from_slice(&ended.to_le_bytes());
        rest.extend_from_slice(&[0; 8]);
        rest.extend_from_slice(&self.id);
        rest.extend_from_slice(&self.tag);
        rest.extend_from_slice(&self.key);
        checked(rest)
    }

    /// None if these are not the bytes of an entry: a hole, or one that was not written whole.
    pub(super) fn decode(bytes: &[u8; ENTRY]) -> Option<Self> {
        Self::unchecked(bytes).filter(|entry| entry.encode() == *bytes)
    }

    /// As [`KeyEntry::decode`], of bytes that may be damaged: an overwriting that did not come to its end.
    pub(super) fn unchecked(bytes: &[u8; ENTRY]) -> Option<Self> {
        let number = |at: usize| {
            let bytes = bytes.get(at..)?.first_chunk::<8>()?;
            Some(i64::from_le_bytes(*bytes))
        };
        let state = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
        Some(Self {
            created: number(8)?,
            id: *bytes.get(32..)?.first_chunk()?,
            key: *bytes.get(64..)?.first_chunk()?,
            state: match state {
                DESTROYED => State::Destroyed(number(16)?),
                LOST => State::Lost(number(16)?),
                _ => State::InUse,
            },
            tag: *bytes.get(48..)?.first_chunk()?,
        })
    }
}

impl fmt::Debug for KeyEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyEntry").field("id", &hex(&self.id)).finish_non_exhaustive()
    }
}

/// The first bytes of a file of keys.
pub(super) fn head() -> [u8; ENTRY] {
    let mut rest = MAGIC.to_vec();
    rest.extend_from_slice(&VERSION.to_le_bytes());
    checked(rest)
}

/// Puts the CRC-32C of all that follows in front, and fills up with zeros.
fn checked(mut rest: Vec<u8>) -> [u8; ENTRY] {
    rest.resize(ENTRY.saturating_sub(4), 0);
    let checksum = crc32c::crc32c(&rest).to_le_bytes();
    let mut bytes = [0; ENTRY];
    for (to, from) in bytes.iter_mut().zip(checksum.iter().chain(&rest)) {
        *to = *from;
    }
    bytes
}

/// The files of keys in a folder, by number; none if there is no folder.
pub(super) fn list(folder: &Path) -> Result<Vec<(u32, PathBuf)>, LedgerError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LedgerError::io("list", folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(LedgerError::io("list", folder))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("keys-"));
        let number =
            number.filter(|digits| digits.len() == 8).and_then(|digits| digits.parse().ok());
        if let Some(number) = number {
            found.push((number, path(folder, number)));
        }
    }
    found.sort_unstable();
    Ok(found)
}

pub(super) fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("keys-{number:08}"))
}

/// Hexadecimal digits, as an id is written.
pub(in crate::ledger) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // A text grows without fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// An id from its digits.
pub(super) fn id(text: &str) -> Option<[u8; 16]> {
    let mut id = [0; 16];
    let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 32 || !text.bytes().all(lower) {
        return None;
    }
    for (at, byte) in id.iter_mut().enumerate() {
        let begin = at.saturating_mul(2);
        *byte = u8::from_str_radix(text.get(begin..begin.saturating_add(2))?, 16).ok()?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_and_any_changed_bit_is_seen() {
        let mut entry =
            KeyEntry { created: -5, id: [1; 16], key: [2; 32], state: State::InUse, tag: [3; 16] };
        for _ in 0..3 {
            let bytes = entry.encode();
            assert_eq!(KeyEntry::decode(&bytes), Some(entry));
            for bit in 0..ENTRY * 8 {
                let mut flipped = bytes;
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(KeyEntry::decode(&flipped), None, "bit {bit}");
            }
            let lost = entry.state == State::Destroyed(7);
            entry.destroy(7);
            assert_eq!((entry.key, entry.state), ([0; 32], State::Destroyed(7)));
            if lost {
                entry.state = State::Lost(8);
            }
        }
        assert_eq!(KeyEntry::decode(&[0; ENTRY]), None, "a hole is no key");
    }

    #[test]
    fn ids_are_read_exactly_as_written() {
        let bytes: [u8; 16] = std::array::from_fn(|at| u8::try_from(at * 16).unwrap());
        assert_eq!(id(&hex(&bytes)), Some(bytes));
        assert_eq!(id("0g000000000000000000000000000000"), None);
        assert_eq!(id("F0000000000000000000000000000000"), None);
    }
}
