//! Reads a sealed segment, one block in memory at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::super::cursor::open_file;
use super::super::format::{FRAME, Frame, Header, PAYLOAD_LIMIT};
use super::format::{ArchiveHeader, BLOCK_HEAD, BLOCK_RECORDS, BlockHead, HEAD};

/// Why a sealed segment cannot be read.
#[derive(Debug)]
pub(in crate::ledger) enum Fault {
    /// It is not what was written.
    Data(&'static str),
    /// The system gave no bytes.
    Io(io::Error),
}

/// A position in a sealed segment.
#[derive(Debug)]
pub(in crate::ledger) struct Archive {
    /// Records of the block in memory, from `at` on still to be given out.
    block: Vec<u8>,
    at: usize,
    file: File,
    /// Space for a frame.
    frame: Vec<u8>,
    header: ArchiveHeader,
    /// The block to read next.
    next: usize,
    /// Where the block in memory begins in the file.
    offset: u64,
    /// Offset of each block, and of the table behind the last.
    table: Vec<u64>,
}

impl Archive {
    /// Opens a file, whose header and block table must be sound.
    pub(in crate::ledger) fn open(path: &Path) -> Result<Self, Fault> {
        let file = open_file(path)?;
        let length = file.metadata()?.len();
        let mut head = [0; HEAD];
        read(&file, &mut head, 0)?;
        let header = ArchiveHeader::decode(&head).map_err(Fault::Data)?;
        let table = table(&file, &header, length)?;
        Ok(Self {
            block: Vec::new(),
            at: 0,
            file,
            frame: Vec::new(),
            header,
            next: 0,
            offset: 0,
            table,
        })
    }

    /// The header of the segment that was sealed.
    pub(in crate::ledger) const fn header(&self) -> Header {
        self.header.segment
    }

    /// Where the block of the last record begins.
    pub(in crate::ledger) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes to the block that holds a record, or to the end; says which record comes next.
    pub(in crate::ledger) fn jump(&mut self, sequence: u64) -> Option<u64> {
        let first = self.header.segment.first;
        let block = sequence.checked_sub(first)? / BLOCK_RECORDS;
        let block = block.min(self.header.blocks);
        self.next = usize::try_from(block).ok()?;
        self.block.clear();
        self.at = 0;
        let behind = block.saturating_mul(BLOCK_RECORDS).min(self.header.records);
        Some(first.saturating_add(behind))
    }

    /// Sequence number and instant (µs) of the next record, its payload in `payload`; none at the end.
    pub(in crate::ledger) fn step(
        &mut self,
        payload: &mut Vec<u8>,
    ) -> Result<Option<(u64, i64)>, Fault> {
        if self.at >= self.block.len() && !self.load()? {
            return Ok(None);
        }
        let rest = self.block.get(self.at..).unwrap_or_default();
        let cut = || Fault::Data("a record in it is cut short");
        let (head, rest) = rest.split_first_chunk::<FRAME>().ok_or_else(cut)?;
        let frame = Frame::decode(head).ok_or_else(cut)?;
        let length = frame.payload_bytes().ok_or_else(cut)?;
        let bytes = rest.get(..length).ok_or_else(cut)?;
        if !frame.matches(bytes) {
            return Err(Fault::Data("a record in it does not match its checksum"));
        }
        payload.clear();
        payload.extend_from_slice(bytes);
        self.at = self.at.saturating_add(FRAME).saturating_add(length);
        Ok(Some((frame.sequence, frame.instant)))
    }

    /// Reads the next block. False at the end.
    fn load(&mut self) -> Result<bool, Fault> {
        let (Some(offset), Some(end)) =
            (self.table.get(self.next), self.table.get(self.next.saturating_add(1)))
        else {
            return Ok(false);
        };
        let (offset, end) = (*offset, *end);
        self.block.clear();
        self.at = 0;
        self.offset = offset;
        let mut head = [0; BLOCK_HEAD];
        read(&self.file, &mut head, offset)?;
        let head = BlockHead::decode(head);
        let begin = offset.saturating_add(u64::try_from(BLOCK_HEAD).unwrap_or(u64::MAX));
        if begin.saturating_add(u64::from(head.frame)) != end {
            return Err(Fault::Data("it does not end where the next begins"));
        }
        self.frame.resize(usize::try_from(head.frame).unwrap_or(usize::MAX), 0);
        read(&self.file, &mut self.frame, begin)?;
        if !head.matches(&self.frame) {
            return Err(Fault::Data("it does not match its checksum"));
        }
        let number = u64::try_from(self.next).unwrap_or(u64::MAX);
        let before = number.saturating_mul(BLOCK_RECORDS);
        let records = self.header.records.saturating_sub(before).min(BLOCK_RECORDS);
        if u64::from(head.records) != records {
            return Err(Fault::Data("its number of records is wrong"));
        }
        let bytes = usize::try_from(head.bytes).unwrap_or(usize::MAX);
        let most = usize::try_from(records).unwrap_or(0).saturating_mul(PAYLOAD_LIMIT + FRAME);
        if bytes > most {
            return Err(Fault::Data("it states more bytes than its records can have"));
        }
        self.block.reserve(bytes);
        let unpacked = zstd::bulk::Decompressor::new()
            .and_then(|mut zstd| zstd.decompress_to_buffer(&self.frame, &mut self.block));
        if !matches!(unpacked, Ok(unpacked) if unpacked == bytes) {
            self.block.clear();
            return Err(Fault::Data("its frame does not unpack to the bytes it states"));
        }
        self.next = self.next.saturating_add(1);
        Ok(true)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Data("it is cut short");
        }
        Self::Io(error)
    }
}

/// The block table, with its own offset at the end.
fn table(file: &File, header: &ArchiveHeader, length: u64) -> Result<Vec<u64>, Fault> {
    let of_table = header.blocks.saturating_mul(8).saturating_add(4);
    if header.table.saturating_add(of_table) != length {
        return Err(Fault::Data("it is not as long as its header says"));
    }
    let mut bytes = vec![0; usize::try_from(of_table).unwrap_or(usize::MAX)];
    read(file, &mut bytes, header.table)?;
    let wrong = || Fault::Data("its block table does not match its checksum");
    let (offsets, checksum) = bytes.split_last_chunk::<4>().ok_or_else(wrong)?;
    if crc32c::crc32c(offsets) != u32::from_le_bytes(*checksum) {
        return Err(wrong());
    }
    let (offsets, _) = offsets.as_chunks::<8>();
    let mut table: Vec<u64> = offsets.iter().map(|offset| u64::from_le_bytes(*offset)).collect();
    table.push(header.table);
    let begins = table.first().copied() == u64::try_from(HEAD).ok();
    if !begins || !table.is_sorted() {
        return Err(Fault::Data("its blocks do not follow one another"));
    }
    Ok(table)
}

fn read(file: &File, bytes: &mut [u8], offset: u64) -> Result<(), Fault> {
    Ok(file.read_exact_at(bytes, offset)?)
}
