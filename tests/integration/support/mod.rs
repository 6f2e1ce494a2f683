//! Builders that let a test read as prose: a gateway, its upstream, its clients.

pub(crate) mod console;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod nginx;
pub(crate) mod program;
pub(crate) mod recorder;
pub(crate) mod store;
pub(crate) mod traffic;
pub(crate) mod wait;

pub(crate) use console::{Console, PASSWORD, add_operator};
pub(crate) use gateway::{Gateway, GatewayBuilder, ORDERS_BY_ACCOUNT, interdict};
pub(crate) use http::{Answer, Request};
pub(crate) use nginx::Nginx;
pub(crate) use program::{Ended, Program, run};
pub(crate) use recorder::Recorder;
pub(crate) use wait::until;

/// Documentation addresses (RFC 5737, RFC 3849) and what the tests' networks file says of them.
pub(crate) const NETWORKS: &str = "\
cidr,country,class
198.51.100.0/24,US,
203.0.113.0/24,DE,
203.0.113.128/25,PR,
192.0.2.0/25,NL,vpn
192.0.2.128/25,CA,
2001:db8:51::/48,US,
2001:db8:49::/48,DE,
";
/// A clean US client.
pub(crate) const US: &str = "198.51.100.7";
/// A clean German client.
pub(crate) const GERMAN: &str = "203.0.113.7";
/// A client in Puerto Rico.
pub(crate) const PUERTO_RICAN: &str = "203.0.113.200";
/// A client behind a VPN.
pub(crate) const VPN: &str = "192.0.2.7";
/// A client of whom nothing is known.
pub(crate) const UNKNOWN: &str = "10.1.2.3";
