//! How long and how slow the body of a request may be. It is counted while it comes, whoever reads it and however it is framed.

use std::io;
use std::time::Duration;
use std::time::Instant;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::StreamExt;
use futures_util::stream::unfold;

/// What may come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Most bytes; none: the handler's own limit.
    pub(super) bytes: Option<usize>,
    /// In all.
    pub(super) whole: Duration,
}

impl Bounds {
    /// Of whoever is not known yet: name and password.
    pub(super) const OF_ANYONE: Self =
        Self { bytes: Some(16 * 1024), whole: Duration::from_secs(10) };
    /// Of whoever was let in: imports and bundles.
    pub(super) const OF_CALLERS: Self = Self { bytes: None, whole: Duration::from_secs(3_600) };
}

/// Nothing came for so long.
const SILENCE: Duration = Duration::from_secs(20);

struct Inflow {
    ended: bool,
    left: Option<usize>,
    payload: Payload,
    until: Instant,
}

/// The same body, bounded.
pub(super) fn bounded(payload: Payload, bounds: Bounds) -> Payload {
    let now = Instant::now();
    let until = now.checked_add(bounds.whole).unwrap_or(now);
    let inflow = Inflow { ended: false, left: bounds.bytes, payload, until };
    let parts = unfold(inflow, |mut inflow| async move {
        if inflow.ended {
            return None;
        }
        let part = inflow.next().await?;
        inflow.ended = part.is_err();
        Some((part, inflow))
    });
    Payload::Stream { payload: Box::pin(parts) }
}

impl Inflow {
    async fn next(&mut self) -> Option<Result<Bytes, PayloadError>> {
        let wait = self.until.saturating_duration_since(Instant::now()).min(SILENCE);
        let part = match tokio::time::timeout(wait, self.payload.next()).await {
            Ok(part) => part?,
            Err(_) => Err(PayloadError::Io(io::ErrorKind::TimedOut.into())),
        };
        Some(part.and_then(|bytes| match self.left {
            None => Ok(bytes),
            Some(left) => {
                let rest = left.checked_sub(bytes.len()).ok_or(PayloadError::Overflow)?;
                self.left = Some(rest);
                Ok(bytes)
            }
        }))
    }
}
