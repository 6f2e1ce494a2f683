//! Accounts of operators, as far as the record knows of them. The accounts themselves are a file of their own (`operators`), which
//! the command line writes as well; each change of it becomes an event, whoever made it.

mod notice;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::model::Roles;

use super::event::Event;

/// A change of an account. No secret is in it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "verb", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "each variant says what was changed, of the account of that name")]
pub enum Change {
    Added { name: String, roles: Roles },
    Disabled { name: String },
    Enabled { name: String },
    PasswordSet { name: String },
    Removed { name: String },
    RolesSet { name: String, roles: Roles },
}

/// An account that is there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Account {
    /// Whether it may not sign in.
    pub disabled: bool,
    /// What it may do.
    pub roles: Roles,
}

/// What the record knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// By name.
    pub accounts: BTreeMap<String, Account>,
}

impl Change {
    pub(super) const fn action(&self) -> &'static str {
        match self {
            Self::Added { .. } => "operator.add",
            Self::Disabled { .. } => "operator.disable",
            Self::Enabled { .. } => "operator.enable",
            Self::PasswordSet { .. } => "operator.password",
            Self::Removed { .. } => "operator.remove",
            Self::RolesSet { .. } => "operator.roles",
        }
    }

    /// The account.
    pub fn name(&self) -> &str {
        match self {
            Self::Added { name, .. }
            | Self::Disabled { name }
            | Self::Enabled { name }
            | Self::PasswordSet { name }
            | Self::Removed { name }
            | Self::RolesSet { name, .. } => name,
        }
    }
}

impl State {
    pub(super) fn apply(&mut self, change: &Change, _event: &Event) {
        if let Change::Removed { name } = change {
            self.accounts.remove(name);
            return;
        }
        let account = self.accounts.entry(change.name().to_owned()).or_default();
        match change {
            Change::Added { roles, .. } => *account = Account { disabled: false, roles: *roles },
            Change::Disabled { .. } => account.disabled = true,
            Change::Enabled { .. } => account.disabled = false,
            Change::RolesSet { roles, .. } => account.roles = *roles,
            Change::PasswordSet { .. } | Change::Removed { .. } => {}
        }
    }
}
