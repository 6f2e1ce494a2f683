//! Servers that do exactly what a test says, and short ways to ask them.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::Method;
use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::gateway::upstream::{
    Incoming, Outgoing, OutgoingBody, Upstream, UpstreamBody, UpstreamError,
};
use crate::settings;
use crate::settings::Server;

/// Runs a test as a worker does: one thread, with tasks of its own.
pub(super) fn run(test: impl Future<Output = ()>) {
    actix_web::rt::System::new().block_on(test);
}

/// A listening server; the script gets each connection and its number, from zero.
pub(super) struct TestServer {
    pub(super) address: Server,
    accepted: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl TestServer {
    pub(super) async fn start<S, F>(script: S) -> Self
    where
        S: Fn(TcpStream, usize) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = local(listener.local_addr().unwrap().port());
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(script(stream, counter.fetch_add(1, Ordering::SeqCst)));
            }
        });
        Self { address, accepted, task }
    }

    /// A server that answers every request with these bytes, for ever.
    pub(super) async fn answering(answer: &'static str) -> Self {
        Self::start(move |mut stream, _| async move {
            while read_head(&mut stream).await.is_some() {
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        })
        .await
    }

    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(super) fn upstream(&self) -> Upstream {
        Upstream::new(&settings(vec![self.address.clone()])).unwrap()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) fn local(port: u16) -> Server {
    Server::parse(&format!("http://127.0.0.1:{port}")).unwrap()
}

/// A port nobody listens on.
pub(super) fn closed_port() -> Server {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    local(listener.local_addr().unwrap().port())
}

/// Its limits are such that no test reaches one; a test shortens the limit it is about.
pub(super) fn settings(servers: Vec<Server>) -> settings::Upstream {
    let mut settings = settings::Upstream::new("test", local(1));
    settings.servers = servers;
    settings.connect_timeout = Duration::from_secs(20);
    settings
}

pub(super) fn get(target: &str) -> Outgoing {
    request(Method::GET, target, OutgoingBody::Empty)
}

pub(super) fn request(method: Method, target: &str, body: OutgoingBody) -> Outgoing {
    let path_and_query = Bytes::copy_from_slice(target.as_bytes());
    Outgoing { method, path_and_query, headers: HeaderMap::new(), body }
}

pub(super) fn stream(
    pieces: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
    length: Option<u64>,
) -> OutgoingBody {
    let payload: Payload = Payload::Stream { payload: Box::pin(pieces) };
    OutgoingBody::Stream { payload, length }
}

/// A request's head, lower case, if one comes.
pub(super) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap().to_lowercase())
}

pub(super) async fn piece(body: &mut UpstreamBody) -> Option<Result<Bytes, UpstreamError>> {
    poll_fn(|context| Pin::new(&mut *body).poll_next(context)).await
}

pub(super) async fn content(incoming: Incoming) -> Result<Vec<u8>, UpstreamError> {
    let mut body = incoming.body;
    let mut content = Vec::new();
    while let Some(bytes) = piece(&mut body).await {
        content.extend_from_slice(&bytes?);
    }
    Ok(content)
}

/// Waits until something holds; a test that waits for ever fails by the limit.
pub(super) async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .expect("the condition never came true");
}
