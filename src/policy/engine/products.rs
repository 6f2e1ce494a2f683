//! Which product groups an item belongs to, policy by policy (DESIGN 5, Settled readings).

use jiff::Timestamp;
use smallvec::SmallVec;

use crate::model::CatalogueEntry;
use crate::model::CatalogueGroup;
use crate::model::Item;
use crate::model::MatchedBy;
use crate::model::RequestTarget;

use crate::policy::text::Folded;

use super::condition::Truth;
use super::condition::all;
use super::index::Target;
use super::set::PolicySet;
use super::setting::Setting;

/// How sure a match is. The order is the order of strictness.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Certainty {
    /// On the list of what the authority leaves alone.
    Exempt,
    /// What would be a block becomes a review.
    Suspected,
    /// It is this product.
    Certain,
}

/// An item's place in one policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Match {
    pub(crate) by: MatchedBy,
    pub(crate) certainty: Certainty,
    pub(crate) policy: u16,
    pub(crate) product: u32,
}

/// At most one match per product, the strictest; an exempt product only where its policy covers the item by nothing else.
#[derive(Debug, Default)]
pub(crate) struct Matches(pub(crate) SmallVec<[Match; 3]>);

impl Matches {
    fn add(&mut self, new: Match) {
        let exempt = new.certainty == Certainty::Exempt;
        if exempt && self.0.iter().any(|old| old.policy == new.policy) {
            return;
        }
        if !exempt {
            self.0.retain(|old| old.policy != new.policy || old.certainty != Certainty::Exempt);
        }
        match self.0.iter_mut().find(|old| old.product == new.product) {
            Some(old) if old.certainty < new.certainty => *old = new,
            Some(_) => {}
            None => self.0.push(new),
        }
    }
}

/// True if nothing says what the item is: then nobody can say that it is not covered.
pub(crate) fn is_unidentified(item: &Item) -> bool {
    let blank = |text: &Option<String>| text.as_deref().is_none_or(|t| t.trim().is_empty());
    blank(&item.sku)
        && blank(&item.name)
        && blank(&item.vendor)
        && item.components.iter().all(|component| component.trim().is_empty())
}

/// Matches an item.
pub(crate) fn of_item(
    set: &PolicySet,
    setting: &Setting<'_>,
    item: &Item,
    at: Timestamp,
) -> Matches {
    let fold = |text: &Option<String>| text.as_deref().map_or_else(Folded::default, Folded::name);
    let name = fold(&item.name);
    let mut vendor = fold(&item.vendor);
    if setting.reseller.is_named(&vendor) {
        vendor = Folded::default();
    }
    let sku = item.sku.as_deref().map_or_else(Folded::default, Folded::sku);

    let mut matches = Matches::default();
    components(set, item, &mut matches);
    attributes(set, item, &mut matches);
    let row = (!sku.is_empty()).then(|| setting.catalogue.find(sku.as_str())).flatten();
    if let Some(row) = row {
        if let CatalogueGroup::Group(id) = &row.group
            && let Some(product) = set.index.by_id.get(id)
        {
            place(set, *product, MatchedBy::Catalog, item, at, &mut matches);
        }
        if row_decides(row, &name, &vendor) {
            if row.group == CatalogueGroup::NotCovered {
                return matches;
            }
            // A row speaks for the policy of its group; the others read the text.
            let spoken = matches.0.iter().find(|m| m.by == MatchedBy::Catalog).map(|m| m.policy);
            by_text(set, item, at, &name, &vendor, &sku, spoken, &mut matches);
            return matches;
        }
    }
    by_text(set, item, at, &name, &vendor, &sku, None, &mut matches);
    matches
}

/// Matches a request by its host and path.
pub(crate) fn of_request(set: &PolicySet, request: &RequestTarget) -> Matches {
    let mut matches = Matches::default();
    let mut add = |product: u32, by: MatchedBy| {
        if let Some(p) = set.product(product) {
            let certainty = if p.exempt { Certainty::Exempt } else { Certainty::Certain };
            matches.add(Match { by, certainty, policy: p.policy, product });
        }
    };
    for reading in &request.readings {
        set.index.paths.products(reading, |product| add(product, MatchedBy::Path));
    }
    if request.readings.is_empty()
        && let Some(path) = &request.path
    {
        set.index.paths.products(&path.to_lowercase(), |product| add(product, MatchedBy::Path));
    }
    if let Some(host) = &request.host {
        set.index.host_products(host, |product| add(product, MatchedBy::Host));
    }
    matches
}

/// A row decides for its SKU when the item's own name and vendor are absent or equal the row's.
fn row_decides(row: &CatalogueEntry, name: &Folded, vendor: &Folded) -> bool {
    (name.is_empty() || name.as_str() == &*row.name)
        && (vendor.is_empty() || vendor.as_str() == &*row.vendor)
}

/// What the terms in one text say, for one policy.
#[derive(Default)]
struct Named {
    policy: u16,
    /// Vendors named in the vendor field.
    vendors: SmallVec<[u32; 1]>,
    /// Vendors named in the product's name.
    brands: SmallVec<[u32; 1]>,
    /// Product names.
    terms: SmallVec<[u32; 4]>,
    /// Full SKU shapes.
    skus: SmallVec<[u32; 1]>,
}

type AllNamed = SmallVec<[Named; 2]>;

fn named(all: &mut AllNamed, policy: u16) -> Option<&mut Named> {
    if !all.iter().any(|n| n.policy == policy) {
        all.push(Named { policy, ..Named::default() });
    }
    all.iter_mut().find(|n| n.policy == policy)
}

fn read_name(set: &PolicySet, text: &Folded, all: &mut AllNamed) {
    set.index.terms_in(text, |target| match target {
        Target::Term(product) => {
            if let Some(n) = set.product(product).and_then(|p| named(all, p.policy)) {
                n.terms.push(product);
            }
        }
        Target::Vendor(vendor) => {
            if let Some(n) = set.vendor(vendor).and_then(|v| named(all, v.policy)) {
                n.brands.push(vendor);
            }
        }
    });
}

#[expect(clippy::too_many_arguments, reason = "the folded texts are made once by the caller")]
fn by_text(
    set: &PolicySet,
    item: &Item,
    at: Timestamp,
    name: &Folded,
    vendor: &Folded,
    sku: &Folded,
    spoken: Option<u16>,
    matches: &mut Matches,
) {
    let mut all = AllNamed::new();
    read_name(set, name, &mut all);
    set.index.terms_in(vendor, |target| {
        if let Target::Vendor(vendor) = target
            && let Some(n) = set.vendor(vendor).and_then(|v| named(&mut all, v.policy))
        {
            n.vendors.push(vendor);
        }
    });
    if !sku.is_empty() {
        set.index.sku_shapes(sku, |product| {
            if let Some(n) = set.product(product).and_then(|p| named(&mut all, p.policy)) {
                n.skus.push(product);
            }
        });
    }
    for n in all.iter().filter(|n| Some(n.policy) != spoken) {
        n.resolve(set, item, at, !vendor.is_empty(), matches);
    }
}

impl Named {
    /// The matches that all signals of one policy make together.
    fn resolve(
        &self,
        set: &PolicySet,
        item: &Item,
        at: Timestamp,
        has_vendor: bool,
        matches: &mut Matches,
    ) {
        let other_vendor = has_vendor && self.vendors.is_empty();
        let exempt = self.exempt(set);
        for product in &exempt {
            place(set, *product, MatchedBy::Name, item, at, matches);
        }
        // Two signals that agree are proof on another vendor's item; one alone is not.
        let agree = !self.skus.is_empty()
            && (!self.brands.is_empty() || self.terms_of(set, false).next().is_some());
        let mut add = |product, by| {
            let of_no_vendor = set.product(product).is_some_and(|p| p.vendors.is_empty());
            let certain = !other_vendor || agree || of_no_vendor;
            let certainty = if certain { Certainty::Certain } else { Certainty::Suspected };
            matches.add(Match { by, certainty, policy: self.policy, product });
        };
        // An item may be several products, and each has its own rules.
        for sku in &self.skus {
            add(*sku, MatchedBy::Sku);
        }
        for term in self.terms_of(set, false) {
            add(term, MatchedBy::Name);
        }
        let vendors = self.vendors.iter().map(|v| (*v, MatchedBy::Vendor));
        let brands = self.brands.iter().map(|v| (*v, MatchedBy::Name));
        for (vendor, by) in brands.chain(vendors) {
            if let Some(rest) = self.rest_of(set, vendor, &exempt) {
                add(rest, by);
            }
        }
    }

    /// The exempt products it is, which only count where nothing covered is named.
    fn exempt(&self, set: &PolicySet) -> SmallVec<[u32; 2]> {
        if !self.skus.is_empty() || self.terms_of(set, false).next().is_some() {
            return SmallVec::new();
        }
        self.terms_of(set, true).collect()
    }

    /// The product that a vendor's item belongs to where nothing tells which of the vendor's products it is.
    fn rest_of(&self, set: &PolicySet, vendor: u32, exempt: &[u32]) -> Option<u32> {
        let of_vendor = |product: u32| set.product(product).filter(|p| p.vendors.contains(&vendor));
        let told = self.skus.iter().any(|sku| of_vendor(*sku).is_some())
            || self.terms_of(set, false).any(|term| of_vendor(term).is_some());
        let excused = exempt.iter().any(|product| {
            set.product(*product).is_some_and(|p| p.vendors.is_empty())
                || of_vendor(*product).is_some()
        });
        let rest = set.vendor(vendor).and_then(|v| v.catch_all);
        rest.filter(|_| !told && !excused)
    }

    /// Products named in the text whose vendor, where they have one, is named too.
    fn terms_of(&self, set: &PolicySet, exempt: bool) -> impl Iterator<Item = u32> {
        self.terms.iter().copied().filter(move |term| {
            set.product(*term).is_some_and(|p| {
                let named = |v: &u32| self.vendors.contains(v) || self.brands.contains(v);
                p.exempt == exempt && (p.vendors.is_empty() || p.vendors.iter().any(named))
            })
        })
    }
}

/// Puts an item into a product; an exempt one only as far as its conditions hold.
fn place(
    set: &PolicySet,
    product: u32,
    by: MatchedBy,
    item: &Item,
    at: Timestamp,
    matches: &mut Matches,
) {
    let Some(p) = set.product(product) else { return };
    let policy = p.policy;
    if !p.exempt {
        matches.add(Match { by, certainty: Certainty::Certain, policy, product });
        return;
    }
    if all(&p.when, Some(item), at) == Truth::Holds {
        matches.add(Match { by, certainty: Certainty::Exempt, policy, product });
        return;
    }
    let certainty = if p.otherwise_review { Certainty::Suspected } else { Certainty::Certain };
    let vendors = p.vendors.iter().filter_map(|v| set.vendor(*v));
    for product in vendors.filter_map(|v| v.catch_all) {
        matches.add(Match { by, certainty, policy, product });
    }
}

/// A covered component covers the item; a suspected one makes it suspect.
fn components(set: &PolicySet, item: &Item, matches: &mut Matches) {
    let known = item.components.iter().map(|c| (c, MatchedBy::Component, Certainty::Certain));
    let suspected = item
        .suspected_components
        .iter()
        .map(|c| (c, MatchedBy::SuspectedComponent, Certainty::Suspected));
    for (component, by, certainty) in known.chain(suspected) {
        let mut all = AllNamed::new();
        read_name(set, &Folded::name(component), &mut all);
        set.index.sku_shapes(&Folded::sku(component), |product| {
            if let Some(n) = set.product(product).and_then(|p| named(&mut all, p.policy)) {
                n.skus.push(product);
            }
        });
        for n in &all {
            let exempt = n.exempt(set);
            let rest = n.brands.iter().filter_map(|vendor| n.rest_of(set, *vendor, &exempt));
            for product in n.skus.iter().copied().chain(n.terms_of(set, false)).chain(rest) {
                matches.add(Match { by, certainty, policy: n.policy, product });
            }
        }
    }
}

/// Products that are known by a free attribute.
fn attributes(set: &PolicySet, item: &Item, matches: &mut Matches) {
    if set.index.attributes.is_empty() {
        return;
    }
    for (name, value) in &item.attributes {
        let Some(by_value) = set.index.attributes.get(name.as_str()) else { continue };
        let Some(text) = value.as_str() else { continue };
        for product in by_value.of(Folded::name(text).as_str()) {
            if let Some(p) = set.product(*product) {
                matches.add(Match {
                    by: MatchedBy::Attribute,
                    certainty: Certainty::Certain,
                    policy: p.policy,
                    product: *product,
                });
            }
        }
    }
}
