//! What is counted of a WebSocket while it is open; it never outlives its tunnel.

use prometheus::IntCounter;
use prometheus::IntGauge;

/// A WebSocket that has not ended yet, and its bytes.
#[derive(Debug)]
pub struct OpenTunnel {
    pub(super) from_client: IntCounter,
    pub(super) from_upstream: IntCounter,
    pub(super) open: IntGauge,
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
