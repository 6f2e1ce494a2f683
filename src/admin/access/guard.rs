//! The guard around every route.

use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::web;

use crate::admin::api::Problem;
use crate::admin::console;
use crate::admin::mount::Who;
use crate::admin::server::AdminPlane;
use crate::model::Roles;

use super::caller::Caller;
use super::tokens::BearerFault;

/// The header that brings a session's own token back.
const CSRF: &str = "x-csrf-token";

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
    let answer = match who {
        Who::Anyone => next.call(request).await?,
        Who::With(roles) => match admitted(&plane, request.request(), roles).await {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                next.call(request).await?
            }
            Err(refusal) => {
                let answer = turned_away(&plane, request.request(), &refusal);
                request.into_response(answer)
            }
        },
    };
    plane.gate.metrics().admin_answered(answer.status().as_u16());
    Ok(answer)
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
    let found = access.sessions.resume(&token, now, |name| access.operators.find(name));
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
