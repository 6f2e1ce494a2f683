//! Files to the snapshot that judges requests.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Config;
use crate::control::ControlError;
use crate::control::policies::Files;
use crate::enforcement::Snapshot;
use crate::geo::GeoErrors;
use crate::geo::GeoTables;
use crate::model::Nexus;
use crate::policy::PolicyErrors;
use crate::policy::PolicySet;
use crate::policy::PolicyText;
use crate::policy::Reseller;
use crate::policy::load_read;
use crate::policy::read_dirs;
use crate::registry::Care;
use crate::registry::Catalogue;
use crate::registry::Customers;
use crate::registry::RegistryError;
use crate::registry::State;
use crate::registry::Store;
use crate::registry::Stored;
use crate::registry::Table;

use super::control::OnDiskNow;
use super::control::own_name;

/// The policies that ship with the program.
const SHIPPED: &[(&str, &str)] =
    &[("us-commerce-kaspersky.toml", include_str!("../../policies/us-commerce-kaspersky.toml"))];

/// Their cases, by name as in a folder.
const SHIPPED_CASES: &[(&str, &str)] = &[(
    "cases/us-commerce-kaspersky.jsonl",
    include_str!("../../policies/cases/us-commerce-kaspersky.jsonl"),
)];

/// Why a part was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Policies, for the control plane.
    #[error("policies: {0}")]
    Files(#[from] ControlError),
    /// Geo sources.
    #[error("{0}")]
    Geo(#[from] GeoErrors),
    /// Policies.
    #[error("{0}")]
    Policies(#[from] PolicyErrors),
    /// Catalogue or customers.
    #[error("{0}")]
    Registry(#[from] RegistryError),
}

/// What was loaded, for the operator.
#[derive(Debug)]
pub struct Loaded {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The tables that came out of the store, and how they were found.
    pub stored: Vec<(Table, State)>,
}

/// Loads everything that a decision depends on, and changes nothing on the disk.
///
/// # Errors
/// The first part that cannot be loaded.
pub fn load(config: &Config, now: Timestamp) -> Result<Loaded, LoadError> {
    load_with(config, now, Care::Look)
}

/// Loads everything that a decision depends on; what is damaged in the store is rebuilt with [`Care::Mend`].
fn load_with(config: &Config, now: Timestamp, care: Care) -> Result<Loaded, LoadError> {
    load_under(config, now, care, policies(config)?)
}

/// As [`load_with`], under these policies.
pub(super) fn load_under(
    config: &Config,
    now: Timestamp,
    care: Care,
    policies: PolicySet,
) -> Result<Loaded, LoadError> {
    let catalogue = catalogue(config, &policies, care)?;
    let customers = customers(config, care)?;
    let states = [(Table::Catalogue, catalogue.state), (Table::Customers, customers.state)];
    let snapshot = Snapshot {
        catalogue: Arc::new(catalogue.index),
        customers: Arc::new(customers.index),
        geo: Arc::new(GeoTables::load(&config.geo)?),
        loaded: now,
        policies: Arc::new(policies),
        reseller: Arc::new(reseller(config)),
    };
    let stored = states.into_iter().filter_map(|(table, state)| Some((table, state?)));
    Ok(Loaded { snapshot, stored: stored.collect() })
}

/// The policies of the configuration, or the shipped ones.
pub(crate) fn policies(config: &Config) -> Result<PolicySet, PolicyErrors> {
    load_read(&texts(config)?)
}

/// The same, with the files that they were made of, and the cases beside them.
pub(super) fn policy_files(config: &Config) -> Result<OnDiskNow, LoadError> {
    let texts = texts(config)?;
    let policies = load_read(&texts)?;
    let mut files: Vec<(String, Arc<str>)> =
        texts.into_iter().map(|file| (own_name(Path::new(&file.name)), file.text.into())).collect();
    match &config.policies.dir {
        Some(dir) => files.extend(cases_beside(dir)),
        None => {
            files.extend(SHIPPED_CASES.iter().map(|(n, text)| ((*n).to_owned(), (*text).into())))
        }
    }
    Ok(OnDiskNow { files: Files::on_disk(files)?, policies })
}

fn texts(config: &Config) -> Result<Vec<PolicyText>, PolicyErrors> {
    match &config.policies.dir {
        Some(dir) => read_dirs(std::slice::from_ref(dir)),
        None => Ok(shipped_texts()),
    }
}

fn shipped_texts() -> Vec<PolicyText> {
    let text = |(name, text): &(&str, &str)| PolicyText {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    };
    SHIPPED.iter().map(text).collect()
}

/// The cases beside policies. Nothing is decided by them: one that cannot be read is left out.
fn cases_beside(dir: &Path) -> Vec<(String, Arc<str>)> {
    let entries = fs::read_dir(dir.join("cases")).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let cases = paths.filter(|path| path.extension().is_some_and(|e| e == "jsonl"));
    let read = |path: PathBuf| match fs::read_to_string(&path) {
        Ok(text) => Some((format!("cases/{}", own_name(&path)), text.into())),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cases that cannot be read are left out");
            None
        }
    };
    cases.filter_map(read).collect()
}

/// The policies that ship with the program.
pub(crate) fn shipped_policies() -> Result<PolicySet, PolicyErrors> {
    load_read(&shipped_texts())
}

/// The catalogue of the file that the configuration names, else of the store.
pub(super) fn catalogue(
    config: &Config,
    policies: &PolicySet,
    care: Care,
) -> Result<Stored<Catalogue>, RegistryError> {
    let is_group = |group: &str| policies.has_product(group);
    match &config.catalog.file {
        Some(file) => Ok(Stored { index: Catalogue::load(file, is_group)?, state: None }),
        None => Store::new(&config.store.dir).catalogue(is_group, care),
    }
}

/// The customers of the file that the configuration names, else of the store.
pub(super) fn customers(config: &Config, care: Care) -> Result<Stored<Customers>, RegistryError> {
    match &config.customers.file {
        Some(file) => Ok(Stored { index: Customers::load(file)?, state: None }),
        None => Store::new(&config.store.dir).customers(care),
    }
}

/// Tells the log of damage that was found in the store; true if there was any.
pub(super) fn tell_damage(table: Table, state: &State) -> bool {
    let Some(damage) = &state.damage else { return false };
    tracing::warn!(
        table = table.as_str(),
        generation = state.generation,
        rows = state.rows,
        damage,
        unmended = state.unmended,
        "the store was damaged; all rows are in force, rebuilt from the copy that is whole"
    );
    true
}

fn reseller(config: &Config) -> Reseller {
    let nexus = match config.reseller.organization_country {
        Some(country) if country.is_united_states() => Nexus::Us,
        Some(_) => Nexus::Foreign,
        None => Nexus::Unclear,
    };
    let reseller = Reseller::new(nexus, &config.reseller.names);
    reseller.organized_in(config.reseller.organization_country)
}
