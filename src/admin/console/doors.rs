//! Signing in and out by a page, and the page for whoever may not go on.

use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use serde::Deserialize;

use crate::admin::access::Caller;
use crate::admin::access::Refused;
use crate::admin::access::VIEWERS;
use crate::admin::access::sign_in;
use crate::admin::access::sign_out;
use crate::admin::api::Problem;
use crate::admin::mount::Mount;
use crate::admin::mount::Who;
use crate::admin::server::AdminPlane;
use crate::operators::Password;

use super::error::ErrorPage;
use super::page;
use super::sign_in::SignIn;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/sign-in", Who::Anyone, door).post("/sign-in", Who::Anyone, enter).post(
        "/sign-out",
        VIEWERS,
        leave,
    );
}

#[derive(Default, Deserialize)]
struct Door {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct Entering {
    name: String,
    #[serde(default)]
    next: String,
    password: String,
}

async fn door(plane: web::Data<AdminPlane>, door: web::Query<Door>) -> HttpResponse {
    show(&plane, StatusCode::OK, String::new(), door.into_inner().next, None)
}

async fn enter(
    plane: web::Data<AdminPlane>,
    request: HttpRequest,
    form: web::Form<Entering>,
) -> HttpResponse {
    let Entering { name, next, password } = form.into_inner();
    match sign_in(&plane, &request, &name, Password::new(password)).await {
        Ok(signed_in) => HttpResponse::SeeOther()
            .insert_header((header::SET_COOKIE, signed_in.cookie))
            .insert_header((header::LOCATION, here(&next)))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish(),
        Err(refused) => {
            let problem = Problem::from(refused);
            let words = match refused {
                Refused::Wrong => "That name and password do not go together.".to_owned(),
                _ => sentence(&problem.detail),
            };
            let mut answer = show(&plane, problem.status, name, next, Some(words));
            if let Some(seconds) = problem.retry_after {
                answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            answer
        }
    }
}

async fn leave(
    plane: web::Data<AdminPlane>,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let cookie = sign_out(&plane, &request, &caller.actor).await?;
    // htmx follows this header with the whole page; anything else follows the status.
    Ok(HttpResponse::Ok()
        .insert_header((header::SET_COOKIE, cookie))
        .insert_header(("HX-Redirect", "/sign-in"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish())
}

fn show(
    plane: &AdminPlane,
    status: StatusCode,
    name: String,
    next: String,
    error: Option<String>,
) -> HttpResponse {
    let first_run = plane.access.operators.list().is_ok_and(|all| all.is_empty());
    let shell = plane.bare_shell("Sign in");
    page(status, &SignIn { error, first_run, name, next, shell })
}

/// An address of this console, never of another site: one slash, then anything but a second.
fn here(next: &str) -> &str {
    let rest = next.strip_prefix('/').filter(|rest| !rest.starts_with(['/', '\\']));
    match rest {
        Some(_) if next.bytes().all(|byte| byte.is_ascii_graphic()) => next,
        _ => "/",
    }
}

/// The page for whoever lacks the role.
pub(in crate::admin) fn refused(
    plane: &AdminPlane,
    request: &HttpRequest,
    problem: &Problem,
) -> HttpResponse {
    let shell = match request.extensions().get::<Caller>() {
        Some(caller) => plane.shell(caller, problem.title, None),
        None => plane.bare_shell(problem.title),
    };
    let (status, detail) = (problem.status, sentence(&problem.detail));
    page(status, &ErrorPage { detail, reference: None, shell, status: status.as_u16() })
}

/// What no handler answered: a page for a browser, a problem for a program.
pub(in crate::admin) fn failed(
    plane: &AdminPlane,
    request: &HttpRequest,
    problem: &Problem,
    allow: &str,
) -> HttpResponse {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let reads_pages = accepts.is_some_and(|accept| accept.contains("text/html"));
    let mut answer = match reads_pages && !request.path().starts_with("/admin/") {
        true => refused(plane, request, problem),
        false => problem.error_response(),
    };
    if let Ok(allow) = header::HeaderValue::from_str(allow)
        && !allow.is_empty()
    {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let rest = chars.as_str();
    if rest.ends_with(['.', '?', '!']) {
        format!("{first}{rest}")
    } else {
        format!("{first}{rest}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_in_stays_on_this_site() {
        for away in [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "",
            "x",
            "/a b",
            "javascript:1",
            "/\nx",
        ] {
            assert_eq!(here(away), "/", "{away}");
        }
        assert_eq!(here("/reviews?open=1"), "/reviews?open=1");
    }
}
