use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::{Method, StatusCode};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::io::AsyncWriteExt;

use super::support::{
    self, TestServer, closed_port, get, piece, read_head, request, run, settings,
};
use crate::gateway::upstream::{Ending, Outgoing, OutgoingBody, Upstream, UpstreamError};

const TICK: Duration = Duration::from_millis(40);

#[test]
fn a_body_that_breaks_off_is_an_error_and_never_an_end() {
    run(async {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegin",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n0\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\nzz\r\n",
        ] {
            let server = TestServer::start(move |mut stream, _| async move {
                read_head(&mut stream).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
            })
            .await;
            let client = server.upstream().client();
            let mut body = client.send(get("/")).await.unwrap().body;
            let transfer = body.transfer();
            assert_eq!(piece(&mut body).await.unwrap().unwrap(), "begin");
            assert!(piece(&mut body).await.unwrap().is_err(), "{answer}");
            assert_eq!((transfer.ending(), transfer.received()), (Ending::Failed, 5));
            assert_eq!(client.idle_connections(), 0);
        }
    });
}

#[test]
fn a_body_without_length_ends_with_its_connection() {
    run(async {
        let server = TestServer::start(|mut stream, _| async move {
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nall of it").await.unwrap();
        })
        .await;
        let client = server.upstream().client();
        let incoming = client.send(get("/")).await.unwrap();
        let transfer = incoming.body.transfer();
        assert_eq!(support::content(incoming).await.unwrap(), b"all of it");
        assert_eq!((transfer.ending(), client.idle_connections()), (Ending::Complete, 0));
    });
}

#[test]
fn an_answer_that_cannot_be_read_is_a_bad_gateway() {
    run(async {
        for answer in [
            "SSH-2.0-OpenSSH\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            let server = TestServer::answering(answer).await;
            let error = server.upstream().client().send(get("/")).await.unwrap_err();
            assert!(matches!(error, UpstreamError::BadAnswer { .. }), "{answer}");
            assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
        }
    });
}

#[test]
fn a_refused_connection_is_a_bad_gateway() {
    run(async {
        let client = Upstream::new(&settings(vec![closed_port()])).unwrap().client();
        let error = client.send(get("/")).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Connect { .. }));
        assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
    });
}

/// Which limit is short.
#[derive(Clone, Copy)]
enum Limit {
    None,
    Head,
    Idle,
}

/// What a silent server that sends this much, and then nothing, leads to.
async fn stalled(answer: &'static str, limit: Limit, outgoing: Outgoing) -> UpstreamError {
    let server = TestServer::start(move |mut stream, _| async move {
        if !answer.is_empty() {
            read_head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        std::future::pending::<()>().await;
    })
    .await;
    let mut settings = settings(vec![server.address.clone()]);
    match limit {
        Limit::None => {}
        Limit::Head => settings.response_timeout = TICK,
        Limit::Idle => settings.idle_timeout = TICK,
    }
    match Upstream::new(&settings).unwrap().client().send(outgoing).await {
        Err(error) => error,
        Ok(mut incoming) => loop {
            match piece(&mut incoming.body).await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error,
                None => panic!("the body ended"),
            }
        },
    }
}

#[test]
fn every_wait_ends() {
    run(async {
        let error = stalled("", Limit::Head, get("/")).await;
        assert_eq!(error.status(), StatusCode::GATEWAY_TIMEOUT);
        let error = stalled("HTTP/1.1 200 OK\r\nConten", Limit::Head, get("/")).await;
        assert_eq!(error.status(), StatusCode::GATEWAY_TIMEOUT);

        let error =
            stalled("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Limit::Idle, get("/")).await;
        assert!(error.to_string().contains("go on"), "{error}");

        let large = OutgoingBody::Bytes(Bytes::from(vec![0; 64 << 20]));
        let error = stalled("", Limit::Idle, request(Method::POST, "/", large)).await;
        assert!(error.to_string().contains("take the request"), "{error}");

        let never = support::stream(stream::pending(), None);
        let error = stalled("", Limit::Idle, request(Method::POST, "/", never)).await;
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    });
}

#[test]
fn a_client_body_that_fails_or_lies_is_the_clients_fault_and_reaches_no_end_at_the_server() {
    run(async {
        let piece = || Ok(Bytes::from_static(b"12345"));
        let cases = [
            (
                support::stream(stream::iter([piece(), Err(PayloadError::Incomplete(None))]), None),
                "failed",
            ),
            (support::stream(stream::iter([piece()]), Some(9)), "as long as announced"),
            (support::stream(stream::iter([piece(), piece()]), Some(9)), "as long as announced"),
        ];
        for (body, says) in cases {
            let error = stalled("", Limit::None, request(Method::POST, "/", body)).await;
            assert!(error.to_string().contains(says), "{error}");
            assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        }
    });
}

#[test]
fn an_early_refusal_reaches_the_client_while_its_body_is_still_coming() {
    run(async {
        let server = TestServer::start(|mut stream, _| async move {
            read_head(&mut stream).await;
            stream
                .write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
                .await
                .unwrap();
            std::future::pending::<()>().await;
        })
        .await;
        let client = server.upstream().client();
        let endless = stream::iter([Ok(Bytes::from_static(b"x"))]).chain(stream::pending());
        let incoming =
            client.send(request(Method::POST, "/", support::stream(endless, None))).await.unwrap();
        assert_eq!(incoming.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(support::content(incoming).await.unwrap(), b"no");
        assert_eq!(client.idle_connections(), 0);
    });
}
