//! Exports and reports on their way to a browser: made on a thread of their own, sent as they are made, few at a time.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use actix_web::web::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc;

use crate::admin::access::Caller;
use crate::admin::api::Answer;
use crate::admin::api::Problem;
use crate::admin::server::AdminPlane;
use crate::audit::VerifierKey;
use crate::control::Access;
use crate::control::AccessOutcome;
use crate::evidence::EvidenceError;
use crate::evidence::Export;
use crate::evidence::Filter;
use crate::evidence::each;
use crate::evidence::report_of;
use crate::ledger::ServedLog;
use crate::model::DecisionId;

/// Bytes of a chunk on its way.
const CHUNK: usize = 64 << 10;
/// Chunks that wait for the client; with more, the walk waits.
const WAITING: usize = 4;
/// A report runs nothing and fetches nothing; its style is in it.
const REPORT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; sandbox allow-modals";

/// How records are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::admin) enum Format {
    Csv,
    Jsonl,
    Parquet,
}

/// A report that is wanted.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Wanted {
    /// As a file to keep, not as a page to look at.
    pub(in crate::admin) attached: bool,
    /// As it was asked for, for the record.
    pub(in crate::admin) detail: Value,
    /// The period.
    pub(in crate::admin) filter: Filter,
    /// Verify the ledger first.
    pub(in crate::admin) verify: bool,
}

impl Format {
    /// Its name, which is the file's ending, too.
    pub(in crate::admin) const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// The format of a name.
    pub(in crate::admin) fn parse(text: &str) -> Option<Self> {
        [Self::Csv, Self::Jsonl, Self::Parquet].into_iter().find(|format| format.as_str() == text)
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Jsonl => "application/jsonl",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// Sends the records that the filter admits, as they are read. The access is on the disk before the first byte.
///
/// # Errors
/// 429 while as many are under way as may be, 503 if nothing can be recorded now.
pub(in crate::admin) async fn export(
    plane: &AdminPlane,
    caller: &Caller,
    format: Format,
    filter: Filter,
    detail: Value,
) -> Answer {
    let permit = room(plane)?;
    recorded(plane, caller, "export", detail).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let (dir, now) = (plane.searcher.dir().to_owned(), plane.gate.now());
    drop(actix_web::rt::task::spawn_blocking(move || {
        let mut out = Sender { buffer: Vec::with_capacity(CHUNK), sender };
        let done = match format {
            Format::Csv => Export::csv(&mut out).and_then(|export| walk(&dir, &filter, export)),
            Format::Jsonl => walk(&dir, &filter, Export::jsonl(&mut out)),
            Format::Parquet => parquet(&dir, &filter, now, &mut out),
        };
        if let Err(error) = done.and_then(|()| Ok(out.flush()?)) {
            // A client that has gone away is no fault; whoever is still there must not take half for the whole.
            if !out.sender.is_closed() {
                tracing::error!(%error, "an export broke off");
                out.sender.blocking_send(Err(io::Error::other("the export broke off"))).ok();
            }
        }
        drop(permit);
    }));
    let name = format!("interdict-records-{}.{}", stamp(now), format.as_str());
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .content_type(format.media_type())
        .streaming(stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|chunk| (chunk, receiver))
        })))
}

/// Makes a report and sends it.
///
/// # Errors
/// As for [`export`]; 500 if records cannot be read.
pub(in crate::admin) async fn report(
    plane: &AdminPlane,
    caller: &Caller,
    wanted: Wanted,
) -> Answer {
    let Wanted { attached, detail, filter, verify } = wanted;
    let permit = room(plane)?;
    recorded(plane, caller, "report", detail).await?;
    let (dir, now) = (plane.searcher.dir().to_owned(), plane.gate.now());
    let made = web::block(move || {
        let key = match verify {
            true => own_key(&dir)?,
            false => None,
        };
        let made = report_of(&dir, filter, key, now, &mut |_| {});
        drop(permit);
        made
    });
    let made = made.await.map_err(|_| Problem::unavailable("the report was not made"))?;
    let made = made.map_err(|error| Problem::internal(&error))?;
    let how = if attached { "attachment" } else { "inline" };
    let name = format!("interdict-report-{}.html", stamp(now));
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, format!("{how}; filename=\"{name}\"")))
        .insert_header((header::CONTENT_SECURITY_POLICY, REPORT_POLICY))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .content_type("text/html; charset=utf-8")
        .body(made.page))
}

fn room(plane: &AdminPlane) -> Answer<OwnedSemaphorePermit> {
    let permit = plane.evidence.downloads.clone().try_acquire_owned();
    permit.map_err(|_| {
        let detail = "two exports or reports are being made already: wait for one to end";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).later(5)
    })
}

async fn recorded(plane: &AdminPlane, caller: &Caller, action: &str, detail: Value) -> Answer<()> {
    let (actor, outcome) = (&caller.actor, AccessOutcome::Ok);
    plane.control.accessed(Access { action, actor, detail, outcome }).await?;
    Ok(())
}

/// The key of the log that runs here.
fn own_key(dir: &Path) -> Result<Option<VerifierKey>, EvidenceError> {
    let text = ServedLog::of(dir).verifier()?;
    Ok(text.and_then(|text| VerifierKey::log(&text).ok()))
}

fn walk(dir: &Path, filter: &Filter, mut export: Export<'_>) -> Result<(), EvidenceError> {
    each(dir, filter, &mut |_| {}, &mut |entry| export.put(entry))?;
    export.finish()
}

/// Parquet's directory stands at its end, so it goes by way of a file that nobody else can open and that is gone with its handle.
#[cfg(feature = "parquet")]
fn parquet(
    dir: &Path,
    filter: &Filter,
    now: Timestamp,
    out: &mut Sender,
) -> Result<(), EvidenceError> {
    let mut file = nameless(now)?;
    walk(dir, filter, Export::parquet(&mut file)?)?;
    file.rewind()?;
    let mut file = BufReader::with_capacity(CHUNK, file);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        out.write_all(bytes)?;
    }
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &Path, _: &Filter, _: Timestamp, _: &mut Sender) -> Result<(), EvidenceError> {
    Err(io::Error::other("this program was built without the feature `parquet`").into())
}

/// A file (0600) without a name. It is not beside the ledger: what is written there takes the room that records need.
#[cfg(feature = "parquet")]
fn nameless(now: Timestamp) -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("interdict-{}", DecisionId::new(now)));
    let mut options = OpenOptions::new();
    let file = options.create_new(true).read(true).write(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn stamp(now: Timestamp) -> String {
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Chunks for the client. What it is too slow for waits.
struct Sender {
    buffer: Vec<u8>,
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        let sent = self.sender.blocking_send(Ok(Bytes::from(chunk)));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone away"))
    }
}
