//! Hot reload: on SIGHUP and when a file changes; atomic, and the last good stays in force (docs/adr/0003).
//!
//! Files are looked at every few seconds rather than watched: that works on every file system and through the symbolic
//! links that orchestrators swap. A file is read once it looks the same at two looks, and again when it changes once more.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::Config;
use crate::control::Control;
use crate::control::policies::steps;
use crate::control::policies::steps::OnDisk;
use crate::enforcement::Gate;
use crate::enforcement::Snapshot;
use crate::gateway::tls::Certificates;
use crate::geo::GeoTables;
use crate::identity::Verifier;
use crate::registry::Care;
use crate::registry::State;
use crate::registry::Store;
use crate::registry::Table;
use crate::settings::JwksSource;
use crate::telemetry::Health;
use crate::telemetry::Part;

use super::control;
use super::load;

/// Reloads parts.
pub(super) struct Reloader {
    /// The policy files could not be recorded: they are to be read again, changed or not.
    pub(super) again: bool,
    pub(super) certificates: Vec<Arc<Certificates>>,
    pub(super) config: Arc<Config>,
    pub(super) control: Control,
    pub(super) gate: Arc<Gate>,
    pub(super) health: Arc<Health>,
    pub(super) verifier: Option<Arc<Verifier>>,
    pub(super) stamps: Stamps,
}

/// What each part's files looked like when they were last read, and at the last look.
pub(super) struct Stamps(Vec<Watched>);

struct Watched {
    part: Part,
    read: Stamp,
    seen: Stamp,
}

/// What a part's files looked like: path, length, time of change, file number.
type Stamp = Vec<(PathBuf, Option<(u64, SystemTime, u64)>)>;

impl Stamps {
    /// How the files look now.
    pub(super) fn take(config: &Config) -> Self {
        let look = |part| {
            let now = stamp(config, part);
            Watched { part, read: now.clone(), seen: now }
        };
        Self(Part::ALL.map(look).into())
    }

    /// The parts whose files differ from what was read and have not changed since the last look: a file that is being
    /// written may be sound TOML with half of its rules.
    fn settled(&mut self, config: &Config) -> Vec<Part> {
        let mut settled = Vec::new();
        for watched in &mut self.0 {
            let now = stamp(config, watched.part);
            if now != watched.read && now == watched.seen {
                // Stamped before it is read: what changes while it is read is read again.
                watched.read.clone_from(&now);
                settled.push(watched.part);
            }
            watched.seen = now;
        }
        settled
    }
}

impl Reloader {
    /// Reloads every part whose files have changed since they were last read.
    pub(super) fn changed(&mut self) {
        let mut parts = self.stamps.settled(&self.config);
        if self.again && !parts.contains(&Part::Policies) {
            parts.push(Part::Policies);
        }
        self.reload(&parts);
    }

    /// Reloads every part.
    pub(super) fn all(&mut self) {
        self.stamps = Stamps::take(&self.config);
        self.reload(&Part::ALL);
    }

    /// Policies and catalogue go together, for a row names a product of a policy: neither comes into force without the other.
    fn reload(&mut self, parts: &[Part]) {
        if parts.contains(&Part::Policies) || parts.contains(&Part::Catalogue) {
            let [policies, catalogue] = self.policies_and_catalogue();
            self.conclude(Part::Policies, policies);
            self.conclude(Part::Catalogue, catalogue);
        }
        for part in parts {
            match part {
                Part::Catalogue | Part::Policies => {}
                Part::Certificates => self.conclude(*part, self.renew_certificates()),
                Part::Customers => self.conclude(*part, self.customers()),
                Part::Identity => {
                    if let Some(result) = self.identity() {
                        self.conclude(*part, result);
                    }
                }
                Part::Geo => self.conclude(*part, self.geo()),
            }
        }
    }

    fn conclude(&self, part: Part, result: Result<(), String>) {
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

    fn policies_and_catalogue(&mut self) -> [Result<(), String>; 2] {
        let waits = |other| Err(format!("kept, because the {other} cannot be read"));
        // This is a thread of its own. Whoever activates policies waits meanwhile, and so does this for them.
        let runtime = tokio::runtime::Handle::current();
        let turn = runtime.block_on(self.control.turn());
        let read = match load::policy_files(&self.config) {
            Ok(read) => read,
            Err(error) => return [Err(error.to_string()), waits("policies")],
        };
        let title = control::title(&self.config);
        let said = steps::on_disk(&turn.state().policies, &read.files, title);
        let policies = match &said {
            OnDisk::Adopt(_) | OnDisk::Import(_) => Arc::new(read.policies),
            OnDisk::Known => Arc::clone(&self.gate.pin().policies),
        };
        let catalogue = match load::catalogue(&self.config, &policies, Care::Mend) {
            Ok(catalogue) => catalogue,
            Err(error) => return [waits("catalogue"), Err(error.to_string())],
        };
        self.stored(Table::Catalogue, catalogue.state.as_ref());
        let recorded = runtime.block_on(control::record(&turn, said));
        self.again = recorded.is_err();
        if let Err(error) = recorded {
            return [Err(error.to_string()), waits("policies")];
        }
        let loaded = self.gate.now();
        self.replace(|snapshot| Snapshot {
            catalogue: Arc::new(catalogue.index),
            loaded,
            policies,
            ..snapshot
        });
        control::tell(self.gate.metrics(), &turn.state().policies, loaded);
        [Ok(()), Ok(())]
    }

    fn customers(&self) -> Result<(), String> {
        let customers = load::customers(&self.config, Care::Mend).map_err(|e| e.to_string())?;
        self.stored(Table::Customers, customers.state.as_ref());
        let customers = Arc::new(customers.index);
        self.replace(|snapshot| Snapshot { customers, ..snapshot });
        Ok(())
    }

    fn stored(&self, table: Table, state: Option<&State>) {
        if state.is_some_and(|state| load::tell_damage(table, state)) {
            self.gate.metrics().registry_rebuilt(table.as_str());
        }
    }

    fn geo(&self) -> Result<(), String> {
        let geo = GeoTables::load(&self.config.geo).map_err(|e| e.to_string())?;
        self.replace(|snapshot| Snapshot { geo: Arc::new(geo), ..snapshot });
        Ok(())
    }

    /// Keys of a file; those of a URL are asked for and come by themselves.
    fn identity(&self) -> Option<Result<(), String>> {
        let (Some(verifier), Some(settings)) = (&self.verifier, &self.config.identity) else {
            return Some(Ok(()));
        };
        match super::identity::read(settings) {
            Ok(Some(set)) => {
                self.gate.metrics().keys_in_force(set.len(), seconds(self.gate.now()));
                verifier.keys().replace(set);
                Some(Ok(()))
            }
            Ok(None) => {
                verifier.keys().ask();
                None
            }
            Err(error) => Some(Err(error.to_string())),
        }
    }

    fn renew_certificates(&self) -> Result<(), String> {
        self.certificates.iter().try_for_each(|c| c.reload()).map_err(|error| error.to_string())
    }

    fn replace(&self, change: impl FnOnce(Snapshot) -> Snapshot) {
        let next = self.gate.revise(change);
        self.gate.metrics().registry_rows(next.catalogue.len(), next.customers.rows());
    }
}

fn stamp(config: &Config, part: Part) -> Stamp {
    let paths: Vec<PathBuf> = match part {
        Part::Catalogue => table_file(config, config.catalog.file.as_ref(), Table::Catalogue),
        Part::Certificates => {
            let listeners = config.gateway.listeners.iter().filter_map(|l| l.tls.as_ref());
            listeners.flat_map(|tls| [tls.certificate.clone(), tls.key.clone()]).collect()
        }
        Part::Customers => table_file(config, config.customers.file.as_ref(), Table::Customers),
        Part::Geo => {
            let geo = &config.geo;
            geo.databases.iter().chain(&geo.classes).chain(&geo.networks).cloned().collect()
        }
        Part::Identity => match config.identity.as_ref().map(|identity| &identity.jwks) {
            Some(JwksSource::File(file)) => vec![file.clone()],
            Some(JwksSource::Url(_)) | None => Vec::new(),
        },
        Part::Policies => config.policies.dir.as_deref().map(policy_files).unwrap_or_default(),
    };
    paths.into_iter().map(|path| (path.clone(), look(&path))).collect()
}

/// The file that a table is read from: the configured one, else what every import into the store makes anew.
fn table_file(config: &Config, file: Option<&PathBuf>, table: Table) -> Vec<PathBuf> {
    match file {
        Some(file) => vec![file.clone()],
        None => Store::new(&config.store.dir).watched(table).ok().flatten().into_iter().collect(),
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
