//! Who calls, as handlers see it.

use std::future::Ready;
use std::future::ready;

use actix_web::FromRequest;
use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;

use crate::admin::api::Problem;
use crate::model::Actor;
use crate::model::Role;

/// Whoever was let in. Only the guard makes one.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Caller {
    /// For the record.
    pub(in crate::admin) actor: Actor,
    /// What the session's requests that change something must bring back; empty for bearers, who need none.
    pub(in crate::admin) csrf: String,
    /// What the person is called.
    pub(in crate::admin) name: String,
}

impl Caller {
    /// True if the person has that role.
    pub(in crate::admin) const fn has(&self, role: Role) -> bool {
        self.actor.roles.contains(role)
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Self>().cloned();
        // Only where a route that is for anyone asks who calls.
        ready(caller.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "sign in first")))
    }
}
