//! The upstream as the handler sees it: `send` one request, get one answer, from whichever server is fit.

use std::fmt;
use std::io;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use http::HeaderValue;
use http::Request;
use http_body::Body as _;
use smallvec::SmallVec;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::either::Either;

use crate::settings;
use crate::settings::Health;
use crate::settings::Scheme;

use super::balance::{Balance, Ejection, Lease, Server};
use super::body::{Open, UpstreamBody};
use super::connection::{Connection, Failure};
use super::error::{SetupError, UpstreamError};
use super::pace::Stage;
use super::pool::Pool;
use super::request::{self, Outgoing, OutgoingBody, RequestBody};
use super::response::{self, AnswerFields};
use super::tls;
use super::transfer::Transfer;

/// One upstream for the whole process: its servers and their standing. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) name: Arc<str>,
    host: Option<HeaderValue>,
    connector: Option<TlsConnector>,
    limits: Limits,
    keep_alive: usize,
    pub(super) health: Option<Health>,
    pub(super) balance: Balance,
}

/// The limit of each wait; none can be switched off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Look-up of the name, TCP and TLS handshake together.
    pub(super) connect: Duration,
    /// From the last byte sent to the whole head of the final answer.
    pub(super) head: Duration,
    /// A pause inside a body, whoever makes it, and the rest of a connection.
    pub(super) idle: Duration,
}

impl Limits {
    /// After this long it is time to look what is waited for.
    pub(super) fn shortest(self) -> Duration {
        self.head.min(self.idle)
    }
}

impl Upstream {
    /// Reads the certificates; connects to nobody yet.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(settings: &settings::Upstream) -> Result<Self, SetupError> {
        Self::with_ejection(settings, Ejection::default())
    }

    pub(super) fn with_ejection(
        settings: &settings::Upstream,
        ejection: Ejection,
    ) -> Result<Self, SetupError> {
        let name = settings.name.clone();
        if settings.servers.is_empty() {
            return Err(SetupError::NoServers { name });
        }
        let field = |host: &str| {
            HeaderValue::from_str(host)
                .map_err(|_| SetupError::Host { name: name.clone(), host: host.to_owned() })
        };
        let tls = &settings.tls;
        let is_tls = |server: &settings::Server| server.scheme == Scheme::Https;
        let connector =
            settings.servers.iter().any(is_tls).then(|| tls::connector(tls)).transpose()?;
        let servers = settings
            .servers
            .iter()
            .map(|server| {
                let tls_name = is_tls(server)
                    .then(|| tls::server_name(tls, settings.host.as_deref(), server))
                    .transpose()?;
                let authority = field(&server.authority())?;
                Ok(Arc::new(Server::new(server.clone(), authority, tls_name)))
            })
            .collect::<Result<_, SetupError>>()?;
        Ok(Self {
            shared: Arc::new(Shared {
                host: settings.host.as_deref().map(field).transpose()?,
                name: name.as_str().into(),
                connector,
                limits: Limits {
                    connect: settings.connect_timeout,
                    head: settings.response_timeout,
                    idle: settings.idle_timeout,
                },
                keep_alive: settings.keep_alive,
                balance: Balance::new(servers, ejection),
                health: settings.health.clone(),
            }),
        })
    }

    /// A client for the worker that calls this, with connections of its own.
    #[must_use]
    pub fn client(&self) -> UpstreamClient {
        let pool = || Rc::new(Pool::new(self.shared.keep_alive, self.shared.limits.idle));
        UpstreamClient {
            pools: self.shared.balance.servers.iter().map(|_| pool()).collect(),
            shared: Arc::clone(&self.shared),
        }
    }
}

/// One worker's way to an upstream. Cheap to clone; stays on its thread.
#[derive(Debug, Clone)]
pub struct UpstreamClient {
    pub(super) shared: Arc<Shared>,
    pub(super) pools: Rc<[Rc<Pool>]>,
}

/// The answer: its head, and a body that is read as it is polled.
#[derive(Debug)]
pub struct Incoming {
    /// The final status; interim ones are dropped.
    pub status: StatusCode,
    /// The fields, as received.
    pub headers: AnswerFields,
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
                Ok((connection, answer)) => {
                    self.shared.balance.succeeded(&lease.server);
                    let server = Arc::clone(&lease.server.name);
                    let Answer { head, incoming, transfer } = answer;
                    let pool = Rc::clone(pool);
                    let open = Open { incoming, connection, pool, lease, waiting: None };
                    return Ok(Incoming {
                        status: head.status,
                        headers: head.headers,
                        body: UpstreamBody::new(open, head.size, transfer),
                        server,
                        timings: Timings { connect, head: called.elapsed() },
                    });
                }
                Err(NoAnswer { error, repeatable }) => {
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
        mut connection: Connection,
        outgoing: &mut Outgoing,
        lease: &Lease,
    ) -> Result<(Connection, Answer), NoAnswer> {
        let replay = match &outgoing.body {
            OutgoingBody::Empty => Some(OutgoingBody::Empty),
            OutgoingBody::Bytes(bytes) => Some(OutgoingBody::Bytes(bytes.clone())),
            OutgoingBody::Stream { .. } => None,
        };
        let transfer = Rc::new(Transfer::new());
        let request = self.shared.request(&connection, outgoing, &lease.server, &transfer)?;
        let failure = match connection.exchange(request).await {
            Ok(answer) => {
                let (parts, incoming) = answer.into_parts();
                // A server that has refused does not want the rest of the body (RFC 9112, section 9.5).
                if connection.pace.stage() != Stage::Sent && parts.status.as_u16() >= 300 {
                    connection.pace.reach(Stage::Refused);
                }
                let length = incoming.size_hint().exact();
                let head = response::head(parts, &outgoing.method, length)
                    .map_err(|what| connection.bad(what))?;
                return Ok((connection, Answer { head, incoming, transfer }));
            }
            Err(Failure::Overdue(wait)) => return Err(connection.late(wait).into()),
            Err(Failure::Wire(failure)) => *failure,
        };
        let mut failure = failure;
        let unsent = failure.take_message().map(|request| request.into_body().into_outgoing());
        let error = connection.fault(failure.into_error());
        let ended = matches!(error, UpstreamError::Closed { .. });
        let untouched = unsent.is_some() || (ended && !connection.pace.has_started());
        // A fresh connection that ends like this may be the request's own doing: only a rested one, or another
        // server, is tried again, and `send` sees to that.
        let harmless = ended
            && !connection.pace.is_answered()
            && request::is_idempotent(&outgoing.method)
            && (connection.reused || self.pools.len() > 1);
        let body = unsent.or(replay);
        let repeatable = (untouched || harmless) && body.is_some();
        outgoing.body = body.unwrap_or(OutgoingBody::Empty);
        Err(NoAnswer { error, repeatable })
    }
}

/// A head that has come, and the body that is coming.
struct Answer {
    head: response::Head,
    incoming: hyper::body::Incoming,
    transfer: Rc<Transfer>,
}

struct NoAnswer {
    error: UpstreamError,
    repeatable: bool,
}

impl From<UpstreamError> for NoAnswer {
    fn from(error: UpstreamError) -> Self {
        Self { error, repeatable: false }
    }
}

impl Shared {
    /// Connects to a server, TLS included, within the time for it.
    pub(super) async fn connect(&self, server: &Server) -> Result<Connection, UpstreamError> {
        self.connect_for(server, false).await
    }

    /// As [`Shared::connect`]; `switching` for a connection whose server will be asked to switch protocols.
    pub(super) async fn connect_for(
        &self,
        server: &Server,
        switching: bool,
    ) -> Result<Connection, UpstreamError> {
        let address = &server.address;
        let connecting = async {
            let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
            stream.set_nodelay(true)?;
            let stream = match (&server.tls_name, &self.connector) {
                (Some(name), Some(connector)) => {
                    Either::Right(Box::new(connector.connect(name.clone(), stream).await?))
                }
                _ => Either::Left(stream),
            };
            Connection::open(stream, Arc::clone(&server.name), self.limits, switching)
                .await
                .map_err(io::Error::other)
        };
        match timeout(self.limits.connect, connecting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(source)) => {
                Err(UpstreamError::Connect { server: Arc::clone(&server.name), source })
            }
            Err(_) => Err(UpstreamError::ConnectTimeout { server: Arc::clone(&server.name) }),
        }
    }

    /// The request for one connection, whose exchange begins; takes the body out of `outgoing`.
    pub(super) fn request(
        &self,
        connection: &Connection,
        outgoing: &mut Outgoing,
        server: &Server,
        transfer: &Rc<Transfer>,
    ) -> Result<Request<RequestBody>, UpstreamError> {
        let pace = &connection.pace;
        let fields = request::fields(outgoing, self.host.as_ref(), &server.authority)?;
        let source = mem::replace(&mut outgoing.body, OutgoingBody::Empty);
        let body = RequestBody::new(source, Rc::clone(pace));
        pace.begin(body.stage(), Rc::clone(transfer));
        request::request(outgoing, fields, body)
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
