//! Bodies of any size at the pace of the slower side, and upstreams that fail in every way they can.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::http::connect;
use crate::support::nginx::free_address;
use crate::support::until;

const LARGE: usize = 50 << 20;
/// What a transfer may add to the process, whatever its size.
const ROOM: u64 = 12 << 10;
const UPDATE: &str = "/mirror/index/u1313g.xml";

/// Waits until what opens in the background, the search index above all, has taken its memory.
fn settle(gateway: &Gateway) {
    assert_eq!(Request::get(UPDATE).from(US).send(gateway.address).status, 451);
    until("the search index", || {
        (gateway.metric("interdict_ledger_indexed_records") > 0.0).then_some(())
    });
}

/// The largest the process has been, in KiB.
fn peak(gateway: &Gateway) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Reads and forgets; returns how much there was.
fn drain(stream: &mut impl Read) -> usize {
    let mut buffer = vec![0; 1 << 18];
    let mut total = 0;
    while let Ok(read) = stream.read(&mut buffer)
        && read > 0
    {
        total += read;
    }
    total
}

#[test]
fn fifty_megabytes_down_take_no_memory_of_their_own() {
    let nginx = Nginx::start("root $root/www;", &[("www/mirror/index/u1313g.xml", "")]);
    let file = fs::File::create(nginx.dir().join("www").join(&UPDATE[1..])).unwrap();
    file.set_len(LARGE as u64).unwrap();
    let gateway = Gateway::start(nginx.address);
    let get = Request::get(UPDATE).from(GERMAN).header("Connection", "close");
    let small = get.clone().header("Range", "bytes=0-9").send(gateway.address);
    assert_eq!((small.status, small.body.len()), (206, 10));
    settle(&gateway);
    let before = peak(&gateway);
    let mut stream = connect(gateway.address);
    stream.write_all(&get.bytes()).unwrap();
    let total = drain(&mut stream);
    assert!(total > LARGE && total < LARGE + 2_000, "{total}");
    let grown = peak(&gateway) - before;
    assert!(grown < ROOM, "{grown} KiB");
    let bytes =
        gateway.metric("interdict_response_body_bytes_total{outcome=\"served\",route=\"updates\"}");
    assert!(bytes >= LARGE as f64, "{bytes}: {}", gateway.metrics());
}

#[test]
fn fifty_megabytes_up_take_no_memory_of_their_own() {
    let received = Arc::new(AtomicU64::new(0));
    let sink = Arc::clone(&received);
    let upstream = server(move |stream| {
        let mut buffer = vec![0; 1 << 18];
        while (sink.load(Ordering::Relaxed) as usize) < LARGE {
            let Ok(read @ 1..) = stream.read(&mut buffer) else { return };
            sink.fetch_add(read as u64, Ordering::Relaxed);
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        drain(stream);
    });
    let gateway = Gateway::start(upstream);
    Request::get(UPDATE).send(gateway.address);
    settle(&gateway);
    let before = peak(&gateway);
    let mut stream = connect(gateway.address);
    let head = format!("POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: {LARGE}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..LARGE >> 20 {
        stream.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    assert_eq!(Answer::read(&mut stream, false).status, 204);
    let grown = peak(&gateway) - before;
    assert!(grown < ROOM, "{grown} KiB");
}

#[test]
fn a_client_that_does_not_read_holds_the_upstream_back() {
    let written = Arc::new(AtomicU64::new(0));
    let sink = Arc::clone(&written);
    let recorder = Recorder::with(move |_, stream| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let piece = vec![b'x'; 1 << 16];
        for _ in 0..LARGE >> 16 {
            if stream.write_all(&piece).is_err() {
                return false;
            }
            sink.fetch_add(1 << 16, Ordering::Relaxed);
        }
        true
    });
    let gateway = Gateway::start(recorder.address);
    settle(&gateway);
    let before = peak(&gateway);
    let mut stream = connect(gateway.address);
    stream
        .write_all(&Request::get(UPDATE).from(GERMAN).header("Connection", "close").bytes())
        .unwrap();
    let mut last = u64::MAX;
    let stalled = until("the upstream to be held back", || {
        let now = written.load(Ordering::Relaxed);
        thread::sleep(Duration::from_millis(150));
        let still = now > 0 && now == last;
        last = now;
        still.then_some(now)
    });
    assert!((stalled as usize) < LARGE / 2, "{stalled} bytes went to nobody");
    assert!(peak(&gateway) - before < ROOM);
    assert!(drain(&mut stream) > LARGE, "and then it gets all of it");
}

#[test]
fn an_upstream_that_dies_in_mid_body_is_seen_by_the_client() {
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense\r\n",
    ] {
        let arrived = Arc::new(AtomicBool::new(false));
        let waits = Arc::clone(&arrived);
        let recorder = Recorder::with(move |_, stream| {
            let (first, second) = head.split_at(head.len().min(head.find("half").unwrap() + 6));
            stream.write_all(first.as_bytes()).unwrap();
            until("the client to have it", || waits.load(Ordering::Relaxed).then_some(()));
            stream.write_all(second.as_bytes()).unwrap();
            false
        });
        let gateway = Gateway::start(recorder.address);
        let mut stream = connect(gateway.address);
        stream.write_all(&Request::get(UPDATE).from(GERMAN).bytes()).unwrap();
        let mut text = Vec::new();
        while !text.windows(4).any(|window| window == b"half") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            text.extend_from_slice(&byte);
        }
        arrived.store(true, Ordering::Relaxed);
        let answer = Answer::read(&mut text.chain(&mut stream), false);
        assert_eq!((answer.status, answer.complete), (200, false), "{head:?}: {answer:?}");
        assert_eq!(recorder.seen().len(), 1, "what may have begun is not sent again");

        // One that dies at once may take its head with it; the answer is no less broken for that.
        let answer = Request::get(UPDATE).from(GERMAN).send(gateway.address);
        assert!(!answer.complete, "{head:?}: {answer:?}");
    }
}

#[test]
fn an_upstream_that_fails_before_its_head_is_502_and_one_that_is_too_slow_504() {
    let dead = Gateway::start(free_address());
    let garbage = Recorder::answering("SSH-2.0-OpenSSH_9.2p1\r\n\r\n");
    let garbage = Gateway::start(garbage.address);
    let closing = Recorder::with(|_, _| false);
    let closing = Gateway::start(closing.address);
    let unclear = Recorder::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    );
    let unclear = Gateway::start(unclear.address);
    for gateway in [&dead, &garbage, &closing, &unclear] {
        let order = r#"{"billing":{"country":"DE"},"lines":[{"sku":"KL1047GDEFS"}]}"#;
        for request in [Request::get(UPDATE), Request::post("/api/orders", order)] {
            let answer = request.from(GERMAN).send(gateway.address);
            assert_eq!(answer.status, 502, "{answer:?}");
            let (verdict, id) = answer.decision().unwrap();
            assert_eq!(verdict, "error");
            assert_eq!(gateway.record(id)["decision"]["verdict"], "allow");
        }
        let unjudged = Request::get("/static/logo.txt").send(gateway.address);
        assert_eq!((unjudged.status, unjudged.decision()), (502, None));
    }

    let over = Arc::new(AtomicBool::new(false));
    let waits = Arc::clone(&over);
    let slow = Recorder::with(move |_, _| {
        until("the end of the test", || waits.load(Ordering::Relaxed).then_some(()));
        false
    });
    let lines = format!("servers = [\"http://{}\"]\nresponse_timeout = \"200ms\"", slow.address);
    let gateway = GatewayBuilder::new(slow.address).upstream(&lines).start();
    let answer = Request::get(UPDATE).from(GERMAN).send(gateway.address);
    assert_eq!((answer.status, answer.decision().unwrap().0), (504, "error"));
    assert_eq!(Request::get("/static/x").send(gateway.address).status, 504);
    over.store(true, Ordering::Relaxed);
    let told: f64 = gateway
        .metrics()
        .lines()
        .filter(|line| line.starts_with("interdict_upstream_errors_total{"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum();
    assert!(told >= 2.0, "{told}");
}

#[test]
fn rfc9110_10_1_1_the_client_is_asked_to_go_on_only_where_its_body_is_wanted() {
    let recorder = Recorder::start();
    let gateway =
        GatewayBuilder::new(recorder.address).gateway("max_inspected_body = \"1KiB\"").start();
    let order = r#"{"billing":{"country":"DE"},"lines":[{"sku":"KL1047GDEFS"}]}"#;
    for (path, length) in [("/api/orders", order.len()), ("/upload", order.len())] {
        let mut stream = connect(gateway.address);
        stream.write_all(head(path, length).as_bytes()).unwrap();
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).unwrap();
        assert_eq!(&interim[..], b"HTTP/1.1 100 Continue\r\n\r\n", "{path}");
        stream.write_all(order.as_bytes()).unwrap();
        assert_eq!(Answer::read(&mut stream, false).status, 201, "{path}");
        assert_eq!(recorder.last().body, order.as_bytes());
    }
    let mut stream = connect(gateway.address);
    stream.write_all(head("/api/orders", 5_000).as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut stream, false).status, 413);
}

#[test]
fn when_one_of_two_servers_dies_traffic_goes_on_and_the_metric_tells() {
    let serve = |name: &str| Nginx::start(&format!("location / {{ return 200 '{name}'; }}"), &[]);
    let (first, second) = (serve("first"), serve("second"));
    let lines = format!(
        "servers = [\"http://{}\", \"http://{}\"]\n[upstream.health]\npath = \"/healthz\"\ninterval = \"100ms\"\n\
         timeout = \"1s\"\nhealthy = 1\nunhealthy = 1",
        first.address, second.address
    );
    let gateway = GatewayBuilder::new(first.address).upstream(&lines).start();
    let healthy = |address| {
        let sample = format!(
            "interdict_upstream_server_healthy{{server=\"http://{address}\",upstream=\"main\"}}"
        );
        gateway.metric(&sample)
    };
    let (a, b) = (first.address, second.address);
    until("both to be healthy", || (healthy(a) + healthy(b) > 1.5).then_some(()));
    let ask = || {
        let answer = Request::get(UPDATE).from(GERMAN).send(gateway.address);
        assert_eq!(answer.status, 200);
        answer.text()
    };
    until("both to serve", || (ask() == "first").then_some(()));
    until("both to serve", || (ask() == "second").then_some(()));
    drop(second);
    for _ in 0..20 {
        assert_eq!(ask(), "first", "at once, not only after a check has failed");
    }
    until("the metric", || (healthy(b) < 0.5).then_some(()));
    assert!(healthy(a) > 0.5);
    assert_eq!(ask(), "first");
}

#[test]
fn connections_to_the_upstream_are_used_again() {
    let nginx = Nginx::start("location / { return 200 $connection:$connection_requests; }", &[]);
    let gateway = Gateway::start(nginx.address);
    let mut stream = connect(gateway.address);
    let mut told = Vec::new();
    for _ in 0..10 {
        stream.write_all(&Request::get(UPDATE).from(GERMAN).bytes()).unwrap();
        told.push(Answer::read(&mut stream, false).text());
    }
    let connections: Vec<_> = told.iter().map(|text| text.split(':').next().unwrap()).collect();
    assert!(connections.iter().all(|connection| *connection == connections[0]), "{told:?}");
    assert!(told[9].ends_with(":10"), "{told:?}");
}

fn head(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {GERMAN}\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// An upstream that hands each connection over as it is.
fn server(
    serve: impl Fn(&mut std::net::TcpStream) + Send + Sync + 'static,
) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(&mut stream));
        }
    });
    address
}
