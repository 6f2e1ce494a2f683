//! What is counted of the log's readers and of its witnesses.

use prometheus::GaugeVec;
use prometheus::IntCounterVec;
use prometheus::IntGaugeVec;
use prometheus::Registry;

use super::family::counters;
use super::family::float_gauges;
use super::family::gauges;
use super::metrics::Metrics;

/// A part of the log that is read over HTTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is named after what is read")]
pub enum LogResource {
    Checkpoint,
    Entries,
    Key,
    /// What is none of them.
    Nothing,
    Tile,
    Witnessed,
}

/// The families.
#[derive(Clone, Debug)]
pub(super) struct Published {
    contradicts: IntGaugeVec,
    cosigned: GaugeVec,
    cosignatures: IntCounterVec,
    requests: IntCounterVec,
}

impl LogResource {
    /// Every part.
    pub const ALL: [Self; 6] =
        [Self::Checkpoint, Self::Entries, Self::Key, Self::Nothing, Self::Tile, Self::Witnessed];

    /// The label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Entries => "entries",
            Self::Key => "key",
            Self::Nothing => "nothing",
            Self::Tile => "tile",
            Self::Witnessed => "witnessed",
        }
    }
}

impl Published {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        let families = Self {
            contradicts: gauges(
                r,
                "witness_contradicts",
                "1 if a witness has cosigned a tree of this log that the log does not continue.",
                &["witness"],
            )?,
            cosigned: float_gauges(
                r,
                "witness_cosigned_timestamp_seconds",
                "When a witness last cosigned a checkpoint of this log, in seconds since 1970; 0 if it has not.",
                &["witness"],
            )?,
            cosignatures: counters(
                r,
                "witness_cosignatures_total",
                "Checkpoints that a witness was asked to cosign, by result.",
                &["witness", "result"],
            )?,
            requests: counters(
                r,
                "log_requests_total",
                "Requests for parts of the log, by part and status.",
                &["resource", "status"],
            )?,
        };
        for resource in LogResource::ALL {
            families.requests.with_label_values(&[resource.as_str(), "200"]).inc_by(0);
        }
        Ok(families)
    }
}

impl Metrics {
    /// Counts a request for a part of the log.
    pub fn log_requested(&self, resource: LogResource, status: u16) {
        let status = match status {
            200 => "200",
            304 => "304",
            401 => "401",
            404 => "404",
            405 => "405",
            503 => "503",
            _ => "other",
        };
        self.published.requests.with_label_values(&[resource.as_str(), status]).inc();
    }

    /// Makes the series of a witness; `cosigned` is when it last cosigned, in seconds since 1970.
    pub fn witness(&self, witness: &str, cosigned: Option<u64>) {
        for result in ["ok", "failed"] {
            self.published.cosignatures.with_label_values(&[witness, result]).inc_by(0);
        }
        self.published.contradicts.with_label_values(&[witness]).set(0);
        self.cosigned_at(witness, cosigned.unwrap_or(0));
    }

    /// Counts a cosignature, and notes its time.
    pub fn cosigned(&self, witness: &str, seconds: u64) {
        self.published.cosignatures.with_label_values(&[witness, "ok"]).inc();
        self.cosigned_at(witness, seconds);
    }

    /// Counts a checkpoint that a witness did not cosign.
    pub fn not_cosigned(&self, witness: &str) {
        self.published.cosignatures.with_label_values(&[witness, "failed"]).inc();
    }

    /// Notes whether a witness holds another history of this log.
    pub fn contradicted(&self, witness: &str, contradicted: bool) {
        let gauge = self.published.contradicts.with_label_values(&[witness]);
        gauge.set(i64::from(contradicted));
    }

    fn cosigned_at(&self, witness: &str, seconds: u64) {
        // Seconds of this era are far below 2^32.
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        self.published.cosigned.with_label_values(&[witness]).set(f64::from(seconds));
    }
}
