//! Creates that are sent twice, because an answer was lost, are carried out once (`Idempotency-Key`).

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use serde::Serialize;

use crate::admin::access::Caller;
use crate::admin::server::AdminPlane;
use crate::control::Repeat;

use super::problem::Answer;
use super::problem::Problem;

/// The longest key.
const LONGEST: usize = 255;

/// Keys whose requests are being carried out.
#[derive(Clone, Debug, Default)]
pub(in crate::admin) struct UnderWay(Arc<Mutex<HashSet<(String, String)>>>);

/// What was made.
#[derive(Debug)]
pub(in crate::admin) struct Created<T> {
    /// Where it is.
    pub(in crate::admin) location: Option<String>,
    /// 201, or 202 where work goes on.
    pub(in crate::admin) status: StatusCode,
    /// It.
    pub(in crate::admin) value: T,
}

/// Carries a create out, once for each key of a person; `body` is what makes two requests the same.
///
/// # Errors
/// 422 for a key that was used for another request, 409 while that request is carried out, and whatever `work` says.
pub(in crate::admin) async fn idempotent<T: Serialize>(
    plane: &AdminPlane,
    caller: &Caller,
    request: &HttpRequest,
    body: &[u8],
    work: impl Future<Output = Answer<Created<T>>>,
) -> Answer {
    let Some(key) = key(request)? else {
        let created = work.await?;
        let body =
            serde_json::to_string(&created.value).map_err(|error| Problem::internal(&error))?;
        return Ok(answer(created.status, created.location.as_deref(), body));
    };
    let actor = &caller.actor.id;
    let mut same = format!("{} {}\n", request.method(), request.uri()).into_bytes();
    same.extend_from_slice(body);
    let _claim = plane.under_way.claim(actor, &key)?;
    match plane.control.repeated(actor, &key, &same)? {
        Repeat::Answered(before) => {
            let status = StatusCode::from_u16(before.status).unwrap_or(StatusCode::CREATED);
            return Ok(answer(status, before.location.as_deref(), before.body));
        }
        Repeat::Different => {
            let detail = "this `Idempotency-Key` was used for another request: take a new one";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
        Repeat::New => {}
    }
    let created = work.await?;
    let body = serde_json::to_string(&created.value).map_err(|error| Problem::internal(&error))?;
    let (status, location) = (created.status, created.location);
    let kept =
        plane.control.remember(actor, &key, &same, status.as_u16(), location.clone(), body.clone());
    if let Err(error) = kept {
        // It is done, and the answer says so; a repeat of it may be done again.
        tracing::warn!(%error, "an idempotency key could not be kept");
    }
    Ok(answer(status, location.as_deref(), body))
}

fn key(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut given = request.headers().get_all("idempotency-key");
    let key = match (given.next(), given.next()) {
        (None, _) => return Ok(None),
        (Some(key), None) => key.to_str().ok(),
        (Some(_), Some(_)) => None,
    };
    let sound = |key: &&str| !key.is_empty() && key.len() <= LONGEST;
    let bad = "Idempotency-Key: one text of 1 to 255 visible characters";
    key.filter(sound).map(|key| Some(key.to_owned())).ok_or_else(|| Problem::invalid(bad))
}

fn answer(status: StatusCode, location: Option<&str>, body: String) -> HttpResponse {
    let mut answer = HttpResponse::build(status);
    if let Some(location) = location {
        answer.insert_header((header::LOCATION, location));
    }
    answer
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("application/json")
        .body(body)
}

/// Held while a request is carried out.
pub(in crate::admin) struct Claim<'a> {
    all: &'a UnderWay,
    key: (String, String),
}

impl UnderWay {
    /// Nobody else carries out what has this name until it is dropped.
    ///
    /// # Errors
    /// 409 while somebody does.
    pub(in crate::admin) fn claim(&self, actor: &str, key: &str) -> Result<Claim<'_>, Problem> {
        let key = (actor.to_owned(), key.to_owned());
        let new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        match new {
            true => Ok(Claim { all: self, key }),
            false => {
                let detail = "a request like this is being carried out: try again in a moment";
                Err(Problem::new(StatusCode::CONFLICT, detail))
            }
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
