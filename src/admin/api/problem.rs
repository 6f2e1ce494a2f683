//! Errors of the API (RFC 9457).

use std::fmt;

use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::http::StatusCode;
use actix_web::http::header;
use serde::Serialize;
use utoipa::ToSchema;

use crate::control::ControlError;

/// A problem document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Problem {
    /// What is wrong and what to do, for a person.
    pub(in crate::admin) detail: String,
    /// Each field that is wrong, where there are some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::admin) errors: Vec<FieldProblem>,
    /// After how many seconds another try makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) retry_after: Option<u64>,
    /// The status.
    #[serde(serialize_with = "number")]
    #[schema(value_type = u16)]
    pub(in crate::admin) status: StatusCode,
    /// The status in words.
    pub(in crate::admin) title: &'static str,
    /// What kind of problem it is, for a program.
    #[serde(rename = "type")]
    pub(in crate::admin) kind: &'static str,
}

/// A field that is wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::admin) struct FieldProblem {
    /// The field.
    pub(in crate::admin) field: String,
    /// What is wrong with it.
    pub(in crate::admin) message: String,
}

/// What a handler answers.
pub(in crate::admin) type Answer<T = HttpResponse> = Result<T, Problem>;

impl Problem {
    /// A problem of a status, of the kind that the status says.
    pub(in crate::admin) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let kind = match status {
            StatusCode::BAD_REQUEST => "invalid",
            StatusCode::UNAUTHORIZED => "unauthorized",
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::NOT_FOUND => "not-found",
            StatusCode::METHOD_NOT_ALLOWED => "method",
            StatusCode::REQUEST_TIMEOUT => "too-slow",
            StatusCode::MISDIRECTED_REQUEST => "misdirected",
            StatusCode::CONFLICT => "conflict",
            StatusCode::PRECONDITION_FAILED => "changed",
            StatusCode::PAYLOAD_TOO_LARGE => "too-large",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "media-type",
            StatusCode::UNPROCESSABLE_ENTITY => "refused",
            StatusCode::PRECONDITION_REQUIRED => "precondition-required",
            StatusCode::TOO_MANY_REQUESTS => "too-many-requests",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            _ => "about:blank",
        };
        Self {
            detail: detail.into(),
            errors: Vec::new(),
            kind,
            retry_after: None,
            status,
            title: status.canonical_reason().unwrap_or_default(),
        }
    }

    /// 400.
    pub(in crate::admin) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404.
    pub(in crate::admin) fn not_found(what: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what}"))
    }

    /// 500, with what is wrong in the log and not in the answer.
    pub(in crate::admin) fn internal(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "the control plane could not answer");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "it could not be done; see the log")
    }

    /// 503.
    pub(in crate::admin) fn unavailable(detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        Self { retry_after: Some(1), ..problem }
    }

    /// The same, of a kind of its own.
    #[must_use]
    pub(in crate::admin) const fn of_kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// The same, with a field that is wrong.
    #[must_use]
    pub(in crate::admin) fn at(mut self, field: &str, message: impl Into<String>) -> Self {
        self.errors.push(FieldProblem { field: field.to_owned(), message: message.into() });
        self
    }

    /// The same, with when to try again.
    #[must_use]
    pub(in crate::admin) const fn later(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            answer.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        answer
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .content_type("application/problem+json")
            .body(serde_json::to_string(self).unwrap_or_default())
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let detail = error.to_string();
        match error {
            ControlError::Conflict(_) => Self::new(StatusCode::CONFLICT, detail),
            ControlError::Forbidden(_) => {
                Self::new(StatusCode::FORBIDDEN, detail).of_kind("two-persons")
            }
            ControlError::Invalid(_) => Self::invalid(detail),
            ControlError::Ledger(error) => {
                tracing::error!(%error, "a change could not be recorded");
                Self::unavailable("the ledger takes no records now, so nothing is changed")
            }
            ControlError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, detail),
            ControlError::Store(_) | ControlError::Written(_) => Self::internal(&detail),
        }
    }
}

fn number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
