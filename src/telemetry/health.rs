//! Which parts run on something older than what is on disk, and why.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::labels::Part;

/// The parts whose last reload failed. The one before is still in force.
#[derive(Debug, Default)]
pub struct Health(Mutex<BTreeMap<&'static str, String>>);

impl Health {
    /// A reload failed.
    pub fn degraded(&self, part: Part, reason: String) {
        self.parts().insert(part.as_str(), reason);
    }

    /// A reload succeeded.
    pub fn recovered(&self, part: Part) {
        self.parts().remove(part.as_str());
    }

    /// Each degraded part with its reason.
    pub fn reasons(&self) -> Vec<(&'static str, String)> {
        self.parts().iter().map(|(part, reason)| (*part, reason.clone())).collect()
    }

    fn parts(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
