//! The life of a request (DESIGN 3): read, route, judge, forward, conclude.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderValue;
use bytes::Bytes;

use crate::enforcement::Caller;
use crate::enforcement::Delivery;
use crate::enforcement::Found;
use crate::enforcement::Hit;
use crate::enforcement::Malformed;
use crate::enforcement::Permit;
use crate::enforcement::Refusal;
use crate::enforcement::Request;
use crate::enforcement::Snapshot;
use crate::enforcement::Unauthenticated;
use crate::enforcement::Unread;
use crate::identity::Certificate;
use crate::identity::TokenFault;
use crate::message::AddressBasis;
use crate::message::CanonicalTarget;
use crate::message::ClientAddress;
use crate::message::Host;
use crate::message::TargetError;
use crate::message::Upgrade;
use crate::message::canonicalize;
use crate::message::is_form_utf8;
use crate::message::is_json_utf8;
use crate::message::lenient_readings;
use crate::settings::BodyUse;
use crate::settings::Permission;
use crate::settings::Route;

use super::answers;
use super::api;
use super::cart::Busy;
use super::cart::Held;
use super::check;
use super::concluding::Underway;
use super::concluding::followed;
use super::entrance::Body;
use super::entrance::Told;
use super::inbound;
use super::inbound::BodyFault;
use super::inbound::Headers;
use super::inbound::Received;
use super::looking_up::LookedUp;
use super::plane::Worker;
use super::published;
use super::tunnel;
use super::watched::Serving;

/// What `Allow` says where no route says it.
const SERVED_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// What was read of a request before its target.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    /// The client's own certificate, if it has shown one that was verified.
    pub(super) certificate: Option<&'a Arc<Certificate>>,
    pub(super) client: ClientAddress,
    /// What becomes of the answer.
    pub(super) delivery: &'a Rc<Delivery>,
    pub(super) host: &'a str,
    /// The method of the request that is judged; another than its own where a proxy asks about one.
    pub(super) method: &'a str,
    pub(super) peer: IpAddr,
    pub(super) port: u16,
    pub(super) request: &'a actix_http::Request,
    pub(super) secure: bool,
    pub(super) upgrade: Upgrade<'a>,
    /// Whether it is known who asks; false before that was looked at.
    pub(super) vouched: bool,
}

/// Serves one request. However that ends, what became of it is recorded if the request itself was.
pub(super) async fn handle(
    worker: Rc<Worker>,
    received: Received,
    serving: Option<Serving>,
) -> HttpResponse {
    let delivery = Rc::new(worker.plane.gate.delivery());
    let method = received.request.method().clone();
    let answer = serve(worker, received, serving, &delivery).await;
    followed(answer, delivery, &method)
}

async fn serve(
    worker: Rc<Worker>,
    mut received: Received,
    serving: Option<Serving>,
    delivery: &Rc<Delivery>,
) -> HttpResponse {
    let payload = received.request.take_payload();
    let Received { port, ref request, secure, switchable } = received;
    let in_flight = worker.plane.gate.metrics().request_began();
    let underway = Underway { cart: None, _in_flight: in_flight, _serving: serving };
    let host = inbound::host(request);
    let peer = inbound::peer(request);
    let rule = &worker.plane.client_rule;
    let values = rule.header().into_iter().flat_map(|name| request.headers().get_all(name));
    let client = match request.peer_addr() {
        Some(_) => rule.resolve(peer, values.map(HeaderValue::as_bytes)),
        None => ClientAddress { address: None, basis: AddressBasis::Malformed },
    };
    let name = host.as_ref().map_or("", Host::name);
    let method = request.method().as_str();
    let upgrade = if switchable { tunnel::asked(request) } else { Upgrade::Absent };
    let certificate = request.conn_data::<Arc<Certificate>>();
    let arrival = Arrival {
        certificate,
        client,
        delivery,
        host: name,
        method,
        peer,
        port,
        request,
        secure,
        upgrade,
        vouched: false,
    };
    let raw = arrival.raw_target();
    // Methods tell cases apart (RFC 9110 9.1), and some platforms do not.
    let is_folded = method.bytes().any(|byte| byte.is_ascii_lowercase());
    if is_folded || matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return worker.method_never_served(&arrival, raw).await;
    }
    if host.is_none() {
        return worker.unaddressed(&arrival, raw).await;
    }
    if let Some(front) = check::front(raw) {
        return worker.check(front, &arrival, raw, payload).await;
    }
    if let Some(asked) = published::asked(raw) {
        return worker.publish(asked, &arrival).await;
    }
    if upgrade == Upgrade::Malformed {
        return worker.no_handshake(&arrival, raw).await;
    }
    match canonicalize(raw.as_bytes()) {
        Ok(target) => worker.lawful(&arrival, &target, payload, underway).await,
        Err(error) => worker.ambiguous(&arrival, raw, error, payload, underway).await,
    }
}

impl Worker {
    /// A target with one reading.
    async fn lawful(
        &self,
        arrival: &Arrival<'_>,
        target: &CanonicalTarget<'_>,
        payload: Payload,
        underway: Underway,
    ) -> HttpResponse {
        let gate = &self.plane.gate;
        let folded = target.folded();
        if let Some(call) = api::call(folded) {
            return self.api(call, arrival, payload).await;
        }
        let (route, allow) = match gate.routes().find(arrival.method, folded) {
            Found::Nothing => return answers::fault(StatusCode::NOT_FOUND, None),
            Found::MethodNotAllowed(route, allow) => (route, Some(allow)),
            Found::Route(route) if api::is_reserved(folded) && route.path.starts_with("/{*") => {
                return answers::fault(StatusCode::NOT_FOUND, None);
            }
            Found::Route(route) => (route, None),
        };
        if allow.is_none() && route.receives() {
            return self.receive(arrival, target, route, payload).await;
        }
        let snapshot = gate.pin();
        let mut body = Body::coming(payload);
        let meaning = match self.meaning(arrival, target, route, &mut body).await {
            Ok(meaning) => meaning,
            Err(answer) => return answer,
        };
        let told = match self.told(&snapshot, target, (route, allow), meaning) {
            Ok(told) => told,
            Err((route, refusal)) => {
                return self.refuse(arrival, route, refusal, target.path()).await;
            }
        };
        let Told { route, hit, is_judged } = told;
        let mut underway = underway;
        match self.hold_cart(arrival, target, route, is_judged).await {
            Ok(held) => underway.cart = held,
            Err(Busy) if is_judged => {
                let reason = "the session's cart is in use".to_owned();
                let refusal = Refusal::NotLookedUp { id: gate.new_id(), reason };
                return self.refuse(arrival, route, refusal, target.path()).await;
            }
            Err(Busy) => return answers::fault(StatusCode::SERVICE_UNAVAILABLE, None),
        }
        if !is_judged {
            // Nobody judged this target, so it goes as it came (`/c++`, `/thumbs/https://..`), unless a careless reading of
            // it is one that matters.
            let canonical = target.forward_target();
            let raw = arrival.raw_target();
            let as_it_came =
                *canonical != *raw && !self.matters(&snapshot, arrival.method, route, raw);
            if let Err(answer) = self.admit(route, arrival).await {
                return answer;
            }
            let to = if as_it_came { raw } else { &canonical };
            let permit = gate.pass(route, to, body.bytes());
            return self.forward(arrival, route, permit, body.payload, underway).await;
        }
        match self.judge(&snapshot, arrival, target, (route, &hit), &mut body).await {
            Ok(permit) if matches!(underway.cart, Some(Held::Alone(_))) => {
                self.check_out(arrival, (route, &hit), permit, body.payload, underway).await
            }
            Ok(permit) => self.forward(arrival, route, permit, body.payload, underway).await,
            Err(answer) => answer,
        }
    }

    /// Judges a request whose route is known, or answers it.
    pub(super) async fn judge(
        &self,
        snapshot: &Snapshot,
        arrival: &Arrival<'_>,
        target: &CanonicalTarget<'_>,
        (route, hit): (&Route, &Hit),
        body: &mut Body,
    ) -> Result<Permit, HttpResponse> {
        let received = arrival.request.headers();
        let principal = match self.identify(route, arrival).await {
            Ok(principal) => principal,
            Err(refusal) => return Err(self.refuse(arrival, route, refusal, target.path()).await),
        };
        let arrival = &Arrival { vouched: principal.is_some(), ..*arrival };
        let body = match &body.read {
            Some(read) => read.fits(route.body_use()).map(Some),
            None => self.read_body(route, received, &mut body.payload).await,
        };
        let body = match body {
            Ok(body) => body,
            Err(fault) => return Err(self.unreadable(arrival, route, fault, target.path()).await),
        };
        let looked_up = match self.look_up(arrival, target, route, hit, body.as_ref()).await {
            Ok(LookedUp::Answers(answers)) => answers,
            Ok(LookedUp::Unknown) => {
                return Ok(self.plane.gate.pass(route, &target.forward_target(), body));
            }
            Err(refusal) => {
                return Err(self.refuse(arrival, route, refusal, target.path()).await);
            }
        };
        let judged = Request {
            basis: arrival.client.basis,
            body: body.as_ref(),
            client: arrival.evidence(),
            delivery: arrival.delivery,
            headers: &Headers(received),
            host: arrival.host,
            looked_up: &looked_up,
            method: arrival.method,
            peer: arrival.peer,
            principal: principal.as_ref(),
            target,
        };
        let permit = self.plane.gate.judge(snapshot, route, &judged).await;
        permit.map_err(|refusal| self.answer_refusal(arrival, &refusal, &route.name))
    }

    /// The body, as far as the route reads it.
    async fn read_body(
        &self,
        route: &Route,
        headers: &HeaderMap,
        payload: &mut Payload,
    ) -> Result<Option<Bytes>, BodyFault> {
        let (limit, pause) = (self.plane.max_inspected_body, self.plane.body_timeout);
        match route.body_use() {
            BodyUse::BesideQuery => {
                inbound::form_beside_query(headers, payload, limit, pause).await
            }
            BodyUse::Document => {
                inbound::body(headers, payload, is_json_utf8, limit, pause).await.map(Some)
            }
            BodyUse::Form => {
                inbound::body(headers, payload, is_form_utf8, limit, pause).await.map(Some)
            }
            BodyUse::Unread => Ok(None),
        }
    }

    /// A target with several readings: refused wherever any of them matters, passed on as it came where none does.
    async fn ambiguous(
        &self,
        arrival: &Arrival<'_>,
        raw: &str,
        error: TargetError,
        payload: Payload,
        underway: Underway,
    ) -> HttpResponse {
        let gate = &self.plane.gate;
        let snapshot = gate.pin();
        let path = raw.split('?').next().unwrap_or(raw);
        let found = gate.routes().find(arrival.method, &path.to_lowercase());
        let (Found::Route(route) | Found::MethodNotAllowed(route, _)) = found else {
            return answers::fault(StatusCode::BAD_REQUEST, None);
        };
        if error.is_malformed()
            || route.is_judged()
            || self.matters(&snapshot, arrival.method, route, raw)
        {
            let reason = Malformed::Target(error.to_string());
            let refusal = Refusal::Malformed { id: gate.new_id(), reason };
            return self.refuse(arrival, route, refusal, path).await;
        }
        // What some reading takes for the gateway's own is no route's for everything.
        let reserved = || lenient_readings(raw.as_bytes()).any(api::is_reserved);
        if route.path.starts_with("/{*") && reserved() {
            return answers::fault(StatusCode::NOT_FOUND, None);
        }
        if let Err(answer) = self.admit(route, arrival).await {
            return answer;
        }
        let permit = gate.pass(route, raw, None);
        self.forward(arrival, route, permit, payload, underway).await
    }

    /// `CONNECT` and `TRACE`, which no route serves.
    async fn method_never_served(&self, arrival: &Arrival<'_>, raw: &str) -> HttpResponse {
        let Some(route) = self.judged_route(arrival.method, raw) else {
            let mut answer = answers::fault(StatusCode::METHOD_NOT_ALLOWED, None);
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(SERVED_METHODS));
            return answer;
        };
        let listed = route.methods.join(", ");
        let allow = if listed.is_empty() { SERVED_METHODS.to_owned() } else { listed };
        let refusal = Refusal::MethodNotAllowed { id: self.plane.gate.new_id(), allow };
        self.refuse(arrival, route, refusal, raw.split('?').next().unwrap_or(raw)).await
    }

    /// A request without the one `Host` that names where it goes (RFC 9112 3.2).
    async fn unaddressed(&self, arrival: &Arrival<'_>, raw: &str) -> HttpResponse {
        let Some(route) = self.judged_route(arrival.method, raw) else {
            return answers::fault(StatusCode::BAD_REQUEST, None);
        };
        let id = self.plane.gate.new_id();
        let refusal = Refusal::Malformed { id, reason: Malformed::Host };
        self.refuse(arrival, route, refusal, raw.split('?').next().unwrap_or(raw)).await
    }

    /// The route of a request that is refused before it is read, if that route or the target makes it a judged one.
    pub(super) fn judged_route(&self, method: &str, raw: &str) -> Option<&Route> {
        let gate = &self.plane.gate;
        let snapshot = gate.pin();
        let target = canonicalize(raw.as_bytes());
        let path = match &target {
            Ok(target) => Cow::Borrowed(target.folded()),
            Err(_) => Cow::Owned(raw.split('?').next().unwrap_or(raw).to_lowercase()),
        };
        let (Found::Route(route) | Found::MethodNotAllowed(route, _)) =
            gate.routes().find(method, &path)
        else {
            return None;
        };
        let query = raw.split_once('?').map(|(_, query)| query);
        let judged = gate.is_judged(&snapshot, route, &path)
            || gate.routes().is_entrance(route, method, &path, query);
        (judged || (target.is_err() && self.matters(&snapshot, method, route, raw)))
            .then_some(route)
    }

    fn matters(&self, snapshot: &Snapshot, method: &str, route: &Route, raw: &str) -> bool {
        let routes = self.plane.gate.routes();
        let signatures = snapshot.policies.signatures();
        let (path, query) =
            raw.split_once('?').map_or((raw, None), |(path, query)| (path, Some(query)));
        // Whatever its path is read as, its form could place an order, and is not looked at here.
        if routes.may_be_told_by_body(route, method, path, query) {
            return true;
        }
        lenient_readings(raw.as_bytes()).any(|reading| {
            signatures.is_in(reading)
                || routes.is_judged_path(reading)
                || routes.is_entrance(route, method, reading, query)
        })
    }

    pub(super) async fn unreadable(
        &self,
        arrival: &Arrival<'_>,
        route: &Route,
        fault: BodyFault,
        path: &str,
    ) -> HttpResponse {
        let id = self.plane.gate.new_id();
        let refusal = match fault {
            BodyFault::Coding => Refusal::Malformed { id, reason: Malformed::Coding },
            BodyFault::TooLarge => Refusal::TooLarge { id },
            BodyFault::Unsupported => Refusal::Unsupported { id },
            BodyFault::Broken => Refusal::Malformed { id, reason: Malformed::Body },
            BodyFault::Slow => Refusal::TooSlow { id },
        };
        self.refuse(arrival, route, refusal, path).await
    }

    pub(super) async fn refuse(
        &self,
        arrival: &Arrival<'_>,
        route: &Route,
        refusal: Refusal,
        path: &str,
    ) -> HttpResponse {
        let unread = Unread {
            basis: Some(arrival.client.basis),
            client: arrival.client.address,
            delivery: arrival.delivery,
            host: arrival.host,
            method: arrival.method,
            path,
            peer: arrival.peer,
            vouched: arrival.vouched,
        };
        let refusal = self.plane.gate.refuse(refusal, route, unread).await;
        self.answer_refusal(arrival, &refusal, &route.name)
    }

    pub(super) fn answer_refusal(
        &self,
        arrival: &Arrival<'_>,
        refusal: &Refusal,
        route: &str,
    ) -> HttpResponse {
        let notice_url = self.plane.notice_url.as_deref();
        let answer = answers::refusal(refusal, arrival.request.headers(), notice_url);
        arrival.delivery.noticed(answers::notice(&answer));
        let size = match actix_web::body::MessageBody::size(answer.body()) {
            actix_web::body::BodySize::Sized(size) => size,
            _ => 0,
        };
        self.plane.gate.metrics().answered(false, route, size);
        answer
    }

    async fn api(&self, call: api::Call, arrival: &Arrival<'_>, payload: Payload) -> HttpResponse {
        let near = self.is_api_client(arrival.client.address);
        let principal = match self.bearer(arrival).await {
            Ok(principal) => principal,
            Err(_) if !near => return answers::fault(StatusCode::NOT_FOUND, None),
            Err(TokenFault::NoKeys) => {
                return answers::fault(StatusCode::SERVICE_UNAVAILABLE, None);
            }
            Err(fault) => return answers::unauthenticated(Unauthenticated::Token(fault)),
        };
        let may = |permission| self.may(principal.as_ref(), permission);
        if !near && !may(Permission::Decide) {
            return answers::fault(StatusCode::NOT_FOUND, None);
        }
        let caller = Caller {
            as_of: may(Permission::AsOf),
            delivery: arrival.delivery,
            evidence: may(Permission::Evidence),
            principal: principal.as_ref(),
        };
        api::answer(&self.plane, call, caller, arrival.request, arrival.peer, payload).await
    }
}

impl<'a> Arrival<'a> {
    /// The client's address as evidence. A hop that is trusted is a proxy of the operator's, not a client.
    pub(super) fn evidence(&self) -> Option<IpAddr> {
        match self.client.basis {
            AddressBasis::OnlyTrusted => None,
            AddressBasis::Header | AddressBasis::Malformed | AddressBasis::Peer => {
                self.client.address
            }
        }
    }

    /// Path and query as received.
    fn raw_target(&self) -> &'a str {
        self.request.uri().path_and_query().map_or("/", |target| target.as_str())
    }
}
