//! Whether every worker still turns: each is asked on its own thread, and whoever supervises looks at who has answered.
//!
//! Nothing is measured in time here. A worker whose thread is blocked, by whatever, does not come to answer; one that has ended is not
//! waited for.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

/// The workers that answer.
#[derive(Debug, Default)]
pub struct Pulse {
    answered: Mutex<Vec<Arc<AtomicU64>>>,
    asked: watch::Sender<u64>,
}

impl Pulse {
    /// Whether every worker has answered what was asked before; asks them again.
    pub fn ask(&self) -> bool {
        let asked = *self.asked.borrow();
        let all = self.workers().iter().all(|answered| answered.load(Ordering::Relaxed) == asked);
        if all {
            self.asked.send_replace(asked.wrapping_add(1));
        }
        all
    }

    /// Answers whenever it is asked, until the runtime that it is spawned on ends: one for each worker.
    pub async fn answer(self: Arc<Self>) {
        let mut asked = self.asked.subscribe();
        let worker = Worker { answered: Arc::default(), pulse: Arc::clone(&self) };
        worker.answered.store(*asked.borrow_and_update(), Ordering::Relaxed);
        self.workers().push(Arc::clone(&worker.answered));
        tracing::debug!("a worker answers the watchdog");
        while asked.changed().await.is_ok() {
            worker.answered.store(*asked.borrow_and_update(), Ordering::Relaxed);
        }
    }

    fn workers(&self) -> MutexGuard<'_, Vec<Arc<AtomicU64>>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a worker out of the list when its runtime ends.
struct Worker {
    answered: Arc<AtomicU64>,
    pulse: Arc<Pulse>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.pulse.workers().retain(|answered| !Arc::ptr_eq(answered, &self.answered));
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::Context;
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_worker_that_does_not_turn_is_noticed_until_it_does_or_ends() {
        let mut context = Context::from_waker(Waker::noop());
        let pulse = Arc::new(Pulse::default());
        let mut turning = Box::pin(Arc::clone(&pulse).answer());
        let mut stuck = Box::pin(Arc::clone(&pulse).answer());
        assert!(turning.as_mut().poll(&mut context).is_pending());
        assert!(stuck.as_mut().poll(&mut context).is_pending());
        assert!(pulse.ask(), "nothing was asked before");
        assert!(turning.as_mut().poll(&mut context).is_pending());
        assert!(!pulse.ask(), "one of two has answered");
        assert!(!pulse.ask(), "asking again does not help it");
        assert!(stuck.as_mut().poll(&mut context).is_pending());
        assert!(pulse.ask(), "both have answered");
        assert!(turning.as_mut().poll(&mut context).is_pending());
        assert!(!pulse.ask());
        drop(stuck);
        assert!(pulse.ask(), "nobody waits for a worker that has ended");
    }
}
