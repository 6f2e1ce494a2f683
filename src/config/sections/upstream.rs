//! `[[upstream]]`.

use std::time::Duration;

use crate::config::reader::Field;
use crate::config::reader::Section;
use crate::settings::Health;
use crate::settings::Scheme;
use crate::settings::Server;
use crate::settings::Upstream;
use crate::settings::UpstreamTls;

const SHORTEST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// Reads every `[[upstream]]`: the whole ones, and the names of all.
pub(in crate::config) fn upstreams(root: &Section<'_>) -> (Vec<Upstream>, Vec<String>) {
    let mut names = Vec::new();
    let upstreams = root
        .tables("upstream")
        .iter()
        .filter_map(|section| upstream(section, &mut names))
        .collect();
    (upstreams, names)
}

/// The name of an upstream or a route: it is a label of metrics and stands in logs.
pub(super) fn name(section: &Section<'_>, taken: &mut Vec<String>) -> Option<String> {
    let field = section.need("name", "\"shop\"")?;
    let name = field.text()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.len() > 64 || !name.chars().all(fits) {
        field
            .problem(format!("`{name}`: at most 64 letters, digits, `-`, `_` and `.` make a name"));
        return None;
    }
    if taken.contains(&name) {
        field.problem(format!("`{name}` is already the name of another"));
        return None;
    }
    taken.push(name.clone());
    Some(name)
}

fn upstream(section: &Section<'_>, names: &mut Vec<String>) -> Option<Upstream> {
    let name = name(section, names);
    let servers =
        section.need("servers", "[\"http://127.0.0.1:9000\"]").map(|field| servers(&field));
    let wait = |name, default| {
        section
            .at(name)
            .and_then(|field| field.duration(SHORTEST_WAIT..=LONGEST_WAIT))
            .unwrap_or(default)
    };
    let connect_timeout = wait("connect_timeout", Upstream::CONNECT_TIMEOUT);
    let response_timeout = wait("response_timeout", Upstream::RESPONSE_TIMEOUT);
    let idle_timeout = wait("idle_timeout", Upstream::IDLE_TIMEOUT);
    let health = section.section("health").and_then(|section| health(&section));
    let host = section.at("host").and_then(|field| host(&field));
    let keep_alive = section
        .at("keep_alive")
        .and_then(|field| field.integer(0..=65_536))
        .unwrap_or(Upstream::KEEP_ALIVE);
    let tls_section = section.section("tls");
    let tls = tls_section.as_ref().map(tls).unwrap_or_default();
    let servers = servers?;
    if let Some(section) = &tls_section
        && !servers.is_empty()
        && servers.iter().all(|server| server.scheme == Scheme::Http)
    {
        section.problem("no server of this upstream begins with `https://`");
    }
    Some(Upstream {
        connect_timeout,
        health,
        host,
        idle_timeout,
        keep_alive,
        name: name?,
        response_timeout,
        servers,
        tls,
    })
}

fn servers(field: &Field<'_>) -> Vec<Server> {
    let mut seen: Vec<Server> = Vec::new();
    let written = field.list(|element: &Field<'_>| {
        let server = element.parsed(Server::parse);
        if let Some(server) = server {
            if seen.contains(&server) {
                element.problem(format!("`{server}` is listed twice"));
            } else {
                seen.push(server);
            }
        }
        Some(())
    });
    if written.is_empty() {
        field.problem("must name at least one server, such as `\"http://127.0.0.1:9000\"`");
    }
    seen
}

fn host(field: &Field<'_>) -> Option<String> {
    field.parsed(|text| match text.parse::<http::uri::Authority>() {
        Ok(authority) if !text.contains('@') => Ok(authority.as_str().to_owned()),
        _ => Err("is no host: write `\"shop.internal\"` or `\"shop.internal:8080\"`"),
    })
}

fn tls(section: &Section<'_>) -> UpstreamTls {
    let certificate = section.at("certificate").and_then(|field| field.path());
    let key = section.at("key").and_then(|field| field.path());
    match (&certificate, &key) {
        (Some(_), None) => section.problem_at("key", "missing: a certificate needs its key"),
        (None, Some(_)) => {
            section.problem_at("certificate", "missing: a key needs its certificate")
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    UpstreamTls {
        ca: section.at("ca").and_then(|field| field.path()),
        client: certificate.zip(key),
        server_name: section.at("server_name").and_then(|field| host(&field)),
    }
}

fn health(section: &Section<'_>) -> Option<Health> {
    let threshold = |name, default| {
        section.at(name).and_then(|field| field.integer(1..=1_000)).unwrap_or(default)
    };
    let wait = |name, default| {
        section
            .at(name)
            .and_then(|field| field.duration(SHORTEST_WAIT..=LONGEST_WAIT))
            .unwrap_or(default)
    };
    let path = section.need("path", "\"/healthz\"");
    let healthy = threshold("healthy", Health::HEALTHY);
    let unhealthy = threshold("unhealthy", Health::UNHEALTHY);
    let interval = wait("interval", Health::INTERVAL);
    let timeout = wait("timeout", Health::TIMEOUT);
    let path = path.and_then(|field| field.parsed(target));
    Some(Health { healthy, interval, path: path?, timeout, unhealthy })
}

/// A path, perhaps with a query, that can be asked for as it stands.
pub(super) fn target(text: &str) -> Result<String, &'static str> {
    let readable = text.starts_with('/') && text.parse::<http::uri::PathAndQuery>().is_ok();
    if readable && !text.contains('#') {
        Ok(text.to_owned())
    } else {
        Err("is no path: write one that begins with `/`")
    }
}
