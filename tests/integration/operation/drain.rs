//! Ends that are asked for.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::http::connect;
use crate::support::interdict;
use crate::support::run;
use crate::support::until;

/// A mirror that serves its one file of 2 MB at `rate` bytes a second.
fn slow_mirror(rate: &str) -> Nginx {
    let file = "x".repeat(2_000_000);
    Nginx::start(
        &format!("root $root/www; limit_rate {rate};"),
        &[("www/mirror/index/u1313g.xml", &file)],
    )
}

/// A download that has begun.
fn begun(gateway: &Gateway) -> (TcpStream, usize) {
    let mut stream = connect(gateway.address);
    let request = Request::get("/mirror/index/u1313g.xml").from(GERMAN);
    stream.write_all(&request.bytes()).unwrap();
    let mut buffer = [0; 1_024];
    let read = stream.read(&mut buffer).unwrap();
    assert!(buffer.starts_with(b"HTTP/1.1 200"));
    (stream, read)
}

#[test]
fn a_running_download_finishes_new_connections_are_refused_and_the_end_is_0() {
    let nginx = slow_mirror("1m");
    let mut gateway = Gateway::start(nginx.address);
    let (mut stream, read) = begun(&gateway);
    gateway.signal("TERM");
    until("the listener's end", || TcpStream::connect(gateway.address).err());
    let mut rest = Vec::new();
    // The gateway closes the connection after the answer: it is draining.
    stream.read_to_end(&mut rest).unwrap();
    assert!(read + rest.len() > 2_000_000);
    assert_eq!(gateway.wait(), Some(0));
    let ledger = gateway.dir().join("ledger");
    assert_eq!(run(interdict().args(["ledger", "verify"]).arg(ledger)).code, Some(0));
}

#[test]
fn a_download_that_outlasts_the_drain_timeout_is_ended() {
    let nginx = slow_mirror("50k");
    let mut gateway = GatewayBuilder::new(nginx.address).gateway("drain_timeout = \"1s\"").start();
    let (mut stream, read) = begun(&gateway);
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).ok();
    assert!(read + rest.len() < 2_000_000);
}

#[test]
fn an_unused_connection_does_not_hold_up_the_drain() {
    let nginx = Nginx::mirror_and_shop();
    let mut gateway = Gateway::start(nginx.address);
    let mut stream = connect(gateway.address);
    let request = Request::get("/mirror/index/u1313g.xml").from(GERMAN);
    stream.write_all(&request.bytes()).unwrap();
    let mut buffer = [0; 4_096];
    assert!(stream.read(&mut buffer).unwrap() > 0);
    let start = Instant::now();
    gateway.signal("TERM");
    assert_eq!(gateway.wait(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5));
}
