//! `items`, `buyer` and `seller` of a route.

use crate::config::reader::Section;
use crate::settings::BuyerField;
use crate::settings::ClientRole;
use crate::settings::ItemMapping;
use crate::settings::Source;

use super::source::{Place, pointer, source};
use super::upstream::target;

/// Reads `items`.
pub(super) fn items(section: &Section<'_>, place: Place<'_>) -> ItemMapping {
    let one = |name, walks| {
        section.at(name).and_then(|field| source(&field, Place { walks, whole: true, ..place }))
    };
    let mapping = ItemMapping {
        at: section
            .at("at")
            .and_then(|field| pointer(&field, Place { walks: true, whole: true, ..place })),
        attributes: section.section("attributes").map_or_else(Vec::new, |mut attributes| {
            attributes
                .each()
                .into_iter()
                .filter_map(|(name, field)| {
                    let walks = false;
                    source(&field, Place { walks, whole: false, ..place })
                        .map(|source| (name.to_owned(), source))
                })
                .collect()
        }),
        components: one("components", true),
        lookup: section.at("lookup").and_then(|field| {
            field.later();
            field.parsed(target)
        }),
        name: one("name", false),
        quantity: one("quantity", false),
        sku: one("sku", false),
        suspected_components: one("suspected_components", true),
        vendor: one("vendor", false),
    };
    // An item that says nothing is held for review, so a mapping that says nothing would hold every order.
    let telling = ["sku", "name", "vendor", "components", "suspected_components"];
    if !telling.into_iter().any(|name| section.at(name).is_some()) {
        section.problem("says nothing of an item: write at least `sku`, `name` or `vendor`");
    }
    mapping
}

/// Reads `buyer`.
pub(super) fn buyer(
    section: &Section<'_>,
    client: ClientRole,
    place: Place<'_>,
) -> Vec<(BuyerField, Source)> {
    let mut buyer = Vec::new();
    for known in BuyerField::ALL {
        let Some(field) = section.at(known.as_str()) else { continue };
        if matches!(known, BuyerField::IpClass | BuyerField::IpCountry)
            && client != ClientRole::Server
        {
            field.problem(
                "would replace the gateway's own look-up by what a stranger sends: \
                 only a route with `client = \"server\"` may read it",
            );
            continue;
        }
        let walks = known.is_list();
        buyer.extend(source(&field, Place { walks, ..place }).map(|source| (known, source)));
    }
    buyer
}

/// Reads `seller`.
pub(super) fn seller(section: &Section<'_>, place: Place<'_>) -> Option<Source> {
    source(&section.need("organization_country", "\"/seller/country\"")?, place)
}
