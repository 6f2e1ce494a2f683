//! From segment to segment, beside a writer that may begin, rename, seal and heal them meanwhile.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use super::error::{AuditError, DefectKind};
use super::files::{self, Form, Listing, Segment};
use super::ledger_file::{LedgerFile, Stop};
use super::published::CHECKPOINT;
use super::record::{Auditor, Place};
use super::report::Report;
use super::sealed;
use super::window::Window;

/// How a walk ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Walked {
    /// The directory changed so that what was read is no longer what counts: read it again.
    Again,
    /// All that there is was read.
    Whole,
}

/// A walk through all segments.
pub(super) struct Walk<'a, 'c> {
    pub(super) dir: &'a Path,
    pub(super) auditor: &'a mut Auditor<'c>,
    pub(super) report: &'a mut Report,
    pub(super) progress: &'a mut dyn FnMut(u64),
}

/// Where a segment left off.
enum Next {
    Again,
    End,
    Segment(Segment),
}

impl Walk<'_, '_> {
    pub(super) fn run(mut self) -> Result<Walked, AuditError> {
        let mut listing = Listing::of(self.dir)?;
        let mut window = Window::new();
        let Some(mut segment) = listing.first() else {
            let place = Place { file: CHECKPOINT, offset: 0 };
            return self.auditor.end(&place, None).map(|()| Walked::Whole);
        };
        loop {
            let expected = self.auditor.next();
            if segment.first != expected {
                if segment.first < expected {
                    return Ok(Walked::Again);
                }
                let kind = DefectKind::Missing { expected, found: segment.first };
                return Err(Place { file: &segment.name(), offset: 0 }.defect(kind).into());
            }
            let name = segment.name();
            let path = self.dir.join(&name);
            let file = match files::open(&path) {
                // Renamed or sealed since it was listed.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Walked::Again),
                opened => opened.map_err(AuditError::io("open", &path))?,
            };
            let next = match segment.form {
                Form::Sealed => self.sealed(segment, &path, file, &mut window, &mut listing)?,
                Form::New | Form::Seg => {
                    let file = LedgerFile::new(&path, name, file);
                    self.plain(segment, file, &mut window, &mut listing)?
                }
            };
            match next {
                Next::Segment(next) => segment = next,
                Next::Again => return Ok(Walked::Again),
                Next::End => return Ok(Walked::Whole),
            }
        }
    }

    fn sealed(
        &mut self,
        segment: Segment,
        path: &Path,
        file: File,
        window: &mut Window,
        listing: &mut Listing,
    ) -> Result<Next, AuditError> {
        let name = segment.name();
        sealed::check(path, &name, file, segment.first, window, self.auditor, self.progress)?;
        self.report.segments = self.report.segments.saturating_add(1);
        self.report.sealed = self.report.sealed.saturating_add(1);
        let found = self.auditor.next();
        let place = Place { file: &name, offset: 0 };
        *listing = Listing::of(self.dir)?;
        match listing.after(segment.first) {
            Some(next) if next.first < found => {
                let reason = "its records go on past the first of the next segment";
                Err(place.defect(DefectKind::Sealed { reason }).into())
            }
            Some(next) => Ok(Next::Segment(next)),
            None => match listing.unsettled(found) {
                Some(next) => Ok(Next::Segment(next)),
                None => self.auditor.end(&place, None).map(|()| Next::End),
            },
        }
    }

    fn plain(
        &mut self,
        segment: Segment,
        mut file: LedgerFile,
        window: &mut Window,
        listing: &mut Listing,
    ) -> Result<Next, AuditError> {
        match file.check_header(segment.first, self.auditor) {
            // Its header never reached the disk: it holds nothing.
            Err(AuditError::Defective(defect)) if segment.form == Form::New => {
                self.auditor.end(&file.place(), Some(defect.kind))?;
                self.report.torn = Some(file.torn()?);
                return Ok(Next::End);
            }
            checked => checked?,
        }
        self.report.segments = self.report.segments.saturating_add(1);
        let mut looked_again_at = None;
        loop {
            let next = listing.after(segment.first);
            if next.is_some_and(|next| next.first < self.auditor.next()) {
                return Ok(Next::Again);
            }
            let next_first = next.map(|next| next.first);
            let stop = file.walk(next_first, window, self.auditor, self.progress)?;
            if let (Stop::TakenOver, Some(next)) = (&stop, next) {
                let superseded = &mut self.report.superseded_bytes;
                *superseded = superseded.saturating_add(file.rest()?);
                return Ok(Next::Segment(next));
            }
            // A segment that was begun meanwhile: what came before it was written before it.
            let fresh = Listing::of(self.dir)?;
            if fresh != *listing {
                *listing = fresh;
                continue;
            }
            let (expected, place) = (self.auditor.next(), file.place());
            let why = match stop {
                Stop::NoRecord(kind) => Some(kind),
                Stop::End | Stop::TakenOver => None,
            };
            if let Some(next) = next {
                let missing = DefectKind::Missing { expected, found: next.first };
                return Err(place.defect_of(expected, None, why.unwrap_or(missing)).into());
            }
            if let Some(unsettled) = listing.unsettled(expected).filter(|new| *new != segment) {
                return Ok(Next::Segment(unsettled));
            }
            let Some(kind) = why else {
                return self.auditor.end(&place, None).map(|()| Next::End);
            };
            if file.is_followed(expected)? {
                // A writer may have completed the record before it wrote those after it: look once more.
                if looked_again_at == Some(place.offset) {
                    return Err(place.defect_of(expected, None, kind).into());
                }
                looked_again_at = Some(place.offset);
                continue;
            }
            self.auditor.end(&place, Some(kind))?;
            self.report.torn = Some(file.torn()?);
            return Ok(Next::End);
        }
    }
}
