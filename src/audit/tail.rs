//! What stands behind the last whole record of the last segment: a torn write, or records behind a damaged one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::record::{FRAME, Frame};

/// Bytes that are searched at once.
const STRIDE: usize = 1 << 16;

/// Bytes of what might be records that are read before the search gives up, beside eight times those that there are.
const PATIENCE: u64 = 1 << 26;

/// Whether a whole record from `expected` on begins anywhere after `offset`. Bytes that were made to look like the heads of so many long
/// records that it would take hours to tell are no torn write: they count as one.
pub(super) fn whole_record_after(file: &File, offset: u64, expected: u64) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let mut start = offset.saturating_add(1);
    let mut strip = vec![0; STRIDE];
    let mut patience = length.saturating_mul(8).saturating_add(PATIENCE);
    loop {
        let count = file.read_at(&mut strip, start)?;
        let read = strip.get(..count).unwrap_or_default();
        for (at, head) in (start..).zip(read.windows(FRAME)) {
            let Some(payload) = Frame::read(head).filter(|frame| {
                // No more records fit in than the file has bytes.
                frame.sequence.checked_sub(expected).is_some_and(|ahead| ahead <= length)
            }) else {
                continue;
            };
            let bytes = payload.payload().map(|payload| payload.saturating_add(FRAME));
            let Some(bytes) = bytes.filter(|bytes| {
                u64::try_from(*bytes).is_ok_and(|bytes| bytes <= length.saturating_sub(at))
            }) else {
                continue;
            };
            let Some(left) = patience.checked_sub(u64::try_from(bytes).unwrap_or(u64::MAX)) else {
                return Ok(true);
            };
            patience = left;
            let mut record = vec![0; bytes];
            file.read_exact_at(&mut record, at)?;
            if payload.matches(&record) {
                return Ok(true);
            }
        }
        // The last bytes of a strip may begin a head that the next one completes.
        let advance = count.saturating_sub(FRAME.saturating_sub(1));
        if advance == 0 {
            return Ok(false);
        }
        start = start.saturating_add(u64::try_from(advance).unwrap_or(0));
    }
}
