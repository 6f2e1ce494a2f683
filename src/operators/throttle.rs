//! Whether a sign-in may be tried: slower with every failure, and never so many at once that the gateway feels it.
//!
//! Failures are counted for the account and for the client's network (/24, /48). The fifth and every further one doubles the wait, from
//! a second to fifteen minutes; a failure is forgotten for every fifteen minutes that pass, so that waiting gains an attacker nothing.
//! A network from which somebody signed in to an account within thirty days has a counter of its own for that account, in place of both:
//! what strangers try elsewhere does not keep its owner out. It also has a quarter of the machine's work kept for it.
//!
//! **INVARIANT** An attempt is booked as failed before its password is looked at, and taken back if it succeeds: however many are tried
//! side by side, none is free.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;

use super::account::AccountName;
use super::recent::Recent;

/// Work is counted over this time.
const MINUTE: Duration = Duration::from_secs(60);
/// When all workers are busy, one will soon be free.
const SOON: Duration = Duration::from_secs(1);

/// What is allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Passwords checked at the same time.
    pub at_once: usize,
    /// Passwords checked within a minute.
    pub a_minute: usize,
    /// Counters kept; the one used the longest ago goes first. As many networks are known.
    pub entries: usize,
    /// Failures from which on there is a wait.
    pub failures: u32,
    /// The first wait; each further one is twice as long.
    pub first_wait: Duration,
    /// How long a network is known after a success.
    pub known_for: Duration,
    /// The longest wait, and the time after which one failure is forgotten.
    pub longest_wait: Duration,
}

/// The counters; clones are the same. In memory: a restart forgets them.
#[derive(Clone, Debug)]
pub struct Throttle(Arc<Inner>);

/// The answer.
#[derive(Debug)]
pub enum Admission {
    /// Look at the password, and say what came of it.
    Allowed(Attempt),
    /// Not before that much time has passed.
    RetryAfter(Duration),
}

/// Leave to look at one password. Dropped without a word, it has failed.
#[derive(Debug)]
#[must_use = "dropped, the attempt has failed"]
pub struct Attempt {
    account: String,
    keys: Vec<Key>,
    network: Network,
    throttle: Throttle,
}

#[derive(Debug)]
struct Inner {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    counters: Recent<Key, Counter>,
    known: Recent<(String, Network), Timestamp>,
    running: usize,
    /// When passwords were looked at, within the last minute.
    work: VecDeque<Timestamp>,
}

/// What failures are counted for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Key {
    Account(String),
    Known(String, Network),
    Network(Network),
}

/// The network of a client: /24, /48.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Network {
    V4([u8; 3]),
    V6([u8; 6]),
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    failures: u32,
    last: Timestamp,
    /// From when on the next failure is being forgotten.
    since: Timestamp,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            at_once: 4,
            a_minute: 120,
            entries: 10_000,
            failures: 5,
            first_wait: Duration::from_secs(1),
            known_for: Duration::from_secs(30 * 24 * 60 * 60),
            longest_wait: Duration::from_secs(15 * 60),
        }
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Throttle {
    /// With nothing counted yet.
    pub fn new(limits: Limits) -> Self {
        let state = State {
            counters: Recent::new(limits.entries),
            known: Recent::new(limits.entries),
            running: 0,
            work: VecDeque::new(),
        };
        Self(Arc::new(Inner { limits, state: Mutex::new(state) }))
    }

    /// Asks for an attempt at an account, which need not be there, from a client.
    pub fn ask(&self, account: &str, client: IpAddr, now: Timestamp) -> Admission {
        let limits = &self.0.limits;
        let account = key_name(account);
        let network = Network::of(client);
        let mut state = self.state();
        let known = state.known.find(&(account.clone(), network)).copied();
        let known = known.is_some_and(|at| since(at, now) < limits.known_for);
        let keys = match known {
            true => vec![Key::Known(account.clone(), network)],
            false => vec![Key::Account(account.clone()), Key::Network(network)],
        };
        let wait = keys.iter().filter_map(|key| Some(state.counters.find(key)?.wait(now, limits)));
        let wait = wait.max().unwrap_or_default();
        if !wait.is_zero() {
            return Admission::RetryAfter(wait);
        }
        if let Some(wait) = state.busy(known, now, limits) {
            return Admission::RetryAfter(wait);
        }
        for key in &keys {
            let counter = state.counters.find(key).map(|counter| counter.settled(now, limits));
            let counter = counter.filter(|counter| counter.failures > 0);
            let counter = counter.unwrap_or(Counter { failures: 0, last: now, since: now });
            let failures = counter.failures.saturating_add(1);
            state.counters.put(key.clone(), Counter { failures, last: now, ..counter });
        }
        state.work.push_back(now);
        state.running = state.running.saturating_add(1);
        drop(state);
        Admission::Allowed(Attempt { account, keys, network, throttle: self.clone() })
    }

    /// Takes note of a sign-in that succeeded, such as one that a record of before the last start tells of.
    pub fn remember(&self, account: &str, client: IpAddr, at: Timestamp) {
        let (mut state, key) = (self.state(), (key_name(account), Network::of(client)));
        let at = state.known.find(&key).map_or(at, |known| at.max(*known));
        state.known.put(key, at);
    }

    /// Number of counters; at most [`Limits::entries`].
    pub fn counters(&self) -> usize {
        self.state().counters.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// The password was right: the failures of the account are forgotten, not those of the network.
    pub fn succeeded(self, now: Timestamp) {
        let mut state = self.throttle.state();
        for key in &self.keys {
            match key {
                Key::Account(_) | Key::Known(..) => {
                    state.counters.take(key);
                }
                Key::Network(_) => state.take_back(key),
            }
        }
        state.known.put((self.account.clone(), self.network), now);
    }

    /// The password was not looked at, since the accounts cannot be read: nothing has happened.
    pub fn withdrawn(self) {
        let mut state = self.throttle.state();
        for key in &self.keys {
            state.take_back(key);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut state = self.throttle.state();
        state.running = state.running.saturating_sub(1);
    }
}

impl State {
    /// How long until there is room for one more, if there is none. A quarter is kept for networks that are known.
    fn busy(&mut self, known: bool, now: Timestamp, limits: &Limits) -> Option<Duration> {
        let share = |all: usize| match known {
            true => all,
            false => all.saturating_sub(all.div_ceil(4)).max(1),
        };
        // What lies ahead was noted before the clock was set back.
        self.work.retain(|at| *at <= now && since(*at, now) < MINUTE);
        if self.running >= share(limits.at_once) {
            return Some(SOON);
        }
        let full = self.work.len().checked_sub(share(limits.a_minute))?;
        let leaves = self.work.get(full)?;
        Some(MINUTE.saturating_sub(since(*leaves, now)))
    }

    fn take_back(&mut self, key: &Key) {
        let Some(counter) = self.counters.take(key) else { return };
        let failures = counter.failures.saturating_sub(1);
        if failures > 0 {
            self.counters.put(key.clone(), Counter { failures, ..counter });
        }
    }
}

impl Counter {
    /// How long the next attempt has to wait.
    fn wait(&self, now: Timestamp, limits: &Limits) -> Duration {
        let failures = self.settled(now, limits).failures;
        let Some(doublings) = failures.checked_sub(limits.failures) else { return Duration::ZERO };
        let wait = limits.first_wait.saturating_mul(2_u32.saturating_pow(doublings));
        wait.min(limits.longest_wait).saturating_sub(since(self.last, now))
    }

    /// With forgotten what is to be forgotten by now.
    fn settled(&self, now: Timestamp, limits: &Limits) -> Self {
        let every = limits.longest_wait.as_nanos().max(1);
        let forgotten = since(self.since, now).as_nanos().checked_div(every).unwrap_or(0);
        let forgotten = u32::try_from(forgotten).unwrap_or(u32::MAX);
        let passed = limits.longest_wait.saturating_mul(forgotten);
        let passed = SignedDuration::try_from(passed).unwrap_or(SignedDuration::MAX);
        Self {
            failures: self.failures.saturating_sub(forgotten),
            last: self.last,
            since: self.since.checked_add(passed).unwrap_or(now),
        }
    }
}

impl Network {
    fn of(client: IpAddr) -> Self {
        match client.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, ..] = address.octets();
                Self::V6([a, b, c, d, e, f])
            }
        }
    }
}

/// What cannot be a name is one and the same: nobody fills the memory with it.
fn key_name(account: &str) -> String {
    account.parse::<AccountName>().map_or_else(|_| String::new(), |name| name.as_str().to_owned())
}

/// The time from one instant to another; none where the clock was set back.
fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
