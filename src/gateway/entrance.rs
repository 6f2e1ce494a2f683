//! What a request means where presets know its upstream: as much of it is read as that takes, and what was read is what is
//! judged and forwarded.

use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::dev::Payload;
use bytes::Bytes;

use crate::enforcement::Asking;
use crate::enforcement::Hit;
use crate::enforcement::Malformed;
use crate::enforcement::Meaning;
use crate::enforcement::Refusal;
use crate::enforcement::Snapshot;
use crate::enforcement::Wants;
use crate::message::CanonicalTarget;
use crate::message::Form;
use crate::message::Multipart;
use crate::message::is_json_utf8;
use crate::model::json_from_slice;
use crate::settings::BodyUse;
use crate::settings::Route;

use super::handler::Arrival;
use super::inbound;
use super::inbound::BodyFault;
use super::plane::Worker;

/// A request's body: still to come, or read to see what the request means.
pub(super) struct Body {
    pub(super) payload: Payload,
    pub(super) read: Option<Read>,
}

/// A body that was read, and as what.
pub(super) struct Read {
    pub(super) body: Bytes,
    is_form: bool,
}

/// What a request is judged as, or that it is not.
pub(super) struct Told<'a> {
    pub(super) hit: Hit,
    pub(super) is_judged: bool,
    pub(super) route: &'a Route,
}

impl Body {
    /// A body that is still to come.
    pub(super) const fn coming(payload: Payload) -> Self {
        Self { payload, read: None }
    }

    /// The bytes, where they were read.
    pub(super) fn bytes(&self) -> Option<Bytes> {
        self.read.as_ref().map(|read| read.body.clone())
    }
}

impl Read {
    /// The bytes, if they are of the kind that is to be judged.
    pub(super) fn fits(&self, wanted: BodyUse) -> Result<Bytes, BodyFault> {
        let fits = match wanted {
            BodyUse::Document => !self.is_form,
            BodyUse::Form => self.is_form,
            BodyUse::BesideQuery | BodyUse::Unread => true,
        };
        if fits { Ok(self.body.clone()) } else { Err(BodyFault::Unsupported) }
    }
}

impl Worker {
    /// What the request is judged as; `allow` lists the methods of a judged path that does not have this one.
    ///
    /// # Errors
    /// The refusal, and the route it is recorded under.
    pub(super) fn told<'a>(
        &self,
        snapshot: &Snapshot,
        target: &CanonicalTarget<'_>,
        (route, allow): (&'a Route, Option<String>),
        meaning: Meaning<'a>,
    ) -> Result<Told<'a>, (&'a Route, Refusal)> {
        let gate = &self.plane.gate;
        let folded = target.folded();
        let own = |is_judged| Told { hit: Hit::default(), is_judged, route };
        match (meaning, allow) {
            (Meaning::Entrance(route, hit), _) => Ok(Told { hit, is_judged: true, route }),
            (Meaning::Unreadable(route), _) => {
                Err((route, Refusal::UnsupportedEntrance { id: gate.new_id() }))
            }
            (Meaning::Passed | Meaning::Route, Some(allow)) => {
                Err((route, Refusal::MethodNotAllowed { id: gate.new_id(), allow }))
            }
            (Meaning::Passed, None) => Ok(own(gate.bears_signature(snapshot, folded))),
            (Meaning::Route, None) => Ok(own(gate.is_judged(snapshot, route, folded))),
        }
    }

    /// True if a body must be read before it can be told what the request means.
    pub(super) fn wants_body(
        &self,
        arrival: &Arrival<'_>,
        target: &CanonicalTarget<'_>,
        route: &Route,
    ) -> bool {
        self.plane.gate.routes().wants(route, &asking(arrival, target)) != Wants::Nothing
    }

    /// What the request means, or the answer where that cannot be told.
    pub(super) async fn meaning<'a>(
        &'a self,
        arrival: &Arrival<'_>,
        target: &CanonicalTarget<'_>,
        route: &'a Route,
        body: &mut Body,
    ) -> Result<Meaning<'a>, HttpResponse> {
        let routes = self.plane.gate.routes();
        let asking = asking(arrival, target);
        let headers = arrival.request.headers();
        let (limit, pause) = (self.plane.max_inspected_body, self.plane.body_timeout);
        let payload = &mut body.payload;
        let read = match routes.wants(route, &asking) {
            Wants::Nothing => return Ok(routes.meaning(route, &asking)),
            Wants::Document => inbound::body(headers, payload, is_json_utf8, limit, pause)
                .await
                .map(|body| Some(Read { body, is_form: false })),
            Wants::Form => inbound::form(headers, payload, limit, pause)
                .await
                .map(|form| form.map(|body| Read { body, is_form: true })),
        };
        let read = match read {
            Ok(Some(read)) => body.read.insert(read),
            Ok(None) => return Ok(routes.meaning(route, &asking)),
            Err(fault) => return Err(self.unreadable(arrival, route, fault, target.path()).await),
        };
        let reason = if read.is_form {
            let kind = inbound::single(headers, actix_web::http::header::CONTENT_TYPE);
            match read_form(kind.ok().flatten().unwrap_or_default(), &read.body) {
                Ok(form) => {
                    return Ok(routes.meaning(route, &Asking { form: Some(&form), ..asking }));
                }
                Err(reason) => reason,
            }
        } else {
            match json_from_slice(&read.body) {
                Ok(document) => {
                    let document = Some(&document);
                    return Ok(routes.meaning(route, &Asking { document, ..asking }));
                }
                Err(error) => Malformed::Json(error.to_string()),
            }
        };
        let refusal = Refusal::Malformed { id: self.plane.gate.new_id(), reason };
        Err(self.refuse(arrival, route, refusal, target.path()).await)
    }
}

fn asking<'a>(arrival: &Arrival<'a>, target: &'a CanonicalTarget<'_>) -> Asking<'a> {
    Asking {
        document: None,
        folded: target.folded(),
        form: None,
        method: arrival.method,
        path: target.path(),
        query: target.query(),
    }
}

fn read_form<'a>(kind: &str, body: &'a [u8]) -> Result<Form<'a>, Malformed> {
    let fault = |error: &dyn std::fmt::Display| Malformed::Field(error.to_string().into());
    if let Some(boundary) = Multipart::boundary(kind) {
        return Multipart::form(&boundary, body).map_err(|error| fault(&error));
    }
    if kind
        .trim_start()
        .get(.."multipart/".len())
        .is_some_and(|t| t.eq_ignore_ascii_case("multipart/"))
    {
        return Err(fault(&"a form in several parts without a plain boundary"));
    }
    // Forms of other encodings pass where they are no order; where they are one, they are read strictly.
    Form::parse_lossy(body).map_err(|error| fault(&error))
}
