//! What policies say of time, of one another, and of a transaction.

use actix_web::HttpRequest;
use actix_web::web;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::admin::access::Caller;
use crate::admin::policies::Question;
use crate::admin::server::AdminPlane;
use crate::model::Transaction;

use super::super::body::json_body;
use super::super::problem::Answer;
use super::super::problem::Problem;
use super::answer;
use super::views::DiffFrom;

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

/// Everything that has a date: rules, stays, vendor dates, activations, what is scheduled.
#[utoipa::path(
    get, path = "/admin/v1/policies/timeline", tag = "policies",
    responses(
        (status = 200, description = "The timeline", body = Object),
    )
)]
pub(super) async fn timeline(plane: web::Data<AdminPlane>) -> Answer {
    Ok(answer(&plane.policies.timeline()))
}

/// What would be decided at an instant, and why. Hypothetical: nothing is recorded but that somebody asked.
#[utoipa::path(
    post, path = "/admin/v1/policies/explain", tag = "policies", request_body = Asking,
    responses(
        (status = 200, description = "The account of the decision", body = Object),
        (status = 404, description = "There is no such revision"),
        (status = 409, description = "It is not its turn, or somebody was faster"),
    )
)]
pub(super) async fn explain(
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

/// What differs from another revision: line by line, and by what it means.
#[utoipa::path(
    get, path = "/admin/v1/policies/{version}/diff", tag = "policies",
    params(
        ("version" = u64, Path, description = "Its version"),
        DiffFrom,
    ),
    responses(
        (status = 200, description = "What differs", body = Object),
        (status = 400, description = "Something of it cannot be used, such as a reason that is missing"),
    )
)]
pub(super) async fn diff(
    plane: web::Data<AdminPlane>,
    version: web::Path<u64>,
    from: web::Query<DiffFrom>,
) -> Answer {
    let revision = plane.policies.revision(*version)?;
    let active = || plane.control.state().policies.active().map(|active| active.version);
    let from = from.from.or(revision.base).or_else(active).unwrap_or(*version);
    let (policies, to) = (plane.policies.clone(), *version);
    // It may take a while, and others wait on this thread.
    let diff = web::block(move || policies.diff(from, to)).await;
    let diff = diff.map_err(|error| Problem::internal(&error))??;
    Ok(answer(&json!({ "diff": diff, "from": from, "to": *version })))
}
