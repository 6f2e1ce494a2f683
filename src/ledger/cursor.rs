//! Walks the records of one segment file, one payload in memory at a time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::{Defect, DefectKind, LedgerError};
use super::format::{
    FRAME, Frame, Header, Suffix, frame_len, header_len, parse_name, segment_path,
};
use super::sealed::{Archive, Fault};

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

/// A position in one segment, sealed or not.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) path: PathBuf,
    pub(super) header: Header,
    /// Where the next record begins; of a sealed segment, the block that was read last.
    pub(super) offset: u64,
    /// The payload of the last record stepped over.
    pub(super) payload: Vec<u8>,
    input: Input,
}

#[derive(Debug)]
enum Input {
    Archive(Box<Archive>),
    Segment(BufReader<File>),
}

impl Cursor {
    /// Opens a segment; its header must be sound and its own (`Defective` otherwise).
    pub(super) fn open(path: &Path, first: u64) -> Result<Self, LedgerError> {
        let file = open_file(path).map_err(LedgerError::io("open", path))?;
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
        let input = Input::Segment(input);
        Ok(Self { path: path.to_owned(), header, offset: header_len(), payload: Vec::new(), input })
    }

    /// Opens a sealed segment; its header and block table must be sound and its own (`Defective` otherwise).
    pub(super) fn open_sealed(path: &Path, first: u64) -> Result<Self, LedgerError> {
        let defect = |reason| Defect {
            segment: file_name(path),
            offset: 0,
            kind: DefectKind::Header { reason },
        };
        let archive = Archive::open(path).map_err(|fault| match fault {
            Fault::Data(reason) => defect(reason).into(),
            Fault::Io(source) => LedgerError::io("read", path)(source),
        })?;
        let header = archive.header();
        if header.first != first {
            return Err(defect("it is that of another file").into());
        }
        let input = Input::Archive(Box::new(archive));
        Ok(Self { path: path.to_owned(), header, offset: 0, payload: Vec::new(), input })
    }

    /// Goes to the block of a sealed segment that holds a record, and says which record it begins with. None where there are no blocks.
    pub(super) fn jump(&mut self, sequence: u64) -> Option<u64> {
        match &mut self.input {
            Input::Archive(archive) => archive.jump(sequence),
            Input::Segment(_) => None,
        }
    }

    /// Steps over the next record.
    pub(super) fn step(&mut self) -> Result<Step, LedgerError> {
        let Input::Archive(archive) = &mut self.input else {
            return self.try_step().map_err(LedgerError::io("read", &self.path));
        };
        let step = archive.step(&mut self.payload);
        self.offset = archive.offset();
        match step {
            Ok(Some((sequence, instant))) => Ok(Step::Record { sequence, instant }),
            Ok(None) => Ok(Step::End),
            Err(Fault::Data(reason)) => Err(self.defect(DefectKind::Archive { reason }).into()),
            Err(Fault::Io(source)) => Err(LedgerError::io("read", &self.path)(source)),
        }
    }

    /// Forgets what has been read ahead, to look at the same place again.
    pub(super) fn rewind(&mut self) -> Result<(), LedgerError> {
        // What is sealed does not change.
        let Input::Segment(input) = &mut self.input else { return Ok(()) };
        let sought = input.seek(SeekFrom::Start(self.offset));
        sought.map_err(LedgerError::io("read", &self.path)).map(|_| ())
    }

    pub(super) fn defect(&self, kind: DefectKind) -> Defect {
        Defect { segment: file_name(&self.path), offset: self.offset, kind }
    }

    fn try_step(&mut self) -> io::Result<Step> {
        let Input::Segment(input) = &mut self.input else { return Ok(Step::End) };
        let mut frame = [0; FRAME];
        match fill(input, &mut frame)? {
            0 => return Ok(Step::End),
            FRAME => {}
            _ => return Ok(Step::Torn(Torn::Short)),
        }
        let Some(frame) = Frame::decode(&frame) else { return Ok(Step::Torn(Torn::Short)) };
        let Some(length) = frame.payload_bytes() else { return Ok(Step::Torn(Torn::Checksum)) };
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        input.by_ref().take(u64::from(frame.length)).read_to_end(&mut payload)?;
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
}

/// Reads until the buffer is full or the file ends; says how many bytes there were.
fn fill(input: &mut BufReader<File>, buffer: &mut [u8; FRAME]) -> io::Result<usize> {
    let mut filled = 0_usize;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The segment files of a directory by first sequence; a `.seg` hides a `.sealed` of the same number, and that a `.new`.
///
/// A folder is not listed at one moment: one that is just being sealed may be met under neither name. So it is listed until two
/// lists are the same.
pub(super) fn segments(dir: &Path) -> Result<BTreeMap<u64, Suffix>, LedgerError> {
    const TRIES: u32 = 16;
    let mut before = list(dir)?;
    for _ in 0..TRIES {
        let found = list(dir)?;
        if found == before {
            break;
        }
        before = found;
    }
    Ok(before)
}

fn list(dir: &Path) -> Result<BTreeMap<u64, Suffix>, LedgerError> {
    let mut found: BTreeMap<u64, Suffix> = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(LedgerError::io("list", dir))? {
        let entry = entry.map_err(LedgerError::io("list", dir))?;
        let Some((first, suffix)) = entry.file_name().to_str().and_then(parse_name) else {
            continue;
        };
        let counts = found.entry(first).or_insert(suffix);
        if suffix.rank() > counts.rank() {
            *counts = suffix;
        }
    }
    Ok(found)
}

/// Opens the segment that begins with `first` under whichever name it has now: it may be renamed to `.seg`, or be sealed, meanwhile.
pub(super) fn open_segment(dir: &Path, first: u64) -> Result<Cursor, LedgerError> {
    let absent = |opened: &Result<Cursor, LedgerError>| matches!(opened, Err(LedgerError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound);
    for suffix in [Suffix::Seg, Suffix::Sealed, Suffix::New, Suffix::Seg, Suffix::Sealed] {
        let opened = open_as(dir, first, suffix);
        if !absent(&opened) {
            return opened;
        }
    }
    open_as(dir, first, Suffix::Seg)
}

/// Opens a segment under one of its names.
pub(super) fn open_as(dir: &Path, first: u64, suffix: Suffix) -> Result<Cursor, LedgerError> {
    let path = segment_path(dir, first, suffix);
    match suffix {
        Suffix::New | Suffix::Seg => Cursor::open(&path, first),
        Suffix::Sealed => Cursor::open_sealed(&path, first),
    }
}

/// Opens a file. A pipe in its place is an error: who opens one that nobody writes to waits for ever.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    File::open(path)
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
