//! Caches around the gateway: one in front never serves what the gateway would refuse, one behind still helps.

use std::net::SocketAddr;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::US;

const UPDATE: &str = "/mirror/index/u1313g.xml";

/// A cache with an appetite: it keeps whatever it is not told to leave.
fn cache(origin: SocketAddr) -> Nginx {
    let server = format!(
        "location / {{ proxy_pass http://{origin}; proxy_set_header Host $http_host; proxy_cache cache;\n\
         proxy_cache_key $request_uri; proxy_cache_valid any 10m; add_header X-Cache $upstream_cache_status always; }}"
    );
    Nginx::start(&server, &[])
}

fn get(target: &str, client: &str, address: SocketAddr) -> Answer {
    Request::get(target).from(client).send(address)
}

#[test]
fn a_cache_in_front_gives_no_us_client_a_copy_of_what_a_german_was_given() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let front = cache(gateway.address);
    for _ in 0..3 {
        let german = get(UPDATE, GERMAN, front.address);
        assert_eq!((german.status, german.header("x-cache")), (200, Some("MISS")));
        let us = get(UPDATE, US, front.address);
        assert_eq!((us.status, us.header("x-cache")), (451, Some("MISS")));
    }
    for request in [
        Request::new("HEAD", UPDATE),
        Request::get(UPDATE).header("Range", "bytes=0-3"),
        Request::get(UPDATE).header("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
    ] {
        assert!(request.clone().from(GERMAN).send(front.address).status < 400);
        assert_eq!(request.from(US).send(front.address).status, 451);
    }
}

#[test]
fn a_refusal_is_not_kept_for_those_who_may() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let front = cache(gateway.address);
    assert_eq!(get(UPDATE, US, front.address).status, 451);
    assert_eq!(get(UPDATE, "garbage", front.address).status, 403);
    assert_eq!(get("/mirror/a%2fb", US, front.address).status, 400);
    assert_eq!(get(UPDATE, GERMAN, front.address).status, 200);
}

#[test]
fn a_cache_in_front_still_serves_what_nothing_prohibits() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let front = cache(gateway.address);
    for cached in ["MISS", "HIT"] {
        let logo = get("/static/logo.txt", US, front.address);
        assert_eq!((logo.status, logo.header("x-cache")), (200, Some(cached)));
    }
}

#[test]
fn a_cache_behind_the_gateway_helps_and_opens_nothing() {
    let nginx = Nginx::mirror_and_shop();
    let behind = cache(nginx.address);
    let gateway = Gateway::start(behind.address);
    for cached in ["MISS", "HIT", "HIT"] {
        let german = get(UPDATE, GERMAN, gateway.address);
        assert_eq!((german.status, german.header("x-cache")), (200, Some(cached)));
        assert_eq!(german.header("cache-control"), Some("private"));
        let us = get(UPDATE, US, gateway.address);
        assert_eq!((us.status, us.header("x-cache")), (451, None));
    }
    assert_eq!(nginx.access_log().matches("u1313g.xml").count(), 1);
    assert_eq!(behind.access_log().matches("u1313g.xml").count(), 3);
}
