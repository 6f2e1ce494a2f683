//! How changes of accounts come into the record, whoever makes them: the console, or a command beside the server.
//!
//! The accounts' file is what counts. What differs in it from the last look is recorded, in order; a change that could not be
//! recorded because the ledger took nothing is recorded at the next look.

use crate::model::Actor;
use crate::model::Roles;
use crate::model::Via;
use crate::operators::AccountChange;
use crate::operators::Change as Changed;
use crate::operators::Operators;
use crate::operators::OperatorsError;
use crate::operators::Seen;
use crate::operators::Standing;

use super::Change;
use crate::control::Control;
use crate::control::ControlError;
use crate::control::event;
use crate::control::journal::Turn;

/// Where the last look is kept.
const SEEN: &str = "operators";

impl Control {
    /// Changes accounts, and records what was changed as the actor's doing.
    ///
    /// # Errors
    /// What `work` says; `Ledger` when the ledger takes no record: before anything was changed, unless it failed only just now, and
    /// then it is recorded later.
    pub async fn change_operators<T: Send + 'static>(
        &self,
        operators: &Operators,
        actor: &Actor,
        reason: &str,
        work: impl FnOnce(&Operators) -> Result<T, OperatorsError> + Send + 'static,
    ) -> Result<T, ControlError> {
        let turn = self.turn().await;
        // So that what others changed before is not put down to this actor.
        look(&turn, operators, None).await?;
        // The accounts change first: nothing of them does that could not be recorded.
        self.inner.ledger.takes()?;
        let of_work = operators.clone();
        let done = tokio::task::spawn_blocking(move || work(&of_work)).await;
        let done = done.map_err(|error| ControlError::Store(error.to_string()))??;
        look(&turn, operators, Some((actor, reason))).await?;
        Ok(done)
    }

    /// Records what commands have changed; says how many changes that were.
    ///
    /// # Errors
    /// When the accounts cannot be read or the ledger takes no record: it is recorded at the next look.
    pub async fn notice_operators(&self, operators: &Operators) -> Result<usize, ControlError> {
        let turn = self.turn().await;
        look(&turn, operators, None).await
    }
}

async fn look(
    turn: &Turn<'_>,
    operators: &Operators,
    by: Option<(&Actor, &str)>,
) -> Result<usize, ControlError> {
    let kept = turn.control().kept(SEEN)?;
    let seen: Seen = match kept {
        Some(bytes) => serde_json::from_slice(&bytes)?,
        None => Seen::default(),
    };
    let (changes, now) = operators.changes_since(&seen)?;
    for change in &changes {
        let (actor, reason) = match by {
            Some((actor, reason)) => (actor.clone(), reason),
            None => (noticed(change), ""),
        };
        for change in events(change) {
            turn.make(&actor, reason, event::Change::Operators(change)).await?;
        }
    }
    if !changes.is_empty() {
        turn.control().keep(SEEN, &serde_json::to_vec(&now)?)?;
    }
    Ok(changes.len())
}

/// Who is said to have changed it.
fn noticed(change: &AccountChange) -> Actor {
    Actor { id: change.by.clone(), roles: Roles::NONE, via: Via::Command }
}

fn events(change: &AccountChange) -> Vec<Change> {
    let name = change.name.to_string();
    match change.change {
        Changed::Added { roles, standing } => {
            let mut events = vec![Change::Added { name: name.clone(), roles }];
            if standing == Standing::Disabled {
                events.push(Change::Disabled { name });
            }
            events
        }
        Changed::Password => vec![Change::PasswordSet { name }],
        Changed::Removed => vec![Change::Removed { name }],
        Changed::Roles { to, .. } => vec![Change::RolesSet { name, roles: to }],
        Changed::Standing { to: Standing::Disabled } => vec![Change::Disabled { name }],
        Changed::Standing { to: Standing::Enabled } => vec![Change::Enabled { name }],
    }
}

impl From<OperatorsError> for ControlError {
    fn from(error: OperatorsError) -> Self {
        let text = error.to_string();
        match error {
            OperatorsError::Exists { .. } | OperatorsError::LastAdministrator { .. } => {
                Self::Conflict(text)
            }
            OperatorsError::Unknown { name } => Self::NotFound(format!("operator `{name}`")),
            OperatorsError::Display
            | OperatorsError::Name
            | OperatorsError::NoRoles
            | OperatorsError::Password(_) => Self::Invalid(text),
            _ => Self::Store(text),
        }
    }
}
