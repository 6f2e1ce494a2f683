//! The servers of one upstream, shared by all workers: who is fit, who is busy, whose turn it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;

use crate::settings;

/// One server and its standing.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: settings::Server,
    pub(super) authority: http::HeaderValue,
    pub(super) name: Arc<str>,
    /// Set for `https` servers.
    pub(super) tls_name: Option<ServerName<'static>>,
    outstanding: AtomicUsize,
    failures: AtomicU32,
    checked_down: AtomicBool,
    /// Milliseconds after `Balance::epoch`; 0 is not ejected.
    ejected_until: AtomicU64,
}

impl Server {
    pub(super) fn new(
        address: settings::Server,
        authority: http::HeaderValue,
        tls_name: Option<ServerName<'static>>,
    ) -> Self {
        Self {
            authority,
            name: address.to_string().into(),
            address,
            tls_name,
            outstanding: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            checked_down: AtomicBool::new(false),
            ejected_until: AtomicU64::new(0),
        }
    }

    /// Exchanges under way on all workers.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.load(Ordering::Relaxed)
    }

    /// What the active check says; true without one.
    pub(super) fn is_up(&self) -> bool {
        !self.checked_down.load(Ordering::Relaxed)
    }

    pub(super) fn mark(&self, up: bool) {
        self.checked_down.store(!up, Ordering::Relaxed);
        if up {
            self.failures.store(0, Ordering::Relaxed);
            self.ejected_until.store(0, Ordering::Relaxed);
        }
    }
}

/// When traffic alone leaves a server out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ejection {
    /// Failures in a row; 0 never.
    pub(super) failures: u32,
    /// How long it stays out.
    pub(super) time: Duration,
}

impl Default for Ejection {
    fn default() -> Self {
        Self { failures: 3, time: Duration::from_secs(10) }
    }
}

/// The choice among the servers.
#[derive(Debug)]
pub(super) struct Balance {
    pub(super) servers: Vec<Arc<Server>>,
    turn: AtomicUsize,
    epoch: Instant,
    ejection_failures: u32,
    ejection_millis: u64,
}

impl Balance {
    pub(super) fn new(servers: Vec<Arc<Server>>, ejection: Ejection) -> Self {
        Self {
            servers,
            turn: AtomicUsize::new(0),
            epoch: Instant::now(),
            ejection_failures: ejection.failures,
            ejection_millis: u64::try_from(ejection.time.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The fit server with the fewest exchanges under way, other than `tried`; among equals they take turns.
    ///
    /// Servers left out by traffic alone are asked again rather than nobody: ejection is a guess, a check is not.
    pub(super) fn choose(&self, tried: &[usize]) -> Option<(usize, Lease)> {
        let index = match self.servers.as_slice() {
            [only] => (tried.is_empty() && only.is_up()).then_some(0),
            _ => self.least_busy(tried, false).or_else(|| self.least_busy(tried, true)),
        }?;
        let server = Arc::clone(self.servers.get(index)?);
        server.outstanding.fetch_add(1, Ordering::Relaxed);
        Some((index, Lease { server }))
    }

    /// Whether traffic has left a server out for now.
    pub(super) fn is_ejected(&self, server: &Server) -> bool {
        let until = server.ejected_until.load(Ordering::Relaxed);
        until != 0 && self.now_millis() < until
    }

    pub(super) fn succeeded(&self, server: &Server) {
        if server.failures.load(Ordering::Relaxed) != 0 {
            server.failures.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self, server: &Server) {
        let failures = server.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if self.ejection_failures != 0 && failures >= self.ejection_failures {
            let until = self.now_millis().saturating_add(self.ejection_millis).max(1);
            server.ejected_until.store(until, Ordering::Relaxed);
            // One more failure after the return puts it out again at once.
            server.failures.store(self.ejection_failures.saturating_sub(1), Ordering::Relaxed);
        }
    }

    fn least_busy(&self, tried: &[usize], with_ejected: bool) -> Option<usize> {
        let count = self.servers.len();
        let first = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(count)?;
        (first..count)
            .chain(0..first)
            .filter(|index| !tried.contains(index))
            .filter_map(|index| Some((index, self.servers.get(index)?)))
            .filter(|(_, server)| server.is_up() && (with_ejected || !self.is_ejected(server)))
            .min_by_key(|(_, server)| server.outstanding())
            .map(|(index, _)| index)
    }

    fn now_millis(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// One exchange under way at a server; counted until dropped.
#[derive(Debug)]
pub(in crate::gateway) struct Lease {
    pub(super) server: Arc<Server>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.server.outstanding.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(count: u16, failures: u32, time: Duration) -> Balance {
        let servers = (0..count)
            .map(|number| {
                let address = settings::Server::parse(&format!("http://s{number}")).unwrap();
                Arc::new(Server::new(address, http::HeaderValue::from_static("s"), None))
            })
            .collect();
        Balance::new(servers, Ejection { failures, time })
    }

    #[test]
    fn the_least_busy_server_is_chosen_and_equals_take_turns() {
        let balance = balance(3, 1, Duration::from_secs(60));
        let leases: Vec<_> = (0..3).map(|_| balance.choose(&[]).unwrap()).collect();
        let mut seen: Vec<_> = leases.iter().map(|(index, _)| *index).collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2]);
        let (freed, lease) = leases.into_iter().next().unwrap();
        let _others = (balance.servers[(freed + 1) % 3].outstanding(), balance.choose(&[freed]));
        drop(lease);
        assert_eq!(balance.servers[freed].outstanding(), 0);
    }

    #[test]
    fn an_ejected_server_is_passed_over_unless_nobody_is_left() {
        let balance = balance(2, 2, Duration::from_secs(60));
        let server = Arc::clone(&balance.servers[0]);
        balance.failed(&server);
        assert!(!balance.is_ejected(&server));
        balance.failed(&server);
        assert!(balance.is_ejected(&server));
        for _ in 0..4 {
            assert_eq!(balance.choose(&[]).unwrap().0, 1);
        }
        assert_eq!(balance.choose(&[1]).unwrap().0, 0);
        balance.servers[1].mark(false);
        assert_eq!(balance.choose(&[]).unwrap().0, 0);
        balance.servers[0].mark(false);
        assert!(balance.choose(&[]).is_none());
    }

    #[test]
    fn an_ejection_ends_by_itself() {
        let balance = balance(2, 1, Duration::ZERO);
        let server = Arc::clone(&balance.servers[0]);
        balance.failed(&server);
        while balance.is_ejected(&server) {
            std::thread::yield_now();
        }
    }
}
