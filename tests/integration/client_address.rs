//! Whose address counts: the nearest hop that the operator does not trust, and nothing a stranger wrote.

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;

const UPDATE: &str = "/mirror/index/u1313g.xml";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[test]
fn what_stands_left_of_the_client_is_never_believed() {
    let recorder = Recorder::answering(OK);
    let gateway = Gateway::start(recorder.address);
    for (list, status) in [
        ("203.0.113.7, 198.51.100.7", 451),
        ("198.51.100.7, 203.0.113.7", 200),
        ("203.0.113.7,203.0.113.7,198.51.100.7:4711", 451),
        ("203.0.113.7, 198.51.100.7, 127.0.0.1", 451),
        ("198.51.100.7, 203.0.113.7 , 127.0.0.1", 200),
        ("garbage, 203.0.113.7", 200),
        ("203.0.113.7, 198.51.100.7, 127.0.0.1, ::ffff:127.0.0.1", 451),
    ] {
        let answer = Request::get(UPDATE).from(list).send(gateway.address);
        assert_eq!(answer.status, status, "{list}");
    }
}

#[test]
fn an_element_that_cannot_be_read_leaves_the_client_unknown() {
    let recorder = Recorder::answering(OK);
    let gateway = Gateway::start(recorder.address);
    for list in [
        "",
        ",",
        "203.0.113.7,",
        "203.0.113.7, garbage",
        "203.0.113.7, unknown",
        "203.0.113.7, 203.0.113.7x",
        "203.0.113.7, 203.0.113",
        "203.0.113.7, 203.0.113.007",
        "203.0.113.7, 0xcb.0.113.7",
        "203.0.113.7, 3405803783",
        "203.0.113.7, [203.0.113.7]",
        "203.0.113.7, 203.0.113.7:port",
        "203.0.113.7, 2001:db8:49::7%eth0",
        "203.0.113.7, for=203.0.113.7",
        "203.0.113.7, \"203.0.113.7\"",
        "203.0.113.7 198.51.100.7",
    ] {
        let answer = Request::get(UPDATE).from(list).send(gateway.address);
        assert_eq!(answer.status, 403, "{list:?}");
    }
    assert!(recorder.seen().is_empty());
}

#[test]
fn repeated_lines_are_one_list_in_their_order() {
    let recorder = Recorder::answering(OK);
    let gateway = Gateway::start(recorder.address);
    let status = |lines: [&str; 2]| {
        Request::get(UPDATE).from(lines[0]).from(lines[1]).send(gateway.address).status
    };
    assert_eq!(status([GERMAN, US]), 451);
    assert_eq!(status([US, GERMAN]), 200);
    assert_eq!(status([GERMAN, ""]), 403);
    assert_eq!(status(["203.0.113.7, 198.51.100.7", "127.0.0.1"]), 451);
}

#[test]
fn a_trusted_proxy_that_tells_no_client_leaves_it_unknown() {
    let recorder = Recorder::answering(OK);
    let gateway = Gateway::start(recorder.address);
    assert_eq!(Request::get(UPDATE).send(gateway.address).status, 403);
    assert_eq!(Request::get(UPDATE).from("127.0.0.1").send(gateway.address).status, 403);
    let other = Request::get(UPDATE).header("Forwarded", "for=203.0.113.7");
    let other = other.header("X-Real-IP", GERMAN).header("X_Forwarded_For", GERMAN);
    assert_eq!(other.send(gateway.address).status, 403);
}

/// Loopback itself is a US client.
const US_PEER: &str = "cidr,country,class\n127.0.0.0/8,US,\n203.0.113.0/24,DE,\n";

#[test]
fn a_peer_that_is_not_trusted_is_the_client_whatever_it_writes() {
    let recorder = Recorder::answering(OK);
    let gateway = GatewayBuilder::new(recorder.address)
        .file("networks.csv", US_PEER)
        .environment("INTERDICT__GATEWAY__TRUSTED_PROXIES", "[\"192.0.2.250/32\"]")
        .start();
    for list in [GERMAN, "203.0.113.7, 192.0.2.250", "garbage"] {
        assert_eq!(Request::get(UPDATE).from(list).send(gateway.address).status, 451, "{list}");
    }
}

#[test]
fn with_client_address_peer_no_header_is_read() {
    let recorder = Recorder::answering(OK);
    let gateway = GatewayBuilder::new(recorder.address)
        .file("networks.csv", US_PEER)
        .environment("INTERDICT__GATEWAY__CLIENT_ADDRESS", "peer")
        .start();
    let forged = Request::get(UPDATE).from(GERMAN).header("Forwarded", "for=203.0.113.7");
    assert_eq!(forged.send(gateway.address).status, 451);
}

#[test]
fn rfc7239_forwarded_is_read_where_it_is_the_configured_family() {
    let recorder = Recorder::answering(OK);
    let gateway = GatewayBuilder::new(recorder.address)
        .environment("INTERDICT__GATEWAY__CLIENT_ADDRESS", "forwarded")
        .start();
    for (value, status) in [
        ("for=198.51.100.7", 451),
        ("for=203.0.113.7", 200),
        ("for=203.0.113.7, for=198.51.100.7;proto=https", 451),
        ("for=198.51.100.7, For=\"203.0.113.7:4711\"", 200),
        ("for=\"[2001:db8:49::7]\"", 200),
        ("for=\"[2001:db8:51::7]:80\";by=203.0.113.7", 451),
        ("for=203.0.113.7, for=unknown", 403),
        ("for=203.0.113.7, for=_hidden", 403),
        ("for=203.0.113.7, proto=https", 403),
        ("for=203.0.113.7, for=\"203.0.113.7", 403),
        ("for=203.0.113.7;for=198.51.100.7", 403),
        ("203.0.113.7", 403),
    ] {
        let request = Request::get(UPDATE).header("Forwarded", value);
        assert_eq!(request.send(gateway.address).status, status, "{value}");
    }
    // The other family is a stranger's word.
    assert_eq!(Request::get(UPDATE).from(GERMAN).send(gateway.address).status, 403);
}

#[test]
fn the_upstream_is_told_what_the_gateway_knows_and_nothing_a_stranger_wrote() {
    let recorder = Recorder::answering(OK);
    let gateway = Gateway::start(recorder.address);
    let mut request = Request::get("/static/logo.txt").from("6.6.6.6, 203.0.113.7");
    for (name, value) in [
        ("Forwarded", "for=6.6.6.6;host=evil.example;proto=gopher"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Port", "666"),
        ("X-Forwarded-Proto", "gopher"),
        ("X-Forwarded-Server", "evil.example"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X-Real-IP", "6.6.6.6"),
        ("X-Client-IP", "6.6.6.6"),
        ("True-Client-IP", "6.6.6.6"),
        ("CF-Connecting-IP", "6.6.6.6"),
        ("X_Forwarded_For", "6.6.6.6"),
        ("X_Real_IP", "6.6.6.6"),
        ("X-Custom", "kept"),
    ] {
        request = request.header(name, value);
    }
    assert_eq!(request.send(gateway.address).status, 200);
    let seen = recorder.last();
    let port = gateway.address.port().to_string();
    for (name, value) in [
        ("host", "mirror.example"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-real-ip", "203.0.113.7"),
        ("x-forwarded-host", "mirror.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", port.as_str()),
        ("forwarded", "for=203.0.113.7;host=\"mirror.example\";proto=http"),
        ("x-custom", "kept"),
    ] {
        assert_eq!(seen.values(name), [value], "{name}");
    }
    for evil in ["6.6.6.6", "evil", "gopher", "666"] {
        assert!(!seen.head.contains(evil), "{evil} in {}", seen.head);
    }

    let unknown = Request::get("/static/logo.txt").from("203.0.113.7, garbage");
    assert_eq!(unknown.send(gateway.address).status, 200);
    let seen = recorder.last();
    assert!(seen.values("x-forwarded-for").is_empty() && seen.values("x-real-ip").is_empty());
    assert!(seen.values("forwarded")[0].starts_with("for=unknown;"));
}

#[test]
fn whoami_explains_every_hop() {
    let recorder = Recorder::start();
    let gateway = GatewayBuilder::new(recorder.address)
        .gateway("api_clients = [\"127.0.0.1/32\", \"203.0.113.0/24\"]")
        .start();
    let request = Request::get("/v1/whoami").from("198.51.100.7, 203.0.113.7, 127.0.0.1");
    let answer = request.send(gateway.address);
    assert_eq!(answer.status, 200);
    let document = answer.json();
    assert_eq!((&document["address"], &document["peer"]), (&GERMAN.into(), &"127.0.0.1".into()));
    assert_eq!(document["basis"], "header");
    let hops = document["hops"].as_array().unwrap();
    let told: Vec<_> =
        hops.iter().map(|hop| (hop["hop"].as_str().unwrap(), hop["believed"].as_bool())).collect();
    assert_eq!(
        told,
        [
            ("127.0.0.1", Some(true)),
            ("127.0.0.1", Some(true)),
            ("203.0.113.7", Some(true)),
            ("198.51.100.7", Some(false)),
        ]
    );
    assert!(hops.iter().all(|hop| !hop["why"].as_str().unwrap().is_empty()));
    assert_eq!(Request::get("/v1/whoami").from(US).send(gateway.address).status, 404);
}
