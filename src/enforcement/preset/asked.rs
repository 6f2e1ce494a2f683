//! A request as presets look at it: leniently, for whoever wants through will use every spelling that the platform takes.

use std::borrow::Cow;

use crate::message::Form;
use crate::message::PhpName;
use crate::model::StrictValue;

/// Method, target, and the form where one was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The folded path: lower case, without parameters, trailing dots and blanks.
    pub(crate) folded: &'a str,
    /// The body's form.
    pub(crate) form: Option<&'a Form<'a>>,
    /// The body's JSON document.
    pub(crate) document: Option<&'a StrictValue>,
    /// The method, upper case.
    pub(crate) method: &'a str,
    /// The path, decoded once.
    pub(crate) path: &'a str,
    /// The query as received.
    pub(crate) query: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// True for methods that change nothing (RFC 9110 9.2.1).
    pub(super) fn is_safe(&self) -> bool {
        matches!(self.method, "GET" | "HEAD" | "OPTIONS")
    }

    /// Every value of the variable in the query, as PHP would name it, its array members too.
    pub(super) fn in_query(&self, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
        let pairs = self.query.unwrap_or_default().split(['&', ';']);
        pairs.filter_map(move |pair| {
            let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
            is_named(&decode(found), name).then(|| decode(value))
        })
    }

    /// Every value of the variable in the form.
    pub(super) fn in_form(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let pairs = self.form.into_iter().flat_map(Form::pairs);
        pairs.filter(move |(found, _)| is_named(found, name)).map(|(_, value)| value)
    }

    /// Every value of the variable in query or form.
    pub(super) fn anywhere(&self, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
        self.in_query(name).chain(self.in_form(name).map(Cow::Borrowed))
    }

    /// True if query or form names the variable.
    pub(super) fn names(&self, name: &str) -> bool {
        self.anywhere(name).next().is_some()
    }

    /// The folded path's segments, none empty.
    pub(super) fn segments(&self) -> Vec<&'a str> {
        self.folded.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// The path up to and with its segment number `count` (from 1), as received: a platform may tell cases apart.
    pub(super) fn base(&self, count: usize) -> String {
        let segments = self.path.split('/').filter(|segment| !segment.is_empty()).take(count);
        segments.flat_map(|segment| ["/", segment]).collect()
    }

    /// The path's segment at `index`, as received.
    pub(super) fn segment(&self, index: usize) -> String {
        let mut segments = self.path.split('/').filter(|segment| !segment.is_empty());
        segments.nth(index).unwrap_or_default().to_owned()
    }
}

/// What must be read of a body before a request is recognised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wants {
    /// A JSON document.
    Document,
    /// A form, where it is one.
    Form,
    /// Nothing.
    Nothing,
}

/// True if a text anywhere in the document fits, names of members included.
pub(super) fn any_text(document: &StrictValue, fits: &dyn Fn(&str) -> bool) -> bool {
    match document {
        StrictValue::String(text) => fits(text),
        StrictValue::Array(values) => values.iter().any(|value| any_text(value, fits)),
        StrictValue::Object(members) => {
            members.iter().any(|(name, value)| fits(name) || any_text(value, fits))
        }
        StrictValue::Bool(_) | StrictValue::Null | StrictValue::Number(_) => false,
    }
}

/// PHP's reading of the name, whatever its case: no platform gives two meanings to the two.
fn is_named(found: &str, name: &str) -> bool {
    // PHP ends a name at a NUL.
    let found = found.split('\0').next().unwrap_or_default();
    // Most names are shorter or longer; a folded one has at most blanks before it and keys behind.
    found.len() >= name.len() && PhpName::fold(found).base().eq_ignore_ascii_case(name)
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let blanks = text.replace('+', " ");
    Cow::Owned(percent_encoding::percent_decode_str(&blanks).decode_utf8_lossy().into_owned())
}
