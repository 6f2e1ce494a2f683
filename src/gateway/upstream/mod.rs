//! The way out: one upstream's servers, the connections to them, and one exchange at a time over each connection.
//!
//! A small HTTP/1.1 client of our own (RFC 9110, RFC 9112) over tokio's sockets, because it was measured to be the
//! cheapest way out (docs/benchmarks.md): the connection lives in the worker that serves the client, is polled by the
//! very task that needs it (no second task, no channel, no wake-up), and the answer's head is parsed once, straight
//! into the header map that the server side will send.
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
//! - every wait has a limit (`Timeouts`): connecting with TLS, writing, the client's own body, the head, the body;
//! - nothing is buffered beyond one read and one write: a slow client slows the server, and the other way round.
//!
//! `Expect: 100-continue` is answered by actix before the handler runs, so the expectation has been met and is not
//! passed on. Interim answers (1xx) are dropped, a 101 is an error: a tunnel is not this client's business. Trailers
//! of an answer are read, limited and dropped (RFC 9110, section 6.5.1 allows it).

mod balance;
mod body;
mod chunked;
mod client;
mod connection;
mod deadline;
mod error;
mod exchange;
mod health;
mod pool;
mod request;
mod response;
mod settings;
mod tls;
mod transfer;

pub use body::UpstreamBody;
pub use client::{Incoming, Timings, Upstream, UpstreamClient};
pub use error::UpstreamError;
pub use health::ServerReport;
pub use request::{Outgoing, OutgoingBody};
pub use settings::{
    ActiveCheck, ConnectionLimits, HealthSettings, ServerAddress, SettingsError, Timeouts,
    TlsSettings, UpstreamSettings,
};
pub use transfer::{Ending, Transfer};

#[cfg(test)]
mod tests;
