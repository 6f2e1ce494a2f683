//! A request of the gateway's own, and the whole answer: look-ups, keys, webhooks.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use bytes::Bytes;
use bytes::BytesMut;

use crate::message::decode_content;

use super::client::UpstreamClient;
use super::error::UpstreamError;
use super::request::Outgoing;
use super::response::AnswerFields;

/// Bytes of a body that nobody asks for that are read all the same.
const DRAINED: usize = 16_384;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_millis(250);

/// A whole answer in memory.
#[derive(Debug)]
pub struct Fetched {
    /// The body, without its content coding.
    pub body: Bytes,
    /// The fields, as received.
    pub headers: AnswerFields,
    /// The status.
    pub status: StatusCode,
}

/// Why there is no whole answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The body has a content coding that is not read, or is not what its coding says.
    #[error("the answer's content coding cannot be read")]
    Coding,
    /// The exchange took longer than it may.
    #[error("the answer took too long")]
    Late,
    /// The body is over the limit.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The exchange failed.
    #[error("{0}")]
    Upstream(#[from] UpstreamError),
}

impl UpstreamClient {
    /// Sends a request and reads the whole answer: at most `limit` bytes of body, decoded or not, all of it within `wait`.
    ///
    /// # Errors
    /// Why there is none. Redirects are answers, not followed.
    pub async fn fetch(
        &self,
        outgoing: Outgoing,
        limit: usize,
        wait: Duration,
    ) -> Result<Fetched, FetchError> {
        match tokio::time::timeout(wait, self.fetch_unhurried(outgoing, limit)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(FetchError::Late),
        }
    }

    /// Sends a request and gives the status of its answer, which must come within `wait`; what is in the answer does not matter.
    ///
    /// # Errors
    /// Why there is no answer. Redirects are answers, not followed.
    pub async fn status(
        &self,
        outgoing: Outgoing,
        wait: Duration,
    ) -> Result<StatusCode, FetchError> {
        let answered = tokio::time::timeout(wait, self.send(outgoing)).await;
        let incoming = answered.map_err(|_| FetchError::Late)??;
        let mut body = incoming.body;
        // A short body is read to its end, so that the connection can be used again.
        let drained = async {
            let mut left = DRAINED;
            while let Some(Ok(piece)) = poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
                match left.checked_sub(piece.len()) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        };
        tokio::time::timeout(wait.min(DRAIN_TIME), drained).await.ok();
        Ok(incoming.status)
    }

    async fn fetch_unhurried(
        &self,
        outgoing: Outgoing,
        limit: usize,
    ) -> Result<Fetched, FetchError> {
        let incoming = self.send(outgoing).await?;
        let mut body = incoming.body;
        let mut whole = BytesMut::new();
        while let Some(piece) = poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
            let piece = piece?;
            if whole.len().saturating_add(piece.len()) > limit {
                return Err(FetchError::TooLarge { limit });
            }
            whole.extend_from_slice(&piece);
        }
        let whole = whole.freeze();
        let coding = incoming.headers.content_coding().ok_or(FetchError::Coding)?;
        let body = match decode_content(coding, &whole, limit) {
            Ok(std::borrow::Cow::Borrowed(_)) => whole,
            Ok(std::borrow::Cow::Owned(decoded)) => Bytes::from(decoded),
            Err(crate::message::CodingError::TooLarge) => {
                return Err(FetchError::TooLarge { limit });
            }
            Err(_) => return Err(FetchError::Coding),
        };
        Ok(Fetched { body, headers: incoming.headers, status: incoming.status })
    }
}
