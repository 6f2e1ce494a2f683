//! `/healthz`, `/readyz`, `/metrics`: for orchestrators and Prometheus. They tell nothing of anybody, so anyone may ask.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;
use serde::Serialize;

use crate::ledger::Room;
use crate::telemetry::LedgerState;

use super::mount::Mount;
use super::mount::Who;
use super::server::AdminPlane;

pub(super) fn routes(mount: &mut Mount<'_>) {
    mount.get("/healthz", Who::Anyone, healthz).get("/metrics", Who::Anyone, metrics).get(
        "/readyz",
        Who::Anyone,
        readyz,
    );
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
    let (status, reasons) = plane.health();
    let mut answer = match status {
        "unavailable" => HttpResponse::ServiceUnavailable(),
        _ => HttpResponse::Ok(),
    };
    let reasons = reasons.into_iter().map(|(part, reason)| Reason { part, reason }).collect();
    answer.insert_header((header::CACHE_CONTROL, "no-store")).json(Readiness { status, reasons })
}

async fn metrics(plane: web::Data<AdminPlane>, request: HttpRequest) -> HttpResponse {
    plane.refresh();
    super::metrics::answer(&request, plane.gate.metrics())
}

impl AdminPlane {
    /// The state in a word, and what keeps it from being `ready`.
    pub(super) fn health(&self) -> (&'static str, Vec<(&'static str, String)>) {
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
        let index = self.searcher.status();
        metrics.ledger_index(index.bytes, index.indexed, index.rebuilds);
        let reserve = self.gate.reserve();
        metrics.ledger_room(reserve.free().unwrap_or(0), reserve.room() == Room::Reserve);
        metrics.refusal_networks(self.gate.networks_tracked());
        metrics.registry_waits(self.desk.unknown_len(), self.desk.pending());
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
