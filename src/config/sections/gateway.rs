//! `[gateway]`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::reader::Field;
use crate::config::reader::Section;
use crate::config::reader::Shape;
use crate::settings::ClientAddress;
use crate::settings::ClientCertificate;
use crate::settings::Gateway;
use crate::settings::Listener;
use crate::settings::Tls;

const SHORTEST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// Between two messages of a WebSocket.
const LONGEST_SILENCE: Duration = Duration::from_secs(86_400);
/// The server's own timers count from a clock that it looks at twice a second: a shorter one may have passed when it is set,
/// and then ends a connection at once or never.
const SHORTEST_TIMER: Duration = Duration::from_secs(1);
/// An order is text; beyond this a body is no order, and a worker's memory is at stake.
const LARGEST_BODY: u64 = 67_108_864;

/// Reads `[gateway]`.
pub(in crate::config) fn gateway(root: &Section<'_>) -> Gateway {
    let defaults = Gateway::default();
    let Some(section) = root.section("gateway") else { return defaults };
    let wait = |name, default| {
        section
            .at(name)
            .and_then(|field| field.duration(SHORTEST_WAIT..=LONGEST_WAIT))
            .unwrap_or(default)
    };
    let timed = |name, default| {
        section
            .at(name)
            .and_then(|field| field.duration(SHORTEST_TIMER..=LONGEST_WAIT))
            .unwrap_or(default)
    };
    let tls_for_all = section.section("tls").and_then(|section| tls(&section));
    Gateway {
        api_clients: section
            .at("api_clients")
            .map_or(defaults.api_clients, |field| field.list(Field::network)),
        body_timeout: wait("body_timeout", Gateway::BODY_TIMEOUT),
        client_address: section
            .at("client_address")
            .and_then(|field| field.one_of(&ClientAddress::ALL, ClientAddress::as_str))
            .unwrap_or_default(),
        drain_timeout: section
            .at("drain_timeout")
            .and_then(|field| field.duration(Duration::ZERO..=LONGEST_WAIT))
            .unwrap_or(Gateway::DRAIN_TIMEOUT),
        header_timeout: timed("header_timeout", Gateway::HEADER_TIMEOUT),
        idle_timeout: timed("idle_timeout", Gateway::IDLE_TIMEOUT),
        listeners: match section.at("listen") {
            Some(field) => listeners(&field, tls_for_all.as_ref()),
            None => vec![Listener { address: Gateway::LISTEN, tls: tls_for_all }],
        },
        max_connections: section
            .at("max_connections")
            .and_then(|field| field.integer(1..=10_000_000))
            .unwrap_or(Gateway::MAX_CONNECTIONS),
        max_inspected_body: section
            .at("max_inspected_body")
            .and_then(|field| field.bytes(1..=LARGEST_BODY))
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(Gateway::MAX_INSPECTED_BODY),
        reload_interval: match section.at("reload_interval") {
            Some(field) => {
                field.duration(Duration::ZERO..=LONGEST_WAIT).filter(|interval| !interval.is_zero())
            }
            None => defaults.reload_interval,
        },
        trusted_proxies: section
            .at("trusted_proxies")
            .map_or_else(Vec::new, |field| field.list(trusted_proxy)),
        tunnel_idle_timeout: section
            .at("tunnel_idle_timeout")
            .and_then(|field| field.duration(SHORTEST_TIMER..=LONGEST_SILENCE))
            .unwrap_or(Gateway::TUNNEL_IDLE_TIMEOUT),
        workers: section.at("workers").and_then(|field| field.integer(1..=1_024)),
    }
}

/// A network that is everyone would let every stranger choose an address.
pub(super) fn trusted_proxy(field: &Field<'_>) -> Option<ipnet::IpNet> {
    let network = field.network()?;
    if network.prefix_len() == 0 {
        field.problem(format!(
            "`{network}` is everyone, and a stranger could claim any address: name the proxies"
        ));
        return None;
    }
    Some(network)
}

fn listeners(field: &Field<'_>, tls_for_all: Option<&Tls>) -> Vec<Listener> {
    let mut seen: Vec<SocketAddr> = Vec::new();
    let mut listeners = Vec::new();
    let elements = match field.shape() {
        Shape::Array(elements) => elements,
        Shape::Scalar | Shape::Table => vec![field.clone()],
    };
    if elements.is_empty() {
        field.problem("must name at least one address, such as `\"127.0.0.1:8080\"`");
    }
    for element in elements {
        let (at, own) = match element.shape() {
            Shape::Table => {
                let Some(section) = element.table() else { continue };
                let own = section.section("tls").and_then(|section| tls(&section));
                let Some(at) = section.need("address", "\"127.0.0.1:8080\"") else { continue };
                (at, own)
            }
            Shape::Array(_) | Shape::Scalar => (element, None),
        };
        let Some(address) = at.socket() else { continue };
        if seen.contains(&address) && address.port() != 0 {
            at.problem(format!("`{address}` is listed twice"));
            continue;
        }
        seen.push(address);
        listeners.push(Listener { address, tls: own.or_else(|| tls_for_all.cloned()) });
    }
    listeners
}

pub(super) fn tls(section: &Section<'_>) -> Option<Tls> {
    let certificate = section.need("certificate", "\"fullchain.pem\"");
    let key = section.need("key", "\"key.pem\"");
    let client_ca = section.at("client_ca").and_then(|field| field.path());
    let asked = section.at("client_certificate");
    if let Some(field) = asked.as_ref().filter(|_| section.at("client_ca").is_none()) {
        field.problem(
            "no client is asked for a certificate: write `client_ca = \"ca.pem\"` as well",
        );
    }
    let client_certificate = asked
        .and_then(|field| field.one_of(&ClientCertificate::ALL, ClientCertificate::as_str))
        .unwrap_or_default();
    let certificate = certificate.and_then(|field| field.path());
    let key = key.and_then(|field| field.path());
    Some(Tls { certificate: certificate?, client_ca, client_certificate, key: key? })
}
