//! The API's own description (`OpenAPI` 3.1), made of the code.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::http::header;
use utoipa::Modify;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::Ref;
use utoipa::openapi::RefOr;
use utoipa::openapi::ResponseBuilder;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::security::ApiKey;
use utoipa::openapi::security::ApiKeyValue;
use utoipa::openapi::security::HttpAuthScheme;
use utoipa::openapi::security::HttpBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::security::SecurityScheme;

use crate::admin::mount::Entry;
use crate::admin::mount::Mount;
use crate::admin::mount::Who;
use crate::admin::server;

use super::activity;
use super::exports;
use super::ledger;
use super::operators;
use super::policies;
use super::problem::FieldProblem;
use super::problem::Problem;
use super::records;
use super::registry;
use super::reviews;
use super::session;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Interdict admin API",
        description = "Policies and their life cycle, the review queue, the registry, records and reports. \
            Errors are problem documents (RFC 9457); lists are paged by `cursor`; edits need `If-Match`; \
            creates take an `Idempotency-Key`.",
    ),
    components(schemas(Problem, FieldProblem)),
    nest(),
    modifiers(&Security),
)]
struct Api;

struct Security;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/admin/openapi.json", Who::Anyone, show);
}

/// The document.
pub(in crate::admin) fn document() -> Document {
    let mut document = Api::openapi();
    let parts = [
        activity::Doc::openapi(),
        exports::Doc::openapi(),
        ledger::Doc::openapi(),
        operators::Doc::openapi(),
        policies::Doc::openapi(),
        records::Doc::openapi(),
        registry::document(),
        reviews::Doc::openapi(),
        reviews::clearances::Doc::openapi(),
        session::Doc::openapi(),
    ];
    for part in parts {
        document.merge(part);
    }
    for entry in server::table() {
        if let Some(operation) = operation(&mut document, &entry) {
            operation.operation_id = Some(name_of(&entry));
            describe(operation, entry.who, entry.method == Method::GET);
        }
    }
    document
}

/// A name that no other operation has, such as `put_operators_name`: of method and address, for handlers in different areas are
/// called the same.
fn name_of(entry: &Entry) -> String {
    let path = entry.path.trim_start_matches("/admin/v1");
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(entry.method.to_string().to_lowercase(), |name, word| format!("{name}_{word}"))
}

/// What is true of every operation: who may, what the guard answers to others, and what follows from what it takes.
fn describe(operation: &mut Operation, who: Who, reads: bool) {
    let mut refusals = implied(operation);
    refusals.extend([
        ("421", "It was asked for by a name that is not its own"),
        ("500", "It could not be done"),
        ("503", "It cannot be done now"),
    ]);
    match who {
        Who::Anyone => operation.security = Some(Vec::new()),
        Who::With(roles) => {
            let names: Vec<_> = roles.iter().map(|role| format!("`{role}`")).collect();
            let who = format!("Needs one of the roles {}.", names.join(", "));
            let before = operation.description.take();
            operation.description = Some(match before {
                Some(text) => format!("{text}\n\n{who}"),
                None => who,
            });
            refusals.push(("401", "Nobody is signed in"));
            let forbidden = match reads {
                true => "The role is missing",
                false => "The role or the session's token is missing, or it takes another person",
            };
            refusals.push(("403", forbidden));
        }
    }
    let answers = &mut operation.responses.responses;
    for (status, why) in refusals {
        // What a handler says of itself in its own words stays.
        answers
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(ResponseBuilder::new().description(why).build()));
    }
    let refusals = answers.iter_mut().filter(|(status, _)| status.starts_with(['4', '5']));
    for (_, answer) in refusals {
        if let RefOr::T(answer) = answer {
            let schema = Ref::from_schema_name("Problem");
            let content = ContentBuilder::new().schema(Some(schema)).build();
            answer.content.clear();
            answer.content.insert("application/problem+json".to_owned(), RefOr::T(content));
        }
    }
}

/// The answers that follow from what an operation takes: a body, a query, a name in its address, a header.
fn implied(operation: &Operation) -> Vec<(&'static str, &'static str)> {
    let takes = |what: ParameterIn, name: Option<&str>| {
        operation.parameters.iter().flatten().any(|one| match one {
            RefOr::T(one) => one.parameter_in == what && name.is_none_or(|name| one.name == name),
            RefOr::Ref(_) => false,
        })
    };
    let mut answers = Vec::new();
    if operation.request_body.is_some() {
        answers.extend([
            ("400", "Something of the body cannot be read or used; `detail` says what"),
            ("408", "The body comes too slowly"),
            ("413", "The body is too long"),
            ("415", "The body is of another media type"),
        ]);
    }
    if takes(ParameterIn::Query, None) {
        answers.push(("400", "A parameter cannot be read"));
    }
    if takes(ParameterIn::Path, None) {
        answers.push(("404", "There is none"));
    }
    if takes(ParameterIn::Header, Some("If-Match")) {
        answers.push(("412", "It was changed meanwhile"));
        answers.push(("428", "`If-Match` is missing"));
    }
    if takes(ParameterIn::Header, Some("Idempotency-Key")) {
        answers.push(("422", "The key was used for another request"));
    }
    answers
}

fn operation<'a>(document: &'a mut Document, entry: &Entry) -> Option<&'a mut Operation> {
    let item: &mut PathItem = document.paths.paths.get_mut(entry.path)?;
    match entry.method {
        Method::DELETE => item.delete.as_mut(),
        Method::GET => item.get.as_mut(),
        Method::POST => item.post.as_mut(),
        Method::PUT => item.put.as_mut(),
        _ => None,
    }
}

async fn show() -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-cache")).json(document())
}

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let cookie = ApiKeyValue::new("interdict");
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        let either = |name| SecurityRequirement::new(name, Vec::<String>::new());
        document.security = Some(vec![either("bearer"), either("session")]);
    }
}
