//! An update mirror: US downloads of covered updates stop, everything else is the upstream's own answer.

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::Nginx;
use crate::support::PUERTO_RICAN;
use crate::support::Request;
use crate::support::UNKNOWN;
use crate::support::US;
use crate::support::VPN;

#[test]
fn a_us_download_of_an_update_is_refused_and_a_german_one_passes_untouched() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let refused = Request::get("/mirror/index/u1313g.xml").from(US).send(gateway.address);
    assert_eq!(refused.status, 451);
    assert_eq!(refused.header("link"), Some("<https://shop.example/why>; rel=\"blocked-by\""));
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    let (verdict, id) = refused.decision().unwrap();
    assert_eq!(verdict, "block");
    assert_eq!(refused.json()["clause"], "FD-2a");
    assert_eq!(gateway.record(id)["decision"]["verdict"], "block");

    let direct = Request::get("/mirror/index/u1313g.xml").send(nginx.address);
    let passed = Request::get("/mirror/index/u1313g.xml").from(GERMAN).send(gateway.address);
    assert_eq!((passed.status, &passed.body), (200, &direct.body));
    assert_eq!(passed.header("etag"), direct.header("etag"));
    assert_eq!(passed.header("cache-control"), Some("private"));
    let (verdict, id) = passed.decision().unwrap();
    assert_eq!(
        (verdict, &gateway.record(id)["decision"]["items"][0]["product"]),
        ("allow", &"kaspersky.covered".into())
    );
}

#[test]
fn each_kind_of_client_gets_its_own_answer() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    for (client, status) in [
        (US, 451),
        (PUERTO_RICAN, 451),
        ("2001:db8:51::7", 451),
        ("[2001:db8:51::7]:4711", 451),
        ("::ffff:198.51.100.7", 451),
        ("64:ff9b::198.51.100.7", 451),
        ("2002:c633:6407::1", 451),
        (GERMAN, 200),
        ("2001:db8:49::7", 200),
        ("::ffff:203.0.113.7", 200),
        (VPN, 403),
        (UNKNOWN, 403),
        ("not-an-address", 403),
    ] {
        let answer = Request::get("/mirror/index/u1313g.xml").from(client).send(gateway.address);
        assert_eq!(answer.status, status, "{client}");
    }
}
