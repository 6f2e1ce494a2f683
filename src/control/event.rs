//! What changed, by whom and why.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::model::Actor;
use crate::model::DecisionId;
use crate::model::Retention;

use super::operators;
use super::policies;
use super::registry;
use super::reviews;

/// A change, by the area of the control plane that it is of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "area", content = "change", rename_all = "snake_case")]
pub enum Change {
    /// Accounts of operators.
    Operators(operators::Change),
    /// The life cycle of policies.
    Policies(policies::Change),
    /// Catalogue and customers.
    Registry(registry::Change),
    /// The review queue and its clearances.
    Reviews(reviews::Change),
}

/// A change that was made.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Event {
    /// What was done, such as `policy.approve`.
    pub action: String,
    /// Who did it.
    pub actor: Actor,
    /// When (µs).
    #[serde(rename = "recorded")]
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub change: Change,
    /// The record's id, by which others name the event.
    pub id: DecisionId,
    /// Why, in the actor's words; may be empty where nothing has to be justified.
    pub reason: String,
    /// Its place in the ledger.
    pub sequence: u64,
}

/// An event as it lies in the ledger.
pub(super) struct Written {
    /// The document.
    pub(super) document: Vec<u8>,
    /// The personal part.
    pub(super) personal: Option<Vec<u8>>,
    /// Whom that is about.
    pub(super) subject: Option<String>,
}

impl Change {
    /// What is done, as `area.verb`.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Operators(change) => change.action(),
            Self::Policies(change) => change.action(),
            Self::Registry(change) => change.action(),
            Self::Reviews(change) => change.action(),
        }
    }

    /// Whom the change is about, such as `account:A-17`, where it holds what is of a person: then all of it is a personal part,
    /// kept as `[ledger] personal` says and erased with the rest.
    fn subject(&self) -> Option<String> {
        match self {
            Self::Operators(_) | Self::Policies(_) => None,
            Self::Registry(change) => change.subject(),
            Self::Reviews(change) => change.subject(),
        }
    }
}

impl Event {
    /// As the ledger keeps it. Members are sorted, and there are no fractions: canonical JSON (RFC 8785).
    pub(super) fn written(&self, retention: Retention) -> Result<Written, serde_json::Error> {
        let mut document = json!({
            "action": self.action,
            "actor": self.actor,
            "reason": self.reason,
            "recorded": self.at,
            "retain_until": retention.end(self.at),
        });
        let change = serde_json::to_value(&self.change)?;
        let subject = self.change.subject();
        let mut personal = None;
        for (name, value) in change.as_object().into_iter().flatten() {
            match (&subject, name.as_str()) {
                (Some(_), "change") => personal = Some(json!({ "change": value })),
                _ => put(&mut document, name, value.clone()),
            }
        }
        Ok(Written {
            document: document.to_string().into_bytes(),
            personal: personal.map(|part| part.to_string().into_bytes()),
            subject,
        })
    }

    /// The event of a record's export view; none if its personal part is no longer there.
    pub(super) fn read(
        mut view: serde_json::Map<String, Value>,
        sequence: u64,
    ) -> Result<Option<Self>, serde_json::Error> {
        if !view.contains_key("change") {
            return Ok(None);
        }
        view.insert("sequence".to_owned(), sequence.into());
        let known = ["action", "actor", "area", "change", "id", "reason", "recorded", "sequence"];
        view.retain(|name, _| known.contains(&name.as_str()));
        serde_json::from_value(Value::Object(view)).map(Some)
    }
}

fn put(document: &mut Value, name: &str, value: Value) {
    if let Some(members) = document.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}
