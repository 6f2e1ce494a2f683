//! The admin listener.

use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::App;
use actix_web::HttpResponse;
use actix_web::HttpServer;
use actix_web::dev::Server;
use actix_web::http::header;
use actix_web::web;
use askama::Template;
use serde::Serialize;

use crate::control::Control;
use crate::enforcement::Gate;
use crate::ledger::Room;
use crate::model::Verdict;
use crate::telemetry::Health;
use crate::telemetry::LedgerState;

use super::page::StatusPage;
use super::records;
use super::records::Records;

/// A server of an upstream: upstream, server, healthy.
pub(super) type ServerHealth = (String, String, bool);

/// What the control plane looks at.
#[derive(Clone)]
pub struct AdminPlane {
    /// The control plane's state.
    pub control: Control,
    /// The gate.
    pub gate: Arc<Gate>,
    /// Degraded parts.
    pub health: Arc<Health>,
    /// The search in the records.
    pub records: Records,
    /// How each server of each upstream stands now.
    pub servers: Arc<dyn Fn() -> Vec<ServerHealth> + Send + Sync>,
}

impl std::fmt::Debug for AdminPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AdminPlane").field("health", &self.health).finish_non_exhaustive()
    }
}

/// Binds the admin listener and starts it; returns the address bound.
///
/// # Errors
/// When the address cannot be bound.
pub fn start(address: SocketAddr, plane: AdminPlane) -> std::io::Result<(Server, SocketAddr)> {
    let socket = TcpListener::bind(address)?;
    let bound = socket.local_addr()?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(plane.clone()))
            .route("/", web::get().to(status))
            .route("/healthz", web::get().to(healthz))
            .route("/metrics", web::get().to(metrics))
            .route("/readyz", web::get().to(readyz))
            .route("/admin/v1/records", web::get().to(records::answer))
    })
    .workers(1)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(socket)?
    .run();
    Ok((server, bound))
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    reasons: Vec<Reason>,
}

#[derive(Serialize)]
struct Reason {
    part: &'static str,
    reason: String,
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("alive\n")
}

/// 503 only when a judged request could not be decided and recorded; a failed reload is 200 and `degraded`.
async fn readyz(plane: web::Data<AdminPlane>) -> HttpResponse {
    let (status, reasons) = plane.state();
    let mut answer = match status {
        "unavailable" => HttpResponse::ServiceUnavailable(),
        _ => HttpResponse::Ok(),
    };
    let reasons = reasons.into_iter().map(|(part, reason)| Reason { part, reason }).collect();
    answer.insert_header((header::CACHE_CONTROL, "no-store")).json(Readiness { status, reasons })
}

async fn metrics(plane: web::Data<AdminPlane>) -> HttpResponse {
    plane.refresh();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(plane.gate.metrics().render())
}

async fn status(plane: web::Data<AdminPlane>) -> HttpResponse {
    let snapshot = plane.gate.pin();
    let metrics = plane.gate.metrics();
    let (state, degraded) = plane.state();
    let now = plane.gate.now();
    let page = StatusPage {
        allowed: metrics.decisions_with(Verdict::Allow),
        blocked: metrics.decisions_with(Verdict::Block),
        degraded,
        held: metrics.decisions_with(Verdict::Review),
        in_flight: metrics.requests_in_flight(),
        policies: snapshot.policies.policies().to_vec(),
        records: plane.gate.ledger().status().next_sequence,
        revision: snapshot.policies.revision().to_string(),
        servers: (plane.servers)(),
        sources: snapshot
            .geo
            .sources()
            .map(|source| {
                let built =
                    source.built().map_or_else(|| "no date".to_owned(), |at| at.to_string());
                (source.name().to_owned(), built, source.stale(now))
            })
            .collect(),
        state,
    };
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'",
        ))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(page.render().unwrap_or_default())
}

impl AdminPlane {
    fn state(&self) -> (&'static str, Vec<(&'static str, String)>) {
        let mut reasons = self.health.reasons();
        let ledger = self.gate.ledger().status();
        if let Some(failed) = ledger.failed {
            reasons.push(("ledger", failed.to_string()));
            return ("unavailable", reasons);
        }
        if let Some(reason) = self.in_reserve() {
            reasons.push(("ledger", reason));
        }
        if let Some(failed) = ledger.publish_failed {
            reasons.push(("checkpoint", failed.to_string()));
        }
        if let Some(failed) = ledger.seal_failed {
            reasons.push(("sealing", failed.to_string()));
        }
        (if reasons.is_empty() { "ready" } else { "degraded" }, reasons)
    }

    fn in_reserve(&self) -> Option<String> {
        let reserve = self.gate.reserve();
        (reserve.room() == Room::Reserve).then(|| {
            let (free, bytes) = (reserve.free().unwrap_or(0), reserve.bytes());
            format!("{free} bytes are free, less than the reserve of {bytes}: make room")
        })
    }

    /// Gauges that are read rather than kept.
    fn refresh(&self) {
        let metrics = self.gate.metrics();
        let ledger = self.gate.ledger().status();
        metrics.ledger(LedgerState {
            failed: ledger.failed.is_some(),
            lag_seconds: ledger.lag.as_secs_f64(),
            publish_failures: ledger.publish_failures,
            published: ledger.published_size,
            records: ledger.next_sequence,
            unsynced: ledger.depth,
        });
        let index = self.records.searcher.status();
        metrics.ledger_index(index.bytes, index.indexed, index.rebuilds);
        let reserve = self.gate.reserve();
        metrics.ledger_room(reserve.free().unwrap_or(0), reserve.room() == Room::Reserve);
        metrics.refusal_networks(self.gate.networks_tracked());
        for (upstream, server, healthy) in (self.servers)() {
            metrics.server_health(&upstream, &server, healthy);
        }
        let snapshot = self.gate.pin();
        let now = self.gate.now();
        metrics.geo_sources_reset();
        for source in snapshot.geo.sources() {
            let age = source.built().map(|built| now.duration_since(built).as_secs_f64());
            metrics.geo_source(source.name(), age, source.stale(now));
        }
    }
}
