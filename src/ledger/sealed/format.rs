//! The bytes of a sealed segment.

use super::super::format::Header;

/// Bytes of the file header.
pub(super) const HEAD: usize = 64;
/// Bytes before a block's frame.
pub(super) const BLOCK_HEAD: usize = 16;
/// Records of a block; the last of a file holds the rest.
pub(super) const BLOCK_RECORDS: u64 = 256;

const MAGIC: [u8; 8] = *b"INTERDAR";
const VERSION: u32 = 1;

/// The start of a sealed segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ArchiveHeader {
    /// Blocks.
    pub(super) blocks: u64,
    /// Bytes of all records, uncompressed.
    pub(super) bytes: u64,
    /// Records.
    pub(super) records: u64,
    /// Header of the segment that was sealed.
    pub(super) segment: Header,
    /// Offset of the block table.
    pub(super) table: u64,
}

impl ArchiveHeader {
    pub(super) fn encode(&self) -> [u8; HEAD] {
        let numbers = [
            self.segment.first.to_le_bytes(),
            self.segment.floor.to_le_bytes(),
            self.records.to_le_bytes(),
            self.bytes.to_le_bytes(),
            self.table.to_le_bytes(),
            self.blocks.to_le_bytes(),
        ];
        let start = MAGIC.into_iter().chain(VERSION.to_le_bytes());
        let mut bytes: Vec<u8> = start.collect();
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), numbers.as_flattened());
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(numbers.as_flattened());
        let mut header = [0; HEAD];
        for (to, from) in header.iter_mut().zip(bytes) {
            *to = from;
        }
        header
    }

    /// Reads a header, or says what is wrong with it.
    pub(super) fn decode(bytes: &[u8; HEAD]) -> Result<Self, &'static str> {
        if !bytes.starts_with(&MAGIC) {
            return Err("it is not a sealed segment");
        }
        if bytes.get(8..12) != Some(VERSION.to_le_bytes().as_slice()) {
            return Err("its version is not 1");
        }
        let (numbers, _) = bytes.as_chunks::<8>();
        let [_, _, first, floor, records, of_records, table, blocks] = numbers else {
            return Err("it is cut short");
        };
        let header = Self {
            blocks: u64::from_le_bytes(*blocks),
            bytes: u64::from_le_bytes(*of_records),
            records: u64::from_le_bytes(*records),
            segment: Header {
                first: u64::from_le_bytes(*first),
                floor: i64::from_le_bytes(*floor),
            },
            table: u64::from_le_bytes(*table),
        };
        if header.encode() != *bytes {
            return Err("it does not match its checksum");
        }
        if header.blocks != header.records.div_ceil(BLOCK_RECORDS) {
            return Err("its numbers of records and blocks contradict one another");
        }
        Ok(header)
    }
}

/// What stands before a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BlockHead {
    /// Bytes of the records.
    pub(super) bytes: u32,
    pub(super) checksum: u32,
    /// Bytes of the frame.
    pub(super) frame: u32,
    pub(super) records: u32,
}

impl BlockHead {
    pub(super) fn seal(frame: &[u8], bytes: u32, records: u32) -> Option<Self> {
        let length = u32::try_from(frame.len()).ok()?;
        let mut head = Self { bytes, checksum: 0, frame: length, records };
        head.checksum = head.computed(frame);
        Some(head)
    }

    pub(super) fn encode(self) -> [u8; BLOCK_HEAD] {
        let fields = [self.frame, self.checksum, self.bytes, self.records].map(u32::to_le_bytes);
        let mut head = [0; BLOCK_HEAD];
        for (to, from) in head.iter_mut().zip(fields.as_flattened()) {
            *to = *from;
        }
        head
    }

    pub(super) fn decode(bytes: [u8; BLOCK_HEAD]) -> Self {
        let (fields, _) = bytes.as_chunks::<4>();
        let field = |at: usize| fields.get(at).map_or(0, |field| u32::from_le_bytes(*field));
        Self { bytes: field(2), checksum: field(1), frame: field(0), records: field(3) }
    }

    pub(super) fn matches(self, frame: &[u8]) -> bool {
        self.checksum == self.computed(frame)
    }

    /// CRC-32C over the lengths, the number of records and the frame.
    fn computed(self, frame: &[u8]) -> u32 {
        let checksum = crc32c::crc32c(&self.frame.to_le_bytes());
        let checksum = crc32c::crc32c_append(checksum, &self.bytes.to_le_bytes());
        let checksum = crc32c::crc32c_append(checksum, &self.records.to_le_bytes());
        crc32c::crc32c_append(checksum, frame)
    }
}
