//! The PROXY protocol in front: HAProxy for real, and what a stranger might send in its place.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use socket2::Domain;
use socket2::Socket;
use socket2::Type;
use tempfile::TempDir;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Program;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::http::connect;
use crate::support::nginx::free_address;
use crate::support::until;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const UPDATE: &str = "/mirror/index/u1313g.xml";

fn start() -> (Recorder, Gateway) {
    let recorder = Recorder::answering(OK);
    let gateway = GatewayBuilder::new(recorder.address)
        .environment("INTERDICT__GATEWAY__CLIENT_ADDRESS", "proxy-protocol")
        .gateway("header_timeout = \"1s\"")
        .start();
    (recorder, gateway)
}

/// HAProxy that passes connections on as if they came from `client`.
fn haproxy(client: &str, send: &str, to: SocketAddr) -> (Program, SocketAddr, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let text = format!(
        "global\n maxconn 100\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n\
         frontend f\n bind {address}\n tcp-request connection set-src str({client})\n default_backend b\n\
         backend b\n server s {to} {send}\n"
    );
    let path = dir.path().join("haproxy.cfg");
    fs::write(&path, text).unwrap();
    let program = Program::start(Command::new("haproxy").arg("-db").arg("-f").arg(&path));
    until("haproxy", || TcpStream::connect(address).ok());
    (program, address, dir)
}

/// What comes back on a connection that begins with these bytes; `None` if it ends without an answer.
fn raw(address: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let mut stream = connect(address);
    stream.write_all(bytes).ok()?;
    let answer = Answer::read(&mut stream, false);
    (answer.status != 0).then_some(answer.status)
}

#[test]
fn haproxy_tells_the_client_in_either_version_and_nothing_else_does() {
    let (recorder, gateway) = start();
    for send in ["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl-cn"] {
        for (client, status) in [(US, 451), (GERMAN, 200), ("2001:db8:ffff::1", 403)] {
            let (_haproxy, address, _dir) = haproxy(client, send, gateway.address);
            // A forwarding header is anybody's.
            let answer = Request::get(UPDATE).from(GERMAN).send(address);
            assert_eq!(answer.status, status, "{send} {client}");
            let record = gateway.record(answer.decision().unwrap().1);
            assert_eq!(record["request"]["client"], client, "{send}");
            if status == 200 {
                assert_eq!(recorder.last().values("x-forwarded-for"), [client]);
                // Kept alive: the address is the connection's.
                let mut stream = connect(address);
                for _ in 0..2 {
                    stream.write_all(&Request::get(UPDATE).bytes()).unwrap();
                    assert_eq!(Answer::read(&mut stream, false).status, 200);
                }
            }
        }
    }
}

#[test]
fn a_trusted_peer_without_a_sound_header_gets_no_answer() {
    let (recorder, gateway) = start();
    let get = String::from_utf8(Request::get(UPDATE).bytes()).unwrap();
    for header in [
        "",
        "PROXY TCP4 203.0.113.7\r\n",
        "PROXY TCP4 203.0.113.7 127.0.0.1 1 2 3\r\n",
        "PROXY TCP4 203.0.113.7 127.0.0.1 1 2\n",
        "PROXY TCP4 0203.0.113.7 127.0.0.1 1 2\r\n",
        "proxy TCP4 203.0.113.7 127.0.0.1 1 2\r\n",
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x01x",
    ] {
        assert_eq!(raw(gateway.address, format!("{header}{get}").as_bytes()), None, "{header:?}");
    }
    // Twice: the second one is no request.
    let header = "PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n";
    let twice = format!("{header}{header}{get}");
    assert_eq!(raw(gateway.address, twice.as_bytes()), Some(400));
    assert!(recorder.seen().is_empty());
    let sound = format!("{header}{get}");
    assert_eq!(raw(gateway.address, sound.as_bytes()), Some(200));
    // A client that the proxy cannot name is unclear, whatever the socket says.
    assert_eq!(raw(gateway.address, format!("PROXY UNKNOWN\r\n{get}").as_bytes()), Some(403));
    // Half a header is let go.
    let started = Instant::now();
    let mut stream = connect(gateway.address);
    stream.write_all(b"PROXY TCP4 203.0").unwrap();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn nobody_believes_a_strangers_header() {
    let (recorder, gateway) = start();
    let connect_from = |address: &str| -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let from: SocketAddr = format!("{address}:0").parse().unwrap();
        socket.bind(&from.into()).unwrap();
        socket.connect(&gateway.address.into()).unwrap();
        let stream: TcpStream = socket.into();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    };
    let get = Request::get(UPDATE).bytes();
    let mut plain = connect_from("127.0.0.9");
    plain.write_all(&get).unwrap();
    assert_eq!(Answer::read(&mut plain, false).status, 403);
    let mut forged = connect_from("127.0.0.9");
    forged.write_all(b"PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n").unwrap();
    forged.write_all(&get).unwrap();
    assert_eq!(Answer::read(&mut forged, false).status, 400);
    assert!(recorder.seen().is_empty());
}
