//! `[[ledger.witness]]`: who cosigns the log's checkpoints.

use std::path::PathBuf;
use std::time::Duration;

use super::upstream::Server;

/// One `[[ledger.witness]]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Witness {
    /// Authorities (PEM) of an `https` witness; none: the system's.
    pub ca: Option<PathBuf>,
    /// Its verifier key (C2SP signed-note, type 0x04).
    pub key: String,
    /// The name in that key.
    pub name: String,
    /// Path of its submission prefix, without a slash at the end.
    pub prefix: String,
    /// Where it is.
    pub server: Server,
}

impl Witness {
    /// How often witnesses are asked.
    pub const INTERVAL: Duration = Duration::from_secs(30);
}
