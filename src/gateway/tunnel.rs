//! A WebSocket through the gateway (RFC 6455, DESIGN 13 Routes): the handshake is a request like any other, and after a 101
//! that agrees to it bytes flow both ways until one side or the gateway has enough.
//!
//! actix gives a request that asks for a WebSocket, and CONNECT, together with its connection, because it sees no end of
//! what follows. So the ordinary answers to such requests are written here too, and end their connection.
//!
//! What it must never do:
//! - pass on a byte that came behind a handshake before its 101: it might be another request, that nobody judged;
//! - read such a byte as a request: it is dropped with its connection;
//! - keep more of either side than one read.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use actix_codec::Encoder;
use actix_codec::Framed;
use actix_http::ConnectionType;
use actix_http::Request;
use actix_http::Response;
use actix_http::h1::Codec;
use actix_http::h1::Message;
use actix_web::HttpMessage;
use actix_web::HttpResponse;
use actix_web::body::BodySize;
use actix_web::body::BoxBody;
use actix_web::body::MessageBody;
use actix_web::http::Method;
use actix_web::http::StatusCode;
use actix_web::http::Version;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderValue;
use bytes::Bytes;
use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::enforcement::Delivery;
use crate::enforcement::End;
use crate::enforcement::Malformed;
use crate::enforcement::Permit;
use crate::enforcement::Refusal;
use crate::message::Upgrade;
use crate::message::WEBSOCKET_VERSION;
use crate::model::DecisionId;
use crate::settings::Route;
use crate::telemetry::OpenTunnel;

use super::answers;
use super::concluding::CUT;
use super::concluding::Underway;
use super::handler::Arrival;
use super::handler::handle;
use super::inbound::Received;
use super::outbound;
use super::plane::Worker;
use super::upstream::Tunnel;
use super::watched::Watch;
use super::watched::Watched;

/// The most that is read of one side before the other has taken it.
const BUFFER: usize = 16 * 1024;
/// The most that is kept of what a client sends before its handshake is answered.
const EARLY_LIMIT: usize = 64 * 1024;
/// How long a client that still sends may do so after its answer, so that it reads the answer and no reset.
const LINGER: Duration = Duration::from_secs(1);

/// How long nothing may move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    /// After one side has ended.
    pub(super) half_closed: Duration,
    /// While both are open.
    pub(super) open: Duration,
}

/// A tunnel on its way from the handler to its connection.
struct Opened {
    count: OpenTunnel,
    cut: Option<Duration>,
    delivery: Rc<Delivery>,
    tunnel: Tunnel,
    _underway: Underway,
}

/// A client's connection, without actix.
struct Client {
    codec: Codec,
    early: BytesMut,
    io: Watched,
    out: BytesMut,
}

/// What a request asks of its connection. HTTP/1.0 cannot ask (RFC 9110 7.8).
pub(super) fn asked(request: &Request) -> Upgrade<'_> {
    let headers = request.headers();
    if announces_body(headers) {
        // actix has not framed it: what follows could be a body or the next request.
        return Upgrade::Malformed;
    }
    if request.version() != Version::HTTP_11 {
        return Upgrade::Absent;
    }
    Upgrade::of(
        values(headers, header::UPGRADE),
        values(headers, header::CONNECTION),
        values(headers, header::SEC_WEBSOCKET_VERSION),
        values(headers, header::SEC_WEBSOCKET_KEY),
        *request.method() == Method::GET,
    )
}

fn values(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &[u8]> {
    headers.get_all(name).map(HeaderValue::as_bytes)
}

fn announces_body(headers: &HeaderMap) -> bool {
    values(headers, header::CONTENT_LENGTH).any(|length| length.trim_ascii() != b"0")
        || headers.contains_key(header::TRANSFER_ENCODING)
}

impl Worker {
    /// A WebSocket asked for by what is no handshake (RFC 6455 4.2.1).
    pub(super) async fn no_handshake(&self, arrival: &Arrival<'_>, raw: &str) -> HttpResponse {
        let Some(route) = self.judged_route(arrival.method, raw) else {
            return answers::fault(StatusCode::BAD_REQUEST, None);
        };
        let reason = Malformed::Field("the WebSocket handshake is not one of RFC 6455".into());
        let refusal = Refusal::Malformed { id: self.plane.gate.new_id(), reason };
        self.refuse(arrival, route, refusal, raw.split('?').next().unwrap_or(raw)).await
    }

    /// A WebSocket of another version (RFC 6455 4.4).
    pub(super) fn other_version(&self, route: &Route, id: Option<DecisionId>) -> HttpResponse {
        let mut answer = answers::fault(StatusCode::UPGRADE_REQUIRED, id);
        self.plane.gate.metrics().refused(answer.status().as_u16(), &route.name);
        let headers = answer.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        let version = HeaderValue::from_static(WEBSOCKET_VERSION);
        headers.insert(header::SEC_WEBSOCKET_VERSION, version);
        answer
    }

    /// The 101, with the tunnel for the connection to take.
    pub(super) fn switched(
        &self,
        arrival: &Arrival<'_>,
        route: &Route,
        permit: &Permit,
        tunnel: Tunnel,
        underway: Underway,
    ) -> HttpResponse {
        let gate = &self.plane.gate;
        let upstream = route.upstream.as_deref().unwrap_or_default();
        gate.metrics().upstream_answered(upstream, tunnel.timings.head.as_secs_f64());
        let mut answer = HttpResponse::new(StatusCode::SWITCHING_PROTOCOLS);
        let headers = answer.headers_mut();
        outbound::answer_headers(
            &tunnel.headers,
            headers,
            permit.id(),
            permit.verdict(),
            permit.is_covered(),
        );
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        let delivery = Rc::clone(arrival.delivery);
        delivery.take();
        delivery.answered(answer.status().as_u16());
        answer.extensions_mut().insert(Opened {
            count: gate.metrics().tunnel_opened(),
            cut: permit.cut_after(|| gate.now()),
            delivery,
            tunnel,
            _underway: underway,
        });
        answer
    }
}

/// Serves a request that came with its connection.
pub(super) async fn serve(worker: Rc<Worker>, received: Received, framed: Framed<Watched, Codec>) {
    let parts = framed.into_parts();
    // actix's own codec has taken the request for one without end, and would frame the answer so.
    let codec = Codec::new(parts.codec.config().clone());
    let mut client = Client { codec, early: parts.read_buf, io: parts.io, out: parts.write_buf };
    let silence = worker.plane.tunnels;
    let method = received.request.method().clone();
    let is_old = received.request.version() == Version::HTTP_10;
    // INVARIANT: `on_connect_ext` gives every connection its watch.
    let serving = received.request.conn_data::<Rc<Watch>>().map(Watch::serve);
    let mut answer = tokio::select! {
        answer = handle(worker, received, serving) => answer,
        () = client.left() => return,
    };
    let opened = answer.extensions_mut().remove::<Opened>();
    let (head, body) = answer.into_parts();
    let mut head = Response::from(head);
    let ended = match opened {
        Some(opened) => {
            head.head_mut().set_connection_type(ConnectionType::Upgrade);
            client.tunnel(head, opened, silence).await
        }
        None => {
            head.head_mut().set_connection_type(ConnectionType::Close);
            head.head_mut().no_chunking(is_old);
            client.answer(head, body, method == Method::HEAD).await
        }
    };
    if let Err(error) = ended {
        // Strangers' faults: a way to flood the log.
        tracing::debug!(%error, "a connection that asked for a WebSocket ended");
    }
}

impl Client {
    /// Resolves when the client has gone; keeps what it sends.
    async fn left(&mut self) {
        while self.early.len() < EARLY_LIMIT {
            match self.io.read_buf(&mut self.early).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        std::future::pending().await
    }

    /// Writes an ordinary answer and ends the connection.
    async fn answer(&mut self, head: Response<()>, body: BoxBody, bare: bool) -> io::Result<()> {
        let size = body.size();
        self.codec.encode(Message::Item((head, size)), &mut self.out)?;
        if !bare && !matches!(size, BodySize::None | BodySize::Sized(0)) {
            let mut body = pin!(body);
            while let Some(piece) = poll_fn(|context| body.as_mut().poll_next(context)).await {
                // A broken body ends the connection before its framing does: the client can tell.
                let piece = piece.map_err(|error| io::Error::other(error.to_string()))?;
                self.codec.encode(Message::Chunk(Some(piece)), &mut self.out)?;
                self.flush().await?;
            }
            self.codec.encode(Message::Chunk(None), &mut self.out)?;
        }
        self.flush().await?;
        self.io.shutdown().await?;
        drop(tokio::time::timeout(LINGER, self.drain()).await);
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.io.write_all(&self.out).await?;
        self.out.clear();
        self.io.flush().await
    }

    /// Reads what still comes, and drops it.
    async fn drain(&mut self) {
        let mut left = EARLY_LIMIT;
        while left > 0 {
            self.early.clear();
            match self.io.read_buf(&mut self.early).await {
                Ok(0) | Err(_) => return,
                Ok(read) => left = left.saturating_sub(read),
            }
        }
    }

    /// Writes the 101 and copies both ways until the tunnel ends.
    async fn tunnel(
        mut self,
        head: Response<()>,
        opened: Opened,
        silence: Silence,
    ) -> io::Result<()> {
        self.codec.encode(Message::Item((head, BodySize::None)), &mut self.out)?;
        self.flush().await?;
        let Opened { count, cut, delivery, tunnel, _underway } = opened;
        let Tunnel { early, stream, _lease, .. } = tunnel;
        let clock = Clock { half_closed: Cell::new(false), moved: Cell::new(Instant::now()) };
        let (from_client, to_client) = tokio::io::split(self.io);
        let (from_server, to_server) = tokio::io::split(stream);
        let sent = |bytes| {
            delivery.sent(bytes);
            count.received(bytes);
        };
        let early_client = self.early.freeze();
        let there =
            copy(early_client, (from_client, End::Cancelled), (to_server, End::Failed), &clock, {
                |bytes| count.sent(bytes)
            });
        let back =
            copy(early, (from_server, End::Failed), (to_client, End::Cancelled), &clock, sent);
        let cut = async {
            match cut {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        let (end, ended) = tokio::select! {
            ended = async { tokio::try_join!(there, back) } => match ended {
                Ok(_) => (End::Complete, Ok(())),
                Err((end, error)) => (end, Err(error)),
            },
            () = clock.silent(silence) => {
                (End::Cancelled, Err(io::Error::other("nothing moved for too long")))
            }
            () = cut => {
                delivery.noticed(CUT);
                let error = io::Error::other("a rule took effect that cuts running transfers");
                (End::Failed, Err(error))
            }
        };
        delivery.ended(end);
        ended
    }
}

/// What moves in a tunnel.
struct Clock {
    half_closed: Cell<bool>,
    moved: Cell<Instant>,
}

impl Clock {
    /// Resolves when nothing has moved for too long.
    async fn silent(&self, limits: Silence) {
        loop {
            let limit = if self.half_closed.get() {
                limits.half_closed.min(limits.open)
            } else {
                limits.open
            };
            let left = limit.saturating_sub(self.moved.get().elapsed());
            if left.is_zero() {
                return;
            }
            // One side may end meanwhile, and the shorter limit hold.
            tokio::time::sleep(left.min(limits.half_closed)).await;
        }
    }
}

/// Copies until the source ends, and passes its end on. Of each side stands beside it what its failure makes of the tunnel.
async fn copy(
    early: Bytes,
    (mut from, reading): (impl AsyncRead + Unpin, End),
    (mut to, writing): (impl AsyncWrite + Unpin, End),
    clock: &Clock,
    count: impl Fn(usize),
) -> Result<(), (End, io::Error)> {
    let mut buffer = BytesMut::from(&*early);
    loop {
        if !buffer.is_empty() {
            to.write_all(&buffer).await.map_err(|error| (writing, error))?;
            to.flush().await.map_err(|error| (writing, error))?;
            clock.moved.set(Instant::now());
            count(buffer.len());
            buffer.clear();
        }
        buffer.reserve(BUFFER);
        let read = (&mut from).take(BUFFER as u64).read_buf(&mut buffer).await;
        if read.map_err(|error| (reading, error))? == 0 {
            clock.half_closed.set(true);
            return to.shutdown().await.map_err(|error| (writing, error));
        }
        clock.moved.set(Instant::now());
    }
}
