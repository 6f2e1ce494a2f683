//! `[[upstream]]`: the servers behind the gateway.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// One `[[upstream]]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Upstream {
    /// Longest wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// Active checks; none: only failures of requests count.
    pub health: Option<Health>,
    /// `Host` that goes upstream in place of the client's.
    pub host: Option<String>,
    /// Longest pause inside a body, in either direction, and the life of an unused connection.
    pub idle_timeout: Duration,
    /// Unused connections kept per worker and server.
    pub keep_alive: usize,
    /// The name routes refer to.
    pub name: String,
    /// Longest wait for the head of an answer.
    pub response_timeout: Duration,
    /// At least one, none twice.
    pub servers: Vec<Server>,
    /// For `https` servers.
    pub tls: UpstreamTls,
}

/// One server.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Server {
    /// Name or address; an IPv6 address without brackets.
    pub host: String,
    /// 80 or 443 unless written.
    pub port: u16,
    /// Plain or TLS.
    pub scheme: Scheme,
}

/// How to speak to a server.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(missing_docs, reason = "each is the URL scheme")]
pub enum Scheme {
    Http,
    Https,
}

/// A text that is no server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ServerError {
    /// No host, or an unreadable one.
    #[error("the host is missing or unreadable")]
    Host,
    /// A path, query or fragment.
    #[error("a server has no path: requests keep their own")]
    Path,
    /// A port that is none.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// Neither `http://` nor `https://`.
    #[error("a server begins with `http://` or `https://`")]
    Scheme,
    /// A user name or password.
    #[error("a server has no user or password")]
    UserInfo,
}

/// TLS towards servers. Certificates and host names are always checked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UpstreamTls {
    /// Authorities (PEM); none: the system's.
    pub ca: Option<PathBuf>,
    /// The gateway's own certificate and key (PEM).
    pub client: Option<(PathBuf, PathBuf)>,
    /// Name to ask for and to check, in place of the server's host.
    pub server_name: Option<String>,
}

/// Active health checks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Health {
    /// Successes in a row that bring a server back.
    pub healthy: u32,
    /// Pause between two checks.
    pub interval: Duration,
    /// Path and query of the check; any 2xx or 3xx is a success.
    pub path: String,
    /// Longest wait for its answer.
    pub timeout: Duration,
    /// Failures in a row that take a server out.
    pub unhealthy: u32,
}

impl Upstream {
    /// Longest wait for a connection.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
    /// Longest pause inside a body.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
    /// Unused connections kept per worker and server.
    pub const KEEP_ALIVE: usize = 64;
    /// Longest wait for an answer's head: a shop may take its time over an order.
    pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

    /// An upstream of one server, everything else by default.
    pub fn new(name: impl Into<String>, server: Server) -> Self {
        Self {
            connect_timeout: Self::CONNECT_TIMEOUT,
            health: None,
            host: None,
            idle_timeout: Self::IDLE_TIMEOUT,
            keep_alive: Self::KEEP_ALIVE,
            name: name.into(),
            response_timeout: Self::RESPONSE_TIMEOUT,
            servers: vec![server],
            tls: UpstreamTls::default(),
        }
    }
}

impl Health {
    /// Successes in a row that bring a server back.
    pub const HEALTHY: u32 = 2;
    /// Pause between two checks.
    pub const INTERVAL: Duration = Duration::from_secs(5);
    /// Longest wait for an answer.
    pub const TIMEOUT: Duration = Duration::from_secs(2);
    /// Failures in a row that take a server out.
    pub const UNHEALTHY: u32 = 3;
}

impl Server {
    /// Reads `http://host`, `https://host:port`; one trailing slash is no path.
    ///
    /// # Errors
    /// When the text has another scheme, a path, a user, or no readable host or port.
    pub fn parse(text: &str) -> Result<Self, ServerError> {
        let (scheme, rest) = text.split_once("://").ok_or(ServerError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(ServerError::Scheme),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(ServerError::Path);
        }
        if authority.contains('@') {
            return Err(ServerError::UserInfo);
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']').ok_or(ServerError::Host)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| ServerError::Host)?;
                let port = match port.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if port.is_empty() => None,
                    None => return Err(ServerError::Host),
                };
                (host, port)
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (name(host)?, Some(port)),
                None => (name(authority)?, None),
            },
        };
        let port = match port {
            None => scheme.default_port(),
            Some(text) => number(text).ok_or(ServerError::Port)?,
        };
        Ok(Self { host: host.to_ascii_lowercase(), port, scheme })
    }

    /// `host:port` as it stands in a `Host` header, brackets around IPv6, without the scheme's own port.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl Scheme {
    /// 80 or 443.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// As it stands in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

fn name(host: &str) -> Result<&str, ServerError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if !host.is_empty() && host.chars().all(fits) { Ok(host) } else { Err(ServerError::Host) }
}

fn number(text: &str) -> Option<u16> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_scheme_host_and_port() {
        for (text, shown) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("https://Shop.Example", "https://shop.example"),
            ("https://shop.example:443/", "https://shop.example"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[::1]", "http://[::1]"),
        ] {
            assert_eq!(Server::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_a_server_is_refused() {
        for (text, error) in [
            ("127.0.0.1:9000", ServerError::Scheme),
            ("ftp://a", ServerError::Scheme),
            ("http://a/shop", ServerError::Path),
            ("http://a?x", ServerError::Path),
            ("http://u:p@a", ServerError::UserInfo),
            ("http://", ServerError::Host),
            ("http://:80", ServerError::Host),
            ("http://::1", ServerError::Host),
            ("http://[::1", ServerError::Host),
            ("http://[::1]80", ServerError::Host),
            ("http://a b", ServerError::Host),
            ("http://a:", ServerError::Port),
            ("http://a:0", ServerError::Port),
            ("http://a:+80", ServerError::Port),
            ("http://a:70000", ServerError::Port),
        ] {
            assert_eq!(Server::parse(text), Err(error), "{text}");
        }
    }
}
