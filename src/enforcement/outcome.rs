//! How a request ends at the gate: with a permit or with a refusal.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::identity::TokenFault;
use crate::message::CanonicalTarget;
use crate::message::without_method_override;
use crate::model::Action;
use crate::model::Decision;
use crate::model::DecisionId;
use crate::model::Verdict;

use super::read_back::Placed;

/// Leave to forward one request. It owns what was judged, so that the upstream sees just that.
#[derive(Debug)]
pub struct Permit {
    body: Option<Bytes>,
    covered: bool,
    cut_at: Option<Timestamp>,
    id: Option<DecisionId>,
    placed: Option<Placed>,
    target: String,
    verdict: Verdict,
}

/// Why a request is not forwarded. Exhaustive: each becomes one status (DESIGN 8).
#[derive(Clone, Debug)]
pub enum Refusal {
    /// 401: a webhook whose signature is missing, given twice or not its sender's.
    BadSignature {
        /// Names the refusal.
        id: DecisionId,
    },
    /// 403: a proxy asks about a request whose body the route reads, and does not give the body. It is held.
    BodyNotSeen {
        /// Names the refusal.
        id: DecisionId,
    },
    /// 403: held until a person clears it.
    Held(Box<Refused>),
    /// 400: no single reading.
    Malformed {
        /// Names the refusal.
        id: DecisionId,
        /// What is wrong.
        reason: Malformed,
    },
    /// 405: the route does not list the method.
    MethodNotAllowed {
        /// Names the refusal.
        id: DecisionId,
        /// Methods that the route lists.
        allow: String,
    },
    /// 503: the upstream did not tell what must be known to judge the request.
    NotLookedUp {
        /// Names the refusal.
        id: DecisionId,
        /// What went wrong.
        reason: String,
    },
    /// 451: prohibited by law.
    Prohibited(Box<Refused>),
    /// 413: a body over the limit.
    TooLarge {
        /// Names the refusal.
        id: DecisionId,
    },
    /// 408: a head or body that came too slowly.
    TooSlow {
        /// Names the refusal.
        id: DecisionId,
    },
    /// 401: no token where one is required, or one that is not believed.
    Unauthenticated {
        /// Names the refusal.
        id: DecisionId,
        /// Why.
        reason: Unauthenticated,
    },
    /// 503: could not decide or could not record.
    Unavailable {
        /// Names the refusal.
        id: DecisionId,
    },
    /// 415: a media type or content coding that is not read.
    Unsupported {
        /// Names the refusal.
        id: DecisionId,
    },
    /// 403: a way to place or change an order that cannot be read.
    UnsupportedEntrance {
        /// Names the refusal.
        id: DecisionId,
    },
}

/// Why a client is not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unauthenticated {
    /// No token, where one is required.
    #[error("a token is required")]
    Absent,
    /// A token that is not believed.
    #[error("{0}")]
    Token(TokenFault),
}

/// A decision that refuses, as much of it as a customer may see.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Clause of the authority.
    pub clause: Box<str>,
    /// Names the decision.
    pub id: DecisionId,
    /// Lines that are refused.
    pub items: Vec<RefusedItem>,
    /// What the rule tells the customer.
    pub message: Box<str>,
    /// Policy id.
    pub policy: Box<str>,
}

/// One line of an order and what became of it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct RefusedItem {
    /// Position in the order, from 0.
    pub index: usize,
    /// As the order named it; null where it named none.
    pub sku: Option<String>,
    /// Its own verdict.
    pub verdict: Verdict,
}

/// What keeps a request on a judged route from being read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// The body ended before it was whole, or its framing is broken.
    #[error("the body did not arrive whole")]
    Body,
    /// The body is not what its content coding says.
    #[error("the body is not what its Content-Encoding says")]
    Coding,
    /// A value that was to be read is of another type, or given twice.
    #[error("{0}")]
    Field(Cow<'static, str>),
    /// The message's framing or a field is broken, so that it has no end or none that all readers agree on.
    #[error("the message's head or framing is broken")]
    Framing,
    /// `Host` is missing, repeated or no host, or differs from the target's.
    #[error("the host is missing, repeated or not a host")]
    Host,
    /// The body is not one strict JSON document.
    #[error("the body is not one strict JSON document: {0}")]
    Json(String),
    /// A document of the upstream's cannot be read.
    #[error("what the upstream answered cannot be read: {0}")]
    LookedUp(String),
    /// The target has several readings.
    #[error("the target is ambiguous: {0}")]
    Target(String),
}

impl Permit {
    /// For a request that no route judges: nothing was decided, and the target goes out as it is, but for `_method`.
    pub(super) fn unjudged(target: &str, body: Option<Bytes>) -> Self {
        let target = without_method_override(target).into_owned();
        Self {
            body,
            covered: false,
            cut_at: None,
            id: None,
            placed: None,
            target,
            verdict: Verdict::Allow,
        }
    }

    /// For an allowed request whose record exists.
    pub(super) fn judged(
        id: DecisionId,
        action: Action,
        decision: &Decision,
        target: &CanonicalTarget<'_>,
        body: Option<Bytes>,
    ) -> Self {
        let covered = action.is_delivery() && decision.is_covered();
        Self {
            body,
            covered,
            cut_at: decision.cut_at,
            id: Some(id),
            placed: None,
            target: without_method_override(&target.forward_target()).into_owned(),
            verdict: decision.verdict,
        }
    }

    /// The decision, where there was one.
    pub const fn id(&self) -> Option<DecisionId> {
        self.id
    }

    /// The same, with what is to be compared once the order is placed.
    pub(super) fn with_placed(self, placed: Placed) -> Self {
        Self { placed: Some(placed), ..self }
    }

    /// What is to be compared once the order is placed.
    pub const fn take_placed(&mut self) -> Option<Placed> {
        self.placed.take()
    }

    /// What was decided: `allow`, or `review` of a cart, which is judged when it is ordered.
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// True for a delivery that is covered by a policy: shared caches must not keep it.
    pub const fn is_covered(&self) -> bool {
        self.covered
    }

    /// Path and query to send upstream.
    pub fn take_target(&mut self) -> String {
        std::mem::take(&mut self.target)
    }

    /// How long the delivery may go on, where a rule that cuts running transfers will refuse it.
    pub fn cut_after(&self, now: impl FnOnce() -> Timestamp) -> Option<Duration> {
        self.cut_at.map(|at| Duration::try_from(at.duration_since(now())).unwrap_or(Duration::ZERO))
    }

    /// The body that was judged; absent where none was looked at.
    pub fn take_body(&mut self) -> Option<Bytes> {
        self.body.take()
    }
}

impl Refusal {
    /// The status it becomes.
    pub const fn status(&self) -> u16 {
        match self {
            Self::BadSignature { .. } => 401,
            Self::BodyNotSeen { .. } | Self::Held(_) | Self::UnsupportedEntrance { .. } => 403,
            Self::Malformed { .. } => 400,
            Self::MethodNotAllowed { .. } => 405,
            Self::Prohibited(_) => 451,
            Self::TooLarge { .. } => 413,
            Self::TooSlow { .. } => 408,
            Self::NotLookedUp { .. } | Self::Unavailable { .. } => 503,
            Self::Unauthenticated { .. } => 401,
            Self::Unsupported { .. } => 415,
        }
    }

    /// Names it.
    pub fn id(&self) -> DecisionId {
        match self {
            Self::Held(refused) | Self::Prohibited(refused) => refused.id,
            Self::BadSignature { id }
            | Self::BodyNotSeen { id }
            | Self::Malformed { id, .. }
            | Self::MethodNotAllowed { id, .. }
            | Self::NotLookedUp { id, .. }
            | Self::TooLarge { id }
            | Self::TooSlow { id }
            | Self::Unauthenticated { id, .. }
            | Self::Unavailable { id }
            | Self::Unsupported { id }
            | Self::UnsupportedEntrance { id } => *id,
        }
    }

    /// The same under another id.
    pub(super) fn under(mut self, new: DecisionId) -> Self {
        match &mut self {
            Self::Held(refused) | Self::Prohibited(refused) => refused.id = new,
            Self::BadSignature { id }
            | Self::BodyNotSeen { id }
            | Self::Malformed { id, .. }
            | Self::MethodNotAllowed { id, .. }
            | Self::NotLookedUp { id, .. }
            | Self::TooLarge { id }
            | Self::TooSlow { id }
            | Self::Unauthenticated { id, .. }
            | Self::Unavailable { id }
            | Self::Unsupported { id }
            | Self::UnsupportedEntrance { id } => *id = new,
        }
        self
    }

    /// Why, for record and log; empty where a policy's own reason stands in the decision.
    pub fn reason(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::BadSignature { .. } => {
                "the signature is missing, given twice or not the sender's"
            }
            Self::BodyNotSeen { .. } => "the route reads a body that the check did not bring",
            Self::Held(_) | Self::Prohibited(_) => "",
            Self::Malformed { reason, .. } => return Cow::Owned(reason.to_string()),
            Self::MethodNotAllowed { .. } => "the route does not list the method",
            Self::NotLookedUp { reason, .. } => {
                return Cow::Owned(format!("the upstream was asked and did not tell: {reason}"));
            }
            Self::TooLarge { .. } => "the body is over the limit",
            Self::TooSlow { .. } => "the request came too slowly",
            Self::Unauthenticated { reason, .. } => return Cow::Owned(reason.to_string()),
            Self::Unavailable { .. } => "the request could not be decided",
            Self::Unsupported { .. } => "the media type or content coding is not read",
            Self::UnsupportedEntrance { .. } => {
                "a way to place or change an order that cannot be read"
            }
        })
    }

    /// The verdict, where a policy gave one.
    pub const fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::BodyNotSeen { .. } | Self::Held(_) | Self::UnsupportedEntrance { .. } => {
                Some(Verdict::Review)
            }
            Self::Prohibited(_) => Some(Verdict::Block),
            Self::BadSignature { .. }
            | Self::Malformed { .. }
            | Self::MethodNotAllowed { .. }
            | Self::NotLookedUp { .. }
            | Self::TooLarge { .. }
            | Self::TooSlow { .. }
            | Self::Unauthenticated { .. }
            | Self::Unavailable { .. }
            | Self::Unsupported { .. } => None,
        }
    }
}
