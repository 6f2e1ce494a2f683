//! Receiving webhooks (DESIGN 12, preset `shopify`): verified, decided, recorded, answered; never forwarded.
//!
//! The sender has no use for a verdict: it would try a refused webhook again and then delete it. So whatever is verified and
//! recorded is 200, and only what was not is refused.

mod signature;

use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::header;

use crate::enforcement::Receipt;
use crate::enforcement::Refusal;
use crate::enforcement::Request;
use crate::message::CanonicalTarget;
use crate::settings::Route;

use super::answers::DECISION;
use super::answers::decision_field;
use super::handler::Arrival;
use super::inbound;
use super::inbound::Headers;
use super::plane::Worker;

pub use signature::Receivers;
pub use signature::SecretError;

use signature::Signature;

/// The one method that webhooks have.
const METHOD: &str = "POST";

impl Worker {
    /// Answers a webhook.
    pub(super) async fn receive(
        &self,
        arrival: &Arrival<'_>,
        target: &CanonicalTarget<'_>,
        route: &Route,
        mut payload: Payload,
    ) -> HttpResponse {
        let gate = &self.plane.gate;
        let refuse = |refusal| self.refuse(arrival, route, refusal, target.path());
        if arrival.method != METHOD {
            let allow = METHOD.to_owned();
            return refuse(Refusal::MethodNotAllowed { id: gate.new_id(), allow }).await;
        }
        let headers = arrival.request.headers();
        let Some(signature) = Signature::of(headers) else {
            return refuse(Refusal::BadSignature { id: gate.new_id() }).await;
        };
        let (limit, pause) = (self.plane.max_inspected_body, self.plane.body_timeout);
        let body = match inbound::raw(headers, &mut payload, limit, pause).await {
            Ok(body) => body,
            Err(fault) => return self.unreadable(arrival, route, fault, target.path()).await,
        };
        if !self.plane.receivers.vouch(&route.name, &signature, &body) {
            return refuse(Refusal::BadSignature { id: gate.new_id() }).await;
        }
        let request = Request {
            basis: arrival.client.basis,
            body: Some(&body),
            client: arrival.evidence(),
            delivery: arrival.delivery,
            headers: &Headers(headers),
            host: arrival.host,
            looked_up: &[],
            method: arrival.method,
            peer: arrival.peer,
            principal: None,
            target,
        };
        match gate.receive(&gate.pin(), route, &request).await {
            Ok(receipt) => received(receipt),
            Err(refusal) => self.answer_refusal(arrival, &refusal, &route.name),
        }
    }
}

fn received(receipt: Receipt) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    if let Some(verdict) = receipt.verdict {
        answer.insert_header((DECISION, decision_field(verdict.as_str(), receipt.id)));
    }
    answer.finish()
}
