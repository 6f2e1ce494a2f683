//! Settings of upstreams.

use crate::gateway::upstream::*;
use crate::settings;

pub(super) fn convert(s: &settings::Upstream) -> UpstreamSettings {
    let servers = s
        .servers
        .iter()
        .map(|x| ServerAddress {
            tls: x.scheme == settings::Scheme::Https,
            host: x.host.clone(),
            port: x.port,
        })
        .collect();
    let mut u = UpstreamSettings::new(&s.name, servers);
    u.host = s.host.clone();
    u.tls = TlsSettings {
        authorities: s.tls.ca.clone(),
        client_identity: s.tls.client.clone(),
        server_name: s.tls.server_name.clone(),
    };
    u.timeouts.connect = s.connect_timeout;
    u.timeouts.head = s.response_timeout;
    u.timeouts.body = s.idle_timeout;
    u.health.active = s.health.as_ref().map(|h| ActiveCheck {
        path: h.path.clone(),
        interval: h.interval,
        timeout: h.timeout,
        unhealthy_after: h.unhealthy,
        healthy_after: h.healthy,
    });
    u.connections = ConnectionLimits { idle: s.keep_alive, idle_time: s.idle_timeout };
    u
}
