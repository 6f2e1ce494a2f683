//! Who sends a request: the bearer of a token (RFC 6750, RFC 9110 11.6.2), of a verified client certificate, or nobody that is
//! known.
//!
//! A bad token is refused whatever stands beside it.

use std::sync::Arc;

use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;

use crate::enforcement::Principal;
use crate::enforcement::Refusal;
use crate::enforcement::Unauthenticated;
use crate::identity::TokenFault;
use crate::settings::IdentityUse;
use crate::settings::Permission;
use crate::settings::Route;

use super::answers;
use super::handler::Arrival;
use super::plane::Worker;

/// What `Authorization` holds.
#[derive(Debug, Eq, PartialEq)]
enum Credentials<'a> {
    /// Nothing that is a bearer's.
    Absent,
    /// A token, or what stands where one should.
    Bearer(&'a str),
    /// More than one field, or one that cannot be read.
    Several,
}

impl Worker {
    /// The principal of a request, as its route wants it.
    ///
    /// # Errors
    /// The refusal: 401, or 503 where no keys are known yet.
    pub(super) async fn identify(
        &self,
        route: &Route,
        arrival: &Arrival<'_>,
    ) -> Result<Option<Principal>, Refusal> {
        if route.identity == IdentityUse::None {
            return Ok(None);
        }
        let refused = |reason| Refusal::Unauthenticated { id: self.plane.gate.new_id(), reason };
        match self.principal(arrival).await {
            Ok(None) if route.identity == IdentityUse::Required => {
                Err(refused(Unauthenticated::Absent))
            }
            Ok(principal) => Ok(principal),
            Err(TokenFault::NoKeys) => Err(Refusal::Unavailable { id: self.plane.gate.new_id() }),
            Err(fault) => Err(refused(Unauthenticated::Token(fault))),
        }
    }

    /// Keeps a route that does not judge to its `identity = "required"`; neither token nor certificate could
    /// change anything else there.
    pub(super) async fn admit(
        &self,
        route: &Route,
        arrival: &Arrival<'_>,
    ) -> Result<(), HttpResponse> {
        if route.identity != IdentityUse::Required {
            return Ok(());
        }
        match self.principal(arrival).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(answers::unauthenticated(Unauthenticated::Absent)),
            Err(TokenFault::NoKeys) => Err(answers::fault(StatusCode::SERVICE_UNAVAILABLE, None)),
            Err(fault) => Err(answers::unauthenticated(Unauthenticated::Token(fault))),
        }
    }

    /// True if a bearer has a permission on the decision API.
    pub(super) fn may(&self, principal: Option<&Principal>, permission: Permission) -> bool {
        let subject = principal.and_then(|principal| principal.token.as_ref());
        let subject = subject.and_then(|token| token.subject.as_deref());
        let (Some(subject), Some(identity)) = (subject, &self.plane.identity) else { return false };
        let mut granted = identity.permissions.iter().filter(|(name, _)| name == subject);
        granted.any(|(_, permissions)| permissions.contains(&permission))
    }

    /// The bearer of a request's token, of its connection's certificate, or of both.
    async fn principal(&self, arrival: &Arrival<'_>) -> Result<Option<Principal>, TokenFault> {
        let bearer = self.bearer(arrival).await?;
        // A connection may outlive the certificate that it began with.
        let now = self.plane.gate.now().as_second();
        let certificate = arrival.certificate.filter(|certificate| now <= certificate.ends);
        let Some(certificate) = certificate else { return Ok(bearer) };
        let certificate = Some(Arc::clone(certificate));
        Ok(Some(match bearer {
            Some(bearer) => Principal { certificate, ..bearer },
            None => Principal { certificate, claims: Arc::new([]), token: None },
        }))
    }

    /// The bearer of a request's token; none without a token or without `[identity]`.
    pub(super) async fn bearer(
        &self,
        arrival: &Arrival<'_>,
    ) -> Result<Option<Principal>, TokenFault> {
        let Some(identity) = &self.plane.identity else { return Ok(None) };
        let values = arrival.request.headers().get_all(header::AUTHORIZATION);
        let metrics = self.plane.gate.metrics();
        let token = match credentials(values.map(header::HeaderValue::as_bytes)) {
            Credentials::Absent => return Ok(None),
            Credentials::Bearer(token) => token,
            Credentials::Several => {
                metrics.token_checked(TokenFault::Several.as_str());
                return Err(TokenFault::Several);
            }
        };
        let checked = identity.verifier.verify(token, self.plane.gate.now()).await;
        metrics.token_checked(checked.as_ref().map_or_else(|fault| fault.as_str(), |_| "valid"));
        let claims = Arc::clone(&identity.claims);
        checked.map(|token| Some(Principal { certificate: None, claims, token: Some(token) }))
    }
}

fn credentials<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Credentials<'a> {
    let Some(value) = values.next() else { return Credentials::Absent };
    if values.next().is_some() {
        return Credentials::Several;
    }
    let Ok(text) = std::str::from_utf8(value) else { return Credentials::Several };
    let (scheme, rest) = match text.find(|c: char| !c.is_ascii_alphanumeric()) {
        Some(end) => text.split_at(end),
        None => (text, ""),
    };
    // The scheme is a token of its own (RFC 9110 5.6.2): `Bearer-x` is another.
    let ends = rest.is_empty() || rest.starts_with([' ', '\t', ',', ';', '=']);
    if !scheme.eq_ignore_ascii_case("bearer") || !ends {
        return Credentials::Absent;
    }
    Credentials::Bearer(rest.trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_is_looked_at_and_none_hides_behind_another() {
        let read = |values: &[&'static str]| {
            let values: Vec<&'static [u8]> = values.iter().map(|v| v.as_bytes()).collect();
            credentials(values.into_iter())
        };
        assert_eq!(read(&[]), Credentials::Absent);
        assert_eq!(read(&["Basic YTpi"]), Credentials::Absent);
        assert_eq!(read(&["bEaReR a.b.c"]), Credentials::Bearer("a.b.c"));
        assert_eq!(read(&["Bearer"]), Credentials::Bearer(""));
        assert_eq!(read(&["Bearer\ta.b.c"]), Credentials::Bearer("\ta.b.c"));
        assert_eq!(read(&["Bearer a.b.c, Basic x"]), Credentials::Bearer("a.b.c, Basic x"));
        assert_eq!(read(&["Basic YTpi", "Bearer a.b.c"]), Credentials::Several);
    }
}
