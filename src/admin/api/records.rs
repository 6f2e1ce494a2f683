//! `/admin/v1/records`: search in the records. Each search is a record itself.

use std::time::Duration;
use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;
use serde_json::Value;
use serde_json::json;
use utoipa::OpenApi;

use crate::admin::access::AUDITORS;
use crate::admin::access::Caller;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::Access;
use crate::control::AccessOutcome;
use crate::ledger::Found;
use crate::ledger::IndexStatus;
use crate::ledger::LedgerError;
use crate::ledger::Query;
use crate::ledger::SubjectKeys;

use super::problem::Answer;
use super::problem::Problem;

/// Records in an answer unless `limit` says otherwise.
const LIMIT: usize = 100;
/// Most records in an answer.
const MOST: usize = 1_000;
/// How long a search may take; then it says where to go on.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(OpenApi)]
#[openapi(paths(search))]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/admin/v1/records", AUDITORS, search);
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
        (status = 200, description = "What was found", body = Value),
        (status = 400, description = "A parameter cannot be read", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn search(plane: web::Data<AdminPlane>, caller: Caller, query: web::Query<Query>) -> Answer {
    let query = query.into_inner();
    let limit = if query.limit == 0 { LIMIT } else { query.limit.min(MOST) };
    let detail = serde_json::to_value(&query).map_err(|error| Problem::internal(&error))?;
    let query = Query { limit, ..query };
    let (actor, outcome) = (&caller.actor, AccessOutcome::Ok);
    plane.control.accessed(Access { action: "search", actor, detail, outcome }).await?;
    let searcher = plane.searcher.clone();
    let searched = web::block(move || {
        let until = Instant::now().checked_add(PATIENCE);
        let found = searcher.search(&query, until)?;
        shown(&found, searcher.keys(), searcher.status())
    });
    match searched.await {
        Ok(Ok(shown)) => {
            Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(shown))
        }
        Ok(Err(error)) => Err(Problem::internal(&error)),
        Err(_) => Err(Problem::unavailable("the search did not run")),
    }
}

fn shown(found: &Found, keys: &SubjectKeys, index: IndexStatus) -> Result<Value, LedgerError> {
    let views: Result<Vec<_>, _> = found.hits.iter().map(|hit| hit.view(keys)).collect();
    let (indexed, records, state) = (index.indexed, index.records, index.state.as_str());
    let index = json!({ "indexed": indexed, "records": records, "state": state });
    Ok(json!({ "index": index, "next": found.next, "records": views? }))
}
