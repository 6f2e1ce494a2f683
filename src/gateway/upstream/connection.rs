//! One connection to a server: hyper speaks HTTP/1.1 on it, in a task of its own on the worker.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http::response::Response;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Parts, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::client::Limits;
use super::deadline::Deadline;
use super::error::UpstreamError;
use super::pace::{Pace, Wait};
use super::request::RequestBody;
use super::stream::Paced;

/// The largest head that is taken.
const HEAD_LIMIT: usize = 64 * 1024;
/// The most that is read at once. hyper begins with 8 KiB and doubles while a server fills what it is given.
const READ_LIMIT: usize = 512 * 1024;

/// A connection; dropping it ends its task and closes it at once, whatever is under way.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<RequestBody>,
    task: AbortHandle,
    pub(super) pace: Rc<Pace>,
    pub(super) deadline: Deadline,
    pub(super) server: Arc<str>,
    pub(super) limits: Limits,
    /// Whether an exchange went over it before.
    pub(super) reused: bool,
    /// The stream, once the server has switched protocols; only on a connection that was made for that.
    switched: Option<oneshot::Receiver<Parts<TokioIo<Paced>>>>,
}

/// Why no head came.
#[derive(Debug)]
pub(super) enum Failure {
    /// hyper says; the request comes back if nothing of it was written.
    Wire(Box<TrySendError<Request<RequestBody>>>),
    /// Nothing moved for too long.
    Overdue(Wait),
}

impl Connection {
    /// # Errors
    /// None that is known: hyper's handshake for HTTP/1.1 writes nothing.
    pub(super) async fn open(
        stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
        server: Arc<str>,
        limits: Limits,
        switching: bool,
    ) -> hyper::Result<Self> {
        let pace = Rc::new(Pace::new());
        let io = TokioIo::new(Paced::new(stream, Rc::clone(&pace)));
        let (sender, connection) = Builder::new()
            .max_buf_size(READ_LIMIT)
            .max_header_size(HEAD_LIMIT)
            .handshake(io)
            .await?;
        let (parts, switched) = oneshot::channel();
        let task = actix_web::rt::spawn(async move {
            let ended = if switching {
                // Nobody waits for the stream where the server has not switched: it is closed.
                connection.without_shutdown().await.map(|stream| drop(parts.send(stream)))
            } else {
                connection.await
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to a server ended");
            }
        });
        Ok(Self {
            sender,
            task: task.abort_handle(),
            pace,
            deadline: Deadline::new(limits.shortest()),
            server,
            limits,
            reused: false,
            switched: switching.then_some(switched),
        })
    }

    /// The stream of a connection whose server has switched protocols, and what it has sent of the next one.
    pub(super) async fn into_stream(mut self) -> Result<(Paced, Bytes), UpstreamError> {
        let what = "it does not hand over its connection";
        let Some(switched) = self.switched.take() else { return Err(self.bad(what)) };
        match tokio::time::timeout(self.limits.head, switched).await {
            Ok(Ok(Parts { io, read_buf, .. })) => Ok((io.into_inner(), read_buf)),
            Ok(Err(_)) | Err(_) => Err(self.bad(what)),
        }
    }

    /// Sends a request and waits for the head of the final answer, within the limits.
    pub(super) async fn exchange(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Failure> {
        self.deadline.arm(self.limits.shortest());
        let mut answer = pin!(self.sender.try_send_request(request));
        let (pace, deadline, limits) = (&self.pace, &mut self.deadline, self.limits);
        std::future::poll_fn(|context| {
            if let Poll::Ready(answer) = answer.as_mut().poll(context) {
                return Poll::Ready(answer.map_err(|error| Failure::Wire(Box::new(error))));
            }
            poll_overdue(pace, deadline, limits, context).map(|wait| Err(Failure::Overdue(wait)))
        })
        .await
    }

    /// Whether the next request can be sent at once: the last one and its answer are over, and nothing else came.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    pub(super) fn bad(&self, what: &'static str) -> UpstreamError {
        UpstreamError::BadAnswer { server: Arc::clone(&self.server), what }
    }

    pub(super) fn late(&self, wait: Wait) -> UpstreamError {
        let server = Arc::clone(&self.server);
        match wait {
            Wait::Client => UpstreamError::ClientBodyTimeout,
            Wait::Server => UpstreamError::Timeout { server, what: "take the request" },
            Wait::Answer => UpstreamError::Timeout { server, what: "answer" },
        }
    }

    /// What a failure of hyper's was: the client's body's, or the server's.
    pub(super) fn fault(&self, error: hyper::Error) -> UpstreamError {
        self.pace.take_fault().unwrap_or_else(|| UpstreamError::wire(&self.server, error))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ready when whoever is waited for has had its time.
fn poll_overdue(
    pace: &Pace,
    deadline: &mut Deadline,
    limits: Limits,
    context: &mut Context<'_>,
) -> Poll<Wait> {
    loop {
        if deadline.poll_passed(context).is_pending() {
            return Poll::Pending;
        }
        let wait = pace.wait();
        let limit = match wait {
            Wait::Client | Wait::Server => limits.idle,
            Wait::Answer => limits.head,
        };
        let left = limit.saturating_sub(pace.pause(tokio::time::Instant::now()));
        if left.is_zero() {
            return Poll::Ready(wait);
        }
        // What is waited for may change meanwhile, to something with a shorter limit.
        deadline.arm(left.min(limits.shortest()));
    }
}
