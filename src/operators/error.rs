//! What goes wrong, and what to do about it. No password stands in any of these.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::account::AccountName;
use super::password::PasswordError;

/// Why accounts were not read or not changed. Nothing was changed then.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OperatorsError {
    /// The file does not hold what this program wrote.
    #[error("`{}` is damaged: {reason}; put back a copy, or move it away and add the operators anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// What a person may not be called.
    #[error(
        "the name of a person is 1 to 100 characters, none of them a control character, and not only blanks"
    )]
    Display,
    /// There is one already.
    #[error("there is an operator `{name}` already; choose another name, or change that one")]
    Exists {
        /// The account.
        name: AccountName,
    },
    /// Others than the owner may read or write the file.
    #[error("`{}` is open to others (mode {mode:04o}); close it with `chmod 600`, and set new passwords", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file system failed.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// Nobody could manage operators any more.
    #[error(
        "`{name}` is the last enabled administrator; make another one first, or write --force on the command line"
    )]
    LastAdministrator {
        /// The account.
        name: AccountName,
    },
    /// No name of an account.
    #[error(
        "the name of an operator is 1 to 64 of a-z, 0-9, `.`, `_` and `-`, and begins with a letter"
    )]
    Name,
    /// Random bytes, or memory for a hash, could not be had.
    #[error("the system gave no random bytes or no memory to hash the password with; try again")]
    NoHash,
    /// No role.
    #[error("an operator needs at least one role")]
    NoRoles,
    /// The password breaks a rule.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// There is no such account.
    #[error("there is no operator `{name}`; `interdict operator list` tells who there is")]
    Unknown {
        /// The account.
        name: AccountName,
    },
}

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown or disabled account, or wrong password: which of them is nobody's business.
    #[error("name or password is wrong")]
    Refused,
    /// The accounts cannot be read: nobody gets in.
    #[error("nobody can sign in: {0}")]
    Unavailable(#[from] OperatorsError),
}
