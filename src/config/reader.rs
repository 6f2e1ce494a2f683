//! Reading a spanned tree by hand, so that one pass finds every problem.
//!
//! A [`Section`] hands out its keys by name and, when it goes out of scope, reports the keys nobody asked for: forgetting a
//! key here makes it unknown, never ignored. A [`Field`] turns a value into a refined type, or records why it cannot and
//! gives nothing; the caller goes on with a default, and the configuration as a whole is refused at the end.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::problem::Found;
use super::tree::{Entry, Node, Origin, Value};
use super::units;

/// What one reading of a document collects.
#[derive(Debug)]
pub(super) struct Context {
    base: PathBuf,
    problems: RefCell<Vec<Found>>,
}

/// A table whose keys are read by name.
#[derive(Debug)]
pub(super) struct Section<'a> {
    cx: &'a Context,
    entries: &'a [Entry],
    key: String,
    known: RefCell<Vec<&'static str>>,
    open: bool,
    origin: Origin,
}

/// One value with its key.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    cx: &'a Context,
    pub(super) key: String,
    node: &'a Node,
}

/// What a value is made of, where a key takes more than one kind.
#[derive(Debug)]
pub(super) enum Shape<'a> {
    Array(Vec<Field<'a>>),
    Scalar,
    Table,
}

impl Context {
    /// Relative paths are relative to `base`.
    pub(super) fn new(base: PathBuf, found: Vec<Found>) -> Self {
        Self { base, problems: RefCell::new(found) }
    }

    pub(super) fn root<'a>(&'a self, node: &'a Node) -> Section<'a> {
        let entries: &[Entry] = match &node.value {
            Value::Table(entries) => entries,
            _ => &[],
        };
        Section::new(self, String::new(), Origin::File, entries)
    }

    /// The problems.
    pub(super) fn into_found(self) -> Vec<Found> {
        self.problems.into_inner()
    }
}

impl<'a> Section<'a> {
    fn new(cx: &'a Context, key: String, origin: Origin, entries: &'a [Entry]) -> Self {
        Self { cx, entries, key, known: RefCell::default(), open: false, origin }
    }

    /// The value of a key, if it is there.
    pub(super) fn at(&self, name: &'static str) -> Option<Field<'a>> {
        self.known.borrow_mut().push(name);
        self.entries.iter().find(|entry| entry.key == name).map(|entry| self.field(entry))
    }

    /// The value of a key that must be there; `example` shows what to write.
    pub(super) fn need(&self, name: &'static str, example: &str) -> Option<Field<'a>> {
        let field = self.at(name);
        if field.is_none() {
            self.problem_at(name, format!("missing: write `{name} = {example}`"));
        }
        field
    }

    /// Every key: none is unknown here.
    pub(super) fn each(&mut self) -> Vec<(&'a str, Field<'a>)> {
        self.open = true;
        self.entries.iter().map(|entry| (entry.key.as_str(), self.field(entry))).collect()
    }

    /// The table under a key, if it is there.
    pub(super) fn section(&self, name: &'static str) -> Option<Self> {
        self.at(name).and_then(|field| field.table())
    }

    /// The tables of `[[name]]`.
    pub(super) fn tables(&self, name: &'static str) -> Vec<Self> {
        let Some(field) = self.at(name) else { return Vec::new() };
        match &field.node.value {
            Value::Array(_) => field.elements().iter().filter_map(Field::table).collect(),
            Value::Table(_) => {
                field.problem(format!("expected a list of tables: write `[[{name}]]`"));
                Vec::new()
            }
            other => {
                field.problem(format!(
                    "expected tables, found {}: write `[[{name}]]`",
                    other.kind()
                ));
                Vec::new()
            }
        }
    }

    /// True if nothing stands in it.
    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Records a problem of the section as a whole.
    pub(super) fn problem(&self, message: impl Into<String>) {
        self.push(self.key.clone(), message.into());
    }

    /// Records a problem of a key that is not there.
    pub(super) fn problem_at(&self, name: &str, message: impl Into<String>) {
        self.push(join(&self.key, name), message.into());
    }

    fn push(&self, key: String, message: String) {
        let origin = self.origin.clone();
        self.cx.problems.borrow_mut().push(Found { key, message, origin });
    }

    fn field(&self, entry: &'a Entry) -> Field<'a> {
        Field { cx: self.cx, key: join(&self.key, &entry.key), node: &entry.node }
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        if self.open {
            return;
        }
        let known = self.known.borrow();
        let mut problems = self.cx.problems.borrow_mut();
        for entry in self.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let message = match nearest(&entry.key, known.iter().copied()) {
                Some(near) => format!("unknown key, did you mean `{near}`?"),
                None => "unknown key".to_owned(),
            };
            problems.push(Found {
                key: join(&self.key, &entry.key),
                message,
                origin: entry.key_origin.clone(),
            });
        }
    }
}

impl<'a> Field<'a> {
    /// A text that is not blank.
    pub(super) fn text(&self) -> Option<String> {
        let text = self.any_text("")?;
        if text.trim().is_empty() {
            self.problem("must not be empty");
            return None;
        }
        Some(text)
    }

    /// A text, empty or not. `example` shows what to write where the value itself does not.
    pub(super) fn any_text(&self, example: &str) -> Option<String> {
        if let Value::String(text) = &self.node.value {
            return Some(text.clone());
        }
        if let (Origin::Environment { raw: Some(raw), .. }, Some(_)) =
            (&self.node.origin, self.node.value.scalar())
        {
            return Some(raw.to_string());
        }
        let written = self.node.value.scalar().unwrap_or_else(|| example.to_owned());
        self.mismatch("a text", &format!("\"{written}\""));
        None
    }

    /// A text, read by `parse`; its error says what is wrong.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text()?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(format!("`{text}`: {error}"));
                None
            }
        }
    }

    /// One of a closed set of names.
    pub(super) fn one_of<T: Copy>(&self, all: &[T], name: fn(T) -> &'static str) -> Option<T> {
        let text = self.any_text(all.first().map_or("", |first| name(*first)))?;
        let value = all.iter().copied().find(|value| name(*value) == text);
        if value.is_none() {
            self.unknown(&text, all.iter().map(|value| name(*value)));
        }
        value
    }

    /// Records that `text` is none of `names`.
    pub(super) fn unknown<'n>(&self, text: &str, names: impl Iterator<Item = &'n str> + Clone) {
        let hint = match nearest(text, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let listed: Vec<String> = names.map(|name| format!("`{name}`")).collect();
                format!("expected one of {}", listed.join(", "))
            }
        };
        self.problem(format!("unknown value `{text}`, {hint}"));
    }

    /// A path; relative ones are relative to the file.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let text = self.text()?;
        if text.contains("-----BEGIN") || text.contains('\n') {
            self.problem("expected the path of a file, found its content: secrets stay in files");
            return None;
        }
        Some(self.cx.base.join(text))
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        if let Value::Boolean(value) = self.node.value {
            return Some(value);
        }
        let example = match self.node.value.scalar().as_deref() {
            Some("false" | "no" | "off" | "0") => "false",
            _ => "true",
        };
        self.mismatch("a boolean", example);
        None
    }

    /// An integer within `range`.
    pub(super) fn integer<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let Value::Integer(value, _) = &self.node.value else {
            let written = self.node.value.scalar().filter(|text| text.parse::<i64>().is_ok());
            let example = written.unwrap_or_else(|| range.start().to_string());
            self.mismatch("an integer", &example);
            return None;
        };
        let fits = value.and_then(|v| T::try_from(v).ok()).filter(|v| range.contains(v));
        if fits.is_none() {
            self.problem(format!("must be between {} and {}", range.start(), range.end()));
        }
        fits
    }

    /// Whether it is that text, which then is all that is read of it.
    pub(super) fn is_text(&self, text: &str) -> bool {
        matches!(&self.node.value, Value::String(found) if found == text)
    }

    /// A duration such as `"500ms"`, within `range`.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let text = match &self.node.value {
            Value::String(text) => text,
            other => {
                let seconds = match other {
                    Value::Integer(Some(value), _) => value.to_string(),
                    _ => "30".to_owned(),
                };
                self.mismatch("a duration", &format!("\"{seconds}s\""));
                return None;
            }
        };
        let Some(value) = units::duration(text) else {
            self.problem(format!(
                "`{text}` is no duration: write a number and one of ms, s, m, h, d, such as `\"30s\"`"
            ));
            return None;
        };
        if !range.contains(&value) {
            self.problem(format!(
                "must be between {} and {}",
                units::show(*range.start()),
                units::show(*range.end())
            ));
            return None;
        }
        Some(value)
    }

    /// A size such as `"1MiB"` or a number of bytes, within `range`.
    pub(super) fn bytes(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let value = match &self.node.value {
            Value::Integer(value, _) => value.and_then(|v| u64::try_from(v).ok()),
            Value::String(text) => units::bytes(text),
            _ => {
                self.mismatch("a size", "\"1MiB\"");
                return None;
            }
        };
        let Some(value) = value else {
            self.problem(
                "is no size: write a number and one of B, KiB, MiB, GiB, such as `\"1MiB\"`",
            );
            return None;
        };
        if !range.contains(&value) {
            self.problem(format!("must be between {} and {} bytes", range.start(), range.end()));
            return None;
        }
        Some(value)
    }

    /// Address and port.
    pub(super) fn socket(&self) -> Option<SocketAddr> {
        let text = match self.node.value.scalar() {
            Some(text) => text,
            None => self.any_text("127.0.0.1:8080")?,
        };
        let address = text.parse().ok();
        if address.is_none() {
            let port = text.trim_start_matches(':').parse::<u16>().unwrap_or(8_080);
            self.problem(format!(
                "`{text}` is no address with a port: write `\"127.0.0.1:{port}\"` or `\"[::1]:{port}\"`"
            ));
        }
        address
    }

    /// A network; a bare address is a network of its own.
    pub(super) fn network(&self) -> Option<IpNet> {
        let text = self.any_text("10.0.0.0/8")?;
        let parsed = text
            .parse::<IpNet>()
            .or_else(|error| text.parse::<IpAddr>().map(IpNet::from).map_err(|_| error));
        let Ok(network) = parsed else {
            self.problem(format!("`{text}` is no network: write `\"10.0.0.0/8\"` or an address"));
            return None;
        };
        if network.trunc() != network {
            self.problem(format!(
                "`{text}` has bits beyond its prefix: write `\"{}\"` or `\"{}\"`",
                network.trunc(),
                network.addr()
            ));
            return None;
        }
        Some(network)
    }

    /// The elements of a list, each read by `read`; those that cannot be read are left out and recorded.
    pub(super) fn list<T>(&self, read: impl FnMut(&Self) -> Option<T>) -> Vec<T> {
        if !matches!(self.node.value, Value::Array(_)) {
            let example = match self.node.value.scalar() {
                Some(text) => format!("[\"{text}\"]"),
                None => "[...]".to_owned(),
            };
            self.mismatch("a list", &example);
        }
        self.elements().iter().filter_map(read).collect()
    }

    /// The table, or a problem.
    pub(super) fn table(&self) -> Option<Section<'a>> {
        if let Value::Table(entries) = &self.node.value {
            return Some(Section::new(
                self.cx,
                self.key.clone(),
                self.node.origin.clone(),
                entries,
            ));
        }
        let last = self.key.rsplit('.').next().unwrap_or_default();
        self.mismatch("a table", &format!("{last} = {{ ... }}"));
        None
    }

    /// Which kind of value it is.
    pub(super) fn shape(&self) -> Shape<'a> {
        match &self.node.value {
            Value::Array(_) => Shape::Array(self.elements()),
            Value::Table(_) => Shape::Table,
            Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Float(_)
            | Value::Integer(..)
            | Value::String(_) => Shape::Scalar,
        }
    }

    /// Records a problem of the value.
    pub(super) fn problem(&self, message: impl Into<String>) {
        let (key, origin) = (self.key.clone(), self.node.origin.clone());
        self.cx.problems.borrow_mut().push(Found { key, message: message.into(), origin });
    }

    fn mismatch(&self, expected: &str, write: &str) {
        let found = self.node.value.kind();
        self.problem(format!("expected {expected}, found {found}: write `{write}`"));
    }

    fn elements(&self) -> Vec<Self> {
        let Value::Array(elements) = &self.node.value else { return Vec::new() };
        elements
            .iter()
            .enumerate()
            .map(|(index, node)| {
                let key = match label(node) {
                    Some(name) => join(&self.key, name),
                    None => format!("{}[{index}]", self.key),
                };
                Field { cx: self.cx, key, node }
            })
            .collect()
    }
}

fn label(node: &Node) -> Option<&str> {
    let Value::Table(entries) = &node.value else { return None };
    match &entries.iter().find(|entry| entry.key == "name")?.node.value {
        Value::String(name) if !name.trim().is_empty() => Some(name),
        _ => None,
    }
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// The name a mistyped one most likely means.
pub(super) fn nearest<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let text = text.to_lowercase().replace('-', "_");
    let allowed = match text.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    let mut distances: Vec<(usize, &str)> = names
        .map(|name| {
            let folded = name.to_lowercase().replace('-', "_");
            let begun = text.chars().count() >= 4 && folded.starts_with(&text);
            (if begun { 0 } else { strsim::damerau_levenshtein(&text, &folded) }, name)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    distances.sort_unstable();
    distances.first().map(|(_, name)| *name)
}
