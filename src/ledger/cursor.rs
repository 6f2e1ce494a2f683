//! Walks the records of one segment file, one payload in memory at a time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::{Defect, DefectKind, LedgerError};
use super::format::{
    FRAME, Frame, Header, Suffix, frame_len, header_len, parse_name, segment_path,
};

/// What stands at the cursor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// The file ends here.
    End,
    /// A whole record; its payload is in the cursor.
    Record { sequence: u64, instant: i64 },
    /// Bytes that are no whole record; the cursor stays before them.
    Torn(Torn),
}

/// Why the bytes are no whole record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Torn {
    Checksum,
    Short,
}

impl Torn {
    pub(super) fn kind(self) -> DefectKind {
        match self {
            Self::Checksum => DefectKind::Checksum,
            Self::Short => DefectKind::Truncated,
        }
    }
}

/// A position in one segment.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) path: PathBuf,
    pub(super) header: Header,
    /// Where the next record begins.
    pub(super) offset: u64,
    /// The payload of the last record stepped over.
    pub(super) payload: Vec<u8>,
    input: BufReader<File>,
}

impl Cursor {
    /// Opens a segment; its header must be sound and its own (`Defective` otherwise).
    pub(super) fn open(path: &Path, first: u64) -> Result<Self, LedgerError> {
        let file = File::open(path).map_err(LedgerError::io("open", path))?;
        let mut input = BufReader::with_capacity(1 << 18, file);
        let mut bytes = Vec::new();
        input
            .by_ref()
            .take(header_len())
            .read_to_end(&mut bytes)
            .map_err(LedgerError::io("read", path))?;
        let defect = |reason| Defect {
            segment: file_name(path),
            offset: 0,
            kind: DefectKind::Header { reason },
        };
        let header = Header::decode(&bytes).map_err(defect)?;
        if header.first != first {
            return Err(defect("it is that of another file").into());
        }
        Ok(Self { path: path.to_owned(), header, offset: header_len(), payload: Vec::new(), input })
    }

    /// Steps over the next record.
    pub(super) fn step(&mut self) -> Result<Step, LedgerError> {
        self.try_step().map_err(LedgerError::io("read", &self.path))
    }

    /// Forgets what has been read ahead, to look at the same place again.
    pub(super) fn rewind(&mut self) -> Result<(), LedgerError> {
        let sought = self.input.seek(SeekFrom::Start(self.offset));
        sought.map_err(LedgerError::io("read", &self.path)).map(|_| ())
    }

    pub(super) fn defect(&self, kind: DefectKind) -> Defect {
        Defect { segment: file_name(&self.path), offset: self.offset, kind }
    }

    fn try_step(&mut self) -> io::Result<Step> {
        let mut frame = [0; FRAME];
        match self.fill(&mut frame)? {
            0 => return Ok(Step::End),
            FRAME => {}
            _ => return Ok(Step::Torn(Torn::Short)),
        }
        let Some(frame) = Frame::decode(&frame) else { return Ok(Step::Torn(Torn::Short)) };
        let Some(length) = frame.payload_bytes() else { return Ok(Step::Torn(Torn::Checksum)) };
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        self.input.by_ref().take(u64::from(frame.length)).read_to_end(&mut payload)?;
        self.payload = payload;
        if self.payload.len() < length {
            return Ok(Step::Torn(Torn::Short));
        }
        if !frame.matches(&self.payload) {
            return Ok(Step::Torn(Torn::Checksum));
        }
        self.offset = self.offset.saturating_add(frame_len(frame.length));
        Ok(Step::Record { sequence: frame.sequence, instant: frame.instant })
    }

    /// Reads until the buffer is full or the file ends; says how many bytes there were.
    fn fill(&mut self, buffer: &mut [u8; FRAME]) -> io::Result<usize> {
        let mut filled = 0_usize;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(count) => filled = filled.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// The segment files of a directory by first sequence; a `.seg` hides a `.new` of the same number.
pub(super) fn segments(dir: &Path) -> Result<BTreeMap<u64, Suffix>, LedgerError> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(LedgerError::io("list", dir))? {
        let entry = entry.map_err(LedgerError::io("list", dir))?;
        let Some((first, suffix)) = entry.file_name().to_str().and_then(parse_name) else {
            continue;
        };
        if found.get(&first) != Some(&Suffix::Seg) {
            found.insert(first, suffix);
        }
    }
    Ok(found)
}

/// Opens the segment that begins with `first` under whichever name it has now: it may be renamed to `.seg` meanwhile.
pub(super) fn open_segment(dir: &Path, first: u64) -> Result<Cursor, LedgerError> {
    let open = |suffix| Cursor::open(&segment_path(dir, first, suffix), first);
    let absent = |opened: &Result<Cursor, LedgerError>| matches!(opened, Err(LedgerError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound);
    for suffix in [Suffix::Seg, Suffix::New] {
        let opened = open(suffix);
        if !absent(&opened) {
            return opened;
        }
    }
    open(Suffix::Seg)
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
