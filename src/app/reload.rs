//! Hot reload: on SIGHUP and when a file changes; atomic, and the last good stays in force (docs/adr/0003).
//!
//! Files are looked at every few seconds rather than watched: that works on every file system and through the symbolic
//! links that orchestrators swap, and a file caught half written is simply read again when it has changed once more.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::Config;
use crate::enforcement::Gate;
use crate::enforcement::Snapshot;
use crate::gateway::tls::Certificates;
use crate::geo::GeoTables;
use crate::telemetry::Health;
use crate::telemetry::Part;

use super::load;

/// Reloads parts.
pub(super) struct Reloader {
    pub(super) certificates: Vec<Arc<Certificates>>,
    pub(super) config: Arc<Config>,
    pub(super) gate: Arc<Gate>,
    pub(super) health: Arc<Health>,
    stamps: Vec<(Part, Stamp)>,
}

/// What a part's files looked like: path, length, time of change, file number.
type Stamp = Vec<(PathBuf, Option<(u64, SystemTime, u64)>)>;

impl Reloader {
    pub(super) fn new(
        config: Arc<Config>,
        gate: Arc<Gate>,
        health: Arc<Health>,
        certificates: Vec<Arc<Certificates>>,
    ) -> Self {
        let mut reloader = Self { certificates, config, gate, health, stamps: Vec::new() };
        reloader.stamps = Part::ALL.map(|part| (part, reloader.stamp(part))).to_vec();
        reloader
    }

    /// Reloads every part whose files have changed since they were last read.
    pub(super) fn changed(&mut self) {
        for part in Part::ALL {
            let now = self.stamp(part);
            let before = self.stamps.iter_mut().find(|(p, _)| *p == part);
            if let Some((_, before)) = before
                && *before != now
            {
                // Stamped before it is read: what changes while it is read is read again.
                *before = now;
                self.reload(part);
            }
        }
    }

    /// Reloads every part.
    pub(super) fn all(&mut self) {
        for part in Part::ALL {
            let now = self.stamp(part);
            if let Some((_, before)) = self.stamps.iter_mut().find(|(p, _)| *p == part) {
                *before = now;
            }
            self.reload(part);
        }
    }

    fn reload(&self, part: Part) {
        let result = match part {
            Part::Catalogue => self.catalogue(),
            Part::Certificates => self.renew_certificates(),
            Part::Customers => self.customers(),
            Part::Geo => self.geo(),
            Part::Policies => self.policies(),
        };
        self.gate.metrics().reloaded(part, result.is_ok());
        match result {
            Ok(()) => {
                self.health.recovered(part);
                tracing::info!(part = part.as_str(), "reloaded");
            }
            Err(reason) => {
                tracing::error!(
                    part = part.as_str(),
                    reason,
                    "reload failed; the last good stays in force"
                );
                self.health.degraded(part, reason);
            }
        }
    }

    /// Policies and catalogue go together: a row names a product of a policy.
    fn policies(&self) -> Result<(), String> {
        let policies = load::policies(&self.config).map_err(|e| e.to_string())?;
        let catalogue = load::catalogue(&self.config, &policies).map_err(|e| e.to_string())?;
        let loaded = self.gate.now();
        let revision = Arc::clone(policies.revision());
        self.replace(|snapshot| Snapshot {
            catalogue: Arc::new(catalogue),
            loaded,
            policies: Arc::new(policies),
            ..snapshot
        });
        self.gate.metrics().policies_in_force(&revision, seconds(loaded));
        Ok(())
    }

    fn catalogue(&self) -> Result<(), String> {
        let policies = Arc::clone(&self.gate.pin().policies);
        let catalogue = load::catalogue(&self.config, &policies).map_err(|e| e.to_string())?;
        self.replace(|snapshot| Snapshot { catalogue: Arc::new(catalogue), ..snapshot });
        Ok(())
    }

    fn customers(&self) -> Result<(), String> {
        let customers = load::customers(&self.config).map_err(|e| e.to_string())?;
        self.replace(|snapshot| Snapshot { customers: Arc::new(customers), ..snapshot });
        Ok(())
    }

    fn geo(&self) -> Result<(), String> {
        let geo = GeoTables::load(&self.config.geo).map_err(|e| e.to_string())?;
        self.replace(|snapshot| Snapshot { geo: Arc::new(geo), ..snapshot });
        Ok(())
    }

    fn renew_certificates(&self) -> Result<(), String> {
        self.certificates.iter().try_for_each(|c| c.reload()).map_err(|error| error.to_string())
    }

    fn replace(&self, change: impl FnOnce(Snapshot) -> Snapshot) {
        self.gate.replace(change((*self.gate.pin()).clone()));
    }

    fn stamp(&self, part: Part) -> Stamp {
        let config = &self.config;
        let paths: Vec<PathBuf> = match part {
            Part::Catalogue => config.catalog.file.iter().cloned().collect(),
            Part::Certificates => {
                self.certificates.iter().flat_map(|c| c.paths().map(Path::to_owned)).collect()
            }
            Part::Customers => config.customers.file.iter().cloned().collect(),
            Part::Geo => {
                let geo = &config.geo;
                geo.databases.iter().chain(&geo.classes).chain(&geo.networks).cloned().collect()
            }
            Part::Policies => config.policies.dir.as_deref().map(policy_files).unwrap_or_default(),
        };
        paths.into_iter().map(|path| (path.clone(), look(&path))).collect()
    }
}

pub(super) fn seconds(at: jiff::Timestamp) -> f64 {
    at.duration_since(jiff::Timestamp::UNIX_EPOCH).as_secs_f64()
}

fn policy_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> =
        entries.filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

fn look(path: &Path) -> Option<(u64, SystemTime, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?, metadata.ino()))
}
