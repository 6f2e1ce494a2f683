//! `items`, `buyer` and `seller` of a route.

use crate::config::reader::Field;
use crate::config::reader::Section;
use crate::settings::BuyerField;
use crate::settings::ClientRole;
use crate::settings::ItemMapping;
use crate::settings::OrderTotal;
use crate::settings::Source;

use super::source::{Place, pointer, source};
use super::upstream::target;
use crate::settings::Gives;
use crate::settings::Lookup;
use crate::settings::Reading;

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

/// Reads `lookup` of `items`: a document of the upstream's that tells the items.
pub(super) fn reading(section: &Section<'_>, place: Place<'_>) -> Reading {
    let session = section.at("session");
    let Some(field) = section.at("lookup") else {
        if let Some(session) = session {
            session.problem("names the cookies of a look-up's session: write `lookup` as well");
        }
        return Reading::default();
    };
    let sessions = session.map_or_else(Vec::new, |field| field.list(Field::text));
    let Some(target) = field.parsed(target) else { return Reading::default() };
    for name in places(&target) {
        if place.parameters.is_some_and(|known| !known.iter().any(|known| known == name)) {
            field.problem(format!("the route's path has no `{{{name}}}`"));
        }
    }
    let lookup = Lookup { gives: Gives::Items, parameter: None, stored: Vec::new(), target };
    Reading { lookups: vec![lookup], sessions, ..Reading::default() }
}

/// The names in braces.
fn places(target: &str) -> impl Iterator<Item = &str> {
    target.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
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

/// Reads `value`.
pub(super) fn value(section: &Section<'_>, place: Place<'_>) -> Option<OrderTotal> {
    let currency = section.at("currency").and_then(|field| source(&field, place));
    let amount = source(&section.need("amount", "\"/total\"")?, place)?;
    Some(OrderTotal { amount, currency, minor_unit: None })
}

/// Reads `seller`.
pub(super) fn seller(section: &Section<'_>, place: Place<'_>) -> Option<Source> {
    source(&section.need("organization_country", "\"/seller/country\"")?, place)
}
