//! How an exchange can fail, with the blame in it, and the one place where a failure becomes a status.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::error::PayloadError;
use actix_web::http::StatusCode;

/// Why there is no answer, or only a part of one.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The server's answer breaks HTTP/1.1, or is larger than we take.
    #[error("server `{server}` gave an answer that cannot be read: {what}")]
    BadAnswer {
        /// The server.
        server: Arc<str>,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The client's own body failed before all of it was sent on.
    #[error("the client's body failed: {source}")]
    ClientBody {
        /// How.
        source: PayloadError,
    },
    /// The client's body was shorter or longer than it had announced.
    #[error("the client's body is not as long as announced")]
    ClientBodyLength,
    /// The client's own body stalled.
    #[error("the client's body stalled")]
    ClientBodyTimeout,
    /// The connection failed before the head was whole, or before the body was.
    #[error("server `{server}` broke off: {source}")]
    Closed {
        /// The server.
        server: Arc<str>,
        /// How.
        source: io::Error,
    },
    /// No connection could be made; nothing was sent.
    #[error("server `{server}` cannot be reached: {source}")]
    Connect {
        /// The server.
        server: Arc<str>,
        /// How; TLS failures are in here.
        source: io::Error,
    },
    /// Connecting took too long; nothing was sent.
    #[error("server `{server}` did not accept a connection in time")]
    ConnectTimeout {
        /// The server.
        server: Arc<str>,
    },
    /// The fields are too many for a message. A fault of the caller.
    #[error("the fields do not fit a message")]
    Fields,
    /// No server is fit to be asked.
    #[error("no server of upstream `{upstream}` is healthy")]
    NoHealthyServer {
        /// The upstream.
        upstream: Arc<str>,
    },
    /// The target holds a character that would end the request line. A fault of the caller.
    #[error("the target is not canonical")]
    Target,
    /// The server took too long: to take the request, to begin the answer, or to go on with it.
    #[error("server `{server}` took too long to {what}")]
    Timeout {
        /// The server.
        server: Arc<str>,
        /// At what.
        what: &'static str,
    },
}

impl UpstreamError {
    /// The status for the client when the failure came before the head of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadAnswer { .. } | Self::Closed { .. } | Self::Connect { .. } => {
                StatusCode::BAD_GATEWAY
            }
            Self::ClientBody { .. } | Self::ClientBodyLength => StatusCode::BAD_REQUEST,
            Self::ClientBodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::ConnectTimeout { .. } | Self::Timeout { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::NoHealthyServer { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Fields | Self::Target => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The kind, as a metric's label.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::BadAnswer { .. } => "bad_answer",
            Self::ClientBody { .. } | Self::ClientBodyLength => "client_body",
            Self::ClientBodyTimeout => "client_body_timeout",
            Self::Closed { .. } => "closed",
            Self::Connect { .. } => "connect",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::Fields => "fields",
            Self::NoHealthyServer { .. } => "no_healthy_server",
            Self::Target => "target",
            Self::Timeout { .. } => "timeout",
        }
    }

    /// Whether the server is to blame: what ejection counts.
    pub(super) fn blames_server(&self) -> bool {
        match self {
            Self::BadAnswer { .. }
            | Self::Closed { .. }
            | Self::Connect { .. }
            | Self::ConnectTimeout { .. }
            | Self::Timeout { .. } => true,
            Self::ClientBody { .. }
            | Self::ClientBodyLength
            | Self::ClientBodyTimeout
            | Self::Fields
            | Self::NoHealthyServer { .. }
            | Self::Target => false,
        }
    }

    /// What hyper says of a server's answer.
    pub(super) fn wire(server: &Arc<str>, error: hyper::Error) -> Self {
        let server = Arc::clone(server);
        let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        let what = if error.is_parse() {
            "its head is not HTTP/1.1, or too long"
        } else if cause.is_some_and(|cause| {
            matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
        }) {
            "its body breaks the chunked coding"
        } else {
            return Self::Closed { server, source: io::Error::other(error) };
        };
        Self::BadAnswer { server, what }
    }
}

/// Why an upstream cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file of certificates or a key cannot be read.
    #[error("`{path}`: {what}")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// `host` cannot be a field value.
    #[error("upstream `{name}`: host `{host}` is not a host name")]
    Host {
        /// The upstream.
        name: String,
        /// What was written.
        host: String,
    },
    /// There is nobody to send anything to.
    #[error("upstream `{name}` has no servers")]
    NoServers {
        /// The upstream.
        name: String,
    },
    /// A server's name cannot be verified by TLS.
    #[error("`{name}` is not a name that a certificate can bear")]
    ServerName {
        /// The name.
        name: String,
    },
    /// The TLS library refuses the combination.
    #[error("TLS to the servers cannot be set up: {what}")]
    Tls {
        /// Why.
        what: String,
    },
}
