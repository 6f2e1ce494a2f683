//! The message of a release or a refusal: which holds have come to their end, and nothing of whom or why.

use serde::Deserialize;
use serde::Serialize;

use crate::model::Action;

use super::message::Message;

/// The members of a change's record that a message is made of. What else changes is not read.
#[derive(Deserialize)]
struct Record {
    action: String,
    change: Option<serde_json::Value>,
    id: String,
    kind: String,
    recorded: Option<String>,
}

/// A release or a refusal.
#[derive(Deserialize)]
struct Change {
    /// Of a refusal; of a release it is the clearance's.
    action: Option<Action>,
    clearance: Option<Clearance>,
    decisions: Vec<String>,
    entry: String,
}

#[derive(Deserialize)]
struct Clearance {
    action: Action,
    id: String,
    product: Option<String>,
    until: String,
    uses: String,
}

#[derive(Serialize)]
struct Document<'a> {
    data: Data<'a>,
    timestamp: &'a str,
    r#type: &'a str,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    clearance: Option<&'a str>,
    entry: &'a str,
    holds: &'a [String],
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uses: Option<&'a str>,
}

/// What is told of a change; none if the record is of no change, `Some(None)` if there is nothing to tell of it.
#[expect(clippy::option_option, reason = "no change is not a change that nobody is told of")]
pub(super) fn of(
    view: &[u8],
    actions: &[Action],
) -> Result<Option<Option<Message>>, serde_json::Error> {
    let record: Record = serde_json::from_slice(view)?;
    if record.kind != "change" {
        return Ok(None);
    }
    let r#type = match record.action.as_str() {
        "review.refuse" => "review.refused",
        "review.release" => "review.released",
        _ => return Ok(Some(None)),
    };
    let (Some(change), Some(at)) = (record.change, record.recorded) else { return Ok(Some(None)) };
    let change: Change = serde_json::from_value(change)?;
    let clearance = change.clearance.as_ref();
    let action = clearance.map(|clearance| clearance.action).or(change.action);
    if action.is_some_and(|action| !actions.contains(&action)) {
        return Ok(Some(None));
    }
    let document = Document {
        data: Data {
            action,
            at: &at,
            clearance: clearance.map(|clearance| clearance.id.as_str()),
            entry: &change.entry,
            holds: &change.decisions,
            id: &record.id,
            product: clearance.and_then(|clearance| clearance.product.as_deref()),
            until: clearance.map(|clearance| clearance.until.as_str()),
            uses: clearance.map(|clearance| clearance.uses.as_str()),
        },
        timestamp: &at,
        r#type,
    };
    let body = serde_json::to_vec(&document)?;
    Ok(Some(Some(Message { at, body, id: record.id })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use serde_json::json;

    const RELEASED: &str = r#"{"action":"review.release","actor":{"id":"local:paul","roles":["policy_approver"],"via":"session"},"area":"reviews","change":{"clearance":{"action":"resale","by":["local:paul","local:rita"],"evidence":"00","from":"2026-01-01T00:00:00Z","hold":"0197","id":"c-1","product":"kaspersky.covered","subject":"account:A-17","until":"2026-01-31T00:00:00Z","uses":"unlimited"},"code":"identity_verified","decisions":["0196","0197"],"entry":"e","verb":"released"},"id":"0198","kind":"change","reason":"a secret note","recorded":"2026-01-01T00:00:00Z"}"#;

    fn told(view: &str, actions: &[Action]) -> Option<Value> {
        assert!(Message::may_be_of(view.as_bytes()));
        let message = Message::of(view.as_bytes(), actions).unwrap()?;
        Some(serde_json::from_slice(&message.body).unwrap())
    }

    #[test]
    fn a_release_and_a_refusal_tell_which_holds_have_ended_and_neither_whom_nor_why() {
        let released = told(RELEASED, &Action::ALL).unwrap();
        assert_eq!(
            (&released["type"], &released["timestamp"]),
            (&json!("review.released"), &json!("2026-01-01T00:00:00Z"))
        );
        assert_eq!(released["data"]["holds"], json!(["0196", "0197"]));
        assert_eq!(released["data"]["clearance"], "c-1");
        for secret in ["A-17", "local:", "secret", "identity_verified"] {
            assert!(!released.to_string().contains(secret), "{secret}: {released}");
        }
        let refused = r#"{"action":"review.refuse","change":{"action":"resale","code":"us_person","decisions":["0197"],"entry":"e","verb":"refused"},"id":"0198","kind":"change","reason":"","recorded":"2026-01-01T00:00:00Z"}"#;
        assert_eq!(told(refused, &[Action::Sale]), None);
        let refused = told(refused, &Action::ALL).unwrap();
        assert_eq!(
            (&refused["type"], &refused["data"]["holds"]),
            (&json!("review.refused"), &json!(["0197"]))
        );
    }

    #[test]
    fn other_changes_and_other_actions_are_not_told() {
        assert_eq!(told(RELEASED, &[Action::Sale]), None);
        for other in ["review.recommend", "review.return", "policy.approve", "operator.add"] {
            assert_eq!(told(&RELEASED.replace("review.release", other), &Action::ALL), None);
        }
    }
}
