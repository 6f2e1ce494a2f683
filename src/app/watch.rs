//! What is looked at every second: the room that the ledger has left, and the minutes whose summaries are to be ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::enforcement::Gate;
use crate::ledger::LedgerError;
use crate::ledger::Reserve;
use crate::ledger::Room;

const INTERVAL: Duration = Duration::from_secs(1);

/// Looks at the file system until the task is ended. A look may hang with the file system, and nothing else with it.
pub(super) async fn watch_room(reserve: Arc<Reserve>) {
    let mut is_blind = false;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let looking = Arc::clone(&reserve);
        let looked = tokio::task::spawn_blocking(move || looking.look()).await;
        let Ok(looked) = looked else { continue };
        let was_blind = std::mem::replace(&mut is_blind, looked.is_err());
        if !(was_blind && is_blind) {
            tell(&reserve, looked);
        }
    }
}

/// Ends the summaries of each minute, and all of them once the sender of `stopped` is gone. It must not be aborted: what it has taken
/// from the table is written by nobody else.
pub(super) async fn watch_floods(gate: Arc<Gate>, mut stopped: oneshot::Receiver<()>) {
    while tokio::time::timeout(INTERVAL, &mut stopped).await.is_err() {
        // What could not be written is tried again, and is told in the log.
        gate.end_summaries().await;
    }
    gate.end_all_summaries().await;
}

/// Tells the log where there is another level of room than before.
pub(super) fn tell(reserve: &Reserve, looked: Result<Option<Room>, LedgerError>) {
    let (free, bytes) = (reserve.free().unwrap_or(0), reserve.bytes());
    match looked {
        Ok(None) => {}
        Ok(Some(Room::Plenty)) => tracing::info!(free, "there is room for the ledger again"),
        Ok(Some(Room::Low)) => {
            tracing::warn!(free, reserve = bytes, "the ledger's file system has little room left");
        }
        Ok(Some(Room::Reserve)) => tracing::error!(
            free,
            reserve = bytes,
            "the ledger's reserve is reached: refusals of strangers are summarised, make room"
        ),
        Err(error) => tracing::warn!(%error, "nobody knows how much room the ledger has"),
    }
}
