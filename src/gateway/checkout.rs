//! A checkout of a cart at the store: sent whole and to its end, whether or not the client stays, and read back (DESIGN 13:
//! Carts). A client that goes away cannot open the cart to others before the store has taken the order.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::enforcement::Gate;
use crate::enforcement::Hit;
use crate::enforcement::Permit;
use crate::enforcement::Placed;
use crate::settings::Route;

use super::answers;
use super::concluding::Underway;
use super::handler::Arrival;
use super::inbound;
use super::looking_up;
use super::outbound;
use super::plane::Worker;
use super::upstream::FetchError;
use super::upstream::Fetched;
use super::upstream::Outgoing;
use super::upstream::OutgoingBody;
use super::upstream::UpstreamClient;

/// Bytes of the longest answer to a checkout.
const LONGEST: usize = 4 << 20;
/// Longest wait for it, whatever the upstream's own limits.
const PATIENCE: Duration = Duration::from_secs(300);

/// What it takes to read an order back.
struct ReadBack {
    client: UpstreamClient,
    gate: Arc<Gate>,
    headers: http::HeaderMap,
    hit: Hit,
    limit: usize,
    placed: Placed,
    route: Route,
}

impl Worker {
    /// Forwards a permitted checkout and answers with what the store says.
    pub(super) async fn check_out(
        &self,
        arrival: &Arrival<'_>,
        (route, hit): (&Route, &Hit),
        mut permit: Permit,
        mut payload: Payload,
        mut underway: Underway,
    ) -> HttpResponse {
        let gate = &self.plane.gate;
        let id = permit.id();
        let upstream = route.upstream.as_deref().unwrap_or_default();
        let Some(client) = self.upstreams.get(upstream).cloned() else {
            return answers::fault(StatusCode::NOT_FOUND, id);
        };
        let request = arrival.request;
        let judged = permit.take_body();
        let decoded = judged.is_some();
        let (limit, pause) = (self.plane.max_inspected_body, self.plane.body_timeout);
        let body = match judged {
            Some(body) => body,
            None => match inbound::collect(&mut payload, limit, pause).await {
                Ok(body) => body,
                Err(_) => return answers::fault(StatusCode::BAD_REQUEST, id),
            },
        };
        let forwarding = arrival.forwarding(&self.plane.client_rule);
        let mut headers = outbound::request_headers(request.headers(), route, &forwarding, decoded);
        // The answer is read here, too.
        headers.remove(http::header::ACCEPT_ENCODING);
        let outgoing = Outgoing {
            body: if body.is_empty() { OutgoingBody::Empty } else { OutgoingBody::Bytes(body) },
            headers,
            method: request.method().clone(),
            path_and_query: permit.take_target().into(),
        };
        let read_back = permit.take_placed().map(|placed| ReadBack {
            client: client.clone(),
            gate: Arc::clone(gate),
            headers: outbound::question_headers(request.headers(), &forwarding),
            hit: hit.clone(),
            limit,
            placed,
            route: route.clone(),
        });
        let (answer, answered) = oneshot::channel();
        // The order may be placed and its client gone: what the store said is recorded all the same.
        let delivery = Rc::clone(arrival.delivery);
        drop(actix_web::rt::spawn(async move {
            let whole = client.fetch(outgoing, LONGEST, PATIENCE).await;
            if let Ok(whole) = &whole {
                delivery.answered(whole.status.as_u16());
            }
            drop(delivery);
            let document = whole.as_ref().ok().filter(|whole| whole.status.is_success());
            let document = document.map(|whole| whole.body.clone());
            // The order is placed: what the client does next, such as to look at it, need not wait for the reading back.
            drop(underway.cart.take());
            // A client that has gone takes no answer.
            answer.send(whole).ok();
            if let (Some(read_back), Some(document)) = (read_back, document) {
                read_back.conclude(&document).await;
            }
            drop(underway);
        }));
        let whole = answered.await.unwrap_or(Err(FetchError::Late));
        let answer = self.answer_checkout(route, &permit, upstream, &whole);
        if whole.is_err() {
            arrival.delivery.noticed(answers::notice(&answer));
        }
        answer
    }

    fn answer_checkout(
        &self,
        route: &Route,
        permit: &Permit,
        upstream: &str,
        whole: &Result<Fetched, FetchError>,
    ) -> HttpResponse {
        let metrics = self.plane.gate.metrics();
        match whole {
            Ok(whole) => {
                let mut answer = HttpResponse::new(whole.status);
                let headers = answer.headers_mut();
                let (id, verdict) = (permit.id(), permit.verdict());
                outbound::answer_headers(&whole.headers, headers, id, verdict, permit.is_covered());
                headers.remove(actix_web::http::header::CONTENT_LENGTH);
                headers.remove(actix_web::http::header::CONTENT_ENCODING);
                let size = u64::try_from(whole.body.len()).unwrap_or(u64::MAX);
                metrics.answered(true, &route.name, size);
                answer.set_body(actix_web::body::BoxBody::new(whole.body.clone()))
            }
            Err(error) => {
                let id = permit.id().map(|id| id.to_string());
                tracing::warn!(id, route = route.name, upstream, %error, "the upstream failed");
                let status = match error {
                    FetchError::Upstream(error) => {
                        metrics.upstream_failed(upstream, error.kind());
                        error.status()
                    }
                    FetchError::Late => StatusCode::GATEWAY_TIMEOUT,
                    FetchError::Coding | FetchError::TooLarge { .. } => StatusCode::BAD_GATEWAY,
                };
                metrics.refused(status.as_u16(), &route.name);
                answers::fault(status, permit.id())
            }
        }
    }
}

impl ReadBack {
    /// Asks for the order that an answer names, and has it compared with what was judged.
    async fn conclude(self, answer: &Bytes) {
        let Self { client, gate, headers, hit, limit, placed, route } = self;
        let Some((id, target)) = gate.order_target(&route, &hit, &placed, answer) else {
            gate.not_read_back(&route, &placed, "the answer names no order of the store's");
            return;
        };
        let outgoing = Outgoing {
            body: OutgoingBody::Empty,
            headers,
            method: Method::GET,
            path_and_query: target.into(),
        };
        match client.fetch(outgoing, limit, looking_up::WAIT).await {
            Ok(whole) if whole.status == StatusCode::OK => {
                gate.compare(&route, &placed, &id, &whole.body).await;
            }
            Ok(whole) => {
                let reason = format!("the store answered {}", whole.status.as_u16());
                gate.not_read_back(&route, &placed, &reason);
            }
            Err(error) => gate.not_read_back(&route, &placed, &error.to_string()),
        }
    }
}
