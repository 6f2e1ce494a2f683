//! Reads the 256 records from one place to the next, at once if they lie in one segment as they were written, else as everybody does.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use jiff::Timestamp;

use super::super::error::LedgerError;
use super::super::format::FRAME;
use super::super::format::Frame;
use super::super::format::Suffix;
use super::super::format::segment_path;
use super::super::reader::Reader;
use super::super::reader::Record;
use super::super::tree::Place;
use super::super::tree::Places;
use super::super::tree::STEP;

/// Most bytes that are read at once; more records than that are read one by one.
const LARGEST: u64 = 16 << 20;
/// Segments that are kept open.
const OPEN: usize = 8;

/// Reads groups of records.
pub(super) struct Fetcher<'a> {
    dir: &'a Path,
    buffer: Vec<u8>,
    files: HashMap<u64, File>,
    places: Option<Places>,
}

impl<'a> Fetcher<'a> {
    pub(super) fn new(dir: &'a Path) -> Self {
        Self { dir, buffer: Vec::new(), files: HashMap::new(), places: Places::open(dir) }
    }

    /// Gives those records of a group that are wanted, in order.
    ///
    /// # Errors
    /// `Defective` or `Io`.
    pub(super) fn group<T>(
        &mut self,
        group: u64,
        wanted: &dyn Fn(u64) -> bool,
        keep: &mut dyn FnMut(&Record<'_>) -> Option<T>,
    ) -> Result<Vec<T>, LedgerError> {
        if let Some(kept) = self.at_once(group, wanted, keep) {
            return Ok(kept);
        }
        let first = group.saturating_mul(STEP);
        let mut kept = Vec::new();
        let mut reader = Reader::open_at(self.dir, first)?;
        while let Some(record) = reader.next_record()? {
            if record.sequence / STEP > group {
                break;
            }
            if record.sequence >= first && wanted(record.sequence) {
                kept.extend(keep(&record));
            }
        }
        Ok(kept)
    }

    /// Gives the records from `from` on, in order, until the end or until it is enough.
    pub(super) fn onwards(
        &self,
        from: u64,
        each: &mut dyn FnMut(&Record<'_>) -> bool,
    ) -> Result<(), LedgerError> {
        let mut reader = Reader::open_at(self.dir, from)?;
        while let Some(record) = reader.next_record()? {
            if record.sequence >= from && !each(&record) {
                break;
            }
        }
        Ok(())
    }

    /// The last place known to be earlier than an instant, if what lies there is what the place says.
    pub(super) fn earlier(&mut self, instant: Timestamp) -> Option<Place> {
        let place = self.places.as_ref()?.earlier(instant.as_microsecond())?;
        let sequence = place.sequence;
        let found = self
            .group(sequence / STEP, &|at| at == sequence, &mut |record| Some(record.instant))
            .ok()?;
        (found.first().is_some_and(|found| *found < instant)).then_some(place)
    }

    /// The first record of a place, if it is known not to be earlier than an instant.
    pub(super) fn not_earlier(&mut self, sequence: u64, instant: Timestamp) -> bool {
        let found =
            self.group(sequence / STEP, &|at| at == sequence, &mut |record| Some(record.instant));
        found.is_ok_and(|found| found.first().is_some_and(|found| *found >= instant))
    }

    /// `None` if the records do not lie between two places of one segment, or are not what was written.
    fn at_once<T>(
        &mut self,
        group: u64,
        wanted: &dyn Fn(u64) -> bool,
        keep: &mut dyn FnMut(&Record<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let first = group.checked_mul(STEP)?;
        let places = self.places.as_ref()?;
        let (here, next) = (places.before(first)?, places.before(first.checked_add(STEP)?)?);
        let whole = here.sequence == first
            && next.sequence == first.checked_add(STEP)?
            && here.segment == next.segment;
        let length = next.offset.checked_sub(here.offset).filter(|length| *length <= LARGEST)?;
        if !whole {
            return None;
        }
        if self.files.len() >= OPEN {
            self.files.clear();
        }
        let file = match self.files.entry(here.segment) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let path = segment_path(self.dir, here.segment, Suffix::Seg);
                entry.insert(File::open(path).ok()?)
            }
        };
        self.buffer.resize(usize::try_from(length).ok()?, 0);
        file.read_exact_at(&mut self.buffer, here.offset).ok()?;
        let mut rest = self.buffer.as_slice();
        let mut kept = Vec::new();
        for sequence in first..next.sequence {
            let (frame, after) = rest.split_first_chunk::<FRAME>()?;
            let frame = Frame::decode(frame)?;
            let (payload, after) = after.split_at_checked(frame.payload_bytes()?)?;
            rest = after;
            if frame.sequence != sequence {
                return None;
            }
            if wanted(sequence) {
                if !frame.matches(payload) {
                    return None;
                }
                let instant = Timestamp::from_microsecond(frame.instant).ok()?;
                kept.extend(keep(&Record { sequence, instant, payload }));
            }
        }
        rest.is_empty().then_some(kept)
    }
}
