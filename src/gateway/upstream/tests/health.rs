use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::StatusCode;
use tokio::io::AsyncWriteExt;

use super::support::{TestServer, content, get, read_head, run, settings, until};
use crate::gateway::upstream::balance::Ejection;
use crate::gateway::upstream::{Upstream, UpstreamError};
use crate::settings::Health;

/// A server that is well or not, as the switch says, and never answers an order while it is not.
async fn switched(well: Arc<AtomicBool>) -> TestServer {
    TestServer::start(move |mut stream, _| {
        let well = Arc::clone(&well);
        async move {
            while let Some(head) = read_head(&mut stream).await {
                let well = well.load(Ordering::SeqCst);
                if !well && !head.starts_with("get /health ") {
                    return;
                }
                let status = if well { "200 OK" } else { "503 Service Unavailable" };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    })
    .await
}

#[test]
fn a_server_that_fails_its_checks_is_out_until_it_passes_them() {
    run(async {
        let well = Arc::new(AtomicBool::new(true));
        let server = switched(Arc::clone(&well)).await;
        let mut settings = settings(vec![server.address.clone()]);
        settings.health = Some(Health {
            path: "/health".to_owned(),
            interval: Duration::from_millis(5),
            timeout: Duration::from_secs(5),
            unhealthy: 2,
            healthy: 2,
        });
        let upstream = Upstream::new(&settings).unwrap();
        let client = upstream.client();
        let traffic = async {
            content(client.send(get("/")).await.unwrap()).await.unwrap();
            well.store(false, Ordering::SeqCst);
            until(|| !upstream.report()[0].up).await;
            let error = client.send(get("/")).await.unwrap_err();
            assert!(matches!(error, UpstreamError::NoHealthyServer { .. }));
            assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
            well.store(true, Ordering::SeqCst);
            until(|| upstream.report()[0].up).await;
            content(client.send(get("/")).await.unwrap()).await.unwrap();
        };
        tokio::select! {
            () = upstream.watch() => panic!("the watch ended"),
            () = traffic => {}
        }
    });
}

#[test]
fn a_server_that_fails_traffic_is_left_out_and_asked_again_later() {
    run(async {
        let well = Arc::new(AtomicBool::new(false));
        let bad = switched(Arc::clone(&well)).await;
        let good = switched(Arc::new(AtomicBool::new(true))).await;
        let settings = settings(vec![bad.address.clone(), good.address.clone()]);
        let ejection = Ejection { failures: 1, time: Duration::from_millis(200) };
        let upstream = Upstream::with_ejection(&settings, ejection).unwrap();
        let client = upstream.client();
        // A GET that the bad server drops is asked of the good one; the client never notices.
        for _ in 0..2 {
            content(client.send(get("/")).await.unwrap()).await.unwrap();
        }
        assert!(upstream.report()[0].ejected);
        let asked = bad.accepted();
        assert_eq!(asked, 1);
        well.store(true, Ordering::SeqCst);
        while upstream.report()[0].ejected {
            let incoming = client.send(get("/")).await.unwrap();
            content(incoming).await.unwrap();
        }
        for _ in 0..2 {
            content(client.send(get("/")).await.unwrap()).await.unwrap();
        }
        assert!(bad.accepted() > asked);
    });
}
