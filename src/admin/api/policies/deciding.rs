//! What becomes of a revision: checked, approved, scheduled, activated, withdrawn, rolled back to.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::admin::access::Caller;
use crate::admin::policies::Scope;
use crate::admin::server::AdminPlane;

use super::super::body::json_body;
use super::super::problem::Answer;
use super::super::problem::Problem;
use super::answer;
use super::shown;
use super::views::RevisionView;

/// Which decisions are decided again: the latest, but none that is older.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CheckScope {
    /// So many days; 7 unless given, at least 1.
    days: Option<u16>,
    /// So many decisions; 10000 unless given, 1000 to 100000.
    records: Option<u64>,
}

/// An agreement.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// How many outcomes change according to the report: nobody agrees to what they did not see.
    changed: u64,
    /// Why.
    reason: String,
}

/// When a revision is to come into force.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Schedule {
    /// The instant (RFC 3339).
    #[schema(value_type = String)]
    at: Timestamp,
    /// Why.
    reason: String,
}

/// Why something is done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Because {
    /// Why, for the record.
    reason: String,
}

/// Begin the checks of a revision: `policy check`, its cases, and recent decisions decided again.
#[utoipa::path(
    post, path = "/admin/v1/policies/{version}/check", tag = "policies", request_body = CheckScope,
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 202, description = "They go on in the background", body = Object),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
pub(super) async fn check(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    version: web::Path<u64>,
    body: web::Bytes,
) -> Answer {
    let CheckScope { days, records } = json_body(&request, &body)?;
    let scope = Scope::of(records, days)?;
    let progress = plane.policies.begin_check(&caller.actor, *version, scope)?;
    Ok(HttpResponse::Accepted()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::LOCATION, format!("/admin/v1/policies/{version}/check")))
        .json(progress))
}

/// How far the checks of a revision are, and their report once they are over.
#[utoipa::path(
    get, path = "/admin/v1/policies/{version}/check", tag = "policies",
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 200, description = "Progress and report, each null where there is none", body = Object),
    )
)]
pub(super) async fn checking(plane: web::Data<AdminPlane>, version: web::Path<u64>) -> Answer {
    let revision = plane.policies.revision(*version)?;
    let progress = plane.policies.check_progress().filter(|progress| progress.version == *version);
    Ok(answer(&json!({ "progress": progress, "report": revision.report })))
}

/// Cancel the checks of a revision.
#[utoipa::path(
    delete, path = "/admin/v1/policies/{version}/check", tag = "policies",
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 204, description = "Cancelled"),
    )
)]
pub(super) async fn cancel(plane: web::Data<AdminPlane>, version: web::Path<u64>) -> Answer {
    match plane.policies.cancel_check(*version) {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Problem::not_found(format!("check of revision {version} that runs"))),
    }
}

/// Agree to a revision that somebody else wrote, knowing of so many changed outcomes.
#[utoipa::path(
    post, path = "/admin/v1/policies/{version}/approve", tag = "policies", request_body = Approval,
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 200, description = "As it stands now", body = RevisionView),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
pub(super) async fn approve(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    version: web::Path<u64>,
    body: web::Bytes,
) -> Answer {
    let Approval { changed, reason } = json_body(&request, &body)?;
    plane.policies.approve(&caller.actor, *version, changed, &reason).await?;
    shown(&plane.policies.revision(*version)?)
}

/// Let a revision come into force at an instant.
#[utoipa::path(
    post, path = "/admin/v1/policies/{version}/schedule", tag = "policies", request_body = Schedule,
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 200, description = "As it stands now", body = RevisionView),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
pub(super) async fn schedule(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    version: web::Path<u64>,
    body: web::Bytes,
) -> Answer {
    let Schedule { at, reason } = json_body(&request, &body)?;
    plane.policies.schedule(&caller.actor, *version, at, &reason).await?;
    shown(&plane.policies.revision(*version)?)
}

/// Take a revision off the schedule.
#[utoipa::path(
    post, path = "/admin/v1/policies/{version}/unschedule", tag = "policies", request_body = Because,
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 200, description = "As it stands now", body = RevisionView),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
pub(super) async fn unschedule(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    version: web::Path<u64>,
    body: web::Bytes,
) -> Answer {
    let Because { reason } = json_body(&request, &body)?;
    plane.policies.unschedule(&caller.actor, *version, &reason).await?;
    shown(&plane.policies.revision(*version)?)
}

/// Put a revision in force now, on all workers at once.
#[utoipa::path(
    post, path = "/admin/v1/policies/{version}/activate", tag = "policies", request_body = Because,
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 200, description = "As it stands now", body = RevisionView),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
pub(super) async fn activate(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    version: web::Path<u64>,
    body: web::Bytes,
) -> Answer {
    let Because { reason } = json_body(&request, &body)?;
    plane.policies.activate(&caller.actor, *version, &reason).await?;
    shown(&plane.policies.revision(*version)?)
}

/// Give a revision up.
#[utoipa::path(
    post, path = "/admin/v1/policies/{version}/withdraw", tag = "policies", request_body = Because,
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 200, description = "As it stands now", body = RevisionView),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
pub(super) async fn withdraw(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    version: web::Path<u64>,
    body: web::Bytes,
) -> Answer {
    let Because { reason } = json_body(&request, &body)?;
    plane.policies.withdraw(&caller.actor, *version, &reason).await?;
    shown(&plane.policies.revision(*version)?)
}

/// Put a revision in force again that was in force before.
#[utoipa::path(
    post, path = "/admin/v1/policies/{version}/rollback", tag = "policies", request_body = Because,
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 200, description = "As it stands now", body = RevisionView),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
pub(super) async fn rollback(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    version: web::Path<u64>,
    body: web::Bytes,
) -> Answer {
    let Because { reason } = json_body(&request, &body)?;
    plane.policies.roll_back(&caller.actor, *version, &reason).await?;
    shown(&plane.policies.revision(*version)?)
}
