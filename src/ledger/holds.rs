//! Legal holds: what must not be erased, nor let go when its time is over. One small file each, and a record of each change.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use super::error::LedgerError;
use super::reader::{Reader, Record};
use super::store::LedgerStore;

/// The folder of holds.
const FOLDER: &str = "holds";

/// A legal hold.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Hold {
    /// When it was laid.
    pub at: Timestamp,
    /// Who laid it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What it is called: up to 64 letters, digits, `-_.`.
    pub name: String,
    /// Why.
    pub reason: String,
    /// What it is on.
    pub scope: Scope,
}

/// What a hold is on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All records.
    All,
    /// The records from one instant to another, both included.
    Between {
        /// The first.
        from: Timestamp,
        /// The last.
        to: Timestamp,
    },
    /// One record.
    Record {
        /// Its id.
        id: String,
        /// Its sequence number; found when the hold is laid.
        #[serde(default)]
        seq: u64,
    },
    /// The records about a subject, such as `account:A-17`.
    Subject(String),
}

/// The holds of a ledger.
#[derive(Clone, Debug)]
pub struct Holds {
    dir: PathBuf,
    folder: PathBuf,
}

impl Holds {
    /// The holds of the ledger in `dir`.
    #[must_use]
    pub fn of(dir: impl AsRef<Path>) -> Self {
        let dir = dir.as_ref().to_owned();
        Self { folder: dir.join(FOLDER), dir }
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// `Io`; `Refused` if a file is no hold: what it held is unknown, so that nothing may be erased.
    pub fn list(&self) -> Result<Vec<Hold>, LedgerError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(LedgerError::io("list", &self.folder)(error)),
        };
        let mut holds = Vec::new();
        for entry in entries {
            let path = entry.map_err(LedgerError::io("list", &self.folder))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                holds.push(read(&path)?);
            }
        }
        holds.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(holds)
    }

    /// The hold of that name.
    pub(super) fn named(&self, name: &str) -> Result<Option<Hold>, LedgerError> {
        check(name)?;
        let path = self.path(name);
        if path.exists() { read(&path).map(Some) } else { Ok(None) }
    }

    /// Lays a hold, durably.
    pub(super) fn add(&self, store: &dyn LedgerStore, hold: &Hold) -> Result<(), LedgerError> {
        check(&hold.name)?;
        let path = self.path(&hold.name);
        let unnamed = path.with_extension("new");
        let added = (|| {
            store.create_dir(&self.folder)?;
            let file = store.create(&unnamed)?;
            file.write_at(&serde_json::to_vec(hold)?, 0)?;
            file.sync()?;
            store.rename(&unnamed, &path)?;
            store.sync_dir(&self.folder)?;
            store.sync_dir(&self.dir)
        })();
        added.map_err(LedgerError::io("write", &path))
    }

    /// Takes a hold away, durably.
    pub(super) fn remove(&self, store: &dyn LedgerStore, name: &str) -> Result<(), LedgerError> {
        let path = self.path(name);
        let removed = store.remove(&path).and_then(|()| store.sync_dir(&self.folder));
        removed.map_err(LedgerError::io("remove", &path))
    }

    /// The sequence number of a record.
    pub(super) fn find(&self, id: &str) -> Result<Option<u64>, LedgerError> {
        let mut reader = Reader::open(&self.dir)?;
        let text = format!("\"id\":\"{id}\"");
        while let Some(record) = reader.next_record()? {
            if has(&record, &text) {
                return Ok(Some(record.sequence));
            }
        }
        Ok(None)
    }

    /// The hold that keeps the records of a subject, whose keys are `keys`, from being erased.
    pub(super) fn on(
        &self,
        subject: &str,
        keys: &BTreeSet<String>,
    ) -> Result<Option<Hold>, LedgerError> {
        for hold in self.list()? {
            let holds = match &hold.scope {
                Scope::All => true,
                Scope::Between { from, to } => self.any(*from, *to, keys)?,
                Scope::Record { seq, .. } => {
                    let mut reader = Reader::open_at(&self.dir, *seq)?;
                    reader.next_record()?.is_some_and(|record| is_of(&record, keys))
                }
                Scope::Subject(held) => held == subject,
            };
            if holds {
                return Ok(Some(hold));
            }
        }
        Ok(None)
    }

    /// Whether a record of that time is encrypted under one of these keys.
    fn any(
        &self,
        from: Timestamp,
        to: Timestamp,
        keys: &BTreeSet<String>,
    ) -> Result<bool, LedgerError> {
        let mut reader = Reader::open_near(&self.dir, from)?;
        while let Some(record) = reader.next_record()? {
            if record.instant > to {
                break;
            }
            if record.instant >= from && is_of(&record, keys) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

fn read(path: &Path) -> Result<Hold, LedgerError> {
    let bytes = fs::read(path).map_err(LedgerError::io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| LedgerError::Refused {
        reason: format!("`{}` is no hold: {error}; restore it", path.display()),
    })
}

fn check(name: &str) -> Result<(), LedgerError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.') {
        return Ok(());
    }
    Err(LedgerError::Refused {
        reason: format!(
            "`{name}` is no name of a hold: write up to 64 letters, digits, `-_.`, such as `case-2026-17`"
        ),
    })
}

fn is_of(record: &Record<'_>, keys: &BTreeSet<String>) -> bool {
    let parts = record.parts();
    parts.and_then(|parts| parts.subject_key()).is_some_and(|key| keys.contains(key))
}

fn has(record: &Record<'_>, text: &str) -> bool {
    record
        .parts()
        .is_some_and(|parts| memchr::memmem::find(parts.envelope, text.as_bytes()).is_some())
}
