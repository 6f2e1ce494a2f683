//! What a crash may leave at the end of a ledger.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::error::LedgerError;

/// Bytes of a record before its payload.
const FRAME: u64 = 24;
const PAYLOAD_LIMIT: u64 = 16_777_216;

/// Bytes at the end of the last segment that are no whole record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TornTail {
    /// File name of the segment.
    pub segment: String,
    /// Where the last whole record ends.
    pub offset: u64,
    /// Bytes from there to the end of the file.
    pub bytes: u64,
    /// Whether a later whole record stands among them: then this is not a torn write only, but lost pages or a damaged file.
    pub followed: bool,
}

/// Whether a whole record with a sequence number beyond `expected` begins anywhere after `offset`. So does what was made to look like so
/// many long ones that it would take hours to tell.
pub(super) fn whole_record_after(
    path: &Path,
    offset: u64,
    expected: u64,
) -> Result<bool, LedgerError> {
    let search = || -> io::Result<bool> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut window = Vec::new();
        let mut patience = length.saturating_mul(8).saturating_add(1 << 26);
        let mut start = offset.saturating_add(1);
        while start.saturating_add(FRAME) <= length {
            window.clear();
            window.resize(1 << 16, 0);
            let count = file.read_at(&mut window, start)?;
            window.truncate(count);
            for (at, frame) in (start..).zip(window.windows(24)) {
                let Some(fields) = Fields::read(frame) else { continue };
                let rest = length.saturating_sub(at).saturating_sub(FRAME);
                let ahead = fields.sequence.wrapping_sub(expected);
                if fields.length > rest.min(PAYLOAD_LIMIT) || ahead == 0 || ahead > length {
                    continue;
                }
                let Some(left) = patience.checked_sub(fields.length) else { return Ok(true) };
                patience = left;
                let mut payload = vec![0; usize::try_from(fields.length).unwrap_or(0)];
                file.read_exact_at(&mut payload, at.saturating_add(FRAME))?;
                if fields.checksum_of(&payload) == fields.checksum {
                    return Ok(true);
                }
            }
            let advance = u64::try_from(count).unwrap_or(0).saturating_sub(FRAME.saturating_sub(1));
            if advance == 0 {
                break;
            }
            start = start.saturating_add(advance);
        }
        Ok(false)
    };
    search().map_err(LedgerError::io("read", path))
}

/// The numbers before a payload.
pub(super) struct Fields {
    pub(super) length: u64,
    pub(super) checksum: u32,
    pub(super) sequence: u64,
    covered: [u8; 4],
    also_covered: [u8; 16],
}

impl Fields {
    pub(super) fn read(frame: &[u8]) -> Option<Self> {
        let covered: [u8; 4] = frame.get(0..4)?.try_into().ok()?;
        let also_covered: [u8; 16] = frame.get(8..24)?.try_into().ok()?;
        Some(Self {
            length: u64::from(u32::from_le_bytes(covered)),
            checksum: u32::from_le_bytes(frame.get(4..8)?.try_into().ok()?),
            sequence: u64::from_le_bytes(frame.get(8..16)?.try_into().ok()?),
            covered,
            also_covered,
        })
    }

    pub(super) fn checksum_of(&self, payload: &[u8]) -> u32 {
        let numbers = crc32c::crc32c_append(crc32c::crc32c(&self.covered), &self.also_covered);
        crc32c::crc32c_append(numbers, payload)
    }
}
