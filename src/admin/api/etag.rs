//! Edits of what others edit as well (RFC 9110, 8.8.3 and 13.1.1).

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;

use super::problem::Problem;

/// A strong entity tag of a value: its hash.
pub(in crate::admin) fn etag(value: &impl Serialize) -> String {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    let hash = Sha256::digest(bytes);
    let digits: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// Lets an edit go on only if it is of what stands there now.
///
/// # Errors
/// 428 without `If-Match`, 412 if it names something else.
pub(in crate::admin) fn if_match(request: &HttpRequest, current: &str) -> Result<(), Problem> {
    let mut lines = request.headers().get_all(header::IF_MATCH).peekable();
    if lines.peek().is_none() {
        let detail = "an edit needs `If-Match` with the `ETag` of what was read";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, detail));
    }
    let tags = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    match tags.map(str::trim).any(|tag| tag == current || tag == "*") {
        true => Ok(()),
        false => Err(overtaken()),
    }
}

/// 412: somebody else was faster.
pub(in crate::admin) fn overtaken() -> Problem {
    let detail = "it was changed since you read it: read it again, then edit";
    Problem::new(StatusCode::PRECONDITION_FAILED, detail)
}
