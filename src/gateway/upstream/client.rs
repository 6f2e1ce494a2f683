//! The upstream as the handler sees it: `send` one request, get one answer, from whichever server is fit.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use smallvec::SmallVec;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::balance::{Balance, Lease, Server};
use super::body::UpstreamBody;
use super::connection::{Connection, Stream};
use super::error::UpstreamError;
use super::exchange::Exchange;
use super::pool::Pool;
use super::request::{self, Outgoing, OutgoingBody};
use super::response::Head;
use super::settings::{
    ConnectionLimits, HealthSettings, SettingsError, Timeouts, UpstreamSettings,
};
use super::tls;
use super::transfer::Transfer;

/// One upstream for the whole process: its servers and their standing. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    name: Arc<str>,
    host: Option<String>,
    connector: Option<TlsConnector>,
    timeouts: Timeouts,
    limits: ConnectionLimits,
    pub(super) health: HealthSettings,
    pub(super) balance: Balance,
}

impl Upstream {
    /// Checks the settings and reads the certificates; connects to nobody yet.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(settings: UpstreamSettings) -> Result<Self, SettingsError> {
        let UpstreamSettings { name, servers, host, tls, timeouts, health, connections } = settings;
        if servers.is_empty() {
            return Err(SettingsError::NoServers { name });
        }
        if let Some(host) = &host
            && !host
                .parse::<http::uri::Authority>()
                .is_ok_and(|authority| !authority.as_str().contains('@'))
        {
            return Err(SettingsError::Host { name, host: host.clone() });
        }
        let connector =
            servers.iter().any(|server| server.tls).then(|| tls::connector(&tls)).transpose()?;
        let servers = servers
            .into_iter()
            .map(|address| {
                let tls_name = address
                    .tls
                    .then(|| tls::server_name(&tls, host.as_deref(), &address))
                    .transpose()?;
                Ok(Arc::new(Server::new(address, tls_name)))
            })
            .collect::<Result<_, SettingsError>>()?;
        Ok(Self {
            shared: Arc::new(Shared {
                name: name.into(),
                host,
                connector,
                timeouts,
                limits: connections,
                balance: Balance::new(servers, &health),
                health,
            }),
        })
    }

    /// A client for the worker that calls this, with connections of its own.
    #[must_use]
    pub fn client(&self) -> UpstreamClient {
        let limits = self.shared.limits;
        UpstreamClient {
            pools: self.shared.balance.servers.iter().map(|_| Rc::new(Pool::new(limits))).collect(),
            shared: Arc::clone(&self.shared),
        }
    }
}

/// One worker's way to an upstream. Cheap to clone; stays on its thread.
#[derive(Debug, Clone)]
pub struct UpstreamClient {
    shared: Arc<Shared>,
    pools: Rc<[Rc<Pool>]>,
}

/// The answer: its head, and a body that is read as it is polled.
#[derive(Debug)]
pub struct Incoming {
    /// The final status; interim ones are dropped.
    pub status: StatusCode,
    /// The fields for the client, those of one hop removed.
    pub headers: HeaderMap,
    /// The body, ready for the server side; its size is that of the answer's framing.
    pub body: UpstreamBody,
    /// Which server answered, as `http://host:port`.
    pub server: Arc<str>,
    /// How long it took.
    pub timings: Timings,
}

/// How long the parts of an exchange took.
#[derive(Debug, Clone, Copy)]
pub struct Timings {
    /// To make the connection; none if there was one.
    pub connect: Option<Duration>,
    /// From the call to the answer's head, all tries included.
    pub head: Duration,
}

impl UpstreamClient {
    /// Sends a request and waits for the head of the final answer.
    ///
    /// Dropping the future, or the body, cancels the exchange and closes its connection. A request is sent again only
    /// if that can do no harm: nothing of it had left; or it is idempotent, its body is at hand, and the connection
    /// ended before a byte of an answer.
    ///
    /// # Errors
    /// Why there is no answer; `UpstreamError::status` says what the client gets.
    pub async fn send(&self, mut outgoing: Outgoing) -> Result<Incoming, UpstreamError> {
        let called = Instant::now();
        let mut tried: SmallVec<[usize; 4]> = SmallVec::new();
        let mut pooled = true;
        let mut last = None;
        loop {
            let Some((index, lease)) = self.shared.balance.choose(&tried) else {
                return Err(last.unwrap_or_else(|| UpstreamError::NoHealthyServer {
                    upstream: Arc::clone(&self.shared.name),
                }));
            };
            let Some(pool) = self.pools.get(index) else {
                tried.push(index);
                continue;
            };
            let rested = if pooled { pool.take() } else { None };
            let (connection, connect) = match rested {
                Some(connection) => (connection, None),
                None => match self.shared.connect(&lease.server).await {
                    Ok(connection) => (connection, Some(called.elapsed())),
                    Err(error) => {
                        self.shared.balance.failed(&lease.server);
                        pool.clear();
                        tried.push(index);
                        last = Some(error);
                        continue;
                    }
                },
            };
            match self.attempt(connection, &mut outgoing, &lease).await {
                Ok((exchange, head)) => {
                    self.shared.balance.succeeded(&lease.server);
                    let server = Arc::clone(&lease.server.name);
                    let body = UpstreamBody::new(exchange, &head, Rc::clone(pool), lease);
                    return Ok(Incoming {
                        status: head.status,
                        headers: head.headers,
                        body,
                        server,
                        timings: Timings { connect, head: called.elapsed() },
                    });
                }
                Err(Failure { error, repeatable }) => {
                    if connect.is_some() && error.blames_server() {
                        self.shared.balance.failed(&lease.server);
                    }
                    if !repeatable {
                        return Err(error);
                    }
                    if connect.is_none() {
                        // Its other connections are likely as old: ask the same server anew.
                        pooled = false;
                        pool.clear();
                    } else {
                        tried.push(index);
                    }
                    last = Some(error);
                }
            }
        }
    }

    /// Closes connections that have rested too long, or that their servers have closed. Call it every few seconds.
    pub fn sweep(&self) {
        for pool in self.pools.iter() {
            pool.sweep();
        }
    }

    /// How many connections rest in this worker.
    #[must_use]
    pub fn idle_connections(&self) -> usize {
        self.pools.iter().map(|pool| pool.len()).sum()
    }

    /// One try over one connection. On failure `outgoing.body` is whole again if the failure is repeatable.
    async fn attempt(
        &self,
        connection: Connection,
        outgoing: &mut Outgoing,
        lease: &Lease,
    ) -> Result<(Exchange, Head), Failure> {
        let reused = connection.reused;
        let replay = match &outgoing.body {
            OutgoingBody::Empty => Some(OutgoingBody::Empty),
            OutgoingBody::Bytes(bytes) => Some(OutgoingBody::Bytes(bytes.clone())),
            OutgoingBody::Stream { .. } => None,
        };
        let length = match &outgoing.body {
            OutgoingBody::Stream { length, .. } => *length,
            OutgoingBody::Empty | OutgoingBody::Bytes(_) => None,
        };
        let mut exchange = self.shared.exchange(connection, outgoing, &lease.server)?;
        let method = &outgoing.method;
        match poll_fn(|context| exchange.poll_head(context, method)).await {
            Ok(head) => Ok((exchange, head)),
            Err(error) => {
                let ended = matches!(error, UpstreamError::Closed { .. });
                let untouched = ended && !exchange.started;
                // A fresh connection that ends like this may be the request's own doing: only a rested one, or
                // another server, is tried again, and the loop above sees to that.
                let harmless = ended
                    && !exchange.answered
                    && replay.is_some()
                    && request::is_idempotent(method)
                    && (reused || self.pools.len() > 1);
                let body = replay.or_else(|| {
                    exchange.into_stream().map(|body| match body {
                        OutgoingBody::Stream { payload, .. } => {
                            OutgoingBody::Stream { payload, length }
                        }
                        other => other,
                    })
                });
                let repeatable = (untouched || harmless) && body.is_some();
                outgoing.body = body.unwrap_or(OutgoingBody::Empty);
                Err(Failure { error, repeatable })
            }
        }
    }
}

struct Failure {
    error: UpstreamError,
    repeatable: bool,
}

impl From<UpstreamError> for Failure {
    fn from(error: UpstreamError) -> Self {
        Self { error, repeatable: false }
    }
}

impl Shared {
    /// Connects to a server, TLS included, within the time for it.
    pub(super) async fn connect(&self, server: &Server) -> Result<Connection, UpstreamError> {
        let address = &server.address;
        let connecting = async {
            let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
            stream.set_nodelay(true)?;
            Ok(match (&server.tls_name, &self.connector) {
                (Some(name), Some(connector)) => {
                    Stream::Tls(Box::new(connector.connect(name.clone(), stream).await?))
                }
                _ => Stream::Plain(stream),
            })
        };
        match timeout(self.timeouts.connect, connecting).await {
            Ok(Ok(stream)) => Ok(Connection::new(stream, self.timeouts.head)),
            Ok(Err(source)) => Err(connect_error(server, source)),
            Err(_) => Err(UpstreamError::ConnectTimeout { server: Arc::clone(&server.name) }),
        }
    }

    /// An exchange with its request's head written; takes the body out of `outgoing`.
    pub(super) fn exchange(
        &self,
        mut connection: Connection,
        outgoing: &mut Outgoing,
        server: &Server,
    ) -> Result<Exchange, UpstreamError> {
        connection.prepare();
        request::write_head(
            connection.output(),
            outgoing,
            self.host.as_deref(),
            &server.authority,
        )?;
        Ok(Exchange::new(
            connection,
            mem::replace(&mut outgoing.body, OutgoingBody::Empty),
            Arc::clone(&server.name),
            self.timeouts,
            Rc::new(Transfer::new()),
        ))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Shared")
            .field("name", &self.name)
            .field("host", &self.host)
            .field("balance", &self.balance)
            .finish_non_exhaustive()
    }
}

fn connect_error(server: &Server, source: io::Error) -> UpstreamError {
    UpstreamError::Connect { server: Arc::clone(&server.name), source }
}
