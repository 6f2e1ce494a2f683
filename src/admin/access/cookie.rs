//! The cookie of a session (RFC 6265bis): not for scripts, not for other sites, for this host alone.

use actix_web::HttpRequest;
use actix_web::http::header;

use super::Access;

/// Where cookies go over TLS: browsers take it from this very host alone.
const HOST: &str = "__Host-interdict";
/// Where they do not.
const PLAIN: &str = "interdict";

impl Access {
    const fn cookie_name(&self) -> &'static str {
        if self.secure { HOST } else { PLAIN }
    }

    /// `Set-Cookie` of a session.
    pub(in crate::admin) fn set_cookie(&self, token: &str, seconds: u64) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        let name = self.cookie_name();
        format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }

    /// `Set-Cookie` that ends it.
    pub(in crate::admin) fn clear_cookie(&self) -> String {
        self.set_cookie("", 0)
    }

    /// The session's token that a request carries; none if it carries two.
    pub(in crate::admin) fn token_of(&self, request: &HttpRequest) -> Option<String> {
        let lines = request.headers().get_all(header::COOKIE);
        let pairs = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
        let named = pairs.filter_map(|pair| pair.trim().split_once('='));
        let mut ours = named.filter(|(name, _)| *name == self.cookie_name());
        match (ours.next(), ours.next()) {
            (Some((_, token)), None) if !token.is_empty() => Some(token.to_owned()),
            _ => None,
        }
    }
}
