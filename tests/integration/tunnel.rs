//! Tunnels through the gateway: judged like any request, and a tunnel only after the right 101.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;
use std::process::Command;
use std::process::Stdio;
use std::thread;
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
use crate::support::until;

/// Key and answer of RFC 6455 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// What a gateway must never pass on behind a handshake that was not agreed to.
const SMUGGLED: &[u8] = b"GET /index/u1313g.xml HTTP/1.1\r\nHost: mirror.example\r\n\r\n";

fn switching(accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    )
}

/// Agrees to every handshake and sends every byte back; ends its side when the client's has ended.
fn echo() -> Recorder {
    Recorder::with(|_, stream| {
        stream.write_all(switching(ACCEPT).as_bytes()).unwrap();
        let mut back = stream.try_clone().unwrap();
        std::io::copy(stream, &mut back).ok();
        false
    })
}

fn handshake(target: &str) -> Request {
    Request::get(target)
        .header("Connection", "keep-alive, Upgrade")
        .header("Upgrade", "WebSocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", KEY)
        .header("Sec-WebSocket-Protocol", "chat")
}

/// The head of an answer, byte by byte, so that nothing of a tunnel is read.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

/// A tunnel that is open.
fn open(gateway: &Gateway, request: &Request) -> (TcpStream, String) {
    let mut stream = connect(gateway.address);
    stream.write_all(&request.bytes()).unwrap();
    let head = head(&mut stream);
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    (stream, head)
}

fn echoes(stream: &mut TcpStream, text: &[u8]) {
    stream.write_all(text).unwrap();
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, text);
}

#[test]
fn bytes_flow_both_ways_after_a_handshake_and_are_counted() {
    let upstream = echo();
    let gateway = Gateway::start(upstream.address);
    let (mut stream, head) = open(&gateway, &handshake("/chat").from(GERMAN));
    for field in [
        "\r\nupgrade: websocket\r\n",
        "\r\nconnection: upgrade\r\n",
        &format!("\r\nsec-websocket-accept: {}\r\n", ACCEPT.to_lowercase()),
        "\r\nsec-websocket-protocol: chat\r\n",
    ] {
        assert!(head.contains(field), "{head}");
    }
    for unwanted in ["content-length", "transfer-encoding", "interdict-decision"] {
        assert!(!head.contains(unwanted), "{head}");
    }
    let seen = upstream.last();
    assert_eq!(seen.values("upgrade"), ["websocket"]);
    assert_eq!(seen.values("connection"), ["Upgrade"]);
    assert_eq!(seen.values("sec-websocket-key"), [KEY]);
    echoes(&mut stream, b"\x81\x85masked");
    assert!(gateway.metric("interdict_tunnels_open") > 0.5);
    // More than all buffers on the way hold: both ways must move at once.
    let large: Vec<u8> = (0..8_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let (mut writer, sent) = (stream.try_clone().unwrap(), large.clone());
    let writing = thread::spawn(move || writer.write_all(&sent).unwrap());
    let mut back = vec![0; large.len()];
    stream.read_exact(&mut back).unwrap();
    writing.join().unwrap();
    assert!(back == large);
    // The client's end goes through, and the server's comes back.
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    until("the tunnel's end", || (gateway.metric("interdict_tunnels_open") < 0.5).then_some(()));
    for from in ["client", "upstream"] {
        let sample = format!("interdict_tunnel_bytes_total{{from=\"{from}\"}}");
        assert!((gateway.metric(&sample) - 8_000_008.0).abs() < 0.5, "{}", gateway.metrics());
    }
}

#[test]
fn a_client_that_has_ended_its_side_still_gets_what_the_server_says() {
    let upstream = Recorder::with(|_, stream| {
        stream.write_all(switching(ACCEPT).as_bytes()).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(b"bye after ").unwrap();
        stream.write_all(&all).unwrap();
        false
    });
    let gateway = Gateway::start(upstream.address);
    let (mut stream, _) = open(&gateway, &handshake("/chat"));
    stream.write_all(b"close").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert_eq!(all, "bye after close");
}

#[test]
fn what_a_server_sends_with_its_101_and_its_end_reach_the_client() {
    let upstream = Recorder::with(|_, stream| {
        let answer = [switching(ACCEPT).as_bytes(), b"hello"].concat();
        stream.write_all(&answer).unwrap();
        false
    });
    let gateway = Gateway::start(upstream.address);
    let (mut stream, _) = open(&gateway, &handshake("/chat"));
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    assert_eq!(all, "hello");
}

#[test]
fn a_101_that_does_not_agree_to_the_handshake_is_502_and_opens_nothing() {
    let good = switching(ACCEPT);
    for bad in [
        switching("AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        good.replace("Sec-WebSocket-Accept", "X-Accept"),
        good.replace("Upgrade: websocket", "Upgrade: h2c"),
        good.replace("Connection: Upgrade", "Connection: keep-alive"),
    ] {
        let upstream = Recorder::answering(bad.clone());
        let gateway = Gateway::start(upstream.address);
        let mut stream = connect(gateway.address);
        stream.write_all(&[&handshake("/chat").bytes(), SMUGGLED].concat()).unwrap();
        assert_eq!(Answer::read(&mut stream, false).status, 502, "{bad}");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
        assert_eq!(upstream.seen().len(), 1, "nothing else went to the server");
    }
}

#[test]
fn what_comes_behind_a_handshake_is_neither_passed_nor_served_unless_a_101_came() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ] {
        let upstream = Recorder::answering(answer);
        let gateway = Gateway::start(upstream.address);
        let mut stream = connect(gateway.address);
        let request = handshake("/chat").from(US);
        stream.write_all(&[&request.bytes(), SMUGGLED].concat()).unwrap();
        let got = Answer::read(&mut stream, false);
        assert_eq!((got.text().as_str(), got.complete), ("ok", true));
        assert_eq!(got.header("connection"), Some("close"));
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
        assert_eq!(upstream.seen().len(), 1);
    }
}

#[test]
fn a_handshake_on_a_judged_target_is_judged_refused_and_recorded_as_any_request() {
    let upstream = echo();
    let gateway = Gateway::start(upstream.address);
    for target in ["/mirror/index/u1313g.xml", "/index/u1313g.xml"] {
        let refused = handshake(target).from(US).send(gateway.address);
        assert_eq!(refused.status, 451, "{target}");
        assert_eq!(gateway.record(refused.decision().unwrap().1)["decision"]["verdict"], "block");
    }
    assert!(upstream.seen().is_empty());
    let (mut stream, head) = open(&gateway, &handshake("/mirror/index/u1313g.xml").from(GERMAN));
    let id = head.split("interdict-decision: allow; id=").nth(1).unwrap();
    assert_eq!(gateway.record(id.lines().next().unwrap())["decision"]["verdict"], "allow");
    echoes(&mut stream, b"for a German");
}

#[test]
fn another_version_is_426_and_a_broken_handshake_400_and_neither_reaches_the_server() {
    let upstream = echo();
    let gateway = Gateway::start(upstream.address);
    let handshake = |version: &str, key: &str| {
        let request = Request::get("/chat").header("Connection", "Upgrade");
        let request = request.header("Upgrade", "websocket");
        request.header("Sec-WebSocket-Version", version).header("Sec-WebSocket-Key", key)
    };
    let old = handshake("8", KEY).send(gateway.address);
    assert_eq!((old.status, old.header("sec-websocket-version")), (426, Some("13")));
    assert_eq!(handshake("13", "short").send(gateway.address).status, 400);
    assert_eq!(handshake("13", KEY).body("x").send(gateway.address).status, 400);
    assert!(upstream.seen().is_empty());
}

#[test]
fn other_upgrades_and_mixed_ones_are_removed_and_the_request_is_served() {
    let upstream = Recorder::start();
    let gateway = Gateway::start(upstream.address);
    for (upgrade, connection) in [
        ("h2c", "Upgrade, HTTP2-Settings"),
        ("websocket, h2c", "Upgrade"),
        ("TLS/1.2", "Upgrade"),
        ("websocket", "close"),
    ] {
        let request = Request::get("/chat")
            .header("Connection", connection)
            .header("Upgrade", upgrade)
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", KEY);
        assert_eq!(request.send(gateway.address).status, 201, "{upgrade}");
        assert!(upstream.last().values("upgrade").is_empty(), "{upgrade}");
    }
    let twice = handshake("/chat").header("Upgrade", "h2c");
    assert_eq!(twice.send(gateway.address).status, 201);
    assert!(upstream.last().values("upgrade").is_empty());
}

#[test]
fn a_tunnel_in_which_nothing_moves_is_closed() {
    let upstream = echo();
    let gateway =
        GatewayBuilder::new(upstream.address).gateway("tunnel_idle_timeout = \"1s\"").start();
    let (mut stream, _) = open(&gateway, &handshake("/chat"));
    let start = Instant::now();
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    assert!(start.elapsed() >= Duration::from_millis(900), "not before its time");
}

#[test]
fn a_rule_that_cuts_ends_a_running_tunnel() {
    let upstream = echo();
    let effective = jiff::Timestamp::now() + Duration::from_secs(3);
    let gateway = crate::in_flight::gateway(&upstream, effective, "cut");
    let (mut stream, _) = open(&gateway, &handshake("/mirror/index/u1313g.xml").from(US));
    echoes(&mut stream, b"before the rule");
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    assert!(jiff::Timestamp::now() >= effective, "not before the rule");
}

#[test]
fn a_drain_lets_a_tunnel_go_on_and_then_ends_it() {
    let upstream = echo();
    let mut gateway =
        GatewayBuilder::new(upstream.address).gateway("drain_timeout = \"2s\"").start();
    let (mut stream, _) = open(&gateway, &handshake("/chat"));
    gateway.signal("TERM");
    until("the listener's end", || TcpStream::connect(gateway.address).err());
    echoes(&mut stream, b"still here");
    assert_eq!(gateway.wait(), Some(0));
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn a_drain_waits_no_longer_than_the_last_tunnel() {
    let upstream = echo();
    let mut gateway =
        GatewayBuilder::new(upstream.address).gateway("drain_timeout = \"60s\"").start();
    let (mut stream, _) = open(&gateway, &handshake("/chat"));
    gateway.signal("TERM");
    until("the listener's end", || TcpStream::connect(gateway.address).err());
    echoes(&mut stream, b"still here");
    drop(stream);
    assert_eq!(gateway.wait(), Some(0));
}

#[test]
fn a_tunnel_goes_through_a_tls_listener() {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let upstream = echo();
    let gateway = GatewayBuilder::new(upstream.address)
        .gateway("tls = { certificate = \"c.pem\", key = \"k.pem\" }")
        .file("c.pem", certificate)
        .file("k.pem", key.serialize_pem())
        .start();
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &gateway.address.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(&handshake("/chat").bytes()).unwrap();
    let mut stdout = client.stdout.take().unwrap();
    let mut heard = Vec::new();
    let mut byte = [0];
    while !heard.ends_with(b"\r\n\r\n") && stdout.read(&mut byte).unwrap() > 0 {
        heard.push(byte[0]);
    }
    assert!(heard.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&heard));
    stdin.write_all(b"through TLS").unwrap();
    let mut back = [0; 11];
    stdout.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"through TLS");
    client.kill().unwrap();
    client.wait().unwrap();
}
