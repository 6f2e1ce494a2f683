//! The way of a permitted request: to its upstream, and the answer back to the client.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderValue;

use crate::enforcement::End;
use crate::enforcement::Permit;
use crate::message::ClientAddressRule;
use crate::message::OutgoingForwarding;
use crate::message::Upgrade;
use crate::message::believed_proto;
use crate::settings::Route;

use super::answers;
use super::concluding::Concluding;
use super::concluding::Conclusion;
use super::concluding::Underway;
use super::concluding::is_bare;
use super::handler::Arrival;
use super::outbound;
use super::plane::Worker;
use super::upstream::Outgoing;
use super::upstream::Reply;

impl Worker {
    /// Forwards what was permitted, and nothing else.
    pub(super) async fn forward(
        &self,
        arrival: &Arrival<'_>,
        route: &Route,
        mut permit: Permit,
        payload: Payload,
        mut underway: Underway,
    ) -> HttpResponse {
        let gate = &self.plane.gate;
        let upstream = route.upstream.as_deref().unwrap_or_default();
        let Some(client) = self.upstreams.get(upstream) else {
            return answers::fault(StatusCode::NOT_FOUND, permit.id());
        };
        let request = arrival.request;
        let judged = permit.take_body();
        let forwarding = arrival.forwarding(&self.plane.client_rule);
        let outgoing = Outgoing {
            headers: outbound::request_headers(
                request.headers(),
                route,
                &forwarding,
                judged.is_some(),
            ),
            method: request.method().clone(),
            path_and_query: permit.take_target().into(),
            body: outbound::request_body(request, judged, payload),
        };
        let reply = match arrival.upgrade {
            Upgrade::OtherVersion => {
                let answer = self.other_version(route, permit.id());
                arrival.delivery.noticed(answers::notice(&answer));
                return answer;
            }
            Upgrade::WebSocket(key) => client.switch(outgoing, key).await,
            Upgrade::Absent | Upgrade::Malformed => client.send(outgoing).await.map(Reply::Answer),
        };
        let incoming = match reply {
            Ok(Reply::Answer(incoming)) => incoming,
            Ok(Reply::Tunnel(tunnel)) => {
                drop(underway.cart.take());
                return self.switched(arrival, route, &permit, tunnel, underway);
            }
            Err(error) => {
                let id = permit.id().map(|id| id.to_string());
                tracing::warn!(id, route = route.name, upstream, %error, "the upstream failed");
                gate.metrics().upstream_failed(upstream, error.kind());
                let answer = answers::fault(error.status(), permit.id());
                gate.metrics().refused(answer.status().as_u16(), &route.name);
                arrival.delivery.noticed(answers::notice(&answer));
                return answer;
            }
        };
        // What the request changes has changed.
        drop(underway.cart.take());
        gate.metrics().upstream_answered(upstream, incoming.timings.head.as_secs_f64());
        let mut answer = HttpResponse::new(incoming.status);
        let headers = answer.headers_mut();
        outbound::answer_headers(
            &incoming.headers,
            headers,
            permit.id(),
            permit.verdict(),
            permit.is_covered(),
        );
        let label = self.labels.get(&route.name).map_or_else(|| Arc::from(""), Arc::clone);
        let end = Conclusion {
            gate: Arc::clone(gate),
            id: permit.id(),
            _underway: underway,
            route: label,
            transfer: incoming.body.transfer(),
        };
        let delivery = Rc::clone(arrival.delivery);
        delivery.take();
        delivery.answered(incoming.status.as_u16());
        if is_bare(MessageBody::size(&incoming.body), request.method()) {
            delivery.ended(End::Complete);
        }
        let cut = permit.cut_after(|| gate.now()).map(|wait| Box::pin(tokio::time::sleep(wait)));
        answer.set_body(actix_web::body::BoxBody::new(Concluding {
            body: incoming.body,
            broken: None,
            delivery,
            has_begun: false,
            cut,
            _end: end,
        }))
    }
}

impl<'a> Arrival<'a> {
    /// What the gateway tells the upstream of the client.
    pub(super) fn forwarding(&self, rule: &ClientAddressRule) -> OutgoingForwarding<'a> {
        let own = if self.secure { "https" } else { "http" };
        let told = || {
            let values = self.request.headers().get_all("x-forwarded-proto");
            believed_proto(values.map(HeaderValue::as_bytes))
        };
        let proto = if rule.trusts(self.peer) { told().unwrap_or(own) } else { own };
        let host = self.request.headers().get(header::HOST).and_then(|v| v.to_str().ok());
        OutgoingForwarding {
            client: self.client.address,
            host: host.unwrap_or(self.host),
            port: self.port,
            proto,
        }
    }
}
