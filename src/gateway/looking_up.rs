//! Asking the upstream, with the client's own credentials, for what a request does not carry: its cart, its order, a product
//! (DESIGN 13: Carts).

use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use bytes::Bytes;

use crate::enforcement::Answers;
use crate::enforcement::Hit;
use crate::enforcement::Malformed;
use crate::enforcement::Question;
use crate::enforcement::Refusal;
use crate::message::CanonicalTarget;
use crate::settings::BodyUse;
use crate::settings::Gives;
use crate::settings::Preset;
use crate::settings::Route;
use crate::settings::Stage;

use super::cart;
use super::handler::Arrival;
use super::outbound;
use super::plane::Worker;
use super::upstream::Fetched;
use super::upstream::Outgoing;
use super::upstream::OutgoingBody;

/// The fields that say whose cart it is; a look-up carries these and no other of the client's.
pub(super) const CREDENTIALS: [&str; 3] = ["authorization", "cart-token", "cookie"];
/// Longest wait for one answer; a shopper waits with it.
pub(super) const WAIT: Duration = Duration::from_secs(15);
/// Beginning of the name of the cookie that names a cart, as WooCommerce has it.
const SESSION_COOKIE: &str = "wp_woocommerce_session_";

/// What the look-ups of a request came to.
pub(super) enum LookedUp {
    /// What was asked for.
    Answers(Answers),
    /// The upstream does not know what is to be put in a cart: it will say so itself.
    Unknown,
}

impl Worker {
    /// Asks everything that must be known to judge the request.
    pub(super) async fn look_up(
        &self,
        arrival: &Arrival<'_>,
        target: &CanonicalTarget<'_>,
        route: &Route,
        hit: &Hit,
        body: Option<&Bytes>,
    ) -> Result<LookedUp, Refusal> {
        if route.reading.lookups.is_empty() {
            return Ok(LookedUp::Answers(Answers::new()));
        }
        let gate = &self.plane.gate;
        let malformed = |reason| Refusal::Malformed { id: gate.new_id(), reason };
        check_credentials(arrival.request.headers()).map_err(malformed)?;
        if route.preset == Some(Preset::WooCommerce) && route.body_use() == BodyUse::Form {
            check_of_form(arrival.request.headers()).map_err(malformed)?;
        }
        let questions = gate.questions(route, hit, target, body).map_err(malformed)?;
        let mut answers = Answers::new();
        for question in questions {
            let fetched = self.ask(arrival, route, &question.target).await.map_err(|reason| {
                tracing::warn!(route = route.name, reason, "a look-up failed");
                Refusal::NotLookedUp { id: gate.new_id(), reason }
            })?;
            match answer(&question, &fetched) {
                Ok(answer) => answers.push(answer),
                Err(404) if route.reading.stage == Stage::Cart => return Ok(LookedUp::Unknown),
                Err(status) => {
                    let reason = format!("it answered {status}");
                    tracing::warn!(route = route.name, reason, "a look-up failed");
                    return Err(Refusal::NotLookedUp { id: gate.new_id(), reason });
                }
            }
        }
        Ok(LookedUp::Answers(answers))
    }

    /// Asks one question.
    pub(super) async fn ask(
        &self,
        arrival: &Arrival<'_>,
        route: &Route,
        target: &str,
    ) -> Result<Fetched, String> {
        let upstream = route.upstream.as_deref().unwrap_or_default();
        let client = self.upstreams.get(upstream).ok_or("the route has no upstream")?;
        let forwarding = arrival.forwarding(&self.plane.client_rule);
        let outgoing = Outgoing {
            body: OutgoingBody::Empty,
            headers: outbound::question_headers(arrival.request.headers(), &forwarding),
            method: Method::GET,
            path_and_query: Bytes::copy_from_slice(target.as_bytes()),
        };
        let limit = self.plane.max_inspected_body;
        client.fetch(outgoing, limit, WAIT).await.map_err(|error| error.to_string())
    }
}

/// What an answer tells, or the status that it tells nothing by.
fn answer(question: &Question, fetched: &Fetched) -> Result<Option<Bytes>, u16> {
    match (fetched.status.as_u16(), question.gives) {
        (200, _) => Ok(Some(fetched.body.clone())),
        (404, Gives::Evidence) => Ok(None),
        (status, _) => Err(status),
    }
}

/// Refuses a request that could be of two carts: two fields of one kind, or a cart's token beside a session's cookie.
fn check_credentials(headers: &HeaderMap) -> Result<(), Malformed> {
    for name in CREDENTIALS {
        if headers.get_all(name).nth(1).is_some() {
            return Err(Malformed::Field(format!("`{name}` is given twice").into()));
        }
    }
    let in_session = cart::cookies(headers).any(|(name, _)| name.starts_with(SESSION_COOKIE));
    if in_session && headers.contains_key("cart-token") {
        return Err(Malformed::Field("a cart token beside a session's cookie".into()));
    }
    Ok(())
}

/// Refuses what an API takes for another buyer's and a page does not look at: the answer would be of another cart.
fn check_of_form(headers: &HeaderMap) -> Result<(), Malformed> {
    for name in ["authorization", "cart-token"] {
        if headers.contains_key(name) {
            return Err(Malformed::Field(format!("`{name}` beside a checkout's form").into()));
        }
    }
    Ok(())
}
