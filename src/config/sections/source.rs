//! Where a value stands: `"/pointer"`, `{ header = "..." }` and their like.

use crate::config::reader::Field;
use crate::config::reader::Section;
use crate::config::reader::Shape;
use crate::settings::CertificateName;
use crate::settings::Pointer;
use crate::settings::Source;

/// What a source may refer to where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// Whether a listener asks for client certificates and the route looks at them.
    pub(super) certificates: bool,
    /// Whether `[identity]` is there and the route asks for it.
    pub(super) identity: bool,
    /// The parameters of the route's pattern; none if the pattern is unreadable.
    pub(super) parameters: Option<&'a [String]>,
    /// Whether `*` may stand in a pointer.
    pub(super) walks: bool,
    /// Whether the empty pointer makes sense.
    pub(super) whole: bool,
}

/// Reads one source.
pub(super) fn source(field: &Field<'_>, place: Place<'_>) -> Option<Source> {
    match field.shape() {
        Shape::Table => table(field, &field.table()?, place),
        Shape::Array(_) | Shape::Scalar => pointer(field, place).map(Source::Pointer),
    }
}

/// Reads a pointer that fits its place.
pub(super) fn pointer(field: &Field<'_>, place: Place<'_>) -> Option<Pointer> {
    let text = field.any_text("/field")?;
    let pointer = match Pointer::parse(&text) {
        Ok(pointer) => pointer,
        Err(error) => {
            field.problem(format!("`{text}`: {error}, such as `\"/billing/country\"`"));
            return None;
        }
    };
    if pointer.walks() && !place.walks {
        field.problem(format!("`{text}`: `*` would give several values where one is wanted"));
        return None;
    }
    if pointer.tokens().is_empty() && !place.whole {
        field.problem("must not be empty: the whole document is no value");
        return None;
    }
    Some(pointer)
}

fn table(field: &Field<'_>, section: &Section<'_>, place: Place<'_>) -> Option<Source> {
    let mut sources = Vec::new();
    let mut given = 0_usize;
    let mut kind = |name, read: &dyn Fn(&Field<'_>) -> Option<Source>| {
        if let Some(field) = section.at(name) {
            given = given.saturating_add(1);
            sources.extend(read(&field));
        }
    };
    kind("certificate", &|field| certificate(field, place));
    kind("claim", &|field| claim(field, place));
    kind("cookie", &|field| field.text().map(Source::Cookie));
    kind("form", &|field| field.text().map(Source::Form));
    kind("header", &header);
    kind("path", &|field| parameter(field, place));
    kind("query", &|field| field.text().map(Source::Query));
    if given > 1 || section.is_empty() {
        field.problem(
            "expected exactly one of `header`, `query`, `path`, `form`, `cookie`, `claim`, `certificate`: \
             write `{ header = \"X-License-Key\" }` or a JSON pointer",
        );
        return None;
    }
    sources.pop()
}

fn certificate(field: &Field<'_>, place: Place<'_>) -> Option<Source> {
    if !place.certificates {
        field.problem(
            "needs a listener with `tls.client_ca` and a route whose `identity` is `optional` or `required`",
        );
    }
    field.one_of(&CertificateName::ALL, CertificateName::as_str).map(Source::Certificate)
}

fn claim(field: &Field<'_>, place: Place<'_>) -> Option<Source> {
    if !place.identity {
        field.problem("needs an `[identity]` section and a route whose `identity` is not `none`");
    }
    pointer(field, place).map(Source::Claim)
}

fn header(field: &Field<'_>) -> Option<Source> {
    field.parsed(|text| {
        http::HeaderName::from_bytes(text.as_bytes())
            .map(|name| Source::Header(name.as_str().to_owned()))
            .map_err(|_| "is no header name")
    })
}

fn parameter(field: &Field<'_>, place: Place<'_>) -> Option<Source> {
    let name = field.text()?;
    if let Some(parameters) = place.parameters
        && !parameters.contains(&name)
    {
        field.problem(format!("the route's path has no `{{{name}}}`"));
        return None;
    }
    Some(Source::Path(name))
}
