//! The body of an answer, read as fast as the client takes it.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

use super::balance::Lease;
use super::chunked::{Chunk, ChunkedReader};
use super::error::UpstreamError;
use super::exchange::Exchange;
use super::pool::Pool;
use super::response::{Framing, Head};
use super::transfer::{Ending, Transfer};

/// A body that is still at the server, mostly. Dropping it early closes its connection, which cancels the exchange.
#[derive(Debug)]
pub struct UpstreamBody {
    /// None once the exchange has ended, one way or the other.
    open: Option<Box<Open>>,
    size: BodySize,
    transfer: Rc<Transfer>,
}

#[derive(Debug)]
struct Open {
    exchange: Exchange,
    rest: Rest,
    persists: bool,
    waiting: bool,
    pool: Rc<Pool>,
    _lease: Lease,
}

/// What is still to come.
#[derive(Debug)]
enum Rest {
    Left(u64),
    Chunks(ChunkedReader),
    Everything,
}

impl UpstreamBody {
    pub(super) fn new(mut exchange: Exchange, head: &Head, pool: Rc<Pool>, lease: Lease) -> Self {
        let transfer = Rc::clone(&exchange.transfer);
        let (rest, size) = match head.framing {
            Framing::None => (Rest::Left(0), bodiless_size(head)),
            Framing::Length(length) => (Rest::Left(length), BodySize::Sized(length)),
            Framing::Chunked => (Rest::Chunks(ChunkedReader::new()), BodySize::Stream),
            Framing::UntilClose => (Rest::Everything, BodySize::Stream),
        };
        // A server that has refused does not want the rest of the body (RFC 9112, section 9.5).
        if !exchange.is_sent() && head.status.as_u16() >= 300 {
            exchange.stop_sending();
        }
        let open = Box::new(Open {
            exchange,
            rest,
            persists: head.persists,
            waiting: false,
            pool,
            _lease: lease,
        });
        let mut body = Self { open: Some(open), size, transfer };
        // The server side never polls an empty body.
        if body.open.as_ref().is_some_and(|open| matches!(open.rest, Rest::Left(0))) {
            body.complete();
        }
        body
    }

    /// The counters of this exchange, also after the body is gone.
    #[must_use]
    pub fn transfer(&self) -> Rc<Transfer> {
        Rc::clone(&self.transfer)
    }

    fn complete(&mut self) {
        self.transfer.end(Ending::Complete);
        if let Some(open) = self.open.take() {
            let Open { exchange, persists, pool, .. } = *open;
            if persists && exchange.is_sent() && exchange.connection.input.is_empty() {
                pool.put(exchange.connection);
            }
        }
    }

    fn fail(&mut self, error: UpstreamError) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        self.transfer.end(Ending::Failed);
        self.open = None;
        Poll::Ready(Some(Err(error)))
    }
}

impl MessageBody for UpstreamBody {
    type Error = UpstreamError;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        let body = self.get_mut();
        let Some(open) = body.open.as_mut() else {
            return Poll::Ready(None);
        };
        match open.poll_piece(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Some(piece))) => {
                body.transfer.add_received(piece.len());
                if matches!(open.rest, Rest::Left(0)) {
                    body.complete();
                }
                Poll::Ready(Some(Ok(piece)))
            }
            Poll::Ready(Ok(None)) => {
                body.complete();
                Poll::Ready(None)
            }
            Poll::Ready(Err(error)) => body.fail(error),
        }
    }
}

impl Open {
    /// The next piece, or none at the body's end.
    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, UpstreamError>> {
        if !self.exchange.is_sent()
            && let Poll::Ready(Err(error)) = self.exchange.poll_request(context)
        {
            return Poll::Ready(Err(error));
        }
        loop {
            match self.take_piece() {
                Ok(Some(piece)) => {
                    self.waiting = false;
                    return Poll::Ready(Ok(match piece {
                        Chunk::Data(bytes) => Some(bytes),
                        Chunk::End | Chunk::More => None,
                    }));
                }
                Ok(None) => {}
                Err(what) => return Poll::Ready(Err(self.exchange.bad(what))),
            }
            let expected = match self.rest {
                Rest::Left(left) => left,
                Rest::Chunks(_) | Rest::Everything => u64::MAX,
            };
            match self.exchange.connection.poll_read(context, expected) {
                Poll::Ready(Ok(0)) if matches!(self.rest, Rest::Everything) => {
                    return Poll::Ready(Ok(None));
                }
                Poll::Ready(Ok(0)) => {
                    let end = io::ErrorKind::UnexpectedEof.into();
                    return Poll::Ready(Err(self.exchange.closed(end)));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.exchange.closed(error))),
                Poll::Pending => return self.poll_overdue(context),
            }
        }
    }

    /// A piece from what has been read, if that is enough for one.
    fn take_piece(&mut self) -> Result<Option<Chunk>, &'static str> {
        let input = &mut self.exchange.connection.input;
        match &mut self.rest {
            Rest::Left(0) => Ok(Some(Chunk::End)),
            Rest::Chunks(reader) => Ok(match reader.next(input)? {
                Chunk::More => None,
                chunk => Some(chunk),
            }),
            Rest::Left(_) | Rest::Everything if input.is_empty() => Ok(None),
            Rest::Left(left) => {
                let take = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left = left.saturating_sub(take as u64);
                Ok(Some(Chunk::Data(input.split_to(take).freeze())))
            }
            Rest::Everything => Ok(Some(Chunk::Data(input.split().freeze()))),
        }
    }

    /// The limit counts from when we began to wait for the server, not while the client was slow.
    fn poll_overdue<T>(&mut self, context: &mut Context<'_>) -> Poll<Result<T, UpstreamError>> {
        if !self.waiting {
            self.waiting = true;
            self.exchange.connection.deadline.arm(self.exchange.timeouts.body);
        }
        if self.exchange.connection.deadline.poll_passed(context).is_ready() {
            return Poll::Ready(Err(self.exchange.late("go on with its answer")));
        }
        Poll::Pending
    }
}

/// An answer to `HEAD` announces what a `GET` would bring; a 304 keeps its `Content-Length` as a plain field.
fn bodiless_size(head: &Head) -> BodySize {
    match (head.status.as_u16(), head.announced) {
        (204 | 304, _) | (_, None) => BodySize::None,
        (_, Some(length)) => BodySize::Sized(length),
    }
}
