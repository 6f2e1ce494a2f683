//! What a client sees when the answer goes through actix, which frames it anew.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::dev::{Payload, ServerHandle};
use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::{TestServer, read_head, request, until};
use crate::gateway::upstream::{OutgoingBody, Upstream, UpstreamBody, UpstreamClient};

/// Passes everything on, as the gateway mounts it: an unboxed body, and no half-closed clients.
fn front(upstream: Upstream) -> (SocketAddr, ServerHandle) {
    let server = HttpServer::new(move || {
        App::new().app_data(Data::new(upstream.client())).default_service(web::to(pass))
    })
    .workers(1)
    .h1_allow_half_closed(false)
    .bind(("127.0.0.1", 0))
    .unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (address, handle)
}

async fn pass(
    incoming: HttpRequest,
    payload: web::Payload,
    client: Data<UpstreamClient>,
) -> HttpResponse<UpstreamBody> {
    let payload: Payload = payload.into_inner();
    let body = match *incoming.method() {
        Method::POST => OutgoingBody::Stream { payload, length: None },
        _ => OutgoingBody::Empty,
    };
    let outgoing = request(incoming.method().clone(), incoming.path(), body);
    let answer = client.send(outgoing).await.unwrap();
    let mut response = HttpResponse::with_body(answer.status, answer.body);
    answer.headers.copy_to(response.headers_mut(), |_| true);
    response
}

/// A server that reads one head, answers it and closes.
async fn closing(answer: &'static str) -> TestServer {
    TestServer::start(move |mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await
}

/// Everything a client that asks once gets, in lower case.
async fn seen(answer: &'static str, method: &str) -> String {
    let server = closing(answer).await;
    let (address, handle) = front(server.upstream());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = String::new();
    stream.read_to_string(&mut seen).await.unwrap();
    handle.stop(false).await;
    seen.to_lowercase()
}

#[test]
fn a_client_can_tell_a_broken_answer_from_a_whole_one() {
    actix_web::rt::System::new().block_on(async {
        for (answer, whole) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegin", false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n", false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n0\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbegin", true),
        ] {
            let seen = seen(answer, "GET").await;
            let ended = seen.ends_with("0\r\n\r\n")
                || (seen.contains("content-length: 5\r\n") && seen.ends_with("\r\n\r\nbegin"));
            assert_eq!(ended, whole, "{seen}");
        }
    });
}

#[test]
fn answers_without_a_body_keep_their_length_field_and_have_no_body() {
    actix_web::rt::System::new().block_on(async {
        for (answer, method, length) in [
            ("HTTP/1.1 200 OK\r\nETag: x\r\nContent-Length: 70\r\n\r\n", "HEAD", Some(70)),
            ("HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 70\r\n\r\n", "GET", Some(70)),
            ("HTTP/1.1 204 No Content\r\nETag: x\r\n\r\n", "GET", None),
        ] {
            let seen = seen(answer, method).await;
            assert!(seen.ends_with("\r\n\r\n") && seen.matches("\r\n\r\n").count() == 1, "{seen}");
            assert!(seen.contains("etag: x\r\n"), "{seen}");
            let fields: Vec<_> =
                seen.lines().filter(|line| line.starts_with("content-length")).collect();
            let expected: Vec<_> =
                length.iter().map(|length| format!("content-length: {length}")).collect();
            assert_eq!(fields, expected, "{seen}");
        }
    });
}

#[test]
fn a_client_that_goes_away_ends_the_exchange_at_the_server() {
    actix_web::rt::System::new().block_on(async {
        let (began, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counters = (Arc::clone(&began), Arc::clone(&ended));
        let server = TestServer::start(move |mut stream, _| {
            let (began, ended) = (Arc::clone(&counters.0), Arc::clone(&counters.1));
            async move {
                read_head(&mut stream).await;
                began.fetch_add(1, Ordering::SeqCst);
                assert_eq!(read_head(&mut stream).await, None);
                ended.fetch_add(1, Ordering::SeqCst);
            }
        })
        .await;
        let (address, handle) = front(server.upstream());
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        until(|| began.load(Ordering::SeqCst) == 1).await;
        drop(stream);
        until(|| ended.load(Ordering::SeqCst) == 1).await;
        handle.stop(false).await;
    });
}

#[test]
fn an_expectation_is_met_before_the_handler_and_not_passed_on() {
    actix_web::rt::System::new().block_on(async {
        let server = TestServer::start(|mut stream, _| async move {
            let head = read_head(&mut stream).await.unwrap();
            assert!(!head.contains("expect"), "{head}");
            let mut body = Vec::new();
            while !body.ends_with(b"0\r\n\r\n") {
                body.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        })
        .await;
        let (address, handle) = front(server.upstream());
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head =
            b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
        stream.write_all(head).await.unwrap();
        assert!(read_head(&mut stream).await.unwrap().starts_with("http/1.1 100 "));
        stream.write_all(b"order").await.unwrap();
        assert!(read_head(&mut stream).await.unwrap().starts_with("http/1.1 204 "));
        handle.stop(false).await;
    });
}
