//! A set of policies, compiled.

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::Action;

use super::condition::Condition;
use super::index::Index;
use super::index::PathSignature;
use super::rule::Exemption;
use super::rule::PolicyInfo;
use super::rule::Rule;
use crate::policy::dates::Milestone;

/// Policies, compiled and indexed. Immutable; one for a whole request.
#[derive(Clone, Debug)]
pub struct PolicySet {
    pub(crate) exemptions: Vec<Exemption>,
    pub(crate) index: Index,
    pub(crate) milestones: Vec<Milestone>,
    pub(crate) policies: Vec<PolicyInfo>,
    pub(crate) products: Vec<Product>,
    pub(crate) revision: Arc<str>,
    pub(crate) rules: Vec<Rule>,
    /// Rules by action, for what cannot be identified: those in shadow, then the latest `effective` first, then file order.
    pub(crate) rules_by_action: Vec<Vec<u32>>,
    /// Rules by product and action: `[product * actions + action]`.
    pub(crate) rules_by_product: Vec<Vec<u32>>,
    pub(crate) seller_counts: [bool; Action::ALL.len()],
    pub(crate) vendors: Vec<Vendor>,
}

/// A product group.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) exempt: bool,
    pub(crate) id: Arc<str>,
    pub(crate) otherwise_review: bool,
    pub(crate) policy: u16,
    pub(crate) vendors: Vec<u32>,
    pub(crate) when: Vec<Condition>,
}

/// A vendor whose products a policy covers.
#[derive(Clone, Debug)]
pub(crate) struct Vendor {
    /// Where whatever else it makes belongs.
    pub(crate) catch_all: Option<u32>,
    pub(crate) policy: u16,
}

impl PolicySet {
    /// `sha256:` and the hash of every file's name and bytes: what a record names.
    pub fn revision(&self) -> &Arc<str> {
        &self.revision
    }

    /// The policies in it.
    pub fn policies(&self) -> &[PolicyInfo] {
        &self.policies
    }

    /// How many rules it has.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// True if some rule, not switched off, names the action.
    pub fn judges(&self, action: Action) -> bool {
        self.rules_by_action.get(action.index()).is_some_and(|rules| !rules.is_empty())
    }

    /// The update signatures.
    pub fn signatures(&self) -> &PathSignature {
        &self.index.paths
    }

    /// True if `host` belongs to a vendor that a policy covers.
    pub fn is_vendor_host(&self, host: &str) -> bool {
        let mut found = false;
        self.index.host_products(host, |_| found = true);
        found
    }

    /// True if a product group has this id.
    pub fn has_product(&self, id: &str) -> bool {
        self.index.by_id.contains_key(id)
    }

    /// Policy and rule ids, for label sets that must be closed.
    pub fn rule_ids(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rules.iter().map(|rule| (&*rule.facts.policy, &*rule.facts.rule))
    }

    /// The next instant after `at` when some rule starts, ends or is suspended.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let instants = self.rules.iter().flat_map(|rule| {
            let suspension = rule.suspended.as_ref().map(|s| (s.from, s.until));
            [
                Some(rule.facts.effective),
                rule.until,
                suspension.map(|(from, _)| from),
                suspension.and_then(|(_, until)| until),
            ]
        });
        instants.flatten().filter(|instant| *instant > at).min()
    }

    pub(crate) fn rules_on(&self, product: u32, action: Action) -> &[u32] {
        let at = usize::try_from(product)
            .ok()
            .and_then(|product| product.checked_mul(Action::ALL.len()))
            .and_then(|base| base.checked_add(action.index()));
        at.and_then(|at| self.rules_by_product.get(at)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn product(&self, product: u32) -> Option<&Product> {
        usize::try_from(product).ok().and_then(|at| self.products.get(at))
    }

    pub(crate) fn vendor(&self, vendor: u32) -> Option<&Vendor> {
        usize::try_from(vendor).ok().and_then(|at| self.vendors.get(at))
    }

    pub(crate) fn rule(&self, rule: u32) -> Option<&Rule> {
        usize::try_from(rule).ok().and_then(|at| self.rules.get(at))
    }

    pub(crate) fn exemption(&self, exemption: u32) -> Option<&Exemption> {
        usize::try_from(exemption).ok().and_then(|at| self.exemptions.get(at))
    }
}
