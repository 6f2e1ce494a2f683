//! `[reseller]`: the seller of transactions that name none.

use crate::model::Country;

/// `[reseller]`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reseller {
    /// Vendor texts that mean the shop itself.
    pub names: Vec<String>,
    /// Target of the `blocked-by` Link; where a refused customer can object.
    pub notice_url: Option<String>,
    /// The seller's own place; none: its nexus is unclear.
    pub organization_country: Option<Country>,
}
