//! The socket `search.sock` in the ledger's folder: `interdict ledger search` asks the running gateway, which holds the index.
//!
//! One query a connection, a line of JSON; one line back: sequence numbers, where to go on, and how the index stands. The records
//! themselves the command reads from the files, as far as its user may.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::UnixListener;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::ledger::Query;
use crate::ledger::Searcher;

/// The socket's name.
const SOCKET: &str = "search.sock";
/// Most bytes of a query.
const LINE: u64 = 64 * 1024;
/// Searches at a time; others wait.
const SEARCHES: usize = 2;
/// How long a query may take to come.
const ASKING: Duration = Duration::from_secs(5);
/// How long a search may take; then it says where to go on.
const PATIENCE: Duration = Duration::from_secs(10);

/// The open socket; gone with the gateway.
#[derive(Debug)]
pub(super) struct SearchSocket {
    path: PathBuf,
    serving: actix_web::rt::task::JoinHandle<()>,
}

impl SearchSocket {
    /// Opens it. Without one the command reads the files, so that a failure is told and no more.
    pub(super) fn open(ledger: &Path, searcher: &Searcher) -> Option<Self> {
        let path = ledger.join(SOCKET);
        match listen(&path) {
            Ok(listener) => {
                let serving = actix_web::rt::spawn(serve(listener, searcher.clone()));
                Some(Self { path, serving })
            }
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "no socket for `interdict ledger search`");
                None
            }
        }
    }

    pub(super) fn close(self) {
        self.serving.abort();
        fs::remove_file(self.path).ok();
    }
}

/// The ledger's lock is held: whatever has this name is of a gateway that was killed.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // The folder is 0700, so that nobody comes between the two steps.
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn serve(listener: UnixListener, searcher: Searcher) {
    let searches = Arc::new(Semaphore::new(SEARCHES));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (searcher, searches) = (searcher.clone(), Arc::clone(&searches));
                drop(actix_web::rt::spawn(async move {
                    let Ok(_permit) = searches.acquire().await else { return };
                    if let Err(error) = answer(stream, searcher).await {
                        tracing::debug!(%error, "a search was not answered");
                    }
                }));
            }
            Err(error) => {
                tracing::warn!(%error, "no search is heard");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, searcher: Searcher) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read.take(LINE));
    timeout(ASKING, read.read_line(&mut line)).await??;
    let searched = tokio::task::spawn_blocking(move || searched(&line, &searcher));
    let mut answer = searched.await.map_err(io::Error::other)?.to_string();
    answer.push('\n');
    timeout(ASKING, write.write_all(answer.as_bytes())).await?
}

fn searched(line: &str, searcher: &Searcher) -> Value {
    let query: Query = match serde_json::from_str(line) {
        Ok(query) => query,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    match searcher.search(&query, Instant::now().checked_add(PATIENCE)) {
        Ok(found) => {
            let index = searcher.status();
            let (indexed, records) = (index.indexed, index.records);
            let index =
                json!({ "indexed": indexed, "records": records, "state": index.state.as_str() });
            let sequences: Vec<_> = found.hits.iter().map(|hit| hit.sequence).collect();
            json!({ "index": index, "next": found.next, "sequences": sequences })
        }
        Err(error) => json!({ "error": error.to_string() }),
    }
}
