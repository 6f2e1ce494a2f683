//! Local accounts of the people who use the control plane: who they are, what they may do, how they sign in and how long that lasts.
//!
//! [`Operators`] keeps the accounts in one private file, `operators.json`, in the folder of the store; commands change it beside a
//! running server, which reads it anew at its next use. [`Throttle`] says whether a sign-in may be tried at all, [`Sessions`] who is
//! signed in. Nothing here speaks HTTP.
//!
//! **What it must never do.** Tell by its answer or by its time whether an account exists; take a file that it cannot read for one
//! without accounts; keep a password or the token of a session in a form that opens anything; let a stranger keep an operator out
//! for good.
//!
//! **Standard.** NIST SP 800-63B for passwords and sessions; argon2id (RFC 9106) with at least the parameters that OWASP recommends.

mod account;
mod changes;
mod error;
mod file;
mod hashing;
mod password;
mod recent;
mod sessions;
mod store;
mod throttle;

#[cfg(test)]
mod tests;

pub use account::{Account, AccountName, Standing};
pub use changes::{AccountChange, Change, Seen};
pub use error::{OperatorsError, SignInError};
pub use password::{Password, PasswordError};
pub use sessions::{Lifetimes, Opened, Session, Sessions, Token};
pub use store::{LastAdministrator, New, Operators};
pub use throttle::{Admission, Attempt, Limits, Throttle};
