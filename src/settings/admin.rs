//! `[admin]`: the control plane.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::model::Role;
use crate::model::Roles;

use super::gateway::Tls;
use super::identity::Identity;
use super::pointer::Pointer;

/// `[admin]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// `[admin.identity]`: whose tokens are believed, and which roles they give.
    pub identity: Option<(Identity, RolesOfTokens)>,
    /// Address of `/healthz`, `/readyz`, `/metrics`, the admin API and the console.
    pub listen: SocketAddr,
    /// Address under which browsers reach the console, where a proxy stands in front of it.
    pub public_url: Option<String>,
    /// A session ends when nothing was done in it for so long.
    pub session_idle: Duration,
    /// A session ends after so long, whatever is done in it.
    pub session_lifetime: Duration,
    /// Certificate files; none: plain HTTP.
    pub tls: Option<Tls>,
    /// Proxies in front of the console, whose `X-Forwarded-For` tells who signs in.
    pub trusted_proxies: Vec<IpNet>,
}

/// Which roles a token gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RolesOfTokens {
    /// Where a token names them: a text, or a list of texts.
    pub claim: Option<Pointer>,
    /// By `sub`.
    pub subjects: Vec<(String, Roles)>,
    /// By what the claim says. A role's own name needs no entry.
    pub values: Vec<(String, Roles)>,
}

impl Admin {
    /// Loopback, beside the gateway's port.
    pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9_090);
    /// Half an hour without a request.
    pub const SESSION_IDLE: Duration = Duration::from_mins(30);
    /// A working day.
    pub const SESSION_LIFETIME: Duration = Duration::from_hours(8);
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            identity: None,
            listen: Self::LISTEN,
            public_url: None,
            session_idle: Self::SESSION_IDLE,
            session_lifetime: Self::SESSION_LIFETIME,
            tls: None,
            trusted_proxies: Vec::new(),
        }
    }
}

impl RolesOfTokens {
    /// The roles of a text that the claim holds.
    pub fn of_value(&self, value: &str) -> Roles {
        let mapped = self.values.iter().find(|(known, _)| known == value).map(|(_, roles)| *roles);
        mapped.unwrap_or_else(|| Role::parse(value).into_iter().collect())
    }

    /// The roles of a subject.
    pub fn of_subject(&self, subject: &str) -> Roles {
        let mut mapped = self.subjects.iter().filter(|(known, _)| known == subject);
        mapped.next().map_or(Roles::NONE, |(_, roles)| *roles)
    }
}
