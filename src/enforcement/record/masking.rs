//! Texts without activation codes and licence keys, and the places where something was taken out.

use std::borrow::Cow;

use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;

use crate::enforcement::secrets::account_without_secrets;
use crate::enforcement::secrets::without_secrets;
use crate::model::Number;
use crate::model::StrictValue;

use super::canonical;

/// Where the record does not say what was judged, as paths from its root such as `items.0.sku`.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub(super) struct Masked(Vec<String>);

impl Masked {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn note(&mut self, place: impl FnOnce() -> String) {
        self.0.push(place());
    }

    /// A text as a record may hold it.
    pub(super) fn text<'a>(
        &mut self,
        text: &'a str,
        place: impl FnOnce() -> String,
    ) -> Cow<'a, str> {
        let kept = without_secrets(text);
        if matches!(kept, Cow::Owned(_)) {
            self.note(place);
        }
        kept
    }

    /// An account as a record may hold it.
    pub(super) fn account<'a>(&mut self, account: &'a str, place: &'static str) -> Cow<'a, str> {
        let kept = account_without_secrets(account);
        if *kept != *account {
            self.note(|| place.to_owned());
        }
        kept
    }

    /// An item's free attributes as a record may hold them.
    pub(super) fn attributes<'a>(
        &mut self,
        attributes: &'a [(String, StrictValue)],
        item: usize,
    ) -> Option<Attributes<'a>> {
        for (name, value) in attributes {
            if is_changed(value) {
                self.note(|| format!("items.{item}.attributes.{name}"));
            }
        }
        (!attributes.is_empty()).then_some(Attributes(attributes))
    }
}

/// Free attributes, sorted as canonical JSON has them.
pub(super) struct Attributes<'a>(&'a [(String, StrictValue)]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        members(self.0, serializer)
    }
}

struct Plain<'a>(&'a StrictValue);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            StrictValue::Array(values) => serializer.collect_seq(values.iter().map(Plain)),
            StrictValue::Object(all) => members(all, serializer),
            StrictValue::String(text) => serializer.serialize_str(&without_secrets(text)),
            value @ (StrictValue::Bool(_) | StrictValue::Null | StrictValue::Number(_)) => {
                value.serialize(serializer)
            }
        }
    }
}

/// RFC 8785, 3.2.3: members by the UTF-16 units of their names.
fn members<S: Serializer>(all: &[(String, StrictValue)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut sorted: Vec<_> = all.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    let mut map = serializer.serialize_map(Some(sorted.len()))?;
    for (name, value) in sorted {
        map.serialize_entry(name, &Plain(value))?;
    }
    map.end()
}

/// True if the record says something else than the value: a secret is masked, a number too large is a text.
fn is_changed(value: &StrictValue) -> bool {
    match value {
        StrictValue::Array(values) => values.iter().any(is_changed),
        StrictValue::Bool(_) | StrictValue::Null => false,
        StrictValue::Number(Number::Float(number)) => canonical::is_text(*number),
        StrictValue::Number(Number::Negative(number)) => number.unsigned_abs() > canonical::EXACT,
        StrictValue::Number(Number::Positive(number)) => *number > canonical::EXACT,
        StrictValue::Object(members) => members.iter().any(|(_, value)| is_changed(value)),
        StrictValue::String(text) => matches!(without_secrets(text), Cow::Owned(_)),
    }
}
