//! Asking the servers how they are.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::Method;
use bytes::Bytes;
use futures_util::future::join_all;
use http::HeaderMap;
use tokio::time::{sleep, timeout};

use crate::settings::Health;

use super::balance::Server;
use super::client::{Shared, Upstream};
use super::request::{Outgoing, OutgoingBody};
use super::transfer::Transfer;

/// How one server stands, for metrics and readiness.
#[derive(Debug, Clone)]
pub struct ServerReport {
    /// The server, as `http://host:port`.
    pub server: Arc<str>,
    /// What the active check says; true without one.
    pub up: bool,
    /// Whether traffic has left it out for now.
    pub ejected: bool,
    /// Exchanges under way on all workers.
    pub outstanding: usize,
}

impl Upstream {
    /// How each server stands.
    #[must_use]
    pub fn report(&self) -> Vec<ServerReport> {
        let balance = &self.shared.balance;
        balance
            .servers
            .iter()
            .map(|server| ServerReport {
                server: Arc::clone(&server.name),
                up: server.is_up(),
                ejected: balance.is_ejected(server),
                outstanding: server.outstanding(),
            })
            .collect()
    }

    /// Asks the servers regularly, for ever; ends at once without an active check. Run it once per process.
    pub async fn watch(&self) {
        if let Some(check) = &self.shared.health {
            let watches = self.shared.balance.servers.iter();
            join_all(watches.map(|server| self.shared.watch_server(server, check))).await;
        }
    }
}

impl Shared {
    async fn watch_server(&self, server: &Server, check: &Health) {
        let mut in_a_row: u32 = 0;
        loop {
            let good = timeout(check.timeout, self.is_good(server, check)).await.unwrap_or(false);
            if good == server.is_up() {
                in_a_row = 0;
            } else {
                in_a_row = in_a_row.saturating_add(1);
                let enough = if good { check.healthy } else { check.unhealthy };
                if in_a_row >= enough {
                    in_a_row = 0;
                    server.mark(good);
                    if good {
                        tracing::info!(server = %server.name, "upstream server is back");
                    } else {
                        tracing::warn!(server = %server.name, "upstream server is out");
                    }
                }
            }
            sleep(check.interval).await;
        }
    }

    /// One question over a connection of its own.
    async fn is_good(&self, server: &Server, check: &Health) -> bool {
        let mut outgoing = Outgoing {
            method: Method::GET,
            path_and_query: Bytes::copy_from_slice(check.path.as_bytes()),
            headers: HeaderMap::new(),
            body: OutgoingBody::Empty,
        };
        let Ok(mut connection) = self.connect(server).await else {
            return false;
        };
        let transfer = Rc::new(Transfer::new());
        let Ok(request) = self.request(&connection, &mut outgoing, server, &transfer) else {
            return false;
        };
        let answer = connection.exchange(request).await;
        answer.is_ok_and(|answer| answer.status().is_success() || answer.status().is_redirection())
    }
}
