//! How the ledger goes: what is recorded, signed, cosigned, indexed, and what room there is.

use actix_web::web;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::api::Answer;
use crate::admin::api::Problem;
use crate::admin::server::AdminPlane;
use crate::ledger::LedgerError;
use crate::ledger::Room;
use crate::ledger::ServedLog;
use crate::merkle::Note;

/// The ledger's state.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct LedgerState {
    /// The last checkpoint; null before the first.
    pub(in crate::admin) checkpoint: Option<Signed>,
    /// Why nothing can be recorded; null while it can.
    pub(in crate::admin) failed: Option<String>,
    /// Bytes that are free on its disk.
    pub(in crate::admin) free_bytes: Option<u64>,
    /// Records that the search index covers.
    pub(in crate::admin) indexed: u64,
    /// `ready`, or `building`.
    #[schema(example = "ready")]
    pub(in crate::admin) index_state: String,
    /// The log's verifier key, as in `ledger.pub`.
    pub(in crate::admin) key: Option<String>,
    /// Age of the oldest record that is not on the disk yet, in milliseconds.
    pub(in crate::admin) lag_ms: u64,
    /// Why no checkpoint could be published at the last try.
    pub(in crate::admin) publish_failed: Option<String>,
    /// Records.
    pub(in crate::admin) records: u64,
    /// Bytes that are kept free: with less, strangers' refusals are only summed up.
    pub(in crate::admin) reserve_bytes: u64,
    /// True while less than that is free.
    pub(in crate::admin) in_reserve: bool,
    /// Why segments could not be sealed at the last try.
    pub(in crate::admin) seal_failed: Option<String>,
    /// Records that are written and not known to be on the disk yet.
    pub(in crate::admin) unsynced: u64,
    /// The last checkpoint that witnesses have cosigned; null where there are none.
    pub(in crate::admin) witnessed: Option<Signed>,
}

/// A checkpoint.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Signed {
    /// When it was published (RFC 3339).
    pub(in crate::admin) at: Option<String>,
    /// The log's name.
    pub(in crate::admin) origin: String,
    /// The root of the tree, in base64.
    pub(in crate::admin) root: String,
    /// Who has signed it besides the log: names of witnesses.
    pub(in crate::admin) signers: Vec<String>,
    /// Records that it covers.
    pub(in crate::admin) size: u64,
}

impl Signed {
    /// When it was published.
    pub(in crate::admin) fn instant(&self) -> Option<Timestamp> {
        self.at.as_ref()?.parse().ok()
    }
}

/// How the ledger goes now.
///
/// # Errors
/// 500 if its files cannot be read.
pub(in crate::admin) async fn ledger(plane: &AdminPlane) -> Answer<LedgerState> {
    let dir = plane.searcher.dir().to_owned();
    let read = web::block(move || {
        let log = ServedLog::of(&dir);
        let published = log.published()?.map(|(note, checkpoint)| {
            let at = log.published_at();
            signed(&note, checkpoint.origin(), checkpoint.size(), checkpoint.root(), at)
        });
        let witnessed = log.witnessed_checkpoint()?.map(|(note, checkpoint)| {
            let at = log.witnessed_at();
            signed(&note, checkpoint.origin(), checkpoint.size(), checkpoint.root(), at)
        });
        Ok::<_, LedgerError>((published, witnessed, log.verifier()?))
    });
    let read = read.await.map_err(|_| Problem::unavailable("the ledger was not looked at"))?;
    let (checkpoint, witnessed, key) = read.map_err(|error| Problem::internal(&error))?;
    let status = plane.gate.ledger().status();
    let (index, reserve) = (plane.searcher.status(), plane.gate.reserve());
    Ok(LedgerState {
        checkpoint,
        failed: status.failed.map(|reason| reason.to_string()),
        free_bytes: reserve.free(),
        in_reserve: reserve.room() == Room::Reserve,
        index_state: index.state.as_str().to_owned(),
        indexed: index.indexed,
        key: key.map(|key| key.trim_end().to_owned()),
        lag_ms: u64::try_from(status.lag.as_millis()).unwrap_or(u64::MAX),
        publish_failed: status.publish_failed.map(|reason| reason.to_string()),
        records: status.next_sequence,
        reserve_bytes: reserve.bytes(),
        seal_failed: status.seal_failed.map(|reason| reason.to_string()),
        unsynced: status.depth,
        witnessed,
    })
}

fn signed(
    note: &Note,
    origin: &str,
    size: u64,
    root: &crate::merkle::Hash,
    at: Option<Timestamp>,
) -> Signed {
    let signers = note.signatures().iter().map(|signature| signature.name().as_str());
    let mut signers: Vec<_> = signers.filter(|name| *name != origin).map(str::to_owned).collect();
    signers.dedup();
    let at = at.map(|at| at.to_string());
    Signed { at, origin: origin.to_owned(), root: root.to_string(), signers, size }
}
