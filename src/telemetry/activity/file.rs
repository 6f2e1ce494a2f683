//! The file that charts outlive a restart in.
//!
//! A line that names the format, then numbers in LEB128: names of products and of rules (how many, then each with its length), and
//! twice, for minutes and hours: the minute before which nothing is kept (0: all is), how many slots, and each as its minute (less
//! the one before), how many counts, and each as its key (less the one before) and its count. At the end the CRC-32C of all before.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use crate::output::replace_private;

use super::KEYS;
use super::cells::Cells;
use super::cells::Slot;
use super::cells::Track;
use super::history::History;
use super::key::Key;
use super::key::NAMES;
use super::names;
use super::names::Names;

const FORMAT: &[u8] = b"interdict activity 1\n";
/// Longest file that is read: more than the longest that is written.
const LONGEST: u64 = 64 << 20;

/// Why the charts' file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum ActivityError {
    /// The disk or the system refused.
    #[error("cannot read or write `{}`, which the charts outlive a restart in: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is damaged, or of another version.
    #[error("`{}` is damaged or of another version: the charts begin anew; no evidence is lost, it is in the ledger", .0.display())]
    Unsound(PathBuf),
}

/// What was written last, and room for the next.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    /// The history's version that `bytes` are of.
    making: u64,
    written: u64,
}

impl Kept {
    /// Makes the bytes; false if they would be those that are on the disk.
    pub(super) fn encode(&mut self, history: &History) -> bool {
        if history.version == self.written {
            return false;
        }
        self.making = history.version;
        self.bytes.clear();
        encode(history, &mut self.bytes);
        true
    }

    pub(super) fn write(&mut self, path: &Path) -> Result<(), ActivityError> {
        let result = replace_private(path, &self.bytes);
        self.bytes = Vec::new();
        result.map_err(|source| ActivityError::Io { path: path.to_owned(), source })?;
        self.written = self.making;
        Ok(())
    }
}

pub(super) fn read(path: &Path) -> Result<Option<History>, ActivityError> {
    let io = |source| ActivityError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).map_err(io)?;
    decode(&bytes).map(Some).ok_or_else(|| ActivityError::Unsound(path.to_owned()))
}

fn encode(history: &History, out: &mut Vec<u8>) {
    out.extend_from_slice(FORMAT);
    for names in [&history.products, &history.rules] {
        put_len(out, names.all().len());
        for name in names.all() {
            put_len(out, name.len());
            out.extend_from_slice(name.as_bytes());
        }
    }
    for track in [&history.minutes, &history.hours] {
        put(out, u64::try_from(track.gone).unwrap_or(0));
        put_len(out, track.slots().len());
        let mut before = 0_i64;
        for slot in track.slots() {
            put(out, u64::try_from(slot.at.saturating_sub(before)).unwrap_or(0));
            before = slot.at;
            put_len(out, slot.cells.len());
            let mut before = 0;
            for (key, count) in slot.cells.iter() {
                put(out, key.0.saturating_sub(before));
                put(out, count.into());
                before = key.0;
            }
        }
    }
    let sum = crc32c::crc32c(out);
    out.extend_from_slice(&sum.to_le_bytes());
}

fn decode(bytes: &[u8]) -> Option<History> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut rest = body.strip_prefix(FORMAT)?;
    let mut history = History::default();
    for names in [&mut history.products, &mut history.rules] {
        *names = take_names(&mut rest)?;
    }
    let (products, rules) = (history.products.all().len(), history.rules.all().len());
    for track in [&mut history.minutes, &mut history.hours] {
        take_track(&mut rest, track, |key| key.is_sound(products, rules))?;
    }
    rest.is_empty().then_some(history)
}

fn take_names(rest: &mut &[u8]) -> Option<Names> {
    let count = take_len(rest, NAMES)?;
    let mut names = Names::default();
    for number in 0..count {
        let length = take_len(rest, names::LONGEST)?;
        let (name, after) = rest.split_at_checked(length)?;
        *rest = after;
        if usize::from(names.number(std::str::from_utf8(name).ok()?)) != number {
            return None;
        }
    }
    (names.all().len() == count).then_some(names)
}

fn take_track(rest: &mut &[u8], track: &mut Track, is_sound: impl Fn(Key) -> bool) -> Option<()> {
    let gone = i64::try_from(take(rest)?).ok()?;
    if gone > 0 {
        track.gone = gone;
    }
    let slots = take_len(rest, 1 << 20)?;
    let mut at = 0_i64;
    for _ in 0..slots {
        at = at.checked_add_unsigned(take(rest)?)?;
        let mut cells = Cells::default();
        let mut key = 0_u64;
        // The limit, and one more for each verdict and action.
        for _ in 0..take_len(rest, KEYS.saturating_add(64))? {
            key = key.checked_add(take(rest)?)?;
            let count = u32::try_from(take(rest)?).ok()?;
            cells.push(Key(key).is_sound_by(&is_sound)?, count)?;
        }
        track.push(Slot { at, cells })?;
    }
    Some(())
}

impl Key {
    fn is_sound_by(self, is_sound: &impl Fn(Self) -> bool) -> Option<Self> {
        is_sound(self).then_some(self)
    }
}

fn put_len(out: &mut Vec<u8>, length: usize) {
    put(out, u64::try_from(length).unwrap_or(u64::MAX));
}

/// LEB128: seven bits a byte, the lowest first.
fn put(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

fn take_len(rest: &mut &[u8], most: usize) -> Option<usize> {
    usize::try_from(take(rest)?).ok().filter(|length| *length <= most)
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
