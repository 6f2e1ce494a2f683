//! `/admin/v1/policies`: revisions of the policies, and their life cycle (docs/policies.md).

mod views;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use utoipa::IntoParams;
use utoipa::OpenApi;
use utoipa::ToSchema;

use crate::admin::access::APPROVERS;
use crate::admin::access::AUTHORS;
use crate::admin::access::Caller;
use crate::admin::access::POLICY_MAKERS;
use crate::admin::access::VIEWERS;
use crate::admin::mount::Mount;
use crate::admin::policies::Question;
use crate::admin::policies::Scope;
use crate::admin::server::AdminPlane;
use crate::control::Change;
use crate::control::Event;
use crate::control::policies::Revision;
use crate::control::policies::suspend::Stay;
use crate::control::policies::suspend::Which;
use crate::model::Transaction;

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
    list, create, suspend, resume, timeline, explain, show, describe, files, edit, check, checking,
    cancel, approve, schedule, unschedule, activate, withdraw, rollback, diff
))]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/admin/v1/policies", VIEWERS, list)
        .post("/admin/v1/policies", AUTHORS, create)
        .post("/admin/v1/policies/suspend", AUTHORS, suspend)
        .post("/admin/v1/policies/resume", AUTHORS, resume)
        .get("/admin/v1/policies/timeline", VIEWERS, timeline)
        .post("/admin/v1/policies/explain", VIEWERS, explain)
        .get("/admin/v1/policies/{version}", VIEWERS, show)
        .put("/admin/v1/policies/{version}", AUTHORS, describe)
        .get("/admin/v1/policies/{version}/files", VIEWERS, files)
        .put("/admin/v1/policies/{version}/files", AUTHORS, edit)
        .get("/admin/v1/policies/{version}/check", VIEWERS, checking)
        .post("/admin/v1/policies/{version}/check", POLICY_MAKERS, check)
        .delete("/admin/v1/policies/{version}/check", POLICY_MAKERS, cancel)
        .post("/admin/v1/policies/{version}/approve", APPROVERS, approve)
        .post("/admin/v1/policies/{version}/schedule", APPROVERS, schedule)
        .post("/admin/v1/policies/{version}/unschedule", APPROVERS, unschedule)
        .post("/admin/v1/policies/{version}/activate", APPROVERS, activate)
        .post("/admin/v1/policies/{version}/withdraw", POLICY_MAKERS, withdraw)
        .post("/admin/v1/policies/{version}/rollback", APPROVERS, rollback)
        .get("/admin/v1/policies/{version}/diff", VIEWERS, diff);
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

/// Which decisions are decided again: the latest, but none that is older.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CheckScope {
    /// So many days; 7 unless given.
    days: Option<u16>,
    /// So many decisions; 10000 unless given, at most 100000.
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

/// What is asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Asking {
    /// For which instant (RFC 3339); the transaction's own, or now, unless given.
    #[schema(value_type = Option<String>)]
    at: Option<Timestamp>,
    /// The transaction, as the decision API takes it.
    #[schema(value_type = Object)]
    transaction: Box<RawValue>,
    /// Under which revision; the one that was or will be in force then, unless given.
    version: Option<u64>,
}

/// What a revision is compared with.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DiffFrom {
    /// The version of the older one; its base unless given.
    from: Option<u64>,
}

/// Every revision, the latest first.
#[utoipa::path(
    get, path = "/admin/v1/policies", tag = "policies",
    params(
        Paging,
    ),
    responses(
        (status = 200, description = "A page of revisions", body = Page<RevisionSummary>),
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
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
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The key was used for another request", body = Problem, content_type = "application/problem+json"),
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
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The key was used for another request", body = Problem, content_type = "application/problem+json"),
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
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The key was used for another request", body = Problem, content_type = "application/problem+json"),
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

/// Everything that has a date: rules, stays, vendor dates, activations, what is scheduled.
#[utoipa::path(
    get, path = "/admin/v1/policies/timeline", tag = "policies",
    responses(
        (status = 200, description = "The timeline", body = Object),
    )
)]
async fn timeline(plane: web::Data<AdminPlane>) -> Answer {
    Ok(answer(&plane.policies.timeline()))
}

/// What would be decided at an instant, and why. Hypothetical: nothing is recorded but that somebody asked.
#[utoipa::path(
    post, path = "/admin/v1/policies/explain", tag = "policies", request_body = Asking,
    responses(
        (status = 200, description = "The account of the decision", body = Object),
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn explain(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let Asking { at, transaction, version } = json_body(&request, &body)?;
    let transaction = Transaction::from_json(transaction.get().as_bytes()).map_err(|error| {
        Problem::invalid(format!("transaction: {error}")).at("transaction", error.to_string())
    })?;
    let question = Question { at, transaction, version };
    Ok(answer(&plane.policies.ask(&caller.actor, question).await?))
}

/// A revision.
#[utoipa::path(
    get, path = "/admin/v1/policies/{version}", tag = "policies",
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 200, description = "The revision", body = RevisionView, headers(("ETag" = String, description = "For `If-Match`"))),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
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
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing", body = Problem, content_type = "application/problem+json"),
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
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
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
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "It was changed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing", body = Problem, content_type = "application/problem+json"),
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

/// Begin the checks of a revision: `policy check`, its cases, and recent decisions decided again.
#[utoipa::path(
    post, path = "/admin/v1/policies/{version}/check", tag = "policies", request_body = CheckScope,
    params(
        ("version" = u64, Path, description = "Its version"),
    ),
    responses(
        (status = 202, description = "They go on in the background", body = Object),
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn check(
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
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn checking(plane: web::Data<AdminPlane>, version: web::Path<u64>) -> Answer {
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
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn cancel(plane: web::Data<AdminPlane>, version: web::Path<u64>) -> Answer {
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
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn approve(
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
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn schedule(
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
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn unschedule(
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
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn activate(
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
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn withdraw(
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
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not its turn, or somebody was faster", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too long", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn rollback(
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

/// What differs from another revision: line by line, and by what it means.
#[utoipa::path(
    get, path = "/admin/v1/policies/{version}/diff", tag = "policies",
    params(
        ("version" = u64, Path, description = "Its version"),
        DiffFrom,
    ),
    responses(
        (status = 200, description = "What differs", body = Object),
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such revision", body = Problem, content_type = "application/problem+json"),
    )
)]
async fn diff(
    plane: web::Data<AdminPlane>,
    version: web::Path<u64>,
    from: web::Query<DiffFrom>,
) -> Answer {
    let revision = plane.policies.revision(*version)?;
    let active = || plane.control.state().policies.active().map(|active| active.version);
    let from = from.from.or(revision.base).or_else(active).unwrap_or(*version);
    let diff = plane.policies.diff(from, *version)?;
    Ok(answer(&json!({ "diff": diff, "from": from, "to": *version })))
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
