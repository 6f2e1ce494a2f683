//! Reads the records in order, beside a running process and without a lock.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;

use super::cursor::{Cursor, Step, open_segment, segments};
use super::error::{Defect, DefectKind, LedgerError};
use super::format::Suffix;
use super::parts::Parts;
use super::personal::{Opened, SubjectKeys};
use super::torn::{TornTail, whole_record_after};
use super::tree::{Place, Places};

/// A walk over all records, one in memory at a time.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    cursor: Option<Cursor>,
    /// The record expected next in this segment, which may be one that was already given out (a segment may begin with copies).
    here: u64,
    /// The record to give out next.
    next: u64,
    /// Where a segment begins that ends this one.
    following: Option<u64>,
    last_instant: i64,
    /// Segment and offset of the record that was given out last.
    place: Option<(u64, u64)>,
    torn: Option<TornTail>,
}

/// One record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Record<'a> {
    /// Its place in the ledger.
    pub sequence: u64,
    /// When it was made (µs).
    pub instant: Timestamp,
    /// What was recorded, as it was written.
    pub payload: &'a [u8],
}

impl<'a> Record<'a> {
    /// Its parts; `None` if the payload does not have the form of an entry.
    #[must_use]
    pub fn parts(&self) -> Option<Parts<'a>> {
        Parts::read(self.payload)
    }

    /// The export view: one JSON object (docs/ledger-format.md), without a personal part that is encrypted.
    ///
    /// # Errors
    /// `Unreadable` if a part does not have its form.
    pub fn view(&self) -> Result<Map<String, Value>, LedgerError> {
        let parts = self.parts().ok_or_else(|| self.unreadable())?;
        let personal = parts.personal.filter(|_| parts.subject_key().is_none());
        parts.view(self.sequence, personal).map_err(|_| self.unreadable())
    }

    /// The export view with what is encrypted; if its key was destroyed, `erased` is true in it, and if a power cut took it, `lost`.
    ///
    /// # Errors
    /// `NoKey` if the key is not there although nobody destroyed it; `Unreadable` if a part does not have its form; `Io`.
    pub fn view_with(&self, keys: &SubjectKeys) -> Result<Map<String, Value>, LedgerError> {
        let parts = self.parts().ok_or_else(|| self.unreadable())?;
        let (Some(key), Some(part)) = (parts.subject_key(), parts.personal) else {
            return self.view();
        };
        let envelope: Map<String, Value> =
            serde_json::from_slice(parts.envelope).map_err(|_| self.unreadable())?;
        let id = envelope.get("id").and_then(Value::as_str).ok_or_else(|| self.unreadable())?;
        let no_key = |problem| {
            Err(LedgerError::NoKey { sequence: self.sequence, key: key.to_owned(), problem })
        };
        let personal = match keys.decrypt(key, id, part)? {
            Opened::Clear(part) => Ok(part),
            Opened::Erased => Err("erased"),
            Opened::Lost => Err("lost"),
            Opened::NoKey => return no_key("missing, and was not erased"),
            Opened::Refused => return no_key("not the one that it was encrypted under"),
        };
        let view = parts.view(self.sequence, personal.as_deref().ok());
        let mut view = view.map_err(|_| self.unreadable())?;
        if let Err(why) = personal {
            view.insert(why.to_owned(), Value::Bool(true));
        }
        Ok(view)
    }

    const fn unreadable(&self) -> LedgerError {
        LedgerError::Unreadable { sequence: self.sequence }
    }
}

impl Reader {
    /// Begins at the first record in `dir`.
    ///
    /// # Errors
    /// `Io` if the directory or a file cannot be read; `Defective` if the first header is not sound.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let dir = dir.as_ref().to_owned();
        let first = segments(&dir)?.keys().next().copied();
        let mut reader = Self {
            dir,
            cursor: None,
            here: 0,
            next: first.unwrap_or(0),
            following: None,
            last_instant: i64::MIN,
            place: None,
            torn: None,
        };
        if let Some(first) = first {
            reader.enter(first)?;
        }
        Ok(reader)
    }

    /// Begins at the record `sequence`, or at the first there is behind it; `None` until then.
    ///
    /// # Errors
    /// As for [`Reader::open`].
    pub fn open_at(dir: impl AsRef<Path>, sequence: u64) -> Result<Self, LedgerError> {
        let mut reader = Self::open(dir)?;
        let files = segments(&reader.dir)?;
        let holds = |(_, suffix): &(&u64, &Suffix)| suffix.is_final();
        if let Some((first, _)) = files.range(..=sequence).rev().find(holds) {
            reader.enter(*first)?;
            reader.next = sequence;
            reader.approach(*first, sequence)?;
        }
        Ok(reader)
    }

    /// Begins at the first record that is not earlier than `instant`, or a little before it.
    ///
    /// # Errors
    /// As for [`Reader::open`].
    pub fn open_near(dir: impl AsRef<Path>, instant: Timestamp) -> Result<Self, LedgerError> {
        let dir = dir.as_ref();
        let place = Places::open(dir).and_then(|places| places.earlier(instant.as_microsecond()));
        match place {
            Some(place) => Self::open_at(dir, place.sequence),
            None => Self::open(dir),
        }
    }

    /// Goes on from the last known place before a record, if the record there is the right one.
    fn approach(&mut self, first: u64, sequence: u64) -> Result<(), LedgerError> {
        if let Some(here) = self.cursor.as_mut().and_then(|cursor| cursor.jump(sequence)) {
            self.here = here;
            return Ok(());
        }
        let place = Places::open(&self.dir).and_then(|places| places.before(sequence));
        let of_segment = |place: &Place| place.segment == first && place.sequence > self.here;
        let (Some(place), Some(cursor)) = (place.filter(of_segment), &mut self.cursor) else {
            return Ok(());
        };
        let begin = std::mem::replace(&mut cursor.offset, place.offset);
        cursor.rewind()?;
        let step = cursor.step();
        let right = matches!(step, Ok(Step::Record { sequence, .. }) if sequence == place.sequence);
        cursor.offset = if right { place.offset } else { begin };
        cursor.rewind()?;
        if right {
            self.here = place.sequence;
        }
        Ok(())
    }

    /// Whether there is no segment at all, which no ledger is without.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cursor.is_none()
    }

    /// Segment (by its first sequence number) and offset of the record that was given out last.
    pub(super) const fn place(&self) -> Option<(u64, u64)> {
        self.place
    }

    /// The next record, or `None` at the end; a later call looks again, for what was written meanwhile.
    ///
    /// # Errors
    /// `Defective` where a record that others follow is not what was written; `Io`.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, LedgerError> {
        let mut followed = None;
        let (sequence, instant) = loop {
            if let Some(first) = self.following.filter(|first| *first == self.here) {
                self.enter(first)?;
            }
            let Some(cursor) = &mut self.cursor else { return Ok(None) };
            let place = (cursor.header.first, cursor.offset);
            let step = cursor.step()?;
            let kind = match step {
                Step::Record { sequence, instant } if sequence == self.here => {
                    self.here = sequence.saturating_add(1);
                    followed = None;
                    if sequence < self.next {
                        continue;
                    }
                    self.place = Some(place);
                    if instant < self.last_instant {
                        return Err(cursor.defect(DefectKind::InstantBackwards).into());
                    }
                    break (sequence, instant);
                }
                Step::Record { sequence, .. } => {
                    let (expected, found) = (self.here, sequence);
                    return Err(cursor.defect(DefectKind::OutOfOrder { expected, found }).into());
                }
                Step::End => None,
                Step::Torn(torn) => Some(torn.kind()),
            };
            // The end for now, or the writer has gone on to another file.
            cursor.rewind()?;
            if let Some(first) = self.successor()? {
                self.enter(first)?;
                followed = None;
                continue;
            }
            let Some(followed) = followed else {
                // What stood here may have been half written, or written before the successor was: look again.
                followed = Some(self.is_followed(kind.is_some())?);
                continue;
            };
            return self.end(kind, followed).map(|()| None);
        };
        self.torn = None;
        self.next = sequence.saturating_add(1);
        self.last_instant = instant;
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let instant = Timestamp::from_microsecond(instant)
            .map_err(|_| cursor.defect(DefectKind::Checksum))?;
        Ok(Some(Record { sequence, instant, payload: &cursor.payload }))
    }

    /// After the end: bytes there that are no whole record. Beside a running process that may be a record on its way.
    #[must_use]
    pub fn torn(&self) -> Option<&TornTail> {
        self.torn.as_ref()
    }

    fn enter(&mut self, first: u64) -> Result<(), LedgerError> {
        self.cursor = Some(open_segment(&self.dir, first)?);
        self.here = first;
        let files = segments(&self.dir)?;
        self.following = files
            .range(first.saturating_add(1)..)
            .find(|(_, suffix)| suffix.is_final())
            .map(|(first, _)| *first);
        Ok(())
    }

    /// The segment that continues this one: a `.seg` anywhere up to the record expected, a `.new` exactly there.
    fn successor(&self) -> Result<Option<u64>, LedgerError> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let current = cursor.header.first;
        let files = segments(&self.dir)?;
        let continues = |(first, suffix): &(&u64, &Suffix)| {
            **first > current && (suffix.is_final() || **first == self.here)
        };
        let found = files.range(..=self.here).rev().find(continues);
        // A `.new` whose header did not reach the disk holds nothing.
        let readable = |(first, suffix): &(&u64, &Suffix)| {
            suffix.is_final() || open_segment(&self.dir, **first).is_ok()
        };
        Ok(found.filter(readable).map(|(first, _)| *first))
    }

    /// Whether more follows: whole records behind bytes that are none, or a later segment.
    fn is_followed(&self, torn: bool) -> Result<Option<u64>, LedgerError> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        if torn && whole_record_after(&cursor.path, cursor.offset, self.here)? {
            return Ok(Some(self.here));
        }
        let files = segments(&self.dir)?;
        let mut later = files.range(self.here.saturating_add(1)..);
        Ok(later.find(|(_, suffix)| suffix.is_final()).map(|(first, _)| *first))
    }

    /// At the end of all that can be read: a defect if more follows.
    fn end(&mut self, kind: Option<DefectKind>, followed: Option<u64>) -> Result<(), LedgerError> {
        self.torn = None;
        let Some(cursor) = &self.cursor else { return Ok(()) };
        let expected = self.here;
        match (kind, followed) {
            (None, None) => Ok(()),
            (None, Some(found)) => {
                Err(cursor.defect(DefectKind::Missing { expected, found }).into())
            }
            (Some(kind), Some(_)) => Err(cursor.defect(kind).into()),
            (Some(kind), None) => {
                let Defect { segment, offset, .. } = cursor.defect(kind);
                let length = fs::metadata(&cursor.path).map(|metadata| metadata.len());
                let length = length.map_err(LedgerError::io("look at", &cursor.path))?;
                let bytes = length.saturating_sub(offset);
                self.torn = Some(TornTail { segment, offset, bytes, followed: false });
                Ok(())
            }
        }
    }
}
