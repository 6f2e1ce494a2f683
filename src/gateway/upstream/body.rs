//! The body of an answer, read as fast as the client takes it.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use http_body::Body as _;
use tokio::time::Instant;

use super::balance::Lease;
use super::connection::Connection;
use super::error::UpstreamError;
use super::pool::Pool;
use super::transfer::{Ending, Transfer};

/// A body that is still at the server, mostly. Dropping it early closes its connection, which cancels the exchange.
#[derive(Debug)]
pub struct UpstreamBody {
    /// None once the exchange has ended, one way or the other.
    open: Option<Open>,
    size: BodySize,
    transfer: Rc<Transfer>,
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) incoming: hyper::body::Incoming,
    pub(super) connection: Connection,
    pub(super) pool: Rc<Pool>,
    pub(super) lease: Lease,
    /// Since when the server is waited for; none while the client is.
    pub(super) waiting: Option<Instant>,
}

impl UpstreamBody {
    pub(super) fn new(open: Open, size: BodySize, transfer: Rc<Transfer>) -> Self {
        let mut body = Self { open: Some(open), size, transfer };
        // The server side never polls an empty body.
        body.complete_at_end();
        body
    }

    /// The counters of this exchange, also after the body is gone.
    #[must_use]
    pub fn transfer(&self) -> Rc<Transfer> {
        Rc::clone(&self.transfer)
    }

    fn complete_at_end(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.incoming.is_end_stream()) {
            self.complete();
        }
    }

    fn complete(&mut self) {
        self.transfer.end(Ending::Complete);
        if let Some(Open { incoming, connection, pool, lease, .. }) = self.open.take() {
            drop(incoming);
            pool.put(connection);
            drop(lease);
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
        loop {
            let Some(open) = body.open.as_mut() else {
                return Poll::Ready(None);
            };
            match Pin::new(&mut open.incoming).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    open.waiting = None;
                    // Trailers end here (RFC 9110, section 6.5.1 allows it).
                    if let Ok(piece) = frame.into_data()
                        && !piece.is_empty()
                    {
                        body.transfer.add_received(piece.len());
                        body.complete_at_end();
                        return Poll::Ready(Some(Ok(piece)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let error = open.connection.fault(error);
                    return body.fail(error);
                }
                Poll::Ready(None) => {
                    body.complete();
                    return Poll::Ready(None);
                }
                Poll::Pending => {
                    return match open.poll_overdue(context) {
                        Poll::Ready(error) => body.fail(error),
                        Poll::Pending => Poll::Pending,
                    };
                }
            }
        }
    }
}

impl Open {
    /// The limit counts from when we began to wait for the server, not while the client was slow with either body.
    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<UpstreamError> {
        let Connection { deadline, limits, pace, server, .. } = &mut self.connection;
        let since = *self.waiting.get_or_insert_with(|| {
            deadline.arm(limits.idle);
            Instant::now()
        });
        loop {
            if deadline.poll_passed(context).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            let pause = now.saturating_duration_since(since).min(pace.pause(now));
            let left = limits.idle.saturating_sub(pause);
            if left.is_zero() {
                let server = std::sync::Arc::clone(server);
                return Poll::Ready(UpstreamError::Timeout {
                    server,
                    what: "go on with its answer",
                });
            }
            deadline.arm(left);
        }
    }
}
