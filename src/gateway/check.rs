//! Forward-auth: another proxy asks whether it may serve a request, and gives what it knows of it (DESIGN 13; FACTS 2.3).
//!
//! Only peers in `[gateway] api_clients` may ask: what they say of a request is believed. An answer allows only where it is
//! 2xx *and* says `Interdict-Decision: allow`, so that a stray 200 from elsewhere opens nothing.

use std::borrow::Cow;
use std::net::IpAddr;

use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;

use crate::enforcement::Found;
use crate::enforcement::Malformed;
use crate::enforcement::Refusal;
use crate::message::Host;
use crate::message::canonicalize;
use crate::model::DecisionId;
use crate::settings::BodyUse;

use super::answers;
use super::answers::DECISION;
use super::answers::decision_field;
use super::entrance::Body;
use super::entrance::Told;
use super::handler::Arrival;
use super::plane::Worker;

/// The status that the client should get, for a proxy that can only take another one.
const STATUS: HeaderName = HeaderName::from_static("interdict-status");
/// The notice of outcomes that are a check's answer.
const NOTICE: &str = "forward-auth";
/// Envoy cuts a long body and says so.
const PARTIAL_BODY: HeaderName = HeaderName::from_static("x-envoy-auth-partial-body");

/// Which proxy stands in front and asks; each says in its own way what it was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Front {
    Caddy,
    Envoy,
    Haproxy,
    Nginx,
    Traefik,
}

/// The request that a proxy asks about.
struct Original<'a> {
    host: Cow<'a, str>,
    method: Cow<'a, str>,
    target: Cow<'a, str>,
}

/// The proxy that a target names, spelled as it is and not otherwise. What follows is Envoy's alone.
pub(super) fn front(raw: &str) -> Option<Front> {
    let path = raw.split('?').next().unwrap_or(raw);
    match path.strip_prefix("/check/")? {
        "caddy" => Some(Front::Caddy),
        "haproxy" => Some(Front::Haproxy),
        "nginx" => Some(Front::Nginx),
        "traefik" => Some(Front::Traefik),
        path => path.starts_with("envoy/").then_some(Front::Envoy),
    }
}

impl Front {
    /// What it asks about; none where it does not say, or says two things.
    fn original<'a>(self, arrival: &Arrival<'a>, raw: &'a str) -> Option<Original<'a>> {
        let headers = arrival.request.headers();
        let all = |name: &str| {
            let mut values = headers.get_all(name).map(|value| value.to_str().ok());
            match (values.next(), values.next()) {
                (None, _) => Some(None),
                (Some(Some(value)), None) => Some(Some(value)),
                (Some(_), _) => None,
            }
        };
        let own_host = all(header::HOST.as_str())??;
        let (method, target) = match self {
            Self::Envoy => {
                let target = raw.strip_prefix("/check/envoy")?;
                return Some(Original {
                    host: Cow::Borrowed(own_host),
                    method: Cow::Owned(arrival.request.method().as_str().to_owned()),
                    target: Cow::Borrowed(target),
                });
            }
            Self::Haproxy | Self::Nginx => (all("x-original-method")??, all("x-original-uri")??),
            Self::Caddy | Self::Traefik => (all("x-forwarded-method")??, all("x-forwarded-uri")??),
        };
        let host = all("x-forwarded-host")?.unwrap_or(own_host);
        Some(Original {
            host: Cow::Owned(host.to_owned()),
            method: Cow::Owned(method.to_owned()),
            target: Cow::Owned(target.to_owned()),
        })
    }

    /// The answer as the proxy can take it. nginx takes 403 for a refusal and turns all else into a 500 of its own.
    fn takes(self, mut answer: HttpResponse) -> HttpResponse {
        let status = answer.status();
        if matches!(self, Self::Haproxy | Self::Nginx) && !status.is_success() {
            if let Ok(value) = HeaderValue::from_str(status.as_str()) {
                answer.headers_mut().insert(STATUS, value);
            }
            *answer.status_mut() = StatusCode::FORBIDDEN;
        }
        answer
    }
}

impl Worker {
    /// Answers a proxy that asks.
    pub(super) async fn check(
        &self,
        front: Front,
        arrival: &Arrival<'_>,
        raw: &str,
        payload: Payload,
    ) -> HttpResponse {
        if !self.is_api_client(Some(arrival.peer)) {
            return answers::fault(StatusCode::NOT_FOUND, None);
        }
        // What the proxy serves or shows then is not seen here: the outcome is that of the check alone.
        arrival.delivery.noticed(NOTICE);
        let answer = match front.original(arrival, raw) {
            Some(original) => self.checked(arrival, &original, payload).await,
            None => answers::fault(StatusCode::BAD_REQUEST, None),
        };
        front.takes(answer)
    }

    /// True for addresses in `[gateway] api_clients`.
    pub(super) fn is_api_client(&self, address: Option<IpAddr>) -> bool {
        address.is_some_and(|a| self.plane.api_clients.iter().any(|net| net.contains(&a)))
    }

    async fn checked(
        &self,
        arrival: &Arrival<'_>,
        original: &Original<'_>,
        payload: Payload,
    ) -> HttpResponse {
        let gate = &self.plane.gate;
        let host = Host::parse(&original.host).ok();
        let name = host.as_ref().map_or("", Host::name);
        // The certificate of this connection is the proxy's, not the client's.
        let arrival =
            Arrival { certificate: None, host: name, method: &original.method, ..*arrival };
        let (method, raw) = (&*original.method, &*original.target);
        let path = raw.split('?').next().unwrap_or(raw);
        let is_folded = method.bytes().any(|byte| byte.is_ascii_lowercase());
        if is_folded || matches!(method, "CONNECT" | "TRACE") {
            return answers::fault(StatusCode::METHOD_NOT_ALLOWED, None);
        }
        let target = match canonicalize(raw.as_bytes()) {
            Ok(target) => target,
            Err(error) => {
                let Some(route) = self.judged_route(method, raw) else {
                    return if error.is_malformed() {
                        answers::fault(StatusCode::BAD_REQUEST, None)
                    } else {
                        self.allowed_unjudged(&arrival, path).await
                    };
                };
                let reason = Malformed::Target(error.to_string());
                let refusal = Refusal::Malformed { id: gate.new_id(), reason };
                return self.refuse(&arrival, route, refusal, path).await;
            }
        };
        let (route, allow) = match gate.routes().find(method, target.folded()) {
            Found::Nothing => return answers::fault(StatusCode::NOT_FOUND, None),
            Found::MethodNotAllowed(route, allow) => (route, Some(allow)),
            Found::Route(route) => (route, None),
        };
        if route.receives() {
            // There is nothing that another proxy could serve.
            return answers::fault(StatusCode::NOT_FOUND, None);
        }
        let snapshot = gate.pin();
        let headers = arrival.request.headers();
        let carried = !matches!(payload, Payload::None) && !headers.contains_key(PARTIAL_BODY);
        if !carried && self.wants_body(&arrival, &target, route) {
            let refusal = Refusal::BodyNotSeen { id: gate.new_id() };
            return self.refuse(&arrival, route, refusal, target.path()).await;
        }
        let mut body = Body::coming(payload);
        let meaning = match self.meaning(&arrival, &target, route, &mut body).await {
            Ok(meaning) => meaning,
            Err(answer) => return answer,
        };
        let told = match self.told(&snapshot, &target, (route, allow), meaning) {
            Ok(told) => told,
            Err((route, refusal)) => {
                return self.refuse(&arrival, route, refusal, target.path()).await;
            }
        };
        let Told { route, hit, is_judged } = told;
        if !is_judged {
            if let Err(answer) = self.admit(route, &arrival).await {
                return answer;
            }
            gate.passed(route);
            return allowed(None);
        }
        if host.is_none() {
            let refusal = Refusal::Malformed { id: gate.new_id(), reason: Malformed::Host };
            return self.refuse(&arrival, route, refusal, target.path()).await;
        }
        let reads = matches!(route.body_use(), BodyUse::Document | BodyUse::Form);
        if reads && !carried {
            let refusal = Refusal::BodyNotSeen { id: gate.new_id() };
            return self.refuse(&arrival, route, refusal, target.path()).await;
        }
        match self.judge(&snapshot, &arrival, &target, (route, &hit), &mut body).await {
            Ok(permit) => allowed(permit.id()),
            Err(answer) => answer,
        }
    }

    /// A target with several readings, none of which matters.
    async fn allowed_unjudged(&self, arrival: &Arrival<'_>, path: &str) -> HttpResponse {
        match self.plane.gate.routes().find(arrival.method, &path.to_lowercase()) {
            Found::Route(route) => {
                if let Err(answer) = self.admit(route, arrival).await {
                    return answer;
                }
                self.plane.gate.passed(route);
                allowed(None)
            }
            Found::MethodNotAllowed(..) | Found::Nothing => {
                answers::fault(StatusCode::NOT_FOUND, None)
            }
        }
    }
}

/// The one answer that opens the gate.
fn allowed(id: Option<DecisionId>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    match id {
        Some(id) => answer.insert_header((DECISION, decision_field("allow", id))),
        None => answer.insert_header((DECISION, "allow")),
    };
    answer.finish()
}
