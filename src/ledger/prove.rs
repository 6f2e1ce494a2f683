//! A record's proof, in one text that needs nothing else (C2SP tlog-proof; docs/ledger-format.md).

use std::path::Path;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Map;
use serde_json::Value;
use uuid::Uuid;

use crate::merkle::Checkpoint;
use crate::merkle::Hash;
use crate::merkle::Note;
use crate::merkle::TlogProof;
use crate::merkle::verify_inclusion;

use super::error::LedgerError;
use super::lookup::Found;
use super::lookup::find;
use super::tree::ServedLog;

/// How long a record that is not published yet is waited for; a checkpoint comes within a second.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);

/// Which checkpoint a proof leads to, and what it shows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ProofSettings {
    /// Only one that witnesses have cosigned; else one of those if it covers the record, or the last.
    pub only_witnessed: bool,
    /// Leave the personal part out. Its hash is proved all the same.
    pub without_personal: bool,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Files of the ledger.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// No record has the id.
    #[error("no record has the id {0}")]
    NoRecord(Uuid),
    /// No checkpoint covers the record.
    #[error("record {sequence} is not under a {kind} yet, which has {size} records: {advice}")]
    NotCovered {
        /// The record.
        sequence: u64,
        /// Which checkpoint.
        kind: &'static str,
        /// How many it covers.
        size: u64,
        /// What to do.
        advice: &'static str,
    },
    /// The stored hashes do not lead to the signed root.
    #[error(
        "the tree's files do not lead to the root of the checkpoint: start the gateway, which makes them anew, or run `interdict ledger verify`"
    )]
    Tree,
}

/// The proof of the record with this id, checked before it is given out. Works beside a running server.
///
/// # Errors
/// Why there is none.
pub fn prove(dir: &Path, id: Uuid, settings: ProofSettings) -> Result<TlogProof, ProofError> {
    let found = find(dir, id)?.ok_or(ProofError::NoRecord(id))?;
    let log = ServedLog::of(dir);
    let (note, checkpoint) = checkpoint(&log, found.sequence, settings.only_witnessed)?;
    let hashes = log.inclusion(found.sequence, checkpoint.size())?;
    let leaf = Hash::leaf(&found.envelope);
    let (size, root) = (checkpoint.size(), checkpoint.root());
    verify_inclusion(found.sequence, size, &leaf, &hashes, root).map_err(|_| ProofError::Tree)?;
    let extra = extra(&found, settings.without_personal).into_bytes();
    Ok(TlogProof { extra, index: found.sequence, hashes, checkpoint: note })
}

/// `{"document":"<base64>","envelope":"<base64>","personal":"<base64>"}`, without what there is not.
fn extra(found: &Found, without_personal: bool) -> String {
    let mut members = Map::new();
    let personal = found.personal.as_ref().filter(|_| !without_personal);
    for (name, part) in [
        ("document", found.document.as_ref()),
        ("envelope", Some(&found.envelope)),
        ("personal", personal),
    ] {
        members.extend(part.map(|part| (name.to_owned(), Value::from(STANDARD.encode(part)))));
    }
    Value::Object(members).to_string()
}

/// The checkpoint that the proof leads to: a witnessed one that covers the record, else the last.
fn checkpoint(
    log: &ServedLog,
    sequence: u64,
    only_witnessed: bool,
) -> Result<(Note, Checkpoint), ProofError> {
    let until = Instant::now().checked_add(PATIENCE);
    loop {
        let witnessed = log.witnessed_checkpoint()?;
        let covered = |(_, checkpoint): &(Note, Checkpoint)| checkpoint.size() > sequence;
        let last = if only_witnessed { None } else { log.published()? };
        let size = witnessed.iter().chain(&last).map(|(_, checkpoint)| checkpoint.size()).max();
        if let Some(found) = [witnessed, last].into_iter().flatten().find(covered) {
            return Ok(found);
        }
        if until.is_none_or(|until| Instant::now() >= until) {
            let (kind, advice) = if only_witnessed {
                (
                    "witnessed checkpoint",
                    "wait for [ledger] witness_interval, see that a witness answers, or leave out --witnessed",
                )
            } else {
                (
                    "checkpoint",
                    "start the gateway on this ledger, which publishes what is on the disk, and try again",
                )
            };
            return Err(ProofError::NotCovered { sequence, kind, size: size.unwrap_or(0), advice });
        }
        thread::sleep(LOOK);
    }
}
