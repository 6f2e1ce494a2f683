//! What a decision takes for granted beside the policies: the catalogue, and the shop itself.

use crate::model::CatalogueLookup;
use crate::model::Nexus;
use crate::policy::text::Folded;

/// What a decision takes for granted beside the policies.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Products by SKU.
    pub catalogue: &'a dyn CatalogueLookup,
    /// The seller where a transaction names none.
    pub reseller: &'a Reseller,
}

/// The shop that runs the gateway.
#[derive(Clone, Debug)]
pub struct Reseller {
    names: Vec<Folded>,
    pub(crate) nexus: Nexus,
}

impl Reseller {
    /// A shop of that nexus, and the vendor texts that mean the shop itself.
    pub fn new(nexus: Nexus, names: &[String]) -> Self {
        let names = names.iter().map(|name| Folded::name(name)).filter(|n| !n.is_empty());
        Self { names: names.collect(), nexus }
    }

    pub(crate) fn is_named(&self, vendor: &Folded) -> bool {
        self.names.contains(vendor)
    }
}

impl Default for Reseller {
    fn default() -> Self {
        Self { names: Vec::new(), nexus: Nexus::Unclear }
    }
}
