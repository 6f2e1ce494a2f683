//! Who looked: sign-ins, searches, exports and reports are records too.

use ipnet::IpNet;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::ledger::Entry;
use crate::ledger::Head;
use crate::model::Actor;
use crate::model::DecisionId;

use super::clock::now;
use super::error::ControlError;
use super::journal::Control;

/// The kind of its record.
const KIND: &str = "access";

/// Something that somebody did without changing anything.
#[derive(Clone, Debug)]
pub struct Access<'a> {
    /// What, such as `sign_in`, `search`, `export`, `report`, `record`.
    pub action: &'a str,
    /// Who.
    pub actor: &'a Actor,
    /// With what, such as the filters of a search. Nothing secret.
    pub detail: Value,
    /// Whether it was let.
    pub outcome: AccessOutcome,
}

/// Whether somebody was let.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessOutcome {
    /// Yes.
    Ok,
    /// No.
    Refused,
}

impl Control {
    /// Records an access, durably: to be waited for before anything is shown.
    ///
    /// # Errors
    /// `Ledger` when it cannot be recorded: nothing may be shown then.
    pub async fn accessed(&self, access: Access<'_>) -> Result<DecisionId, ControlError> {
        self.accessed_from(access, None).await
    }

    /// As [`Self::accessed`], with the network that it came from: of a person, so kept as `[ledger] personal` says.
    ///
    /// # Errors
    /// `Ledger` when it cannot be recorded: nothing may be shown then.
    pub async fn accessed_from(
        &self,
        access: Access<'_>,
        network: Option<IpNet>,
    ) -> Result<DecisionId, ControlError> {
        let settings = &self.inner.settings;
        let at = now(&*settings.clock);
        let id = DecisionId::new(at);
        let document = json!({
            "action": access.action,
            "actor": access.actor,
            "detail": access.detail,
            "outcome": access.outcome,
            "recorded": at,
            "retain_until": settings.retention.end(at),
        });
        let document = document.to_string();
        let personal = network.map(|network| json!({ "network": network }).to_string());
        let entry = Entry {
            document: Some(document.as_bytes()),
            head: Head::Plain,
            id,
            kind: KIND,
            personal: personal.as_deref().map(str::as_bytes),
            subject: personal.as_ref().map(|_| access.actor.id.as_str()),
        };
        let queued = self.inner.ledger.enqueue(at, &entry)?;
        self.inner.ledger.commit(queued).await?;
        Ok(id)
    }
}
