//! `/`: that enforcement works, on one screen.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::admin::access::Caller;
use crate::admin::access::VIEWERS;
use crate::admin::evidence;
use crate::admin::mount::Mount;
use crate::admin::server::AdminPlane;
use crate::telemetry::Activity;
use crate::telemetry::Axis;
use crate::telemetry::Filter;
use crate::telemetry::Window;

use super::Nav;
use super::Shell;
use super::filters;
use super::page;

/// Seconds after which an entry of the review queue has waited too long: as the alert in docs/metrics.md.
const OVERDUE: u64 = 2 * 86_400;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/", VIEWERS, show);
}

async fn show(plane: web::Data<AdminPlane>, caller: Caller) -> HttpResponse {
    let snapshot = plane.gate.pin();
    let now = plane.gate.now();
    let activity = std::sync::Arc::clone(plane.gate.metrics().activity());
    let counted = web::block(move || (today(&activity, now), last_second(&activity, now))).await;
    let (counts, rate) = counted.unwrap_or_default();
    let checkpoint = evidence::ledger(&plane).await.ok().and_then(|state| state.checkpoint);
    let checkpoint = checkpoint.and_then(|signed| Some((signed.instant()?, signed.size)));
    let (_, degraded) = plane.health();
    let ledger = plane.gate.ledger().status();
    let overview = Overview {
        bundle: None,
        counts,
        degraded: degraded.into_iter().map(|(part, reason)| (part.to_owned(), reason)).collect(),
        geo: snapshot
            .geo
            .sources()
            .map(|source| GeoSource {
                built: source.built(),
                name: source.name().to_owned(),
                stale: source.stale(now),
            })
            .collect(),
        ledger: LedgerHealth {
            checkpoint,
            failed: ledger.failed.map(|reason| reason.to_string()),
            lag_ms: u64::try_from(ledger.lag.as_millis()).unwrap_or(u64::MAX),
            records: ledger.next_sequence,
        },
        policies: snapshot
            .policies
            .policies()
            .iter()
            .map(|policy| PolicyInForce {
                authority: policy.authority.clone(),
                id: policy.id.clone(),
                suspended: false,
                title: policy.title.clone(),
                version: policy.version.clone(),
            })
            .collect(),
        rate,
        reviews: waiting(&plane, now),
        revision: snapshot.policies.revision().to_string(),
        servers: (plane.servers)()
            .into_iter()
            .map(|(upstream, address, healthy)| Server { address, healthy, upstream })
            .collect(),
        shell: plane.shell(&caller, "Overview", Some(Nav::Overview)),
    };
    page(StatusCode::OK, &overview)
}

/// How the review queue stands.
fn waiting(plane: &AdminPlane, now: Timestamp) -> Queue {
    let queue = plane.control.review_queue();
    let age = |since: Timestamp| u64::try_from(now.duration_since(since).as_secs()).unwrap_or(0);
    let oldest = queue.since.map(age);
    Queue {
        oldest,
        open: u64::try_from(queue.pending).unwrap_or(u64::MAX),
        overdue: oldest.is_some_and(|age| age > OVERDUE),
    }
}

/// Decisions since midnight (UTC).
pub(super) fn today(activity: &Activity, now: Timestamp) -> Counts {
    let day = TimeZone::UTC.to_datetime(now).date();
    let from = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).unwrap_or(now);
    let window = Window { from, to: now };
    let totals = activity.totals(window, Axis::Verdict, &Filter::default());
    totals.rows.iter().fold(Counts::default(), |sum, row| Counts {
        allow: sum.allow.saturating_add(row.allow),
        block: sum.block.saturating_add(row.block),
        review: sum.review.saturating_add(row.review),
    })
}

/// Decisions in the last whole second.
fn last_second(activity: &Activity, now: Timestamp) -> u64 {
    activity.since(u64::MAX, now).per_second
}

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
#[derive(Clone, Copy, Debug, Default, Serialize)]
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
