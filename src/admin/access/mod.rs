//! Who uses the control plane: sessions of local operators, bearer tokens of an identity provider, and what each may do.
//!
//! A browser signs in with name and password and gets a cookie that scripts cannot read; whatever changes something must bring the
//! session's own token back as well, in a header that no other site can set (CSRF). A program brings a bearer token (RFC 6750), which
//! is checked against a JWK Set.
//!
//! **What it must never do.** Take an identity from anything but a session or a checked token; let a request through that no route
//! declared; tell whether an account exists.

mod caller;
mod cookie;
mod guard;
mod host;
mod inflow;
mod sign_in;
mod tokens;
mod who;

use std::time::Duration;

use jiff::Timestamp;

use crate::message::AddressFamily;
use crate::message::ClientAddressRule;
use crate::operators::Lifetimes;
use crate::operators::Operators;
use crate::operators::Sessions;
use crate::operators::Throttle;
use crate::settings::Admin;

pub(super) use caller::Caller;
pub(super) use guard::guard;
pub(super) use sign_in::Refused;
pub(super) use sign_in::sign_in;
pub(super) use sign_in::sign_out;
pub use tokens::Tokens;
pub use tokens::Trusted;
pub(super) use who::*;

/// Everything that tells who somebody is.
#[derive(Clone, Debug)]
pub struct Access {
    /// Local accounts.
    pub operators: Operators,
    /// Who is signed in.
    pub sessions: Sessions,
    /// How many sign-ins may be tried.
    pub throttle: Throttle,
    /// Whose tokens are believed.
    pub tokens: Tokens,
    /// The host of `[admin] public_url`.
    name: Option<String>,
    /// Tells whose address stands behind a proxy's.
    proxies: ClientAddressRule,
    /// Cookies go over TLS alone.
    secure: bool,
    /// Passwords may come from other machines: there is TLS before or in front, or the operator named the address.
    from_afar: bool,
}

impl Access {
    /// As configured.
    pub fn new(settings: &Admin, operators: Operators, tokens: Tokens) -> Self {
        let lifetimes = Lifetimes { idle: settings.session_idle, whole: settings.session_lifetime };
        let public = settings.public_url.as_deref();
        let tls = settings.tls.is_some();
        let family = match settings.trusted_proxies.is_empty() {
            true => AddressFamily::Peer,
            false => AddressFamily::XForwardedFor,
        };
        Self {
            name: public.and_then(host::host_of_url),
            proxies: ClientAddressRule::new(family, settings.trusted_proxies.clone()),
            operators,
            sessions: Sessions::new(lifetimes),
            throttle: Throttle::default(),
            tokens,
            secure: tls || public.is_some_and(|url| url.starts_with("https://")),
            from_afar: tls || public.is_some(),
        }
    }
}

/// Time until then, never less than nothing.
fn until(end: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(now)).unwrap_or_default()
}
