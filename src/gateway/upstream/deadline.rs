//! A limit that is moved often and reached almost never.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// One timer per connection. Moving the limit later costs nothing but a clock reading: the timer's entry stays where
/// it is, and is moved when it fires too early.
#[derive(Debug)]
pub(super) struct Deadline {
    timer: Pin<Box<Sleep>>,
    at: Instant,
}

impl Deadline {
    pub(super) fn new(limit: Duration) -> Self {
        let at = later(limit);
        Self { timer: Box::pin(sleep_until(at)), at }
    }

    /// Gives the next wait this long, from now.
    pub(super) fn arm(&mut self, limit: Duration) {
        self.at = later(limit);
        if self.at < self.timer.deadline() {
            self.timer.as_mut().reset(self.at);
        }
    }

    /// Ready once the limit has passed.
    pub(super) fn poll_passed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            if Instant::now() >= self.at {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.at);
        }
    }
}

fn later(limit: Duration) -> Instant {
    let now = Instant::now();
    // A limit that overflows the clock is a year: as good as none, and no panic.
    now.checked_add(limit)
        .or_else(|| now.checked_add(Duration::from_secs(31_536_000)))
        .unwrap_or(now)
}
