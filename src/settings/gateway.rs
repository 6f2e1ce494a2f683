//! `[gateway]`: where to listen, whom to believe, how long to wait.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// `[gateway]`: the data plane.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Gateway {
    /// Direct peers that may call `/check/*`, and clients that may call `/v1/*` without a token.
    pub api_clients: Vec<IpNet>,
    /// Longest wait for more of a request's body.
    pub body_timeout: Duration,
    /// Which address is the client's.
    pub client_address: ClientAddress,
    /// How long running transfers may go on after SIGTERM.
    pub drain_timeout: Duration,
    /// Longest wait for a request's head.
    pub header_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// Where to listen: at least one, none twice.
    pub listeners: Vec<Listener>,
    /// Connections per worker; more wait in the system's queue.
    pub max_connections: usize,
    /// Longest body that is read to judge it, in bytes; a longer one is 413.
    pub max_inspected_body: usize,
    /// How often files are looked at for a change; none: only on SIGHUP.
    pub reload_interval: Option<Duration>,
    /// Peers whose forwarding header is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long nothing may move in a WebSocket before it is closed.
    pub tunnel_idle_timeout: Duration,
    /// Worker threads; none: one per core.
    pub workers: Option<usize>,
}

/// One address to listen on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listener {
    /// Address and port; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Certificate files; none: plain HTTP.
    pub tls: Option<Tls>,
}

/// Server certificate files (PEM).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tls {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// Authorities whose client certificates are accepted; none: clients are not asked.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must show a certificate where there is [`Self::client_ca`].
    pub client_certificate: ClientCertificate,
    /// The private key.
    pub key: PathBuf,
}

/// Whether a client must show a certificate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ClientCertificate {
    /// A connection without one is served; one that is not the authorities' is refused all the same.
    Optional,
    /// A connection without one is refused.
    #[default]
    Required,
}

/// Which address is the client's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ClientAddress {
    /// The nearest untrusted hop of `Forwarded` (RFC 7239).
    Forwarded,
    /// The connection's peer.
    #[default]
    Peer,
    /// The PROXY protocol's source.
    ProxyProtocol,
    /// The nearest untrusted hop of `X-Forwarded-For`.
    XForwardedFor,
}

impl Gateway {
    /// Longest wait for more of a body.
    pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
    /// How long transfers may go on after SIGTERM.
    pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
    /// Longest wait for a head: a slow stranger must not hold a connection.
    pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long an unused connection is kept.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
    /// Loopback: nothing is open to the world unless the operator says so.
    pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8_080);
    /// Connections per worker.
    pub const MAX_CONNECTIONS: usize = 25_000;
    /// 1 MiB: the largest order anyone has shown us is a tenth of it.
    pub const MAX_INSPECTED_BODY: usize = 1_048_576;
    /// How often files are looked at.
    pub const RELOAD_INTERVAL: Duration = Duration::from_secs(2);

    /// How long a WebSocket may be silent: those of shops ping every half minute, those of licence servers far less often.
    pub const TUNNEL_IDLE_TIMEOUT: Duration = Duration::from_secs(3_600);

    /// Loopback: the default of `api_clients`.
    pub fn loopback() -> Vec<IpNet> {
        vec![
            IpNet::V4(Ipv4Net::from(Ipv4Addr::LOCALHOST)),
            IpNet::V6(Ipv6Net::from(Ipv6Addr::LOCALHOST)),
        ]
    }
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            api_clients: Self::loopback(),
            body_timeout: Self::BODY_TIMEOUT,
            client_address: ClientAddress::Peer,
            drain_timeout: Self::DRAIN_TIMEOUT,
            header_timeout: Self::HEADER_TIMEOUT,
            idle_timeout: Self::IDLE_TIMEOUT,
            listeners: vec![Listener { address: Self::LISTEN, tls: None }],
            max_connections: Self::MAX_CONNECTIONS,
            max_inspected_body: Self::MAX_INSPECTED_BODY,
            reload_interval: Some(Self::RELOAD_INTERVAL),
            trusted_proxies: Vec::new(),
            tunnel_idle_timeout: Self::TUNNEL_IDLE_TIMEOUT,
            workers: None,
        }
    }
}

impl ClientAddress {
    /// Every way, in the order of their names.
    pub const ALL: [Self; 4] =
        [Self::Forwarded, Self::Peer, Self::ProxyProtocol, Self::XForwardedFor];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Peer => "peer",
            Self::ProxyProtocol => "proxy-protocol",
            Self::XForwardedFor => "x-forwarded-for",
        }
    }
}

impl ClientCertificate {
    /// Either.
    pub const ALL: [Self; 2] = [Self::Optional, Self::Required];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}
