//! A client's connection, and how long it may take: for the head of each request, and without any.
//!
//! actix limits the first head of a connection only, and stops its keep-alive timer at the first byte of the next: without
//! this, a client that sends half of a second head would hold its connection for ever.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::task::ready;
use std::time::Duration;

use bytes::Buf;
use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use crate::identity::Certificate;

use super::plane::Worker;
use super::unparsed::Fault;

/// The most of a head that is kept until it is a request.
const KEPT_HEAD: usize = 8 * 1024;
/// What a client gets whose head does not come to its end, where its target is no judged one (RFC 9110 15.5.9).
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncache-control: no-store\r\n\
                          connection: close\r\ncontent-length: 0\r\n\r\n";

/// The limits of one client's connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From the first byte of a head to its last.
    pub(super) head: Duration,
    /// From the end of a request, or the last byte that was taken of its answer, to the next one's first byte.
    pub(super) idle: Duration,
}

/// What the connection is at, known to the stream and to whoever serves its requests.
#[derive(Debug)]
pub(super) struct Watch {
    patience: Patience,
    phase: Cell<Phase>,
    since: Cell<Instant>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Part of a head has come.
    Head,
    /// Nothing of a next request has come.
    Idle,
    /// A request is served; its own limits hold.
    Serving,
}

/// A request is served for as long as there is this.
#[derive(Debug)]
pub(super) struct Serving(Rc<Watch>);

impl Watch {
    fn new(patience: Patience) -> Rc<Self> {
        // The first head is actix's to limit, from the connection's begin.
        let since = Cell::new(Instant::now());
        Rc::new(Self { patience, phase: Cell::new(Phase::Idle), since })
    }

    /// A whole head has come.
    pub(super) fn serve(self: &Rc<Self>) -> Serving {
        self.phase.set(Phase::Serving);
        Serving(Rc::clone(self))
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(Instant::now());
    }

    fn limit(&self) -> Option<Duration> {
        match self.phase.get() {
            Phase::Head => Some(self.patience.head),
            Phase::Idle => Some(self.patience.idle),
            Phase::Serving => None,
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}

/// A stream that ends when its client has had its time.
pub(super) struct Watched {
    /// The last write could not be done.
    blocked: bool,
    /// Whom the client's certificate names.
    certificate: Option<Arc<Certificate>>,
    /// The head that is coming, as far as it has come and is kept.
    head: Vec<u8>,
    /// What goes out in place of an answer of actix's own.
    instead: Option<Bytes>,
    peer: Option<IpAddr>,
    stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    timer: Pin<Box<Sleep>>,
    /// Who is woken by the timer.
    waker: Option<Waker>,
    watch: Rc<Watch>,
    worker: Rc<Worker>,
}

impl Watched {
    pub(super) fn new(
        stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
        certificate: Option<Arc<Certificate>>,
        peer: Option<IpAddr>,
        patience: Patience,
        worker: Rc<Worker>,
    ) -> Self {
        let timer = Box::pin(tokio::time::sleep(patience.head.min(patience.idle)));
        Self {
            blocked: false,
            certificate,
            head: Vec::new(),
            instead: None,
            peer,
            stream,
            timer,
            waker: None,
            watch: Watch::new(patience),
            worker,
        }
    }

    pub(super) fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    pub(super) fn watch(&self) -> Rc<Watch> {
        Rc::clone(&self.watch)
    }

    /// Ready once the client has had its time. The timer goes off at least as often as the shorter limit passes, so that a
    /// phase which begins unseen is looked at in time.
    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let is_known = self.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if is_known && !self.timer.is_elapsed() {
            return Poll::Pending;
        }
        self.waker = Some(context.waker().clone());
        let Patience { head, idle } = self.watch.patience;
        loop {
            ready!(self.timer.as_mut().poll(context));
            let now = Instant::now();
            let passed = now.saturating_duration_since(self.watch.since.get());
            let left = self.watch.limit().map_or(head, |limit| limit.saturating_sub(passed));
            if left.is_zero() {
                return Poll::Ready(());
            }
            let next = now.checked_add(left.min(head).min(idle)).unwrap_or(now);
            self.timer.as_mut().reset(next);
        }
    }

    /// What is to be written for `bytes`. While no whole head has come, actix writes nothing but its own refusals, and what
    /// it could not write before: an answer to an earlier request.
    fn replacement(&mut self, bytes: &[u8]) -> Option<Bytes> {
        if self.instead.is_some() || self.blocked || self.watch.phase.get() != Phase::Head {
            return self.instead.take();
        }
        match bytes.get(..12)? {
            b"HTTP/1.1 408" => self.refusal(Fault::Slow),
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', b'4', ..] => {
                self.refusal(Fault::Broken)
            }
            _ => None,
        }
    }

    /// The gateway's own answer to the head that is coming, where its target is a judged one.
    fn refusal(&self, fault: Fault) -> Option<Bytes> {
        let answer = self.worker.refuse_unparsed(&self.head, self.peer, fault)?;
        // One refusal, one answer.
        self.watch.enter(Phase::Idle);
        Some(answer.into())
    }

    fn note(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.blocked = written.is_pending();
        if matches!(written, Poll::Ready(Ok(count)) if count > 0)
            && self.watch.phase.get() == Phase::Idle
        {
            self.watch.enter(Phase::Idle);
        }
        written
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if read.is_pending() {
            ready!(this.poll_overdue(context));
            if this.watch.phase.get() == Phase::Head && !this.blocked {
                let refusal = this.refusal(Fault::Slow).unwrap_or(Bytes::from_static(TOO_SLOW));
                // As far as the socket takes it: the connection ends either way.
                drop(Pin::new(&mut this.stream).poll_write(context, &refusal));
            }
            // Nothing was read: to the reader that is the stream's end.
            return Poll::Ready(Ok(()));
        }
        let came = buffer.filled().get(before..).unwrap_or_default();
        if !came.is_empty() && this.watch.phase.get() != Phase::Serving {
            if this.watch.phase.get() == Phase::Idle {
                this.watch.enter(Phase::Head);
                this.head.clear();
            }
            let room = KEPT_HEAD.saturating_sub(this.head.len()).min(came.len());
            this.head.extend_from_slice(came.get(..room).unwrap_or_default());
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(mut instead) = this.replacement(bytes) {
            while !instead.is_empty() {
                match Pin::new(&mut this.stream).poll_write(context, &instead) {
                    Poll::Ready(Ok(count)) if count > 0 => {
                        instead.advance(count.min(instead.len()))
                    }
                    Poll::Ready(_) => break,
                    Poll::Pending => {
                        this.instead = Some(instead);
                        return Poll::Pending;
                    }
                }
            }
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.note(written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
