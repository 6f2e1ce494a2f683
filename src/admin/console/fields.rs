//! The fields of a form that a page sends.

use actix_web::HttpResponse;
use actix_web::web::Form;
use serde_json::json;

use crate::admin::api::Problem;

/// What a form holds, in order; a name may stand several times.
pub(super) type Fields = Form<Vec<(String, String)>>;

/// The first field of a name, without blanks around; empty where there is none.
pub(super) fn one<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
}

/// The text of a field that must be there.
///
/// # Errors
/// 400 where it is empty.
pub(super) fn needed<'a>(fields: &'a Fields, name: &'static str) -> Result<&'a str, Problem> {
    let value = one(fields, name);
    let empty = || Problem::invalid(format!("{name}: fill it in")).at(name, "fill it in");
    if value.is_empty() { Err(empty()) } else { Ok(value) }
}

/// Every field of a name.
pub(super) fn all<'a>(fields: &'a Fields, name: &str) -> impl Iterator<Item = &'a str> {
    fields.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.trim())
}

/// True for a box that was ticked.
pub(super) fn ticked(fields: &Fields, name: &str) -> bool {
    !one(fields, name).is_empty()
}

/// Done: the browser goes to a page.
pub(super) fn go(to: &str) -> HttpResponse {
    HttpResponse::Ok().insert_header(("HX-Redirect", to)).finish()
}

/// Done: a message is shown, and nothing else changes.
pub(super) fn said(text: &str) -> HttpResponse {
    let trigger = json!({ "toast": { "kind": "good", "text": text } }).to_string();
    HttpResponse::NoContent().insert_header(("HX-Trigger", trigger)).finish()
}
