//! What is kept of witnesses beside the log: the last checkpoint that they cosigned, and how far each has come.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::ledger::LedgerError;
use crate::ledger::ServedLog;
use crate::merkle::Cosignature;
use crate::merkle::Note;
use crate::merkle::Signature;
use crate::merkle::VerifierKey;
use crate::output::replace_private;

/// The checkpoint with the cosignatures.
const WITNESSED: &str = "checkpoint.witnessed";
/// The sizes that witnesses cosigned last. Lost, each of them tells it again.
const SIZES: &str = "witness.cursor";

/// The sizes that are kept, by the witnesses' names.
pub(super) fn sizes(ledger: &Path) -> BTreeMap<String, u64> {
    let bytes = fs::read(ledger.join(SIZES)).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Keeps the sizes.
///
/// # Errors
/// They are not kept.
pub(super) fn keep_sizes(ledger: &Path, sizes: &BTreeMap<String, u64>) -> io::Result<()> {
    replace_private(&ledger.join(SIZES), &serde_json::to_vec(sizes)?)
}

/// The last checkpoint that was witnessed; none also where it cannot be read, for the next one takes its place.
///
/// # Errors
/// The file cannot be read.
pub(super) fn witnessed(log: &ServedLog) -> Result<Option<Note>, LedgerError> {
    Ok(log.witnessed()?.and_then(|text| Note::parse(&text).ok()))
}

/// When a witness cosigned a checkpoint, if it did.
pub(super) fn time(note: &Note, key: &VerifierKey) -> Option<u64> {
    let by_it = note.signatures().iter().filter(|signature| signature.is_by(key));
    let verified = by_it.filter_map(|by| Cosignature::verify(note.text(), by, key).ok());
    verified.map(|cosignature| cosignature.time).max()
}

/// Writes a checkpoint with its new cosignatures, and those that `before` has of the same checkpoint from witnesses that are still asked.
///
/// # Errors
/// It is not written.
pub(super) fn keep_witnessed(
    ledger: &Path,
    checkpoint: &Note,
    cosignatures: &[Signature],
    before: Option<&Note>,
    keys: &[VerifierKey],
) -> io::Result<()> {
    let mut note = checkpoint.clone();
    let same = before.filter(|before| before.text() == checkpoint.text());
    let older = same.into_iter().flat_map(Note::signatures).filter(|signature| {
        let known = |key: &&VerifierKey| signature.is_by(key);
        let key = keys.iter().find(known);
        key.is_some_and(|key| Cosignature::verify(checkpoint.text(), signature, key).is_ok())
    });
    for signature in older.chain(cosignatures) {
        note.add(signature.clone()).map_err(io::Error::other)?;
    }
    replace_private(&ledger.join(WITNESSED), note.to_string().as_bytes())
}
