//! The lines of an order, and what the catalogue said of each.

use std::borrow::Cow;

use serde::Serialize;
use smallvec::SmallVec;

use crate::enforcement::secrets::without_secrets;
use crate::enforcement::snapshot::Snapshot;
use crate::model::CatalogueGroup;
use crate::model::CatalogueLookup;
use crate::model::Item;
use crate::policy::Folded;

use super::masking::Attributes;
use super::masking::Masked;

/// The catalogue's own word for what no policy covers.
const NOT_COVERED: &str = "none";

/// One line.
#[derive(Serialize)]
pub(super) struct ItemRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Attributes<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog: Option<RowRecord<'a>>,
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    components: Texts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    suspected_components: Texts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<Cow<'a, str>>,
    /// The vendor text means the shop itself, so that it said nothing.
    #[serde(skip_serializing_if = "is_false")]
    vendor_is_reseller: bool,
}

type Texts<'a> = SmallVec<[Cow<'a, str>; 1]>;

/// The row that the catalogue has for the line's SKU, folded as it was compared.
#[derive(Serialize)]
struct RowRecord<'a> {
    /// A product of a policy, or `none`; null where the row leaves it to the text.
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    sku: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    vendor: &'a str,
}

impl<'a> ItemRecord<'a> {
    /// The line at `index`, as it was judged under `snapshot`.
    pub(super) fn of(
        item: &'a Item,
        index: usize,
        snapshot: &'a Snapshot,
        masked: &mut Masked,
    ) -> Self {
        let is_reseller =
            item.vendor.as_deref().is_some_and(|vendor| snapshot.reseller.is_vendor(vendor));
        let mut text = |text: &'a Option<String>, name: &str| {
            text.as_deref().map(|text| masked.text(text, || format!("items.{index}.{name}")))
        };
        let name = text(&item.name, "name");
        let sku = text(&item.sku, "sku");
        let vendor = text(&item.vendor, "vendor");
        let mut texts = |all: &'a [String], name: &str| {
            let texts = all.iter().enumerate();
            texts
                .map(|(at, text)| masked.text(text, || format!("items.{index}.{name}.{at}")))
                .collect()
        };
        let components = texts(&item.components, "components");
        let suspected_components = texts(&item.suspected_components, "suspected_components");
        let catalog = match &sku {
            Some(Cow::Borrowed(sku)) => RowRecord::of(sku, snapshot),
            Some(Cow::Owned(_)) | None => None,
        };
        Self {
            attributes: masked.attributes(&item.attributes, index),
            catalog,
            components,
            name,
            quantity: item.quantity,
            sku,
            suspected_components,
            vendor,
            vendor_is_reseller: is_reseller,
        }
    }

    /// A line as it stood, judged or not.
    pub(super) fn plain(item: &'a Item) -> Self {
        let text = |text: &'a Option<String>| text.as_deref().map(without_secrets);
        Self {
            attributes: None,
            catalog: None,
            components: item.components.iter().map(|text| without_secrets(text)).collect(),
            name: text(&item.name),
            quantity: item.quantity,
            sku: text(&item.sku),
            suspected_components: SmallVec::new(),
            vendor: text(&item.vendor),
            vendor_is_reseller: false,
        }
    }
}

impl<'a> RowRecord<'a> {
    fn of(sku: &str, snapshot: &'a Snapshot) -> Option<Self> {
        let folded = Folded::sku(sku);
        let row = snapshot.catalogue.find(folded.as_str()).filter(|_| !folded.is_empty())?;
        Some(Self {
            group: match &row.group {
                CatalogueGroup::ByText => None,
                CatalogueGroup::Group(id) => Some(id),
                CatalogueGroup::NotCovered => Some(NOT_COVERED),
            },
            name: &row.name,
            sku: folded.as_str().to_owned(),
            vendor: &row.vendor,
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(truth: &bool) -> bool {
    !*truth
}
