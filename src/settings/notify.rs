//! `[notify]`: the signed outgoing webhook for blocks and holds.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::Action;

use super::upstream::Server;

/// `[notify]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notify {
    /// Actions that are told of.
    pub actions: Vec<Action>,
    /// Authorities (PEM) of an `https` receiver; none: the system's.
    pub ca: Option<PathBuf>,
    /// File with the secrets that sign each message.
    pub key: PathBuf,
    /// The receiver.
    pub server: Server,
    /// Path and query at the receiver.
    pub target: String,
    /// Longest wait for the receiver.
    pub timeout: Duration,
}

impl Notify {
    /// Longest wait for the receiver.
    pub const TIMEOUT: Duration = Duration::from_secs(5);

    /// True where messages can be read on their way: plain HTTP to another machine.
    pub fn is_open_on_the_way(&self) -> bool {
        let host = self.server.host.as_str();
        let local = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        self.server.scheme == super::upstream::Scheme::Http && !local
    }
}
