//! `/admin/v1/clearances`: what was released, and whether it still passes.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web;
use serde::Deserialize;
use utoipa::OpenApi;
use utoipa::ToSchema;

use crate::admin::access::APPROVERS;
use crate::admin::access::Caller;
use crate::admin::access::QUEUE;
use crate::admin::api::body::json_body;
use crate::admin::api::idempotent::Created;
use crate::admin::api::idempotent::idempotent;
use crate::admin::api::paging::Page;
use crate::admin::api::paging::Paging;
use crate::admin::api::problem::Answer;
use crate::admin::api::problem::Problem;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::reviews::Permission;

use super::view::ClearanceView;
use super::words::Force;

#[derive(OpenApi)]
#[openapi(paths(list, show, revoke))]
pub(in crate::admin::api) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/admin/v1/clearances", QUEUE, list)
        .get("/admin/v1/clearances/{id}", QUEUE, show)
        .post("/admin/v1/clearances/{id}/revocation", APPROVERS, revoke);
}

#[derive(Debug, Deserialize)]
struct Wanted {
    /// How it stands: `in_force`, `used`, `ended` or `revoked`.
    state: Option<String>,
}

/// Why a clearance is taken back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Revocation {
    /// For the record. Name no person.
    reason: String,
}

/// List the clearances, the newest first.
#[utoipa::path(
    get, path = "/admin/v1/clearances", tag = "reviews",
    params(
        ("state" = Option<String>, Query, description = "How it stands: `in_force`, `used`, `ended` or `revoked`"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before; none for the first"),
        ("limit" = Option<u16>, Query, description = "Most entries wanted: 1 to 1000, 100 by default"),
    ),
    responses(
        (status = 200, description = "A page of clearances", body = Page<ClearanceView>),
    )
)]
async fn list(
    plane: web::Data<AdminPlane>,
    wanted: web::Query<Wanted>,
    paging: web::Query<Paging>,
) -> Answer<web::Json<Page<ClearanceView>>> {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let force = match wanted.state.as_deref().filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let found = Force::ALL.into_iter().find(|force| force.as_str() == text);
            let bad = "in_force, used, ended or revoked";
            Some(found.ok_or_else(|| Problem::invalid(format!("state: {bad}")).at("state", bad))?)
        }
    };
    let now = plane.gate.now();
    let state = plane.control.state();
    // Names are made of their instants: the last is the newest.
    let each = state.reviews.clearances.iter().rev();
    let items = each
        .filter(|(id, _)| after.as_deref().is_none_or(|after| id.as_str() < after))
        .filter(|(_, known)| force.is_none_or(|force| Force::of(known, now) == force))
        .take(limit.saturating_add(1))
        .map(|(_, known)| ClearanceView::of(known, now))
        .collect();
    Ok(web::Json(Page::of(items, limit, |view: &ClearanceView| view.id.clone())))
}

/// One clearance.
#[utoipa::path(
    get, path = "/admin/v1/clearances/{id}", tag = "reviews",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The clearance", body = ClearanceView),
    )
)]
async fn show(
    plane: web::Data<AdminPlane>,
    id: web::Path<String>,
) -> Answer<web::Json<ClearanceView>> {
    Ok(web::Json(ClearanceView::of(&find(&plane, &id)?, plane.gate.now())))
}

/// Revoke a clearance: the next request is held again.
#[utoipa::path(
    post, path = "/admin/v1/clearances/{id}/revocation", tag = "reviews", request_body = Revocation,
    params(
        ("id" = String, Path, description = "Its name"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
    ),
    responses(
        (status = 201, description = "Revoked", body = ClearanceView),
        (status = 400, description = "The reason is missing"),
        (status = 409, description = "It is not in force"),
    )
)]
async fn revoke(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Bytes,
) -> Answer {
    find(&plane, &id)?;
    let Revocation { reason } = json_body(&request, &body)?;
    let work = async {
        revoked(&plane, &caller, &id, &reason).await?;
        let value = ClearanceView::of(&find(&plane, &id)?, plane.gate.now());
        let location = Some(format!("/admin/v1/clearances/{id}"));
        Ok(Created { location, status: StatusCode::CREATED, value })
    };
    idempotent(&plane, &caller, &request, &body, work).await
}

/// Takes a clearance back.
///
/// # Errors
/// 400 without a reason, and what the control plane says.
pub(in crate::admin) async fn revoked(
    plane: &AdminPlane,
    caller: &Caller,
    id: &str,
    reason: &str,
) -> Answer<()> {
    if reason.trim().is_empty() {
        return Err(Problem::invalid("reason: say why").at("reason", "say why"));
    }
    plane.control.revoke_clearance(&caller.actor, id, reason.trim()).await?;
    Ok(())
}

/// The clearance of that name.
///
/// # Errors
/// 404.
pub(in crate::admin) fn find(plane: &AdminPlane, id: &str) -> Answer<Permission> {
    let state = plane.control.state();
    let found = state.reviews.clearances.get(id).cloned();
    found.ok_or_else(|| Problem::not_found(format!("clearance `{id}`")))
}
