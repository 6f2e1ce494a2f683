use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use super::support::{
    TestServer, closed_port, content, get, piece, read_head, request, run, settings, until,
};
use crate::gateway::upstream::{OutgoingBody, Upstream, UpstreamError};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn a_connection_is_used_again_after_every_kind_of_whole_answer() {
    run(async {
        for (method, answer) in [
            (Method::GET, HELLO),
            (
                Method::GET,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
            ),
            (
                Method::GET,
                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            ),
            (Method::GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
            (Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
            (
                Method::GET,
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/9\r\nContent-Length: 5\r\n\r\nhello",
            ),
            (Method::POST, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        ] {
            let server = TestServer::answering(answer).await;
            let client = server.upstream().client();
            for round in 0..3 {
                let incoming =
                    client.send(request(method.clone(), "/", OutgoingBody::Empty)).await.unwrap();
                assert_eq!(incoming.timings.connect.is_none(), round > 0, "{answer}");
                content(incoming).await.unwrap();
            }
            assert_eq!((server.accepted(), client.idle_connections()), (1, 1), "{answer}");
        }
    });
}

#[test]
fn the_length_is_announced_as_the_server_gave_it() {
    run(async {
        for (method, answer, size) in [
            (Method::GET, HELLO, BodySize::Sized(5)),
            (
                Method::HEAD,
                "HTTP/1.1 200 OK\r\nContent-Length: 70000000000\r\n\r\n",
                BodySize::Sized(70_000_000_000),
            ),
            (
                Method::GET,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                BodySize::Stream,
            ),
            (Method::GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", BodySize::None),
        ] {
            let server = TestServer::answering(answer).await;
            let incoming = server
                .upstream()
                .client()
                .send(request(method, "/", OutgoingBody::Empty))
                .await
                .unwrap();
            assert_eq!(incoming.body.size(), size, "{answer}");
            if incoming.status == StatusCode::NOT_MODIFIED {
                let mut headers = HeaderMap::new();
                incoming.headers.copy_to(&mut headers, |_| true);
                assert_eq!(headers.get("content-length").unwrap(), "5");
            }
        }
    });
}

#[test]
fn a_connection_with_more_on_it_than_was_asked_for_is_not_used_again() {
    run(async {
        let server = TestServer::answering(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
        )
        .await;
        let client = server.upstream().client();
        for round in 1..3 {
            assert_eq!(content(client.send(get("/")).await.unwrap()).await.unwrap(), b"ok");
            assert_eq!((server.accepted(), client.idle_connections()), (round, 0));
        }
    });
}

#[test]
fn a_connection_that_the_server_closed_at_rest_is_replaced_even_for_a_post() {
    run(async {
        let server = TestServer::start(|mut stream, _| async move {
            read_head(&mut stream).await;
            stream.write_all(HELLO.as_bytes()).await.unwrap();
        })
        .await;
        let client = server.upstream().client();
        content(client.send(get("/")).await.unwrap()).await.unwrap();
        // Let the end of the connection arrive: the sweep then finds it.
        until(|| {
            client.sweep();
            client.idle_connections() == 0
        })
        .await;
        for _ in 0..2 {
            let outgoing = request(Method::POST, "/", OutgoingBody::Empty);
            content(client.send(outgoing).await.unwrap()).await.unwrap();
            until(|| {
                client.sweep();
                client.idle_connections() == 0
            })
            .await;
        }
        assert_eq!(server.accepted(), 3);
    });
}

/// Answers the first request, takes the second on the same connection and closes without a word.
async fn closing_on_the_second(seen: Arc<AtomicUsize>) -> TestServer {
    TestServer::start(move |mut stream, number| {
        let seen = Arc::clone(&seen);
        async move {
            while read_head(&mut stream).await.is_some() {
                if seen.fetch_add(1, Ordering::SeqCst) == 1 && number == 0 {
                    return;
                }
                stream.write_all(HELLO.as_bytes()).await.unwrap();
            }
        }
    })
    .await
}

#[test]
fn an_idempotent_request_is_repeated_once_if_a_rested_connection_dies_under_it() {
    run(async {
        let seen = Arc::new(AtomicUsize::new(0));
        let server = closing_on_the_second(Arc::clone(&seen)).await;
        let client = server.upstream().client();
        for _ in 0..2 {
            assert_eq!(content(client.send(get("/")).await.unwrap()).await.unwrap(), b"hello");
        }
        assert_eq!((seen.load(Ordering::SeqCst), server.accepted()), (3, 2));
    });
}

#[test]
fn a_post_that_may_have_been_acted_on_is_never_repeated() {
    run(async {
        let seen = Arc::new(AtomicUsize::new(0));
        let server = closing_on_the_second(Arc::clone(&seen)).await;
        let client = server.upstream().client();
        content(client.send(get("/")).await.unwrap()).await.unwrap();
        let body = OutgoingBody::Bytes(Bytes::from_static(b"order"));
        let error = client.send(request(Method::POST, "/", body)).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Closed { .. }));
        assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
        assert_eq!((seen.load(Ordering::SeqCst), server.accepted()), (2, 1));
    });
}

#[test]
fn a_server_that_cannot_be_reached_costs_no_request_not_even_a_post() {
    run(async {
        let server = TestServer::answering(HELLO).await;
        let upstream =
            Upstream::new(&settings(vec![closed_port(), server.address.clone()])).unwrap();
        let client = upstream.client();
        for _ in 0..6 {
            let body = OutgoingBody::Empty;
            let incoming = client.send(request(Method::POST, "/", body)).await.unwrap();
            assert_eq!(*incoming.server, *server.address.to_string());
            content(incoming).await.unwrap();
        }
        let report = upstream.report();
        assert!(report[0].ejected && !report[1].ejected);
        assert!(report.iter().all(|server| server.outstanding == 0));
    });
}

#[test]
fn no_connection_is_kept_longer_than_allowed_and_none_where_none_is() {
    run(async {
        let server = TestServer::answering(HELLO).await;
        let mut none = settings(vec![server.address.clone()]);
        none.keep_alive = 0;
        let client = Upstream::new(&none).unwrap().client();
        for round in 1..3 {
            content(client.send(get("/")).await.unwrap()).await.unwrap();
            assert_eq!((server.accepted(), client.idle_connections()), (round, 0));
        }
        let mut short_rest = settings(vec![server.address.clone()]);
        short_rest.idle_timeout = Duration::from_millis(50);
        let client = Upstream::new(&short_rest).unwrap().client();
        content(client.send(get("/")).await.unwrap()).await.unwrap();
        until(|| {
            client.sweep();
            client.idle_connections() == 0
        })
        .await;
    });
}

#[test]
fn a_dropped_body_cancels_the_exchange_and_its_connection_is_never_used_again() {
    run(async {
        let closed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&closed);
        let server = TestServer::start(move |mut stream, _| {
            let closed = Arc::clone(&counter);
            async move {
                read_head(&mut stream).await;
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin")
                    .await
                    .unwrap();
                assert_eq!(read_head(&mut stream).await, None);
                closed.fetch_add(1, Ordering::SeqCst);
            }
        })
        .await;
        let client = server.upstream().client();
        let mut incoming = client.send(get("/")).await.unwrap();
        piece(&mut incoming.body).await.unwrap().unwrap();
        drop(incoming);
        assert_eq!(client.idle_connections(), 0);
        until(|| closed.load(Ordering::SeqCst) == 1).await;
    });
}
