//! The evidence of a held decision as a table: what was said, what it was read as, and what it weighs.
//!
//! It reads the record's own words; it decides nothing. What it calls unclear is what `policy::engine::nexus` takes for no answer.

use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use utoipa::ToSchema;

use crate::model::Country;

/// A piece of evidence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub(in crate::admin) struct Piece {
    /// What it is of.
    #[schema(example = "billing country")]
    pub(in crate::admin) name: String,
    /// What it was read as; absent where it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) read: Option<String>,
    /// As it was received; absent where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) said: Option<String>,
    /// What it says of where the buyer is.
    pub(in crate::admin) weighs: Weight,
    /// Why it weighs that, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) why: Option<String>,
}

/// What a piece of evidence says.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::admin) enum Weight {
    /// Outside the United States.
    Foreign,
    /// Nothing of where.
    Nothing,
    /// It should say, and cannot be relied upon: the gap that the hold rests on.
    Unclear,
    /// In or of the United States.
    UnitedStates,
}

impl Weight {
    /// Class, symbol and word of its badge.
    pub(in crate::admin) const fn badge(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Foreign => ("good", "globe", "Outside the US"),
            Self::Nothing => ("plain", "info", "Says nothing"),
            Self::Unclear => ("warn", "warn", "Unclear"),
            Self::UnitedStates => ("bad", "block", "United States"),
        }
    }
}

/// Members that name one country, in the order in which people think of them.
const COUNTRIES: [(&str, &str); 5] = [
    ("billing_country", "billing country"),
    ("shipping_country", "shipping country"),
    ("organization_country", "company's country"),
    ("parent_country", "parent company's country"),
    ("declared_country", "declared country"),
];
const LISTS: [(&str, &str); 2] =
    [("citizenship", "citizenship"), ("permanent_resident_of", "permanent residence")];

/// The pieces of a record's evidence.
pub(in crate::admin) fn pieces(evidence: &Map<String, Value>) -> Vec<Piece> {
    let mut found = Vec::new();
    told(&mut found, "", evidence);
    addresses(&mut found, evidence);
    for (member, of) in [("registry", "Registry: "), ("claimed", "Token: ")] {
        if let Some(part) = evidence.get(member).and_then(Value::as_object) {
            told(&mut found, of, part);
        }
    }
    if text(evidence.get("account_standing")).as_deref() == Some("missing") {
        found.push(Piece {
            name: "account".to_owned(),
            read: None,
            said: None,
            weighs: Weight::Unclear,
            why: Some("the route requires an account, and none was named".to_owned()),
        });
    }
    let silent = found.iter().all(|piece| piece.weighs == Weight::Nothing);
    if silent {
        found.push(Piece {
            name: "place".to_owned(),
            read: None,
            said: None,
            weighs: Weight::Unclear,
            why: Some("nothing that was sent says where the buyer is".to_owned()),
        });
    }
    found
}

fn told(found: &mut Vec<Piece>, of: &str, part: &Map<String, Value>) {
    let read = part.get("read").and_then(Value::as_object);
    let region = |name: &str| match name {
        "billing_country" => text(part.get("billing_region")),
        "shipping_country" => text(part.get("shipping_region")),
        _ => None,
    };
    for (member, name) in COUNTRIES {
        if let Some(said) = text(part.get(member)) {
            let reading = read.and_then(|read| read.get(member));
            let said =
                region(member).map_or_else(|| said.clone(), |place| format!("{said}, {place}"));
            found.push(country(format!("{of}{name}"), said, reading));
        }
    }
    for (member, name) in LISTS {
        let said = part.get(member).and_then(Value::as_array).into_iter().flatten();
        for (index, said) in said.enumerate() {
            let readings = read.and_then(|read| read.get(member)).and_then(Value::as_array);
            let reading = readings.and_then(|all| all.get(index));
            found.push(country(
                format!("{of}{name}"),
                text(Some(said)).unwrap_or_default(),
                reading,
            ));
        }
    }
    if let Some(us_person) = part.get("us_person").and_then(Value::as_bool) {
        let (said, weighs) = match us_person {
            true => ("yes", Weight::UnitedStates),
            false => ("no", Weight::Foreign),
        };
        let (read, why) = (Some(said.to_owned()), None);
        found.push(Piece {
            name: format!("{of}US person"),
            read: read.clone(),
            said: read,
            weighs,
            why,
        });
    }
    if let Some(domain) = text(part.get("email_domain")) {
        let reading = text(read.and_then(|read| read.get("email")));
        let (weighs, why) = match reading.as_deref() {
            Some("us_government") => {
                (Weight::UnitedStates, Some("a domain of the United States' government"))
            }
            Some("unreadable") => (Weight::Unclear, Some("no address of mail")),
            _ => (Weight::Nothing, None),
        };
        let why = why.map(ToOwned::to_owned);
        found.push(Piece {
            name: format!("{of}e-mail domain"),
            read: reading.map(|reading| reading.replace('_', " ")),
            said: Some(domain),
            weighs,
            why,
        });
    }
}

fn country(name: String, said: String, reading: Option<&Value>) -> Piece {
    let read = text(reading);
    let (weighs, why) = match read.as_deref().map(is_american) {
        Some(true) => (Weight::UnitedStates, None),
        Some(false) => (Weight::Foreign, None),
        None => (Weight::Unclear, Some("it names no country".to_owned())),
    };
    Piece { name, read, said: Some(said), weighs, why }
}

fn addresses(found: &mut Vec<Piece>, evidence: &Map<String, Value>) {
    let each = evidence.get("addresses").and_then(Value::as_array).into_iter().flatten();
    for address in each {
        let country = text(address.get("country"));
        let classes: Vec<_> = address
            .get("classes")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let (weighs, why) = match (country.as_deref().map(is_american), classes.is_empty()) {
            _ if classes.iter().any(|class| matches!(*class, "us-military" | "us_military")) => {
                (Weight::UnitedStates, None)
            }
            (_, false) => (Weight::Unclear, Some(hiding(&classes))),
            (Some(true), true) => (Weight::UnitedStates, None),
            (Some(false), true) => (Weight::Foreign, None),
            (None, true) => {
                (Weight::Unclear, Some("no source knows where the address is".to_owned()))
            }
        };
        let origin = text(address.get("origin")).unwrap_or_default();
        let name = match origin.as_str() {
            "client" => "client's address".to_owned(),
            "transaction" => "address in the order".to_owned(),
            _ => "address".to_owned(),
        };
        let read = [country.as_deref()].into_iter().flatten().chain(classes.iter().copied());
        let read = read.collect::<Vec<_>>().join(", ");
        let said = text(address.get("address"));
        found.push(Piece {
            name,
            read: Some(read).filter(|read| !read.is_empty()),
            said,
            weighs,
            why,
        });
    }
}

/// Why an address of these classes says nothing of where somebody is.
fn hiding(classes: &[&str]) -> String {
    let hides = |class: &&&str| matches!(**class, "vpn" | "tor" | "proxy" | "anonymous");
    match classes.iter().find(|class| hides(class)) {
        Some(class) => format!(
            "{} hides where the connection begins",
            match *class {
                "tor" => "Tor",
                "vpn" => "a VPN",
                "proxy" => "a proxy",
                _ => "an anonymous network",
            }
        ),
        None => "an address of this kind does not tell where its user is".to_owned(),
    }
}

fn is_american(code: &str) -> bool {
    let country = Country::from_alpha2(code.as_bytes().try_into().unwrap_or_default());
    country.is_some_and(Country::is_united_states)
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    }
}

/// The pieces as the queue keeps them, for an entry whose records cannot be read any more.
pub(in crate::admin) fn remembered<'a>(
    facts: impl Iterator<Item = (&'a String, &'a String)>,
) -> Vec<Piece> {
    let facts = facts.filter(|(name, _)| *name != "nexus");
    let one = |(name, value): (&String, &String)| {
        let words = || value.split(' ');
        let known: Vec<_> = words()
            .filter(|word| word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_uppercase()))
            .collect();
        let weighs = if known.iter().any(|code| is_american(code)) {
            Weight::UnitedStates
        } else if words().count() > known.len() {
            Weight::Unclear
        } else {
            Weight::Foreign
        };
        let name = name.replace(['_', '.'], " ");
        Piece { name, read: Some(value.clone()), said: None, weighs, why: None }
    };
    facts.map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn weights(evidence: &Value) -> Vec<(String, Weight)> {
        let found = pieces(evidence.as_object().unwrap());
        found.into_iter().map(|piece| (piece.name, piece.weighs)).collect()
    }

    #[test]
    fn what_hides_or_cannot_be_read_is_the_gap() {
        let evidence = json!({
            "addresses": [
                { "address": "192.0.2.7", "answers": [], "classes": ["vpn"], "country": "NL", "origin": "client" },
            ],
            "billing_country": "Nederlandt",
            "read": { "billing_country": null, "shipping_country": "NL" },
            "shipping_country": "NL",
            "us_person": false,
        });
        let expected = [
            ("billing country", Weight::Unclear),
            ("shipping country", Weight::Foreign),
            ("US person", Weight::Foreign),
            ("client's address", Weight::Unclear),
        ];
        let expected: Vec<_> =
            expected.into_iter().map(|(name, weight)| (name.to_owned(), weight)).collect();
        assert_eq!(weights(&evidence), expected);
        let found = pieces(evidence.as_object().unwrap());
        assert_eq!(found[3].why.as_deref(), Some("a VPN hides where the connection begins"));
        assert_eq!(found[3].read.as_deref(), Some("NL, vpn"));
    }

    #[test]
    fn territories_are_the_united_states_and_silence_is_a_gap() {
        let ship = json!({ "shipping_country": "Guam", "read": { "shipping_country": "GU" } });
        assert_eq!(weights(&ship), [("shipping country".to_owned(), Weight::UnitedStates)]);
        assert_eq!(weights(&json!({})), [("place".to_owned(), Weight::Unclear)]);
    }
}
