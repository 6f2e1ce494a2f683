//! What became of the accounts since somebody last looked: for the ledger, since commands change the file beside the server.
//!
//! States are compared, not a list of changes that the file would keep: what was written into the file by hand is seen too. Of two
//! changes of one account between two looks both are told, as far as they differ, under the name of who made the last.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::model::Roles;

use super::account::AccountName;
use super::account::Standing;

/// The accounts as they stood at a look; to be kept until the next one. Holds no hash of a password.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Seen(pub(super) BTreeMap<AccountName, SeenAccount>);

/// What is compared of an account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeenAccount {
    pub(super) created: Timestamp,
    /// SHA-256 of the hash, hex: it differs exactly if the password was set anew.
    pub(super) password: String,
    pub(super) roles: Roles,
    pub(super) standing: Standing,
}

/// An account that was changed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AccountChange {
    /// When, as the file says.
    pub at: Timestamp,
    /// By whom, as the file says: an actor's id. `unknown` for an account that went without a word.
    pub by: String,
    /// What became of it.
    pub change: Change,
    /// The account.
    pub name: AccountName,
}

/// What became of an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Change {
    /// It is new.
    Added {
        /// What its person may do.
        roles: Roles,
        /// Whether it may be used.
        standing: Standing,
    },
    /// Its password is another one.
    Password,
    /// It is gone.
    Removed,
    /// Its person may do other things.
    Roles {
        /// Before.
        from: Roles,
        /// Now.
        to: Roles,
    },
    /// It was disabled, or enabled again.
    Standing {
        /// Now.
        to: Standing,
    },
}

/// Who did something to an account, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark<'a> {
    pub(super) at: Timestamp,
    pub(super) by: &'a str,
}

impl Seen {
    /// What differs in `now`. `created`, `changed` and `removed` tell who made, last changed or removed an account.
    pub(super) fn changes_to<'a>(
        &self,
        now: &Self,
        created: impl Fn(&AccountName) -> Mark<'a>,
        changed: impl Fn(&AccountName) -> Mark<'a>,
        removed: impl Fn(&AccountName) -> Mark<'a>,
    ) -> Vec<AccountChange> {
        let mut changes = Vec::new();
        let mut note = |name: &AccountName, mark: Mark<'_>, change| {
            let (at, by) = (mark.at, mark.by.to_owned());
            changes.push(AccountChange { at, by, change, name: name.clone() });
        };
        for (name, before) in &self.0 {
            // One that was made anew is another account.
            if now.0.get(name).is_none_or(|after| after.created != before.created) {
                note(name, removed(name), Change::Removed);
            }
        }
        for (name, after) in &now.0 {
            let before = self.0.get(name).filter(|before| before.created == after.created);
            let Some(before) = before else {
                let (roles, standing) = (after.roles, after.standing);
                note(name, created(name), Change::Added { roles, standing });
                continue;
            };
            if before.roles != after.roles {
                let change = Change::Roles { from: before.roles, to: after.roles };
                note(name, changed(name), change);
            }
            if before.password != after.password {
                note(name, changed(name), Change::Password);
            }
            if before.standing != after.standing {
                note(name, changed(name), Change::Standing { to: after.standing });
            }
        }
        changes
    }
}
