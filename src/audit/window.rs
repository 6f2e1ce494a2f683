//! A window on a stream of records: as much of it as the next record needs, and few calls for it.

use std::io::{self, Read};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 18;

/// Bytes that were read and not yet consumed.
pub(super) struct Window {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Window {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; CHUNK], start: 0, end: 0 }
    }

    pub(super) fn available(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads until `count` bytes are available; `false` if the source ends before.
    pub(super) fn ensure(&mut self, count: usize, source: &mut impl Read) -> io::Result<bool> {
        while self.available().len() < count {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end.saturating_sub(self.start));
            }
            // Grows with the bytes that are there, not with the length that is claimed.
            if self.end == self.bytes.len() {
                self.bytes.resize(self.bytes.len().saturating_mul(2), 0);
            }
            let room = self.bytes.get_mut(self.end..).unwrap_or_default();
            let read = match source.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if read == 0 {
                return Ok(false);
            }
            self.end = self.end.saturating_add(read);
        }
        Ok(true)
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    pub(super) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }
}
