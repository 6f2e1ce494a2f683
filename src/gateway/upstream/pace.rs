//! How an exchange moves, told by the connection's task and read by the one that waits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::error::UpstreamError;
use super::transfer::Transfer;

/// What one connection's present exchange is doing. Both sides live on one worker.
#[derive(Debug)]
pub(super) struct Pace {
    moved: Cell<Instant>,
    blocked: Cell<bool>,
    stage: Cell<Stage>,
    started: Cell<bool>,
    answered: Cell<bool>,
    fault: RefCell<Option<UpstreamError>>,
    transfer: RefCell<Option<Rc<Transfer>>>,
}

/// Where the request's body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Some of it is still to be taken.
    Sending,
    /// The client has not sent the next piece.
    Client,
    /// All of it has been handed over.
    Sent,
    /// The server has refused it; the rest is not wanted.
    Refused,
}

/// Who keeps an exchange waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// The client, with its body.
    Client,
    /// The server, to take the request.
    Server,
    /// The server, to answer.
    Answer,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            moved: Cell::new(Instant::now()),
            blocked: Cell::new(false),
            stage: Cell::new(Stage::Sent),
            started: Cell::new(false),
            answered: Cell::new(false),
            fault: RefCell::new(None),
            transfer: RefCell::new(None),
        }
    }

    /// A new exchange begins.
    pub(super) fn begin(&self, stage: Stage, transfer: Rc<Transfer>) {
        self.moved.set(Instant::now());
        self.blocked.set(false);
        self.stage.set(stage);
        self.started.set(false);
        self.answered.set(false);
        self.fault.replace(None);
        self.transfer.replace(Some(transfer));
    }

    /// The socket took bytes, or would not.
    pub(super) fn wrote(&self, any: bool) {
        self.blocked.set(!any);
        if any {
            self.started.set(true);
            self.moved.set(Instant::now());
        }
    }

    /// The socket gave bytes.
    pub(super) fn read(&self) {
        self.answered.set(true);
    }

    /// The client gave bytes of its body.
    pub(super) fn took(&self, bytes: usize) {
        self.moved.set(Instant::now());
        if let Some(transfer) = &*self.transfer.borrow() {
            transfer.add_sent(bytes);
        }
    }

    /// The request's body is at another stage; a refused one stays so.
    pub(super) fn reach(&self, stage: Stage) {
        if self.stage.get() != Stage::Refused {
            self.stage.set(stage);
        }
    }

    /// Says why the request's body failed, which its connection cannot.
    pub(super) fn blame(&self, fault: UpstreamError) {
        self.fault.replace(Some(fault));
    }

    pub(super) fn take_fault(&self) -> Option<UpstreamError> {
        self.fault.take()
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// Whether a byte of the request has left.
    pub(super) fn has_started(&self) -> bool {
        self.started.get()
    }

    /// Whether a byte of the answer has come.
    pub(super) fn is_answered(&self) -> bool {
        self.answered.get()
    }

    pub(super) fn wait(&self) -> Wait {
        match self.stage.get() {
            _ if self.blocked.get() => Wait::Server,
            Stage::Client => Wait::Client,
            Stage::Sending | Stage::Sent | Stage::Refused => Wait::Answer,
        }
    }

    /// How long nothing has moved.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.moved.get())
    }
}
