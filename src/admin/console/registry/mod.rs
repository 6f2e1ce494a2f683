//! `/registry`: catalogue, customers, imports, and SKUs that nobody has classified.
//!
//! **What it is for.** The pages of [`crate::control::registry`], beside `admin/api/registry`, which stands on the same functions.
//!
//! **What it must never do.** Show a customer without a record of who looked, show a licence key, or decide what the desk decides: who may
//! approve, whether a row has changed, which row is bad.

mod catalogue;
mod choices;
mod customers;
mod fields;
mod import;
mod imports;
mod rows;
#[cfg(test)]
pub(super) mod samples;
mod unknown;
mod what_if;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::ResponseError as _;
use actix_web::http::StatusCode;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use serde_json::json;

use crate::admin::access::CUSTOMER_READERS;
use crate::admin::access::Caller;
use crate::admin::access::REGISTRY_KEEPERS;
use crate::admin::api::Problem;
use crate::admin::mount::Mount;
use crate::admin::mount::Who;
use crate::admin::server::AdminPlane;
use crate::control::Access;
use crate::control::AccessOutcome;
use crate::registry::Table;

use super::Nav;
use super::Shell;

pub(super) fn routes(mount: &mut Mount<'_>) {
    catalogue::routes(mount);
    customers::routes(mount);
    imports::routes(mount);
    import::routes(mount);
    unknown::routes(mount);
    what_if::routes(mount);
}

/// What the pages of the registry have in common: their tabs, and the frame.
#[derive(Clone, Debug)]
pub(super) struct Tabs {
    current: &'static str,
    customers: bool,
    imports: bool,
    pending: u64,
    unknown: u64,
}

/// A tab.
#[derive(Debug)]
struct Tab {
    count: u64,
    current: bool,
    href: &'static str,
    label: &'static str,
    /// What is counted, for who cannot see where the number stands.
    of: &'static str,
}

impl Tabs {
    fn of(plane: &AdminPlane, caller: &Caller, current: &'static str) -> Self {
        let may =
            |who: Who| matches!(who, Who::With(roles) if caller.actor.roles.intersects(roles));
        Self {
            current,
            customers: may(CUSTOMER_READERS),
            imports: may(REGISTRY_KEEPERS),
            pending: many(plane.desk.pending()),
            unknown: many(plane.desk.unknown().len()),
        }
    }

    /// Those that the person may open.
    fn all(&self) -> Vec<Tab> {
        let tab =
            |label, href, count, of| Tab { count, current: self.current == label, href, label, of };
        let all = [
            (true, tab("Catalogue", "/registry/catalogue", 0, "")),
            (self.customers, tab("Customers", "/registry/customers", 0, "")),
            (self.imports, tab("Imports", "/registry/imports", self.pending, "waiting")),
            (true, tab("Unknown SKUs", "/registry/unknown", self.unknown, "to classify")),
        ];
        all.into_iter().filter(|(may, _)| *may).map(|(_, tab)| tab).collect()
    }
}

fn shell(plane: &AdminPlane, caller: &Caller, title: &str) -> Shell {
    plane.shell(caller, title, Some(Nav::Registry))
}

/// What a page answers: where it could not, a page that says why.
fn shown(
    plane: &AdminPlane,
    request: &HttpRequest,
    answer: Result<HttpResponse, Problem>,
) -> HttpResponse {
    answer.unwrap_or_else(|problem| super::refused(plane, request, &problem))
}

/// What a form answers. htmx swaps what answers some statuses instead of telling it, so that those are told by a header.
fn told(answer: Result<HttpResponse, Problem>) -> HttpResponse {
    answer.unwrap_or_else(|problem| {
        let mut answer = problem.error_response();
        let swaps = [StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED];
        if swaps.contains(&problem.status) {
            let headers = answer.headers_mut();
            let toast = json!({ "toast": { "kind": "bad", "text": sentence(&problem.detail) } });
            for (name, value) in
                [("hx-trigger", ascii(&toast.to_string())), ("hx-reswap", "none".to_owned())]
            {
                if let Ok(value) = value.parse() {
                    headers.insert(actix_web::http::header::HeaderName::from_static(name), value);
                }
            }
        }
        answer
    })
}

/// JSON whose bytes a header may hold.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for unit in json.chars() {
        if unit.is_ascii() {
            out.push(unit);
            continue;
        }
        for half in unit.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{half:04x}"));
        }
    }
    out
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str().trim_end_matches('.'))
}

/// A part of an address.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// An address with a query of what is not blank.
fn address<'a>(path: &str, query: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let filled = query.into_iter().filter(|(_, value)| !value.is_empty());
    let parts: Vec<_> = filled.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
}

/// Who somebody is, as colleagues call them.
fn person(id: &str) -> &str {
    id.strip_prefix("local:").unwrap_or(id)
}

fn many(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Refuses where a file of the configuration is the source.
fn editable(plane: &AdminPlane, table: Table) -> Result<(), Problem> {
    let Some(file) = plane.desk.source(table) else { return Ok(()) };
    let (table, file) = (table.as_str(), file.display());
    let detail = format!(
        "the {table} come from the file `{file}` of the configuration: it is neither edited nor exported here"
    );
    Err(Problem::new(StatusCode::CONFLICT, detail))
}

/// Records that somebody looked.
async fn accessed(
    plane: &AdminPlane,
    caller: &Caller,
    action: &str,
    detail: serde_json::Value,
) -> Result<(), Problem> {
    let (actor, outcome) = (&caller.actor, AccessOutcome::Ok);
    plane.control.accessed(Access { action, actor, detail, outcome }).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toast_of_any_text_is_a_header() {
        let text = ascii(&json!({ "text": "Антивирус \u{1f9ea} \n" }).to_string());
        assert!(text.parse::<actix_web::http::header::HeaderValue>().is_ok(), "{text}");
        let back: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["text"], "Антивирус \u{1f9ea} \n");
    }

    #[test]
    fn a_row_of_any_name_has_an_address() {
        assert_eq!(encoded("A/B ?#"), "A%2FB%20%3F%23");
        assert_eq!(address("/x", [("q", "a&b"), ("cursor", "")]), "/x?q=a%26b");
    }
}
