//! The charts' counts: read at start, brought together every second, kept every minute and at the end.
//!
//! Nothing here stops the gateway: it is no evidence, and a chart with a gap is better than a request without an answer.

use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::telemetry::Activity;

/// How often counts are brought together; a worker's table tells two minutes apart.
const INTERVAL: Duration = Duration::from_secs(1);
/// After how many of them they are kept.
const KEPT_AFTER: u32 = 60;
/// The file's name in the store's folder.
const NAME: &str = "activity";
/// Whoever holds this file's lock keeps the other one; gateways may share a store.
const LOCK: &str = "activity.lock";

/// The file of the counts, held by this process alone.
#[derive(Debug)]
pub(super) struct Charts {
    path: PathBuf,
    _held: File,
}

impl Charts {
    /// The file in the folder, read into `activity`. None where it cannot be held: then nothing outlives this process.
    pub(super) fn open(activity: &Activity, store: &Path) -> Option<Self> {
        let path = store.join(NAME);
        let held = match hold(store) {
            Ok(held) => held,
            Err(error) => {
                let path = path.display();
                tracing::warn!(%path, %error, "the charts' counts are not kept; counting goes on");
                return None;
            }
        };
        if let Err(error) = activity.load(&path) {
            tracing::warn!(%error, "the charts begin anew");
        }
        Some(Self { path, _held: held })
    }
}

fn hold(store: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(store)?;
    let mut options = OpenOptions::new();
    let file =
        options.create(true).truncate(false).write(true).mode(0o600).open(store.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(io::Error::other("another process keeps its own there"))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Runs until the sender of `stopped` is gone, and then keeps what was counted last.
pub(super) async fn keep(
    activity: Arc<Activity>,
    charts: Option<Charts>,
    mut stopped: oneshot::Receiver<()>,
) {
    let charts = charts.map(Arc::new);
    let mut is_failing = false;
    let mut turn = 0_u32;
    loop {
        let is_over = tokio::time::timeout(INTERVAL, &mut stopped).await.is_ok();
        turn = turn.wrapping_add(1) % KEPT_AFTER;
        let is_due = is_over || turn == 0;
        let (activity, charts) = (Arc::clone(&activity), charts.clone());
        // A thread of its own: the disk may be slow, and a lock taken.
        let work = tokio::task::spawn_blocking(move || {
            activity.fold();
            match charts.filter(|_| is_due) {
                Some(charts) => activity.save(&charts.path).map_err(|error| error.to_string()),
                None => Ok(()),
            }
        });
        let done = work.await.unwrap_or_else(|error| Err(error.to_string()));
        match done {
            Ok(()) if is_due => is_failing = false,
            Ok(()) => {}
            Err(error) => {
                if !is_failing {
                    tracing::warn!(error, "the charts' counts are not kept; counting goes on");
                }
                is_failing = true;
            }
        }
        if is_over {
            return;
        }
    }
}
