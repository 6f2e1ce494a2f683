//! What all workers share, and what each has for itself.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::enforcement::Gate;
use crate::identity::Verifier;
use crate::ledger::ServedLog;
use crate::message::ClientAddressRule;
use crate::settings::BuyerField;
use crate::settings::Permission;
use crate::settings::Pointer;
use crate::telemetry::LineBudget;

use super::cart::Carts;
use super::receiver::Receivers;
use super::tunnel::Silence;
use super::upstream::UpstreamClient;

/// Whose tokens are believed, and what is read from them.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Where a token tells evidence of the buyer.
    pub claims: Arc<[(BuyerField, Pointer)]>,
    /// What a subject may do on the decision API.
    pub permissions: Vec<(String, Vec<Permission>)>,
    /// Checks tokens.
    pub verifier: Arc<Verifier>,
}

/// What every worker knows.
#[derive(Debug)]
pub(super) struct Plane {
    pub(super) api_clients: Vec<IpNet>,
    pub(super) body_timeout: Duration,
    pub(super) carts: Carts,
    /// Upstreams that keep carts in sessions.
    pub(super) carted: HashSet<String>,
    pub(super) client_rule: ClientAddressRule,
    pub(super) gate: Arc<Gate>,
    pub(super) identity: Option<Identity>,
    pub(super) log: ServedLog,
    /// Lines that say that the log cannot be read.
    pub(super) log_lines: LineBudget,
    pub(super) max_inspected_body: usize,
    pub(super) notice_url: Option<String>,
    pub(super) receivers: Receivers,
    /// Cookies that the configuration says name a session.
    pub(super) session_cookies: Vec<String>,
    pub(super) tunnels: Silence,
}

/// One worker: what all know, and its own connections.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) plane: Arc<Plane>,
    pub(super) upstreams: HashMap<String, UpstreamClient>,
    /// Route names as labels that outlive a request.
    pub(super) labels: HashMap<String, Arc<str>>,
}
