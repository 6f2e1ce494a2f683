//! The decision API on the gateway's listener (DESIGN 8, 13): `/v1/decide`, `/v1/decide/batch`, `/v1/whoami`.

use std::net::IpAddr;

use actix_http::Request;
use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderValue;
use serde::Serialize;

use crate::enforcement::Caller;
use crate::enforcement::InquiryError;
use crate::enforcement::Snapshot;
use crate::model::Transaction;

use super::answers::api_problem;
use super::answers::fault;

use super::inbound;
use super::inbound::BodyFault;
use super::plane::Plane;

/// The notice of outcomes that are an answer of this API.
const NOTICE: &str = "api";

/// A batch may be this many times as long as one transaction.
const BATCH_FACTOR: usize = 64;

/// Lines of a batch. A line of one byte has an answer of a hundred, so bytes alone bound nothing.
const BATCH_LINES: usize = 100_000;
/// After so many lines the worker's other connections get their turn.
const BATCH_TURN: usize = 256;

/// One of the API's calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Call {
    Decide,
    DecideBatch,
    WhoAmI,
}

#[derive(Serialize)]
struct LineError {
    error: String,
    line: usize,
}

#[derive(Serialize)]
struct WhoAmI {
    address: Option<IpAddr>,
    basis: &'static str,
    hops: Vec<HopDocument>,
    peer: IpAddr,
}

#[derive(Serialize)]
struct HopDocument {
    believed: bool,
    hop: String,
    why: &'static str,
}

/// The call that a folded path names.
pub(super) fn call(folded_path: &str) -> Option<Call> {
    match folded_path.strip_prefix("/v1/")?.trim_end_matches('/') {
        "decide" => Some(Call::Decide),
        "decide/batch" => Some(Call::DecideBatch),
        "whoami" => Some(Call::WhoAmI),
        _ => None,
    }
}

/// True for paths that belong to the gateway rather than to a route for everything.
pub(super) fn is_reserved(folded_path: &str) -> bool {
    let first = folded_path.trim_start_matches('/').split('/').next();
    matches!(first, Some("v1" | "check" | "log"))
}

/// Answers a caller that may call.
pub(super) async fn answer(
    plane: &Plane,
    call: Call,
    caller: Caller<'_>,
    request: &Request,
    peer: IpAddr,
    payload: Payload,
) -> HttpResponse {
    let expected = if call == Call::WhoAmI { Method::GET } else { Method::POST };
    if *request.method() != expected {
        let mut answer = fault(StatusCode::METHOD_NOT_ALLOWED, None);
        if let Ok(allow) = HeaderValue::from_str(expected.as_str()) {
            answer.headers_mut().insert(header::ALLOW, allow);
        }
        return answer;
    }
    caller.delivery.noticed(NOTICE);
    match call {
        Call::Decide => decide(plane, caller, payload).await,
        Call::DecideBatch => decide_batch(plane, caller, payload).await,
        Call::WhoAmI => who_am_i(plane, request, peer),
    }
}

async fn decide(plane: &Plane, caller: Caller<'_>, mut payload: Payload) -> HttpResponse {
    let limit = plane.max_inspected_body;
    let body = match inbound::collect(&mut payload, limit, plane.body_timeout).await {
        Ok(body) => body,
        Err(fault) => return unread(fault),
    };
    let snapshot = plane.gate.pin();
    match one(plane, caller, &snapshot, &body, true).await {
        Ok(document) => HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .body(document),
        Err(error) => {
            let status = match error {
                LineFault::Bad(_) => StatusCode::BAD_REQUEST,
                LineFault::Unrecorded => StatusCode::SERVICE_UNAVAILABLE,
            };
            api_problem(status, error.to_string())
        }
    }
}

/// JSONL in, JSONL out, in the same order; a bad line is answered on its line. All answers are durable before the first
/// leaves.
async fn decide_batch(plane: &Plane, caller: Caller<'_>, mut payload: Payload) -> HttpResponse {
    let limit = plane.max_inspected_body.saturating_mul(BATCH_FACTOR);
    let body = match inbound::collect(&mut payload, limit, plane.body_timeout).await {
        Ok(body) => body,
        Err(fault) => return unread(fault),
    };
    if crate::model::lines(&body).nth(BATCH_LINES).is_some() {
        let detail = format!("the batch has more than {BATCH_LINES} lines");
        return api_problem(StatusCode::PAYLOAD_TOO_LARGE, detail);
    }
    let snapshot = plane.gate.pin();
    let mut out = Vec::with_capacity(body.len());
    for (at, line) in crate::model::lines(&body).enumerate() {
        if at.checked_rem(BATCH_TURN) == Some(0) {
            tokio::task::yield_now().await;
        }
        match one(plane, caller, &snapshot, line, false).await {
            Ok(document) => {
                caller.delivery.part(document.len());
                out.extend_from_slice(&document);
            }
            Err(LineFault::Unrecorded) => {
                return api_problem(
                    StatusCode::SERVICE_UNAVAILABLE,
                    LineFault::Unrecorded.to_string(),
                );
            }
            Err(LineFault::Bad(error)) => {
                let error = LineError { error, line: at.saturating_add(1) };
                out.extend_from_slice(&serde_json::to_vec(&error).unwrap_or_default());
            }
        }
        out.push(b'\n');
    }
    if plane.gate.settle().await.is_err() {
        return api_problem(StatusCode::SERVICE_UNAVAILABLE, LineFault::Unrecorded.to_string());
    }
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/jsonl"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(out)
}

#[derive(Debug, thiserror::Error)]
enum LineFault {
    #[error("{0}")]
    Bad(String),
    #[error("the decision could not be recorded")]
    Unrecorded,
}

async fn one(
    plane: &Plane,
    caller: Caller<'_>,
    snapshot: &Snapshot,
    line: &[u8],
    synced: bool,
) -> Result<Vec<u8>, LineFault> {
    let bad = |error: &dyn std::fmt::Display| LineFault::Bad(error.to_string());
    let mut transaction = Transaction::from_json(line).map_err(|error| bad(&error))?;
    let answer = plane.gate.answer(snapshot, &mut transaction, caller, synced).await;
    let answer = answer.map_err(|error| match error {
        InquiryError::NotRecorded => LineFault::Unrecorded,
        InquiryError::NotPermitted(_) | InquiryError::Transaction(_) => bad(&error),
    })?;
    let mut document = answer.decision.document(answer.id, snapshot.policies.revision());
    if answer.hypothetical {
        document = document.hypothetical();
    }
    serde_json::to_vec(&document).map_err(|error| bad(&error))
}

fn unread(fault: BodyFault) -> HttpResponse {
    let (status, detail) = match fault {
        BodyFault::Broken | BodyFault::Coding => (StatusCode::BAD_REQUEST, "the body broke off"),
        BodyFault::Slow => (StatusCode::REQUEST_TIMEOUT, "the body came too slowly"),
        BodyFault::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is over the limit"),
        BodyFault::Unsupported => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is not read"),
    };
    api_problem(status, detail.to_owned())
}

/// Which address is the caller's, which hop was believed, and why.
fn who_am_i(plane: &Plane, request: &Request, peer: IpAddr) -> HttpResponse {
    let rule = &plane.client_rule;
    let values = rule.header().into_iter().flat_map(|name| request.headers().get_all(name));
    let (client, hops) = rule.explain(peer, values.map(HeaderValue::as_bytes));
    let document = WhoAmI {
        address: client.address,
        basis: client.basis.as_str(),
        hops: hops
            .into_iter()
            .map(|hop| HopDocument { believed: hop.believed, hop: hop.text, why: hop.why })
            .collect(),
        peer,
    };
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(document)
}
