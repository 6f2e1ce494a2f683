//! Listeners, workers, and the drain.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::dev::fn_factory;
use socket2::SockRef;
use tokio_rustls::TlsAcceptor;

use crate::enforcement::Gate;
use crate::ledger::ServedLog;
use crate::message::AddressFamily;
use crate::message::ClientAddressRule;
use crate::settings::ClientAddress;
use crate::settings::Gateway;
use crate::telemetry::LineBudget;
use crate::telemetry::Pulse;

use super::cart::Carts;
use super::listener::Listener;
pub use super::plane::Identity;
use super::plane::Plane;
use super::receiver::Receivers;
use super::tls::Certificates;
use super::tls::TlsError;
use super::tunnel::Silence;
use super::upstream::Upstream;
use super::watched::Patience;

/// What the data plane is made of.
#[derive(Debug)]
pub struct DataPlane {
    /// The certificates of each TLS listener, in the order of the listeners.
    pub certificates: Vec<Option<Arc<Certificates>>>,
    /// Decides.
    pub gate: Arc<Gate>,
    /// Whose tokens are believed.
    pub identity: Option<Identity>,
    /// The log that is read under `/log`.
    pub log: ServedLog,
    /// Target of the `blocked-by` link.
    pub notice_url: Option<String>,
    /// Asks the workers whether they still turn.
    pub pulse: Arc<Pulse>,
    /// Secrets of the routes that receive webhooks.
    pub receivers: Receivers,
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
            carts: Carts::default(),
            carted: self.gate.routes().carted(),
            client_rule: ClientAddressRule::new(family, settings.trusted_proxies.clone()),
            gate: Arc::clone(&self.gate),
            identity: self.identity.clone(),
            log: self.log.clone(),
            log_lines: LineBudget::default(),
            max_inspected_body: settings.max_inspected_body,
            notice_url: self.notice_url.clone(),
            receivers: self.receivers,
            session_cookies: self.gate.routes().session_cookies(),
            tunnels: Silence {
                half_closed: settings.idle_timeout,
                open: settings.tunnel_idle_timeout,
            },
        });
        let labels: HashMap<String, Arc<str>> = self
            .gate
            .routes()
            .routes()
            .iter()
            .map(|route| (route.name.clone(), Arc::from(route.name.as_str())))
            .collect();
        let upstreams: Arc<[_]> = self.upstreams.into();
        let mut server = Server::build()
            .max_concurrent_connections(settings.max_connections)
            .shutdown_timeout(settings.drain_timeout.as_secs())
            .disable_signals();
        if let Some(workers) = settings.workers {
            server = server.workers(workers);
        }
        let drain = server.graceful_shutdown_signal();
        let mut bound = Vec::new();
        for (listener, certificates) in settings.listeners.iter().zip(&self.certificates) {
            let address = listener.address;
            let fault = |source| ServerError::Bind { address, source };
            let socket = TcpListener::bind(address).map_err(fault)?;
            // Accepted sockets inherit it: a client that takes no bytes for so long loses its connection (tcp(7)).
            SockRef::from(&socket)
                .set_tcp_user_timeout(Some(settings.idle_timeout))
                .map_err(fault)?;
            let address = socket.local_addr().map_err(fault)?;
            bound.push(address);
            let tls = certificates.as_ref().map(|c| c.server_config()).transpose()?;
            let listener = Listener {
                address,
                labels: labels.clone(),
                patience: Patience { head: settings.header_timeout, idle: settings.idle_timeout },
                plane: Arc::clone(&plane),
                tls: tls.map(|config| TlsAcceptor::from(Arc::new(config))),
                upstreams: Arc::clone(&upstreams),
            };
            let (drain, pulse) = (drain.clone(), Arc::clone(&self.pulse));
            server = server
                .listen(format!("gateway {address}"), socket, move || {
                    let (listener, drain) = (listener.clone(), drain.clone());
                    // This runs on the worker's own thread.
                    drop(actix_web::rt::spawn(Arc::clone(&pulse).answer()));
                    fn_factory(move || {
                        let drain = drain.clone();
                        listener.clone().connections(move || {
                            let drain = drain.clone();
                            async move { drain.notified().await }
                        })
                    })
                })
                .map_err(fault)?;
        }
        Ok((server.run(), bound))
    }
}
