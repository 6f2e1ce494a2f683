//! The end of a forwarded request: whatever way it ends, its bytes are counted and a broken delivery is told.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use actix_web::HttpResponse;
use actix_web::body::BodySize;
use actix_web::body::BoxBody;
use actix_web::body::MessageBody;
use actix_web::http::Method;
use bytes::Bytes;
use tokio::time::Sleep;

use crate::enforcement::Delivery;
use crate::enforcement::End;
use crate::enforcement::Gate;
use crate::model::DecisionId;
use crate::telemetry::InFlight;

use super::cart::Held;
use super::upstream::Ending;
use super::upstream::Transfer;
use super::upstream::UpstreamBody;
use super::upstream::UpstreamError;
use super::watched::Serving;

/// The notice of a transfer that a rule has cut: there was no way to show one.
pub(super) const CUT: &str = "cut";

/// An answer's body on its way to the client.
pub(super) struct Concluding {
    pub(super) body: UpstreamBody,
    /// How the body broke before its first byte, once that is known.
    pub(super) broken: Option<UpstreamError>,
    /// A byte of the body has been given out.
    pub(super) has_begun: bool,
    /// What becomes of it, where it was judged.
    pub(super) delivery: Rc<Delivery>,
    /// When a rule that cuts running transfers takes effect.
    pub(super) cut: Option<Pin<Box<Sleep>>>,
    /// Held for its end.
    pub(super) _end: Conclusion,
}

/// What is told at the end.
pub(super) struct Conclusion {
    pub(super) gate: Arc<Gate>,
    pub(super) id: Option<DecisionId>,
    /// Held for its end.
    pub(super) _underway: Underway,
    pub(super) route: Arc<str>,
    pub(super) transfer: Rc<Transfer>,
}

/// A request that has not ended yet. Held for its end.
pub(super) struct Underway {
    /// The session's cart, until the upstream's answer begins.
    pub(super) cart: Option<Held>,
    pub(super) _in_flight: InFlight,
    pub(super) _serving: Option<Serving>,
}

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// A rule took effect that cuts running transfers.
    #[error("a rule took effect that cuts running transfers")]
    Cut,
    /// The upstream failed.
    #[error("{0}")]
    Upstream(#[from] UpstreamError),
}

impl MessageBody for Concluding {
    type Error = Broken;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if let Some(cut) = &mut this.cut
            && cut.as_mut().poll(cx).is_ready()
        {
            this.delivery.noticed(CUT);
            this.delivery.ended(End::Failed);
            return Poll::Ready(Some(Err(Broken::Cut)));
        }
        if let Some(broken) = this.broken.take() {
            return Poll::Ready(Some(Err(broken.into())));
        }
        let polled = Pin::new(&mut this.body).poll_next(cx);
        follow(&this.delivery, &polled);
        match polled {
            // An error drops what was not written yet, the head too: the client would see a connection that closes without an answer.
            // So the head has its turn to be written first.
            Poll::Ready(Some(Err(error))) if !this.has_begun => {
                this.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            polled => {
                this.has_begun |= matches!(&polled, Poll::Ready(Some(Ok(_))));
                polled.map_err(Broken::from)
            }
        }
    }
}

/// An answer of the gateway's own to a judged request, on its way to the client.
pub(super) struct Followed {
    body: BoxBody,
    delivery: Rc<Delivery>,
}

impl MessageBody for Followed {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_next(cx);
        follow(&this.delivery, &polled);
        polled
    }
}

/// Sees to it that what becomes of an answer is recorded, unless someone does already.
pub(super) fn followed(
    answer: HttpResponse,
    delivery: Rc<Delivery>,
    method: &Method,
) -> HttpResponse {
    if delivery.take() || !delivery.is_recorded() {
        return answer;
    }
    delivery.answered(answer.status().as_u16());
    if is_bare(answer.body().size(), method) {
        delivery.ended(End::Complete);
        return answer;
    }
    answer.map_body(|_, body| BoxBody::new(Followed { body, delivery }))
}

/// True if no byte of the body goes to the client: there is none, or a HEAD asks for none.
pub(super) fn is_bare(size: BodySize, method: &Method) -> bool {
    *method == Method::HEAD || matches!(size, BodySize::None | BodySize::Sized(0))
}

/// Notes what the client's connection takes of a body, and its end.
fn follow<E>(delivery: &Delivery, polled: &Poll<Option<Result<Bytes, E>>>) {
    match polled {
        Poll::Pending => {}
        Poll::Ready(None) => delivery.ended(End::Complete),
        Poll::Ready(Some(Err(_))) => delivery.ended(End::Failed),
        Poll::Ready(Some(Ok(piece))) => delivery.sent(piece.len()),
    }
}

impl Drop for Conclusion {
    fn drop(&mut self) {
        self.gate.metrics().answered(true, &self.route, self.transfer.received());
        if self.transfer.ending() == Ending::Failed {
            let id = self.id.map(|id| id.to_string());
            tracing::warn!(id, route = &*self.route, "the upstream failed in mid-body");
        }
    }
}
