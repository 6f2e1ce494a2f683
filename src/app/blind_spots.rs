//! What a configuration lets past without anybody meaning it: unjudged routes that take requests from a judged one,
//! identifiers that nobody vouches for, trust that is given to nobody or to everybody. `interdict check` says it; nothing here
//! refuses anything: two routes of one path and method, of which one would never be reached, are an error of `config`.

use ipnet::IpNet;

use crate::settings::BuyerField;
use crate::settings::ClientAddress;
use crate::settings::Gateway;
use crate::settings::IdentityUse;
use crate::settings::Requirement;
use crate::settings::Route;
use crate::settings::Source;

/// Networks shorter than these are not one operator's.
const WIDE_V4: u8 = 8;
const WIDE_V6: u8 = 16;

/// What is to be said of routes, a line each, with the route's name and what to do.
pub(super) fn of_routes(routes: &[Route]) -> Vec<String> {
    let mut lines = Vec::new();
    for route in routes {
        if !route.is_judged() {
            lines.extend(routes.iter().filter_map(|judged| taken_from(judged, route)));
        }
        lines.extend(unvouched(route));
    }
    lines
}

/// What is to be said of `[gateway]`.
pub(super) fn of_gateway(gateway: &Gateway) -> Vec<String> {
    let mut lines = Vec::new();
    let believes = gateway.client_address != ClientAddress::Peer;
    if !believes && !gateway.trusted_proxies.is_empty() {
        lines.push("[gateway] trusted_proxies is given and client_address is \"peer\": every client behind those proxies is judged by the proxy's address; set client_address to what they write".to_owned());
    }
    if believes && gateway.trusted_proxies.is_empty() {
        lines.push(format!(
            "[gateway] client_address is \"{}\" and trusted_proxies is empty: it is believed of nobody, and the peer is the client; name the proxies in trusted_proxies",
            gateway.client_address.as_str()
        ));
    }
    for network in gateway.api_clients.iter().filter(|network| is_wide(network)) {
        lines.push(format!(
            "[gateway] api_clients holds {network}: all of it may ask for decisions, and each is recorded; name the machines that need them"
        ));
    }
    lines
}

fn is_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < WIDE_V4,
        IpNet::V6(network) => network.prefix_len() < WIDE_V6,
    }
}

/// An unjudged route that takes requests which a judged one would get without it.
fn taken_from(judged: &Route, route: &Route) -> Option<String> {
    if !judged.is_judged() {
        return None;
    }
    if is_same_path(&judged.path, &route.path) {
        // What a judged path does not list is 405, unless an unjudged route lists it.
        let writes = |method: &String| {
            !matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS")
                && !judged.methods.contains(method)
        };
        let passes = !judged.methods.is_empty()
            && (route.methods.is_empty() || route.methods.iter().any(writes));
        return passes.then(|| {
            format!(
                "route {} passes on, unjudged, methods that route {} on the same path {} does not list; where they change an order, list them in {}",
                route.name, judged.name, judged.path, judged.name
            )
        });
    }
    if !covers(&judged.path, &route.path) || !share_a_method(judged, route) {
        return None;
    }
    Some(format!(
        "route {} ({}) takes requests from the judged route {} ({}) and judges only update signatures among them; give it an action, or remove it",
        route.name, route.path, judged.name, judged.path
    ))
}

fn share_a_method(one: &Route, other: &Route) -> bool {
    one.methods.is_empty()
        || other.methods.is_empty()
        || one.methods.iter().any(|method| other.methods.contains(method))
}

fn unvouched(route: &Route) -> Option<String> {
    if route.identity != IdentityUse::None || route.require.contains(&Requirement::Account) {
        return None;
    }
    let header = route.buyer.iter().find_map(|(field, source)| match source {
        Source::Header(name) if *field == BuyerField::Account => Some(name),
        _ => None,
    })?;
    Some(format!(
        "route {} reads the account from the header {header}, which nobody vouches for: a client that leaves it out is judged without it; say require = [\"account\"], or use [identity]",
        route.name
    ))
}

fn segments(path: &str) -> impl Iterator<Item = String> {
    path.to_lowercase()
        .trim_matches('/')
        .split('/')
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .into_iter()
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{') && !segment.starts_with("{*")
}

/// The same path, whatever its parameters are called.
fn is_same_path(one: &str, other: &str) -> bool {
    covers(one, other) && covers(other, one)
}

/// True if the pattern `wide` matches all that `narrow` does.
fn covers(wide: &str, narrow: &str) -> bool {
    let mut narrow = segments(narrow);
    for segment in segments(wide) {
        if segment.starts_with("{*") {
            return true;
        }
        match narrow.next() {
            Some(other) if other == segment => {}
            Some(other) if is_parameter(&segment) && !other.starts_with("{*") => {}
            Some(_) | None => return false,
        }
    }
    narrow.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_matches_and_nothing_else() {
        for (wide, narrow) in [
            ("/mirror/{*file}", "/mirror/bases/{*x}"),
            ("/mirror/{*file}", "/Mirror/a"),
            ("/a/{b}", "/a/c"),
            ("/a/{b}", "/a/{c}"),
            ("/{*any}", "/a/b"),
        ] {
            assert!(covers(wide, narrow), "{wide} {narrow}");
            assert!(wide == "/a/{b}" || !is_same_path(wide, narrow));
        }
        for (wide, narrow) in
            [("/a/{b}", "/a/{*b}"), ("/a", "/a/b"), ("/a/b", "/a"), ("/mirror/{*f}", "/mirrors/x")]
        {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }
}
