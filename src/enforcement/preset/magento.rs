//! Magento: REST, GraphQL, SOAP, and the controllers of its own pages (docs/presets.md names the source of each entrance).
//!
//! A cart's lines and addresses are at the store: they are asked for with the client's own credentials. Bulk and asynchronous
//! calls answer before the order is placed, SOAP and GraphQL name orders in texts of their own: those are refused.

use crate::settings::BuyerField;
use crate::settings::ClientRole;
use crate::settings::Gives;
use crate::settings::Stage;

use super::Hit;
use super::Recognised;
use super::asked::Asked;
use super::asked::Wants;
use super::asked::any_text;
use super::template::Asks;
use super::template::At;
use super::template::Lines;
use super::template::Template;
use super::template::Total;

const CART_LINES: Lines =
    Lines { at: "/*", name: "/name", quantity: "/qty", sku: "/sku", vendor: "" };

/// What a cart knows of the buyer.
const CART_STORED: &[(BuyerField, &str)] = &[
    (BuyerField::BillingCountry, "/billing_address/country_id"),
    (BuyerField::BillingRegion, "/billing_address/region_code"),
    (BuyerField::Email, "/billing_address/email"),
    (
        BuyerField::ShippingCountry,
        "/extension_attributes/shipping_assignments/0/shipping/address/country_id",
    ),
    (
        BuyerField::ShippingRegion,
        "/extension_attributes/shipping_assignments/0/shipping/address/region_code",
    ),
];
const LINES_OF_CART: Asks =
    Asks { gives: Gives::Items, parameter: "", stored: &[], target: "{base}/{0}/items" };
const CART: Asks =
    Asks { gives: Gives::Evidence, parameter: "", stored: CART_STORED, target: "{base}/{0}" };

pub(super) const ADMIN_ORDER: usize = 0;
const PAYMENT: usize = 1;
const PLACE: usize = 2;
const ADD: usize = 3;

pub(super) const TEMPLATES: &[Template] = &[
    Template {
        buyer: &[
            (BuyerField::BillingCountry, At::Body("/entity/billingaddress/countryid")),
            (BuyerField::BillingRegion, At::Body("/entity/billingaddress/regioncode")),
            (BuyerField::Email, At::Body("/entity/customeremail")),
            (BuyerField::Ip, At::Body("/entity/remoteip")),
            (
                BuyerField::ShippingCountry,
                At::Body(
                    "/entity/extensionattributes/shippingassignments/0/shipping/address/countryid",
                ),
            ),
            (
                BuyerField::ShippingRegion,
                At::Body(
                    "/entity/extensionattributes/shippingassignments/0/shipping/address/regioncode",
                ),
            ),
        ],
        client: ClientRole::Server,
        folds_names: true,
        items: Lines {
            at: "/entity/items/*",
            name: "/name",
            quantity: "/qtyordered",
            sku: "/sku",
            vendor: "",
        },
        // Names as the platform reads them: `grand_total` is in `order_currency_code`.
        value: Total {
            amount: "/entity/grandtotal",
            currency: "/entity/ordercurrencycode",
            minor_unit: "",
        },
        ..Template::BLANK
    },
    Template {
        buyer: &[
            (BuyerField::BillingCountry, At::Body("/billingaddress/countryid")),
            (BuyerField::BillingRegion, At::Body("/billingaddress/regioncode")),
            (BuyerField::Email, At::Body("/email")),
        ],
        folds_names: true,
        items: CART_LINES,
        lookups: &[LINES_OF_CART, CART],
        ..Template::BLANK
    },
    Template { items: CART_LINES, lookups: &[LINES_OF_CART, CART], ..Template::BLANK },
    Template {
        folds_names: true,
        items: Lines {
            at: "",
            name: "",
            quantity: "/cartitem/qty",
            sku: "/cartitem/sku",
            vendor: "",
        },
        stage: Stage::Cart,
        ..Template::BLANK
    },
];

/// What must be read of a body before the request is recognised.
pub(super) fn wants(asked: &Asked<'_>) -> Wants {
    if is_graphql(asked) && !asked.is_safe() { Wants::Document } else { Wants::Nothing }
}

/// What a request is to Magento.
pub(super) fn recognise(asked: &Asked<'_>) -> Recognised {
    if is_graphql(asked) {
        return graphql(asked);
    }
    let segments = asked.segments();
    if segments.contains(&"soap") {
        return soap(asked);
    }
    if let Some(at) = segments.iter().position(|segment| *segment == "rest")
        && let Some(version) = segments.iter().skip(at).position(|segment| *segment == "v1")
    {
        let offset = at.saturating_add(version);
        let (before, call) = segments.split_at(offset.saturating_add(1));
        let deferred = before.iter().skip(at).any(|s| matches!(*s, "async" | "bulk"));
        return rest(asked, call, before.len(), deferred);
    }
    page(&segments)
}

fn rest(asked: &Asked<'_>, call: &[&str], offset: usize, deferred: bool) -> Recognised {
    if asked.is_safe() || asked.method == "DELETE" {
        return Recognised::Elsewhere;
    }
    // What stands in the query wins over the body.
    let queried = asked.query.is_some_and(|query| !query.is_empty());
    let base = asked.base(offset);
    let entrance = match call {
        ["guest-carts" | "carts", _, "payment-information"] => PAYMENT,
        ["guest-carts" | "carts", _, "order"] => PLACE,
        ["guest-carts" | "carts", _, "items", ..] | ["carts", "items"] => ADD,
        ["orders"] | ["orders", "create"] if !deferred && !queried => {
            return Hit::under(ADMIN_ORDER, base);
        }
        ["order", _, "invoice" | "ship" | "refund"] => return Recognised::Elsewhere,
        ["orders", _, "comments" | "cancel" | "hold" | "unhold" | "refund" | "emails", ..] => {
            return Recognised::Elsewhere;
        }
        ["async", ..]
        | ["orders" | "order", ..]
        | ["negotiable-carts", ..]
        | ["carts", _, "ordercreatingaccount"] => return Recognised::Unreadable,
        _ if deferred && call.iter().any(|s| matches!(*s, "payment-information" | "order")) => {
            return Recognised::Unreadable;
        }
        _ => return Recognised::Elsewhere,
    };
    if (deferred || queried) && entrance != ADD {
        return Recognised::Unreadable;
    }
    // The kind of cart and its id, as the client spells them: ids tell cases apart.
    let cart = format!("{}/{}", asked.segment(offset), asked.segment(offset.saturating_add(1)));
    Hit::with(entrance, base, [cart])
}

/// True for the path of GraphQL, and for whatever is below it: the first segment alone chooses the controller.
fn is_graphql(asked: &Asked<'_>) -> bool {
    asked.segments().contains(&"graphql")
}

/// A mutation that places an order has its name in the text, whatever alias or fragment it stands in.
fn graphql(asked: &Asked<'_>) -> Recognised {
    let places = |text: &str| {
        let folded = text.to_lowercase();
        ["placeorder", "placenegotiable", "purchaseorder", "completeorder", "handlepayflow"]
            .iter()
            .any(|name| folded.contains(name))
    };
    let in_query = asked.in_query("query").any(|text| places(&text));
    let in_document = match asked.document {
        Some(document) => any_text(document, &places),
        None => !asked.is_safe(),
    };
    if in_query || in_document { Recognised::Unreadable } else { Recognised::Elsewhere }
}

/// Services are named in the query; those of carts and orders are not read.
fn soap(asked: &Asked<'_>) -> Recognised {
    if asked.is_safe() {
        return Recognised::Elsewhere;
    }
    let orders = ["cart", "quote", "order", "checkout", "payment"];
    let mut services = asked.in_query("services").peekable();
    let unnamed = services.peek().is_none();
    let named = services.any(|service| {
        let folded = service.to_lowercase();
        orders.iter().any(|word| folded.contains(word))
    });
    if unnamed || named { Recognised::Unreadable } else { Recognised::Elsewhere }
}

/// Controllers of payment methods, of checkouts on several addresses and of the back office, which place orders by a plain form.
fn page(segments: &[&str]) -> Recognised {
    if segments.windows(2).any(|pair| {
        matches!(
            pair,
            ["order_create" | "order_edit", "save"]
                | ["transparent", "response"]
                | ["payflow", "returnurl"]
                | ["directpost_payment", "place"]
                | ["express" | "payflowexpress" | "bml" | "payflowbml", "return" | "returnaction"]
        )
    }) {
        return Recognised::Unreadable;
    }
    let places = |segment: &&str| {
        matches!(*segment, "placeorder" | "saveorder" | "overviewpost" | "onauthorization")
    };
    let at = segments.iter().position(places);
    // Behind the controller come parameters; before it module and controller.
    match at {
        Some(at) if at > 0 => Recognised::Unreadable,
        Some(_) | None => Recognised::Elsewhere,
    }
}
