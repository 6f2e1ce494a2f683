//! Files to the snapshot that judges requests.

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Config;
use crate::enforcement::Snapshot;
use crate::geo::GeoErrors;
use crate::geo::GeoTables;
use crate::model::Nexus;
use crate::policy::PolicyErrors;
use crate::policy::PolicySet;
use crate::policy::Reseller;
use crate::policy::load_dirs;
use crate::policy::load_texts;
use crate::registry::Care;
use crate::registry::Catalogue;
use crate::registry::Customers;
use crate::registry::Edits;
use crate::registry::RegistryError;
use crate::registry::State;
use crate::registry::Store;
use crate::registry::Stored;
use crate::registry::Table;

/// The policies that ship with the program.
const SHIPPED: &[(&str, &str)] =
    &[("us-commerce-kaspersky.toml", include_str!("../../policies/us-commerce-kaspersky.toml"))];

/// Why a part was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
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
pub(super) fn load_with(config: &Config, now: Timestamp, care: Care) -> Result<Loaded, LoadError> {
    let policies = policies(config)?;
    let catalogue = catalogue(config, &policies, care, None)?;
    let customers = customers(config, care, None)?;
    let states = [(Table::Catalogue, catalogue.state), (Table::Customers, customers.state)];
    let snapshot = Snapshot {
        catalogue: Arc::new(catalogue.index),
        clearances: Arc::default(),
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
    match &config.policies.dir {
        Some(dir) => load_dirs(std::slice::from_ref(dir)),
        None => shipped_policies(),
    }
}

/// The policies that ship with the program.
pub(crate) fn shipped_policies() -> Result<PolicySet, PolicyErrors> {
    load_texts(SHIPPED)
}

/// The catalogue of the file that the configuration names, else of the store with what was edited since; `edits` none: what is kept.
pub(super) fn catalogue(
    config: &Config,
    policies: &PolicySet,
    care: Care,
    edits: Option<&Edits>,
) -> Result<Stored<Catalogue>, RegistryError> {
    let is_group = |group: &str| policies.has_product(group);
    match &config.catalog.file {
        Some(file) => Ok(Stored { index: Catalogue::load(file, is_group)?, state: None }),
        None => Store::new(&config.store.dir).catalogue(is_group, care, edits),
    }
}

/// The customers of the file that the configuration names, else of the store.
pub(super) fn customers(
    config: &Config,
    care: Care,
    edits: Option<&Edits>,
) -> Result<Stored<Customers>, RegistryError> {
    match &config.customers.file {
        Some(file) => Ok(Stored { index: Customers::load(file)?, state: None }),
        None => Store::new(&config.store.dir).customers(care, edits),
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
