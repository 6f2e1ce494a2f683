//! Where routes are declared: address, who may, and what answers, in one line each.
//!
//! INVARIANT: a route is registered by [`Mount`] alone, with its guard around it. What the table says is what is enforced, for it is
//! made of the same declarations.

use actix_web::FromRequest;
use actix_web::Handler;
use actix_web::Responder;
use actix_web::dev::ServiceRequest;
use actix_web::guard::Any;
use actix_web::guard::Get;
use actix_web::guard::Head;
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::middleware::from_fn;
use actix_web::web;
use actix_web::web::ServiceConfig;

use crate::model::Roles;

use super::access::guard;

/// Who may use a route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Who {
    /// Everyone who reaches the listener.
    Anyone,
    /// Whoever has one of these roles.
    With(Roles),
}

/// A route of the control plane.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The method; `GET` stands for `HEAD` as well.
    pub method: Method,
    /// The address, with `{name}` for a part that varies.
    pub path: &'static str,
    /// Who may.
    pub who: Who,
}

/// Takes the declarations of routes.
pub(super) struct Mount<'a> {
    config: Option<&'a mut ServiceConfig>,
    table: Vec<Entry>,
}

impl<'a> Mount<'a> {
    /// Registers what is declared.
    pub(super) fn on(config: &'a mut ServiceConfig) -> Self {
        Self { config: Some(config), table: Vec::new() }
    }

    /// Registers nothing: for the table.
    pub(super) const fn dry() -> Self {
        Self { config: None, table: Vec::new() }
    }

    /// What was declared.
    pub(super) fn into_table(self) -> Vec<Entry> {
        self.table
    }

    /// Something to read.
    pub(super) fn get<F, A>(&mut self, path: &'static str, who: Who, handler: F) -> &mut Self
    where
        A: FromRequest + 'static,
        F: Handler<A>,
        F::Output: Responder + 'static,
    {
        self.add(Method::GET, path, who, handler)
    }

    /// Something to make or to have done.
    pub(super) fn post<F, A>(&mut self, path: &'static str, who: Who, handler: F) -> &mut Self
    where
        A: FromRequest + 'static,
        F: Handler<A>,
        F::Output: Responder + 'static,
    {
        self.add(Method::POST, path, who, handler)
    }

    /// Something to replace whole.
    pub(super) fn put<F, A>(&mut self, path: &'static str, who: Who, handler: F) -> &mut Self
    where
        A: FromRequest + 'static,
        F: Handler<A>,
        F::Output: Responder + 'static,
    {
        self.add(Method::PUT, path, who, handler)
    }

    /// Something to take away.
    pub(super) fn delete<F, A>(&mut self, path: &'static str, who: Who, handler: F) -> &mut Self
    where
        A: FromRequest + 'static,
        F: Handler<A>,
        F::Output: Responder + 'static,
    {
        self.add(Method::DELETE, path, who, handler)
    }

    fn add<F, A>(&mut self, method: Method, path: &'static str, who: Who, handler: F) -> &mut Self
    where
        A: FromRequest + 'static,
        F: Handler<A>,
        F::Output: Responder + 'static,
    {
        if let Some(config) = &mut self.config {
            let route = match method {
                Method::GET => web::route().guard(Any(Get()).or(Head())),
                _ => web::method(method.clone()),
            };
            let guarded = move |request: ServiceRequest, next: Next<_>| guard(who, request, next);
            config.route(&narrow(path), route.to(handler).wrap(from_fn(guarded)));
        }
        self.table.push(Entry { method, path, who });
        self
    }
}

/// The version of a policy is a number: what is none is another address, such as `/policies/bundles`.
const VERSION: (&str, &str) = ("/policies/{version}", r"/policies/{version:\d+}");

/// A declared address as it is matched.
fn narrow(path: &str) -> String {
    path.replace(VERSION.0, VERSION.1)
}

/// An address that was matched as it was declared.
pub(super) fn declared(pattern: &str) -> String {
    pattern.replace(VERSION.1, VERSION.0)
}
