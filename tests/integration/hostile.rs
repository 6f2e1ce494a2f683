//! Messages made to mean one thing to the gateway and another to the upstream: refused, or passed on in one meaning only.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use std::time::Instant;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::http::connect;
use crate::support::http::raw;
use crate::support::until;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const UPDATE: &str = "GET /index/u1313g.xml HTTP/1.1\r\nHost: h\r\n\r\n";

fn start() -> (Recorder, Gateway) {
    let recorder = Recorder::answering(OK);
    let gateway = Gateway::start(recorder.address);
    (recorder, gateway)
}

/// Every answer on one connection, until it ends or rests.
fn answers(address: SocketAddr, bytes: &[u8]) -> Vec<u16> {
    let mut stream = connect(address);
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut text = Vec::new();
    let mut buffer = [0; 4_096];
    while let Ok(read) = stream.read(&mut buffer)
        && read > 0
    {
        text.extend_from_slice(&buffer[..read]);
    }
    let text = String::from_utf8_lossy(&text);
    let lines = text.split("HTTP/1.1 ").skip(1);
    lines.filter_map(|line| line.split(' ').next()?.parse().ok()).collect()
}

#[test]
fn rfc9112_6_3_a_message_with_two_framings_is_refused_and_its_rest_is_no_request() {
    let (recorder, gateway) = start();
    for framing in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n\r\nabcde",
        "Content-Length: 5\r\nContent-Length: 0\r\n\r\nabcde",
        "Content-Length: 0, 5\r\n\r\nabcde",
        "Content-Length: +5\r\n\r\nabcde",
        "Content-Length: 0x5\r\n\r\nabcde",
        "Content-Length: 5 5\r\n\r\nabcde",
        "Content-Length: -0\r\n\r\n",
        "Content-Length: 99999999999999999999\r\n\r\nabcde",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    ] {
        let bytes = format!("POST /static/x HTTP/1.1\r\nHost: h\r\n{framing}{UPDATE}");
        let statuses = answers(gateway.address, bytes.as_bytes());
        assert!(statuses.len() <= 1, "{framing:?}: {statuses:?}");
        assert!(
            statuses.iter().all(|status| (400..=501).contains(status)),
            "{framing:?}: {statuses:?}"
        );
    }
    assert!(recorder.seen().is_empty(), "{:?}", recorder.seen());
}

#[test]
fn what_is_smuggled_behind_a_lawful_request_is_a_request_of_its_own_and_judged() {
    let (recorder, gateway) = start();
    let update =
        format!("GET /index/u1313g.xml HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {US}\r\n\r\n");
    for (framing, body) in [
        ("Content-Length: 5\r\n", "abcde"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nabcde\r\n0\r\n\r\n"),
        ("Transfer-Encoding: Chunked\r\n", "5\r\nabcde\r\n0\r\n\r\n"),
    ] {
        let bytes = format!("POST /static/x HTTP/1.1\r\nHost: h\r\n{framing}\r\n{body}{update}");
        assert_eq!(answers(gateway.address, bytes.as_bytes()), [200, 451], "{framing}");
        let seen = recorder.last();
        assert_eq!((seen.target(), seen.body.as_slice()), ("/static/x", &b"abcde"[..]));
    }
    assert_eq!(recorder.seen().len(), 3);
}

#[test]
fn line_ends_chunk_extensions_and_trailers_are_refused_or_normalised_never_passed_on() {
    let (recorder, gateway) = start();
    for bytes in [
        format!("GET /static/x HTTP/1.1\nHost: h\nX-Forwarded-For: {GERMAN}\n\n"),
        "GET /static/x HTTP/1.1\r\nHost: h\nX-A: b\r\n\r\n".to_owned(),
        "POST /static/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nabcde\r\n0\r\n\r\n".to_owned(),
        "POST /static/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"\n\"\r\nabcde\r\n0\r\n\r\n".to_owned(),
        "POST /static/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\nabcde\n0\n\n".to_owned(),
        "POST /static/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n".to_owned(),
    ] {
        answers(gateway.address, bytes.as_bytes());
    }
    for seen in recorder.seen() {
        assert!(!seen.head.replace("\r\n", "").contains(['\n', '\r']), "{:?}", seen.head);
        assert!(seen.body.is_empty() || seen.body == b"abcde", "{:?}", seen.body);
        assert!(!seen.head.contains("1.1.1.1"));
    }
}

#[test]
fn a_head_that_is_no_head_is_refused() {
    let (recorder, gateway) = start();
    for head in [
        "GET /static/x HTTP/1.1\r\n\r\n",
        "GET /static/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /static/x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET /static/x HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /static/x HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET /static/x HTTP/1.1\r\nHost: a@b\r\n\r\n",
        "GET /static/x HTTP/1.1\r\nHost: a,b\r\n\r\n",
        "GET /static/x HTTP/1.1\r\nHost: a\r\nX-Nul: a\0b\r\n\r\n",
        "GET /static/x HTTP/1.1\r\nHost: a\r\nX-Folded: a\r\n b\r\n\r\n",
        "GET /static/x HTTP/1.1\r\nHost: a\r\nX Blank: a\r\n\r\n",
        "GET /static/x HTTP/1.1\r\nHost: a\r\nX-Blank : a\r\n\r\n",
        "GET /static/x HTTP/1.1\r\nHost: a\r\nNo-Colon\r\n\r\n",
        "GET /static/x HTTP/1.1\r\nHost: a\r\n: nameless\r\n\r\n",
        "GET /static/x y HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  /static/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /static/\0x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET static/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /static/x HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET /static/x\r\n\r\n",
        "G@T /static/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://b/static/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a:81/static/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://u@a/static/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET ftp://a/static/x HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let statuses = answers(gateway.address, head.as_bytes());
        assert!(statuses.iter().all(|status| *status == 400), "{head:?}: {statuses:?}");
    }
    let huge = format!("GET /static/x HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(300_000));
    let many = format!("GET /static/x HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: a\r\n".repeat(2_000));
    for head in [huge, many] {
        let statuses = answers(gateway.address, head.as_bytes());
        assert!(
            statuses.iter().all(|status| [400, 413, 414, 431].contains(status)),
            "{statuses:?}"
        );
    }
    assert!(recorder.seen().is_empty(), "{:?}", recorder.seen());
}

#[test]
fn the_absolute_form_of_the_same_host_is_judged_and_passed_on_in_origin_form() {
    let (recorder, gateway) = start();
    let ask = |target: &str, client: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\r\n");
        raw(gateway.address, head.as_bytes())
    };
    assert_eq!(ask("http://a/index/u1313g.xml", US).status, 451);
    assert_eq!(ask("HTTP://A:80/index/u1313g.xml", US).status, 451);
    assert_eq!(ask("http://a/static/x?y=z", US).status, 200);
    assert_eq!(
        (recorder.last().target(), recorder.last().values("host")),
        ("/static/x?y=z", vec!["a"])
    );
    assert_eq!(ask("/static/x#/index/u1313g.xml", US).status, 200);
    assert_eq!(recorder.last().target(), "/static/x", "a fragment is never passed on");
    assert_eq!(ask("/index/u1313g.xml#x", US).status, 451);
}

#[test]
fn tunnels_traces_and_upgrades_are_not_served() {
    let (recorder, gateway) = start();
    for head in [
        "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n",
        "CONNECT /static/x HTTP/1.1\r\nHost: h\r\n\r\n",
        "TRACE /static/x HTTP/1.1\r\nHost: h\r\n\r\n",
        "TRACE /index/u1313g.xml HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
        let answer = raw(gateway.address, head.as_bytes());
        assert!([400, 405].contains(&answer.status), "{head:?}: {}", answer.status);
        assert!(!answer.text().contains("TRACE"));
    }
    assert!(recorder.seen().is_empty());
    let upgrade = Request::get("/static/x").header("Connection", "Upgrade, HTTP2-Settings");
    let upgrade = upgrade.header("Upgrade", "h2c").header("HTTP2-Settings", "AAMAAABkAAQAAP__");
    assert_eq!(upgrade.send(gateway.address).status, 200);
    for gone in ["upgrade", "http2-settings"] {
        assert!(recorder.last().values(gone).is_empty(), "{gone}");
    }
}

#[test]
fn no_field_by_which_an_upstream_would_see_another_request_is_passed_on() {
    let (recorder, gateway) = start();
    let overrides = [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Original-URI",
        "X-Forwarded-Path",
        "X-Forwarded-Prefix",
        "X-Forwarded-Uri",
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "X_Original_URL",
        "X_HTTP_Method_Override",
        "X.Original.URL",
        "Proxy-Authorization",
        "TE",
        "Interdict-Decision",
        "Content_Length",
        "Transfer_Encoding",
    ];
    let mut request = Request::get("/static/x").header("X_Custom", "kept");
    for name in overrides {
        request = request.header(name, "/index/u1313g.xml");
    }
    assert_eq!(request.send(gateway.address).status, 200);
    let seen = recorder.last();
    assert!(!seen.head.contains("u1313g"), "{}", seen.head);
    assert_eq!(seen.values("x_custom"), ["kept"]);
}

#[test]
fn rfc9110_7_6_1_connection_removes_what_it_names_but_nothing_that_was_judged_or_set() {
    let recorder = Recorder::answering(OK);
    let gateway = GatewayBuilder::new(recorder.address)
        .routes(
            "[[route]]\nname = \"updates\"\npath = \"/mirror/{*file}\"\naction = \"signature_update\"\n\
             preset = \"kaspersky-mirror\"\nbuyer = { account = { header = \"X-License-Key\" } }\nupstream = \"main\"\n",
        )
        .start();
    let request =
        Request::get("/mirror/index/u1313g.xml").from(GERMAN).header("X-License-Key", "K-1");
    let named = "close, X-Hop, X-License-Key, X-Forwarded-For, X-Real-IP, Host, Forwarded, Cookie, Authorization";
    let request = request.header("Connection", named).header("X-Hop", "1").header("Cookie", "a=b");
    let request = request.header("Authorization", "Basic eA==").header("X_License_Key", "K-2");
    assert_eq!(request.send(gateway.address).status, 200);
    let seen = recorder.last();
    assert!(seen.values("x-hop").is_empty() && seen.values("x_license_key").is_empty());
    for (name, value) in [
        ("x-license-key", "K-1"),
        ("x-forwarded-for", GERMAN),
        ("x-real-ip", GERMAN),
        ("host", "mirror.example"),
        ("cookie", "a=b"),
        ("authorization", "Basic eA=="),
    ] {
        assert_eq!(seen.values(name), [value], "{name}");
    }
}

#[test]
fn an_ambiguous_target_is_400_where_a_reading_matters_and_passes_as_it_came_where_none_does() {
    let (recorder, gateway) = start();
    let ambiguous = [
        "%2541",
        "a%2fb",
        "a%5Cb",
        "a\\b",
        "a%3bb",
        "a%3Fb",
        "a%23b",
        "a%00",
        "a%0d",
        "a%C2%85",
        "a%ff",
        "a%c0%af",
        "100%",
        "%u0061",
        "..;",
        "a/.../b",
        "%EF%BC%8E%EF%BC%8E",
    ];
    for part in ambiguous {
        let judged = Request::get(&format!("/mirror/{part}")).from(GERMAN).send(gateway.address);
        assert_eq!(judged.status, 400, "/mirror/{part}");
        assert_eq!(judged.decision().map(|d| d.0), Some("error"), "/mirror/{part}");
        assert_eq!(gateway.record(judged.decision().unwrap().1)["route"], "updates");
    }
    assert!(recorder.seen().is_empty());
    for target in [
        "/index%2fu1313g.xml",
        "/index%5cu1313g.xml",
        "/index\\u1313g.xml",
        "/%2569ndex/u1313g.xml",
        "/index/u1313g.xml%00.txt",
        "/index/u1313g.xml%3b.txt",
        "/index/u1313g.xml%23",
        "/index/u1313g.xml%3f",
        "/index/u1313g.xml%0a",
        "/static/..;/index/u1313g.xml",
        "/static%2f..%2findex/u1313g.xml",
        "/../index/u1313g.xml",
        "/index%c0%afu1313g.xml",
        "/%u0069ndex/u1313g.xml",
        "/static/\u{ff0e}\u{ff0e}/index/u1313g.xml",
        "/mirror%2fx",
        "/static/..%5cmirror%5cx",
    ] {
        let answer = Request::get(target).from(GERMAN).send(gateway.address);
        assert_eq!(answer.status, 400, "{target}");
    }
    assert!(recorder.seen().is_empty());
    for part in ambiguous {
        let target = format!("/static/x/{part}?q=%2f");
        let passed = Request::get(&target).from(US).send(gateway.address);
        assert_eq!((passed.status, passed.decision()), (200, None), "{target}");
        assert_eq!(recorder.last().target(), target);
    }
}

#[test]
fn a_client_that_is_too_slow_is_let_go() {
    let recorder = Recorder::answering(OK);
    let gateway = GatewayBuilder::new(recorder.address)
        .gateway("header_timeout = \"1s\"\nbody_timeout = \"300ms\"\nidle_timeout = \"1s\"")
        .start();
    let started = Instant::now();
    let order = format!(
        "POST /api/orders HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {GERMAN}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n{{"
    );
    let head = answer_of(&gateway, "GET /static/x HTTP/1.1\r\nHos");
    assert!([0, 408].contains(&head.status), "{}", head.status);
    let body = answer_of(&gateway, &order);
    assert_eq!(body.status, 408);
    let (verdict, id) = body.decision().unwrap_or_else(|| panic!("{body:?}"));
    assert_eq!((verdict, &gateway.record(id)["status"]), ("error", &408.into()));
    // An idle connection ends, too.
    let mut idle = connect(gateway.address);
    idle.write_all(&Request::get("/static/x").bytes()).unwrap();
    assert_eq!(Answer::read(&mut idle, false).status, 200);
    assert_eq!(idle.read(&mut [0; 16]).unwrap(), 0);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_eq!(recorder.seen().len(), 1);
}

/// actix refuses these before they are requests.
#[test]
fn a_message_that_cannot_be_read_is_refused_and_recorded_where_its_target_is_judged() {
    let (recorder, gateway) = start();
    let long = format!("X: {}", "x".repeat(200_000));
    for lines in [
        "Host: h\r\nContent-Length: 3\r\nContent-Length: 4",
        "Host: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
        "Host: h\r\nTransfer-Encoding: chunked, identity",
        "Host: h\r\nContent-Length: +3",
        "Host: h\r\nno colon",
        "Host: h\r\nX : y",
        &format!("Host: h\r\n{long}"),
    ] {
        let before = gateway.records().len();
        let message = |line: &str| format!("{line} HTTP/1.1\r\n{lines}\r\n\r\nabc");
        let answer = answer_of(&gateway, &message("POST /api/orders"));
        let shown = format!("{lines:.60}: {answer:?}");
        assert_eq!(answer.status, 400, "{shown}");
        let (verdict, id) = answer.decision().expect(&shown);
        assert_eq!(verdict, "error", "{shown}");
        let record = gateway.record(id);
        assert_eq!(
            (&record["kind"], &record["status"], &record["route"], &record["request"]["host"]),
            (&"refusal".into(), &400.into(), &"orders".into(), &"h".into())
        );
        let update = answer_of(&gateway, &message("GET http://h/x/index/u1313g.xml"));
        assert_eq!(
            (update.status, update.decision().map(|d| d.0)),
            (400, Some("error")),
            "{shown}"
        );
        let unjudged = answer_of(&gateway, &message("GET /static/x"));
        assert!([400, 431].contains(&unjudged.status) && unjudged.decision().is_none(), "{shown}");
        assert_eq!(gateway.records().len(), before + 2, "{shown}");
    }
    let raw = raw(
        gateway.address,
        b"GET /index/u1313g.xml\xc3\xbc/../u1313g.xml HTTP/1.1\r\nHost: h\r\n\r\n",
    );
    assert_eq!((raw.status, raw.decision().map(|d| d.0)), (400, Some("error")), "{raw:?}");
    let two_blanks = answer_of(&gateway, "GET  /index/u1313g.xml HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!((two_blanks.status, two_blanks.decision().map(|d| d.0)), (400, Some("error")));
    assert!(recorder.seen().is_empty());
}

/// actix itself limits the first head of a connection alone.
#[test]
fn every_head_of_a_connection_has_its_limit() {
    let recorder = Recorder::answering(OK);
    let gateway = GatewayBuilder::new(recorder.address)
        .gateway("header_timeout = \"1s\"\nidle_timeout = \"30s\"")
        .start();
    let whole = Request::get("/static/x").bytes();
    for drop_by_drop in [false, true] {
        let mut stream = connect(gateway.address);
        stream.write_all(&whole).unwrap();
        assert_eq!(Answer::read(&mut stream, false).status, 200);
        let started = Instant::now();
        stream.write_all(b"GET /mirror/x HTTP/1.1\r\nX: ").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut answer = Vec::new();
        let ended = loop {
            if drop_by_drop {
                drop(stream.write_all(b"x"));
            }
            match stream.read_to_end(&mut answer) {
                Ok(_) => break true,
                Err(_) if started.elapsed() > Duration::from_secs(8) => break false,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break true,
                Err(_) => {}
            }
        };
        assert!(ended, "{:?}", started.elapsed());
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert_eq!(gateway.records().last().unwrap()["status"], 408);
    }
}

#[test]
fn a_head_begun_behind_a_whole_request_does_not_hold_the_connection() {
    let recorder = Recorder::answering(OK);
    let gateway = GatewayBuilder::new(recorder.address)
        .gateway("header_timeout = \"1s\"\nidle_timeout = \"1s\"")
        .start();
    let mut stream = connect(gateway.address);
    let both = [Request::get("/static/x").bytes(), b"GET /static/x HTT".to_vec()].concat();
    stream.write_all(&both).unwrap();
    assert_eq!(Answer::read(&mut stream, false).status, 200);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408 "));
}

#[test]
fn a_slow_upstream_and_a_slow_reader_are_not_a_slow_head() {
    let body = vec![b'x'; 24 << 20];
    let answer = [
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes(),
        body.clone(),
    ]
    .concat();
    let recorder = Recorder::with(move |_, stream| {
        std::thread::sleep(Duration::from_millis(2_500));
        stream.write_all(&answer).is_ok()
    });
    let gateway = GatewayBuilder::new(recorder.address)
        .gateway("header_timeout = \"1s\"\nidle_timeout = \"1s\"")
        .start();
    let mut stream = connect(gateway.address);
    stream.write_all(&Request::get("/static/x").bytes()).unwrap();
    let mut received = 0;
    let mut buffer = vec![0; 512 << 10];
    let started = Instant::now();
    while received < body.len() {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "cut after {received} bytes and {:?}", started.elapsed());
        received += read;
        std::thread::sleep(Duration::from_millis(60));
    }
    assert!(started.elapsed() > Duration::from_secs(4));
}

#[test]
fn a_body_that_breaks_off_is_recorded_and_goes_nowhere() {
    let (recorder, gateway) = start();
    let mut stream = connect(gateway.address);
    let head = format!(
        "POST /api/orders HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {GERMAN}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nxyz\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let answer = Answer::read(&mut stream, false);
    // The connection cannot be read any further; it may end before the answer is written.
    assert!([0, 400].contains(&answer.status), "{}", answer.status);
    let record = until("the record", || gateway.records().pop());
    assert_eq!(
        (&record["status"], &record["reason"]),
        (&400.into(), &"the body did not arrive whole".into())
    );
    assert!(recorder.seen().is_empty());
}

fn answer_of(gateway: &Gateway, bytes: &str) -> Answer {
    raw(gateway.address, bytes.as_bytes())
}

#[test]
fn an_answer_that_waits_for_its_client_is_not_taken_for_a_fault_of_the_next_head() {
    let body = vec![b'x'; 24 << 20];
    let head = format!("HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n", body.len());
    let recorder = Recorder::answering([head.into_bytes(), body.clone()].concat());
    let gateway = Gateway::start(recorder.address);
    let mut stream = connect(gateway.address);
    stream.write_all(&Request::get("/static/x").bytes()).unwrap();
    // Nothing is read until the way is full, and half of a judged head waits behind.
    std::thread::sleep(Duration::from_millis(300));
    stream.write_all(b"GET /index/u1313g.xml HTTP/1.1\r\nHo").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let first = Answer::read(&mut stream, false);
    assert_eq!((first.status, first.body.len()), (404, body.len()));
    stream.write_all(b"st: h\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut stream, false).status, 451);
}
