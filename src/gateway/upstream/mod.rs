//! The way out: one upstream's servers, the connections to them, and one exchange at a time over each connection.
//!
//! hyper speaks HTTP/1.1 (RFC 9112) with the servers, one task per connection on the worker that serves the client. What
//! is ours is around it: which server, which connection, how long, whether to try again, and what passes between the two
//! messages. docs/adr/0001-upstream-client.md says why hyper, and what the others cost.
//!
//! What it must never do:
//! - decide anything: what comes here has been permitted, and goes out byte for byte as it was built;
//! - repeat a request that a server may have acted on (see `attempt`);
//! - hand a connection back to the pool unless both directions of its last exchange ended cleanly;
//! - let a truncated answer look whole: a body that fails ends in an error, and the server side then cuts the client's
//!   connection (too few bytes for the `Content-Length`, or no last chunk).
//!
//! Invariants:
//! - the fields that belong to one hop (`Connection` and those it names, `Transfer-Encoding`, `Trailer`, ...) are made
//!   and consumed here, on both messages; `Content-Length` is written from the body that is sent, never copied;
//! - framing that two readers could read in two ways is refused even where hyper would choose one (`response`);
//! - every wait has a limit: connecting with TLS, writing, the client's own body, the head, the body;
//! - nothing is buffered beyond two reads and one write: a slow client slows the server, and the other way round;
//! - dropping a connection ends its task: nothing goes on for a client that has gone.
//!
//! `Expect: 100-continue` is answered by actix before the handler runs, so the expectation has been met and is not
//! passed on. Interim answers (1xx) are dropped, a 101 is an error unless a WebSocket was asked for
//! and is agreed to (`upgrade`). Trailers
//! of an answer are dropped (RFC 9110, section 6.5.1 allows it).

mod balance;
mod body;
mod client;
mod connection;
mod deadline;
mod error;
mod fetch;
mod health;
mod pace;
mod pool;
mod request;
mod response;
mod stream;
mod tls;
mod transfer;
mod upgrade;

pub use body::UpstreamBody;
pub use client::{Incoming, Timings, Upstream, UpstreamClient};
pub use error::{SetupError, UpstreamError};
pub use fetch::{FetchError, Fetched};
pub use health::ServerReport;
pub use request::{Outgoing, OutgoingBody};
pub use response::AnswerFields;
pub use transfer::{Ending, Transfer};
pub use upgrade::{Reply, Tunnel};

#[cfg(test)]
mod tests;
