//! `/`: that enforcement works, on one screen.

use askama::Template;
use jiff::Timestamp;

use super::Nav;
use super::Shell;
use super::filters;

/// The first page. What moves is fetched by its scripts: `/console/stream`, `/admin/v1/activity`, `/admin/v1/activity/countries`.
#[derive(Clone, Debug, Template)]
#[template(path = "overview.html")]
pub struct Overview {
    /// Version of the bundle in force, where policies come by bundle.
    pub bundle: Option<u64>,
    /// Decisions of this day (UTC), by verdict.
    pub counts: Counts,
    /// What needs looking after: part, reason.
    pub degraded: Vec<(String, String)>,
    /// Where countries are from.
    pub geo: Vec<GeoSource>,
    /// The record.
    pub ledger: LedgerHealth,
    /// Policies in force.
    pub policies: Vec<PolicyInForce>,
    /// Decisions in the last second.
    pub rate: u64,
    /// The review queue.
    pub reviews: Queue,
    /// Revision of everything that decides, `sha256:...`.
    pub revision: String,
    /// Servers of upstreams.
    pub servers: Vec<Server>,
    /// The frame.
    pub shell: Shell,
}

/// Decisions by verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Allowed.
    pub allow: u64,
    /// Blocked.
    pub block: u64,
    /// Held.
    pub review: u64,
}

/// The review queue, in figures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Queue {
    /// Age of the oldest open entry, in seconds.
    pub oldest: Option<u64>,
    /// Open entries.
    pub open: u64,
    /// True if the oldest is older than it should be.
    pub overdue: bool,
}

/// How the ledger goes.
#[derive(Clone, Debug, Default)]
pub struct LedgerHealth {
    /// When the last checkpoint was published, and how many records it covers.
    pub checkpoint: Option<(Timestamp, u64)>,
    /// Why nothing can be recorded.
    pub failed: Option<String>,
    /// How far the published ledger is behind, in milliseconds.
    pub lag_ms: u64,
    /// Records.
    pub records: u64,
}

/// A policy in force.
#[derive(Clone, Debug)]
pub struct PolicyInForce {
    /// Who made the law.
    pub authority: String,
    /// Its id.
    pub id: String,
    /// True if a court has suspended it.
    pub suspended: bool,
    /// What it is called.
    pub title: String,
    /// Its version.
    pub version: String,
}

/// A server of an upstream.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its address.
    pub address: String,
    /// Whether it answers.
    pub healthy: bool,
    /// Of which upstream.
    pub upstream: String,
}

/// A table of addresses and countries.
#[derive(Clone, Debug)]
pub struct GeoSource {
    /// When it was made.
    pub built: Option<Timestamp>,
    /// Its name.
    pub name: String,
    /// True if it is too old.
    pub stale: bool,
}
