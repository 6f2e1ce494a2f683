//! The ledger's directory: which files there are, and small ones whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use super::error::AuditError;

/// Most bytes of a file that is read whole: notes and keys have a few hundred.
const SMALL: u64 = 1 << 20;

/// The segments of a ledger, by the sequence number in their names.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Listing {
    settled: BTreeMap<u64, Form>,
    unsettled: BTreeSet<u64>,
}

/// What a segment's file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// `.new`: its predecessor is not yet known to be wholly on disk.
    New,
    /// `.sealed`: closed and compressed.
    Sealed,
    /// `.seg`.
    Seg,
}

/// One segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Segment {
    pub(super) first: u64,
    pub(super) form: Form,
}

impl Segment {
    pub(super) fn name(self) -> String {
        let suffix = match self.form {
            Form::New => "new",
            Form::Sealed => "sealed",
            Form::Seg => "seg",
        };
        format!("segment-{:020}.{suffix}", self.first)
    }
}

impl Listing {
    pub(super) fn of(dir: &Path) -> Result<Self, AuditError> {
        let mut listing = Self::default();
        for entry in fs::read_dir(dir).map_err(AuditError::io("read", dir))? {
            let entry = entry.map_err(AuditError::io("read", dir))?;
            let name = entry.file_name();
            match name.to_str().and_then(parse) {
                None => {}
                Some(Segment { first, form: Form::New }) => {
                    listing.unsettled.insert(first);
                }
                // Where both are, the sealing did not end, and the `.seg` counts: what readers read is what must be verified.
                Some(Segment { first, form: Form::Sealed }) => {
                    listing.settled.entry(first).or_insert(Form::Sealed);
                }
                Some(Segment { first, form: Form::Seg }) => {
                    listing.settled.insert(first, Form::Seg);
                }
            }
        }
        Ok(listing)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.unsettled.is_empty()
    }

    /// The segment that the log begins with.
    pub(super) fn first(&self) -> Option<Segment> {
        let settled = self.settled.first_key_value();
        settled.map(|(first, form)| Segment { first: *first, form: *form }).or(self.unsettled(0))
    }

    /// The settled segment after the one that begins with `first`: where that one ends.
    pub(super) fn after(&self, first: u64) -> Option<Segment> {
        let mut later = self.settled.range(first.saturating_add(1)..);
        later.next().map(|(first, form)| Segment { first: *first, form: *form })
    }

    /// The unsettled segment that begins exactly there.
    pub(super) fn unsettled(&self, first: u64) -> Option<Segment> {
        self.unsettled.contains(&first).then_some(Segment { first, form: Form::New })
    }

    /// Every file that may be read.
    pub(super) fn all(&self) -> impl Iterator<Item = Segment> {
        let settled =
            self.settled.iter().map(|(first, form)| Segment { first: *first, form: *form });
        settled.chain(self.unsettled.iter().map(|first| Segment { first: *first, form: Form::New }))
    }
}

/// Reads `segment-<20 digits>.<new, seg or sealed>`; `None` for any other name.
fn parse(name: &str) -> Option<Segment> {
    let (digits, suffix) = name.strip_prefix("segment-")?.split_once('.')?;
    let form = match suffix {
        "new" => Form::New,
        "sealed" => Form::Sealed,
        "seg" => Form::Seg,
        _ => return None,
    };
    let exact = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| exact).map(|first| Segment { first, form })
}

/// Opens a file. What is none, such as a pipe that nobody writes to, is an error: who opens that waits for ever.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    File::open(path)
}

/// Reads a file whole; `None` if there is none.
pub(super) fn read_small(path: &Path) -> Result<Option<Vec<u8>>, AuditError> {
    let file = match open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(AuditError::io("open", path))?,
    };
    let mut bytes = Vec::new();
    file.take(SMALL).read_to_end(&mut bytes).map_err(AuditError::io("read", path))?;
    Ok(Some(bytes))
}

/// The names in a folder, sorted; none if there is no such folder.
pub(super) fn names(dir: &Path) -> Result<Vec<String>, AuditError> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(AuditError::io("read", dir))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(AuditError::io("read", dir))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}
