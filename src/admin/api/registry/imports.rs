//! Imports and changes of many rows: uploaded, previewed, proposed, approved by a second person, applied.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::ToSchema;

use crate::admin::access::CATALOGUE_APPROVERS;
use crate::admin::access::CATALOGUE_EDITORS;
use crate::admin::access::Caller;
use crate::admin::access::REGISTRY_KEEPERS;
use crate::admin::api::body::json_body;
use crate::admin::api::idempotent::Created;
use crate::admin::api::idempotent::idempotent;
use crate::admin::api::paging::Page;
use crate::admin::api::paging::Paging;
use crate::admin::api::problem::Answer;
use crate::admin::api::problem::Problem;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::control::Access;
use crate::control::AccessOutcome;
use crate::control::registry::Counts;
use crate::control::registry::ImportView;
use crate::control::registry::Stage;
use crate::control::registry::may_approve;
use crate::control::registry::may_edit;
use crate::output::Line;
use crate::registry::Bulk;
use crate::registry::Table;

/// The largest upload, in bytes.
const LARGEST: u64 = 512 * 1024 * 1024;
/// Written at once, in bytes.
const WRITTEN: usize = 1024 * 1024;

#[derive(OpenApi)]
#[openapi(paths(list, upload, bulk, show, errors, propose, approve, withdraw))]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/admin/v1/registry/imports", REGISTRY_KEEPERS, list)
        .post("/admin/v1/registry/imports", CATALOGUE_EDITORS, upload)
        .post("/admin/v1/registry/bulk", CATALOGUE_EDITORS, bulk)
        .get("/admin/v1/registry/imports/{id}", REGISTRY_KEEPERS, show)
        .get("/admin/v1/registry/imports/{id}/errors", REGISTRY_KEEPERS, errors)
        .post("/admin/v1/registry/imports/{id}/propose", CATALOGUE_EDITORS, propose)
        .post("/admin/v1/registry/imports/{id}/approve", CATALOGUE_APPROVERS, approve)
        .delete("/admin/v1/registry/imports/{id}", REGISTRY_KEEPERS, withdraw);
}

/// Which table.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// `catalogue` or `customers`.
    #[param(value_type = String)]
    table: Table,
}

/// A change of many rows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BulkChange {
    /// `filter` (terms, each a `text`, a `column` and `how` it is compared) with `set` or `remove`; or rows to `add`.
    #[schema(value_type = Object, example = json!({"filter": {"terms": [{"column": "vendor", "how": "equals", "text": "Kaspersky"}]}, "set": {"group": "kaspersky.covered"}}))]
    change: Bulk,
    /// `catalogue` or `customers`.
    #[schema(value_type = String)]
    table: Table,
}

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Because {
    /// Why, for the record.
    #[serde(default)]
    reason: String,
}

/// An approval, which names what is approved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// The numbers of the proposal: `added`, `changed`, `removed`, `rows`.
    #[schema(value_type = Object, example = json!({"added": 1, "changed": 2, "removed": 0, "rows": 120}))]
    counts: Counts,
    /// Why, for the record.
    #[serde(default)]
    reason: String,
}

/// List imports and changes of many rows, the newest first; without their previews.
#[utoipa::path(
    get, path = "/admin/v1/registry/imports", tag = "registry", params(Paging),
    responses(
        (status = 200, description = "A page of imports", body = Page<Value>),
    )
)]
async fn list(plane: web::Data<AdminPlane>, caller: Caller, paging: web::Query<Paging>) -> Answer {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let mut all = plane.desk.imports()?;
    all.retain(|view| sees(&caller, view) && after.as_ref().is_none_or(|after| view.id < *after));
    all.truncate(limit.saturating_add(1));
    for view in &mut all {
        view.preview = None;
    }
    let page = Page::of(all, limit, |view| view.id.clone());
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(page))
}

/// Upload a CSV file. Nothing changes: it is read, and compared with the table.
#[utoipa::path(
    post, path = "/admin/v1/registry/imports", tag = "registry",
    params(Which, ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless")),
    request_body(content = String, content_type = "text/csv", description = "The table, at most 512 MiB, UTF-8, with a header line"),
    responses(
        (status = 202, description = "It is being read; ask for it until it is `ready` or `bad`", body = Value),
        (status = 409, description = "A file is the source, or too many imports wait"),
        (status = 413, description = "It is too large"),
        (status = 415, description = "It is no CSV"),
    )
)]
async fn upload(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    which: web::Query<Which>,
    mut payload: web::Payload,
) -> Answer {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let media_type = text(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    let mut parts = media_type.split(';').map(str::trim);
    let is_csv = parts.next() == Some("text/csv")
        && parts
            .all(|part| !part.starts_with("charset") || part.replace('"', "") == "charset=utf-8");
    if !is_csv || request.headers().contains_key(header::CONTENT_ENCODING) {
        let detail = "Content-Type: send `text/csv` in UTF-8, uncompressed";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let length = text(header::CONTENT_LENGTH).unwrap_or_default().to_owned();
    if length.parse::<u64>().is_ok_and(|length| length > LARGEST) {
        return Err(too_large());
    }
    let work = async {
        let mut upload = plane.desk.upload(&caller.actor, which.table)?;
        let (mut pending, mut all) = (Vec::new(), 0_u64);
        loop {
            let chunk = payload.next().await.transpose();
            let chunk = chunk.map_err(|error| Problem::invalid(format!("the body: {error}")))?;
            let ended = chunk.is_none();
            if let Some(chunk) = chunk {
                all = all.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
                if all > LARGEST {
                    return Err(too_large());
                }
                pending.extend_from_slice(&chunk);
            }
            if ended || pending.len() >= WRITTEN {
                let bytes = std::mem::take(&mut pending);
                let wrote = web::block(move || upload.write(&bytes).map(|()| upload)).await;
                upload = wrote.map_err(|_| Problem::unavailable("the upload was cut off"))??;
            }
            if ended {
                break;
            }
        }
        let import = plane.desk.uploaded(upload).await?;
        accepted(import)
    };
    // The file itself is not kept to compare a repeat with: its length is.
    idempotent(&plane, &caller, &request, length.as_bytes(), work).await
}

/// Begin a change of many rows. Nothing changes: what it would do is shown, as for an upload.
#[utoipa::path(
    post, path = "/admin/v1/registry/bulk", tag = "registry", request_body = BulkChange,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless")),
    responses(
        (status = 202, description = "It is being compared; ask for it until it is `ready` or `bad`", body = Value),
        (status = 409, description = "A file is the source, or too many imports wait"),
    )
)]
async fn bulk(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let BulkChange { change, table } = json_body(&request, &body)?;
    let work = async {
        let import = plane.desk.bulk(&caller.actor, table, change).await?;
        accepted(import)
    };
    idempotent(&plane, &caller, &request, &body, work).await
}

/// An import: how far it is, and what it would change.
#[utoipa::path(
    get, path = "/admin/v1/registry/imports/{id}", tag = "registry",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The import", body = Value),
    )
)]
async fn show(plane: web::Data<AdminPlane>, caller: Caller, id: web::Path<String>) -> Answer {
    let mut view = find(&plane, &caller, &id)?;
    if matches!(view.stage, Stage::ApplyingRead | Stage::ApplyingWrite) {
        // Whoever waits asks again and again, and knows the differences.
        view.preview = None;
    }
    if view.table == Table::Customers && view.preview.is_some() {
        let (actor, detail) = (&caller.actor, serde_json::json!({ "import": view.id }));
        let (action, outcome) = ("import_of_customers", AccessOutcome::Ok);
        plane.control.accessed(Access { action, actor, detail, outcome }).await?;
    }
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(view))
}

/// The bad rows of an import, as CSV: line, column, what to do.
#[utoipa::path(
    get, path = "/admin/v1/registry/imports/{id}/errors", tag = "registry",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The first 1,000 of them", body = String, content_type = "text/csv"),
    )
)]
async fn errors(plane: web::Data<AdminPlane>, caller: Caller, id: web::Path<String>) -> Answer {
    let view = find(&plane, &caller, &id)?;
    let mut out = b"line,column,message\n".to_vec();
    for fault in view.preview.map(|preview| preview.faults).unwrap_or_default() {
        let mut line = Line::new(&mut out);
        line.number(fault.line);
        line.cell(fault.column.unwrap_or_default().as_bytes());
        line.cell(fault.message.as_bytes());
        line.end();
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"errors.csv\""))
        .content_type("text/csv; charset=utf-8")
        .body(out))
}

/// Propose an import whose preview is ready.
#[utoipa::path(
    post, path = "/admin/v1/registry/imports/{id}/propose", tag = "registry", request_body = Because,
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "Proposed: it waits for a second person", body = Value),
        (status = 409, description = "It has bad rows, changes nothing, or the table has changed since"),
    )
)]
async fn propose(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Bytes,
) -> Answer {
    let Because { reason } = json_body(&request, &body)?;
    find(&plane, &caller, &id)?;
    let view = plane.desk.propose(&caller.actor, &reason, &id).await?;
    Ok(HttpResponse::Ok().json(view))
}

/// Approve what another person proposed. It is applied from here on.
#[utoipa::path(
    post, path = "/admin/v1/registry/imports/{id}/approve", tag = "registry", request_body = Approval,
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "Approved: it is being applied", body = Value),
        (status = 409, description = "The numbers are others, or the table has changed since: preview again"),
    )
)]
async fn approve(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Bytes,
) -> Answer {
    let Approval { counts, reason } = json_body(&request, &body)?;
    find(&plane, &caller, &id)?;
    let view = plane.desk.approve(&caller.actor, &reason, &id, counts).await?;
    Ok(HttpResponse::Ok().json(view))
}

/// Withdraw an import, or turn a proposal down.
#[utoipa::path(
    delete, path = "/admin/v1/registry/imports/{id}", tag = "registry",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 204, description = "Withdrawn"),
        (status = 409, description = "It is approved already"),
    )
)]
async fn withdraw(plane: web::Data<AdminPlane>, caller: Caller, id: web::Path<String>) -> Answer {
    find(&plane, &caller, &id)?;
    plane.desk.withdraw(&caller.actor, "", &id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// An import, if the person may see what is in it: that of customers is of persons.
fn find(plane: &AdminPlane, caller: &Caller, id: &str) -> Answer<ImportView> {
    let view = plane.desk.import(id)?;
    match sees(caller, &view) {
        true => Ok(view),
        false => Err(Problem::not_found(format!("import `{id}`"))),
    }
}

fn sees(caller: &Caller, view: &ImportView) -> bool {
    may_edit(&caller.actor, view.table) || may_approve(&caller.actor, view.table)
}

fn accepted(import: ImportView) -> Answer<Created<Value>> {
    Ok(Created {
        location: Some(format!("/admin/v1/registry/imports/{}", import.id)),
        status: StatusCode::ACCEPTED,
        value: serde_json::to_value(import).map_err(|error| Problem::internal(&error))?,
    })
}

fn too_large() -> Problem {
    let detail = "the file is larger than 512 MiB: split it, or import it on the command line";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}
