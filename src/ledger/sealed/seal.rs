//! Seals one segment: written under another name, synced, read back and compared, and only then put in the segment's place.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use crate::merkle::Hash;

use super::super::cursor::{Cursor, Step};
use super::super::error::{DefectKind, LedgerError};
use super::super::format::{Frame, Suffix, segment_path};
use super::super::parts::Parts;
use super::super::store::{LedgerStore, SegmentFile};
use super::super::tree::StoredLevels;
use super::format::{ArchiveHeader, BLOCK_RECORDS, BlockHead, HEAD};

/// How hard Zstandard tries. Level 9 makes records smaller by a thirtieth and takes four times as long (docs/benchmarks.md).
const LEVEL: i32 = 3;

/// A segment that is to be sealed.
#[derive(Debug)]
pub(super) struct Closed<'a> {
    pub(super) dir: &'a Path,
    /// Where the next segment begins.
    pub(super) end: u64,
    pub(super) first: u64,
    /// The tree that the records must be those of; none of a ledger that is not signed.
    pub(super) levels: Option<&'a StoredLevels>,
    pub(super) store: &'a dyn LedgerStore,
}

/// What sealing a segment came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Sizes {
    /// Bytes of the segment.
    pub(super) before: u64,
    /// Bytes of what replaced it.
    pub(super) after: u64,
}

impl Closed<'_> {
    /// Seals it. `pace` is told how long each block took, and says whether to go on; none if it did not.
    ///
    /// # Errors
    /// `Defective` if the segment is not what was written, `Contradicted` if it is not what the tree is of, `Io`. The segment then is
    /// where it was.
    pub(super) fn seal(
        &self,
        pace: &mut dyn FnMut(Duration) -> bool,
    ) -> Result<Option<Sizes>, LedgerError> {
        let segment = segment_path(self.dir, self.first, Suffix::Seg);
        let sealed = segment_path(self.dir, self.first, Suffix::Sealed);
        let unnamed = unnamed(self.dir, self.first);
        let made = self.write(&segment, &unnamed, pace).and_then(|sizes| match sizes {
            Some(sizes) => Ok(self.compare(&segment, &unnamed, pace)?.then_some(sizes)),
            None => Ok(None),
        });
        let Ok(Some(sizes)) = made else {
            // It would only take space, on a disk that may have none left.
            self.store.remove(&unnamed).ok();
            return made;
        };
        self.store.rename(&unnamed, &sealed).map_err(LedgerError::io("rename", &unnamed))?;
        self.store.sync_dir(self.dir).map_err(LedgerError::io("sync", self.dir))?;
        self.store.remove(&segment).map_err(LedgerError::io("remove", &segment))?;
        Ok(Some(sizes))
    }

    fn write(
        &self,
        segment: &Path,
        unnamed: &Path,
        pace: &mut dyn FnMut(Duration) -> bool,
    ) -> Result<Option<Sizes>, LedgerError> {
        let mut cursor = Cursor::open(segment, self.first)?;
        let file = self.store.create(unnamed).map_err(LedgerError::io("create", unnamed))?;
        let mut writer = Writer::new(&*file, unnamed)?;
        let mut begun = Instant::now();
        for expected in self.first..self.end {
            let instant = self.expect(&mut cursor, expected)?;
            writer.push(expected, instant, &cursor.payload);
            if writer.is_full() {
                writer.end_block()?;
                if !pace(begun.elapsed()) {
                    return Ok(None);
                }
                begun = Instant::now();
            }
        }
        let after = writer.finish(cursor.header)?;
        Ok(Some(Sizes { before: cursor.offset, after }))
    }

    /// Reads both files, record by record.
    fn compare(
        &self,
        segment: &Path,
        unnamed: &Path,
        pace: &mut dyn FnMut(Duration) -> bool,
    ) -> Result<bool, LedgerError> {
        let mut original = Cursor::open(segment, self.first)?;
        let mut copy = Cursor::open_sealed(unnamed, self.first)?;
        let mut leaves = Leaves::default();
        let mut begun = Instant::now();
        for sequence in self.first..self.end {
            let instant = self.expect(&mut original, sequence)?;
            let same = copy.step()? == Step::Record { sequence, instant }
                && copy.payload == original.payload;
            if !same {
                return Err(copy.defect(DefectKind::Archive { reason: DIFFERS }).into());
            }
            if let Some(levels) = self.levels
                && !leaves.is_of(levels, self.dir, sequence, self.end, &copy.payload)?
            {
                return Err(LedgerError::Contradicted { size: self.end });
            }
            let behind = sequence.saturating_sub(self.first).saturating_add(1);
            if behind.is_multiple_of(BLOCK_RECORDS) {
                if !pace(begun.elapsed()) {
                    return Ok(false);
                }
                begun = Instant::now();
            }
        }
        let ended = copy.step()? == Step::End && original.header == copy.header;
        if ended {
            Ok(true)
        } else {
            Err(copy.defect(DefectKind::Archive { reason: DIFFERS }).into())
        }
    }

    /// The instant of the next record, which must be the one expected.
    fn expect(&self, cursor: &mut Cursor, expected: u64) -> Result<i64, LedgerError> {
        match cursor.step()? {
            Step::Record { sequence, instant } if sequence == expected => Ok(instant),
            Step::Record { sequence: found, .. } => {
                Err(cursor.defect(DefectKind::OutOfOrder { expected, found }).into())
            }
            Step::End => {
                Err(cursor.defect(DefectKind::Missing { expected, found: self.end }).into())
            }
            Step::Torn(torn) => Err(cursor.defect(torn.kind()).into()),
        }
    }
}

const DIFFERS: &str = "what was sealed reads back otherwise";

/// The name of a file that is not sealed yet. It is no segment's, and is made anew by the next try.
pub(super) fn unnamed(dir: &Path, first: u64) -> PathBuf {
    segment_path(dir, first, Suffix::Sealed).with_extension("sealing")
}

/// Leaf hashes of the tree, some at a time.
#[derive(Debug, Default)]
struct Leaves {
    bytes: Vec<u8>,
    first: u64,
}

impl Leaves {
    const AT_ONCE: u64 = 4_096;

    /// Whether a record is the one that the tree has there.
    fn is_of(
        &mut self,
        levels: &StoredLevels,
        dir: &Path,
        sequence: u64,
        end: u64,
        payload: &[u8],
    ) -> Result<bool, LedgerError> {
        let held = u64::try_from(self.bytes.len() / 32).unwrap_or(0);
        if sequence < self.first || sequence >= self.first.saturating_add(held) {
            let count = end.saturating_sub(sequence).min(Self::AT_ONCE);
            let bytes = levels.bytes(0, sequence, count);
            self.bytes = bytes.map_err(LedgerError::io("read the tree of", dir))?;
            self.first = sequence;
        }
        let at = usize::try_from(sequence.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let (hashes, _) = self.bytes.as_chunks::<32>();
        let envelope = Parts::entry(payload).and_then(|entry| entry.get(2..));
        let leaf = Hash::leaf(envelope.ok_or(LedgerError::Unreadable { sequence })?);
        Ok(hashes.get(at) == Some(leaf.as_bytes()))
    }
}

/// Writes the blocks.
struct Writer<'a> {
    block: Vec<u8>,
    bytes: u64,
    file: &'a dyn SegmentFile,
    offset: u64,
    path: &'a Path,
    records: u64,
    records_in_block: u32,
    table: Vec<u64>,
    zstd: zstd::bulk::Compressor<'static>,
}

impl<'a> Writer<'a> {
    fn new(file: &'a dyn SegmentFile, path: &'a Path) -> Result<Self, LedgerError> {
        Ok(Self {
            block: Vec::new(),
            bytes: 0,
            file,
            offset: u64::try_from(HEAD).unwrap_or(u64::MAX),
            path,
            records: 0,
            records_in_block: 0,
            table: Vec::new(),
            zstd: zstd::bulk::Compressor::new(LEVEL).map_err(LedgerError::io("seal", path))?,
        })
    }

    fn push(&mut self, sequence: u64, instant: i64, payload: &[u8]) {
        // A cursor gives no payload beyond the limit.
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let frame = Frame::seal(length, sequence, instant, payload);
        self.block.extend_from_slice(&frame.encode());
        self.block.extend_from_slice(payload);
        self.records_in_block = self.records_in_block.saturating_add(1);
    }

    fn is_full(&self) -> bool {
        u64::from(self.records_in_block) == BLOCK_RECORDS
    }

    fn end_block(&mut self) -> Result<(), LedgerError> {
        if self.records_in_block == 0 {
            return Ok(());
        }
        let too_large = || std::io::Error::from(std::io::ErrorKind::FileTooLarge);
        let packed = self.zstd.compress(&self.block).and_then(|frame| {
            let bytes = u32::try_from(self.block.len()).map_err(|_| too_large())?;
            let head = BlockHead::seal(&frame, bytes, self.records_in_block);
            let head = head.ok_or_else(too_large)?;
            let block = [head.encode().as_slice(), &frame].concat();
            self.file.write_at(&block, self.offset)?;
            Ok((u64::from(bytes), u64::try_from(block.len()).unwrap_or(u64::MAX)))
        });
        let (bytes, length) = packed.map_err(LedgerError::io("write", self.path))?;
        self.table.push(self.offset);
        self.offset = self.offset.saturating_add(length);
        self.bytes = self.bytes.saturating_add(bytes);
        self.records = self.records.saturating_add(u64::from(self.records_in_block));
        self.records_in_block = 0;
        self.block.clear();
        Ok(())
    }

    /// Ends the file durably; how long it is.
    fn finish(mut self, segment: super::super::format::Header) -> Result<u64, LedgerError> {
        self.end_block()?;
        let header = ArchiveHeader {
            blocks: u64::try_from(self.table.len()).unwrap_or(u64::MAX),
            bytes: self.bytes,
            records: self.records,
            segment,
            table: self.offset,
        };
        let mut table: Vec<u8> =
            self.table.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        table.extend_from_slice(&crc32c::crc32c(&table).to_le_bytes());
        let written = (|| {
            self.file.write_at(&table, self.offset)?;
            self.file.write_at(&header.encode(), 0)?;
            self.file.sync()
        })();
        written.map_err(LedgerError::io("write", self.path))?;
        Ok(self.offset.saturating_add(u64::try_from(table.len()).unwrap_or(u64::MAX)))
    }
}
