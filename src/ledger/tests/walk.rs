//! The naive second opinion on what the writer leaves: headers, lengths, checksums and order, without a look into payloads, which these
//! tests fill with anything.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::ledger::torn::{Fields, whole_record_after};
use crate::ledger::{Defect, DefectKind, LedgerError, TornTail};

const HEADER: u64 = 32;
const FRAME: u64 = 24;
const PAYLOAD_LIMIT: u64 = 16_777_216;

/// What a sound ledger holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Report {
    /// Segment files.
    pub(super) segments: u64,
    /// Records.
    pub(super) records: u64,
    /// Sequence number of the last record.
    pub(super) last_sequence: Option<u64>,
    /// Bytes in segments after the point where the next segment takes over; left by a disk error that has been healed.
    pub(super) superseded_bytes: u64,
    /// Bytes after the last record that are none. Beside a running process that may be a record on its way; otherwise a crash or a
    /// power cut left them, and the next open sets them aside.
    pub(super) torn: Option<TornTail>,
}

/// Checks headers, lengths, checksums, the order of sequence numbers within and across segments, and that instants do not step back.
///
/// # Errors
/// `Defective` with the first defect; `Io` if a file cannot be read.
pub(super) fn verify(dir: impl AsRef<Path>) -> Result<Report, LedgerError> {
    let dir = dir.as_ref();
    let mut report = Report::default();
    let mut check = Check { next: 0, instant: i64::MIN };
    let mut segments = list(dir)?;
    while let Some((first, path)) = segments.pop_first() {
        let mut segment = Segment::open(&path)?;
        if first > check.next {
            let kind = DefectKind::Missing { expected: check.next, found: first };
            return Err(segment.defect(0, kind).into());
        }
        segment.check_header(first, &mut check)?;
        check.next = first;
        match segments.first_key_value() {
            Some((successor, _)) => {
                let rest = segment.check_closed(*successor, &mut check)?;
                report.superseded_bytes = report.superseded_bytes.saturating_add(rest);
            }
            None => report.torn = segment.check_last(&mut check)?,
        }
        report.segments = report.segments.saturating_add(1);
    }
    let unsettled = dir.join(format!("segment-{:020}.new", check.next));
    if report.torn.is_none() && unsettled.exists() {
        let (torn, segments) = check_unsettled(&unsettled, &mut check)?;
        report.torn = torn;
        report.segments = report.segments.saturating_add(segments);
    }
    report.records = check.next;
    report.last_sequence = check.next.checked_sub(1);
    Ok(report)
}

/// A segment whose final name was still to come when the process ended (or is, if it runs): all of it may be torn.
fn check_unsettled(path: &Path, check: &mut Check) -> Result<(Option<TornTail>, u64), LedgerError> {
    let mut segment = match Segment::open(path) {
        // It has got its name meanwhile: a later run will see it.
        Err(LedgerError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok((None, 0));
        }
        opened => opened?,
    };
    match segment.check_header(check.next, check) {
        Ok(()) => Ok((segment.check_last(check)?, 1)),
        Err(LedgerError::Defective(_)) => Ok((Some(segment.torn()?), 0)),
        Err(error) => Err(error),
    }
}

/// Where the walk stands.
struct Check {
    next: u64,
    instant: i64,
}

/// Why the records of a segment come to an end.
enum Stop {
    End,
    NoRecord(DefectKind),
    Superseded,
}

struct Segment {
    path: PathBuf,
    input: BufReader<File>,
    offset: u64,
    payload: Vec<u8>,
}

impl Segment {
    fn open(path: &Path) -> Result<Self, LedgerError> {
        let file = File::open(path).map_err(LedgerError::io("open", path))?;
        let input = BufReader::with_capacity(1 << 18, file);
        Ok(Self { path: path.to_owned(), input, offset: 0, payload: Vec::new() })
    }

    fn check_header(&mut self, first: u64, check: &mut Check) -> Result<(), LedgerError> {
        let reason = match self.take(HEADER)? {
            None => "it is cut short",
            Some(bytes) => match header_fault(&bytes, first) {
                None => {
                    let floor =
                        bytes.last_chunk().map_or(i64::MIN, |bytes| i64::from_le_bytes(*bytes));
                    // Equal unless this segment begins with copies of records that were seen already.
                    if floor == check.instant || (first < check.next && floor < check.instant) {
                        check.instant = floor;
                        self.offset = HEADER;
                        return Ok(());
                    }
                    "it does not continue the instants before it"
                }
                Some(reason) => reason,
            },
        };
        Err(self.defect(0, DefectKind::Header { reason }).into())
    }

    /// A segment that another follows: says how many bytes stand after the point where that one takes over.
    fn check_closed(&mut self, successor: u64, check: &mut Check) -> Result<u64, LedgerError> {
        let kind = match self.check_records(Some(successor), check)? {
            Stop::Superseded => return Ok(self.length()?.saturating_sub(self.offset)),
            Stop::NoRecord(kind) => kind,
            Stop::End => DefectKind::Missing { expected: check.next, found: successor },
        };
        Err(self.defect(self.offset, kind).into())
    }

    /// The last segment: it may end in a torn record, but only there.
    fn check_last(&mut self, check: &mut Check) -> Result<Option<TornTail>, LedgerError> {
        loop {
            let kind = match self.check_records(None, check)? {
                Stop::NoRecord(kind) => kind,
                Stop::End | Stop::Superseded => return Ok(None),
            };
            if !whole_record_after(&self.path, self.offset, check.next)? {
                return self.torn().map(Some);
            }
            // A running process may have completed the record before it wrote those after it: look again.
            let sought = self.input.seek(SeekFrom::Start(self.offset));
            sought.map_err(LedgerError::io("read", &self.path))?;
            let before = self.offset;
            let stop = self.check_records(None, check)?;
            if self.offset == before && matches!(stop, Stop::NoRecord(_)) {
                return Err(self.defect(self.offset, kind).into());
            }
            let sought = self.input.seek(SeekFrom::Start(self.offset));
            sought.map_err(LedgerError::io("read", &self.path))?;
        }
    }

    fn torn(&self) -> Result<TornTail, LedgerError> {
        let bytes = self.length()?.saturating_sub(self.offset);
        Ok(TornTail { segment: self.name(), offset: self.offset, bytes, followed: false })
    }

    fn check_records(
        &mut self,
        successor: Option<u64>,
        check: &mut Check,
    ) -> Result<Stop, LedgerError> {
        loop {
            if successor == Some(check.next) {
                return Ok(Stop::Superseded);
            }
            let Some(frame) = self.take(FRAME)? else {
                let end = self.payload.is_empty();
                return Ok(if end { Stop::End } else { Stop::NoRecord(DefectKind::Truncated) });
            };
            let Some(fields) = Fields::read(&frame).filter(|fields| fields.length <= PAYLOAD_LIMIT)
            else {
                return Ok(Stop::NoRecord(DefectKind::Checksum));
            };
            let Some(payload) = self.take(fields.length)? else {
                return Ok(Stop::NoRecord(DefectKind::Truncated));
            };
            let sound = fields.checksum_of(&payload) == fields.checksum;
            self.payload = payload;
            if !sound {
                return Ok(Stop::NoRecord(DefectKind::Checksum));
            }
            let instant = i64::from_le_bytes(frame[16..24].try_into().unwrap());
            let (expected, found) = (check.next, fields.sequence);
            if found != expected {
                return Err(self
                    .defect(self.offset, DefectKind::OutOfOrder { expected, found })
                    .into());
            }
            if instant < check.instant {
                return Err(self.defect(self.offset, DefectKind::InstantBackwards).into());
            }
            *check = Check { next: found.saturating_add(1), instant };
            self.offset = self.offset.saturating_add(FRAME).saturating_add(fields.length);
        }
    }

    /// The next `count` bytes; `None` if there are fewer, which then are in `payload`.
    fn take(&mut self, count: u64) -> Result<Option<Vec<u8>>, LedgerError> {
        let mut bytes = std::mem::take(&mut self.payload);
        bytes.clear();
        let read = self.input.by_ref().take(count).read_to_end(&mut bytes);
        read.map_err(LedgerError::io("read", &self.path))?;
        if u64::try_from(bytes.len()) == Ok(count) {
            return Ok(Some(bytes));
        }
        self.payload = bytes;
        Ok(None)
    }

    fn length(&self) -> Result<u64, LedgerError> {
        let metadata = self.input.get_ref().metadata();
        Ok(metadata.map_err(LedgerError::io("look at", &self.path))?.len())
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn defect(&self, offset: u64, kind: DefectKind) -> Defect {
        Defect { segment: self.name(), offset, kind }
    }
}

fn header_fault(bytes: &[u8], first: u64) -> Option<&'static str> {
    let [rest @ .., _, _, _, _, _, _, _, _] = bytes else { return Some("it is cut short") };
    let expected = [b"INTERDCT".as_slice(), &2_u32.to_le_bytes()].concat();
    let Some(tail) = rest.strip_prefix(expected.as_slice()) else {
        return Some("it is not a ledger segment of a known version");
    };
    let (checksum, of_first) = tail.split_at_checked(4)?;
    let mut covered = expected;
    covered.extend_from_slice(of_first);
    covered.extend_from_slice(bytes.get(24..)?);
    if checksum != crc32c::crc32c(&covered).to_le_bytes() {
        return Some("it does not match its checksum");
    }
    (of_first != first.to_le_bytes()).then_some("it is that of another file")
}

/// The segments by first sequence number.
fn list(dir: &Path) -> Result<BTreeMap<u64, PathBuf>, LedgerError> {
    let mut segments = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(LedgerError::io("list", dir))? {
        let path = entry.map_err(LedgerError::io("list", dir))?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let number = stem.and_then(|stem| stem.strip_prefix("segment-")).filter(|n| n.len() == 20);
        let Some(first) = number.and_then(|number| number.parse::<u64>().ok()) else { continue };
        if path.extension().is_some_and(|extension| extension == "seg") {
            segments.insert(first, path);
        }
    }
    Ok(segments)
}
