//! The guard around every route.

use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::error::PayloadError;
use actix_web::error::UrlencodedError;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;
use actix_web::web;

use crate::admin::api::Problem;
use crate::admin::console;
use crate::admin::mount::Who;
use crate::admin::probes;
use crate::admin::server::AdminPlane;
use crate::model::Roles;

use super::caller::Caller;
use super::inflow::Bounds;
use super::inflow::bounded;
use super::tokens::BearerFault;

/// The header that brings a session's own token back.
const CSRF: &str = "x-csrf-token";

/// The header of what an open page asks by itself: it does not keep a session alive.
const BACKGROUND: &str = "x-interdict-background";

/// Lets a request through to its handler, or answers it.
pub(in crate::admin) async fn guard(
    who: Who,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(plane) = request.app_data::<web::Data<AdminPlane>>().cloned() else {
        let refusal =
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the control plane is not set up");
        return Ok(request.into_response(refusal.error_response()));
    };
    let mut answer = match let_in(who, &plane, request.request()).await {
        Ok(()) => carried_out(who, request, next).await?,
        Err(refusal) => {
            let answer = turned_away(&plane, request.request(), &refusal);
            request.into_response(answer)
        }
    };
    secured(who, answer.headers_mut());
    plane.gate.metrics().admin_answered(answer.status().as_u16());
    Ok(answer)
}

/// Whether a request may go on; who calls is then kept with it.
async fn let_in(who: Who, plane: &AdminPlane, request: &HttpRequest) -> Result<(), Problem> {
    if !probes::is_one(request.path()) && !plane.access.is_asked_for_by(request) {
        let detail = "this listener is not asked for by that name: use an address, `localhost`, or the name in `[admin] public_url`";
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    }
    if let Who::With(roles) = who {
        let caller = admitted(plane, request, roles).await?;
        request.extensions_mut().insert(caller);
    }
    Ok(())
}

/// What may change something is carried out to its end, whether or not the client is still there: otherwise a record could be made
/// and not applied. Bodies are bounded, and whatever goes wrong with them is told as a problem.
async fn carried_out(
    who: Who,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let of = request.request().clone();
    let answer = match request.method().is_safe() {
        true => next.call(request).await?,
        false => {
            let bounds = match who {
                Who::Anyone => Bounds::OF_ANYONE,
                Who::With(_) => Bounds::OF_CALLERS,
            };
            let payload = bounded(request.take_payload(), bounds);
            request.set_payload(payload);
            match actix_web::rt::spawn(next.call(request)).await {
                Ok(answer) => answer?,
                Err(error) => {
                    return Ok(ServiceResponse::new(
                        of,
                        Problem::internal(&error).error_response(),
                    ));
                }
            }
        }
    };
    let problem = answer.response().error().and_then(told_otherwise);
    Ok(match problem {
        Some(problem) => ServiceResponse::new(of, problem.error_response()),
        None => answer,
    })
}

/// The problem of an error that the framework has met, which it would tell in its own way.
fn told_otherwise(error: &Error) -> Option<Problem> {
    if error.as_error::<Problem>().is_some() {
        return None;
    }
    let payload =
        error.as_error::<PayloadError>().or_else(|| match error.as_error::<UrlencodedError>() {
            Some(UrlencodedError::Payload(error)) => Some(error),
            _ => None,
        });
    Some(match payload {
        Some(PayloadError::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut => {
            Problem::new(StatusCode::REQUEST_TIMEOUT, "the body comes too slowly")
        }
        Some(PayloadError::Overflow) => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long")
        }
        _ => {
            let status = error.as_response_error().status_code();
            match status.is_server_error() {
                true => Problem::internal(error),
                false => Problem::new(status, error.to_string()),
            }
        }
    })
}

/// What every answer says to browsers, unless a handler has said so in its own way.
fn secured(who: Who, headers: &mut HeaderMap) {
    let mut say = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    say(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if who != Who::Anyone {
        say(header::CACHE_CONTROL, "no-store");
    }
}

/// Who calls, if that person may.
async fn admitted(
    plane: &AdminPlane,
    request: &HttpRequest,
    roles: Roles,
) -> Result<Caller, Problem> {
    let caller = caller(plane, request).await?;
    match caller.actor.roles.intersects(roles) {
        true => Ok(caller),
        false => {
            // The page that says so has the navigation of the person around it.
            request.extensions_mut().insert(caller);
            let needed: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
            let needed = needed.join(", ");
            let detail = format!("this needs one of these roles: {needed}");
            Err(Problem::new(StatusCode::FORBIDDEN, detail))
        }
    }
}

async fn caller(plane: &AdminPlane, request: &HttpRequest) -> Result<Caller, Problem> {
    let access = &plane.access;
    let now = plane.gate.now();
    match access.tokens.bearer(request, now).await {
        Ok(Some(actor)) => {
            let name = actor.id.strip_prefix("token:").unwrap_or_default().to_owned();
            return Ok(Caller { actor, csrf: String::new(), name });
        }
        Ok(None) => {}
        Err(BearerFault::Invalid) => {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "the bearer token is not valid here",
            ));
        }
        Err(BearerFault::NoKeys) => {
            let detail = "there are no keys now to check the token with";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
        }
    }
    let nobody = || Problem::new(StatusCode::UNAUTHORIZED, "sign in, or bring a bearer token");
    let token = access.token_of(request).ok_or_else(nobody)?;
    let find = |name: &str| access.operators.find(name);
    let found = match is_background(request) {
        true => access.sessions.peek(&token, now, find),
        false => access.sessions.resume(&token, now, find),
    };
    let session = found.map_err(|error| {
        tracing::error!(%error, "the accounts of operators cannot be read: nobody is let in");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the accounts cannot be read; see the log")
    })?;
    let session = session.ok_or_else(nobody)?;
    if !request.method().is_safe() {
        let mut given = request.headers().get_all(CSRF);
        let ours = match (given.next(), given.next()) {
            (Some(given), None) => given.to_str().is_ok_and(|given| session.accepts(given)),
            _ => false,
        };
        if !ours {
            let detail = "the header `X-CSRF-Token` must bring the session's own token";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail).of_kind("csrf"));
        }
    }
    let name = session.account.display.clone();
    Ok(Caller {
        actor: session.account.actor(),
        csrf: session.form_token(),
        name: name.unwrap_or_else(|| session.account.name.to_string()),
    })
}

/// Whether a page asks by itself: its scripts say so, and a browser of a stream (`EventSource`).
fn is_background(request: &HttpRequest) -> bool {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let streams = accepts.is_some_and(|accept| accept.contains("text/event-stream"));
    streams || request.headers().contains_key(BACKGROUND)
}

/// A person is led to the page where one signs in; a program is told.
fn turned_away(plane: &AdminPlane, request: &HttpRequest, refusal: &Problem) -> HttpResponse {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let reads_pages = accepts.is_some_and(|accept| accept.contains("text/html"));
    let page = reads_pages && !request.path().starts_with("/admin/");
    if !page {
        return refusal.error_response();
    }
    let partial = request.headers().contains_key("hx-request");
    match refusal.status {
        StatusCode::UNAUTHORIZED if partial => {
            HttpResponse::Unauthorized().insert_header(("HX-Redirect", "/sign-in")).finish()
        }
        StatusCode::UNAUTHORIZED => {
            let back = match request.method().is_safe() {
                true => request.uri().path_and_query().map_or("/", |target| target.as_str()),
                false => "/",
            };
            let back =
                percent_encoding::utf8_percent_encode(back, percent_encoding::NON_ALPHANUMERIC);
            HttpResponse::SeeOther()
                .insert_header((header::LOCATION, format!("/sign-in?next={back}")))
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .finish()
        }
        _ => console::refused(plane, request, refusal),
    }
}
