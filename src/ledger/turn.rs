//! The end of a thread's turn: what is done then is done once for all who were ready.

use std::future::Future;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Resolves once every task that is ready on this thread has run, and not by being polled again meanwhile, as
/// `tokio::task::yield_now` does: servers poll a request's future several times in one turn.
#[derive(Debug, Default)]
pub(super) struct TurnEnd {
    signal: Option<Arc<Signal>>,
}

#[derive(Debug, Default)]
struct Signal {
    given: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.given.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl Future for TurnEnd {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(signal) = &self.signal {
            signal.task.register(context.waker());
            let given = signal.given.load(Ordering::Acquire);
            return if given { Poll::Ready(()) } else { Poll::Pending };
        }
        let signal = Arc::new(Signal::default());
        signal.task.register(context.waker());
        let waker = Waker::from(Arc::clone(&signal));
        self.signal = Some(signal);
        // The runtime keeps the waker until the turn's end; the future itself is no longer needed.
        pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(&waker))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::{join, poll_immediate};

    use super::*;

    #[tokio::test]
    async fn polling_again_does_not_end_a_turn_and_others_come_first() {
        let mut turn = pin!(TurnEnd::default());
        for _ in 0..3 {
            assert_eq!(poll_immediate(turn.as_mut()).await, None);
        }
        let others = Cell::new(0);
        let other = async {
            for _ in 0..3 {
                others.set(others.get() + 1);
                std::future::ready(()).await;
            }
        };
        join(turn, other).await;
        assert_eq!(others.get(), 3);
    }
}
