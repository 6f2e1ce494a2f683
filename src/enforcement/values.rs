//! Values that a route's sources name, read from one request (DESIGN 13: Bodies).
//!
//! Null, absent and blank are missing. A value of another type, or a header or parameter given twice, is malformed.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::message::Form;
use crate::message::Multipart;
use crate::message::PhpName;
use crate::message::cookie;
use crate::message::pointer;
use crate::message::pointer::ListError;
use crate::model::Number;
use crate::model::StrictValue;
use crate::settings::Gives;
use crate::settings::Pointer;
use crate::settings::Route;
use crate::settings::Source;
use crate::settings::Token;

use super::outcome::Malformed;
use super::request::HeaderLookup;
use super::request::Request;
use super::routes::parameter;

/// By which some frameworks (Rails, Laravel, Symfony) take another method than the request's.
const METHOD_OVERRIDE: &str = "_method";
/// Above 2^53 a reader that keeps numbers as IEEE doubles takes one whole number for another.
const EXACT: u64 = 1 << 53;

/// Where sources read from.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    /// The document of one order: the request's, or a part of it.
    pub(super) document: Option<&'a StrictValue>,
    form: Option<&'a Form<'a>>,
    /// What the upstream answered, in the order of the route's look-ups.
    pub(super) looked_up: &'a [Option<StrictValue>],
    pub(super) query: Option<std::rc::Rc<Form<'a>>>,
    pub(super) request: &'a Request<'a>,
    pub(super) route: &'a Route,
}

/// What was read of a body.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    Document(&'a StrictValue),
    Form(&'a Form<'a>),
    Unread,
}

/// Texts of a source, as received.
pub(super) type Texts<'a> = SmallVec<[Cow<'a, str>; 2]>;

impl<'a> Reader<'a> {
    pub(super) fn new(
        route: &'a Route,
        request: &'a Request<'a>,
        content: Content<'a>,
        looked_up: &'a [Option<StrictValue>],
    ) -> Result<Self, Malformed> {
        let document = match content {
            Content::Document(document) => Some(document),
            Content::Form(_) | Content::Unread => None,
        };
        let form = match content {
            Content::Form(form) => Some(form),
            Content::Document(_) | Content::Unread => None,
        };
        let reads_names = names(route).next().is_some();
        let query = request.target.query().filter(|_| reads_names).map(parsed).transpose()?;
        let query = query.map(std::rc::Rc::new);
        if let Some(query) = &query {
            if let Some(name) = form_names(route).find(|name| query.mentions(name)) {
                return Err(in_two_places(name));
            }
            if document.is_some()
                && let Some(name) = document_names(route).find(|name| query.mentions(name))
            {
                return Err(in_two_places(name));
            }
        }
        if let Some(document) = document
            && let Some(name) = query_names(route).find(|name| is_member(document, name))
        {
            return Err(in_two_places(name));
        }
        if let Some(form) = form {
            check_beside_query(route, form)?;
            if form.mentions(METHOD_OVERRIDE) {
                return Err(field(format!("a form with `{METHOD_OVERRIDE}` names another method")));
            }
        }
        Ok(Self { document, form, looked_up, query, request, route })
    }

    /// A reader of each order: of the whole document, or of each part that holds one.
    pub(super) fn orders(&self) -> Result<SmallVec<[Self; 1]>, Malformed>
    where
        Self: Clone,
    {
        let parts = &self.route.reading.orders;
        let (false, Some(document)) = (parts.is_empty(), self.document) else {
            return Ok(SmallVec::from_elem(self.clone(), 1));
        };
        let mut orders = SmallVec::new();
        for at in parts {
            if pointer::has_case_variant(at, document) {
                return Err(field(format!("a key differs from `{}` in case only", at.as_str())));
            }
            match pointer::list(at, document) {
                Ok(found) => orders.extend(
                    found.into_iter().map(|order| Self { document: Some(order), ..self.clone() }),
                ),
                Err(ListError::Empty | ListError::Missing) => {}
                Err(error @ ListError::NotAList) => {
                    return Err(field(format!("`{}`: {error}", at.as_str())));
                }
            }
        }
        Ok(orders)
    }

    /// The looked-up document that tells the items.
    pub(super) fn looked_up_lines(&self) -> Option<&'a StrictValue> {
        let lookups = self.route.reading.lookups.iter().zip(self.looked_up);
        lookups.filter(|(lookup, _)| lookup.gives == Gives::Items).find_map(|(_, d)| d.as_ref())
    }

    /// The texts of a source; inside items, pointers start at the item. Numbers count as text where `numbers`.
    pub(super) fn texts(
        &self,
        source: &'a Source,
        item: Option<&'a StrictValue>,
        numbers: bool,
    ) -> Result<Texts<'a>, Malformed> {
        let mut texts = Texts::new();
        match source {
            Source::Pointer(at) => {
                if let Some(document) = item.or(self.document) {
                    pointed(at, document, numbers, &mut texts)?;
                }
            }
            Source::Header(name) => {
                let values = self.request.headers.values(name);
                if values.len() > 1 {
                    return Err(field(format!("header `{name}` is given {} times", values.len())));
                }
                for value in values {
                    let text = std::str::from_utf8(value)
                        .map_err(|_| field(format!("header `{name}` is not UTF-8")))?;
                    texts.push(Cow::Borrowed(text));
                }
            }
            Source::Query(name) => {
                if let Some(query) = &self.query {
                    let value = query.unique(name).map_err(|error| field(error.to_string()))?;
                    texts.extend(value.map(|value| Cow::Owned(value.to_owned())));
                }
            }
            Source::Path(name) => {
                let value = parameter(self.route, name, self.request.target);
                if value.is_some_and(|value| value.contains(';')) {
                    // Some upstreams read the segment without its `;parameters`, others with them.
                    return Err(field(format!("`{name}` in the path has parameters")));
                }
                texts.extend(value.map(Cow::Borrowed));
            }
            Source::Cookie(name) => {
                let fields = self.request.headers.values("cookie");
                let value = cookie(fields, name).map_err(|e| field(format!("`{name}`: {e}")))?;
                texts.extend(value);
            }
            Source::Form(name) => {
                if let Some(form) = self.form {
                    let value = form.unique(name).map_err(|error| field(error.to_string()))?;
                    texts.extend(value.map(|value| Cow::Owned(value.to_owned())));
                }
            }
            Source::Fixed(text) => texts.push(Cow::Borrowed(text)),
            Source::Certificate(kind) => {
                let certificate = self.request.principal.and_then(|p| p.certificate.as_ref());
                let names = certificate.into_iter().flat_map(|found| found.names(*kind));
                texts.extend(names.map(Cow::Borrowed));
            }
            Source::Claim(at) => {
                if let Some(token) = self.request.principal.and_then(|p| p.token.as_ref()) {
                    pointed(at, &token.payload, numbers, &mut texts)?;
                }
            }
        }
        texts.retain(|text| !text.trim().is_empty());
        Ok(texts)
    }

    /// The text of a source that nothing depends on, if it is there once.
    pub(super) fn once(&self, source: &Source) -> Option<String> {
        self.text(Some(source), None, true).ok().flatten()
    }

    /// The one text of a source.
    pub(super) fn text(
        &self,
        source: Option<&'a Source>,
        item: Option<&'a StrictValue>,
        numbers: bool,
    ) -> Result<Option<String>, Malformed> {
        let Some(source) = source else { return Ok(None) };
        let mut texts = self.texts(source, item, numbers)?;
        match (texts.pop(), texts.is_empty()) {
            (text, true) => Ok(text.map(Cow::into_owned)),
            (_, false) => Err(field("a value that must be one is given several times")),
        }
    }
}

/// Refuses a form beside the query: no name that the route reads in the query may stand in the body as well, where an
/// upstream that merges the two (PHP's `$_REQUEST`, Rails, Laravel) might take it instead.
pub(super) fn check_form(route: &Route, body: &[u8]) -> Result<(), Malformed> {
    check_beside_query(route, &parsed(form_text(body)?)?)
}

/// A judged form, in either of the media types that a form may have.
pub(super) fn form<'a>(headers: &dyn HeaderLookup, body: &'a [u8]) -> Result<Form<'a>, Malformed> {
    let kinds = headers.values("content-type");
    let kind = kinds.first().and_then(|kind| std::str::from_utf8(kind).ok()).unwrap_or_default();
    match Multipart::boundary(kind) {
        Some(boundary) => {
            let form = Multipart::form(&boundary, body).map_err(|e| field(e.to_string()))?;
            form.check_unique().map_err(|error| field(error.to_string()))?;
            Ok(form)
        }
        None => parsed(form_text(body)?),
    }
}

/// A form's text.
pub(super) fn form_text(body: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(body).map_err(|_| field("the form is not UTF-8"))
}

fn check_beside_query(route: &Route, form: &Form<'_>) -> Result<(), Malformed> {
    query_names(route).find(|name| form.mentions(name)).map_or(Ok(()), |n| Err(in_two_places(n)))
}

/// A form in which no name stands twice.
pub(super) fn parsed(text: &str) -> Result<Form<'_>, Malformed> {
    let form = Form::parse(text).map_err(|error| field(error.to_string()))?;
    form.check_unique().map_err(|error| field(error.to_string()))?;
    Ok(form)
}

/// Every name that the route reads in query, form or document.
fn names(route: &Route) -> impl Iterator<Item = &str> {
    query_names(route).chain(form_names(route)).chain(document_names(route))
}

fn form_names(route: &Route) -> impl Iterator<Item = &str> {
    route.sources().filter_map(|source| match source {
        Source::Form(name) => Some(&**name),
        _ => None,
    })
}

fn query_names(route: &Route) -> impl Iterator<Item = &str> {
    route.sources().filter_map(|source| match source {
        Source::Query(name) => Some(&**name),
        _ => None,
    })
}

/// The names at the top of the document that the route reads; pointers of items that lie in a list start there.
fn document_names(route: &Route) -> impl Iterator<Item = &str> {
    // Of looked-up items nothing stands in the document, and of parts of it only their lists do.
    let reads_items = !route.looks_up_items() || route.reading.own_lines;
    let items = route.items.as_ref().filter(move |_| reads_items);
    let list = items.and_then(|items| items.at.as_ref());
    let whole = route.buyer.iter().map(|(_, source)| source);
    let whole = whole.chain(route.seller_organization_country.iter());
    let items = items.filter(move |_| list.is_none()).into_iter().flat_map(|i| i.sources());
    let pointers = whole.chain(items).filter_map(|source| match source {
        Source::Pointer(at) => Some(at),
        _ => None,
    });
    let parts = route.reading.orders.iter();
    pointers.chain(list).chain(parts).filter_map(|at| match at.tokens().first() {
        Some(Token::Name(name)) => Some(&**name),
        Some(Token::Each) | None => None,
    })
}

fn is_member(document: &StrictValue, name: &str) -> bool {
    let wanted = PhpName::fold(name);
    let StrictValue::Object(members) = document else { return false };
    members.iter().any(|(member, _)| PhpName::fold(member).base() == wanted.base())
}

fn in_two_places(name: &str) -> Malformed {
    field(format!("`{name}` is given in both query and body"))
}

pub(super) fn field(message: impl Into<Cow<'static, str>>) -> Malformed {
    Malformed::Field(message.into())
}

pub(super) fn pointed<'a>(
    at: &Pointer,
    document: &'a StrictValue,
    numbers: bool,
    texts: &mut Texts<'a>,
) -> Result<(), Malformed> {
    if pointer::has_case_variant(at, document) {
        return Err(field(format!("a key differs from `{}` in case only", at.as_str())));
    }
    for value in pointer::values(at, document) {
        push(at, value, numbers, texts)?;
    }
    Ok(())
}

fn push<'a>(
    at: &Pointer,
    value: &'a StrictValue,
    numbers: bool,
    texts: &mut Texts<'a>,
) -> Result<(), Malformed> {
    match value {
        StrictValue::Null => Ok(()),
        StrictValue::String(text) => {
            texts.push(Cow::Borrowed(text));
            Ok(())
        }
        StrictValue::Number(Number::Positive(n)) if numbers && *n > EXACT => {
            Err(field(format!("`{}` is a number that not every reader keeps", at.as_str())))
        }
        StrictValue::Number(number) if numbers => {
            texts.push(Cow::Owned(match number {
                Number::Float(n) => n.to_string(),
                Number::Negative(n) => n.to_string(),
                Number::Positive(n) => n.to_string(),
            }));
            Ok(())
        }
        StrictValue::Bool(truth) => {
            texts.push(Cow::Borrowed(if *truth { "true" } else { "false" }));
            Ok(())
        }
        StrictValue::Array(values) => {
            for value in values {
                if matches!(value, StrictValue::Array(_)) {
                    return Err(field(format!("`{}` holds a list of lists", at.as_str())));
                }
                push(at, value, numbers, texts)?;
            }
            Ok(())
        }
        StrictValue::Number(_) | StrictValue::Object(_) => {
            Err(field(format!("`{}` must be text", at.as_str())))
        }
    }
}
