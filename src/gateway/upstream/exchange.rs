//! One request and its answer over one connection: the request is sent while the answer is awaited.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::http::Method;
use bytes::Bytes;
use futures_util::Stream as _;

use super::connection::Connection;
use super::error::UpstreamError;
use super::request::OutgoingBody;
use super::response::{self, Head, Parsed};
use super::settings::Timeouts;
use super::transfer::Transfer;

/// How many interim answers are read before the final one.
const INTERIM_LIMIT: u32 = 16;

/// A body in memory up to this size leaves in one write with the head.
const JOINED_BODY: usize = 16 * 1024;

/// An exchange under way; it owns its connection until both directions are done.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) connection: Connection,
    pub(super) server: Arc<str>,
    pub(super) timeouts: Timeouts,
    pub(super) transfer: Rc<Transfer>,
    source: Source,
    wait: Wait,
    /// Set when the socket refused bytes; the answer may still be there to read.
    unsendable: Option<io::Error>,
    /// Whether a byte of the request has left, and whether one of the answer has come.
    pub(super) started: bool,
    pub(super) answered: bool,
    interim: u32,
}

/// What is still to be sent after the head.
#[derive(Debug)]
enum Source {
    Nothing,
    Bytes(Bytes),
    Chunked(OutgoingBody),
    Sized { body: OutgoingBody, left: u64 },
}

/// What the exchange waits for, which says how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Nothing,
    Server,
    Client,
    Head,
}

impl Exchange {
    /// An exchange whose request head stands in the connection's output.
    pub(super) fn new(
        mut connection: Connection,
        body: OutgoingBody,
        server: Arc<str>,
        timeouts: Timeouts,
        transfer: Rc<Transfer>,
    ) -> Self {
        let source = match body {
            OutgoingBody::Empty => Source::Nothing,
            OutgoingBody::Bytes(bytes) if bytes.len() <= JOINED_BODY => {
                connection.output().extend_from_slice(&bytes);
                transfer.add_sent(bytes.len());
                Source::Nothing
            }
            OutgoingBody::Bytes(bytes) => Source::Bytes(bytes),
            OutgoingBody::Stream { length: Some(0), .. } => Source::Nothing,
            OutgoingBody::Stream { length: None, .. } => Source::Chunked(body),
            OutgoingBody::Stream { length: Some(left), .. } => Source::Sized { body, left },
        };
        Self {
            connection,
            server,
            timeouts,
            transfer,
            source,
            wait: Wait::Nothing,
            unsendable: None,
            started: false,
            answered: false,
            interim: 0,
        }
    }

    /// Sends what can be sent and reads towards the final head.
    ///
    /// # Errors
    /// Whoever failed, with the blame.
    pub(super) fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        method: &Method,
    ) -> Poll<Result<Head, UpstreamError>> {
        let wait = match self.poll_request(context) {
            Poll::Ready(Ok(())) => Wait::Head,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => self.wait,
        };
        self.begin_wait(wait);
        loop {
            match self.connection.poll_read(context, 0) {
                Poll::Ready(Ok(0)) => {
                    let error = self.unsendable.take();
                    return Poll::Ready(Err(
                        self.closed(error.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()))
                    ));
                }
                Poll::Ready(Ok(_)) => self.answered = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.closed(error))),
                Poll::Pending => break,
            }
            loop {
                match response::parse(&mut self.connection.input, method) {
                    Ok(Parsed::Final(head)) => return Poll::Ready(Ok(head)),
                    Ok(Parsed::More) => break,
                    Ok(Parsed::Interim) if self.interim < INTERIM_LIMIT => {
                        self.interim = self.interim.saturating_add(1);
                    }
                    Ok(Parsed::Interim) => {
                        return Poll::Ready(Err(self.bad("too many interim answers")));
                    }
                    Err(what) => return Poll::Ready(Err(self.bad(what))),
                }
            }
        }
        if self.connection.deadline.poll_passed(context).is_ready() {
            return Poll::Ready(Err(self.overdue()));
        }
        Poll::Pending
    }

    /// Sends what can be sent; ready when all of the request has left, or when there is no point in sending more.
    ///
    /// # Errors
    /// Only the client's body can fail here: a socket that refuses bytes may still hold an answer.
    pub(super) fn poll_request(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), UpstreamError>> {
        loop {
            if self.unsendable.is_some() {
                return Poll::Ready(Ok(()));
            }
            if !self.connection.all_sent() {
                match self.connection.poll_send(context) {
                    Poll::Ready(Ok(_)) => self.progress(),
                    Poll::Ready(Err(error)) => self.unsendable = Some(error),
                    Poll::Pending => return self.pending(Wait::Server),
                }
                continue;
            }
            match &mut self.source {
                Source::Nothing => return Poll::Ready(Ok(())),
                Source::Bytes(bytes) => match self.connection.poll_send_bytes(context, bytes) {
                    Poll::Ready(Ok(count)) => {
                        let done = bytes.is_empty();
                        self.transfer.add_sent(count);
                        self.progress();
                        if done {
                            self.source = Source::Nothing;
                        }
                    }
                    Poll::Ready(Err(error)) => self.unsendable = Some(error),
                    Poll::Pending => return self.pending(Wait::Server),
                },
                Source::Chunked(body) | Source::Sized { body, .. } => {
                    let OutgoingBody::Stream { payload, .. } = body else {
                        self.source = Source::Nothing;
                        continue;
                    };
                    match Pin::new(payload).poll_next(context) {
                        Poll::Ready(Some(Ok(piece))) => self.queue(&piece)?,
                        Poll::Ready(Some(Err(source))) => {
                            return Poll::Ready(Err(UpstreamError::ClientBody { source }));
                        }
                        Poll::Ready(None) => self.finish()?,
                        Poll::Pending => return self.pending(Wait::Client),
                    }
                }
            }
        }
    }

    /// Whether the whole request has left, which a connection needs to be used again.
    pub(super) fn is_sent(&self) -> bool {
        matches!(self.source, Source::Nothing)
            && self.connection.all_sent()
            && self.unsendable.is_none()
    }

    /// Gives the rest of the request up: the server has answered without wanting it.
    pub(super) fn stop_sending(&mut self) {
        self.unsendable = Some(io::ErrorKind::BrokenPipe.into());
        self.source = Source::Nothing;
    }

    /// The client's stream again, which is whole as long as nothing has `started`.
    pub(super) fn into_stream(self) -> Option<OutgoingBody> {
        match self.source {
            Source::Chunked(body) | Source::Sized { body, .. } if !self.started => Some(body),
            _ => None,
        }
    }

    pub(super) fn closed(&self, source: io::Error) -> UpstreamError {
        UpstreamError::Closed { server: Arc::clone(&self.server), source }
    }

    pub(super) fn bad(&self, what: &'static str) -> UpstreamError {
        UpstreamError::BadAnswer { server: Arc::clone(&self.server), what }
    }

    pub(super) fn late(&self, what: &'static str) -> UpstreamError {
        UpstreamError::Timeout { server: Arc::clone(&self.server), what }
    }

    fn overdue(&self) -> UpstreamError {
        match self.wait {
            Wait::Client => UpstreamError::ClientBodyTimeout,
            Wait::Server => self.late("take the request"),
            Wait::Head | Wait::Nothing => self.late("answer"),
        }
    }

    fn queue(&mut self, piece: &[u8]) -> Result<(), UpstreamError> {
        self.progress();
        if piece.is_empty() {
            return Ok(());
        }
        let output = self.connection.output();
        match &mut self.source {
            Source::Sized { left, .. } => {
                *left =
                    left.checked_sub(piece.len() as u64).ok_or(UpstreamError::ClientBodyLength)?;
                output.extend_from_slice(piece);
            }
            _ => {
                output.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                output.extend_from_slice(piece);
                output.extend_from_slice(b"\r\n");
            }
        }
        self.transfer.add_sent(piece.len());
        Ok(())
    }

    fn finish(&mut self) -> Result<(), UpstreamError> {
        match self.source {
            Source::Sized { left, .. } if left > 0 => return Err(UpstreamError::ClientBodyLength),
            Source::Chunked(_) => self.connection.output().extend_from_slice(b"0\r\n\r\n"),
            _ => {}
        }
        self.source = Source::Nothing;
        Ok(())
    }

    /// Bytes moved: whatever is waited for next gets its full time.
    fn progress(&mut self) {
        self.started = true;
        self.wait = Wait::Nothing;
    }

    fn pending<T>(&mut self, wait: Wait) -> Poll<T> {
        self.begin_wait(wait);
        Poll::Pending
    }

    fn begin_wait(&mut self, wait: Wait) {
        if self.wait == wait {
            return;
        }
        self.wait = wait;
        let limit = match wait {
            Wait::Nothing | Wait::Head => self.timeouts.head,
            Wait::Server => self.timeouts.write,
            Wait::Client => self.timeouts.client_body,
        };
        self.connection.deadline.arm(limit);
    }
}
