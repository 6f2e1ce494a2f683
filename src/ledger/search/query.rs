//! What is looked for.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::model::DecisionId;

use super::super::reader::Record;
use super::secret::Secret;
use super::terms;
use super::terms::Field;

/// Criteria that must all hold; the newest records come first.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Query {
    /// `evidence.account`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Only records before this sequence number: where another search left off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// `country`; where a record has none, `evidence.billing_country` and those of `evidence.addresses`. Letter case does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Not before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Id of the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `kind`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Most records to give; 0 is none.
    pub limit: usize,
    /// `decision.nexus.buyer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nexus: Option<String>,
    /// The `product` of one of `decision.items`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// `decision.rule`, with or without its policy before a `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// `decision.verdict`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
}

impl Query {
    /// Criteria that are in the index, in the form in which they are there.
    pub(super) fn terms(&self) -> Vec<(Field, String)> {
        let country = self.country.as_ref().map(|country| country.to_ascii_uppercase());
        let given = [
            (Field::Account, &self.account),
            (Field::Country, &country),
            (Field::Kind, &self.kind),
            (Field::Nexus, &self.nexus),
            (Field::Product, &self.product),
            (Field::Rule, &self.rule),
            (Field::Verdict, &self.verdict),
        ];
        let given = given.into_iter().filter_map(|(field, value)| Some((field, value.clone()?)));
        given.collect()
    }

    /// The tags that a record must bear.
    pub(super) fn tags(&self, secret: &Secret) -> Vec<u64> {
        self.terms().iter().map(|(field, value)| secret.tag(*field, value)).collect()
    }

    /// When the record with this id was made; ids are `UUIDv7`.
    pub(super) fn made(&self) -> Option<Timestamp> {
        let id = DecisionId::parse(self.id.as_deref()?)?;
        let digits: String = id.to_string().chars().filter(|c| *c != '-').take(12).collect();
        Timestamp::from_millisecond(i64::from_str_radix(&digits, 16).ok()?).ok()
    }

    /// Whether a record meets all criteria, the cursor apart.
    pub(super) fn is_met(&self, terms: &[(Field, String)], record: &Record<'_>) -> bool {
        let in_time = self.from.is_none_or(|from| record.instant >= from)
            && self.to.is_none_or(|to| record.instant < to);
        if !in_time {
            return false;
        }
        let Some(parts) = record.parts() else { return false };
        if let Some(id) = &self.id {
            let own = terms::id(&parts);
            if own.is_none_or(|own| !own.eq_ignore_ascii_case(id)) {
                return false;
            }
        }
        if terms.is_empty() {
            return true;
        }
        let mut missing: Vec<_> = terms.iter().collect();
        terms::each(&parts, &mut |field, value| {
            missing.retain(|(wanted, text)| *wanted != field || text != value);
        });
        missing.is_empty()
    }
}
