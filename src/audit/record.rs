//! One record after the other: frame, payload, envelope, parts, leaf, and every checkpoint as soon as its records are there.

use super::envelope::Envelope;
use super::error::{AuditError, Defect, DefectKind, Part, RecordName};
use super::hash::{Frontier, Hash};
use super::part;
use super::published::Claims;
use super::report::Parts;
use super::subjects::Subjects;
use super::tree::{Failure, Mismatch, StoredTree};

/// Bytes of a record before its payload.
pub(super) const FRAME: usize = 24;
/// Most bytes of a payload.
pub(super) const PAYLOAD_LIMIT: usize = 16_777_216;

/// What stands before a payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    length: u32,
    checksum: u32,
    pub(super) sequence: u64,
    instant: i64,
}

impl Frame {
    /// Reads the first 24 bytes.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let instant = rest.first_chunk()?;
        Some(Self {
            length: u32::from_le_bytes(*length),
            checksum: u32::from_le_bytes(*checksum),
            sequence: u64::from_le_bytes(*sequence),
            instant: i64::from_le_bytes(*instant),
        })
    }

    /// Bytes of the payload, if a payload may be that long.
    pub(super) fn payload(&self) -> Option<usize> {
        usize::try_from(self.length).ok().filter(|length| *length <= PAYLOAD_LIMIT)
    }

    /// Whether `record`, head and payload, is what the checksum was made of: bytes 0 to 3, 8 to 23 and the payload.
    pub(super) fn matches(&self, record: &[u8]) -> bool {
        let length = crc32c::crc32c(record.get(..4).unwrap_or_default());
        crc32c::crc32c_append(length, record.get(8..).unwrap_or_default()) == self.checksum
    }
}

/// Where a record was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) offset: u64,
}

impl Place<'_> {
    pub(super) fn defect(&self, kind: DefectKind) -> Defect {
        Defect { file: self.file.to_owned(), offset: self.offset, record: None, kind }
    }

    pub(super) fn defect_of(&self, sequence: u64, id: Option<&[u8]>, kind: DefectKind) -> Defect {
        let id = id.map(|id| String::from_utf8_lossy(id).into_owned());
        Defect { record: Some(RecordName { sequence, id }), ..self.defect(kind) }
    }
}

/// The parts of a record, and where they were read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside<'a> {
    pub(super) place: Place<'a>,
    pub(super) document: &'a [u8],
    pub(super) personal: &'a [u8],
}

/// All that the audit knows of the records so far.
pub(super) struct Auditor<'a> {
    frontier: Frontier,
    instant: i64,
    claims: &'a Claims,
    /// Claims whose records have all been read.
    met: usize,
    tree: &'a mut dyn StoredTree,
    documents: u64,
    pub(super) subjects: Subjects,
}

impl<'a> Auditor<'a> {
    /// Before the first record.
    pub(super) fn new(
        claims: &'a Claims,
        tree: &'a mut dyn StoredTree,
    ) -> Result<Self, AuditError> {
        let mut auditor = Self {
            frontier: Frontier::new(),
            instant: i64::MIN,
            claims,
            met: 0,
            tree,
            documents: 0,
            subjects: Subjects::default(),
        };
        auditor.meet_claims()?;
        Ok(auditor)
    }

    /// The sequence number that comes next.
    pub(super) const fn next(&self) -> u64 {
        self.frontier.size()
    }

    /// The instant of the last record, -2^63 if there is none.
    pub(super) const fn instant(&self) -> i64 {
        self.instant
    }

    pub(super) fn parts(&self) -> Parts {
        self.subjects.parts(self.documents)
    }

    /// Takes a record of a segment whose checksum is right.
    pub(super) fn record(
        &mut self,
        place: &Place<'_>,
        frame: &Frame,
        payload: &[u8],
    ) -> Result<(), AuditError> {
        let (expected, found) = (self.next(), frame.sequence);
        if found != expected {
            return Err(place.defect(DefectKind::OutOfOrder { expected, found }).into());
        }
        let layout = |reason| {
            let kind = DefectKind::Layout { reason };
            AuditError::from(place.defect_of(expected, None, kind))
        };
        let (envelope, rest) =
            split_entry(payload).ok_or_else(|| layout("it ends within the envelope"))?;
        let (document, personal, rest) =
            part::split_parts(rest).ok_or_else(|| layout("it ends within a part"))?;
        if !rest.is_empty() {
            return Err(layout("bytes follow its last part"));
        }
        let beside = Beside { place: *place, document, personal };
        self.entry(place, Some(frame.instant), envelope, Some(&beside))
    }

    /// Takes an entry with its parts; without parts where they are not there to be checked.
    pub(super) fn entry(
        &mut self,
        place: &Place<'_>,
        framed: Option<i64>,
        entry: &[u8],
        beside: Option<&Beside<'_>>,
    ) -> Result<(), AuditError> {
        let sequence = self.next();
        let envelope = match Envelope::read(entry) {
            Ok(envelope) => envelope,
            Err(reason) => {
                let kind = DefectKind::Envelope { reason };
                return Err(place.defect_of(sequence, None, kind).into());
            }
        };
        let defect = |kind| AuditError::from(place.defect_of(sequence, Some(envelope.id), kind));
        if framed.is_some_and(|framed| framed != envelope.instant) {
            let reason = "`time` is not the record's instant";
            return Err(defect(DefectKind::Envelope { reason }));
        }
        if envelope.instant < self.instant {
            return Err(defect(DefectKind::InstantBackwards));
        }
        if let Some(Beside { place, document, personal }) = beside {
            let defect =
                |kind| AuditError::from(place.defect_of(sequence, Some(envelope.id), kind));
            part::check(&envelope, Part::Document, document).map_err(defect)?;
            part::check(&envelope, Part::Personal, personal).map_err(defect)?;
            self.count(&envelope, document).map_err(defect)?;
        }
        let tree = &mut self.tree;
        let pushed = self
            .frontier
            .push(Hash::leaf(entry), |level, place, hash| tree.compare(level, place, hash));
        pushed.map_err(|failure| match failure {
            Failure::Other(error) => error,
            Failure::Mismatch(Mismatch { file, offset, level: 0, .. }) => {
                defect(DefectKind::Leaf { tree: file, offset })
            }
            Failure::Mismatch(Mismatch { file, offset, level, place }) => {
                let width = 1_u64.checked_shl(level.saturating_mul(8)).unwrap_or(0);
                let first = place.saturating_mul(width);
                let last = first.saturating_add(width).saturating_sub(1);
                let kind = DefectKind::TreeHash { first, last };
                Defect { file, offset, record: None, kind }.into()
            }
        })?;
        self.instant = envelope.instant;
        self.meet_claims()
    }

    fn count(&mut self, envelope: &Envelope<'_>, document: &[u8]) -> Result<(), DefectKind> {
        if envelope.evidence.is_some() {
            self.documents = self.documents.saturating_add(1);
        }
        match (envelope.personal, envelope.subject_key) {
            (Some(_), Some(key)) => self.subjects.encrypted(key),
            (Some(_), None) => self.subjects.clear(),
            (None, _) => {}
        }
        if envelope.kind == b"erasure" {
            let named = self.subjects.erased(part::json_of(document));
            named.ok_or(DefectKind::Erasure)?;
        }
        Ok(())
    }

    /// Every checkpoint of exactly so many records must have their root.
    fn meet_claims(&mut self) -> Result<(), AuditError> {
        while let Some(claim) = self.claims.get(self.met).filter(|claim| claim.size <= self.next())
        {
            let (size, computed, claimed) = (claim.size, self.frontier.root(), claim.root);
            if computed != claimed {
                let kind = DefectKind::Root { size, computed, claimed };
                return Err(Defect::file(&claim.file, kind).into());
            }
            self.met = self.met.saturating_add(1);
        }
        Ok(())
    }

    /// The log's end: every checkpoint must have been met, and the tree have no more than the log. `torn` says why there is no further
    /// record where one was to be read.
    pub(super) fn end(
        &self,
        place: &Place<'_>,
        torn: Option<DefectKind>,
    ) -> Result<(), AuditError> {
        let records = self.next();
        if let Some(claim) = self.claims.get(self.met) {
            let fewer =
                DefectKind::Fewer { checkpoint: claim.file.clone(), size: claim.size, records };
            return Err(match torn {
                Some(kind) => place.defect_of(records, None, kind),
                None => place.defect(fewer),
            }
            .into());
        }
        self.tree.check_ends(records)
    }
}

/// Takes `u16 length (big endian), entry` from the front.
pub(super) fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
