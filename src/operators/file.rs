//! `operators.json`: its form, how it is read, and how it is replaced whole under a lock.
//!
//! **INVARIANT** What is read is a whole file of this form, private to its owner, or an error; no file is no account. What is written
//! is on the disk before anybody is told so.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::chown;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::model::Roles;
use crate::output::rename_durably;
use crate::output::unnamed;
use crate::output::write_private;

use super::account::Account;
use super::account::AccountName;
use super::account::Standing;
use super::account::check_display;
use super::error::OperatorsError;
use super::hashing::Hash;

/// The only form there is yet.
const FORMAT: u32 = 1;
/// Largest file, in bytes: room for some ten thousand accounts.
const LARGEST: u64 = 8 << 20;
/// Of so many removed accounts it is known who removed them.
const REMOVED: usize = 200;

/// The file, and the lock beside it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    dir: PathBuf,
    path: PathBuf,
}

/// What tells one writing of the file from the next without reading it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamp {
    changed: (i64, i64),
    inode: (u64, u64),
    length: u64,
    mode: u32,
    modified: (i64, i64),
}

/// All that the file holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    pub(super) accounts: BTreeMap<AccountName, Entry>,
    /// Greater than that of any account there is or was.
    pub(super) generation: u64,
    pub(super) removed: Vec<Removed>,
}

/// An account with the hash of its password.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) account: Account,
    pub(super) password: Hash,
}

/// An account that is no more.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Removed {
    pub(super) at: Timestamp,
    pub(super) by: String,
    pub(super) name: AccountName,
}

/// The file as it is written.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    generation: u64,
    accounts: Vec<WrittenAccount>,
    removed: Vec<Removed>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenAccount {
    name: AccountName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    display: Option<String>,
    roles: Roles,
    password: Hash,
    disabled: bool,
    generation: u64,
    created: Timestamp,
    created_by: String,
    changed: Timestamp,
    changed_by: String,
}

impl Place {
    /// In a folder, which need not be there.
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), path: dir.join("operators.json") }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file looks like from outside; none where there is none.
    pub(super) fn stamp(&self) -> Result<Option<Stamp>, OperatorsError> {
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(Some(Stamp::of(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io(error)),
        }
    }

    /// Reads the file; one that is not there is a book without accounts.
    pub(super) fn read(&self) -> Result<(Option<Stamp>, Book), OperatorsError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((None, Book::default()));
            }
            Err(error) => return Err(self.io(error)),
        };
        let metadata = file.metadata().map_err(|error| self.io(error))?;
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(OperatorsError::Exposed { path: self.path.clone(), mode });
        }
        if metadata.len() > LARGEST {
            return Err(self.damaged("it is larger than 8 MiB".to_owned()));
        }
        let mut text = String::new();
        let read = file.take(LARGEST).read_to_string(&mut text);
        read.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => self.damaged("it is not UTF-8".to_owned()),
            _ => self.io(error),
        })?;
        Ok((Some(Stamp::of(&metadata)), self.parse(&text)?))
    }

    /// Waits until nobody else changes the file; until the answer is dropped, nobody does.
    pub(super) fn lock(&self) -> Result<File, OperatorsError> {
        if !self.dir.is_dir() {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir);
            made.map_err(|error| failed(&self.dir, error))?;
            // Who is not root gives nothing away, and needs not.
            give_to_owner_of_folder(&self.dir).ok();
        }
        let path = self.dir.join("operators.lock");
        let mut options = File::options();
        options.create(true).truncate(false).write(true).read(true).mode(0o600);
        let locked = options.open(&path).and_then(|file| {
            give_to_owner_of_folder(&path)?;
            file.lock()?;
            Ok(file)
        });
        locked.map_err(|error| failed(&path, error))
    }

    /// Puts a book in place of the file, whole and durably; whoever calls it holds the lock.
    pub(super) fn write(&self, book: &Book) -> Result<(), OperatorsError> {
        let written = Written::from(book);
        let text = serde_json::to_vec_pretty(&written).map_err(|error| self.io(error.into()))?;
        let new = unnamed(&self.path);
        let done = write_private(&new, &text)
            .and_then(|()| give_to_owner_of_folder(&new))
            .and_then(|()| rename_durably(&new, &self.path));
        done.map_err(|error| self.io(error))
    }

    fn parse(&self, text: &str) -> Result<Book, OperatorsError> {
        let written: Written =
            serde_json::from_str(text).map_err(|error| self.damaged(error.to_string()))?;
        if written.format != FORMAT {
            let reason =
                format!("its format is {}, and this program knows {FORMAT}", written.format);
            return Err(self.damaged(reason));
        }
        let generation = written.generation;
        let mut accounts = BTreeMap::new();
        for account in written.accounts {
            let entry = account.read(generation);
            let entry = entry.map_err(|reason| self.damaged(reason))?;
            let name = entry.account.name.clone();
            if accounts.insert(name.clone(), entry).is_some() {
                return Err(self.damaged(format!("`{name}` is in it twice")));
            }
        }
        Ok(Book { accounts, generation, removed: written.removed })
    }

    fn damaged(&self, reason: String) -> OperatorsError {
        OperatorsError::Damaged { path: self.path.clone(), reason }
    }

    fn io(&self, error: io::Error) -> OperatorsError {
        failed(&self.path, error)
    }
}

fn failed(path: &Path, error: io::Error) -> OperatorsError {
    OperatorsError::Io { path: path.to_owned(), source: Arc::new(error) }
}

/// A command that root runs leaves files that the server's own user can open: they belong to whoever the folder belongs to.
fn give_to_owner_of_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let (folder, file) = (fs::metadata(folder)?, fs::metadata(path)?);
    match folder.uid() == file.uid() {
        true => Ok(()),
        false => chown(path, Some(folder.uid()), Some(folder.gid())),
    }
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            mode: metadata.mode(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl Book {
    /// A generation that no account ever had.
    pub(super) fn next_generation(&mut self) -> u64 {
        self.generation = self.generation.saturating_add(1);
        self.generation
    }

    /// Takes an account out, and keeps who did it.
    pub(super) fn remove(&mut self, name: &AccountName, by: &str, at: Timestamp) {
        self.accounts.remove(name);
        self.removed.retain(|removed| removed.name != *name);
        self.removed.push(Removed { at, by: by.to_owned(), name: name.clone() });
        let excess = self.removed.len().saturating_sub(REMOVED);
        self.removed.drain(..excess);
    }
}

impl From<&Book> for Written {
    fn from(book: &Book) -> Self {
        let account = |entry: &Entry| {
            let Entry { account, password } = entry.clone();
            WrittenAccount {
                name: account.name,
                display: account.display,
                roles: account.roles,
                password,
                disabled: account.standing == Standing::Disabled,
                generation: account.generation,
                created: account.created,
                created_by: account.created_by,
                changed: account.changed,
                changed_by: account.changed_by,
            }
        };
        Self {
            format: FORMAT,
            generation: book.generation,
            accounts: book.accounts.values().map(account).collect(),
            removed: book.removed.clone(),
        }
    }
}

impl WrittenAccount {
    fn read(self, newest: u64) -> Result<Entry, String> {
        let name = self.name;
        if self.roles.is_empty() {
            return Err(format!("`{name}` has no role"));
        }
        if self.generation > newest {
            return Err(format!("the generation of `{name}` is above that of the file"));
        }
        if let Some(Err(error)) = self.display.as_deref().map(check_display) {
            return Err(format!("`{name}`: {error}"));
        }
        let account = Account {
            name,
            display: self.display,
            roles: self.roles,
            standing: if self.disabled { Standing::Disabled } else { Standing::Enabled },
            generation: self.generation,
            created: self.created,
            created_by: self.created_by,
            changed: self.changed,
            changed_by: self.changed_by,
        };
        Ok(Entry { account, password: self.password })
    }
}
