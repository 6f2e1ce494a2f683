//! What an operator says about one upstream, checked once so that nothing below has to check it again.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// One upstream: a name and the servers that are interchangeable under it.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// The name routes use; also the label of its metrics.
    pub name: String,
    /// The interchangeable servers, at least one.
    pub servers: Vec<ServerAddress>,
    /// What to send as `Host` in place of the client's; it is also the name asked for by SNI.
    pub host: Option<String>,
    /// How servers with an `https` address are verified.
    pub tls: TlsSettings,
    /// The limit of each wait.
    pub timeouts: Timeouts,
    /// When a server is left out, and when it returns.
    pub health: HealthSettings,
    /// How many connections are kept, and how long.
    pub connections: ConnectionLimits,
}

impl UpstreamSettings {
    /// An upstream with one name, these servers and the defaults for the rest.
    #[must_use]
    pub fn new(name: impl Into<String>, servers: Vec<ServerAddress>) -> Self {
        Self {
            name: name.into(),
            servers,
            host: None,
            tls: TlsSettings::default(),
            timeouts: Timeouts::default(),
            health: HealthSettings::default(),
            connections: ConnectionLimits::default(),
        }
    }
}

/// Where a server listens: `http://host[:port]` or `https://host[:port]`, without a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl ServerAddress {
    /// What goes into `Host` when neither the client nor the settings name one (RFC 9110, section 7.2).
    #[must_use]
    pub fn authority(&self) -> String {
        let default = if self.tls { 443 } else { 80 };
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(formatter, "{scheme}://{}", self.authority())
    }
}

impl FromStr for ServerAddress {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |what| SettingsError::Address { text: text.to_owned(), what };
        let uri: http::Uri = text.parse().map_err(|_| wrong("is not a URL"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong("must begin with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("must not hold a user name"));
        }
        if uri.path_and_query().is_some_and(|rest| !matches!(rest.as_str(), "" | "/")) {
            return Err(wrong("must not have a path"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        let port = match (authority.port(), tls) {
            (Some(port), _) => port.as_u16(),
            (None, true) => 443,
            (None, false) => 80,
        };
        Ok(Self { tls, host, port })
    }
}

/// TLS to the servers. The certificate's name is always checked; there is no switch.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Trust only the authorities in this PEM file; without it, those of the operating system.
    pub authorities: Option<PathBuf>,
    /// The certificate chain and key (PEM files) to show a server that asks for one.
    pub client_identity: Option<(PathBuf, PathBuf)>,
    /// The name to ask for and verify; without it the upstream's `host`, else the server's own.
    pub server_name: Option<String>,
}

/// The limit of each wait; none can be switched off.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Look-up of the name, TCP and TLS handshake together.
    pub connect: Duration,
    /// A write during which the server takes no byte.
    pub write: Duration,
    /// The client's own body: the time to its next piece.
    pub client_body: Duration,
    /// From the last byte sent to the whole head of the final answer.
    pub head: Duration,
    /// The time to the next piece of the answer's body.
    pub body: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            write: Duration::from_secs(30),
            client_body: Duration::from_secs(30),
            head: Duration::from_secs(60),
            body: Duration::from_secs(60),
        }
    }
}

/// When a server is left out of the choice.
#[derive(Debug, Clone)]
pub struct HealthSettings {
    /// Ask each server regularly; without it only the traffic itself tells (passive).
    pub active: Option<ActiveCheck>,
    /// Failures in a row, seen by traffic, after which a server is left out; 0 never.
    pub ejection_failures: u32,
    /// How long a server that was left out by traffic stays out.
    pub ejection_time: Duration,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self { active: None, ejection_failures: 3, ejection_time: Duration::from_secs(10) }
    }
}

/// A regular question to each server; an answer of 2xx or 3xx is a good one.
#[derive(Debug, Clone)]
pub struct ActiveCheck {
    /// The target of the `GET`, with a leading slash.
    pub path: String,
    /// The pause between two questions.
    pub interval: Duration,
    /// The limit of one whole question.
    pub timeout: Duration,
    /// Bad answers in a row that take a server out.
    pub unhealthy_after: u32,
    /// Good answers in a row that bring it back.
    pub healthy_after: u32,
}

/// Connections that wait for work, per worker and server.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// How many are kept; those above it are closed when they become idle.
    pub idle: usize,
    /// How long one may wait. Less than the servers' own keep-alive, so that we close first.
    pub idle_time: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { idle: 128, idle_time: Duration::from_secs(50) }
    }
}

/// What is wrong with the settings of an upstream.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A server's address cannot be read.
    #[error("server `{text}`: {what}")]
    Address {
        /// What was written.
        text: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file of certificates or a key cannot be read.
    #[error("`{path}`: {what}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// `host` cannot be a field value.
    #[error("upstream `{name}`: host `{host}` is not a host name")]
    Host {
        /// The upstream.
        name: String,
        /// What was written.
        host: String,
    },
    /// There is nobody to send anything to.
    #[error("upstream `{name}` has no servers")]
    NoServers {
        /// The upstream.
        name: String,
    },
    /// A server's name cannot be verified by TLS.
    #[error("`{name}` is not a name that a certificate can bear")]
    ServerName {
        /// The name.
        name: String,
    },
    /// The TLS library refuses the combination.
    #[error("TLS to the servers cannot be set up: {what}")]
    Tls {
        /// Why.
        what: String,
    },
}
