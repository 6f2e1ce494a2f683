//! A WebSocket handshake with a server: an ordinary answer, or a stream that both sides write on (RFC 6455 4.1).
//!
//! Only a 101 that agrees to just what was asked for gives the stream away. Any other 101 is an error, and its connection
//! is closed: whoever could make a server say it, a tunnel would let him speak to that server unjudged.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::StatusCode;
use http::header;
use http_body::Body as _;
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::message::agrees_to_websocket;

use super::balance::Lease;
use super::body::{Open, UpstreamBody};
use super::client::{Incoming, Timings, UpstreamClient};
use super::connection::{Connection, Failure};
use super::error::UpstreamError;
use super::request::Outgoing;
use super::response::{self, AnswerFields};
use super::stream::Paced;
use super::transfer::Transfer;

/// What a server says to a handshake.
#[derive(Debug)]
pub enum Reply {
    /// An ordinary answer.
    Answer(Incoming),
    /// It has switched.
    Tunnel(Tunnel),
}

/// A connection whose server speaks WebSocket from here on.
#[derive(Debug)]
pub struct Tunnel {
    /// What the server has sent of it already.
    pub(in crate::gateway) early: Bytes,
    /// The fields of the 101.
    pub(in crate::gateway) headers: AnswerFields,
    /// The connection counts as one of its server's until the tunnel ends.
    pub(in crate::gateway) _lease: Lease,
    /// The stream.
    pub(in crate::gateway) stream: Paced,
    /// How long it took.
    pub(in crate::gateway) timings: Timings,
}

impl UpstreamClient {
    /// Asks a server for a WebSocket, over a connection of its own.
    ///
    /// # Errors
    /// As [`UpstreamClient::send`], and for a 101 that agrees to something else.
    pub async fn switch(&self, mut outgoing: Outgoing, key: &str) -> Result<Reply, UpstreamError> {
        let called = Instant::now();
        let mut tried: SmallVec<[usize; 4]> = SmallVec::new();
        let mut last = None;
        loop {
            let Some((index, lease)) = self.shared.balance.choose(&tried) else {
                return Err(last.unwrap_or_else(|| UpstreamError::NoHealthyServer {
                    upstream: Arc::clone(&self.shared.name),
                }));
            };
            match self.shared.connect_for(&lease.server, true).await {
                Ok(connection) => {
                    let server = Arc::clone(&lease.server);
                    let shaken = self.shake(connection, &mut outgoing, key, lease, index, called);
                    let shaken = shaken.await;
                    match &shaken {
                        Ok(_) => self.shared.balance.succeeded(&server),
                        Err(error) if error.blames_server() => self.shared.balance.failed(&server),
                        Err(_) => {}
                    }
                    return shaken;
                }
                // Nothing has been sent: another server can be asked.
                Err(error) => {
                    self.shared.balance.failed(&lease.server);
                    tried.push(index);
                    last = Some(error);
                }
            }
        }
    }

    async fn shake(
        &self,
        mut connection: Connection,
        outgoing: &mut Outgoing,
        key: &str,
        lease: Lease,
        index: usize,
        called: Instant,
    ) -> Result<Reply, UpstreamError> {
        let connect = Some(called.elapsed());
        let transfer = Rc::new(Transfer::new());
        let mut request = self.shared.request(&connection, outgoing, &lease.server, &transfer)?;
        for (name, value) in [(header::CONNECTION, "Upgrade"), (header::UPGRADE, "websocket")] {
            let value = HeaderValue::from_static(value);
            request.headers_mut().try_insert(name, value).map_err(|_| UpstreamError::Fields)?;
        }
        let answer = match connection.exchange(request).await {
            Ok(answer) => answer,
            Err(Failure::Overdue(wait)) => return Err(connection.late(wait)),
            Err(Failure::Wire(failure)) => return Err(connection.fault(failure.into_error())),
        };
        let timings = Timings { connect, head: called.elapsed() };
        let (parts, incoming) = answer.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            if !agrees(&parts.headers, key) {
                return Err(connection.bad("it switches to something else than was asked for"));
            }
            let (stream, early) = connection.into_stream().await?;
            let headers = AnswerFields::of_switch(parts.headers);
            let tunnel = Tunnel { early, headers, _lease: lease, stream, timings };
            return Ok(Reply::Tunnel(tunnel));
        }
        let length = incoming.size_hint().exact();
        let head =
            response::head(parts, &outgoing.method, length).map_err(|what| connection.bad(what))?;
        let Some(pool) = self.pools.get(index).map(Rc::clone) else {
            return Err(connection.bad("it has gone"));
        };
        let server = Arc::clone(&lease.server.name);
        let open = Open { incoming, connection, pool, lease, waiting: None };
        let body = UpstreamBody::new(open, head.size, transfer);
        Ok(Reply::Answer(Incoming {
            status: head.status,
            headers: head.headers,
            body,
            server,
            timings,
        }))
    }
}

fn agrees(fields: &HeaderMap, key: &str) -> bool {
    let values = |name: HeaderName| fields.get_all(name).into_iter().map(HeaderValue::as_bytes);
    agrees_to_websocket(
        key,
        values(header::UPGRADE),
        values(header::CONNECTION),
        values(header::SEC_WEBSOCKET_ACCEPT),
    )
}
