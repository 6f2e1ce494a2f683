//! Listeners, workers, and the drain.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::rc::Rc;
use std::rc::Weak;
use std::sync::Arc;
use std::time::Duration;

use actix_web::App;
use actix_web::HttpRequest;
use actix_web::HttpServer;
use actix_web::dev::Server;
use actix_web::web;
use socket2::SockRef;

use crate::enforcement::Gate;
use crate::message::AddressFamily;
use crate::message::ClientAddressRule;
use crate::settings::ClientAddress;
use crate::settings::Gateway;

use super::handler::handle;
use super::plane::Plane;
use super::plane::Worker;
use super::tls::Certificates;
use super::tls::TlsError;
use super::upstream::Upstream;
use super::upstream::UpstreamClient;

/// How much of an answer waits for a client's socket. Larger pieces cost fewer calls (docs/benchmarks.md).
const WRITE_BUFFER: usize = 64 * 1024;
/// How often connections to upstreams are looked at that have rested too long or been closed.
const SWEEP: Duration = Duration::from_secs(5);

/// What the data plane is made of.
#[derive(Debug)]
pub struct DataPlane {
    /// The certificates of each TLS listener, in the order of the listeners.
    pub certificates: Vec<Option<Arc<Certificates>>>,
    /// Decides.
    pub gate: Arc<Gate>,
    /// Target of the `blocked-by` link.
    pub notice_url: Option<String>,
    /// Listeners, limits, trust.
    pub settings: Gateway,
    /// The ways out, by name.
    pub upstreams: Vec<(String, Upstream)>,
}

/// Why the data plane did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A listener cannot speak TLS.
    #[error("{0}")]
    Tls(#[from] TlsError),
}

impl DataPlane {
    /// Binds every listener and starts the workers; returns the addresses bound, in the order of the listeners.
    ///
    /// # Errors
    /// When an address cannot be bound or a certificate cannot be used.
    pub fn start(self) -> Result<(Server, Vec<SocketAddr>), ServerError> {
        let settings = &self.settings;
        let family = match settings.client_address {
            ClientAddress::Forwarded => AddressFamily::Forwarded,
            ClientAddress::Peer => AddressFamily::Peer,
            ClientAddress::ProxyProtocol => AddressFamily::ProxyProtocol,
            ClientAddress::XForwardedFor => AddressFamily::XForwardedFor,
        };
        let plane = Arc::new(Plane {
            api_clients: settings.api_clients.clone(),
            body_timeout: settings.body_timeout,
            client_rule: ClientAddressRule::new(family, settings.trusted_proxies.clone()),
            gate: Arc::clone(&self.gate),
            max_inspected_body: settings.max_inspected_body,
            notice_url: self.notice_url.clone(),
        });
        let labels: HashMap<String, Arc<str>> = self
            .gate
            .routes()
            .routes()
            .iter()
            .map(|route| (route.name.clone(), Arc::from(route.name.as_str())))
            .collect();
        let upstreams = self.upstreams;
        let mut server = HttpServer::new(move || {
            let clients = upstreams
                .iter()
                .map(|(name, upstream)| (name.clone(), upstream.client()))
                .collect();
            let worker = Rc::new(Worker {
                labels: labels.clone(),
                plane: Arc::clone(&plane),
                upstreams: clients,
            });
            drop(actix_web::rt::spawn(sweep(Rc::downgrade(&worker))));
            App::new().default_service(web::to(
                move |request: HttpRequest, payload: web::Payload| {
                    handle(Rc::clone(&worker), request, payload.into_inner())
                },
            ))
        })
        // A client that has closed its side is gone: its request is cancelled at the upstream as well.
        .h1_allow_half_closed(false)
        .h1_write_buffer_size(WRITE_BUFFER)
        .client_request_timeout(settings.header_timeout)
        .keep_alive(settings.idle_timeout)
        .max_connections(settings.max_connections)
        .shutdown_timeout(settings.drain_timeout.as_secs())
        .disable_signals();
        if let Some(workers) = settings.workers {
            server = server.workers(workers);
        }
        let mut bound = Vec::new();
        for (listener, certificates) in settings.listeners.iter().zip(&self.certificates) {
            let address = listener.address;
            let fault = |source| ServerError::Bind { address, source };
            let socket = TcpListener::bind(address).map_err(fault)?;
            // Accepted sockets inherit it: a client that takes no bytes for so long loses its connection (tcp(7)).
            SockRef::from(&socket)
                .set_tcp_user_timeout(Some(settings.idle_timeout))
                .map_err(fault)?;
            bound.push(socket.local_addr().map_err(fault)?);
            server = match certificates {
                None => server.listen(socket),
                Some(c) => server.listen_rustls_0_23(socket, c.server_config()?),
            }
            .map_err(fault)?;
        }
        Ok((server.run(), bound))
    }
}

/// Sweeps a worker's connections to upstreams for as long as there is the worker.
async fn sweep(worker: Weak<Worker>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(worker) = worker.upgrade() else { return };
        worker.upstreams.values().for_each(UpstreamClient::sweep);
    }
}
