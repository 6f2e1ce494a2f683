//! By which name the listener was asked for.
//!
//! A page of another site can make its own name lead to this address (DNS rebinding): to the browser it then is the same site, so that
//! neither the cookie's rules nor Fetch Metadata tell. The name tells: it is the attacker's. Addresses cannot be led anywhere.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::http::uri::Authority;

use super::Access;

impl Access {
    /// True if a request asks for the console by an address, as `localhost`, or by the name in `[admin] public_url`.
    pub(super) fn is_asked_for_by(&self, request: &HttpRequest) -> bool {
        let Some(host) = authority(request).and_then(|authority| host_of(&authority)) else {
            return false;
        };
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&host);
        bare.parse::<IpAddr>().is_ok()
            || host == "localhost"
            || self.name.as_ref().is_some_and(|name| *name == host)
    }
}

/// The host of an authority, in small letters; none of one with a user in it.
fn host_of(authority: &str) -> Option<String> {
    let parsed: Authority = authority.parse().ok()?;
    let plain = !authority.contains('@') && !parsed.host().is_empty();
    plain.then(|| parsed.host().to_ascii_lowercase())
}

/// The host that a URL names.
pub(super) fn host_of_url(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    host_of(rest.split(['/', '?', '#']).next()?)
}

/// Whom a request is for: one `Host`, or the target's own, or both if they agree (RFC 9112 3.2).
pub(super) fn authority(request: &HttpRequest) -> Option<String> {
    let mut named = request.headers().get_all(header::HOST);
    let by_header = match (named.next(), named.next()) {
        (None, _) => None,
        (Some(host), None) => Some(host.to_str().ok()?),
        (Some(_), Some(_)) => return None,
    };
    let by_target = request.uri().authority().map(Authority::as_str);
    match (by_target, by_header) {
        (Some(target), Some(header)) if !target.eq_ignore_ascii_case(header) => None,
        (target, header) => target.or(header).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_authority_is_told_without_port_and_user() {
        for (text, host) in [
            ("console.example", Some("console.example")),
            ("Console.Example:9090", Some("console.example")),
            ("127.0.0.1:9090", Some("127.0.0.1")),
            ("[::1]:9090", Some("[::1]")),
            ("127.0.0.1@evil.example", None),
            ("", None),
            ("a b", None),
        ] {
            assert_eq!(host_of(text).as_deref(), host, "{text}");
        }
        assert_eq!(host_of_url("https://Console.example/x").as_deref(), Some("console.example"));
    }
}
