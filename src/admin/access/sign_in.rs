//! Signing in and out.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web;
use ipnet::IpNet;
use serde_json::json;

use crate::admin::server::AdminPlane;
use crate::control::Access as Looked;
use crate::control::AccessOutcome;
use crate::model::Actor;
use crate::model::Roles;
use crate::model::Via;
use crate::operators::Admission;
use crate::operators::Password;
use crate::operators::Session;
use crate::operators::SignInError;

use super::Access;
use super::host::authority;
use super::until;

/// Somebody who is signed in now.
pub(in crate::admin) struct SignedIn {
    /// `Set-Cookie`.
    pub(in crate::admin) cookie: String,
    /// The session.
    pub(in crate::admin) session: Session,
}

/// Why somebody is not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::admin) enum Refused {
    /// The form comes from another site.
    Foreign,
    /// The password would cross a network in clear.
    InClear,
    /// Too many tries: not before so long.
    Later(Duration),
    /// Accounts or ledger cannot be used now.
    Unavailable,
    /// Name or password.
    Wrong,
}

/// Signs somebody in, who must then keep the cookie. A record tells of it, or nobody is signed in.
pub(in crate::admin) async fn sign_in(
    plane: &AdminPlane,
    request: &HttpRequest,
    name: &str,
    password: Password,
) -> Result<SignedIn, Refused> {
    let signed_in = try_sign_in(plane, request, name, password).await;
    plane.gate.metrics().signed_in(match &signed_in {
        Ok(_) => "ok",
        Err(Refused::Later(_)) => "throttled",
        Err(Refused::Wrong) => "wrong",
        Err(Refused::Foreign | Refused::InClear) => "refused",
        Err(Refused::Unavailable) => "unavailable",
    });
    signed_in
}

async fn try_sign_in(
    plane: &AdminPlane,
    request: &HttpRequest,
    name: &str,
    password: Password,
) -> Result<SignedIn, Refused> {
    let access = &plane.access;
    if !from_here(request) {
        return Err(Refused::Foreign);
    }
    let client = access.client(request);
    if !access.from_afar && !client.to_canonical().is_loopback() {
        return Err(Refused::InClear);
    }
    let now = plane.gate.now();
    let attempt = match access.throttle.ask(name, client, now) {
        Admission::Allowed(attempt) => attempt,
        Admission::RetryAfter(wait) => return Err(Refused::Later(wait)),
    };
    let (operators, given) = (access.operators.clone(), name.to_owned());
    // It takes a core for a while, as it should: never the one that answers.
    // The attempt goes along: it is over when the work is, not when the client hangs up.
    let verified = web::block(move || match operators.verify(&given, &password) {
        Ok(account) => {
            attempt.succeeded(now);
            Ok(account)
        }
        Err(error @ SignInError::Unavailable(_)) => {
            attempt.withdrawn();
            Err(error)
        }
        Err(SignInError::Refused) => {
            drop(attempt);
            Err(SignInError::Refused)
        }
    });
    let account = match verified.await {
        Ok(Ok(account)) => account,
        Ok(Err(SignInError::Refused)) => {
            refused(plane, name, client).await?;
            return Err(Refused::Wrong);
        }
        Ok(Err(SignInError::Unavailable(error))) => {
            tracing::error!(%error, "nobody can sign in");
            return Err(Refused::Unavailable);
        }
        Err(_) => return Err(Refused::Unavailable),
    };
    let actor = account.actor();
    let looked =
        Looked { action: "sign_in", actor: &actor, detail: json!({}), outcome: AccessOutcome::Ok };
    recorded(plane, looked, Some(network(client))).await?;
    // Whatever the browser brought along is not the session that begins now.
    if let Some(before) = access.token_of(request) {
        access.sessions.sign_out(&before);
    }
    let opened = access.sessions.open(account, now).map_err(|error| {
        tracing::error!(%error, "nobody can sign in");
        Refused::Unavailable
    })?;
    let seconds = until(opened.session.ends, now).as_secs();
    let cookie = access.set_cookie(opened.token.as_str(), seconds);
    Ok(SignedIn { cookie, session: opened.session })
}

/// Ends the session of a request, and says how the cookie goes.
pub(in crate::admin) async fn sign_out(
    plane: &AdminPlane,
    request: &HttpRequest,
    actor: &Actor,
) -> Result<String, Refused> {
    if let Some(token) = plane.access.token_of(request) {
        plane.access.sessions.sign_out(&token);
    }
    let looked =
        Looked { action: "sign_out", actor, detail: json!({}), outcome: AccessOutcome::Ok };
    recorded(plane, looked, None).await?;
    Ok(plane.access.clear_cookie())
}

/// A failed try is a record as well. A name that is nobody's may be a password in the wrong field: it is not written down.
async fn refused(plane: &AdminPlane, name: &str, client: IpAddr) -> Result<(), Refused> {
    let known = plane.access.operators.find(name).ok().flatten();
    let id =
        known.map_or_else(|| "local:?".to_owned(), |account| format!("local:{}", account.name));
    let actor = Actor { id, roles: Roles::NONE, via: Via::Session };
    let detail = json!({});
    let outcome = AccessOutcome::Refused;
    let looked = Looked { action: "sign_in", actor: &actor, detail, outcome };
    recorded(plane, looked, Some(network(client))).await
}

async fn recorded(
    plane: &AdminPlane,
    looked: Looked<'_>,
    network: Option<IpNet>,
) -> Result<(), Refused> {
    plane.control.accessed_from(looked, network).await.map(drop).map_err(|error| {
        tracing::error!(%error, "a sign-in cannot be recorded");
        Refused::Unavailable
    })
}

/// The network of a client, as the throttle counts: /24, /48.
fn network(client: IpAddr) -> IpNet {
    let client = client.to_canonical();
    let bits = if client.is_ipv4() { 24 } else { 48 };
    IpNet::new(client, bits).map_or_else(|_| client.into(), |network| network.trunc())
}

impl Access {
    /// Whose attempt it is: behind a proxy that is trusted, the one of whom it tells; the proxy itself where that cannot be read.
    fn client(&self, request: &HttpRequest) -> IpAddr {
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        let header = self.proxies.header().unwrap_or("x-forwarded-for");
        let values = request.headers().get_all(header).map(header::HeaderValue::as_bytes);
        self.proxies.resolve(peer, values).address.unwrap_or(peer)
    }
}

/// False for a request that a page of another site has caused: browsers tell (Fetch Metadata), or at least name the origin.
fn from_here(request: &HttpRequest) -> bool {
    let text = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN) else { return true };
    let Some(host) = authority(request) else { return false };
    origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(&host))
}
