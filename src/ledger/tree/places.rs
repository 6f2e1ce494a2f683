//! Where every 256th record lies, so that a record is found without a walk through its segment. It can be made again from the
//! segments, and a place is believed only as far as the record there bears the number that was sought.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;

use super::INDEX;

/// Records from one place to the next: those of an entry bundle.
pub(in crate::ledger) const STEP: u64 = 256;

/// Bytes of a place: first sequence number of the segment, offset in it, instant (µs); little endian.
pub(super) const PLACE: u64 = 24;

/// Where a record lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::ledger) struct Place {
    pub(in crate::ledger) instant: i64,
    pub(in crate::ledger) offset: u64,
    pub(in crate::ledger) segment: u64,
    pub(in crate::ledger) sequence: u64,
}

/// The places of a ledger, open for reading.
#[derive(Debug)]
pub(in crate::ledger) struct Places {
    file: File,
    count: u64,
}

impl Place {
    pub(super) fn encode(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        let fields =
            [self.segment.to_le_bytes(), self.offset.to_le_bytes(), self.instant.to_le_bytes()];
        for (to, from) in bytes.iter_mut().zip(fields.as_flattened()) {
            *to = *from;
        }
        bytes
    }
}

impl Places {
    /// None if there are none, which only makes looking slower.
    pub(in crate::ledger) fn open(dir: &Path) -> Option<Self> {
        let file = File::open(path(dir)).ok()?;
        let count = file.metadata().ok()?.len() / PLACE;
        Some(Self { file, count })
    }

    /// The last place at or before a record.
    pub(in crate::ledger) fn before(&self, sequence: u64) -> Option<Place> {
        let number = (sequence / STEP).min(self.count.checked_sub(1)?);
        self.place(number).ok()
    }

    /// The last place whose record is earlier than an instant (µs).
    pub(in crate::ledger) fn earlier(&self, instant: i64) -> Option<Place> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.place(middle).ok()?.instant < instant {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        self.place(low.checked_sub(1)?).ok()
    }

    fn place(&self, number: u64) -> io::Result<Place> {
        let mut bytes = [0; 24];
        self.file.read_exact_at(&mut bytes, number.saturating_mul(PLACE))?;
        let (fields, _) = bytes.as_chunks::<8>();
        let [segment, offset, instant] = fields else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        Ok(Place {
            instant: i64::from_le_bytes(*instant),
            offset: u64::from_le_bytes(*offset),
            segment: u64::from_le_bytes(*segment),
            sequence: number.saturating_mul(STEP),
        })
    }
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(INDEX).join("places")
}
