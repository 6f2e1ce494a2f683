//! What a decision takes for granted beside the policies: the catalogue, and the shop itself.

use crate::model::CatalogueLookup;
use crate::model::Country;
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
    country: Option<Country>,
    names: Vec<Folded>,
    pub(crate) nexus: Nexus,
}

impl Reseller {
    /// A shop of that nexus, and the vendor texts that mean the shop itself.
    pub fn new(nexus: Nexus, names: &[String]) -> Self {
        let names = names.iter().map(|name| Folded::name(name)).filter(|n| !n.is_empty());
        Self { country: None, names: names.collect(), nexus }
    }

    /// The same, with the country that its nexus follows from, for the record.
    #[must_use]
    pub fn organized_in(self, country: Option<Country>) -> Self {
        Self { country, ..self }
    }

    /// Where it is organised, if it says so.
    pub const fn country(&self) -> Option<&Country> {
        self.country.as_ref()
    }

    /// True if a vendor text means the shop itself.
    pub fn is_vendor(&self, vendor: &str) -> bool {
        !self.names.is_empty() && self.is_named(&Folded::name(vendor))
    }

    pub(crate) fn is_named(&self, vendor: &Folded) -> bool {
        self.names.contains(vendor)
    }
}

impl Default for Reseller {
    fn default() -> Self {
        Self { country: None, names: Vec::new(), nexus: Nexus::Unclear }
    }
}
