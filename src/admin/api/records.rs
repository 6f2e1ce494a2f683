//! `/admin/v1/records`: search in the records, one record, its proof and its explanation. Each look is a record itself.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;
use serde::Serialize;
use serde_json::json;
use utoipa::OpenApi;

use crate::admin::access::AUDITORS;
use crate::admin::access::Caller;
use crate::admin::access::RECORD_READERS;
use crate::admin::evidence;
use crate::admin::evidence::Explained;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::ledger::Query;

use super::problem::Answer;

/// Records in an answer unless `limit` says otherwise.
const LIMIT: usize = 100;
/// Most records in an answer.
const MOST: usize = 1_000;

#[derive(OpenApi)]
#[openapi(paths(search, show, prove, explain), components(schemas(Explained)))]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/admin/v1/records", AUDITORS, search)
        .get("/admin/v1/records/{id}", RECORD_READERS, show)
        .get("/admin/v1/records/{id}/proof", RECORD_READERS, prove)
        .get("/admin/v1/records/{id}/explanation", RECORD_READERS, explain);
}

/// Search the records, the newest first.
#[utoipa::path(
    get, path = "/admin/v1/records", tag = "records",
    params(
        ("account" = Option<String>, Query, description = "The buyer's account"),
        ("before" = Option<u64>, Query, description = "Only records before this sequence number: `next` of the page before"),
        ("country" = Option<String>, Query, description = "The country of the decision"),
        ("from" = Option<String>, Query, description = "Not before this instant (RFC 3339)"),
        ("id" = Option<String>, Query, description = "The record's id"),
        ("kind" = Option<String>, Query, description = "The kind, such as `decision`, `change` or `access`"),
        ("limit" = Option<usize>, Query, description = "Most records wanted: 100 unless given, at most 1000"),
        ("nexus" = Option<String>, Query, description = "The buyer's nexus: `us`, `foreign` or `unclear`"),
        ("product" = Option<String>, Query, description = "A product group of one of the items"),
        ("rule" = Option<String>, Query, description = "The rule that decided, with or without its policy before a `/`"),
        ("to" = Option<String>, Query, description = "Before this instant (RFC 3339)"),
        ("verdict" = Option<String>, Query, description = "`allow`, `block` or `review`"),
    ),
    responses(
        (status = 200, description = "What was found", body = serde_json::Value),
    )
)]
async fn search(plane: web::Data<AdminPlane>, caller: Caller, query: web::Query<Query>) -> Answer {
    let query = query.into_inner();
    let limit = if query.limit == 0 { LIMIT } else { query.limit.min(MOST) };
    let found = evidence::search(&plane, &caller, Query { limit, ..query }).await?;
    let (indexed, records) = (found.index.indexed, found.index.records);
    let index =
        json!({ "indexed": indexed, "records": records, "state": found.index.state.as_str() });
    Ok(shown(&json!({ "index": index, "next": found.next, "records": found.records })))
}

/// One record: its export view.
#[utoipa::path(
    get, path = "/admin/v1/records/{id}", tag = "records",
    params(("id" = String, Path, description = "Its id, as in `Interdict-Decision`")),
    responses(
        (status = 200, description = "The record", body = serde_json::Value),
    )
)]
async fn show(plane: web::Data<AdminPlane>, caller: Caller, id: web::Path<String>) -> Answer {
    let opened = evidence::open(&plane, &caller, &id).await?;
    Ok(shown(&opened.view))
}

/// A record's proof (C2SP tlog-proof), and the key that it is checked with.
#[utoipa::path(
    get, path = "/admin/v1/records/{id}/proof", tag = "records",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "`id`, `proof` (the text that `interdict ledger verify --proof` takes) and `key`", body = serde_json::Value),
        (status = 409, description = "No checkpoint covers it yet: try again in a moment"),
    )
)]
async fn prove(plane: web::Data<AdminPlane>, caller: Caller, id: web::Path<String>) -> Answer {
    // Opened first: who may not see a record gets no proof of it, and the access is recorded.
    let opened = evidence::open(&plane, &caller, &id).await?;
    Ok(shown(&evidence::prove(&plane, opened.id, true).await?))
}

/// A record in plain words: what was decided and why, how the evidence weighed, every rule that was looked at.
#[utoipa::path(
    get, path = "/admin/v1/records/{id}/explanation", tag = "records",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The explanation", body = Explained),
    )
)]
async fn explain(plane: web::Data<AdminPlane>, caller: Caller, id: web::Path<String>) -> Answer {
    let opened = evidence::open(&plane, &caller, &id).await?;
    let outcome = evidence::outcome(&plane, &opened).await?;
    Ok(shown(&evidence::explain(&opened, outcome.as_ref())))
}

fn shown(value: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(value)
}
