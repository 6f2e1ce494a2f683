use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::http::Method;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::support::{self, TestServer, content, get, piece, read_head, request, run, until};
use crate::gateway::upstream::{Ending, OutgoingBody};

const PIECE: usize = 32 * 1024;
/// More than any socket buffers of both sides together.
const LARGE: usize = 64 << 20;

/// Answers each request with its own head and body; the body is read by its framing.
async fn echo() -> TestServer {
    TestServer::start(|mut stream, _| async move {
        while let Some(head) = read_head(&mut stream).await {
            let mut body = Vec::new();
            if let Some((_, rest)) = head.split_once("content-length: ") {
                let length: usize = rest.split("\r\n").next().unwrap().parse().unwrap();
                body.resize(length, 0);
                stream.read_exact(&mut body).await.unwrap();
            } else if head.contains("transfer-encoding: chunked") {
                while !body.ends_with(b"0\r\n\r\n") {
                    body.push(stream.read_u8().await.unwrap());
                }
            }
            let length = head.len().saturating_add(body.len());
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.write_all(&body).await.unwrap();
        }
    })
    .await
}

#[test]
fn a_streamed_body_arrives_whole_with_its_length_or_in_chunks() {
    run(async {
        let server = echo().await;
        let client = server.upstream().client();
        let pieces = || {
            stream::iter(["abc", "", "defgh"].map(|text| Ok(Bytes::from_static(text.as_bytes()))))
        };
        for (length, framing, body) in [
            (Some(8), "content-length: 8\r\n\r\n", "abcdefgh"),
            (None, "transfer-encoding: chunked\r\n\r\n", "3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n"),
        ] {
            let outgoing = request(Method::POST, "/", support::stream(pieces(), length));
            let incoming = client.send(outgoing).await.unwrap();
            let transfer = incoming.body.transfer();
            let seen = String::from_utf8(content(incoming).await.unwrap()).unwrap();
            assert!(seen.ends_with(&format!("{framing}{body}")), "{seen}");
            assert_eq!((transfer.sent(), transfer.received()), (8, seen.len() as u64));
            assert_eq!(transfer.ending(), Ending::Complete);
        }
        assert_eq!((server.accepted(), client.idle_connections()), (1, 1));
    });
}

#[test]
fn a_body_at_hand_arrives_whole_small_and_large() {
    run(async {
        let server = echo().await;
        let client = server.upstream().client();
        for length in [0, 1, 16 * 1024, 16 * 1024 + 1, 3 << 20] {
            let body = Bytes::from(vec![b'x'; length]);
            let outgoing = request(Method::PUT, "/", OutgoingBody::Bytes(body.clone()));
            let incoming = client.send(outgoing).await.unwrap();
            assert_eq!(incoming.body.transfer().sent(), length as u64);
            assert!(content(incoming).await.unwrap().ends_with(&body));
        }
        assert_eq!(server.accepted(), 1);
    });
}

#[test]
fn a_server_that_does_not_read_stops_the_client() {
    run(async {
        let server = TestServer::start(|mut stream, _| async move {
            read_head(&mut stream).await;
            std::future::pending::<()>().await;
        })
        .await;
        let taken = Rc::new(Cell::new(0));
        let counter = Rc::clone(&taken);
        let endless = stream::repeat_with(move || {
            counter.set(counter.get() + PIECE);
            Ok(Bytes::from_static(&[0; PIECE]))
        });
        let client = server.upstream().client();
        let sending = client.send(request(Method::POST, "/", support::stream(endless, None)));
        assert!(timeout(Duration::from_millis(300), sending).await.is_err());
        assert!(taken.get() > PIECE && taken.get() < LARGE, "{}", taken.get());
    });
}

#[test]
fn a_client_that_does_not_read_stops_the_server() {
    run(async {
        let written = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&written);
        let server = TestServer::start(move |mut stream, _| {
            let written = Arc::clone(&counter);
            async move {
                read_head(&mut stream).await;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                while written.load(Ordering::SeqCst) < LARGE {
                    stream.write_all(&[0; PIECE]).await.unwrap();
                    written.fetch_add(PIECE, Ordering::SeqCst);
                }
                std::future::pending::<()>().await;
            }
        })
        .await;
        let client = server.upstream().client();
        let mut incoming = client.send(get("/")).await.unwrap();
        piece(&mut incoming.body).await.unwrap().unwrap();
        // The server stands still once the sockets are full: the count no longer moves.
        let before = Cell::new(usize::MAX);
        until(|| {
            let now = written.load(Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(10));
            before.replace(now) == now && now > 0
        })
        .await;
        assert!(written.load(Ordering::SeqCst) < LARGE / 2);
        let transfer = incoming.body.transfer();
        content(incoming).await.unwrap();
        assert_eq!(transfer.received(), LARGE as u64);
        assert_eq!(client.idle_connections(), 1);
    });
}

#[test]
fn both_bodies_may_flow_at_once() {
    run(async {
        let server = TestServer::start(|mut stream, _| async move {
            read_head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await
                .unwrap();
            let mut byte = [0];
            for _ in 0..3 {
                while byte[0] != b'.' {
                    stream.read_exact(&mut byte).await.unwrap();
                }
                byte[0] = 0;
                stream.write_all(b"1\r\n!\r\n").await.unwrap();
            }
            let mut end = Vec::new();
            while !end.ends_with(b"0\r\n\r\n") {
                end.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"0\r\n\r\n").await.unwrap();
            std::future::pending::<()>().await;
        })
        .await;
        let (tell, told) = tokio::sync::mpsc::unbounded_channel::<()>();
        let pieces = stream::unfold(told, |mut told| async move {
            told.recv().await?;
            Some((Ok(Bytes::from_static(b".")), told))
        })
        .boxed_local();
        let client = server.upstream().client();
        let mut incoming =
            client.send(request(Method::POST, "/", support::stream(pieces, None))).await.unwrap();
        for _ in 0..3 {
            tell.send(()).unwrap();
            assert_eq!(piece(&mut incoming.body).await.unwrap().unwrap(), "!");
        }
        drop(tell);
        assert!(piece(&mut incoming.body).await.is_none());
        assert_eq!(client.idle_connections(), 1);
    });
}
