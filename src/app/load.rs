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
use crate::registry::Catalogue;
use crate::registry::Customers;
use crate::registry::RegistryError;

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
}

/// Loads everything that a decision depends on.
///
/// # Errors
/// The first part that cannot be loaded.
pub fn load(config: &Config, now: Timestamp) -> Result<Loaded, LoadError> {
    let policies = policies(config)?;
    let catalogue = catalogue(config, &policies)?;
    let snapshot = Snapshot {
        catalogue: Arc::new(catalogue),
        customers: Arc::new(customers(config)?),
        geo: Arc::new(GeoTables::load(&config.geo)?),
        loaded: now,
        policies: Arc::new(policies),
        reseller: Arc::new(reseller(config)),
    };
    Ok(Loaded { snapshot })
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

pub(super) fn catalogue(config: &Config, policies: &PolicySet) -> Result<Catalogue, RegistryError> {
    match &config.catalog.file {
        Some(file) => Catalogue::load(file, |group| policies.has_product(group)),
        None => Ok(Catalogue::default()),
    }
}

pub(super) fn customers(config: &Config) -> Result<Customers, RegistryError> {
    match &config.customers.file {
        Some(file) => Customers::load(file),
        None => Ok(Customers::default()),
    }
}

fn reseller(config: &Config) -> Reseller {
    let nexus = match config.reseller.organization_country {
        Some(country) if country.is_united_states() => Nexus::Us,
        Some(_) => Nexus::Foreign,
        None => Nexus::Unclear,
    };
    Reseller::new(nexus, &config.reseller.names)
}
