//! The bytes of a segment file; `docs/ledger-format.md` is their specification.

use std::path::{Path, PathBuf};

pub(super) const MAGIC: [u8; 8] = *b"INTERDCT";
pub(super) const VERSION: u32 = 2;
/// Bytes of a file header.
pub(super) const HEADER: usize = 32;
/// Bytes of a record before its payload.
pub(super) const FRAME: usize = 24;
/// Most bytes a payload may have; bounds the memory of every reader.
pub(super) const PAYLOAD_LIMIT: usize = 16 << 20;
/// The floor of a ledger that has no record yet.
pub(super) const NO_INSTANT: i64 = i64::MIN;

/// The start of a segment file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    /// Sequence number of the first record.
    pub(super) first: u64,
    /// Instant (µs) of the last record before it, [`NO_INSTANT`] if there is none.
    pub(super) floor: i64,
}

impl Header {
    pub(super) fn encode(self) -> [u8; HEADER] {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        let mut rest = [0; 16];
        copy(&mut rest, &self.first.to_le_bytes(), &self.floor.to_le_bytes());
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), &rest);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(&rest);
        let mut header = [0; HEADER];
        copy(&mut header, &bytes, &[]);
        header
    }

    /// Reads a header, or says what is wrong with it.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let cut = "it is cut short";
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(cut)?;
        let (version, rest) = rest.split_first_chunk::<4>().ok_or(cut)?;
        let (checksum, rest) = rest.split_first_chunk::<4>().ok_or(cut)?;
        let (first, rest) = rest.split_first_chunk::<8>().ok_or(cut)?;
        let (floor, _) = rest.split_first_chunk::<8>().ok_or(cut)?;
        if *magic != MAGIC {
            return Err("it is not a ledger segment");
        }
        if u32::from_le_bytes(*version) != VERSION {
            return Err(
                "its version is not 2; a ledger of version 1 is exported by the program that wrote it",
            );
        }
        let header = Self { first: u64::from_le_bytes(*first), floor: i64::from_le_bytes(*floor) };
        let sound = header.encode().get(12..16) == Some(checksum.as_slice());
        if sound { Ok(header) } else { Err("it does not match its checksum") }
    }
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Frame {
    pub(super) length: u32,
    pub(super) checksum: u32,
    pub(super) sequence: u64,
    pub(super) instant: i64,
}

impl Frame {
    /// The frame of a payload that is to be written.
    pub(super) fn seal(length: u32, sequence: u64, instant: i64, payload: &[u8]) -> Self {
        let mut frame = Self { length, checksum: 0, sequence, instant };
        frame.checksum = frame.computed(payload);
        frame
    }

    pub(super) fn encode(self) -> [u8; FRAME] {
        let mut bytes = [0; FRAME];
        let (head, tail) = bytes.split_at_mut(8);
        copy(head, &self.length.to_le_bytes(), &self.checksum.to_le_bytes());
        copy(tail, &self.sequence.to_le_bytes(), &self.instant.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; FRAME]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (instant, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            length: u32::from_le_bytes(*length),
            checksum: u32::from_le_bytes(*checksum),
            sequence: u64::from_le_bytes(*sequence),
            instant: i64::from_le_bytes(*instant),
        })
    }

    /// The payload's length, if a payload may be that long.
    pub(super) fn payload_bytes(self) -> Option<usize> {
        usize::try_from(self.length).ok().filter(|length| *length <= PAYLOAD_LIMIT)
    }

    /// Whether length, sequence, instant and payload are those that were sealed.
    pub(super) fn matches(self, payload: &[u8]) -> bool {
        self.checksum == self.computed(payload)
    }

    /// CRC32C over length, sequence, instant and payload.
    fn computed(self, payload: &[u8]) -> u32 {
        let mut covered = [0; 16];
        copy(&mut covered, &self.sequence.to_le_bytes(), &self.instant.to_le_bytes());
        let checksum = crc32c::crc32c(&self.length.to_le_bytes());
        crc32c::crc32c_append(crc32c::crc32c_append(checksum, &covered), payload)
    }
}

/// What a file in the ledger's directory is, by its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Suffix {
    /// A segment whose predecessor is not known to be wholly on disk.
    New,
    /// A closed segment, compressed.
    Sealed,
    /// A segment.
    Seg,
}

impl Suffix {
    /// Whether what precedes it is wholly on disk.
    pub(super) const fn is_final(self) -> bool {
        matches!(self, Self::Sealed | Self::Seg)
    }

    /// Which of several files of one number counts: the greatest. A `.seg` beside a `.sealed` is one whose sealing did not end.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::New => 0,
            Self::Sealed => 1,
            Self::Seg => 2,
        }
    }
}

/// The name of the segment that begins with `first`.
pub(super) fn segment_name(first: u64, suffix: Suffix) -> String {
    let suffix = match suffix {
        Suffix::New => "new",
        Suffix::Sealed => "sealed",
        Suffix::Seg => "seg",
    };
    format!("segment-{first:020}.{suffix}")
}

pub(super) fn segment_path(dir: &Path, first: u64, suffix: Suffix) -> PathBuf {
    dir.join(segment_name(first, suffix))
}

/// Reads a name back; `None` for a file that is no segment.
pub(super) fn parse_name(name: &str) -> Option<(u64, Suffix)> {
    let (digits, suffix) = name.strip_prefix("segment-")?.split_once('.')?;
    let suffix = match suffix {
        "new" => Suffix::New,
        "sealed" => Suffix::Sealed,
        "seg" => Suffix::Seg,
        _ => return None,
    };
    let exact = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| exact).map(|first| (first, suffix))
}

/// Bytes of a file header, as an offset.
pub(super) fn header_len() -> u64 {
    u64::try_from(HEADER).unwrap_or(u64::MAX)
}

/// Bytes of a whole record whose payload has `length` bytes.
pub(super) fn frame_len(length: u32) -> u64 {
    u64::try_from(FRAME).unwrap_or(u64::MAX).saturating_add(u64::from(length))
}

/// Puts `a` and then `b` at the start of `target`.
fn copy(target: &mut [u8], a: &[u8], b: &[u8]) {
    for (to, from) in target.iter_mut().zip(a.iter().chain(b)) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_crc32c_of_the_bytes_the_document_names() {
        let frame = Frame::seal(2, 7, -3, b"{}");
        let bytes = frame.encode();
        let covered = [&bytes[..4], &bytes[8..], b"{}"].concat();
        assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()), naive_crc32c(&covered));
        assert_eq!(Frame::decode(&bytes), Some(frame));

        let header = Header { first: 9, floor: 5 };
        let bytes = header.encode();
        let covered = [&bytes[..12], &bytes[16..]].concat();
        assert_eq!(u32::from_le_bytes(bytes[12..16].try_into().unwrap()), naive_crc32c(&covered));
        assert_eq!(Header::decode(&bytes), Ok(header));
        // RFC 3720 B.4 names the polynomial; its check value is the well-known one.
        assert_eq!(naive_crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_hole_of_zeros_is_not_a_record() {
        let frame = Frame::decode(&[0; FRAME]).unwrap();
        assert!(!frame.matches(&[]));
    }

    #[test]
    fn names_are_read_exactly_as_written() {
        assert_eq!(parse_name(&segment_name(42, Suffix::Seg)), Some((42, Suffix::Seg)));
        assert_eq!(parse_name(&segment_name(u64::MAX, Suffix::New)), Some((u64::MAX, Suffix::New)));
        assert_eq!(parse_name(&segment_name(7, Suffix::Sealed)), Some((7, Suffix::Sealed)));
        for name in [
            "segment-1.seg",
            "segment-+0000000000000000001.seg",
            "ledger.lock",
            "segment-00000000000000000001.at-32.torn",
        ] {
            assert_eq!(parse_name(name), None, "{name}");
        }
    }

    fn naive_crc32c(bytes: &[u8]) -> u32 {
        let mut crc = u32::MAX;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            }
        }
        !crc
    }
}
