//! A record of a decision, as the queue reads it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use memchr::memmem;
use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;

use crate::clearance::Digest;
use crate::clearance::SubjectKind;
use crate::ledger::LedgerError;
use crate::ledger::Masker;
use crate::ledger::Record;
use crate::ledger::SubjectKeys;
use crate::model::Action;
use crate::model::DecisionId;

use super::hold::Key;
use super::hold::RuleName;

/// One question of a held decision.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// When it was recorded.
    pub at: Timestamp,
    /// What it rests on.
    pub evidence: Digest,
    /// That evidence by name, as it was read.
    pub facts: BTreeMap<String, String>,
    /// The decision.
    pub id: DecisionId,
    /// Whom it is for, and for what.
    pub key: Key,
    /// From where, or the mask of that.
    pub network: Option<String>,
    /// Why.
    pub reason: String,
    /// The route.
    pub route: String,
    /// The rule.
    pub rule: RuleName,
    /// The record's place in the ledger.
    pub sequence: u64,
    /// Whether somebody vouches for the subject.
    pub vouched: bool,
}

/// What a record has for the queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Clearances that it used.
    pub(super) cleared: Vec<String>,
    /// What it asks.
    pub(super) seen: Vec<Seen>,
}

impl Found {
    /// True if it has nothing for the queue.
    pub const fn is_empty(&self) -> bool {
        self.cleared.is_empty() && self.seen.is_empty()
    }
}

#[derive(Deserialize)]
struct View {
    action: Action,
    decision: Decision,
    #[serde(default)]
    evidence: Option<Map<String, Value>>,
    held: Option<Held>,
    id: DecisionId,
    route: String,
}

#[derive(Deserialize)]
struct Decision {
    clause: Option<String>,
    clearance: Option<Cleared>,
    nexus: Nexus,
    policy: Option<String>,
    reason: String,
    rule: Option<String>,
    verdict: String,
}

#[derive(Deserialize)]
struct Cleared {
    #[serde(default)]
    also: Vec<Self>,
    id: String,
}

#[derive(Deserialize)]
struct Nexus {
    buyer: String,
}

#[derive(Deserialize)]
struct Held {
    network: Option<String>,
    #[serde(default)]
    questions: Vec<Question>,
}

#[derive(Deserialize)]
struct Question {
    evidence: Digest,
    kind: Option<SubjectKind>,
    product: Option<String>,
    subject: Option<String>,
    vouched: bool,
}

/// What a record has for the queue. Of most records only the envelope is looked at.
///
/// # Errors
/// When a record that holds or was cleared cannot be read.
pub fn seen(
    record: &Record<'_>,
    keys: &SubjectKeys,
    masker: Option<&Masker>,
) -> Result<Found, LedgerError> {
    let Some(parts) = record.parts() else { return Ok(Found::default()) };
    // A quote inside a text is escaped, so that no text looks like these.
    let has = |bytes: &[u8], text: &str| memmem::find(bytes, text.as_bytes()).is_some();
    if !has(parts.envelope, r#""kind":"decision""#) {
        return Ok(Found::default());
    }
    let held = has(parts.envelope, r#""verdict":"review""#);
    if !held && !parts.document.is_some_and(|document| has(document, r#""clearance":{"#)) {
        return Ok(Found::default());
    }
    let unreadable = || LedgerError::Unreadable { sequence: record.sequence };
    // Who used a clearance stands in the document; a key that is gone hides nothing of that.
    let view = if held { record.view_with(keys)? } else { record.view()? };
    let is_sealed = parts.subject_key().is_some();
    let masker = masker.filter(|_| is_sealed);
    let view: View = serde_json::from_value(Value::Object(view)).map_err(|_| unreadable())?;
    let mut found = Found::default();
    if let Some(cleared) = &view.decision.clearance {
        found.cleared.extend(cleared.also.iter().map(|also| also.id.clone()));
        found.cleared.push(cleared.id.clone());
    }
    if view.decision.verdict == "review" {
        found.seen = questions(view, record, masker);
    }
    Ok(found)
}

fn questions(view: View, record: &Record<'_>, masker: Option<&Masker>) -> Vec<Seen> {
    // Without a personal part (it was erased, or is of an older version) nobody can be released.
    let Some(held) = view.held else { return Vec::new() };
    let View { action, decision, evidence, id, route, .. } = view;
    let facts = facts(evidence.as_ref(), &decision.nexus.buyer);
    let hidden = |text: String| match masker {
        Some(masker) => masker.mask(&text),
        None => text,
    };
    let network = held.network.map(hidden);
    let rule = RuleName {
        clause: decision.clause.unwrap_or_default(),
        policy: decision.policy.unwrap_or_default(),
        rule: decision.rule.unwrap_or_default(),
    };
    let one = |question: Question| Seen {
        at: record.instant,
        evidence: question.evidence,
        facts: facts.clone(),
        id,
        key: Key {
            action,
            kind: question.kind,
            product: question.product,
            subject: question.subject.map(hidden),
        },
        network: network.clone(),
        reason: decision.reason.clone(),
        route: route.clone(),
        rule: rule.clone(),
        sequence: record.sequence,
        vouched: question.vouched,
    };
    if held.questions.is_empty() {
        // What could not be read at all: it stands in the queue, and nobody can release it.
        let evidence = Digest::of(rule.rule.as_bytes());
        let (kind, product, subject) = (None, None, None);
        return vec![one(Question { evidence, kind, product, subject, vouched: false })];
    }
    held.questions.into_iter().map(one).collect()
}

/// Evidence by name, as it was read: no account, no address, no domain.
fn facts(evidence: Option<&Map<String, Value>>, nexus: &str) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::from([("nexus".to_owned(), nexus.to_owned())]);
    let Some(evidence) = evidence else { return facts };
    told(&mut facts, "", evidence);
    for (name, of) in [("registry", "registry."), ("claimed", "claim.")] {
        if let Some(part) = evidence.get(name).and_then(Value::as_object) {
            told(&mut facts, of, part);
        }
    }
    let addresses = evidence.get("addresses").and_then(Value::as_array).into_iter().flatten();
    let mut seen: Vec<String> = addresses
        .map(|address| {
            let country = address.get("country").and_then(Value::as_str).unwrap_or("unknown");
            let classes = address.get("classes").and_then(Value::as_array).into_iter().flatten();
            let words = std::iter::once(country).chain(classes.filter_map(Value::as_str));
            words.collect::<Vec<_>>().join(" ")
        })
        .collect();
    seen.sort_unstable();
    seen.dedup();
    if !seen.is_empty() {
        facts.insert("ip".to_owned(), seen.join(" "));
    }
    for name in ["account_standing", "vouching"] {
        let value = evidence.get(name).and_then(Value::as_str);
        if let Some(value) = value.filter(|value| *value != "not_asked") {
            facts.insert(name.to_owned(), value.to_owned());
        }
    }
    facts
}

fn told(facts: &mut BTreeMap<String, String>, of: &str, part: &Map<String, Value>) {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        // A text that names no country.
        _ => "unreadable".to_owned(),
    };
    for (name, value) in part.get("read").and_then(Value::as_object).into_iter().flatten() {
        let value = match value {
            Value::Array(values) if values.is_empty() => continue,
            Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
            value => text(value),
        };
        facts.insert(format!("{of}{name}"), value);
    }
    if let Some(us_person) = part.get("us_person").and_then(Value::as_bool) {
        facts.insert(format!("{of}us_person"), us_person.to_string());
    }
}
