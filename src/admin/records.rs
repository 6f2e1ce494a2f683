//! `GET /admin/v1/records`: search in the records, for bearers with the permission `audit`.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::identity::TokenFault;
use crate::identity::Verifier;
use crate::ledger::Found;
use crate::ledger::IndexStatus;
use crate::ledger::LedgerError;
use crate::ledger::Query;
use crate::ledger::Searcher;
use crate::settings::Permission;

use super::server::AdminPlane;

/// Records in an answer unless `limit` says otherwise.
const LIMIT: usize = 100;
/// Most records in an answer.
const MOST: usize = 1_000;
/// How long a search may take; then it says where to go on.
const PATIENCE: Duration = Duration::from_secs(5);

/// The search, and who may use it.
#[derive(Clone, Debug)]
pub struct Records {
    /// Whose tokens are believed; none: nobody may.
    pub auditors: Option<Auditors>,
    /// The search.
    pub searcher: Searcher,
}

/// Whose tokens are believed, and who may do what.
#[derive(Clone, Debug)]
pub struct Auditors {
    /// By `sub`.
    pub permissions: Vec<(String, Vec<Permission>)>,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
}

impl Auditors {
    /// The status with which somebody is turned away.
    async fn admit(&self, request: &HttpRequest, now: Timestamp) -> Result<(), StatusCode> {
        let mut given = request.headers().get_all(header::AUTHORIZATION);
        let (Some(value), None) = (given.next(), given.next()) else {
            return Err(StatusCode::UNAUTHORIZED);
        };
        let value = value.to_str().map_err(|_| StatusCode::UNAUTHORIZED)?;
        let (scheme, token) = value.split_once(' ').ok_or(StatusCode::UNAUTHORIZED)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(StatusCode::UNAUTHORIZED);
        }
        let token = self.verifier.verify(token.trim(), now).await.map_err(|fault| match fault {
            TokenFault::NoKeys => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        })?;
        let mut granted =
            self.permissions.iter().filter(|(sub, _)| token.subject.as_deref() == Some(sub));
        match granted.any(|(_, permissions)| permissions.contains(&Permission::Audit)) {
            true => Ok(()),
            false => Err(StatusCode::FORBIDDEN),
        }
    }
}

pub(super) async fn answer(plane: web::Data<AdminPlane>, request: HttpRequest) -> HttpResponse {
    let Some(auditors) = &plane.records.auditors else {
        return problem(StatusCode::NOT_FOUND, "search needs [identity]");
    };
    match auditors.admit(&request, plane.gate.now()).await {
        Ok(()) => {}
        Err(status @ StatusCode::FORBIDDEN) => {
            return problem(status, "the token's subject does not have the permission `audit`");
        }
        Err(status) => return problem(status, "a valid bearer token is needed"),
    }
    let query = match web::Query::<Query>::from_query(request.query_string()) {
        Ok(query) => query.into_inner(),
        Err(error) => return problem(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let limit = if query.limit == 0 { LIMIT } else { query.limit.min(MOST) };
    let query = Query { limit, ..query };
    let searcher = plane.records.searcher.clone();
    let searched = web::block(move || {
        let until = Instant::now().checked_add(PATIENCE);
        let found = searcher.search(&query, until)?;
        shown(&found, searcher.status())
    });
    match searched.await {
        Ok(Ok(shown)) => {
            HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(shown)
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "a search has failed");
            problem(StatusCode::INTERNAL_SERVER_ERROR, "the records cannot be read; see the log")
        }
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "the search did not run"),
    }
}

fn shown(found: &Found, index: IndexStatus) -> Result<Value, LedgerError> {
    let views: Result<Vec<_>, _> = found.hits.iter().map(|hit| hit.view()).collect();
    let (indexed, records, state) = (index.indexed, index.records, index.state.as_str());
    let index = json!({ "indexed": indexed, "records": records, "state": state });
    Ok(json!({ "index": index, "next": found.next, "records": views? }))
}

fn problem(status: StatusCode, detail: &str) -> HttpResponse {
    let mut answer = HttpResponse::build(status);
    if status == StatusCode::UNAUTHORIZED {
        answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
    }
    let title = status.canonical_reason().unwrap_or_default();
    answer
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("application/problem+json")
        .body(json!({ "detail": detail, "status": status.as_u16(), "title": title }).to_string())
}
