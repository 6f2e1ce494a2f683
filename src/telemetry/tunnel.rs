//! What is counted of a WebSocket while it is open; it never outlives its tunnel.

use prometheus::IntCounter;
use prometheus::IntGauge;

use super::metrics::Metrics;

/// A WebSocket that has not ended yet, and its bytes.
#[derive(Debug)]
pub struct OpenTunnel {
    pub(super) from_client: IntCounter,
    pub(super) from_upstream: IntCounter,
    pub(super) open: IntGauge,
}

impl Metrics {
    /// A WebSocket was opened; it ends when what is returned is dropped.
    pub fn tunnel_opened(&self) -> OpenTunnel {
        self.tunnels.inc();
        OpenTunnel {
            from_client: self.tunnel_bytes.with_label_values(&["client"]),
            from_upstream: self.tunnel_bytes.with_label_values(&["upstream"]),
            open: self.tunnels.clone(),
        }
    }
}

impl OpenTunnel {
    /// Counts bytes that the client sent.
    pub fn sent(&self, bytes: usize) {
        self.from_client.inc_by(bytes.try_into().unwrap_or(u64::MAX));
    }

    /// Counts bytes that the upstream sent.
    pub fn received(&self, bytes: usize) {
        self.from_upstream.inc_by(bytes.try_into().unwrap_or(u64::MAX));
    }
}

impl Drop for OpenTunnel {
    fn drop(&mut self) {
        self.open.dec();
    }
}
