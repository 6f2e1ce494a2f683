//! The accounts of the file, read anew whenever it is another one, and the changes to them.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use jiff::Timestamp;
use sha2::Digest;
use sha2::Sha256;

use crate::model::Roles;

use super::account::Account;
use super::account::AccountName;
use super::account::Standing;
use super::account::check_display;
use super::changes::AccountChange;
use super::changes::Mark;
use super::changes::Seen;
use super::changes::SeenAccount;
use super::error::OperatorsError;
use super::error::SignInError;
use super::file::Book;
use super::file::Entry;
use super::file::Place;
use super::file::Stamp;
use super::hashing::Hasher;
use super::password::Password;

/// Who made a change that the file tells nothing of.
const UNKNOWN: &str = "unknown";

/// The accounts of a store; clones are the same.
#[derive(Clone, Debug)]
pub struct Operators(Arc<Inner>);

/// An account to be.
#[derive(Clone, Debug)]
pub struct New<'a> {
    /// Its name, in whatever case.
    pub name: &'a str,
    /// What the person is called, 1 to 100 characters.
    pub display: Option<&'a str>,
    /// What the person may do; at least one.
    pub roles: Roles,
    /// Held to the rules before it is taken.
    pub password: &'a Password,
}

/// What a change may do to the last enabled administrator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LastAdministrator {
    /// Nothing: the change is refused.
    Keep,
    /// Anything: nobody manages operators then but the command line.
    MayGo,
}

#[derive(Debug)]
struct Inner {
    hasher: Hasher,
    held: Mutex<Held>,
    place: Place,
}

/// What was last read.
#[derive(Debug)]
struct Held {
    /// The book, or why the file of that stamp has none.
    book: Result<Arc<Book>, OperatorsError>,
    stamp: Option<Stamp>,
    /// The error that was last logged.
    told: Option<String>,
}

impl Operators {
    /// The accounts kept in a folder: none where there is no file.
    ///
    /// # Errors
    /// The file cannot be read, or others than its owner can.
    pub fn open(dir: &Path) -> Result<Self, OperatorsError> {
        let place = Place::new(dir);
        let (stamp, book) = place.read()?;
        let held = Held { book: Ok(Arc::new(book)), stamp, told: None };
        Ok(Self(Arc::new(Inner { hasher: Hasher::default(), held: Mutex::new(held), place })))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.0.place.path()
    }

    /// Every account, by name. As every other look it asks the file system whether the file is the same, and reads it if not.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self) -> Result<Vec<Account>, OperatorsError> {
        let book = self.book()?;
        Ok(book.accounts.values().map(|entry| entry.account.clone()).collect())
    }

    /// The account of that name, in whatever case.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn find(&self, name: &str) -> Result<Option<Account>, OperatorsError> {
        let book = self.book()?;
        let name = name.parse::<AccountName>().ok();
        Ok(name.and_then(|name| book.accounts.get(&name)).map(|entry| entry.account.clone()))
    }

    /// The account that `password` opens.
    ///
    /// Costs some 20 to 50 ms of a processor and 19 MiB, for names that nobody has as much as for others: call it on a thread that may
    /// block, and only with an [`Attempt`](super::Attempt) in hand.
    ///
    /// # Errors
    /// One and the same for an unknown or disabled account and a wrong password; another if the file cannot be read.
    pub fn verify(&self, name: &str, password: &Password) -> Result<Account, SignInError> {
        let book = self.book()?;
        let name = name.parse::<AccountName>().ok();
        let entry = name.and_then(|name| book.accounts.get(&name));
        let opens = self.0.hasher.check(password, entry.map(|entry| &entry.password))?;
        match entry {
            Some(entry) if opens && entry.account.standing == Standing::Enabled => {
                Ok(entry.account.clone())
            }
            _ => Err(SignInError::Refused),
        }
    }

    /// Adds an account. Hashes the password: for a thread that may block.
    ///
    /// # Errors
    /// A name that is taken or none, no role, a password that breaks a rule; or the file cannot be read or written.
    pub fn add(&self, new: &New<'_>, by: &str, at: Timestamp) -> Result<Account, OperatorsError> {
        let name: AccountName = new.name.parse()?;
        new.display.map_or(Ok(()), check_display)?;
        if new.roles.is_empty() {
            return Err(OperatorsError::NoRoles);
        }
        new.password.check(&name)?;
        let password = self.0.hasher.hash(new.password)?;
        self.change(|book| {
            if book.accounts.contains_key(&name) {
                return Err(OperatorsError::Exists { name });
            }
            let account = Account {
                name: name.clone(),
                display: new.display.map(str::to_owned),
                roles: new.roles,
                standing: Standing::Enabled,
                generation: book.next_generation(),
                created: at,
                created_by: by.to_owned(),
                changed: at,
                changed_by: by.to_owned(),
            };
            book.accounts.insert(name, Entry { account: account.clone(), password });
            Ok(account)
        })
    }

    /// Gives an account another password; its sessions are void. Hashes: for a thread that may block.
    ///
    /// # Errors
    /// There is no such account, the password breaks a rule, or the file cannot be read or written.
    pub fn set_password(
        &self,
        name: &str,
        password: &Password,
        by: &str,
        at: Timestamp,
    ) -> Result<Account, OperatorsError> {
        let name: AccountName = name.parse()?;
        password.check(&name)?;
        let hash = self.0.hasher.hash(password)?;
        self.edit(&name, LastAdministrator::Keep, by, at, |entry| entry.password = hash)
    }

    /// Gives an account other roles; its sessions are void. The roles that it has already change nothing.
    ///
    /// # Errors
    /// There is no such account, no role, or nobody else who administers; or the file cannot be read or written.
    pub fn set_roles(
        &self,
        name: &str,
        roles: Roles,
        last: LastAdministrator,
        by: &str,
        at: Timestamp,
    ) -> Result<Account, OperatorsError> {
        if roles.is_empty() {
            return Err(OperatorsError::NoRoles);
        }
        self.edit(&name.parse()?, last, by, at, |entry| entry.account.roles = roles)
    }

    /// Disables an account, whose sessions are void then, or enables it again. As it stands already, nothing changes.
    ///
    /// # Errors
    /// There is no such account, or nobody else who administers; or the file cannot be read or written.
    pub fn set_standing(
        &self,
        name: &str,
        standing: Standing,
        last: LastAdministrator,
        by: &str,
        at: Timestamp,
    ) -> Result<Account, OperatorsError> {
        self.edit(&name.parse()?, last, by, at, |entry| entry.account.standing = standing)
    }

    /// Removes an account; its sessions are void, and stay so if one of that name is made again.
    ///
    /// # Errors
    /// There is no such account, or nobody else who administers; or the file cannot be read or written.
    pub fn remove(
        &self,
        name: &str,
        last: LastAdministrator,
        by: &str,
        at: Timestamp,
    ) -> Result<Account, OperatorsError> {
        let name: AccountName = name.parse()?;
        self.change(|book| {
            let gone = book.accounts.get(&name).map(|entry| entry.account.clone());
            let gone = gone.ok_or_else(|| OperatorsError::Unknown { name: name.clone() })?;
            guarded(book, &name, last, |book| book.remove(&name, by, at))?;
            Ok(gone)
        })
    }

    /// What became of the accounts since a look, and the look to ask with next time.
    ///
    /// # Errors
    /// The file cannot be read: ask again with the same look.
    pub fn changes_since(&self, seen: &Seen) -> Result<(Vec<AccountChange>, Seen), OperatorsError> {
        let book = self.book()?;
        let look = |entry: &Entry| SeenAccount {
            created: entry.account.created,
            password: Sha256::digest(entry.password.as_bytes())
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            roles: entry.account.roles,
            standing: entry.account.standing,
        };
        let now = Seen(book.accounts.iter().map(|(name, e)| (name.clone(), look(e))).collect());
        let nobody = Mark { at: Timestamp::UNIX_EPOCH, by: UNKNOWN };
        let account = |name: &AccountName| book.accounts.get(name).map(|entry| &entry.account);
        let changes = seen.changes_to(
            &now,
            |name| account(name).map_or(nobody, |a| Mark { at: a.created, by: &a.created_by }),
            |name| account(name).map_or(nobody, |a| Mark { at: a.changed, by: &a.changed_by }),
            |name| {
                let removed = book.removed.iter().rfind(|removed| removed.name == *name);
                removed.map_or(nobody, |removed| Mark { at: removed.at, by: &removed.by })
            },
        );
        Ok((changes, now))
    }

    /// How often a password was checked.
    #[cfg(test)]
    pub(super) fn checks(&self) -> u64 {
        self.0.hasher.checks()
    }

    fn edit(
        &self,
        name: &AccountName,
        last: LastAdministrator,
        by: &str,
        at: Timestamp,
        edit: impl FnOnce(&mut Entry),
    ) -> Result<Account, OperatorsError> {
        self.change(|book| {
            let unknown = || OperatorsError::Unknown { name: name.clone() };
            let mut after = book.accounts.get(name).ok_or_else(unknown)?.clone();
            let before = after.clone();
            edit(&mut after);
            if after.account == before.account && after.password == before.password {
                return Ok(before.account);
            }
            after.account.generation = book.next_generation();
            after.account.changed = at;
            by.clone_into(&mut after.account.changed_by);
            let account = after.account.clone();
            guarded(book, name, last, |book| {
                book.accounts.insert(name.clone(), after);
            })?;
            Ok(account)
        })
    }

    /// Changes the file, as it is now, under its lock.
    fn change<T>(
        &self,
        edit: impl FnOnce(&mut Book) -> Result<T, OperatorsError>,
    ) -> Result<T, OperatorsError> {
        let _lock = self.0.place.lock()?;
        let (_, mut book) = self.0.place.read()?;
        let edited = edit(&mut book)?;
        self.0.place.write(&book)?;
        Ok(edited)
    }

    /// The file as it is now.
    fn book(&self) -> Result<Arc<Book>, OperatorsError> {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        let book = self.look(&mut held);
        let error = book.as_ref().err().map(ToString::to_string);
        if error != held.told {
            match &error {
                Some(error) => tracing::error!(%error, "nobody can sign in: operators unreadable"),
                None => tracing::info!(path = %self.path().display(), "operators readable again"),
            }
            held.told = error;
        }
        book
    }

    fn look(&self, held: &mut Held) -> Result<Arc<Book>, OperatorsError> {
        let stamp = self.0.place.stamp()?;
        // What failed by the file system may be better now, although the file looks the same.
        let worth_a_try = matches!(held.book, Err(OperatorsError::Io { .. }));
        if stamp != held.stamp || worth_a_try {
            if stamp.is_none() {
                tracing::warn!(path = %self.path().display(), "operators are gone: nobody can sign in");
            }
            match self.0.place.read() {
                Ok((stamp, book)) => (held.stamp, held.book) = (stamp, Ok(Arc::new(book))),
                Err(error) => (held.stamp, held.book) = (stamp, Err(error)),
            }
        }
        held.book.clone()
    }
}

/// Refuses a change that leaves nobody to administer where there was somebody.
fn guarded(
    book: &mut Book,
    name: &AccountName,
    last: LastAdministrator,
    change: impl FnOnce(&mut Book),
) -> Result<(), OperatorsError> {
    let anybody = |book: &Book| book.accounts.values().any(|entry| entry.account.administers());
    let before = anybody(book);
    change(book);
    match last == LastAdministrator::Keep && before && !anybody(book) {
        true => Err(OperatorsError::LastAdministrator { name: name.clone() }),
        false => Ok(()),
    }
}
