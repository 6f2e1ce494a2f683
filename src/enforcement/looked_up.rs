//! What must be asked of the upstream before a request can be judged, and what it answered (DESIGN 13: Carts).

use bytes::Bytes;
use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use smallvec::SmallVec;

use crate::message::CanonicalTarget;
use crate::message::pointer;
use crate::model::Number;
use crate::model::StrictValue;
use crate::model::json_from_slice;
use crate::settings::Gives;
use crate::settings::Route;

use super::outcome::Malformed;
use super::preset::Hit;
use super::routes::parameter;
use super::values::field;

/// All but the unreserved characters of RFC 3986 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A question to the upstream: a `GET` with the client's own credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// What the answer tells.
    pub gives: Gives,
    /// Path and query.
    pub target: String,
}

/// The answers, in the order of the route's look-ups: a JSON document, or none where the upstream knows nothing.
pub type Answers = SmallVec<[Option<Bytes>; 2]>;

/// The questions of a route's request. `document` is its body, where a question needs a value of it.
///
/// # Errors
/// When the value that a question needs is missing.
pub(super) fn questions(
    route: &Route,
    hit: &Hit,
    target: &CanonicalTarget<'_>,
    document: Option<&StrictValue>,
) -> Result<Vec<Question>, Malformed> {
    let mut questions = Vec::new();
    for lookup in &route.reading.lookups {
        let value = match &lookup.parameter {
            None => String::new(),
            Some(at) => {
                let found = document.and_then(|document| pointer::first(at, document));
                match found {
                    Some(StrictValue::String(text)) if !text.is_empty() => text.clone(),
                    Some(StrictValue::Number(Number::Positive(number))) => number.to_string(),
                    _ => return Err(field(format!("`{}` is missing or no id", at.as_str()))),
                }
            }
        };
        let mut question = filled(&lookup.target, hit, &value);
        for name in route.path.split('{').skip(1).filter_map(|rest| rest.split_once('}')) {
            let name = name.0.trim_start_matches('*');
            if let Some(value) = parameter(route, name, target) {
                let segments = value.split('/').map(encoded).collect::<Vec<_>>().join("/");
                question = question.replace(&format!("{{{name}}}"), &segments);
            }
        }
        questions.push(Question { gives: lookup.gives, target: question });
    }
    Ok(questions)
}

/// Refuses a document that names another order than the target does.
///
/// # Errors
/// When it does.
pub(super) fn check_id(hit: &Hit, document: &StrictValue) -> Result<(), Malformed> {
    let named = hit.parameters.first().map(String::as_str);
    let fits = match document.member("id") {
        None => true,
        Some(StrictValue::Number(Number::Positive(id))) => named == Some(id.to_string().as_str()),
        Some(StrictValue::String(id)) => named == Some(id),
        Some(_) => false,
    };
    if fits { Ok(()) } else { Err(field("`id` is another than the target's")) }
}

/// A target with its places filled.
pub(super) fn filled(target: &str, hit: &Hit, value: &str) -> String {
    let mut whole = target.replace("{base}", &hit.base);
    for (at, parameter) in hit.parameters.iter().enumerate() {
        // A parameter may have two segments; each is encoded for itself.
        let segments = parameter.split('/').map(encoded).collect::<Vec<_>>().join("/");
        whole = whole.replace(&format!("{{{at}}}"), &segments);
    }
    whole = whole.replace("{body}", &encoded(value));
    // Where the base names its route by a variable, a further query goes on behind it.
    match hit.base.contains('?') {
        true => {
            let (first, rest) = whole.split_once('?').unwrap_or((&whole, ""));
            format!("{first}?{}", rest.replace('?', "&"))
        }
        false => whole,
    }
}

/// One segment or value of a target.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The documents of the answers.
///
/// # Errors
/// When an answer that is needed is missing or no JSON.
pub(super) fn documents(
    route: &Route,
    answers: &[Option<Bytes>],
) -> Result<Vec<Option<StrictValue>>, Malformed> {
    let mut documents = Vec::new();
    for (at, lookup) in route.reading.lookups.iter().enumerate() {
        let document = match answers.get(at).and_then(Option::as_ref) {
            Some(body) => Some(
                json_from_slice(body)
                    .map_err(|error| Malformed::LookedUp(format!("no strict JSON: {error}")))?,
            ),
            None if lookup.gives == Gives::Items => {
                return Err(Malformed::LookedUp("no answer".to_owned()));
            }
            None => None,
        };
        documents.push(document);
    }
    Ok(documents)
}
