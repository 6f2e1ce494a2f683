//! Connections that wait for their next exchange, one pool per worker and server.
//!
//! Last in, first out: under little load the old ones sink and are closed for age. A connection that the server has
//! closed meanwhile is found when it is taken out, before anything is written to it.

use std::cell::RefCell;
use std::collections::VecDeque;

use tokio::time::Instant;

use super::connection::Connection;
use super::settings::ConnectionLimits;

#[derive(Debug)]
pub(super) struct Pool {
    idle: RefCell<VecDeque<Idle>>,
    limits: ConnectionLimits,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        Self { idle: RefCell::default(), limits }
    }

    /// A connection that is fit for use, if there is one.
    pub(super) fn take(&self) -> Option<Connection> {
        let now = Instant::now();
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { mut connection, since }) = idle.pop_back() {
            if self.is_fresh(since, now) && connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose last exchange ended cleanly.
    pub(super) fn put(&self, mut connection: Connection) {
        connection.rest();
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= self.limits.idle {
            idle.pop_front();
        }
        if self.limits.idle > 0 {
            idle.push_back(Idle { connection, since: Instant::now() });
        }
    }

    /// Closes what waited too long or was closed by the server.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.idle
            .borrow_mut()
            .retain_mut(|entry| self.is_fresh(entry.since, now) && entry.connection.is_quiet());
    }

    /// Closes all: the server is not to be trusted with old connections.
    pub(super) fn clear(&self) {
        self.idle.borrow_mut().clear();
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.idle.borrow().len()
    }

    fn is_fresh(&self, since: Instant, now: Instant) -> bool {
        now.saturating_duration_since(since) < self.limits.idle_time
    }
}
