//! What JSON pointers (RFC 6901, with `*` for every element of an array) find in a document.

use smallvec::SmallVec;

use crate::message::target::fold_char;
use crate::model::StrictValue;
use crate::settings::Pointer;
use crate::settings::Token;

/// Why a document has no list where a pointer with `*` looks for one. Each is 400 where items are judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ListError {
    /// The list is empty.
    #[error("an empty list")]
    Empty,
    /// There is nothing there, or null.
    #[error("a list is missing")]
    Missing,
    /// Something stands there that is no list, or has not the shape the pointer needs.
    #[error("not a list")]
    NotAList,
}

/// Everything the pointer finds, in the document's order. What is missing, or of a type that the pointer cannot enter, is left out.
pub fn values<'a>(pointer: &Pointer, document: &'a StrictValue) -> SmallVec<[&'a StrictValue; 8]> {
    let mut found = SmallVec::new();
    descend(document, pointer.tokens(), &mut |value| found.push(value), &mut |_, _| {});
    found
}

/// The first value the pointer finds.
pub fn first<'a>(pointer: &Pointer, document: &'a StrictValue) -> Option<&'a StrictValue> {
    values(pointer, document).first().copied()
}

/// Everything the pointer finds, where nothing may be wrong on the way: every `*` meets an array that is not empty and
/// every name an object that has it.
///
/// # Errors
/// At the first value, in document order, that the pointer cannot enter.
pub fn list<'a>(
    pointer: &Pointer,
    document: &'a StrictValue,
) -> Result<SmallVec<[&'a StrictValue; 8]>, ListError> {
    let mut found = SmallVec::new();
    let mut fault = None;
    descend(document, pointer.tokens(), &mut |value| found.push(value), &mut |at, segment| {
        fault.get_or_insert(match (at, segment) {
            (StrictValue::Null, _) | (StrictValue::Object(_), Token::Name(_)) => ListError::Missing,
            (StrictValue::Array(elements), Token::Each) if elements.is_empty() => ListError::Empty,
            _ => ListError::NotAList,
        });
    });
    fault.map_or(Ok(found), Err)
}

/// True if an object on the pointer's way has a key that differs from the judged key in case only: some readers take
/// one for the other (RFC 8259 4), so the document has two readings.
pub fn has_case_variant(pointer: &Pointer, document: &StrictValue) -> bool {
    differs_in_case(document, pointer.tokens())
}

/// Calls `found` for each value at the end of `segments` and `stuck` for each value that could not be entered. The depth is
/// that of the pointer, which is configuration.
fn descend<'a>(
    at: &'a StrictValue,
    segments: &[Token],
    found: &mut dyn FnMut(&'a StrictValue),
    stuck: &mut dyn FnMut(&'a StrictValue, &Token),
) {
    let Some((segment, rest)) = segments.split_first() else {
        return found(at);
    };
    match (segment, at) {
        (Token::Each, StrictValue::Array(elements)) if !elements.is_empty() => {
            for element in elements {
                descend(element, rest, found, stuck);
            }
        }
        (Token::Name(name), _) => match child(at, name) {
            Some(child) => descend(child, rest, found, stuck),
            None => stuck(at, segment),
        },
        _ => stuck(at, segment),
    }
}

fn child<'a>(at: &'a StrictValue, name: &str) -> Option<&'a StrictValue> {
    match at {
        StrictValue::Array(elements) => elements.get(index(name)?),
        StrictValue::Object(_) => at.member(name),
        StrictValue::Bool(_)
        | StrictValue::Null
        | StrictValue::Number(_)
        | StrictValue::String(_) => None,
    }
}

fn differs_in_case(at: &StrictValue, segments: &[Token]) -> bool {
    let Some((segment, rest)) = segments.split_first() else {
        return false;
    };
    match (segment, at) {
        (Token::Each, StrictValue::Array(elements)) => {
            elements.iter().any(|element| differs_in_case(element, rest))
        }
        (Token::Name(name), StrictValue::Object(members)) => members.iter().any(|(key, value)| {
            if **key == **name {
                differs_in_case(value, rest)
            } else {
                key.chars().flat_map(fold_char).eq(name.chars().flat_map(fold_char))
            }
        }),
        (Token::Name(name), StrictValue::Array(_)) => {
            child(at, name).is_some_and(|element| differs_in_case(element, rest))
        }
        _ => false,
    }
}

/// RFC 6901 4: digits without leading zeros. `-`, the element after the last, points at nothing.
fn index(name: &str) -> Option<usize> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = name.len() > 1 && name.starts_with('0');
    if is_plain && !is_padded { name.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::json_from_slice;

    fn document(text: &str) -> StrictValue {
        json_from_slice(text.as_bytes()).unwrap()
    }

    fn find(pointer: &str, text: &str) -> Vec<String> {
        let document = document(text);
        let values = values(&Pointer::parse(pointer).unwrap(), &document);
        values.iter().map(|value| serde_json::to_string(value).unwrap()).collect()
    }

    #[test]
    fn rfc6901_5_pointers_find_what_the_rfc_says() {
        let text = r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4," ":7,"m~n":8}"#;
        for (pointer, value) in [
            ("/foo", r#"["bar","baz"]"#),
            ("/foo/0", r#""bar""#),
            ("/", "0"),
            ("/a~1b", "1"),
            ("/c%d", "2"),
            ("/e^f", "3"),
            ("/g|h", "4"),
            ("/ ", "7"),
            ("/m~0n", "8"),
        ] {
            assert_eq!(find(pointer, text), [value], "{pointer}");
        }
        assert_eq!(find("", "1"), ["1"]);
        for nothing in ["/foo/2", "/foo/00", "/foo/-", "/foo/+1", "/x", "/foo/bar", "//x"] {
            assert!(find(nothing, text).is_empty(), "{nothing}");
        }
        assert_eq!(find("/~01", r#"{"~1":1}"#), ["1"]);
    }

    #[test]
    fn a_star_walks_arrays_only() {
        let text = r#"{"lines":[{"sku":"a"},{"sku":"b"},{}],"o":{"x":1}}"#;
        assert_eq!(find("/lines/*/sku", text), [r#""a""#, r#""b""#]);
        assert_eq!(find("/o/*", text), Vec::<String>::new());
        assert_eq!(find("/*/*", "[[1,2],[],[3]]"), ["1", "2", "3"]);
    }

    #[test]
    fn a_list_that_is_missing_empty_or_no_list_is_an_error() {
        let pointer = Pointer::parse("/lines/*").unwrap();
        for (text, error) in [
            ("{}", ListError::Missing),
            (r#"{"lines":null}"#, ListError::Missing),
            (r#"{"lines":[]}"#, ListError::Empty),
            (r#"{"lines":{}}"#, ListError::NotAList),
            (r#"{"lines":"x"}"#, ListError::NotAList),
            ("[]", ListError::NotAList),
        ] {
            assert_eq!(list(&pointer, &document(text)).unwrap_err(), error, "{text}");
        }
        assert_eq!(list(&pointer, &document(r#"{"lines":[1,2]}"#)).unwrap().len(), 2);
        let nested = Pointer::parse("/orders/*/lines/*").unwrap();
        let document = document(r#"{"orders":[{"lines":[1]},{"lines":[]}]}"#);
        assert_eq!(list(&nested, &document).unwrap_err(), ListError::Empty);
    }

    #[test]
    fn a_key_that_differs_in_case_is_seen_wherever_the_pointer_passes() {
        for (pointer, text, expected) in [
            ("/sku", r#"{"sku":1}"#, false),
            ("/sku", r#"{"SKU":1}"#, true),
            ("/sku", r#"{"sku":1,"Sku":2}"#, true),
            ("/sku", "{\"\u{17f}\u{212a}u\":1}", true),
            ("/sku", r#"{"other":{"SKU":1}}"#, false),
            ("/lines/*/sku", r#"{"lines":[{"sku":1},{"sKu":1}]}"#, true),
            ("/lines/*/sku", r#"{"Lines":[]}"#, true),
            ("/lines/0/sku", r#"{"lines":[{"SKU":1}]}"#, true),
            ("/lines/*", r#"{"lines":[{"SKU":1}]}"#, false),
        ] {
            let pointer = Pointer::parse(pointer).unwrap();
            assert_eq!(has_case_variant(&pointer, &document(text)), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_stops_it(pointer in "(/([a-b*~01]{0,3}|\\PC{0,3})){0,4}", text in "[\\[\\]{}:,\"ab01]{0,20}") {
            if let Ok(pointer) = Pointer::parse(&pointer)
                && let Ok(document) = json_from_slice::<StrictValue>(text.as_bytes()) {
                let values = values(&pointer, &document).len();
                prop_assert!(list(&pointer, &document).map_or(true, |list| list.len() == values));
                let _outcome = has_case_variant(&pointer, &document);
            }
        }
    }
}
