//! Whole answers in memory: bounded, decoded, in time.

use std::time::Duration;

use crate::gateway::upstream::{FetchError, Fetched};

use super::support::{TestServer, get, run};

async fn fetch(answer: &'static str, limit: usize) -> Result<Fetched, FetchError> {
    let server = TestServer::answering(answer).await;
    server.upstream().client().fetch(get("/cart"), limit, Duration::from_secs(1)).await
}

#[test]
fn a_whole_answer_is_bounded_decoded_and_in_time() {
    run(async {
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
        let fetched = fetch(plain, 4).await.unwrap();
        assert_eq!((fetched.status.as_u16(), &*fetched.body), (200, &b"body"[..]));
        assert!(matches!(fetch(plain, 3).await, Err(FetchError::TooLarge { limit: 3 })));
        let coded = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody";
        assert!(matches!(fetch(coded, 9).await, Err(FetchError::Coding)));
        let twice = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n";
        assert!(matches!(fetch(twice, 9).await, Err(FetchError::Coding)));
        let stalls = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody";
        assert!(matches!(fetch(stalls, 9).await, Err(FetchError::Late)));
    });
}
