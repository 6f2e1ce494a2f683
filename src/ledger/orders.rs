//! What a command asks of a ledger: by itself where nobody has it open, else of the process that has.
//!
//! An order is a file in `requests/`; the process takes it by renaming it, carries it out, and writes the answer beside it. One that was
//! not taken in time is taken back by whoever gave it, so that nothing is done after that was reported.

use std::fs;
use std::fs::DirBuilder;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use super::append::Ledger;
use super::error::LedgerError;
use super::holds::Scope;
use super::recovery::take_lock;
use super::sealed::seal_closed;
use super::settings::LedgerSettings;
use super::store::Disk;

/// The folder of orders.
pub(super) const FOLDER: &str = "requests";
/// How long the process that has the ledger may take to take an order up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may then take over it.
const LONGER: Duration = Duration::from_secs(600);
/// How often the answer is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What is asked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Order {
    /// Destroy all keys of a subject.
    Erase {
        /// Who asks.
        by: String,
        /// Why.
        reason: String,
        /// Whose keys, such as `account:A-17`.
        subject: String,
    },
    /// Lay a legal hold.
    Hold {
        /// Who asks.
        by: Option<String>,
        /// What it is called.
        name: String,
        /// Why.
        reason: String,
        /// On what.
        scope: Scope,
    },
    /// Take a legal hold away.
    Release {
        /// Who asks.
        by: Option<String>,
        /// What it is called.
        name: String,
        /// Why.
        reason: String,
    },
    /// Seal closed segments.
    Seal {
        /// Those whose last record is earlier; none: all.
        before: Option<Timestamp>,
    },
}

/// What was done.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    /// Keys were destroyed.
    Erased {
        /// How many; none if all had been before, and only the record was missing.
        keys: u64,
        /// The record that says so.
        sequence: u64,
    },
    /// A hold was laid or taken away.
    Held {
        /// The record that says so.
        sequence: u64,
    },
    /// Segments were sealed.
    Sealed {
        /// Bytes before.
        before: u64,
        /// Bytes after.
        after: u64,
        /// How many.
        segments: u64,
    },
    /// The process that has the ledger seals in the background.
    Sealing,
}

/// An answer to an order.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Done(Done),
    Failed(String),
    Refused(String),
}

/// An order as it lies in its file.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Asked {
    pub(super) order: Order,
    /// Nobody waits for it after this.
    pub(super) until: Timestamp,
}

/// Carries an order out, by the process that has the ledger open if there is one.
///
/// # Errors
/// `Refused` if it must not be; `Unanswered`; those of [`Ledger::open`] and of the work itself.
pub fn carry_out(settings: LedgerSettings, order: Order) -> Result<Done, LedgerError> {
    let dir = settings.dir.clone();
    let done = match &order {
        Order::Seal { before } => take_lock(&dir).and_then(|lock| {
            let before = before.unwrap_or(Timestamp::MAX);
            let report = seal_closed(&Disk, &dir, u64::MAX, before, &mut |_| true);
            drop(lock);
            report.map(|report| Done::Sealed {
                before: report.before,
                after: report.after,
                segments: report.segments,
            })
        }),
        Order::Erase { .. } | Order::Hold { .. } | Order::Release { .. } => Ledger::open(settings)
            .and_then(|(ledger, _)| {
                let done = ledger.handle.shared.carry_out(&order, None);
                ledger.close()?;
                done
            }),
    };
    match done {
        Err(LedgerError::InUse { .. }) => ask(&dir, order),
        done => done,
    }
}

/// Asks the process that has the ledger.
fn ask(dir: &Path, order: Order) -> Result<Done, LedgerError> {
    let folder = dir.join(FOLDER);
    let name = uuid::Uuid::now_v7().to_string();
    let place = |extension| folder.join(&name).with_extension(extension);
    let until = Timestamp::now().checked_add(PATIENCE).unwrap_or(Timestamp::MAX);
    let asked = (|| {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        put(&place("request"), &Asked { order, until })
    })();
    asked.map_err(LedgerError::io("write", &place("request")))?;
    let answer = place("answer");
    if let Some(answer) = wait(&answer, PATIENCE)? {
        return answer;
    }
    match fs::remove_file(place("request")) {
        Ok(()) => {
            return Err(LedgerError::Unanswered {
                dir: dir.to_owned(),
                seconds: PATIENCE.as_secs(),
            });
        }
        // It has been taken, and is being carried out.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(LedgerError::io("take back", &place("request"))(error)),
    }
    wait(&answer, LONGER)?.unwrap_or_else(|| {
        let reason = "the process that has it took the order and gave no answer: look at its log";
        Err(LedgerError::Failed { reason: reason.into() })
    })
}

/// The answer, once it is there.
fn wait(path: &Path, patience: Duration) -> Result<Option<Result<Done, LedgerError>>, LedgerError> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        match fs::read(path) {
            Ok(bytes) => {
                fs::remove_file(path).ok();
                let answer = serde_json::from_slice(&bytes).map_err(io::Error::other);
                return Ok(Some(match answer.map_err(LedgerError::io("read", path))? {
                    Answer::Done(done) => Ok(done),
                    Answer::Failed(reason) => Err(LedgerError::Failed { reason: reason.into() }),
                    Answer::Refused(reason) => Err(LedgerError::Refused { reason }),
                }));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => thread::sleep(LOOK),
            Err(error) => return Err(LedgerError::io("read", path)(error)),
        }
    }
    Ok(None)
}

/// Writes a small file whole (0600): it has its name only once it is.
pub(super) fn put(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let unnamed: PathBuf = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&unnamed)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    drop(file);
    fs::rename(&unnamed, path)
}
