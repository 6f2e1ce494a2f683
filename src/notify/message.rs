//! The message of a record (docs/webhooks.md): what fulfilment needs to find the order, and nothing of the evidence.

use memchr::memmem;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::Action;

use super::resolution;

/// A message, ready to be signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// When it was decided, RFC 3339.
    pub at: String,
    /// The JSON document, the same at each try.
    pub body: Vec<u8>,
    /// The id of the decision or of the change: the same at each try.
    pub id: String,
}

/// A record that looked like one to tell of and cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("a record cannot be read: {0}")]
pub struct Unreadable(#[from] serde_json::Error);

/// The members of a record that a message is made of.
#[derive(Deserialize)]
struct Record<'a> {
    action: Option<Action>,
    #[serde(borrow)]
    decision: Option<Decision<'a>>,
    #[serde(borrow)]
    evidence: Option<Evidence<'a>>,
    id: String,
    #[serde(default)]
    items: Vec<Item>,
    kind: String,
    route: Option<String>,
    #[serde(borrow)]
    subject: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Decision<'a> {
    at: String,
    basis: Value,
    clause: Value,
    #[serde(default)]
    items: Vec<Finding>,
    policy: Value,
    rule: Value,
    #[serde(borrow)]
    verdict: &'a str,
}

/// The account alone: nothing else of the evidence is told.
#[derive(Deserialize)]
struct Evidence<'a> {
    #[serde(borrow)]
    account: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item {
    name: Option<String>,
    quantity: Option<u64>,
    sku: Option<String>,
    vendor: Option<String>,
}

#[derive(Deserialize)]
struct Finding {
    product: Option<String>,
    verdict: String,
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
    account: Option<&'a RawValue>,
    action: Action,
    at: &'a str,
    basis: &'a Value,
    clause: &'a Value,
    id: &'a str,
    items: Vec<Line<'a>>,
    policy: &'a Value,
    route: Option<&'a str>,
    rule: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a RawValue>,
    verdict: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    product: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<&'a str>,
    verdict: &'a str,
}

impl Message {
    /// Whether there may be a message of a record, by its envelope. Most records are allows, and need not be read.
    #[must_use]
    pub fn may_be_of(envelope: &[u8]) -> bool {
        // A quote inside a text is escaped, so that no text looks like this.
        let texts = [
            r#""kind":"change""#,
            r#""kind":"mismatch""#,
            r#""verdict":"block""#,
            r#""verdict":"review""#,
        ];
        texts.into_iter().any(|text| memmem::find(envelope, text.as_bytes()).is_some())
    }

    /// The message of a record's export view; none where there is nothing to tell: an allow, an enquiry, another action.
    ///
    /// # Errors
    /// When a record that bears a block or a hold is not what this version writes.
    pub fn of(view: &[u8], actions: &[Action]) -> Result<Option<Self>, Unreadable> {
        if memmem::find(view, br#""kind":"change""#).is_some()
            && let Some(told) = resolution::of(view, actions)?
        {
            return Ok(told);
        }
        let record: Record<'_> = serde_json::from_slice(view)?;
        let (Some(decision), Some(action)) = (&record.decision, record.action) else {
            return Ok(None);
        };
        let r#type = match (record.kind.as_str(), decision.verdict) {
            ("decision", "block") => "decision.block",
            ("decision", "review") => "decision.review",
            // Whatever is decided of it: the store sold something else than was judged.
            ("mismatch", _) => "order.mismatch",
            _ => return Ok(None),
        };
        if !actions.contains(&action) {
            return Ok(None);
        }
        let lines = record.items.iter().zip(&decision.items).enumerate();
        let items = lines.map(|(at, (item, finding))| Line {
            index: at,
            name: item.name.as_deref(),
            product: finding.product.as_deref(),
            quantity: item.quantity,
            sku: item.sku.as_deref(),
            vendor: item.vendor.as_deref(),
            verdict: &finding.verdict,
        });
        let document = Document {
            data: Data {
                account: record.evidence.as_ref().and_then(|evidence| evidence.account),
                action,
                at: &decision.at,
                basis: &decision.basis,
                clause: &decision.clause,
                id: &record.id,
                items: items.collect(),
                policy: &decision.policy,
                route: record.route.as_deref(),
                rule: &decision.rule,
                subject: record.subject,
                verdict: decision.verdict,
            },
            timestamp: &decision.at,
            r#type,
        };
        let body = serde_json::to_vec(&document)?;
        Ok(Some(Self { at: decision.at.clone(), body, id: record.id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: &str = r#"{"action":"resale","decision":{"at":"2026-01-01T00:00:00Z","basis":"text","bundle":"sha256:0","citation":"89 FR 52434","clause":"FD-3a","id":"0197","items":[{"matched_by":"sku","product":"kaspersky.covered","verdict":"review"}],"nexus":{"because":["ip"],"buyer":"unclear","seller":"foreign"},"policy":"p","reason":"r","rule":"resale","verdict":"review"},"evidence":{"account":"A-17","account_standing":"known","billing_country":"DE","email_domain":"secret.example","vouching":"vouched"},"id":"0197","items":[{"name":"A \"verdict\":\"block\" name","quantity":2,"sku":"KL1"}],"kind":"decision","route":"orders","subject":{"order":"1001"}}"#;

    fn of(payload: &str) -> Option<Value> {
        let message = Message::of(payload.as_bytes(), &Action::ALL).unwrap()?;
        Some(serde_json::from_slice(&message.body).unwrap())
    }

    #[test]
    fn a_hold_is_told_without_its_evidence() {
        let told = of(HELD).unwrap();
        assert_eq!(told["type"], "decision.review");
        assert_eq!(told["timestamp"], "2026-01-01T00:00:00Z");
        assert_eq!(told["data"]["subject"]["order"], "1001");
        assert_eq!(told["data"]["account"], "A-17");
        assert_eq!(told["data"]["items"][0]["quantity"], 2);
        let text = told.to_string();
        for secret in ["secret.example", "billing_country", "nexus", "unclear", "because"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }

    #[test]
    fn an_order_of_something_else_than_was_judged_is_told_whatever_its_verdict() {
        let mismatch = HELD.replace(r#""kind":"decision""#, r#""kind":"mismatch""#);
        for verdict in ["allow", "block", "review"] {
            let told = of(&mismatch.replace("review", verdict)).unwrap();
            assert_eq!(
                (&told["type"], &told["data"]["verdict"]),
                (&"order.mismatch".into(), &verdict.into())
            );
        }
    }

    #[test]
    fn allows_enquiries_and_other_actions_are_not_told() {
        assert_eq!(of(&HELD.replace("review", "allow")), None);
        assert_eq!(of(&HELD.replace(r#""kind":"decision""#, r#""kind":"enquiry""#)), None);
        assert!(of(&HELD.replace(r#""subject":{"order":"1001"}"#, r#""more":1"#)).is_some());
        assert_eq!(Message::of(HELD.as_bytes(), &[Action::Sale]).unwrap(), None);
        let allowed_beside_review = HELD.replace(
            r#""rule":"resale","verdict":"review""#,
            r#""rule":"resale","verdict":"allow""#,
        );
        assert_eq!(of(&allowed_beside_review), None);
    }
}
