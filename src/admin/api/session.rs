//! `/admin/v1/session`: signing in and out with name and password, for programs that keep cookies and for whoever asks who they are.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web;
use serde::Deserialize;
use serde::Serialize;
use utoipa::OpenApi;
use utoipa::ToSchema;

use crate::admin::access::Caller;
use crate::admin::access::Refused;
use crate::admin::access::VIEWERS;
use crate::admin::access::sign_in;
use crate::admin::access::sign_out;
use crate::admin::mount::Mount;
use crate::admin::mount::Who;
use crate::admin::server::AdminPlane;
use crate::model::Role;
use crate::operators::Password;

use super::body::json_body;
use super::problem::Answer;
use super::problem::Problem;

#[derive(OpenApi)]
#[openapi(paths(open, show, close))]
pub(super) struct Doc;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount
        .get("/admin/v1/session", VIEWERS, show)
        .post("/admin/v1/session", Who::Anyone, open)
        .delete("/admin/v1/session", VIEWERS, close);
}

/// Name and password of a local operator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    /// The account's name.
    #[schema(example = "anna")]
    name: String,
    /// Its password.
    #[schema(format = Password)]
    password: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
struct SessionView {
    /// To be sent as `X-CSRF-Token` with every request that changes something; empty for bearers, who need none.
    csrf_token: String,
    /// When the session ends, whatever is done meanwhile (RFC 3339); absent for bearers.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<String>,
    /// Who, as records name the person.
    #[schema(example = "local:anna")]
    id: String,
    /// What the person is called.
    name: String,
    /// What the person may do.
    #[schema(value_type = Vec<String>)]
    roles: Vec<Role>,
}

/// Sign in: the answer sets the session's cookie.
#[utoipa::path(
    post, path = "/admin/v1/session", tag = "session",
    request_body = Credentials,
    responses(
        (status = 201, description = "Signed in", body = SessionView),
        (status = 401, description = "Name or password is wrong"),
        (status = 403, description = "The request comes from a page of another site, or the password would cross a network in clear"),
        (status = 429, description = "Too many tries"),
    )
)]
async fn open(plane: web::Data<AdminPlane>, request: HttpRequest, body: web::Bytes) -> Answer {
    let Credentials { name, password } = json_body(&request, &body)?;
    let signed_in = sign_in(&plane, &request, &name, Password::new(password)).await?;
    let session = signed_in.session;
    let account = &session.account;
    let view = SessionView {
        csrf_token: session.form_token(),
        ends: Some(session.ends.to_string()),
        id: account.actor().id,
        name: account.display.clone().unwrap_or_else(|| account.name.to_string()),
        roles: account.roles.iter().collect(),
    };
    Ok(HttpResponse::Created()
        .insert_header((header::SET_COOKIE, signed_in.cookie))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(view))
}

/// Who am I?
#[utoipa::path(
    get, path = "/admin/v1/session", tag = "session",
    responses((status = 200, description = "Who is signed in", body = SessionView))
)]
async fn show(caller: Caller) -> HttpResponse {
    let view = SessionView {
        csrf_token: caller.csrf,
        ends: None,
        id: caller.actor.id,
        name: caller.name,
        roles: caller.actor.roles.iter().collect(),
    };
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(view)
}

/// Sign out.
#[utoipa::path(
    delete, path = "/admin/v1/session", tag = "session",
    responses((status = 204, description = "Signed out"))
)]
async fn close(plane: web::Data<AdminPlane>, request: HttpRequest, caller: Caller) -> Answer {
    let cookie = sign_out(&plane, &request, &caller.actor).await?;
    Ok(HttpResponse::NoContent().insert_header((header::SET_COOKIE, cookie)).finish())
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Foreign => {
                Self::new(StatusCode::FORBIDDEN, "the request comes from another site")
            }
            Refused::InClear => Self::new(
                StatusCode::FORBIDDEN,
                "the password would cross the network in clear: set `[admin] tls`, or `[admin] public_url` where a proxy speaks TLS",
            ),
            Refused::Later(wait) => {
                let seconds = wait.as_secs().saturating_add(1);
                let detail = format!("too many tries: again in {seconds} s");
                Self::new(StatusCode::TOO_MANY_REQUESTS, detail).later(seconds)
            }
            Refused::Unavailable => Self::unavailable("nobody can sign in now; see the log"),
            Refused::Wrong => Self::new(StatusCode::UNAUTHORIZED, "name or password is wrong"),
        }
    }
}
