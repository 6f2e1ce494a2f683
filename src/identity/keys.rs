//! The keys in force: the last good set, replaced whole; and when to ask for newer ones.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;
use tokio::sync::watch;

use super::key_set::KeySet;

/// Names that a fetch did not bring are kept as absent, up to so many.
const MOST_ABSENT: usize = 1_024;
/// The longest that a request waits for keys that are being fetched.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// The keys in force. Shared by all workers, filled by whoever reads file or URL.
#[derive(Debug)]
pub struct Keys {
    asked: Notify,
    current: ArcSwapOption<KeySet>,
    fetching: Mutex<Fetching>,
    /// The shortest pause between two fetches; none where the keys come from a file.
    pause: Option<Duration>,
    rounds: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Fetching {
    /// Names that were looked for, and not there.
    absent: HashSet<String>,
    /// A fetch was asked for that has not ended.
    awaited: bool,
    last: Option<Instant>,
}

impl Keys {
    /// No keys yet. `pause`: the shortest one between two fetches; none: nothing is fetched.
    pub fn new(pause: Option<Duration>) -> Self {
        Self {
            asked: Notify::new(),
            current: ArcSwapOption::empty(),
            fetching: Mutex::default(),
            pause,
            rounds: watch::Sender::new(0),
        }
    }

    /// The set in force; none before the first.
    pub fn current(&self) -> Option<Arc<KeySet>> {
        self.current.load_full()
    }

    /// Puts a set in force.
    pub fn replace(&self, set: KeySet) {
        self.current.store(Some(Arc::new(set)));
        // A name may be there now that was not.
        self.state().absent.clear();
    }

    /// Asks for a fetch, now.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Waits until a fetch is asked for.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// A fetch has ended, well or not; those who wait look again.
    pub fn concluded(&self) {
        let mut state = self.state();
        state.last = Some(Instant::now());
        state.awaited = false;
        drop(state);
        self.rounds.send_modify(|round| *round = round.wrapping_add(1));
    }

    /// Looks for a key of that name at its source, unless that was done of late. True if it is there now.
    pub(super) async fn look_for(&self, name: &str) -> bool {
        let Some(pause) = self.pause else { return false };
        let mut rounds = self.rounds.subscribe();
        {
            let mut state = self.state();
            if state.absent.contains(name) {
                return false;
            }
            if !state.awaited {
                if state.last.is_some_and(|last| last.elapsed() < pause) {
                    return false;
                }
                state.awaited = true;
                self.asked.notify_one();
            }
        }
        if tokio::time::timeout(LONGEST_WAIT, rounds.changed()).await.is_err() {
            return false;
        }
        let found = self.current().is_some_and(|set| set.find(name).is_some());
        if !found {
            let mut state = self.state();
            if state.absent.len() >= MOST_ABSENT {
                state.absent.clear();
            }
            state.absent.insert(name.to_owned());
        }
        found
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Fetching> {
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
