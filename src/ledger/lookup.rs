//! Finds a record by its id, beside a running process and without an index: a UUIDv7 says when it was made.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::error::LedgerError;
use super::parts::Parts;
use super::reader::Reader;

/// How far around its own instant a record is looked for: first where it is, then where a stepping clock can have put it.
const AROUND: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(3_600)];

/// A record that was found, its parts as they lie in the segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Found {
    /// Salt and JSON of the document.
    pub(super) document: Option<Vec<u8>>,
    /// What the tree commits to.
    pub(super) envelope: Vec<u8>,
    /// Salt and JSON of the personal part, or its ciphertext.
    pub(super) personal: Option<Vec<u8>>,
    /// Its place in the ledger.
    pub(super) sequence: u64,
}

/// The record with this id; none if there is none. Looked for around the instant in the id, then everywhere.
///
/// # Errors
/// `Io`, or `Defective` where the files are not what was written.
pub(super) fn find(dir: impl AsRef<Path>, id: Uuid) -> Result<Option<Found>, LedgerError> {
    let dir = dir.as_ref();
    // In canonical JSON a quotation mark within a text has a backslash before it, so this is the member and nothing else.
    let member = format!("\"id\":\"{id}\"");
    if let Some(made) = made_at(id) {
        for around in AROUND {
            let from = made.saturating_sub(around).unwrap_or(Timestamp::MIN);
            let until = made.saturating_add(around).unwrap_or(Timestamp::MAX);
            let reader = Reader::open_near(dir, from)?;
            if let Some(found) = look(reader, &member, until)? {
                return Ok(Some(found));
            }
        }
    }
    look(Reader::open(dir)?, &member, Timestamp::MAX)
}

/// Looks on to the first record that is later than `until`.
fn look(mut reader: Reader, member: &str, until: Timestamp) -> Result<Option<Found>, LedgerError> {
    while let Some(record) = reader.next_record()? {
        let sequence = record.sequence;
        let entry = Parts::entry(record.payload).ok_or(LedgerError::Unreadable { sequence })?;
        if memchr::memmem::find(entry, member.as_bytes()).is_some() {
            let parts = record.parts().ok_or(LedgerError::Unreadable { sequence })?;
            return Ok(Some(Found {
                document: parts.document.map(<[u8]>::to_vec),
                envelope: parts.envelope.to_vec(),
                personal: parts.personal.map(<[u8]>::to_vec),
                sequence,
            }));
        }
        if record.instant > until {
            return Ok(None);
        }
    }
    Ok(None)
}

/// The instant in a UUIDv7 (RFC 9562, 5.7).
fn made_at(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
}
