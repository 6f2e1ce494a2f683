//! What went over the wire in one exchange, readable by whoever concludes the request.

use std::cell::Cell;

/// How an exchange ended, or that it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Still under way, or dropped by the client before its end.
    Open,
    /// The answer was read to its end.
    Complete,
    /// The answer broke off; the client's connection is cut.
    Failed,
}

/// Bytes of the two bodies (without framing), and the ending. Shared between the body and its observer, on one worker.
#[derive(Debug)]
pub struct Transfer {
    sent: Cell<u64>,
    received: Cell<u64>,
    ending: Cell<Ending>,
}

impl Transfer {
    pub(super) fn new() -> Self {
        Self { sent: Cell::new(0), received: Cell::new(0), ending: Cell::new(Ending::Open) }
    }

    /// Bytes of the request's body handed to the server's connection so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// Bytes of the answer's body handed to the client's side so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.get()
    }

    /// How it ended; still `Open` after the body was dropped means that the client went away.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.ending.get()
    }

    pub(super) fn add_sent(&self, bytes: usize) {
        self.sent.set(self.sent.get().saturating_add(bytes as u64));
    }

    pub(super) fn add_received(&self, bytes: usize) {
        self.received.set(self.received.get().saturating_add(bytes as u64));
    }

    pub(super) fn end(&self, ending: Ending) {
        if self.ending.get() == Ending::Open {
            self.ending.set(ending);
        }
    }
}
