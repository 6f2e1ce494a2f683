//! A record told in plain words: what was decided and why, how each piece of evidence weighed, every rule that was looked at.
//!
//! All of it is from the record itself, never from what is in force now, so that it tells of a decision of years ago as it was made. Only
//! the link to an authority's text is added.

mod rows;
mod sentences;
mod words;

use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use utoipa::ToSchema;

use crate::model::Verdict;

use super::record::Opened;

/// A record in words.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(in crate::admin) struct Explained {
    /// What was asked for, such as `resale`.
    pub(in crate::admin) action: Option<String>,
    /// The rule's authority; null where no rule decided.
    pub(in crate::admin) citation: Option<Citation>,
    /// By whose release it passes; null where nobody released it.
    pub(in crate::admin) clearance: Option<Vec<Pair>>,
    /// What was known of the buyer: what was said, what it was read as, how it weighed.
    pub(in crate::admin) evidence: Vec<Said>,
    /// What is not shown, and why.
    pub(in crate::admin) hidden: Vec<String>,
    /// The record's id.
    pub(in crate::admin) id: String,
    /// What was asked for, line by line.
    pub(in crate::admin) items: Vec<ItemLine>,
    /// The kind of record.
    #[schema(example = "decision")]
    pub(in crate::admin) kind: String,
    /// What became of the request.
    pub(in crate::admin) outcome: Option<String>,
    /// The record that this one speaks of.
    pub(in crate::admin) of: Option<String>,
    /// Buyer and seller, and where they stand.
    pub(in crate::admin) parties: Vec<Party>,
    /// When it was made (RFC 3339).
    pub(in crate::admin) recorded: String,
    /// The request: method, host, path and the rest.
    pub(in crate::admin) request: Vec<Pair>,
    /// Every rule that was looked at.
    pub(in crate::admin) rules: Vec<RuleTold>,
    /// Its place in the ledger.
    pub(in crate::admin) sequence: u64,
    /// The why, a sentence each.
    pub(in crate::admin) sentences: Vec<String>,
    /// In a word or two, such as `Blocked`.
    pub(in crate::admin) title: String,
    /// What was decided; null where nothing was.
    #[schema(value_type = Option<String>)]
    pub(in crate::admin) verdict: Option<Verdict>,
}

/// The authority behind a rule.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(in crate::admin) struct Citation {
    /// What the rule rests on, in words.
    pub(in crate::admin) basis: String,
    /// The authority's text, such as `89 FR 52434`.
    pub(in crate::admin) citation: String,
    /// Its clause.
    pub(in crate::admin) clause: String,
    /// Where the text can be read; null where that is not known.
    pub(in crate::admin) link: Option<String>,
    /// The policy.
    pub(in crate::admin) policy: String,
    /// The rule.
    pub(in crate::admin) rule: String,
}

/// A name and what stands there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Pair {
    /// The name.
    pub(in crate::admin) name: String,
    /// What stands there.
    pub(in crate::admin) value: String,
}

/// A piece of evidence.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Said {
    /// True if the decision rests on it.
    pub(in crate::admin) decisive: bool,
    /// The field's name in records.
    #[schema(example = "billing_country")]
    pub(in crate::admin) field: String,
    /// What it was read as.
    pub(in crate::admin) read: String,
    /// As it was received.
    pub(in crate::admin) said: String,
    /// How it weighed.
    pub(in crate::admin) weighed: String,
    /// What it is, in words.
    pub(in crate::admin) what: String,
}

/// A line of what was asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct ItemLine {
    /// What put it into the product group.
    pub(in crate::admin) matched_by: Option<String>,
    /// Its name, as received.
    pub(in crate::admin) name: Option<String>,
    /// The product group that it belongs to.
    pub(in crate::admin) product: Option<String>,
    /// How many.
    pub(in crate::admin) quantity: Option<String>,
    /// Its SKU, as received.
    pub(in crate::admin) sku: Option<String>,
    /// Its vendor, as received.
    pub(in crate::admin) vendor: Option<String>,
    /// What was decided of it alone.
    #[schema(value_type = Option<String>)]
    pub(in crate::admin) verdict: Option<Verdict>,
}

/// A party, and where it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Party {
    /// What decided it.
    pub(in crate::admin) because: Vec<String>,
    /// `us`, `foreign` or `unclear`.
    pub(in crate::admin) nexus: String,
    /// In words.
    pub(in crate::admin) stands: String,
    /// `Buyer` or `Seller`.
    pub(in crate::admin) who: String,
}

/// A rule that was looked at.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct RuleTold {
    /// Its clause.
    pub(in crate::admin) clause: String,
    /// True if it is the one that decided.
    pub(in crate::admin) decided: bool,
    /// What became of it, by docs/records.md.
    #[schema(example = "applied")]
    pub(in crate::admin) outcome: String,
    /// The policy.
    pub(in crate::admin) policy: String,
    /// The rule.
    pub(in crate::admin) rule: String,
    /// What it gave, or would have given.
    #[schema(value_type = Option<String>)]
    pub(in crate::admin) verdict: Option<Verdict>,
    /// What became of it, in words.
    pub(in crate::admin) words: String,
}

/// Members of a record by their path.
#[derive(Clone, Copy)]
struct At<'a>(Option<&'a Value>);

impl<'a> At<'a> {
    fn of(view: &'a Map<String, Value>, name: &str) -> Self {
        At(view.get(name))
    }

    fn get(self, name: &str) -> Self {
        At(self.0.and_then(|value| value.get(name)))
    }

    fn each(self) -> impl Iterator<Item = Self> {
        self.0.and_then(Value::as_array).into_iter().flatten().map(|value| At(Some(value)))
    }

    fn str(self) -> Option<&'a str> {
        self.0.and_then(Value::as_str)
    }

    /// A text, number or truth value as it is shown.
    fn text(self) -> Option<String> {
        match self.0? {
            Value::Bool(true) => Some("yes".to_owned()),
            Value::Bool(false) => Some("no".to_owned()),
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) => Some(text.clone()),
            Value::Array(values) => {
                let texts: Vec<_> =
                    values.iter().filter_map(|value| At(Some(value)).text()).collect();
                (!texts.is_empty()).then(|| texts.join(", "))
            }
            Value::Null | Value::Object(_) => None,
        }
    }

    fn owned(self) -> String {
        self.text().unwrap_or_default()
    }

    fn verdict(self) -> Option<Verdict> {
        let text = self.str()?;
        Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == text)
    }
}

/// Tells a record, and what became of its request.
pub(in crate::admin) fn explain(
    opened: &Opened,
    outcome: Option<&Map<String, Value>>,
) -> Explained {
    let view = &opened.view;
    let of = |name: &str| At::of(view, name);
    let decision = of("decision");
    let verdict = decision.get("verdict").verdict();
    let kind = of("kind").owned();
    let because: Vec<&str> =
        decision.get("nexus").get("because").each().filter_map(At::str).collect();
    Explained {
        action: of("action").text(),
        citation: rows::citation(decision),
        clearance: rows::clearance(decision),
        evidence: rows::evidence(of("evidence"), &because),
        hidden: opened.hidden.clone(),
        id: opened.id.to_string(),
        items: rows::lines(of("items"), decision),
        of: of("of").text(),
        outcome: outcome.map(sentences::outcome),
        parties: rows::parties(decision, of("seller")),
        recorded: of("time").owned(),
        request: rows::request(view),
        rules: rows::rules(of("rules"), decision),
        sequence: opened.sequence,
        sentences: sentences::of(&kind, view, verdict),
        title: words::title(&kind, verdict).to_owned(),
        kind,
        verdict,
    }
}
