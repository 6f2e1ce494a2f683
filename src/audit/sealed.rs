//! A sealed segment: a header of 64 bytes, blocks of 256 records in one Zstandard frame each, and the table of the blocks.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::{AuditError, DefectKind};
use super::record::{Auditor, FRAME, Frame, Place};
use super::window::Window;

const HEADER: u64 = 64;
const MAGIC: [u8; 8] = *b"INTERDAR";
const VERSION: u32 = 1;
/// Bytes of a block before its frame.
const BLOCK: u64 = 16;
/// Records of every block but the last.
const BLOCK_RECORDS: u64 = 256;

struct Header {
    records: u64,
    bytes: u64,
    table: u64,
    blocks: u64,
}

/// A sealed segment that is being read.
struct Sealed<'a> {
    path: &'a Path,
    name: &'a str,
    input: io::BufReader<File>,
    /// Bytes of the file that have been read.
    offset: u64,
}

/// Checks a sealed segment from its first byte to its last, and takes its records. `progress` gets the bytes read.
pub(super) fn check(
    path: &Path,
    name: &str,
    file: File,
    first: u64,
    window: &mut Window,
    auditor: &mut Auditor<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), AuditError> {
    let length = file.metadata().map_err(AuditError::io("look at", path))?.len();
    let mut sealed =
        Sealed { path, name, input: io::BufReader::with_capacity(1 << 18, file), offset: 0 };
    let header = sealed.header(first, length, auditor.instant())?;
    let mut table = Vec::new();
    let (mut records, mut bytes) = (0_u64, 0_u64);
    let mut frame = Vec::new();
    while sealed.offset < header.table {
        let at = sealed.offset;
        table.extend_from_slice(&at.to_le_bytes());
        let left = header.records.saturating_sub(records);
        let block = sealed.block(header.table, left, &mut frame)?;
        records = records.saturating_add(block.0);
        bytes = bytes.saturating_add(block.1);
        sealed.records(at, &frame, block, window, auditor)?;
        progress(sealed.offset.saturating_sub(at));
    }
    let place = Place { file: name, offset: sealed.offset };
    let fault = |reason| AuditError::from(place.defect(DefectKind::Sealed { reason }));
    if records != header.records || bytes != header.bytes {
        return Err(fault("it has not the records and bytes that its header says"));
    }
    let mut stored = Vec::new();
    let read = sealed.input.read_to_end(&mut stored);
    read.map_err(AuditError::io("read", path))?;
    let checksum = crc32c::crc32c(&table).to_le_bytes();
    table.extend_from_slice(&checksum);
    if stored != table {
        return Err(fault("its block table is not that of its blocks"));
    }
    Ok(())
}

impl Sealed<'_> {
    fn fault(&self, reason: &'static str) -> AuditError {
        self.fault_at(self.offset, reason)
    }

    fn fault_at(&self, offset: u64, reason: &'static str) -> AuditError {
        Place { file: self.name, offset }.defect(DefectKind::Sealed { reason }).into()
    }

    /// Takes exactly so many bytes. That they are in the file was checked before.
    fn take(&mut self, count: u64, into: &mut Vec<u8>) -> Result<(), AuditError> {
        into.clear();
        let read = self.input.by_ref().take(count).read_to_end(into);
        let read = read.map_err(AuditError::io("read", self.path))?;
        if u64::try_from(read) != Ok(count) {
            return Err(self.fault("it is cut short"));
        }
        self.offset = self.offset.saturating_add(count);
        Ok(())
    }

    fn header(&mut self, first: u64, length: u64, instant: i64) -> Result<Header, AuditError> {
        let mut bytes = Vec::new();
        self.take(HEADER, &mut bytes)?;
        let fault = |reason| {
            let place = Place { file: self.name, offset: 0 };
            AuditError::from(place.defect(DefectKind::Header { reason }))
        };
        let field = |at: usize| {
            let field = bytes.get(at..).and_then(|field| field.first_chunk());
            u64::from_le_bytes(field.copied().unwrap_or_default())
        };
        if !bytes.starts_with(&MAGIC) {
            return Err(fault("it is not a sealed segment"));
        }
        let computed = crc32c::crc32c(bytes.get(..12).unwrap_or_default());
        let computed = crc32c::crc32c_append(computed, bytes.get(16..).unwrap_or_default());
        // Version and checksum stand in one field of eight bytes.
        let (version, checksum) = (field(8) & 0xffff_ffff, field(8) >> 32);
        if u64::from(computed) != checksum {
            return Err(fault("it does not match its checksum"));
        }
        if version != u64::from(VERSION) {
            return Err(fault("its version is unknown"));
        }
        if field(16) != first {
            return Err(fault("it is of another segment than the file's name says"));
        }
        if field(24).cast_signed() != instant {
            return Err(fault("it does not continue the instants before it"));
        }
        let header =
            Header { records: field(32), bytes: field(40), table: field(48), blocks: field(56) };
        let table = header.blocks.checked_mul(8).and_then(|bytes| bytes.checked_add(4));
        let end = table.and_then(|table| table.checked_add(header.table));
        if header.blocks != header.records.div_ceil(BLOCK_RECORDS) || header.table < HEADER {
            return Err(fault("its counts do not agree"));
        }
        if end != Some(length) {
            return Err(fault("the file has not the length that it says"));
        }
        Ok(header)
    }

    /// Reads a block's frame; gives its records and their bytes.
    fn block(
        &mut self,
        table: u64,
        left: u64,
        frame: &mut Vec<u8>,
    ) -> Result<(u64, u64), AuditError> {
        let at = self.offset;
        if table.saturating_sub(at) < BLOCK {
            return Err(self.fault("a block is cut short"));
        }
        let mut head = Vec::new();
        self.take(BLOCK, &mut head)?;
        let field = |at: usize| {
            let field = head.get(at..).and_then(|field| field.first_chunk());
            u32::from_le_bytes(field.copied().unwrap_or_default())
        };
        let (compressed, checksum, bytes, records) = (field(0), field(4), field(8), field(12));
        if u64::from(compressed) > table.saturating_sub(self.offset) {
            return Err(self.fault_at(at, "a block is cut short"));
        }
        self.take(u64::from(compressed), frame)?;
        let computed = crc32c::crc32c(head.get(..4).unwrap_or_default());
        let computed = crc32c::crc32c_append(computed, head.get(8..).unwrap_or_default());
        if crc32c::crc32c_append(computed, frame) != checksum {
            return Err(self.fault_at(at, "a block does not match its checksum"));
        }
        if u64::from(records) != left.min(BLOCK_RECORDS) || records == 0 {
            return Err(self.fault_at(at, "a block has not the records that it must have"));
        }
        Ok((u64::from(records), u64::from(bytes)))
    }

    /// Takes the records of a block. The frame is unpacked as it is read, so that one of a few bytes cannot claim all memory.
    fn records(
        &self,
        at: u64,
        frame: &[u8],
        (records, bytes): (u64, u64),
        window: &mut Window,
        auditor: &mut Auditor<'_>,
    ) -> Result<(), AuditError> {
        let broken = |_: io::Error| self.fault_at(at, "a block cannot be unpacked");
        let cut = || self.fault_at(at, "a block has fewer records than it says");
        let mut source =
            zstd::stream::read::Decoder::with_buffer(frame).map_err(broken)?.single_frame();
        let place = Place { file: self.name, offset: at };
        window.clear();
        let mut unpacked = 0_u64;
        for _ in 0..records {
            if !window.ensure(FRAME, &mut source).map_err(broken)? {
                return Err(cut());
            }
            let head = Frame::read(window.available()).ok_or_else(cut)?;
            let payload = head.payload().ok_or_else(|| place.defect(DefectKind::Checksum))?;
            let length = payload.saturating_add(FRAME);
            if !window.ensure(length, &mut source).map_err(broken)? {
                return Err(cut());
            }
            let record = window.available().get(..length).unwrap_or_default();
            if !head.matches(record) {
                return Err(place.defect(DefectKind::Checksum).into());
            }
            auditor.record(&place, &head, record.get(FRAME..).unwrap_or_default())?;
            window.consume(length);
            unpacked = unpacked.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        let more = window.ensure(1, &mut source).map_err(broken)?;
        if more || unpacked != bytes || !source.finish().is_empty() {
            return Err(self.fault_at(at, "a block holds more than its records"));
        }
        Ok(())
    }
}
