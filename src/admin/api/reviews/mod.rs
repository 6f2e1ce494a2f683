//! `/admin/v1/reviews` and `/admin/v1/clearances`: what is held, what two people make of it, and what they released (docs/reviews.md).
//!
//! The pages of the console stand on the same functions: what is read, who may, and what a step needs is said once.
//!
//! **What it must never do.** Show an entry's evidence before it is on record who looked; let two people's steps cross.

pub(in crate::admin) mod clearances;
pub(in crate::admin) mod evidence;
mod steps;
pub(in crate::admin) mod view;
pub(in crate::admin) mod words;

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use serde::Deserialize;
use utoipa::OpenApi;

use crate::admin::access::APPROVERS;
use crate::admin::access::Caller;
use crate::admin::access::QUEUE;
use crate::admin::access::REVIEWERS;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::reviews::Hold;
use crate::control::reviews::Status;

use super::body::json_body;
use super::etag::if_match;
use super::idempotent::Created;
use super::idempotent::idempotent;
use super::paging::Page;
use super::paging::Paging;
use super::problem::Answer;
use super::problem::Problem;

pub(in crate::admin) use steps::Recommendation;
pub(in crate::admin) use steps::Resolution;
pub(in crate::admin) use steps::recommended;
pub(in crate::admin) use steps::resolved;

use view::Detail;
use view::Entry;

#[derive(OpenApi)]
#[openapi(paths(list, show, recommend, resolve))]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/admin/v1/reviews", QUEUE, list)
        .get("/admin/v1/reviews/{id}", QUEUE, show)
        .post("/admin/v1/reviews/{id}/recommendation", REVIEWERS, recommend)
        .post("/admin/v1/reviews/{id}/resolution", APPROVERS, resolve);
    clearances::routes(mount);
}

/// Which entries.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::admin) struct Wanted {
    /// The action, such as `signature_update`.
    pub(in crate::admin) action: String,
    /// The product group.
    pub(in crate::admin) product: String,
    /// The rule, with or without its policy before a `/`.
    pub(in crate::admin) rule: String,
    /// How it stands: `open`, `recommended`, `released` or `refused`.
    pub(in crate::admin) state: String,
    /// What the subject is: `account`, `licence_key`, `network`, `order`, or `none`.
    pub(in crate::admin) subject: String,
}

/// An entry of the queue, as it is listed.
pub(in crate::admin) struct Listed {
    /// What was held.
    pub(in crate::admin) hold: Arc<Hold>,
    /// Its name.
    pub(in crate::admin) id: String,
    /// How it stands.
    pub(in crate::admin) status: Status,
}

impl Wanted {
    /// True if the entry is wanted; how it stands is looked at by `statuses`.
    pub(in crate::admin) fn is(&self, hold: &Hold) -> bool {
        let key = &hold.key;
        let kind = serde_json::to_value(key.kind).ok();
        let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("none");
        let rule = &hold.rule;
        let same = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        same(&self.action, key.action.as_str())
            && same(&self.product, key.product.as_deref().unwrap_or_default())
            && same(&self.subject, kind)
            && (same(&self.rule, &rule.rule)
                || self.rule == format!("{}/{}", rule.policy, rule.rule))
    }
}

/// The entries that are wanted and stand in one of these ways, those that wait longest first.
pub(in crate::admin) fn queue(
    plane: &AdminPlane,
    wanted: &Wanted,
    statuses: &[Status],
) -> Vec<Listed> {
    let all = plane.control.reviews(None).into_iter();
    let mut found: Vec<_> = all
        .filter(|(_, hold, status)| statuses.contains(status) && wanted.is(hold))
        .map(|(id, hold, status)| Listed { hold, id, status })
        .collect();
    found.sort_unstable_by(|a, b| (a.hold.opened, &a.id).cmp(&(b.hold.opened, &b.id)));
    found
}

/// List the entries of the review queue, those that wait longest first.
#[utoipa::path(
    get, path = "/admin/v1/reviews", tag = "reviews",
    params(
        ("action" = Option<String>, Query, description = "The action, such as `signature_update`"),
        ("product" = Option<String>, Query, description = "The product group"),
        ("rule" = Option<String>, Query, description = "The rule, with or without its policy before a `/`"),
        ("state" = Option<String>, Query, description = "How it stands: `open`, `recommended`, `released` or `refused`"),
        ("subject" = Option<String>, Query, description = "What the subject is: `account`, `licence_key`, `network`, `order`, or `none`"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before; none for the first"),
        ("limit" = Option<u16>, Query, description = "Most entries wanted: 1 to 1000, 100 by default"),
    ),
    responses(
        (status = 200, description = "A page of entries", body = Page<Entry>),
    )
)]
async fn list(
    plane: web::Data<AdminPlane>,
    wanted: web::Query<Wanted>,
    paging: web::Query<Paging>,
) -> Answer<web::Json<Page<Entry>>> {
    const ALL: [Status; 4] = [Status::Open, Status::Recommended, Status::Refused, Status::Released];
    let (limit, after) = (paging.limit()?, paging.after()?);
    let statuses: Vec<_> = ALL
        .into_iter()
        .filter(|status| wanted.state.is_empty() || wanted.state == status.as_str())
        .collect();
    if statuses.is_empty() {
        let bad = "open, recommended, released or refused";
        return Err(Problem::invalid(format!("state: {bad}")).at("state", bad));
    }
    // Instants with the same number of digits sort as texts.
    let place = |opened: &str, id: &str| format!("{opened} {id}");
    let behind = |listed: &Listed| {
        let here = place(&listed.hold.opened.as_microsecond().to_string(), &listed.id);
        after.as_deref().is_none_or(|after| here.as_str() > after)
    };
    let found: Vec<_> = queue(&plane, &wanted, &statuses)
        .into_iter()
        .filter(behind)
        .take(limit.saturating_add(1))
        .collect();
    let more = found.len() > limit;
    let last = found.get(limit.saturating_sub(1)).filter(|_| more);
    let next = last.map(|last| {
        let opened = last.hold.opened.as_microsecond().to_string();
        super::paging::cursor(&place(&opened, &last.id))
    });
    let items = found.iter().take(limit).map(|l| Entry::of(&l.id, &l.hold, l.status)).collect();
    Ok(web::Json(Page { items, next }))
}

/// One entry, with the evidence of its newest decisions. That somebody read it is on record.
#[utoipa::path(
    get, path = "/admin/v1/reviews/{id}", tag = "reviews",
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The entry", body = Detail, headers(("ETag" = String, description = "For `If-Match`. More holds of the same evidence do not change it"))),
    )
)]
async fn show(plane: web::Data<AdminPlane>, caller: Caller, id: web::Path<String>) -> Answer {
    let review = plane.control.review(&id)?;
    view::looked(&plane, &caller, &id).await?;
    let samples = view::samples(&plane, &review.hold).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, view::version(&review)))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Detail::of(&review, samples, plane.gate.now())))
}

/// Recommend what should become of an entry.
#[utoipa::path(
    post, path = "/admin/v1/reviews/{id}/recommendation", tag = "reviews", request_body = Recommendation,
    params(
        ("id" = String, Path, description = "Its name"),
        ("If-Match" = String, Header, description = "The `ETag` of what was read"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
    ),
    responses(
        (status = 201, description = "Recommended: it waits for a second person", body = Entry),
        (status = 400, description = "The reason does not fit the outcome, or a note is missing"),
        (status = 409, description = "It is not open, or nobody can be released"),
    )
)]
async fn recommend(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Bytes,
) -> Answer {
    plane.control.review(&id)?;
    let recommendation: Recommendation = json_body(&request, &body)?;
    let work = async {
        let same = |tag: &str| if_match(&request, tag);
        recommended(&plane, &caller, &id, recommendation, same).await?;
        made(&plane, &id)
    };
    idempotent(&plane, &caller, &request, &body, work).await
}

/// Decide about what somebody else recommended: agree, and it is released or stays refused; disagree, and it is open again.
#[utoipa::path(
    post, path = "/admin/v1/reviews/{id}/resolution", tag = "reviews", request_body = Resolution,
    params(
        ("id" = String, Path, description = "Its name"),
        ("If-Match" = String, Header, description = "The `ETag` of what was read"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless"),
    ),
    responses(
        (status = 201, description = "Resolved, or open again", body = Entry),
        (status = 400, description = "The end, the country or the note cannot be used"),
        (status = 403, description = "It takes another person than the one who recommended it (`two-persons`), or the role is missing"),
        (status = 409, description = "Nothing was recommended, or the network has a row already"),
    )
)]
async fn resolve(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Bytes,
) -> Answer {
    plane.control.review(&id)?;
    let resolution: Resolution = json_body(&request, &body)?;
    let work = async {
        let same = |tag: &str| if_match(&request, tag);
        resolved(&plane, &caller, &id, resolution, same).await?;
        made(&plane, &id)
    };
    idempotent(&plane, &caller, &request, &body, work).await
}

fn made(plane: &AdminPlane, id: &str) -> Answer<Created<Entry>> {
    let review = plane.control.review(id)?;
    let location = match &review.course.resolution {
        Some(found) if review.status == Status::Released => {
            found.clearance.as_ref().map(|id| format!("/admin/v1/clearances/{id}"))
        }
        _ => Some(format!("/admin/v1/reviews/{id}")),
    };
    let value = Entry::of(id, &review.hold, review.status);
    Ok(Created { location, status: StatusCode::CREATED, value })
}
