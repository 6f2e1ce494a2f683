//! Bodies of requests.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use serde::de::DeserializeOwned;

use crate::message::is_json_utf8;

use super::problem::Problem;

/// The JSON of a body. Unknown and duplicate members are the type's own to refuse (`deny_unknown_fields`).
///
/// # Errors
/// 415 for another media type, 400 with the place of what is wrong.
pub(in crate::admin) fn json_body<T: DeserializeOwned>(
    request: &HttpRequest,
    body: &[u8],
) -> Result<T, Problem> {
    let media_type = request.headers().get(actix_web::http::header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_json_utf8(media_type) {
        let detail = "Content-Type: send `application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    serde_json::from_slice(body).map_err(|error| Problem::invalid(format!("the body: {error}")))
}
