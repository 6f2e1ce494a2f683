//! `/admin/v1/ledger`, `/admin/v1/access`, `/admin/v1/changes`: how the record goes, who looked at it, who changed what.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use utoipa::OpenApi;

use crate::admin::access::AUDITORS;
use crate::admin::access::Caller;
use crate::admin::access::VIEWERS;
use crate::admin::evidence;
use crate::admin::evidence::Checked;
use crate::admin::evidence::LedgerState;
use crate::admin::evidence::Listed;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::Access;
use crate::control::AccessOutcome;
use crate::model::Role;

use super::paging::Page;
use super::paging::Paging;
use super::paging::cursor;
use super::problem::Answer;
use super::problem::Problem;

#[derive(OpenApi)]
#[openapi(
    paths(show, verify, verification, access, changes),
    components(schemas(Checked, LedgerState))
)]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/admin/v1/ledger", VIEWERS, show)
        .get("/admin/v1/ledger/verify", VIEWERS, verification)
        .post("/admin/v1/ledger/verify", AUDITORS, verify)
        .get("/admin/v1/access", AUDITORS, access)
        .get("/admin/v1/changes", VIEWERS, changes);
}

/// How the ledger goes.
#[utoipa::path(
    get, path = "/admin/v1/ledger", tag = "ledger",
    responses((status = 200, description = "Its state", body = LedgerState))
)]
async fn show(plane: web::Data<AdminPlane>) -> Answer {
    Ok(shown(StatusCode::OK, &evidence::ledger(&plane).await?))
}

/// How the verification stands, or what the last one has found.
#[utoipa::path(
    get, path = "/admin/v1/ledger/verify", tag = "ledger",
    responses((status = 200, description = "The verification", body = Checked))
)]
async fn verification(plane: web::Data<AdminPlane>) -> HttpResponse {
    shown(StatusCode::OK, &plane.evidence.verification.now())
}

/// Verify the whole ledger in the background, from its raw bytes, by code that shares nothing with what writes it.
#[utoipa::path(
    post, path = "/admin/v1/ledger/verify", tag = "ledger",
    responses(
        (status = 202, description = "It has begun", body = Checked),
        (status = 409, description = "One is running"),
    )
)]
async fn verify(plane: web::Data<AdminPlane>, caller: Caller) -> Answer {
    begin_verification(&plane, &caller).await?;
    Ok(shown(StatusCode::ACCEPTED, &plane.evidence.verification.now()))
}

/// Starts the verification for whoever calls; that is on record.
///
/// # Errors
/// 409 if one is running, 503 if nothing can be recorded now.
pub(in crate::admin) async fn begin_verification(
    plane: &AdminPlane,
    caller: &Caller,
) -> Answer<()> {
    let (actor, outcome) = (&caller.actor, AccessOutcome::Ok);
    let access = Access { action: "verify", actor, detail: json!({}), outcome };
    plane.control.accessed(access).await?;
    let gate = plane.gate.clone();
    let dir = plane.searcher.dir().to_owned();
    match plane.evidence.verification.start(dir, &caller.actor.id, move || gate.now()) {
        true => Ok(()),
        false => Err(Problem::new(StatusCode::CONFLICT, "a verification is running: wait for it")),
    }
}

/// Who looked at what: sign-ins, searches, records, exports, reports; the newest first.
#[utoipa::path(
    get, path = "/admin/v1/access", tag = "records", params(Paging),
    responses(
        (status = 200, description = "A page of records of kind `access`", body = Page<Value>),
    )
)]
async fn access(plane: web::Data<AdminPlane>, paging: web::Query<Paging>) -> Answer {
    let (before, limit) = place(&paging)?;
    let listed = evidence::kinds(&plane, "access", before, limit, true).await?;
    Ok(shown(StatusCode::OK, &paged(listed)))
}

/// Who changed what and why, the newest first. Personal parts are shown to auditors only.
#[utoipa::path(
    get, path = "/admin/v1/changes", tag = "records", params(Paging),
    responses(
        (status = 200, description = "A page of records of kind `change`", body = Page<Value>),
    )
)]
async fn changes(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    paging: web::Query<Paging>,
) -> Answer {
    let (before, limit) = place(&paging)?;
    let personal = caller.has(Role::Auditor);
    let listed = evidence::kinds(&plane, "change", before, limit, personal).await?;
    Ok(shown(StatusCode::OK, &paged(listed)))
}

/// Where a page begins, and how long it is.
///
/// # Errors
/// 400 where either cannot be read.
pub(in crate::admin) fn place(paging: &Paging) -> Answer<(Option<u64>, usize)> {
    let bad = "give the `next` of the page before";
    let after = paging.after()?.map(|text| text.parse()).transpose();
    let before = after.map_err(|_| Problem::invalid(format!("cursor: {bad}")).at("cursor", bad))?;
    Ok((before, paging.limit()?))
}

fn paged(listed: Listed) -> Page<Map<String, Value>> {
    let next = listed.next.map(|next| cursor(&next.to_string()));
    Page { items: listed.records, next }
}

fn shown(status: StatusCode, value: &impl Serialize) -> HttpResponse {
    HttpResponse::build(status).insert_header((header::CACHE_CONTROL, "no-store")).json(value)
}
