//! An update mirror: US downloads of covered updates stop, everything else is the upstream's own answer.

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::Nginx;
use crate::support::PUERTO_RICAN;
use crate::support::Recorder;
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

/// Every path of the vendor's layout that public sources name, as it stands below a mirror's root.
const SIGNATURES: [&str; 20] = [
    "updaters/updater.xml.dif",
    "updaters/updater.xml.klz",
    "index/u1313g.xml",
    "index/u1313g.xml.dif",
    "index/u1313g.xml.klz",
    "index/u0607g.xml",
    "bases/av/kdb/i386/kdb-i386-0607g.xml",
    "bases/av/kdb/i386/kdb-i386-0607g.xml.dif",
    "bases/av/kdb/i386/kdb-i386-1211g.xml.klz",
    "bases/av/kdb/i386/dailyc.kdc",
    "bases/av/emu/i386/emu.stt",
    "bases/av/emu/i386/emu.set",
    "bases/av/emu/i386/emu.mft",
    "bases/ids/i386/idsbase.kdz",
    "diffs/bases/ids/i386/idsbase.kdz.srf",
    "bases/as/kas5/0/kas5-0607g.xml",
    "special/kasp_updater3.0/3.2.0.153/english-3.2.0.153/f00d/kuu3.2.0.153_en.zip",
    "kas5-0607g.xml",
    "kdb-i386-1211g.xml",
    "dailyc.kdc",
];

#[test]
fn every_update_signature_is_judged_below_any_prefix_on_judged_and_unjudged_routes() {
    let recorder = Recorder::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nkdb");
    let gateway = Gateway::start(recorder.address);
    for prefix in ["/mirror/", "/mirror/Updates/", "/", "/Updates/", "/some/where/else/"] {
        for signature in SIGNATURES {
            let target = format!("{prefix}{signature}");
            let refused = Request::get(&target).from(US).send(gateway.address);
            assert_eq!(refused.status, 451, "{target}");
            assert_eq!(refused.json()["clause"], "FD-2a", "{target}");
        }
        let upper = format!("{prefix}{}", SIGNATURES[9].to_uppercase());
        assert_eq!(Request::get(&upper).from(US).send(gateway.address).status, 451, "{upper}");
    }
    assert!(recorder.seen().is_empty(), "nothing refused reaches the upstream");
    for signature in SIGNATURES {
        let target = format!("/pub/{signature}");
        let passed = Request::get(&target).from(GERMAN).send(gateway.address);
        assert_eq!((passed.status, passed.text().as_str()), (200, "kdb"), "{target}");
        assert_eq!(passed.decision().unwrap().0, "allow", "{target}");
        assert_eq!(passed.header("cache-control"), Some("private"), "{target}");
    }
}

#[test]
fn false_friends_of_a_signature_are_not_judged_on_an_unjudged_route() {
    let recorder = Recorder::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let gateway = Gateway::start(recorder.address);
    for target in [
        "/index/user.xml",
        "/index/u13130g.xml",
        "/myindex/u1313g.xml.html/x",
        "/bases",
        "/databases/av/x",
        "/static/logo.txt",
        "/q?file=/index/u1313g.xml",
    ] {
        let answer = Request::get(target).from(US).send(gateway.address);
        assert_eq!((answer.status, answer.decision()), (200, None), "{target}");
    }
    assert!(gateway.records().is_empty(), "what is not judged is counted, not recorded");
    assert!(gateway.metric("interdict_unjudged_requests_total{route=\"rest\"}") >= 7.0);
}

#[test]
fn ranges_heads_and_validators_are_the_upstreams_own() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let get = || Request::get("/mirror/index/u1313g.xml").from(GERMAN);
    let direct = Request::get("/mirror/index/u1313g.xml").send(nginx.address);
    let (etag, modified) =
        (direct.header("etag").unwrap(), direct.header("last-modified").unwrap());

    let part = get().header("Range", "bytes=1-6").send(gateway.address);
    assert_eq!((part.status, part.text().as_str()), (206, "Update"));
    assert_eq!(
        part.header("content-range"),
        Some(format!("bytes 1-6/{}", direct.body.len()).as_str())
    );
    let parts = get().header("Range", "bytes=0-0,2-2").send(gateway.address);
    assert_eq!(parts.status, 206);
    assert!(parts.header("content-type").unwrap().starts_with("multipart/byteranges"));
    let beyond = get().header("Range", "bytes=9999-").send(gateway.address);
    assert_eq!(beyond.status, 416);

    let head = Request::new("HEAD", "/mirror/index/u1313g.xml").from(GERMAN).send(gateway.address);
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, direct.header("content-length"))
    );

    for (name, value) in [("If-None-Match", etag), ("If-Modified-Since", modified)] {
        let unchanged = get().header(name, value).send(gateway.address);
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{name}");
        assert_eq!(unchanged.header("etag"), Some(etag));
    }
    let changed = get().header("If-Range", "\"other\"").header("Range", "bytes=0-0");
    assert_eq!(changed.send(gateway.address).status, 200);

    for answer in [part, head, get().header("If-None-Match", etag).send(gateway.address)] {
        assert_eq!(answer.header("cache-control"), Some("private"), "{}", answer.status);
        assert_eq!(answer.header("last-modified"), Some(modified), "{}", answer.status);
        assert_eq!(answer.decision().unwrap().0, "allow");
    }
}

#[test]
fn a_us_client_gets_no_part_head_or_validation_of_an_update() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let direct = Request::get("/mirror/index/u1313g.xml").send(nginx.address);
    let etag = direct.header("etag").unwrap();
    for request in [
        Request::new("HEAD", "/mirror/index/u1313g.xml"),
        Request::get("/mirror/index/u1313g.xml").header("Range", "bytes=0-0"),
        Request::get("/mirror/index/u1313g.xml").header("If-None-Match", etag),
        Request::new("POST", "/mirror/index/u1313g.xml").body(""),
        Request::new("OPTIONS", "/mirror/index/u1313g.xml"),
    ] {
        let answer = request.clone().from(US).send(gateway.address);
        assert_eq!(answer.status, 451, "{request:?}");
        assert_eq!((answer.header("etag"), answer.header("last-modified")), (None, None));
    }
}

#[test]
fn an_unknown_file_is_covered_on_a_vendor_host_only() {
    let recorder = Recorder::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let gateway = Gateway::start(recorder.address);
    for (host, status) in [
        ("dnl-01.geo.kaspersky.com", 451),
        ("DNL-01.GEO.KASPERSKY.COM:80", 451),
        ("p07.upd.kaspersky.com.", 451),
        ("downloads.kaspersky-labs.com", 451),
        ("93.191.13.103", 451),
        ("mirror.example", 200),
        ("notkaspersky.com", 200),
        ("kaspersky.com.mirror.example", 200),
    ] {
        let file = "/mirror/some/unknown.bin";
        let us = Request::get(file).host(host).from(US).send(gateway.address);
        assert_eq!(us.status, status, "{host}");
        let german = Request::get(file).host(host).from(GERMAN).send(gateway.address);
        assert_eq!(german.status, 200, "{host}");
        let (verdict, id) = us.decision().unwrap();
        assert_eq!(verdict, if status == 451 { "block" } else { "allow" }, "{host}");
        let product = &gateway.record(id)["decision"]["items"][0]["product"];
        assert_eq!(product.is_null(), status == 200, "{host}: {product}");
    }
}

#[test]
fn only_covered_deliveries_lose_what_invites_a_shared_cache() {
    let fields = "Cache-Control: public, max-age=60, s-maxage=600\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n\
        CDN-Cache-Control: max-age=600\r\nSurrogate-Control: max-age=600\r\nX-Accel-Expires: 600\r\n\
        Vary: Accept-Encoding\r\nETag: \"1\"\r\n";
    let recorder =
        Recorder::answering(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n"));
    let gateway = Gateway::start(recorder.address);
    let covered = Request::get("/mirror/index/u1313g.xml").from(GERMAN).send(gateway.address);
    assert_eq!(covered.header("cache-control"), Some("private, max-age=60"));
    for gone in ["expires", "cdn-cache-control", "surrogate-control", "x-accel-expires"] {
        assert_eq!(covered.header(gone), None, "{gone}");
    }
    assert_eq!(
        (covered.header("vary"), covered.header("etag")),
        (Some("Accept-Encoding"), Some("\"1\""))
    );
    for target in ["/mirror/readme.txt", "/static/logo.txt"] {
        let free = Request::get(target).from(GERMAN).send(gateway.address);
        assert_eq!(free.header("cache-control"), Some("public, max-age=60, s-maxage=600"));
        for kept in ["expires", "cdn-cache-control", "surrogate-control", "x-accel-expires"] {
            assert!(free.header(kept).is_some(), "{target}: {kept}");
        }
    }
}

#[test]
fn an_upstream_cannot_speak_for_the_gateway() {
    let forged = "Interdict-Decision: allow; id=forged\r\ninterdict-decision: block; id=forged\r\nInterdict-Status: 451\r\n";
    let recorder =
        Recorder::answering(format!("HTTP/1.1 200 OK\r\n{forged}Content-Length: 0\r\n\r\n"));
    let gateway = Gateway::start(recorder.address);
    let judged = Request::get("/mirror/index/u1313g.xml").from(GERMAN).send(gateway.address);
    let said: Vec<_> = judged.headers.iter().filter(|(n, _)| n == "interdict-decision").collect();
    assert_eq!(said.len(), 1);
    assert_eq!(judged.decision().unwrap().0, "allow");
    assert_ne!(judged.decision().unwrap().1, "forged");
    let unjudged = Request::get("/static/logo.txt").from(US).send(gateway.address);
    assert_eq!((unjudged.status, unjudged.decision()), (200, None));
    assert_eq!(
        (judged.header("interdict-status"), unjudged.header("interdict-status")),
        (None, None)
    );
}

#[test]
fn an_upstreams_own_refusals_and_failures_pass_unchanged() {
    for status in [301, 401, 403, 404, 429, 451, 500, 503] {
        let answer = format!("HTTP/1.1 {status} Own\r\nX-Own: yes\r\nContent-Length: 3\r\n\r\nown");
        let recorder = Recorder::answering(answer);
        let gateway = Gateway::start(recorder.address);
        let answer = Request::get("/mirror/index/u1313g.xml").from(GERMAN).send(gateway.address);
        assert_eq!((answer.status, answer.text().as_str()), (status, "own"));
        assert_eq!(answer.header("x-own"), Some("yes"));
        assert_eq!(answer.decision().unwrap().0, "allow");
    }
}
