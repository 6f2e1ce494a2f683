//! The two parts of a record that lie beside its envelope, and what each must be.

use super::envelope::Envelope;
use super::error::{DefectKind, Part};
use super::hash::Hash;
use super::json;

/// Bytes of salt before the JSON of a part.
const SALT: usize = 16;
/// Fewest bytes of a part: salt and `{}`.
const SHORTEST: usize = 18;

/// Checks a part against what the envelope committed to; `part` is empty if there is none.
pub(super) fn check(envelope: &Envelope<'_>, which: Part, part: &[u8]) -> Result<(), DefectKind> {
    let (committed, unclaimed, lost) = match which {
        Part::Document => (
            envelope.evidence,
            "there is a document part, and no hash of it in the envelope",
            "the document part is missing: the envelope has its hash",
        ),
        Part::Personal => (
            envelope.personal,
            "there is a personal part, and no hash of it in the envelope",
            "the personal part is missing: the envelope has its hash",
        ),
    };
    let committed = match (committed, part.is_empty()) {
        (None, true) => return Ok(()),
        (None, false) => return Err(DefectKind::Layout { reason: unclaimed }),
        (Some(_), true) => return Err(DefectKind::Layout { reason: lost }),
        (Some(committed), false) => committed,
    };
    if part.len() < SHORTEST {
        return Err(DefectKind::Layout { reason: "a part is too short" });
    }
    if !Hash::of(part).is_base64(committed) {
        return Err(DefectKind::Hash { part: which });
    }
    let encrypted = which == Part::Personal && envelope.subject_key.is_some();
    if encrypted {
        return Ok(());
    }
    let text = json_of(part);
    json::check_object(text).map_err(|reason| DefectKind::Json { part: which, reason })
}

/// What follows the salt.
pub(super) fn json_of(part: &[u8]) -> &[u8] {
    part.get(SALT..).unwrap_or_default()
}

/// Takes `u32 length, bytes` from the front, twice: the document part and the personal part.
pub(super) fn split_parts(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (document, rest) = split_part(bytes)?;
    let (personal, rest) = split_part(rest)?;
    Some((document, personal, rest))
}

fn split_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}
