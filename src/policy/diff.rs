//! What changed between two sets of policy files, field by field. Instants are compared and shown in UTC, so that a zone
//! written otherwise is no change.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use toml::Value;

use super::language::compile::PolicyText;
use super::language::instant::instant;

/// One thing that differs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Difference {
    /// What became of it.
    pub change: Change,
    /// `policy`, `rule`, `product`, `vendor`, `country_list`, `exemption` or `milestone`.
    pub kind: String,
    /// `policy` or `policy/id`.
    pub name: String,
}

/// What became of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Only the new set has it.
    Added,
    /// These fields differ.
    Changed(Vec<FieldChange>),
    /// Only the old set has it.
    Removed,
}

/// A field that differs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct FieldChange {
    /// The key.
    pub field: String,
    /// As it is now; absent if it is gone.
    pub new: Option<String>,
    /// As it was; absent if it was not there.
    pub old: Option<String>,
}

/// Compares files that compile.
pub fn diff(old: &[PolicyText], new: &[PolicyText]) -> Vec<Difference> {
    let (old, new) = (parts(old), parts(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let mut differences = Vec::new();
    for key in keys {
        let change = match (old.get(key), new.get(key)) {
            (Some(old), Some(new)) if old == new => continue,
            (Some(old), Some(new)) => Change::Changed(fields(old, new)),
            (Some(_), None) => Change::Removed,
            (None, _) => Change::Added,
        };
        let (kind, name) = key.clone();
        differences.push(Difference { change, kind, name });
    }
    differences
}

type Fields = BTreeMap<String, Vec<String>>;

/// Everything with an id, by kind and name; each field as the values it holds.
fn parts(texts: &[PolicyText]) -> BTreeMap<(String, String), Fields> {
    let mut parts = BTreeMap::new();
    for text in texts {
        let Ok(file) = toml::from_str::<toml::Table>(&text.text) else { continue };
        // A milestone has no id: its title names it.
        let id = |table: &toml::Table| {
            let id = table.get("id").or_else(|| table.get("title"));
            id.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let policy = file.get("policy").and_then(Value::as_table).map(id).unwrap_or_default();
        for (kind, value) in &file {
            if let Some(table) = value.as_table() {
                parts.insert((kind.clone(), policy.clone()), fields_of(table));
            }
            for table in value.as_array().into_iter().flatten().filter_map(Value::as_table) {
                let name = format!("{policy}/{}", id(table));
                parts.insert((kind.clone(), name), fields_of(table));
            }
        }
    }
    parts
}

fn fields_of(table: &toml::Table) -> Fields {
    let values = |value: &Value| match value {
        Value::Array(values) => values.iter().map(show).collect(),
        value => vec![show(value)],
    };
    table.iter().map(|(key, value)| (key.clone(), values(value))).collect()
}

fn show(value: &Value) -> String {
    match value {
        Value::Array(values) => values.iter().map(show).collect::<Vec<_>>().join(", "),
        Value::Datetime(at) => instant(at).map_or_else(|_| at.to_string(), |at| at.to_string()),
        Value::String(text) => text.clone(),
        Value::Table(table) => {
            let fields = table.iter().map(|(key, value)| format!("{key} = {}", show(value)));
            fields.collect::<Vec<_>>().join(", ")
        }
        Value::Boolean(_) | Value::Float(_) | Value::Integer(_) => value.to_string(),
    }
}

fn fields(old: &Fields, new: &Fields) -> Vec<FieldChange> {
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    for key in keys {
        let (was, is) = (old.get(key), new.get(key));
        if was == is {
            continue;
        }
        // Of long lists only what came and went.
        let only = |these: Option<&Vec<String>>, others: Option<&Vec<String>>| {
            let these = these?;
            let kept = |v: &&String| others.is_none_or(|others| !others.contains(v));
            Some(these.iter().filter(kept).cloned().collect::<Vec<_>>().join(", "))
        };
        let (mut gone, mut come) = (only(was, is), only(is, was));
        if gone.as_deref() == Some("") && come.as_deref() == Some("") {
            // The same values in another order.
            gone = was.map(|values| values.join(", "));
            come = is.map(|values| values.join(", "));
        }
        changes.push(FieldChange { field: key.clone(), new: come, old: gone });
    }
    changes
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { change, kind, name } = self;
        match change {
            Change::Added => write!(f, "+ {kind} {name}"),
            Change::Removed => write!(f, "- {kind} {name}"),
            Change::Changed(fields) => {
                write!(f, "~ {kind} {name}")?;
                for field in fields {
                    write!(f, "\n    {}:", field.field)?;
                    for (sign, value) in [('-', &field.old), ('+', &field.new)] {
                        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                            write!(f, "\n      {sign} {value}")?;
                        }
                    }
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> Vec<String> {
        let text = |text: &str| {
            let text = format!("[policy]\nid = \"p\"\n{text}");
            [PolicyText { name: "p.toml".to_owned(), text }]
        };
        diff(&text(old), &text(new)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_instant_in_another_zone_is_no_change() {
        let rule = |at: &str| format!("[[rule]]\nid = \"r\"\neffective = {at}\n");
        let eastern = rule("2024-07-20T00:00:00-04:00");
        assert_eq!(shown(&eastern, &rule("2024-07-20T04:00:00Z")), Vec::<String>::new());
        assert_eq!(
            shown(&eastern, &rule("2024-07-20T04:00:01Z")),
            [
                "~ rule p/r\n    effective:\n      - 2024-07-20T04:00:00Z\n      + 2024-07-20T04:00:01Z"
            ]
        );
    }

    #[test]
    fn lists_show_what_came_and_went() {
        let product = |names: &str| format!("[[product]]\nid = \"p.x\"\nnames = [{names}]\n");
        let changed = shown(&product("\"a\", \"b\""), &product("\"b\", \"c\""));
        assert_eq!(changed, ["~ product p/p.x\n    names:\n      - a\n      + c"]);
        assert_eq!(shown(&product("\"a\""), ""), ["- product p/p.x"]);
        assert_eq!(shown("", &product("\"a\"")), ["+ product p/p.x"]);
    }
}
