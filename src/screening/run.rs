//! The pipeline: one reader, several that decide, one that writes in the order of the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;

use crate::enforcement::Snapshot;
use crate::model::Verdict;
use crate::settings::OrderMap;

use super::checkpoint::Checkpoint;
use super::checkpoint::Fingerprint;
use super::findings;
use super::order;
use super::output::Output;
use super::page;
use super::records::Batch;
use super::records::Position;
use super::records::Records;
use super::records::Row;
use super::tally::Example;
use super::tally::Tally;
use super::tally::country;

/// An interruption costs at most about this much work.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);
/// Batches that exist for each thread that decides.
const BATCHES_A_THREAD: usize = 4;

/// What to screen, and by what.
#[derive(Debug)]
pub struct Screening<'a> {
    /// What the findings depend on.
    pub fingerprint: Fingerprint,
    /// Which column is what.
    pub map: &'a OrderMap,
    /// Where to.
    pub output: &'a Output,
    /// Which rows are written down.
    pub shown: Shown,
    /// Policies, catalogue, customers and geo tables.
    pub snapshot: &'a Snapshot,
    /// The file of orders.
    pub source: &'a Path,
    /// The instant geo sources are judged stale by, and the date of the report.
    pub started: Timestamp,
    /// Set by whoever wants it to stop.
    pub stop: &'a AtomicBool,
    /// How many threads decide; at least one does.
    pub threads: usize,
}

/// Which rows the findings file has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shown {
    /// All.
    All,
    /// Those that are blocked or held.
    Findings,
}

/// How far it has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Bytes of the file.
    pub bytes: u64,
    /// Rows, those of an earlier run too.
    pub rows: u64,
}

/// How it ended.
#[derive(Debug)]
pub enum Ended {
    /// To the last row.
    Complete(Tally),
    /// On demand; the same command goes on.
    Interrupted(Tally),
}

/// Why it did not end.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// Another run is writing the same report.
    #[error("another run is writing to `{0}`")]
    Busy(PathBuf),
    /// A run that has not ended was of something else.
    #[error(
        "`{}` is of a run that has not ended, and since then these are others: {}; put them back, or start over with --restart",
        partial.display(), differences.join(", ")
    )]
    Changed {
        /// What differs.
        differences: Vec<String>,
        /// The folder.
        partial: PathBuf,
    },
    /// A file could not be read or written.
    #[error("cannot {doing} `{}`: {source}; what was done so far is kept, and the same command goes on", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// What was found in a batch.
struct Judged {
    bad: Vec<u8>,
    batch: Batch,
    findings: Vec<u8>,
    tally: Tally,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ScreenError {
    let path = path.to_owned();
    move |source| ScreenError::Io { doing, path, source }
}

impl Screening<'_> {
    /// Screens the file, or what an interrupted run has left of it.
    ///
    /// # Errors
    /// When a file fails, or an interrupted run was of something else.
    pub fn run(&self, told: &mut dyn FnMut(Progress)) -> Result<Ended, ScreenError> {
        let partial = self.output.partial();
        std::fs::create_dir_all(&partial).map_err(failed("write", &partial))?;
        let lock_path = partial.join("lock");
        let lock = File::create(&lock_path).map_err(failed("write", &lock_path))?;
        lock.try_lock().map_err(|_| ScreenError::Busy(partial.clone()))?;
        let place = partial.join("checkpoint.json");
        let checkpoint = Checkpoint::read(&place).map_err(failed("read", &place))?;
        if let Some(checkpoint) = &checkpoint {
            let differences = checkpoint.fingerprint.differences(&self.fingerprint);
            if !differences.is_empty() {
                return Err(ScreenError::Changed { differences, partial });
            }
        }
        let tally = match checkpoint {
            Some(checkpoint) if checkpoint.complete => checkpoint.tally,
            checkpoint => {
                let mut writer = Writer::open(self, &partial, checkpoint)?;
                self.pipeline(&mut writer, told)?;
                if !writer.finished {
                    return Ok(Ended::Interrupted(writer.state.tally));
                }
                writer.complete(self)?;
                writer.state.tally
            }
        };
        publish(&partial, self.output, &tally)?;
        drop(lock);
        std::fs::remove_file(&lock_path).map_err(failed("remove", &lock_path))?;
        std::fs::remove_dir(&partial).map_err(failed("remove", &partial))?;
        Ok(Ended::Complete(tally))
    }

    fn pipeline(
        &self,
        writer: &mut Writer,
        told: &mut dyn FnMut(Progress),
    ) -> Result<(), ScreenError> {
        let file = File::open(self.source).map_err(failed("read", self.source))?;
        let mut records = Records::new(file, self.map.delimiter, self.map.width)
            .map_err(failed("read", self.source))?;
        if writer.state.byte > 0 {
            let at = Position { byte: writer.state.byte, line: writer.state.line };
            records.seek(at).map_err(failed("read", self.source))?;
        } else {
            records.header().map_err(failed("read", self.source))?;
        }
        let started = writer.state.started;
        let threads = self.threads.max(1);
        let (give_back, empty) = mpsc::channel::<Batch>();
        let (to_judge, waiting) = mpsc::channel::<Batch>();
        let (judged, results) = mpsc::channel::<Judged>();
        let waiting = Mutex::new(waiting);
        for _ in 0..threads.saturating_mul(BATCHES_A_THREAD) {
            give_back.send(Batch::default()).ok();
        }
        std::thread::scope(|scope| {
            let reader = scope.spawn(move || self.read(&mut records, &empty, &to_judge));
            for _ in 0..threads {
                let (waiting, judged) = (&waiting, judged.clone());
                scope.spawn(move || {
                    loop {
                        let next = match waiting.lock() {
                            Ok(waiting) => waiting.recv(),
                            Err(_) => return,
                        };
                        let Ok(batch) = next else { return };
                        if judged.send(self.judge(batch, started)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(judged);
            let written = write_in_order(writer, &results, &give_back, told);
            // Whoever waits for the other end learns that there is none.
            drop((results, give_back));
            let read = match reader.join() {
                Ok(read) => read,
                Err(_) => Err(io::Error::other("the reader stopped")),
            };
            written?;
            writer.finished = read.map_err(failed("read", self.source))?;
            writer.checkpoint()
        })
    }

    /// Reads batches; true at the end of the file.
    fn read(
        &self,
        records: &mut Records,
        empty: &mpsc::Receiver<Batch>,
        to_judge: &mpsc::Sender<Batch>,
    ) -> io::Result<bool> {
        let mut number = 0_u64;
        while let Ok(mut batch) = empty.recv() {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            if !records.batch(&mut batch, self.map.order)? {
                return Ok(true);
            }
            batch.number = number;
            number = number.saturating_add(1);
            if to_judge.send(batch).is_err() {
                return Ok(false);
            }
        }
        Ok(false)
    }

    fn judge(&self, batch: Batch, now: Timestamp) -> Judged {
        let (mut findings, mut bad) = (Vec::new(), Vec::new());
        let mut tally =
            Tally { rows: batch.len().try_into().unwrap_or(u64::MAX), ..Tally::default() };
        for order in &batch.orders {
            let rows: smallvec::SmallVec<[Row<'_>; 4]> =
                order.clone().filter_map(|at| batch.row(at)).collect();
            if let Err(problem) = self.order(&rows, now, &mut findings, &mut tally) {
                for row in &rows {
                    findings::bad_row(&mut bad, self.map, *row, &problem);
                    tally.bad_row(row.line(), &problem);
                }
            }
        }
        Judged { bad, batch, findings, tally }
    }

    fn order(
        &self,
        rows: &[Row<'_>],
        now: Timestamp,
        out: &mut Vec<u8>,
        tally: &mut Tally,
    ) -> Result<(), String> {
        if let Some(fault) = rows.iter().find_map(|row| row.fault()) {
            return Err(fault.to_owned());
        }
        let mut transaction = order::transaction(rows, self.map)?;
        let decision =
            self.snapshot.judge(&mut transaction, now).map_err(|error| error.to_string())?;
        tally.order(&transaction, &decision);
        if decision.verdict == Verdict::Allow && self.shown == Shown::Findings {
            return Ok(());
        }
        let reason = decision.reason();
        let request = decision.request.as_ref().filter(|f| f.verdict != Verdict::Allow);
        for (at, row) in rows.iter().enumerate() {
            let finding = decision.findings.get(at);
            let own = finding.is_some_and(|finding| finding.verdict != Verdict::Allow);
            let of_request = at == 0 && request.is_some();
            if self.shown == Shown::All || own || of_request {
                findings::row(out, self.map, *row, &decision, finding, &reason);
                tally.findings = tally.findings.saturating_add(1);
            }
            if own || of_request {
                let item = transaction.items.get(at);
                let told = item.and_then(|item| item.name.as_deref().or(item.sku.as_deref()));
                let id = self.map.order.map_or(&b""[..], |order| row.cell(order));
                tally.example(Example {
                    at: decision.at,
                    because: findings::because(&decision, ", "),
                    block: decision.verdict == Verdict::Block,
                    clause: decision.ruling.as_ref().map_or("", |rule| &rule.clause).to_owned(),
                    country: country(&transaction),
                    line: row.line(),
                    order: shortened(&String::from_utf8_lossy(id.trim_ascii())),
                    product: shortened(told.unwrap_or("(not named)")),
                });
            }
        }
        Ok(())
    }
}

/// Cells of the report have an end.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(LONGEST).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

fn write_in_order(
    writer: &mut Writer,
    results: &mpsc::Receiver<Judged>,
    give_back: &mpsc::Sender<Batch>,
    told: &mut dyn FnMut(Progress),
) -> Result<(), ScreenError> {
    let mut early: BTreeMap<u64, Judged> = BTreeMap::new();
    let mut next = 0_u64;
    while let Ok(judged) = results.recv() {
        early.insert(judged.batch.number, judged);
        while let Some(judged) = early.remove(&next) {
            next = next.saturating_add(1);
            let batch = writer.take(judged)?;
            told(Progress { bytes: writer.state.byte, rows: writer.state.tally.rows });
            give_back.send(batch).ok();
        }
    }
    Ok(())
}

/// The files of a run, and how far they have come.
struct Writer {
    bad: File,
    findings: File,
    finished: bool,
    last: Instant,
    partial: PathBuf,
    state: Checkpoint,
}

impl Writer {
    /// Begins, or takes up what a checkpoint names.
    fn open(
        screening: &Screening<'_>,
        partial: &Path,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Self, ScreenError> {
        let open = |name: &str| {
            let path = partial.join(name);
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
            file.map_err(failed("write", &path))
        };
        let resumed = checkpoint.is_some();
        let state = checkpoint.unwrap_or_else(|| Checkpoint {
            bad: 0,
            byte: 0,
            complete: false,
            findings: 0,
            fingerprint: screening.fingerprint.clone(),
            line: 1,
            started: screening.started,
            tally: Tally::default(),
        });
        let mut writer = Self {
            bad: open("bad.csv")?,
            findings: open("findings.csv")?,
            finished: false,
            last: Instant::now(),
            partial: partial.to_owned(),
            state,
        };
        for (file, length) in
            [(&mut writer.findings, writer.state.findings), (&mut writer.bad, writer.state.bad)]
        {
            let cut = file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length)));
            cut.map_err(failed("write", partial))?;
        }
        if !resumed {
            let (mut header, mut bad) = (Vec::new(), Vec::new());
            findings::header(&mut header, screening.map);
            findings::bad_header(&mut bad);
            writer.append(&header, &bad)?;
            writer.checkpoint()?;
        }
        Ok(writer)
    }

    fn take(&mut self, judged: Judged) -> Result<Batch, ScreenError> {
        self.append(&judged.findings, &judged.bad)?;
        self.state.tally.merge(judged.tally);
        self.state.byte = judged.batch.end.byte;
        self.state.line = judged.batch.end.line;
        if self.last.elapsed() >= CHECKPOINT_EVERY {
            self.checkpoint()?;
        }
        Ok(judged.batch)
    }

    fn append(&mut self, findings: &[u8], bad: &[u8]) -> Result<(), ScreenError> {
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.findings.write_all(findings).map_err(failed("write", &self.partial))?;
        self.bad.write_all(bad).map_err(failed("write", &self.partial))?;
        self.state.findings = self.state.findings.saturating_add(length(findings));
        self.state.bad = self.state.bad.saturating_add(length(bad));
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), ScreenError> {
        let path = self.partial.join("checkpoint.json");
        let synced = self.findings.sync_data().and_then(|()| self.bad.sync_data());
        synced.and_then(|()| self.state.write(&path)).map_err(failed("write", &path))?;
        self.last = Instant::now();
        Ok(())
    }

    /// Writes the report.
    fn complete(&mut self, screening: &Screening<'_>) -> Result<(), ScreenError> {
        let path = self.partial.join("report.html");
        let text = page::render(screening, self.state.started, &self.state.tally);
        let written = text.map_err(io::Error::other).and_then(|text| {
            let mut file = File::create(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(failed("write", &path))?;
        self.state.complete = true;
        self.checkpoint()
    }
}

/// Gives every file its name; may be repeated after an interruption.
fn publish(partial: &Path, output: &Output, tally: &Tally) -> Result<(), ScreenError> {
    let bad_rows = output.bad_rows();
    for (from, to) in [
        ("findings.csv", output.findings()),
        ("bad.csv", bad_rows.clone()),
        ("report.html", output.report()),
    ] {
        match std::fs::rename(partial.join(from), &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("write", &to)(error));
            }
            _ => {}
        }
    }
    if tally.bad == 0 && bad_rows.exists() {
        std::fs::remove_file(&bad_rows).map_err(failed("remove", &bad_rows))?;
    }
    output.sync_folder().map_err(failed("write", &bad_rows))?;
    let place = partial.join("checkpoint.json");
    std::fs::remove_file(&place).map_err(failed("remove", &place))
}
