//! The thread that does what commands ask for: erasures, holds, sealing. Never in a request's way.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::model::Clock;
use crate::model::DecisionId;
use crate::model::SystemClock;

use super::entry::{Entry, Head};
use super::error::LedgerError;
use super::holds::{Hold, Holds, Scope};
use super::orders::{Answer, Asked, Done, FOLDER, Order, put};
use super::personal::{Guard, Keyring, Masker, hex};
use super::sealed::Sealer;
use super::state::Shared;

/// The running thread.
#[derive(Debug)]
pub(super) struct Keeper {
    control: Arc<Control>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Control {
    stopping: Mutex<bool>,
    wake: Condvar,
}

impl Keeper {
    pub(super) fn start(
        shared: &Arc<Shared>,
        sealer: &Arc<Mutex<Option<Sealer>>>,
    ) -> Result<Self, LedgerError> {
        let control = Arc::new(Control::default());
        let (of_thread, ledger) = (Arc::clone(&control), Arc::clone(shared));
        let sealer = Arc::clone(sealer);
        let thread = thread::Builder::new()
            .name("ledger-keep".into())
            .spawn(move || run(&of_thread, &ledger, &sealer))
            .map_err(LedgerError::io("start the keeping thread of", &shared.settings.dir))?;
        Ok(Self { control, thread })
    }

    /// Ends it, after the order that it is at.
    pub(super) fn stop(self) {
        *self.control.stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.control.wake.notify_one();
        // One that panicked has done less, and whoever waits is not answered.
        self.thread.join().ok();
    }
}

fn run(control: &Control, ledger: &Shared, sealer: &Mutex<Option<Sealer>>) {
    let folder = ledger.settings.dir.join(FOLDER);
    let mut stopping = control.stopping.lock().unwrap_or_else(PoisonError::into_inner);
    while !*stopping {
        drop(stopping);
        ledger.guard.probe();
        if let Err(error) = look(&folder, ledger, sealer) {
            tracing::error!(%error, "orders of commands cannot be read");
        }
        stopping = control.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        if !*stopping {
            let woken = control.wake.wait_timeout(stopping, ledger.settings.look);
            stopping = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Removes what a command or a process that ended has left: nobody waits for anything that long.
fn clear(path: &Path) {
    const OLD: Duration = Duration::from_hours(1);
    let age = fs::metadata(path).and_then(|metadata| metadata.modified());
    if age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > OLD)) {
        fs::remove_file(path).ok();
    }
}

fn look(folder: &Path, ledger: &Shared, sealer: &Mutex<Option<Sealer>>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        // Who opens a pipe that nobody writes to waits for ever, and everything that is asked for with him.
        if !entry.file_type()?.is_file() {
            continue;
        }
        if path.extension() != Some(OsStr::new("request")) {
            clear(&path);
            continue;
        }
        let taken = path.with_extension("taken");
        if fs::rename(&path, &taken).is_err() {
            // Whoever gave it has taken it back.
            continue;
        }
        let asked = fs::read(&taken)
            .and_then(|bytes| serde_json::from_slice::<Asked>(&bytes).map_err(io::Error::other));
        let answer = match asked {
            Ok(asked) if asked.until < SystemClock.now() => None,
            Ok(asked) => Some(match ledger.carry_out(&asked.order, Some(sealer)) {
                Ok(done) => Answer::Done(done),
                Err(LedgerError::Refused { reason }) => Answer::Refused(reason),
                Err(error) => Answer::Failed(error.to_string()),
            }),
            Err(error) => Some(Answer::Failed(format!("the order cannot be read: {error}"))),
        };
        if let Some(answer) = answer {
            put(&taken.with_extension("answer"), &answer)?;
        }
        // It names a person.
        fs::remove_file(&taken)?;
    }
    Ok(())
}

impl Shared {
    /// Does what is asked. Blocks until it is on disk.
    pub(super) fn carry_out(
        &self,
        order: &Order,
        sealer: Option<&Mutex<Option<Sealer>>>,
    ) -> Result<Done, LedgerError> {
        let now = SystemClock.now();
        match order {
            Order::Erase { by, reason, subject } => self.erase(now, by, reason, subject),
            Order::Hold { by, name, reason, scope } => {
                self.hold(now, by.as_deref(), name, reason, scope)
            }
            Order::Release { by, name, reason } => {
                let holds = Holds::of(&self.settings.dir);
                let Some(hold) = holds.named(name)? else {
                    return Err(refused(format!("there is no hold `{name}`")));
                };
                // First the record: a hold that is not released is no harm.
                let released = self.note(now, "release", by.as_deref(), reason, &hold)?;
                holds.remove(&*self.store, name)?;
                Ok(released)
            }
            Order::Seal { before } => {
                let sealer = sealer.map(|sealer| {
                    let sealer = sealer.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(sealer) = &*sealer {
                        sealer.ask(before.unwrap_or(Timestamp::MAX));
                    }
                });
                sealer.map(|()| Done::Sealing).ok_or(LedgerError::Closed)
            }
        }
    }

    fn erase(
        &self,
        now: Timestamp,
        by: &str,
        reason: &str,
        subject: &str,
    ) -> Result<Done, LedgerError> {
        let dir = &self.settings.dir;
        let opened;
        let keyring = match &self.guard {
            Guard::Sealed(keyring) => &**keyring,
            // The keys may be of a time when parts were encrypted.
            Guard::Clear | Guard::Masked(_) => {
                if Masker::open(dir)?.is_none() {
                    return Err(no_key(subject));
                }
                opened = Keyring::take(dir, &self.store)?;
                &opened
            }
        };
        let in_use = keyring.in_use(subject)?;
        let ids: BTreeSet<String> = in_use.iter().map(|id| hex(id)).collect();
        if let Some(hold) = Holds::of(dir).on(subject, &ids)? {
            let Hold { name, reason, .. } = hold;
            return Err(refused(format!(
                "`{subject}` is under the legal hold `{name}` ({reason}): nothing was erased; release the hold first"
            )));
        }
        let destroyed = keyring.destroy(subject, now.as_microsecond())?;
        let keys = u64::try_from(destroyed.now.len()).unwrap_or(u64::MAX);
        // Killed after this and before the record, the next try finds them destroyed, and records it.
        let ids = if destroyed.now.is_empty() { destroyed.earlier } else { destroyed.now };
        if ids.is_empty() {
            return Err(no_key(subject));
        }
        let ids: Vec<String> = ids.iter().map(|id| hex(id)).collect();
        let document =
            json!({ "at": now.to_string(), "by": by, "reason": reason, "subject_key": ids });
        let sequence = self.record(now, "erasure", &document, None)?;
        Ok(Done::Erased { keys, sequence })
    }

    fn hold(
        &self,
        now: Timestamp,
        by: Option<&str>,
        name: &str,
        reason: &str,
        scope: &Scope,
    ) -> Result<Done, LedgerError> {
        let holds = Holds::of(&self.settings.dir);
        let scope = match scope {
            Scope::Record { id, .. } => {
                let found = holds.find(id)?;
                let seq = found.ok_or_else(|| refused(format!("no record has the id `{id}`")))?;
                Scope::Record { id: id.clone(), seq }
            }
            Scope::Between { from, to } if from > to => {
                return Err(refused("the hold ends before it begins".to_owned()));
            }
            other => other.clone(),
        };
        let hold = Hold {
            at: now,
            by: by.map(str::to_owned),
            name: name.to_owned(),
            reason: reason.to_owned(),
            scope,
        };
        if let Some(present) = holds.named(name)? {
            // Laid once more, it is only recorded: the process may have ended before it was.
            if (&present.scope, &present.reason) != (&hold.scope, &hold.reason) {
                return Err(refused(format!("there is a hold `{name}` already: release it first")));
            }
        } else {
            holds.add(&*self.store, &hold)?;
        }
        self.note(now, "add", by, reason, &hold)
    }

    /// Records a change of a hold.
    fn note(
        &self,
        now: Timestamp,
        action: &str,
        by: Option<&str>,
        reason: &str,
        hold: &Hold,
    ) -> Result<Done, LedgerError> {
        let mut document =
            json!({ "action": action, "at": now.to_string(), "name": hold.name, "reason": reason });
        if let (Some(members), Some(by)) = (document.as_object_mut(), by) {
            members.insert("by".to_owned(), Value::from(by));
        }
        let mut subject = None;
        if let Some(members) = document.as_object_mut() {
            match &hold.scope {
                Scope::All => {}
                Scope::Between { from, to } => {
                    members.insert("from".to_owned(), Value::from(from.to_string()));
                    members.insert("to".to_owned(), Value::from(to.to_string()));
                }
                Scope::Record { id, .. } => {
                    drop(members.insert("of".to_owned(), id.as_str().into()))
                }
                // Whom it is on is of a person.
                Scope::Subject(held) => subject = Some(held.as_str()),
            }
        }
        let sequence = self.record(now, "hold", &document, subject)?;
        Ok(Done::Held { sequence })
    }

    /// Appends a record and waits until it is on disk.
    fn record(
        &self,
        now: Timestamp,
        kind: &'static str,
        document: &Value,
        subject: Option<&str>,
    ) -> Result<u64, LedgerError> {
        let document = document.to_string();
        let personal = subject.map(|subject| json!({ "subject": subject }).to_string());
        let entry = Entry {
            document: Some(document.as_bytes()),
            head: Head::Plain,
            id: DecisionId::new(now),
            kind,
            personal: personal.as_deref().map(str::as_bytes),
            subject,
        };
        let mut payload = entry.encode(now, &self.guard, Vec::new())?;
        let receipt = self.write(self.enqueue(now, &mut payload)?)?;
        if let Some(synced) = self.wait_for(receipt.sequence(), None)? {
            match synced.blocking_recv() {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => return Err(LedgerError::Failed { reason }),
                Err(_) => return Err(LedgerError::Closed),
            }
        }
        Ok(receipt.sequence())
    }
}

fn refused(reason: String) -> LedgerError {
    LedgerError::Refused { reason }
}

fn no_key(subject: &str) -> LedgerError {
    refused(format!(
        "no personal part is encrypted for `{subject}`: it is spelt otherwise (such as `account:A-17`), or `personal` in [ledger] was not \"sealed\""
    ))
}
