//! JSON orders: refused whole when a line is prohibited, passed byte for byte when none is.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;
use crate::support::http::raw;
use crate::support::until;

const US_ORDER: &str = r#"{"billing":{"country":"US"},"lines":[{"sku":"LAMP-1","title":"Desk lamp","vendor":"Lumen","quantity":1},{"sku":"KL1047GDEFS","title":"Kaspersky Premium","vendor":"Kaspersky","quantity":2}]}"#;
/// With what a rewrite would lose: blanks, escapes, number forms, order of members, members that nobody reads.
const GERMAN_ORDER: &str = "{ \"z\":1.50,\"a\" : 1E2,\r\n\t\"billing\":{\"country\":\"DE\",\"name\":\"J\\u00fcrgen \u{1F600}\"},\
    \"lines\":[ {\"quantity\":2,\"sku\":\"KL1047GDEFS\",\"title\":\"Kaspersky Premium\",\"vendor\":\"Kaspersky\",\"note\":null} ] }\n";

#[test]
fn an_order_with_one_prohibited_line_is_refused_whole_and_names_the_line() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let answer = Request::post("/api/orders", US_ORDER).from(US).send(gateway.address);
    assert_eq!(answer.status, 451);
    let problem = answer.json();
    assert_eq!(
        problem["items"],
        serde_json::json!([{"index":1,"sku":"KL1047GDEFS","verdict":"block"}])
    );
    assert!(!nginx.access_log().contains("/api/orders"));

    let german = US_ORDER.replace("\"US\"", "\"DE\"");
    let answer = Request::post("/api/orders", german).from(GERMAN).send(gateway.address);
    assert_eq!((answer.status, answer.text()), (201, "{\"order\":\"accepted\"}".to_owned()));
    // nginx logs after it has answered.
    until("the order at the shop", || {
        nginx.access_log().contains("POST /api/orders").then_some(())
    });
}

#[test]
fn an_allowed_order_goes_upstream_byte_for_byte_however_it_is_framed() {
    let (recorder, gateway) = start();
    let plain = german(GERMAN_ORDER).header("X-Custom", "kept").send(gateway.address);
    assert_eq!((plain.status, plain.text().as_str()), (201, "{\"order\":\"accepted\"}"));
    let (verdict, id) = plain.decision().unwrap();
    assert_eq!(verdict, "allow");
    assert_eq!(gateway.record(id)["items"][0]["sku"], "KL1047GDEFS");

    let mut chunked = head("Transfer-Encoding: chunked\r\n");
    for piece in GERMAN_ORDER.as_bytes().chunks(7) {
        chunked.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        chunked.extend_from_slice(piece);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(raw(gateway.address, &chunked).status, 201);

    for coding in ["gzip", "GZIP", "x-gzip"] {
        let zipped = german(gzip(GERMAN_ORDER.as_bytes())).header("Content-Encoding", coding);
        assert_eq!(zipped.send(gateway.address).status, 201, "{coding}");
    }
    let seen = recorder.seen();
    assert_eq!(seen.len(), 5);
    for seen in &seen {
        assert_eq!(String::from_utf8_lossy(&seen.body), GERMAN_ORDER);
        assert_eq!(seen.values("content-length"), [GERMAN_ORDER.len().to_string()]);
        assert!(seen.values("content-encoding").is_empty(), "it was decoded to be judged");
        assert!(seen.values("transfer-encoding").is_empty());
        assert_eq!(seen.values("content-type"), ["application/json"]);
        assert_eq!(seen.target(), "/api/orders");
    }
    assert_eq!(seen[0].values("x-custom"), ["kept"]);
}

#[test]
fn a_body_that_cannot_be_read_in_one_way_only_is_400_recorded_and_goes_nowhere() {
    let (recorder, gateway) = start();
    let order = |lines: &str| format!(r#"{{"billing":{{"country":"DE"}},"lines":{lines}}}"#);
    let lamp = r#"[{"sku":"LAMP-1","title":"Desk lamp","vendor":"Lumen"}]"#;
    let mut invalid = order(lamp).into_bytes();
    invalid[14] = 0xff;
    let mut bom = b"\xef\xbb\xbf".to_vec();
    bom.extend_from_slice(order(lamp).as_bytes());
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("a truncated document", order(lamp)[..40].into()),
        ("a trailing document", format!("{0}{0}", order(lamp)).into()),
        ("trailing garbage", format!("{},", order(lamp)).into()),
        ("a byte order mark", bom),
        ("invalid UTF-8", invalid),
        ("UTF-16", "{}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a comment", format!("{} // x", order(lamp)).into()),
        ("a trailing comma", order(&lamp.replace("}]", "},]")).into()),
        ("a lone surrogate", order(r#"[{"sku":"\ud800"}]"#).into()),
        (
            "a duplicate key",
            r#"{"billing":{"country":"DE"},"billing":{"country":"US"},"lines":[{"sku":"LAMP-1"}]}"#
                .into(),
        ),
        (
            "a duplicate key in another spelling",
            order(r#"[{"sku":"LAMP-1","\u0073ku":"KL1047GDEFS"}]"#).into(),
        ),
        (
            "a duplicate key that nobody reads",
            r#"{"x":{"y":1,"y":1},"billing":{"country":"DE"},"lines":[{"sku":"LAMP-1"}]}"#.into(),
        ),
        ("absurd depth", format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)).into()),
        ("an absurd number", order(r#"[{"sku":"LAMP-1","price":1e999}]"#).into()),
        ("no items", r#"{"billing":{"country":"DE"}}"#.into()),
        ("an empty list of items", order("[]").into()),
        ("null in place of items", order("null").into()),
        ("an object in place of items", order(r#"{"0":{"sku":"KL1047GDEFS"}}"#).into()),
        ("text in place of items", order("\"KL1047GDEFS\"").into()),
        ("text in place of an item", order("[\"KL1047GDEFS\"]").into()),
        ("a list in place of an item", order("[[]]").into()),
        ("null in place of an item", order("[null]").into()),
        ("a list in place of the order", format!("[{}]", order(lamp)).into()),
        ("items in another case", order(lamp).replace("lines", "Lines").into()),
        (
            "items in two cases",
            format!("{{\"lines\":{lamp},\"LINES\":[{{\"sku\":\"KL1047GDEFS\"}}]}}").into(),
        ),
        ("a SKU in another case", order(r#"[{"SKU":"KL1047GDEFS","sku":"LAMP-1"}]"#).into()),
        ("a country in another case", order(lamp).replace("country", "Country").into()),
        ("an object in place of a SKU", order(r#"[{"sku":{"x":1}}]"#).into()),
        ("a number in place of a title", order(r#"[{"title":7}]"#).into()),
        ("no quantity at all", order(r#"[{"sku":"LAMP-1","quantity":0}]"#).into()),
        ("a negative quantity", order(r#"[{"sku":"LAMP-1","quantity":-1}]"#).into()),
        ("a part of a piece", order(r#"[{"sku":"LAMP-1","quantity":"2.5"}]"#).into()),
        ("a quantity in words", order(r#"[{"sku":"LAMP-1","quantity":"two"}]"#).into()),
        (
            "an object in place of a country",
            r#"{"billing":{"country":{}},"lines":[{"sku":"LAMP-1"}]}"#.into(),
        ),
    ];
    for (what, body) in &bodies {
        let answer = german(body.clone()).send(gateway.address);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        assert_error_is_recorded(&gateway, &answer, what);
    }
    let broken = german("no gzip").header("Content-Encoding", "gzip").send(gateway.address);
    assert_eq!(broken.status, 400);
    let mut twice = gzip(US_ORDER.as_bytes());
    twice.extend(gzip(b"{}"));
    let twice = german(twice).header("Content-Encoding", "gzip").send(gateway.address);
    assert_eq!(twice.status, 400, "two gzip members");
    assert!(recorder.seen().is_empty());
}

#[test]
fn a_body_of_a_kind_that_is_not_read_is_415() {
    let (recorder, gateway) = start();
    let body = |fields: &[(&str, &str)]| {
        let mut request = Request::new("POST", "/api/orders").from(GERMAN);
        for (name, value) in fields {
            request = request.header(name, value);
        }
        request.body(GERMAN_ORDER).send(gateway.address)
    };
    for fields in [
        &[][..],
        &[("Content-Type", "")],
        &[("Content-Type", "text/plain")],
        &[("Content-Type", "application/x-www-form-urlencoded")],
        &[("Content-Type", "application/jsonp")],
        &[("Content-Type", "application/json; charset=iso-8859-1")],
        &[("Content-Type", "application/json; charset=utf-16")],
        &[("Content-Type", "application/json, text/plain")],
        &[("Content-Type", "application/json"), ("Content-Type", "application/json")],
        &[("Content-Type", "application/json"), ("Content-Type", "text/plain")],
        &[("Content-Type", "application/json"), ("Content-Encoding", "br")],
        &[("Content-Type", "application/json"), ("Content-Encoding", "gzip, gzip")],
        &[
            ("Content-Type", "application/json"),
            ("Content-Encoding", "gzip"),
            ("Content-Encoding", "identity"),
        ],
        &[("Content-Type", "application/json"), ("Content-Encoding", "unheard-of")],
    ] {
        let answer = body(fields);
        assert_eq!(answer.status, 415, "{fields:?}");
        assert_error_is_recorded(&gateway, &answer, &format!("{fields:?}"));
    }
    assert!(recorder.seen().is_empty());
    for media in ["application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""] {
        assert_eq!(body(&[("Content-Type", media)]).status, 201, "{media}");
    }
}

#[test]
fn a_body_over_the_limit_is_413_announced_or_not_zipped_or_not() {
    let recorder = Recorder::start();
    let gateway =
        GatewayBuilder::new(recorder.address).gateway("max_inspected_body = \"2KiB\"").start();
    let padded = |size: usize| format!("{GERMAN_ORDER}{}", " ".repeat(size - GERMAN_ORDER.len()));
    assert_eq!(german(padded(2_048)).send(gateway.address).status, 201);

    let announced = german(padded(2_049)).send(gateway.address);
    let mut chunked = head("Transfer-Encoding: chunked\r\n");
    chunked.extend_from_slice(format!("801\r\n{}\r\n0\r\n\r\n", padded(2_049)).as_bytes());
    let bomb = german(gzip(padded(1 << 20).as_bytes())).header("Content-Encoding", "gzip");
    for answer in [announced, raw(gateway.address, &chunked), bomb.send(gateway.address)] {
        assert_eq!(answer.status, 413);
        assert_error_is_recorded(&gateway, &answer, "over the limit");
    }
    // Nothing but the announcement has arrived: there is nothing to wait for.
    let only_head = raw(gateway.address, &head("Content-Length: 1000000\r\n"));
    assert_eq!(only_head.status, 413);
    assert_eq!(recorder.seen().len(), 1);
}

#[test]
fn null_absent_and_blank_evidence_is_missing_and_never_foreign() {
    let (_recorder, gateway) = start();
    for billing in
        [r#"{}"#, r#"{"country":null}"#, r#"{"country":""}"#, r#"{"country":"  "}"#, "null"]
    {
        let order = format!(
            r#"{{"billing":{billing},"lines":[{{"sku":"KL1047GDEFS","title":null,"vendor":""}}]}}"#
        );
        let german = german(order.clone()).send(gateway.address);
        assert_eq!(german.status, 403, "{billing}");
        assert_eq!(german.json()["type"], "review");
        let us = Request::post("/api/orders", order).from(US).send(gateway.address);
        assert_eq!(us.status, 451, "{billing}");
    }
}

#[test]
fn countries_and_regions_of_the_order_count() {
    let (_recorder, gateway) = start();
    for (billing, client, status) in [
        (r#"{"country":"DE"}"#, GERMAN, 201),
        (r#"{"country":"DEU","region":"PR"}"#, GERMAN, 201),
        (r#"{"country":"IT","region":"PR"}"#, GERMAN, 201),
        (r#"{"country":"US"}"#, GERMAN, 451),
        (r#"{"country":"US","region":"PR"}"#, GERMAN, 451),
        (r#"{"country":"US","region":"us-pr"}"#, GERMAN, 451),
        (r#"{"country":"US","region":"AE"}"#, GERMAN, 451),
        (r#"{"country":"US","region":"PW"}"#, GERMAN, 201),
        (r#"{"country":"PR"}"#, GERMAN, 451),
        (r#"{"country":"u.s.a."}"#, GERMAN, 451),
        (r#"{"country":"Atlantis"}"#, GERMAN, 403),
        (r#"{"country":"DE"}"#, US, 403),
        (r#"{"country":"DE"}"#, VPN, 403),
    ] {
        let order = format!(r#"{{"billing":{billing},"lines":[{{"sku":"KL1047GDEFS"}}]}}"#);
        let answer = Request::post("/api/orders", order).from(client).send(gateway.address);
        assert_eq!(answer.status, status, "{billing} from {client}");
    }
    for (shipping, email, status) in [
        ("DE", "a@example.de", 201),
        ("US", "a@example.de", 451),
        ("DE", "a@army.mil", 451),
        ("DE", "nonsense", 403),
    ] {
        let order = format!(
            r#"{{"billing":{{"country":"DE"}},"email":"{email}","shipping":{{"country":"{shipping}"}},"lines":[{{"sku":"KL1047GDEFS"}}]}}"#
        );
        assert_eq!(german(order).send(gateway.address).status, status, "{shipping} {email}");
    }
}

#[test]
fn an_address_in_the_order_may_worsen_the_outcome_and_never_improve_it() {
    let (_recorder, gateway) = start();
    for (billing, stated, client, status) in [
        ("DE", GERMAN, GERMAN, 201),
        ("DE", US, GERMAN, 403),
        ("DE", VPN, GERMAN, 403),
        ("DE", GERMAN, US, 403),
        ("", US, GERMAN, 451),
        ("", GERMAN, US, 451),
        ("DE", "not an address", GERMAN, 201),
        ("DE", "0.0.0.0", GERMAN, 201),
        ("DE", GERMAN, "garbage", 403),
    ] {
        let order = format!(
            r#"{{"billing":{{"country":"{billing}"}},"customer_ip":"{stated}","lines":[{{"sku":"KL1047GDEFS"}}]}}"#
        );
        let answer = Request::post("/api/orders", order).from(client).send(gateway.address);
        assert_eq!(answer.status, status, "billed in {billing:?}, states {stated}, from {client}");
    }
}

#[test]
fn numbers_stand_for_skus_and_decimal_text_for_quantities() {
    let recorder = Recorder::start();
    let gateway = GatewayBuilder::new(recorder.address)
        .file("catalog.csv", "sku,name,vendor,group\n4711,,,kaspersky.covered\n")
        .with("[catalog]\nfile = \"catalog.csv\"")
        .start();
    let order = |line: &str| format!(r#"{{"billing":{{"country":"US"}},"lines":[{line}]}}"#);
    for line in [r#"{"sku":4711}"#, r#"{"sku":"4711"}"#, r#"{"sku":4711,"quantity":"2.0000"}"#] {
        let answer = german(order(line)).send(gateway.address);
        assert_eq!(answer.status, 451, "{line}");
        assert_eq!(answer.json()["items"][0]["sku"], "4711");
        let record = gateway.record(answer.decision().unwrap().1);
        let quantity = if line.contains("2.0") { 2.into() } else { serde_json::Value::Null };
        assert_eq!(record["items"][0]["quantity"], quantity);
    }
    assert_eq!(
        german(order(r#"{"sku":4712,"title":"Desk lamp"}"#)).send(gateway.address).status,
        201
    );
}

#[test]
fn another_method_on_a_judged_path_is_405_and_falls_through_to_nothing() {
    let (recorder, gateway) = start();
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "post"] {
        for path in ["/api/orders", "/API/orders/"] {
            let answer = Request::new(method, path).from(US).send(gateway.address);
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, Some("POST")),
                "{method} {path}"
            );
            assert_error_is_recorded(&gateway, &answer, method);
        }
    }
    assert!(recorder.seen().is_empty());
}

#[test]
fn no_spelling_of_a_judged_path_falls_through_to_another_route() {
    let (recorder, gateway) = start();
    for path in [
        "/api/orders/",
        "/api/orders//",
        "/api/orders.",
        "/api/orders%20",
        "/api/orders%2e",
        "/api/orders;v=1",
        "/api;x/orders",
        "/API/Orders",
        "//api//orders",
        "/api/./orders",
        "/api/x/../orders",
        "/%2e/api/orders",
        "/api/%2E/orders",
        "/api/x/%2e%2e/orders",
        "/api/%6frders",
        "/%61%70%69/orders",
        "/api/orders?x=1",
        "/api/orders?",
        "/api/%EF%BD%8Frders",
    ] {
        let answer = Request::post(path, US_ORDER).from(US).send(gateway.address);
        assert_eq!(answer.status, 451, "{path}");
    }
    for path in [
        "/api%2forders",
        "/api%5corders",
        "/api\\orders",
        "/api/orders%00",
        "/api/orders%3b",
        "/api/orders%3fx",
        "/api/orders%23",
        "/api/%256frders",
        "/api/orders%c0%af",
        "/api/..;/api/orders",
        "/api/.../orders",
        "/../api/orders",
        "/%u0061pi/orders",
    ] {
        let answer = Request::post(path, US_ORDER).from(US).send(gateway.address);
        assert_eq!(answer.status, 400, "{path}");
    }
    assert!(recorder.seen().is_empty());
}

fn start() -> (Recorder, Gateway) {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    (recorder, gateway)
}

fn german(body: impl Into<Vec<u8>>) -> Request {
    Request::post("/api/orders", body).from(GERMAN)
}

/// The head of a German order with further lines.
fn head(lines: &str) -> Vec<u8> {
    format!(
        "POST /api/orders HTTP/1.1\r\nHost: mirror.example\r\nX-Forwarded-For: {GERMAN}\r\n\
         Content-Type: application/json\r\n{lines}\r\n"
    )
    .into_bytes()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Carries `Interdict-Decision: error` with the id of a record that says why.
fn assert_error_is_recorded(gateway: &Gateway, answer: &Answer, what: &str) {
    let (verdict, id) = answer.decision().unwrap_or_else(|| panic!("{what}: no decision"));
    assert_eq!(verdict, "error", "{what}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    let record = gateway.record(id);
    assert_eq!(
        (&record["kind"], &record["status"], &record["route"]),
        (&"refusal".into(), &answer.status.into(), &"orders".into()),
        "{what}"
    );
    assert!(!record["reason"].as_str().unwrap().is_empty(), "{what}");
}
