//! One listener on one worker: connections come in, TLS is ended, and each request goes to the handler.
//!
//! actix's connection service is mounted here without its application layer: the gateway has one handler and routes of
//! its own, and needs the stream below for the limits that actix does not keep.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::rc::Weak;
use std::sync::Arc;
use std::time::Duration;

use actix_codec::Framed;
use actix_http::HttpServiceBuilder;
use actix_http::Request;
use actix_http::h1::Codec;
use actix_http::h1::ExpectHandler;
use actix_web::dev::Service;
use actix_web::dev::ServiceFactory;
use actix_web::dev::fn_service;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use crate::identity::Certificate;
use crate::message::ClientAddressRule;

use super::handler::handle;
use super::inbound::Received;
use super::plane::Plane;
use super::plane::Worker;
use super::proxied;
use super::proxied::Origin;
use super::tunnel;
use super::upstream::Upstream;
use super::upstream::UpstreamClient;
use super::watched::Patience;
use super::watched::Watch;
use super::watched::Watched;

/// How much of an answer waits for a client's socket. Larger pieces cost fewer calls (docs/benchmarks.md).
const WRITE_BUFFER: usize = 64 * 1024;
/// How often connections to upstreams are looked at that have rested too long or been closed.
const SWEEP: Duration = Duration::from_secs(5);

/// What a listener is made of; every worker makes one.
#[derive(Clone)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) labels: HashMap<String, Arc<str>>,
    pub(super) patience: Patience,
    pub(super) plane: Arc<Plane>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) upstreams: Arc<[(String, Upstream)]>,
}

impl Listener {
    /// The service of one worker, which takes connections as they are accepted; `draining` makes what resolves when no
    /// further request is to be taken on a connection.
    ///
    /// # Errors
    /// None that is known.
    pub(super) async fn connections<D>(
        self,
        draining: impl Fn() -> D + 'static,
    ) -> Result<impl Service<TcpStream, Response = (), Error = Infallible>, ()>
    where
        D: Future<Output = ()> + 'static,
    {
        let clients =
            self.upstreams.iter().map(|(name, upstream)| (name.clone(), upstream.client()));
        let worker = Rc::new(Worker {
            labels: self.labels,
            plane: self.plane,
            upstreams: clients.collect(),
        });
        drop(actix_web::rt::spawn(sweep(Rc::downgrade(&worker))));
        let Patience { head, idle } = self.patience;
        let of_requests = Rc::clone(&worker);
        let of_upgrades = Rc::clone(&worker);
        let (port, secure) = (self.address.port(), self.tls.is_some());
        let service = HttpServiceBuilder::<Watched, _, ExpectHandler, _>::default()
            // A client that has closed its side is gone: its request is cancelled at the upstream as well.
            .h1_allow_half_closed(false)
            .h1_write_buffer_size(WRITE_BUFFER)
            .client_request_timeout(head)
            .keep_alive(idle)
            .graceful_shutdown_signal(draining)
            .local_addr(self.address)
            .on_connect_ext(|stream: &Watched, data| {
                data.insert(stream.watch());
                if let Some(certificate) = stream.certificate() {
                    data.insert(certificate);
                }
            })
            // What asks for a WebSocket, and CONNECT: requests behind which actix sees no end.
            .upgrade(fn_service(move |(request, framed): (Request, Framed<Watched, Codec>)| {
                let worker = Rc::clone(&of_upgrades);
                let received = Received { port, request, secure, switchable: true };
                async move {
                    tunnel::serve(worker, received, framed).await;
                    Ok::<_, Infallible>(())
                }
            }))
            .h1(fn_service(move |request: Request| {
                let worker = Rc::clone(&of_requests);
                // INVARIANT: `on_connect_ext` gives every connection its watch.
                let serving = request.conn_data::<Rc<Watch>>().map(Watch::serve);
                let received = Received { port, request, secure, switchable: false };
                async move { Ok::<_, Infallible>(handle(worker, received, serving).await) }
            }));
        let http = Rc::new(service.new_service(()).await?);
        let (tls, patience) = (self.tls, self.patience);
        Ok(fn_service(move |socket: TcpStream| {
            let (http, tls, worker) = (Rc::clone(&http), tls.clone(), Rc::clone(&worker));
            async move {
                let opening = opened(socket, tls, &worker.plane.client_rule);
                let Ok(Some(Opened { certificate, origin, stream })) =
                    tokio::time::timeout(patience.head, opening).await
                else {
                    return Ok(());
                };
                let client = match origin {
                    Origin::Known(address) => Some(address),
                    Origin::Unknown => None,
                };
                let ip = client.map(|client| client.ip());
                let stream = Watched::new(stream, certificate, ip, patience, worker);
                if let Err(error) = http.call((stream, client)).await {
                    // Strangers' faults: a way to flood the log.
                    tracing::debug!(%error, "a client's connection ended");
                }
                Ok::<_, Infallible>(())
            }
        }))
    }
}

/// A connection that is ready for its first request.
struct Opened {
    /// Whom a verified certificate of the client's own names.
    certificate: Option<Arc<Certificate>>,
    origin: Origin,
    stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
}

/// The stream of a connection, and whom it is from: behind its PROXY header and its TLS handshake, if it is to have them.
async fn opened(
    mut socket: TcpStream,
    tls: Option<TlsAcceptor>,
    rule: &ClientAddressRule,
) -> Option<Opened> {
    let peer = socket.peer_addr().ok()?;
    // An answer leaves in as few packets as it is written in, and none waits for an acknowledgement.
    socket.set_nodelay(true).ok()?;
    let origin = if rule.expects_proxy_header(peer.ip()) {
        let origin = proxied::origin(&mut socket, peer).await;
        if origin.is_none() {
            tracing::debug!(%peer, "a trusted peer sent no PROXY header that can be read");
        }
        origin?
    } else {
        Origin::Known(peer)
    };
    let Some(tls) = tls else {
        return Some(Opened { certificate: None, origin, stream: Either::Left(socket) });
    };
    match tls.accept(socket).await {
        Ok(stream) => {
            // What a trusted proxy shows is its own: it says nothing of the clients behind it.
            let certificate =
                if rule.trusts(peer.ip()) { None } else { certificate(&stream).map(Arc::new) };
            Some(Opened { certificate, origin, stream: Either::Right(Box::new(stream)) })
        }
        Err(error) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
    }
}

/// What the client's certificate says, which the handshake has verified.
fn certificate(stream: &TlsStream<TcpStream>) -> Option<Certificate> {
    let (_, session) = stream.get_ref();
    Certificate::read(session.peer_certificates()?.first()?)
}

/// Sweeps a worker's connections to upstreams for as long as there is the worker.
async fn sweep(worker: Weak<Worker>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(worker) = worker.upgrade() else { return };
        worker.upstreams.values().for_each(UpstreamClient::sweep);
        worker.plane.gate.retry_outcomes();
    }
}
