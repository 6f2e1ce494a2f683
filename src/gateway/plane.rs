//! What all workers share, and what each has for itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::enforcement::Gate;
use crate::message::ClientAddressRule;

use super::receiver::Receivers;
use super::upstream::UpstreamClient;

/// What every worker knows.
#[derive(Debug)]
pub(super) struct Plane {
    pub(super) api_clients: Vec<IpNet>,
    pub(super) body_timeout: Duration,
    pub(super) client_rule: ClientAddressRule,
    pub(super) gate: Arc<Gate>,
    pub(super) max_inspected_body: usize,
    pub(super) notice_url: Option<String>,
    pub(super) receivers: Receivers,
}

/// One worker: what all know, and its own connections.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) plane: Arc<Plane>,
    pub(super) upstreams: HashMap<String, UpstreamClient>,
    /// Route names as labels that outlive a request.
    pub(super) labels: HashMap<String, Arc<str>>,
}
