//! Everything a decision depends on, of one revision.

use std::sync::Arc;

use jiff::Timestamp;

use crate::clearance::Clearances;
use crate::geo::GeoTables;
use crate::policy::PolicySet;
use crate::policy::Reseller;
use crate::policy::Setting;
use crate::registry::Catalogue;
use crate::registry::Customers;

/// Policies, catalogue, customers and geo tables as one request sees them. Each part is shared, so that reloading one
/// copies none of the others.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Products by SKU.
    pub catalogue: Arc<Catalogue>,
    /// What persons have released; most often nothing.
    pub clearances: Arc<Clearances>,
    /// Customers by account.
    pub customers: Arc<Customers>,
    /// Countries of addresses.
    pub geo: Arc<GeoTables>,
    /// When the policies were loaded.
    pub loaded: Timestamp,
    /// The policies.
    pub policies: Arc<PolicySet>,
    /// The shop itself.
    pub reseller: Arc<Reseller>,
}

impl Snapshot {
    /// What a decision takes for granted.
    pub fn setting(&self) -> Setting<'_> {
        Setting { catalogue: &*self.catalogue, reseller: &self.reseller }
    }
}
