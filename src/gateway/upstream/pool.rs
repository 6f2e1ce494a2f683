//! Connections that wait for their next exchange, one pool per worker and server.
//!
//! Last in, first out: under little load the old ones sink and are closed for age. A connection that the server has
//! closed, or on which something came unasked, is found when it is taken out.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;

#[derive(Debug)]
pub(super) struct Pool {
    idle: RefCell<VecDeque<Idle>>,
    most: usize,
    longest: Duration,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// A pool of at most so many, each for at most so long.
    pub(super) fn new(most: usize, longest: Duration) -> Self {
        Self { idle: RefCell::default(), most, longest }
    }

    /// A connection that is fit for use, if there is one.
    pub(super) fn take(&self) -> Option<Connection> {
        let now = Instant::now();
        let mut idle = self.idle.borrow_mut();
        while let Some(entry) = idle.pop_back() {
            if self.is_fit(&entry, now) {
                return Some(entry.connection);
            }
        }
        None
    }

    /// Keeps a connection, if its last exchange has ended cleanly on both sides.
    pub(super) fn put(&self, mut connection: Connection) {
        if self.most == 0 || !connection.is_ready() {
            return;
        }
        connection.reused = true;
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= self.most {
            idle.pop_front();
        }
        idle.push_back(Idle { connection, since: Instant::now() });
    }

    /// Closes what waited too long or was closed by the server.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.idle.borrow_mut().retain(|entry| self.is_fit(entry, now));
    }

    /// Closes all: the server is not to be trusted with old connections.
    pub(super) fn clear(&self) {
        self.idle.borrow_mut().clear();
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.idle.borrow().len()
    }

    fn is_fit(&self, entry: &Idle, now: Instant) -> bool {
        now.saturating_duration_since(entry.since) < self.longest && entry.connection.is_ready()
    }
}
