//! What was held: one entry for each subject, product group and action.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::clearance::Digest;
use crate::clearance::SubjectKind;
use crate::model::Action;
use crate::model::Country;
use crate::model::DecisionId;

use super::reading::Seen;

/// Decisions that an entry names, the newest last.
const DECISIONS: usize = 32;

/// Whom an entry is for, and for what.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The action.
    pub action: Action,
    /// What the subject is; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<SubjectKind>,
    /// The product group; absent where nothing identifies the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// A `clearance::Subject`'s text, or its mask; absent where nothing names anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// A rule by its names.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RuleName {
    /// The clause of the authority.
    pub clause: String,
    /// The policy's id.
    pub policy: String,
    /// The rule's id.
    pub rule: String,
}

/// An entry: what was held under one key.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Hold {
    /// How many holds there were.
    pub count: u64,
    /// The last of them, the newest last.
    pub decisions: Vec<DecisionId>,
    /// What the last one rests on.
    pub evidence: Digest,
    /// What that evidence was, by name, as it was read: countries, classes, nexus. Nothing that names a person.
    pub facts: BTreeMap<String, String>,
    /// When the first was held.
    pub first: Timestamp,
    /// Whom it is for, and for what.
    pub key: Key,
    /// When the last was held.
    pub last: Timestamp,
    /// From where the last one came, or the mask of that.
    pub network: Option<String>,
    /// Since when somebody should do something about it.
    pub opened: Timestamp,
    /// Why, as the last decision says.
    pub reason: String,
    /// The route that held the last one.
    pub route: String,
    /// The rule that held the last one.
    pub rule: RuleName,
    /// The last one's place in the ledger.
    pub sequence: u64,
    /// Whether somebody vouched for the subject of the last one.
    pub vouched: bool,
}

impl Key {
    /// The entry's name: the same for the same key, and it tells nothing of it.
    pub fn id(&self) -> String {
        let Self { action, product, subject, .. } = self;
        let parts = (action.as_str(), product, subject);
        let text = serde_json::to_string(&parts).unwrap_or_else(|_| format!("{parts:?}"));
        Digest::of(text.as_bytes()).to_string().chars().take(32).collect()
    }
}

impl Hold {
    pub(super) fn new(seen: &Seen) -> Self {
        Self {
            count: 0,
            decisions: Vec::new(),
            evidence: seen.evidence,
            facts: BTreeMap::new(),
            first: seen.at,
            key: seen.key.clone(),
            last: seen.at,
            network: None,
            opened: seen.at,
            reason: String::new(),
            route: String::new(),
            rule: seen.rule.clone(),
            sequence: seen.sequence,
            vouched: false,
        }
    }

    pub(super) fn add(&mut self, seen: &Seen) {
        self.count = self.count.saturating_add(1);
        self.decisions.push(seen.id);
        if self.decisions.len() > DECISIONS {
            self.decisions.remove(0);
        }
        self.evidence = seen.evidence;
        self.facts.clone_from(&seen.facts);
        self.last = seen.at;
        self.network.clone_from(&seen.network);
        self.reason.clone_from(&seen.reason);
        self.route.clone_from(&seen.route);
        self.rule.clone_from(&seen.rule);
        self.sequence = seen.sequence;
        self.vouched = seen.vouched;
    }

    /// The last hold.
    pub fn decision(&self) -> Option<DecisionId> {
        self.decisions.last().copied()
    }

    /// What kind of evidence it is: `billing_country=foreign ip=foreign+vpn`. Entries that differ in countries only are alike.
    pub fn pattern(&self) -> String {
        let kinds: Vec<_> =
            self.facts.iter().map(|(name, value)| format!("{name}={}", kind(value))).collect();
        kinds.join(" ")
    }
}

/// A value without what tells one country from another.
fn kind(value: &str) -> String {
    let of = |word: &str| match Country::from_alpha2(word.as_bytes().try_into().unwrap_or_default())
    {
        Some(country) if country.is_united_states() => "us".to_owned(),
        Some(_) => "foreign".to_owned(),
        None => word.to_owned(),
    };
    let mut words: Vec<_> = value.split(' ').map(of).collect();
    words.sort_unstable();
    words.dedup();
    words.join("+")
}
