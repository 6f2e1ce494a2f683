//! Bundles of revisions, and signatures on them (docs/bundles.md).

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::admin::access::Caller;
use crate::admin::server::AdminPlane;

use super::super::body::json_body;
use super::super::idempotent::idempotent;
use super::super::problem::Answer;
use super::super::problem::Problem;
use super::because;
use super::made;
use super::shown;
use super::views::RevisionView;

/// Signatures to add: one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSignatures {
    /// A signed copy of the revision's bundle.
    #[schema(value_type = Option<Object>)]
    bundle: Option<Box<RawValue>>,
    /// Lines of a signed note (C2SP signed-note), an em dash, the name and the key's id with the signature in base64.
    #[serde(default)]
    signatures: Vec<String>,
}

/// A bundle that was made and signed elsewhere.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewBundle {
    /// The bundle, as `interdict policy sign` writes it, byte for byte.
    #[schema(value_type = Object)]
    bundle: Box<RawValue>,
    /// Why it is taken over.
    reason: String,
}

/// The bundle of a revision: what is to be signed, and the signatures it bears.
#[utoipa::path(
    get, path = "/admin/v1/policies/{version}/bundle", tag = "policies",
    params(("version" = u64, Path, description = "Its version")),
    responses(
        (status = 200, description = "The bundle", body = Object),
        (status = 409, description = "Its files cannot be part of a bundle"),
    )
)]
pub(super) async fn bundle(plane: web::Data<AdminPlane>, version: web::Path<u64>) -> Answer {
    let bundle = plane.policies.bundle(*version)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("application/json")
        .body(bundle.to_json()))
}

/// Add signatures to a revision.
#[utoipa::path(
    post, path = "/admin/v1/policies/{version}/signatures", tag = "policies", request_body = NewSignatures,
    params(("version" = u64, Path, description = "Its version")),
    responses(
        (status = 200, description = "As it stands now", body = RevisionView),
        (status = 400, description = "They are no signatures, or it is no bundle"),
        (status = 409, description = "It is not its turn, they are of something else, or one of a known key is false"),
    )
)]
pub(super) async fn sign(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    version: web::Path<u64>,
    body: web::Bytes,
) -> Answer {
    let NewSignatures { bundle, signatures } = json_body(&request, &body)?;
    let given = match (bundle, signatures.as_slice()) {
        (Some(bundle), []) => bundle.get().to_owned(),
        (None, [_, ..]) => signatures.join("\n"),
        _ => return Err(Problem::invalid("give one of `bundle` and `signatures`")),
    };
    plane.policies.sign(&caller.actor, *version, &given, "").await?;
    shown(&plane.policies.revision(*version)?)
}

/// Take over a bundle that was made and signed elsewhere. It is an approved revision, by those who signed it.
#[utoipa::path(
    post, path = "/admin/v1/policies/bundles", tag = "policies", request_body = NewBundle,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same for the same request sent again")),
    responses(
        (status = 201, description = "Taken over", body = RevisionView, headers(("Location" = String, description = "The revision"))),
        (status = 400, description = "It is no bundle, or its policies do not compile"),
        (status = 409, description = "Too few have signed, or its version goes back"),
    )
)]
pub(super) async fn upload(
    plane: web::Data<AdminPlane>,
    caller: Caller,
    request: HttpRequest,
    body: web::Bytes,
) -> Answer {
    let new: NewBundle = json_body(&request, &body)?;
    let work = async {
        because(&new.reason)?;
        let given = new.bundle.get().as_bytes();
        made(&plane, plane.policies.upload(&caller.actor, given, &new.reason).await?)
    };
    idempotent(&plane, &caller, &request, &body, work).await
}
