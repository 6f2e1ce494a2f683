//! `/admin/v1/policies`: revisions of the policies, and their life cycle (docs/policies.md).

mod asking;
mod bundles;
mod deciding;
mod views;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use utoipa::OpenApi;
use utoipa::ToSchema;

use crate::admin::access::APPROVERS;
use crate::admin::access::AUTHORS;
use crate::admin::access::Caller;
use crate::admin::access::POLICY_MAKERS;
use crate::admin::access::VIEWERS;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::Change;
use crate::control::Event;
use crate::control::policies::Revision;
use crate::control::policies::suspend::Stay;
use crate::control::policies::suspend::Which;

use super::body::json_body;
use super::etag::etag;
use super::etag::if_match;
use super::idempotent::Created;
use super::idempotent::idempotent;
use super::paging::Page;
use super::paging::Paging;
use super::problem::Answer;
use super::problem::Problem;

use views::RevisionSummary;
use views::RevisionView;

#[derive(OpenApi)]
#[openapi(paths(
    list,
    create,
    suspend,
    resume,
    show,
    describe,
    files,
    edit,
    asking::timeline,
    asking::explain,
    asking::diff,
    deciding::check,
    deciding::checking,
    deciding::cancel,
    deciding::approve,
    deciding::schedule,
    deciding::unschedule,
    deciding::activate,
    deciding::withdraw,
    deciding::rollback,
    bundles::bundle,
    bundles::sign,
    bundles::upload,
))]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/admin/v1/policies", VIEWERS, list)
        .post("/admin/v1/policies", AUTHORS, create)
        .post("/admin/v1/policies/suspend", AUTHORS, suspend)
        .post("/admin/v1/policies/resume", AUTHORS, resume)
        .get("/admin/v1/policies/timeline", VIEWERS, asking::timeline)
        .post("/admin/v1/policies/explain", VIEWERS, asking::explain)
        .get("/admin/v1/policies/{version}", VIEWERS, show)
        .put("/admin/v1/policies/{version}", AUTHORS, describe)
        .get("/admin/v1/policies/{version}/files", VIEWERS, files)
        .put("/admin/v1/policies/{version}/files", AUTHORS, edit)
        .get("/admin/v1/policies/{version}/check", VIEWERS, deciding::checking)
        .post("/admin/v1/policies/{version}/check", POLICY_MAKERS, deciding::check)
        .delete("/admin/v1/policies/{version}/check", POLICY_MAKERS, deciding::cancel)
        .post("/admin/v1/policies/{version}/approve", APPROVERS, deciding::approve)
        .post("/admin/v1/policies/{version}/schedule", APPROVERS, deciding::schedule)
        .post("/admin/v1/policies/{version}/unschedule", APPROVERS, deciding::unschedule)
        .post("/admin/v1/policies/{version}/activate", APPROVERS, deciding::activate)
        .post("/admin/v1/policies/{version}/withdraw", POLICY_MAKERS, deciding::withdraw)
        .post("/admin/v1/policies/{version}/rollback", APPROVERS, deciding::rollback)
        .get("/admin/v1/policies/{version}/bundle", VIEWERS, bundles::bundle)
        .post("/admin/v1/policies/{version}/signatures", POLICY_MAKERS, bundles::sign)
        .post("/admin/v1/policies/bundles", POLICY_MAKERS, bundles::upload)
        .get("/admin/v1/policies/{version}/diff", VIEWERS, asking::diff);
}

/// A draft to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDraft {
    /// The revision whose files it begins with; the one in force unless given.
    base: Option<u64>,
    /// What a reader is to know.
    #[serde(default)]
    note: String,
    /// What it is called, in one line.
    #[schema(example = "Hold renewals of resellers")]
    title: String,
}

/// Title, note and base of a draft.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Description {
    /// The revision that it is to follow; as it is, unless given.
    base: Option<u64>,
    /// What a reader is to know.
    #[serde(default)]
    note: String,
    /// What it is called, in one line.
    title: String,
}

/// A file to replace or add, or to take away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FileEdit {
    /// `NAME.toml` or `cases/NAME.jsonl`.
    #[schema(example = "us-commerce-kaspersky.toml")]
    name: String,
    /// Its whole text; null takes the file away.
    text: Option<String>,
}

/// A stay to write.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewStay {
    /// Who ordered it.
    #[schema(example = "D.C. Cir., No. 24-1234")]
    by: String,
    /// From which instant on (RFC 3339).
    #[schema(value_type = String)]
    from: Timestamp,
    /// The policy's id.
    #[schema(example = "us-commerce-kaspersky")]
    policy: String,
    /// Why.
    reason: String,
    /// The rule's id; every rule of the policy unless given.
    rule: Option<String>,
    /// To which instant, exclusive (RFC 3339); until further notice unless given.
    #[schema(value_type = Option<String>)]
    until: Option<Timestamp>,
}

/// A stay to end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EndOfStay {
    /// The policy's id.
    policy: String,
    /// Why.
    reason: String,
    /// The rule's id; every rule of the policy unless given.
    rule: Option<String>,
    /// The instant at which it ends (RFC 3339); it is taken out of the files unless given.
    #[schema(value_type = Option<String>)]
    until: Option<Timestamp>,
}

/// Every revision, the latest first.
#[utoipa::path(
    get, path = "/admin/v1/policies", tag = "policies",
    params(
        Paging,
    ),
    responses(
        (status = 200, description = "A page of revisions", body = Page<RevisionSummary>),
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing"),
    )
)]
async fn list(plane: web::Data<AdminPlane>, paging: web::Query<Paging>) -> Answer {
    let limit = paging.limit()?;
    let after = match paging.after()? {
        None => None,
        Some(key) => Some(
            key.parse::<u64>()
                .map_err(|_| Problem::invalid("cursor: give the `next` of the page before"))?,
        ),
    };
    let state = plane.control.state();
    let revisions = state.policies.revisions();
    let wanted = revisions.filter(|revision| after.is_none_or(|after| revision.version < after));
    let items = wanted.take(limit.saturating_add(1)).map(RevisionSummary::of).collect();
    drop(state);
    Ok(answer(&Page::of(items, limit, |summary: &RevisionSummary| summary.version().to_string())))
}

/// Begin a draft of the files of a revision.
#[utoipa::path(
    post, path = "/admin/v1/policies", tag = "policies", request_body = NewDraft,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same for the same request sent again"),
    ),
    responses(
        (status = 201, description = "Begun", body = RevisionView, headers(("Location" = String, description = "The draft"))),
        (status = 404, description = "There is no such revision"),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
async fn create(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let new: NewDraft = json_body(&request, &body)?;
    let work = async {
        let NewDraft { base, note, title } = new;
        made(&plane, plane.policies.create(&caller.actor, &title, &note, base).await?)
    };
    idempotent(&plane, &caller, &request, &body, work).await
}

/// Begin a draft of what is in force with a stay on some rules.
#[utoipa::path(
    post, path = "/admin/v1/policies/suspend", tag = "policies", request_body = NewStay,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same for the same request sent again"),
    ),
    responses(
        (status = 201, description = "Begun; it is checked and approved like any other", body = RevisionView, headers(("Location" = String, description = "The draft"))),
        (status = 404, description = "There is no such revision"),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
async fn suspend(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let new: NewStay = json_body(&request, &body)?;
    let work = async {
        let NewStay { by, from, policy, reason, rule, until } = new;
        let (which, stay) =
            (Which { policy, rule }, Stay { by, from, reason: reason.clone(), until });
        made(&plane, plane.policies.suspend(&caller.actor, &which, &stay, &reason).await?)
    };
    idempotent(&plane, &caller, &request, &body, work).await
}

/// Begin a draft of what is in force with the stay taken off some rules, or ended.
#[utoipa::path(
    post, path = "/admin/v1/policies/resume", tag = "policies", request_body = EndOfStay,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "The same for the same request sent again"),
    ),
    responses(
        (status = 201, description = "Begun; it is checked and approved like any other", body = RevisionView, headers(("Location" = String, description = "The draft"))),
        (status = 404, description = "There is no such revision"),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
async fn resume(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let new: EndOfStay = json_body(&request, &body)?;
    let work = async {
        let EndOfStay { policy, reason, rule, until } = new;
        because(&reason)?;
        let which = Which { policy, rule };
        made(&plane, plane.policies.resume(&caller.actor, &which, until, &reason).await?)
    };
    idempotent(&plane, &caller, &request, &body, work).await
}

/// A revision.
#[utoipa::path(
    get, path = "/admin/v1/policies/{version}", tag = "policies",
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 200, description = "The revision", body = RevisionView, headers(("ETag" = String, description = "For `If-Match`"))),
    )
)]
async fn show(plane: web::Data<AdminPlane>, version: web::Path<u64>) -> Answer {
    shown(&plane.policies.revision(*version)?)
}

/// Give a draft another title, note or base. It is a draft again.
#[utoipa::path(
    put, path = "/admin/v1/policies/{version}", tag = "policies", request_body = Description,
    params(
        ("version" = u64, Path, description = "Its version"),
        ("If-Match" = String, Header, description = "The `ETag` of what was read"),
    ),
    responses(
        (status = 200, description = "Changed", body = RevisionView, headers(("ETag" = String, description = "For `If-Match`"))),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
async fn describe(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    version: web::Path<u64>,
    body: web::Bytes,
) -> Answer {
    let Description { base, note, title } = json_body(&request, &body)?;
    let edit = edit_of(&plane, &request, *version)?;
    plane.policies.describe(&caller.actor, *version, edit, (&title, &note, base)).await?;
    shown(&plane.policies.revision(*version)?)
}

/// The texts of a revision, by the names of its files.
#[utoipa::path(
    get, path = "/admin/v1/policies/{version}/files", tag = "policies",
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 200, description = "Names and texts", body = Object, headers(("ETag" = String, description = "For `If-Match`"))),
    )
)]
async fn files(plane: web::Data<AdminPlane>, version: web::Path<u64>) -> Answer {
    let revision = plane.policies.revision(*version)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, tag(&revision)))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(&revision.files))
}

/// Replace, add or take away a file of a draft. It is a draft again, and its checks are void.
#[utoipa::path(
    put, path = "/admin/v1/policies/{version}/files", tag = "policies", request_body = FileEdit,
    params(
        ("version" = u64, Path, description = "Its version"),
        ("If-Match" = String, Header, description = "The `ETag` of what was read"),
    ),
    responses(
        (status = 200, description = "Changed", body = RevisionView, headers(("ETag" = String, description = "For `If-Match`"))),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
async fn edit(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    version: web::Path<u64>,
    body: web::Bytes,
) -> Answer {
    let FileEdit { name, text } = json_body(&request, &body)?;
    let edit = edit_of(&plane, &request, *version)?;
    plane.policies.edit(&caller.actor, *version, edit, &name, text.map(Into::into)).await?;
    shown(&plane.policies.revision(*version)?)
}

/// The draft that an event began.
fn made(plane: &AdminPlane, event: Event) -> Answer<Created<RevisionView>> {
    let Change::Policies(change) = event.change else {
        return Err(Problem::internal(&"a change of another area"));
    };
    let version = change.version();
    let revision = plane.policies.revision(version)?;
    let value = RevisionView::of(&revision).map_err(|error| Problem::internal(&error))?;
    let location = Some(format!("/admin/v1/policies/{version}"));
    Ok(Created { location, status: StatusCode::CREATED, value })
}

/// The edit that a request says it has read.
fn edit_of(plane: &AdminPlane, request: &HttpRequest, version: u64) -> Answer<u64> {
    let revision = plane.policies.revision(version)?;
    if_match(request, &tag(&revision))?;
    Ok(revision.edit)
}

fn because(reason: &str) -> Answer<()> {
    match reason.trim().is_empty() {
        true => Err(Problem::invalid("reason: say why, for the record").at("reason", "say why")),
        false => Ok(()),
    }
}

fn tag(revision: &Revision) -> String {
    etag(&(revision.version, revision.edit))
}

fn shown(revision: &Revision) -> Answer {
    let view = RevisionView::of(revision).map_err(|error| Problem::internal(&error))?;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, tag(revision)))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(view))
}

fn answer(value: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(value)
}
