//! Families of the control plane.

use prometheus::Error;
use prometheus::IntCounterVec;
use prometheus::IntGauge;
use prometheus::Registry;

use super::Metrics;
use super::family::counters;
use super::family::gauge;

/// What `result` of a sign-in may be.
const RESULTS: [&str; 5] = ["ok", "refused", "throttled", "unavailable", "wrong"];

/// What is counted of the control plane.
#[derive(Clone, Debug)]
pub(super) struct AdminFamilies {
    pending_changes: IntGauge,
    requests: IntCounterVec,
    unknown_skus: IntGauge,
    sign_ins: IntCounterVec,
}

impl AdminFamilies {
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let families = Self {
            pending_changes: gauge(
                registry,
                "registry_pending_changes",
                "Imports and changes of many rows that wait for a second person, or are being applied.",
            )?,
            unknown_skus: gauge(
                registry,
                "registry_unknown_skus",
                "SKUs that were judged and have no row in the catalogue, at most 10,000.",
            )?,
            requests: counters(
                registry,
                "admin_requests_total",
                "Requests to the admin listener by the class of their answer's status.",
                &["status"],
            )?,
            sign_ins: counters(
                registry,
                "sign_ins_total",
                "Sign-ins of operators by result: ok, wrong, throttled, refused for where they came from, or unavailable.",
                &["result"],
            )?,
        };
        for result in RESULTS {
            families.sign_ins.with_label_values(&[result]).inc_by(0);
        }
        for status in [200, 300, 400, 500] {
            families.requests.with_label_values(&[class(status)]).inc_by(0);
        }
        Ok(families)
    }
}

impl Metrics {
    /// Counts a request to the admin listener.
    pub fn admin_answered(&self, status: u16) {
        self.admin.requests.with_label_values(&[class(status)]).inc();
    }

    /// Notes what of the registry waits for a person.
    pub fn registry_waits(&self, unknown_skus: usize, pending_changes: usize) {
        self.admin.unknown_skus.set(i64::try_from(unknown_skus).unwrap_or(i64::MAX));
        self.admin.pending_changes.set(i64::try_from(pending_changes).unwrap_or(i64::MAX));
    }

    /// Counts a sign-in; `result` is one of a closed set.
    pub fn signed_in(&self, result: &'static str) {
        self.admin.sign_ins.with_label_values(&[result]).inc();
    }
}

const fn class(status: u16) -> &'static str {
    match status {
        ..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}
