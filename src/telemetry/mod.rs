//! What operations see: Prometheus families in a registry of our own, and the log's set-up.
//!
//! Labels come from closed sets only: verdicts, actions, nexus, and the ids of policies, rules, routes, upstreams and geo sources that
//! the configuration names. Never a path, a product text, an address or a customer: those would grow without bound and leak.

mod activity;
mod admin;
mod budget;
mod clearance;
mod countries;
mod decided;
mod exemplars;
mod family;
mod flood;
mod health;
mod labels;
mod ledger;
mod logging;
mod metrics;
mod notified;
mod openmetrics;
mod published;
mod pulse;
mod tunnel;

pub use activity::{
    Activity, ActivityError, Axis, Filter, Recent, Series, SeriesLine, Shown, Total, Totals, Window,
};
pub use budget::{Line, LineBudget};
pub use health::Health;
pub use labels::{Part, ReadBackOutcome, Stage};
pub use ledger::LedgerState;
pub use logging::{LogSettings, init_logging};
pub use metrics::{InFlight, Metrics};
pub use prometheus::Error as MetricsError;
pub use published::LogResource;
pub use pulse::Pulse;
pub use tunnel::OpenTunnel;
