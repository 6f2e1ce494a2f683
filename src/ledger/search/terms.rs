//! What a record can be found by. Only what is needed of it is parsed.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use super::super::parts::Parts;
use super::super::parts::json;

/// What a value is of.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Field {
    Account,
    Country,
    Kind,
    Nexus,
    Product,
    Rule,
    Verdict,
}

impl Field {
    /// Part of the index's format.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Account => 1,
            Self::Country => 2,
            Self::Kind => 3,
            Self::Nexus => 4,
            Self::Product => 5,
            Self::Rule => 6,
            Self::Verdict => 7,
        }
    }
}

/// A text, or anything else that is passed over.
#[derive(Debug, Default)]
struct Text<'a>(Option<Cow<'a, str>>);

#[derive(Debug, Default, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default)]
    rule: Text<'a>,
    #[serde(borrow, default)]
    verdict: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    country: Text<'a>,
    #[serde(borrow, default)]
    decision: Decision<'a>,
    #[serde(borrow, default)]
    evidence: Evidence<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Decision<'a> {
    #[serde(borrow, default)]
    items: Vec<Item<'a>>,
    #[serde(borrow, default)]
    nexus: Nexus<'a>,
    #[serde(borrow, default)]
    policy: Text<'a>,
    #[serde(borrow, default)]
    rule: Text<'a>,
    #[serde(borrow, default)]
    verdict: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    product: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Nexus<'a> {
    #[serde(borrow, default)]
    buyer: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Evidence<'a> {
    #[serde(borrow, default)]
    account: Text<'a>,
    #[serde(borrow, default)]
    addresses: Vec<Address<'a>>,
    #[serde(borrow, default)]
    billing_country: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Address<'a> {
    #[serde(borrow, default)]
    country: Text<'a>,
}

/// The id of a record, as its envelope has it.
pub(super) fn id<'a>(parts: &Parts<'a>) -> Option<Cow<'a, str>> {
    serde_json::from_slice::<Envelope<'a>>(parts.envelope).ok()?.id.0
}

/// Gives every value by which a record can be found, some more than once.
pub(super) fn each(parts: &Parts<'_>, told: &mut dyn FnMut(Field, &str)) {
    let envelope: Envelope<'_> = serde_json::from_slice(parts.envelope).unwrap_or_default();
    let document: Document<'_> = part(parts.document);
    let personal: Document<'_> = part(readable(parts));
    let mut tell = |field, text: &Text<'_>| {
        if let Some(text) = &text.0 {
            told(field, text);
        }
    };
    tell(Field::Kind, &envelope.kind);
    for verdict in [&envelope.verdict, &document.decision.verdict] {
        tell(Field::Verdict, verdict);
    }
    tell(Field::Nexus, &document.decision.nexus.buyer);
    for item in &document.decision.items {
        tell(Field::Product, &item.product);
    }
    for part in [&document, &personal] {
        tell(Field::Account, &part.evidence.account);
    }
    let parts = [&document, &personal];
    let said = parts.iter().any(|part| part.country.0.is_some());
    let mut country = |text: &Text<'_>| {
        if let Some(text) = &text.0 {
            told(Field::Country, &text.to_ascii_uppercase());
        }
    };
    for part in parts {
        country(&part.country);
        if !said {
            country(&part.evidence.billing_country);
            part.evidence.addresses.iter().for_each(|address| country(&address.country));
        }
    }
    if let Some(rule) = &envelope.rule.0 {
        told(Field::Rule, rule);
        told(Field::Rule, rule.split_once('/').map_or(rule, |(_, rule)| rule));
    }
    if let Some(rule) = &document.decision.rule.0 {
        told(Field::Rule, rule);
        if let Some(policy) = &document.decision.policy.0 {
            told(Field::Rule, &format!("{policy}/{rule}"));
        }
    }
}

/// The personal part, if it can be read: one in ciphertext has to be opened here, once there are keys of subjects.
const fn readable<'a>(parts: &Parts<'a>) -> Option<&'a [u8]> {
    parts.personal
}

/// A part that is no such object can be found by nothing in it.
fn part<'a, T: Default + Deserialize<'a>>(part: Option<&'a [u8]>) -> T {
    part.and_then(|part| serde_json::from_slice(json(part)).ok()).unwrap_or_default()
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}
