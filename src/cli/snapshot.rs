//! What a decision depends on, by the arguments of `decide` and `screen`.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;

use crate::app;
use crate::config::Config;
use crate::config::Environment;
use crate::enforcement::Snapshot;
use crate::geo::GeoTables;
use crate::policy::Reseller;
use crate::policy::load_dirs;
use crate::registry::Catalogue;
use crate::registry::Customers;

use super::complain;
use super::exit::Exit;

/// By what to decide.
#[derive(Args, Debug)]
pub(super) struct SnapshotArgs {
    /// Folder of policies; may be repeated. Default: those of the configuration, else the shipped ones.
    #[arg(long, value_name = "DIR")]
    policies: Vec<PathBuf>,
    /// Catalogue, a CSV file `sku,name,vendor,group`.
    #[arg(long, value_name = "FILE")]
    pub(super) catalog: Option<PathBuf>,
    /// Configuration: its policies, catalogue, customers, geo sources and reseller.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

impl SnapshotArgs {
    /// Loads what a decision depends on.
    pub(super) fn snapshot(&self, err: &mut dyn Write, colour: bool) -> Result<Snapshot, Exit> {
        snapshot(self, err, colour)
    }

    /// The files of the configuration that a decision depends on beside the policies, the configuration itself included.
    pub(super) fn files(&self) -> Vec<(&'static str, PathBuf)> {
        let Some(file) = &self.config else { return Vec::new() };
        let mut files = vec![("configuration", file.clone())];
        if let Ok(config) = Config::load(file, &Environment) {
            files.extend(config.catalog.file.map(|path| ("catalogue", path)));
            files.extend(config.customers.file.map(|path| ("customers", path)));
            files.extend(config.geo.networks.map(|path| ("networks", path)));
            files.extend(config.geo.databases.into_iter().map(|path| ("geo databases", path)));
            files.extend(config.geo.classes.into_iter().map(|path| ("address classes", path)));
        }
        files
    }
}

fn snapshot(args: &SnapshotArgs, err: &mut dyn Write, colour: bool) -> Result<Snapshot, Exit> {
    let now = Timestamp::now();
    let mut snapshot = match &args.config {
        Some(file) => {
            let config = super::serve::configuration(Some(file), err, colour)?;
            app::load(&config, now)
                .map_err(|error| {
                    complain(err, &error);
                    Exit::Config
                })?
                .snapshot
        }
        None => shipped(err, colour)?,
    };
    if !args.policies.is_empty() {
        let policies = load_dirs(&args.policies).map_err(|errors| {
            write!(err, "{}", errors.render(colour)).ok();
            if errors.is_io() { Exit::Io } else { Exit::Data }
        })?;
        snapshot.policies = Arc::new(policies);
    }
    if let Some(file) = &args.catalog {
        let policies = Arc::clone(&snapshot.policies);
        let catalogue = Catalogue::load(file, |group| policies.has_product(group));
        snapshot.catalogue = Arc::new(catalogue.map_err(|error| {
            complain(err, &error);
            if error.is_io() { Exit::Io } else { Exit::Data }
        })?);
    }
    Ok(snapshot)
}

/// Without a configuration: the shipped policies, the embedded geo table, and a reseller of whom nothing is known.
fn shipped(err: &mut dyn Write, colour: bool) -> Result<Snapshot, Exit> {
    let policies = app::shipped_policies().map_err(|errors| {
        write!(err, "{}", errors.render(colour)).ok();
        Exit::Config
    })?;
    Ok(Snapshot {
        catalogue: Arc::new(Catalogue::default()),
        clearances: Arc::default(),
        customers: Arc::new(Customers::default()),
        geo: Arc::new(GeoTables::embedded()),
        loaded: Timestamp::now(),
        policies: Arc::new(policies),
        reseller: Arc::new(Reseller::default()),
    })
}
