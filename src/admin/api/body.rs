//! Bodies of requests.

use std::fmt::Display;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use serde::de::DeserializeOwned;

use crate::message::is_json_utf8;
use crate::model::StrictValue;
use crate::model::json_from_slice;

use super::problem::Problem;

/// The JSON of a body. Duplicate members are refused, wherever they are; unknown ones are the type's own to refuse
/// (`deny_unknown_fields`).
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
    // The type sees duplicates of its own members alone; of a map or a free value the last would count.
    let wrong = |error: &dyn Display| Problem::invalid(format!("the body: {error}"));
    let _: StrictValue = json_from_slice(body).map_err(|error| wrong(&error))?;
    serde_json::from_slice(body).map_err(|error| wrong(&error))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_member_that_is_given_twice_is_refused_at_any_depth_whatever_the_type() {
        let request = TestRequest::post().insert_header(("content-type", "application/json"));
        let request = request.to_http_request();
        let read = |body: &str| json_body::<Value>(&request, body.as_bytes());
        assert!(read(r#"{"a":{"b":1,"c":2}}"#).is_ok());
        for twice in [r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"b":2}}"#, r#"[{"a":1,"\u0061":2}]"#] {
            assert_eq!(read(twice).unwrap_err().status, StatusCode::BAD_REQUEST, "{twice}");
        }
    }
}
