//! The document as an owned tree in which every key and value remembers where it was written.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// A value of TOML.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Array(Vec<Node>),
    Boolean(bool),
    /// A date or time; no key takes one.
    Datetime(String),
    /// A fraction; no key takes one.
    Float(String),
    /// Sign and decimal digits; `None` where it does not fit.
    Integer(Option<i64>, String),
    String(String),
    Table(Vec<Entry>),
}

/// A key of a table with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_origin: Origin,
    pub(super) node: Node,
}

/// Where something was written.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// An environment variable, with its text where it is the whole of the value.
    Environment { name: Arc<str>, raw: Option<Arc<str>> },
    /// The file as a whole.
    File,
    /// Bytes of the file.
    Span(Range<usize>),
}

impl Node {
    /// The tree of a document.
    pub(super) fn document(table: &Spanned<DeTable<'_>>) -> Self {
        Self { origin: Origin::File, value: Value::table(table.get_ref(), &Origin::Span) }
    }

    /// The tree of one value out of an environment variable: TOML where it is, else the text itself.
    pub(super) fn of_variable(name: &Arc<str>, text: &str) -> Self {
        let nested = |_: Range<usize>| Origin::Environment { name: Arc::clone(name), raw: None };
        let value = match DeValue::parse(text) {
            Ok(parsed) => Value::of(parsed.get_ref(), &nested),
            Err(_) => Value::String(text.to_owned()),
        };
        let origin = Origin::Environment { name: Arc::clone(name), raw: Some(text.into()) };
        Self { origin, value }
    }
}

impl Value {
    /// What it is, with its article.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Array(_) => "an array",
            Self::Boolean(_) => "a boolean",
            Self::Datetime(_) => "a date",
            Self::Float(_) => "a fraction",
            Self::Integer(..) => "an integer",
            Self::String(_) => "a text",
            Self::Table(_) => "a table",
        }
    }

    /// The text of a value that is neither array nor table.
    pub(super) fn scalar(&self) -> Option<String> {
        match self {
            Self::Boolean(value) => Some(value.to_string()),
            Self::Datetime(text)
            | Self::Float(text)
            | Self::Integer(_, text)
            | Self::String(text) => Some(text.clone()),
            Self::Array(_) | Self::Table(_) => None,
        }
    }

    fn of(value: &DeValue<'_>, origin: &dyn Fn(Range<usize>) -> Origin) -> Self {
        match value {
            DeValue::Array(array) => Self::Array(
                array
                    .iter()
                    .map(|element| Node {
                        origin: origin(element.span()),
                        value: Self::of(element.get_ref(), origin),
                    })
                    .collect(),
            ),
            DeValue::Boolean(value) => Self::Boolean(*value),
            DeValue::Datetime(value) => Self::Datetime(value.to_string()),
            DeValue::Float(value) => Self::Float(value.to_string()),
            DeValue::Integer(value) => Self::Integer(
                i64::from_str_radix(value.as_str(), value.radix()).ok(),
                value.to_string(),
            ),
            DeValue::String(value) => Self::String(value.clone().into_owned()),
            DeValue::Table(table) => Self::table(table, origin),
        }
    }

    fn table(table: &DeTable<'_>, origin: &dyn Fn(Range<usize>) -> Origin) -> Self {
        Self::Table(
            table
                .iter()
                .map(|(key, value)| Entry {
                    key: key.get_ref().clone().into_owned(),
                    key_origin: origin(key.span()),
                    node: Node {
                        origin: origin(value.span()),
                        value: Self::of(value.get_ref(), origin),
                    },
                })
                .collect(),
        )
    }
}
