//! SKUs that were sold and have no row.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use utoipa::OpenApi;
use utoipa::ToSchema;

use crate::admin::access::CATALOGUE_EDITORS;
use crate::admin::access::Caller;
use crate::admin::access::VIEWERS;
use crate::admin::api::body::json_body;
use crate::admin::api::idempotent::Created;
use crate::admin::api::idempotent::idempotent;
use crate::admin::api::paging::Page;
use crate::admin::api::paging::Paging;
use crate::admin::api::problem::Answer;
use crate::admin::api::problem::Problem;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::registry::Classified;
use crate::registry::UnknownSku;

#[derive(OpenApi)]
#[openapi(paths(list, classify))]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/admin/v1/registry/unknown", VIEWERS, list).post(
        "/admin/v1/registry/unknown",
        CATALOGUE_EDITORS,
        classify,
    );
}

/// What unknown SKUs are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Classification {
    /// Why, for the record.
    #[serde(default)]
    reason: String,
    /// One, which becomes a row at once, or several, which become a change that a second person approves.
    #[schema(value_type = Vec<Object>, example = json!([{"sku": "KL1171", "group": "kaspersky.covered"}]))]
    skus: Vec<Classified>,
}

/// List SKUs that were judged and have no row in the catalogue, last seen first.
#[utoipa::path(
    get, path = "/admin/v1/registry/unknown", tag = "registry", params(Paging),
    responses(
        (status = 200, description = "A page of SKUs", body = Page<Value>),
    )
)]
async fn list(plane: web::Data<AdminPlane>, paging: web::Query<Paging>) -> Answer {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let key = |sku: &UnknownSku| format!("{} {}", sku.last_seen, sku.id);
    let mut all = plane.desk.unknown();
    if let Some((last_seen, id)) = after.as_deref().and_then(|after| after.split_once(' ')) {
        let last_seen: Option<jiff::Timestamp> = last_seen.parse().ok();
        all.retain(|sku| {
            last_seen
                .is_none_or(|at| (sku.last_seen < at) || (sku.last_seen == at && *sku.id > *id))
        });
    }
    all.truncate(limit.saturating_add(1));
    let page = Page::of(all, limit, key);
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(page))
}

/// Say what unknown SKUs are.
#[utoipa::path(
    post, path = "/admin/v1/registry/unknown", tag = "registry", request_body = Classification,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless")),
    responses(
        (status = 201, description = "One: it is a row of the catalogue", body = Value),
        (status = 202, description = "Several: an import that is to be proposed and approved", body = Value),
        (status = 400, description = "A group is unknown, or nothing is named"),
        (status = 404, description = "No such SKU was seen"),
        (status = 409, description = "The table cannot be edited now"),
    )
)]
async fn classify(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let Classification { reason, skus } = json_body(&request, &body)?;
    let work = async {
        let import = plane.desk.classify(&caller.actor, &reason, skus).await?;
        Ok(match import {
            None => Created {
                location: None,
                status: StatusCode::CREATED,
                value: json!({ "classified": 1 }),
            },
            Some(import) => Created {
                location: Some(format!("/admin/v1/registry/imports/{}", import.id)),
                status: StatusCode::ACCEPTED,
                value: serde_json::to_value(import).map_err(|error| Problem::internal(&error))?,
            },
        })
    };
    idempotent(&plane, &caller, &request, &body, work).await
}
