//! A segment as it is written: a header of 32 bytes, and records without padding.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::{AuditError, DefectKind};
use super::record::{Auditor, FRAME, Frame, Place};
use super::report::Torn;
use super::window::Window;

const HEADER: usize = 32;
const MAGIC: [u8; 8] = *b"INTERDCT";
const VERSION: u32 = 2;

/// Why reading came to a stop.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file ends after a whole record.
    End,
    /// What follows is no whole record.
    NoRecord(DefectKind),
    /// The next segment takes over.
    TakenOver,
}

/// A segment that is being read.
pub(super) struct LedgerFile {
    path: PathBuf,
    name: String,
    file: File,
    /// Where the next record begins.
    offset: u64,
}

impl LedgerFile {
    pub(super) fn new(path: &Path, name: String, file: File) -> Self {
        Self { path: path.to_owned(), name, file, offset: 0 }
    }

    /// Checks the header; it must be of a segment that begins with `first` and continues the instants so far.
    pub(super) fn check_header(
        &mut self,
        first: u64,
        auditor: &Auditor<'_>,
    ) -> Result<(), AuditError> {
        let mut header = Vec::with_capacity(HEADER);
        let read = self.file.by_ref().take(32).read_to_end(&mut header);
        read.map_err(AuditError::io("read", &self.path))?;
        let check = || {
            let floor = header_floor(&header, first)?;
            match floor == auditor.instant() {
                true => Ok(()),
                false => Err("it does not continue the instants before it"),
            }
        };
        check().map_err(|reason| self.place().defect(DefectKind::Header { reason }))?;
        self.offset = 32;
        Ok(())
    }

    /// Takes records up to the next segment, or as many as there are. `window` may be in any state; `progress` gets the bytes read.
    pub(super) fn walk(
        &mut self,
        next_segment: Option<u64>,
        window: &mut Window,
        auditor: &mut Auditor<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Stop, AuditError> {
        window.clear();
        let sought = self.file.seek(SeekFrom::Start(self.offset));
        sought.map_err(AuditError::io("read", &self.path))?;
        let mut told = self.offset;
        loop {
            if next_segment == Some(auditor.next()) {
                return Ok(Stop::TakenOver);
            }
            let ensured = window.ensure(FRAME, &mut self.file);
            if !ensured.map_err(AuditError::io("read", &self.path))? {
                let end = window.available().is_empty();
                return Ok(if end { Stop::End } else { Stop::NoRecord(DefectKind::Truncated) });
            }
            let frame = Frame::read(window.available());
            let Some((frame, payload)) = frame.and_then(|frame| Some((frame, frame.payload()?)))
            else {
                return Ok(Stop::NoRecord(DefectKind::Checksum));
            };
            let length = payload.saturating_add(FRAME);
            let ensured = window.ensure(length, &mut self.file);
            if !ensured.map_err(AuditError::io("read", &self.path))? {
                return Ok(Stop::NoRecord(DefectKind::Truncated));
            }
            let record = window.available().get(..length).unwrap_or_default();
            if !frame.matches(record) {
                return Ok(Stop::NoRecord(DefectKind::Checksum));
            }
            let place = Place { file: &self.name, offset: self.offset };
            auditor.record(&place, &frame, record.get(FRAME..).unwrap_or_default())?;
            window.consume(length);
            self.offset = self.offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            if self.offset.saturating_sub(told) > 1 << 20 {
                progress(self.offset.saturating_sub(told));
                told = self.offset;
            }
        }
    }

    /// Bytes of the file from here on.
    pub(super) fn rest(&self) -> Result<u64, AuditError> {
        let metadata = self.file.metadata().map_err(AuditError::io("look at", &self.path))?;
        Ok(metadata.len().saturating_sub(self.offset))
    }

    pub(super) fn torn(&self) -> Result<Torn, AuditError> {
        Ok(Torn { file: self.name.clone(), offset: self.offset, bytes: self.rest()? })
    }

    /// Whether a whole record stands behind bytes that are none.
    pub(super) fn is_followed(&self, expected: u64) -> Result<bool, AuditError> {
        let found = super::tail::whole_record_after(&self.file, self.offset, expected);
        found.map_err(AuditError::io("read", &self.path))
    }

    /// Where the next record begins.
    pub(super) fn place(&self) -> Place<'_> {
        Place { file: &self.name, offset: self.offset }
    }
}

/// Reads a header; gives the instant of the record before the first one.
fn header_floor(header: &[u8], first: u64) -> Result<i64, &'static str> {
    let cut = "it is cut short";
    if header.len() < HEADER {
        return Err(cut);
    }
    let (magic, rest) = header.split_first_chunk::<8>().ok_or(cut)?;
    let (version, rest) = rest.split_first_chunk().ok_or(cut)?;
    let (checksum, rest) = rest.split_first_chunk().ok_or(cut)?;
    let (named, floor) = rest.split_first_chunk().ok_or(cut)?;
    let floor = floor.first_chunk().ok_or(cut)?;
    if *magic != MAGIC {
        return Err("it is not a ledger segment");
    }
    let computed = crc32c::crc32c(header.get(..12).unwrap_or_default());
    let computed = crc32c::crc32c_append(computed, rest);
    if computed != u32::from_le_bytes(*checksum) {
        return Err("it does not match its checksum");
    }
    if u32::from_le_bytes(*version) != VERSION {
        return Err(
            "its version is not 2; a ledger of version 1 is verified by the program that wrote it",
        );
    }
    if u64::from_le_bytes(*named) != first {
        return Err("it is of another segment than the file's name says");
    }
    Ok(i64::from_le_bytes(*floor))
}
