//! The vendor's partner API, by which resellers order subscriptions (LAW 5.4).

use crate::settings::BuyerField;
use crate::settings::ClientRole;

use super::Hit;
use super::Recognised;
use super::asked::Asked;
use super::template::At;
use super::template::Lines;
use super::template::Template;

pub(super) const CREATE: usize = 0;

pub(super) const TEMPLATES: &[Template] = &[Template {
    buyer: &[
        (BuyerField::BillingCountry, At::Body("/Customer/Address/Country")),
        (BuyerField::BillingRegion, At::Body("/Customer/Address/State")),
        (BuyerField::Email, At::Body("/Customer/Contacts/Email")),
    ],
    client: ClientRole::Server,
    items: Lines { at: "", name: "", quantity: "/Quantity", sku: "/Sku", vendor: "Kaspersky" },
    ..Template::BLANK
}];

/// What a request is to the partner API.
pub(super) fn recognise(asked: &Asked<'_>) -> Recognised {
    let segments = asked.segments();
    let Some(at) = segments.iter().rposition(|segment| *segment == "subscriptions") else {
        return Recognised::Elsewhere;
    };
    let (_, call) = segments.split_at(at);
    if asked.is_safe() {
        return Recognised::Elsewhere;
    }
    match call {
        [_, _, "api", "subscription", "create"] => Hit::at(CREATE),
        // The end of a subscription is a removal.
        [_, _, "api", "subscription", "hardcancel" | "softcancel" | "cancel"] => {
            Recognised::Elsewhere
        }
        // A longer or larger one is an agreement, and names neither product nor customer.
        [_, _, "api", ..] => Recognised::Unreadable,
        _ => Recognised::Elsewhere,
    }
}
