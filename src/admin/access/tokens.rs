//! Bearer tokens: whose are believed, and which roles they give.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header;
use jiff::Timestamp;

use crate::identity::Token;
use crate::identity::TokenFault;
use crate::identity::Verifier;
use crate::message::pointer;
use crate::model::Actor;
use crate::model::Roles;
use crate::model::StrictValue;
use crate::model::Via;
use crate::settings::RolesOfTokens;

/// Longer subjects name nobody, in bytes: providers give at most 255 characters of ASCII.
const LONGEST_SUBJECT: usize = 255;

/// Whose tokens are believed, in the order in which they are asked.
#[derive(Clone, Debug, Default)]
pub struct Tokens(pub Vec<Trusted>);

/// An issuer whose tokens are believed.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// Which roles a token gives.
    pub roles: RolesOfTokens,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
}

/// Why a bearer is nobody.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::admin) enum BearerFault {
    /// No token, two, or one that is not believed.
    Invalid,
    /// There are no keys to check it with now.
    NoKeys,
}

impl Tokens {
    /// Whom a request's token names; none where it brings no `Authorization` at all.
    pub(in crate::admin) async fn bearer(
        &self,
        request: &HttpRequest,
        now: Timestamp,
    ) -> Result<Option<Actor>, BearerFault> {
        let mut given = request.headers().get_all(header::AUTHORIZATION);
        let value = match (given.next(), given.next()) {
            (None, _) => return Ok(None),
            (Some(value), None) => value.to_str().map_err(|_| BearerFault::Invalid)?,
            (Some(_), Some(_)) => return Err(BearerFault::Invalid),
        };
        let (scheme, token) = value.split_once(' ').ok_or(BearerFault::Invalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(BearerFault::Invalid);
        }
        let mut fault = BearerFault::Invalid;
        for trusted in &self.0 {
            match trusted.verifier.verify(token.trim(), now).await {
                Ok(token) => return trusted.actor(&token).map(Some).ok_or(BearerFault::Invalid),
                Err(TokenFault::NoKeys) => fault = BearerFault::NoKeys,
                Err(_) => {}
            }
        }
        Err(fault)
    }
}

impl Trusted {
    /// Whom a genuine token names, with the roles it gives; one without a subject names nobody.
    fn actor(&self, token: &Token) -> Option<Actor> {
        let subject = token.subject.as_deref().filter(|subject| is_name(subject))?;
        let claimed = self.roles.claim.as_ref().and_then(|at| pointer::first(at, &token.payload));
        let mut texts: Vec<&str> = Vec::new();
        match claimed {
            // One that is no text makes the whole claim something that is not understood.
            Some(StrictValue::Array(values)) => {
                let all: Option<Vec<_>> = values.iter().map(StrictValue::as_str).collect();
                texts = all.unwrap_or_default();
            }
            Some(StrictValue::String(text)) => texts.extend(text.split_ascii_whitespace()),
            _ => {}
        }
        let mut roles = Roles::NONE;
        for text in texts {
            roles = roles.union(self.roles.of_value(text));
        }
        roles = roles.union(self.roles.of_subject(subject));
        Some(Actor { id: format!("token:{subject}"), roles, via: Via::Token })
    }
}

/// A subject that can stand in a record and on a page as somebody's name, and as nobody else's.
fn is_name(subject: &str) -> bool {
    let sound = !subject.is_empty() && subject.len() <= LONGEST_SUBJECT;
    sound && subject.trim() == subject && !subject.chars().any(char::is_control)
}
