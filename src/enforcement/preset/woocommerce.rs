//! WooCommerce on WordPress: REST API, Store API, the classic checkout (docs/presets.md names the source of each entrance).
//!
//! WordPress finds a REST route behind `wp-json` in the path, or in the variable `rest_route`, which wins over the path and is
//! read from the form as well as from the query. Routes match in any case. `wc-ajax` is cleaned before it is compared, so that
//! what is not plain is refused rather than guessed at.

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
use super::template::Reads;
use super::template::Template;
use super::template::Total;

/// The folder of the REST API (`rest_url_prefix`).
const REST: &str = "wp-json";

const ORDER_LINES: Lines =
    Lines { at: "/line_items/*", name: "/name", quantity: "/quantity", sku: "/sku", vendor: "" };
const CART_LINES: Lines =
    Lines { at: "/items/*", name: "/name", quantity: "/quantity", sku: "/sku", vendor: "" };
const PRODUCT: Lines = Lines { at: "", name: "/name", quantity: "", sku: "/sku", vendor: "" };

const REST_BUYER: &[(BuyerField, At)] = &[
    (BuyerField::BillingCountry, At::Body("/billing/country")),
    (BuyerField::BillingRegion, At::Body("/billing/state")),
    (BuyerField::Email, At::Body("/billing/email")),
    (BuyerField::Ip, At::Body("/customer_ip_address")),
    (BuyerField::ShippingCountry, At::Body("/shipping/country")),
    (BuyerField::ShippingRegion, At::Body("/shipping/state")),
];
const STORE_BUYER: &[(BuyerField, At)] = &[
    (BuyerField::BillingCountry, At::Body("/billing_address/country")),
    (BuyerField::BillingRegion, At::Body("/billing_address/state")),
    (BuyerField::Email, At::Body("/billing_address/email")),
    (BuyerField::ShippingCountry, At::Body("/shipping_address/country")),
    (BuyerField::ShippingRegion, At::Body("/shipping_address/state")),
];
/// Where cart and stored order keep the addresses that a checkout does not repeat.
const STORE_STORED: &[(BuyerField, &str)] = &[
    (BuyerField::BillingCountry, "/billing_address/country"),
    (BuyerField::BillingRegion, "/billing_address/state"),
    (BuyerField::Email, "/billing_address/email"),
    (BuyerField::ShippingCountry, "/shipping_address/country"),
    (BuyerField::ShippingRegion, "/shipping_address/state"),
];
const FORM_BILLING: [(BuyerField, At); 3] = [
    (BuyerField::BillingCountry, At::Form("billing_country")),
    (BuyerField::BillingRegion, At::Form("billing_state")),
    (BuyerField::Email, At::Form("billing_email")),
];
const FORM_BOTH: [(BuyerField, At); 5] = [
    FORM_BILLING[0],
    FORM_BILLING[1],
    FORM_BILLING[2],
    (BuyerField::ShippingCountry, At::Form("shipping_country")),
    (BuyerField::ShippingRegion, At::Form("shipping_state")),
];

const CART: Asks = Asks {
    gives: Gives::Items,
    parameter: "",
    stored: STORE_STORED,
    target: "{base}/wc/store/v1/cart",
};
const PRODUCT_BY_BODY: Asks = Asks {
    gives: Gives::Items,
    parameter: "/id",
    stored: &[],
    target: "{base}/wc/store/v1/products/{body}",
};
const PRODUCT_BY_NAME: Asks = Asks {
    gives: Gives::Items,
    parameter: "",
    stored: &[],
    target: "{base}/wc/store/v1/products/{0}",
};
const STORED_ORDER: Asks = Asks {
    gives: Gives::Items,
    parameter: "",
    stored: &[
        (BuyerField::BillingCountry, "/billing/country"),
        (BuyerField::BillingRegion, "/billing/state"),
        (BuyerField::Email, "/billing/email"),
        (BuyerField::Ip, "/customer_ip_address"),
        (BuyerField::ShippingCountry, "/shipping/country"),
        (BuyerField::ShippingRegion, "/shipping/state"),
    ],
    target: "{base}/wc/v3/orders/{0}",
};
const READ_BACK: Reads = Reads {
    names: ("/order_id", "/order_key"),
    target: "{base}/wc/store/v1/order/{id}?key={key}&billing_email={email}",
};

const ORDER_TOTAL: Total = Total { amount: "/total", currency: "/currency", minor_unit: "" };
/// The Store API tells amounts in minor units.
const CART_TOTAL: Total = Total {
    amount: "/totals/total_price",
    currency: "/totals/currency_code",
    minor_unit: "/totals/currency_minor_unit",
};

pub(super) const REST_ORDER: usize = 0;
const REST_BATCH: usize = 1;
const REST_CHANGE: usize = 2;
const STORE_CHECKOUT: usize = 3;
const STORE_PREPARE: usize = 4;
const STORE_ADD: usize = 5;
const CLASSIC_BILLED: usize = 6;
const CLASSIC_SHIPPED: usize = 7;
const CLASSIC_ADD: usize = 8;

pub(super) const TEMPLATES: &[Template] = &[
    Template {
        buyer: REST_BUYER,
        client: ClientRole::Server,
        items: ORDER_LINES,
        value: ORDER_TOTAL,
        ..Template::BLANK
    },
    Template {
        buyer: REST_BUYER,
        client: ClientRole::Server,
        items: ORDER_LINES,
        orders: &["/create/*", "/update/*"],
        value: ORDER_TOTAL,
        ..Template::BLANK
    },
    // A change of an order: its stored lines, those that the request adds, and the buyer whom either names.
    Template {
        buyer: REST_BUYER,
        client: ClientRole::Server,
        checks_id: true,
        ends: &["cancelled", "failed", "refunded", "trash"],
        items: ORDER_LINES,
        lookups: &[STORED_ORDER],
        own_lines: true,
        value: ORDER_TOTAL,
        ..Template::BLANK
    },
    Template {
        buyer: STORE_BUYER,
        items: CART_LINES,
        lookups: &[CART],
        read_back: Some(READ_BACK),
        value: CART_TOTAL,
        ..Template::BLANK
    },
    Template { items: CART_LINES, lookups: &[CART], stage: Stage::Cart, ..Template::BLANK },
    Template { items: PRODUCT, lookups: &[PRODUCT_BY_BODY], stage: Stage::Cart, ..Template::BLANK },
    Template {
        buyer: &FORM_BILLING,
        items: CART_LINES,
        lookups: &[Asks { stored: &[], ..CART }],
        read_back: Some(Reads { names: ("/redirect", ""), ..READ_BACK }),
        value: CART_TOTAL,
        ..Template::BLANK
    },
    Template {
        buyer: &FORM_BOTH,
        items: CART_LINES,
        lookups: &[Asks { stored: &[], ..CART }],
        read_back: Some(Reads { names: ("/redirect", ""), ..READ_BACK }),
        value: CART_TOTAL,
        ..Template::BLANK
    },
    Template { items: PRODUCT, lookups: &[PRODUCT_BY_NAME], stage: Stage::Cart, ..Template::BLANK },
];

/// Calls of `wc-ajax` and `admin-ajax.php` whose names sound like an order and that place none.
const HARMLESS: [&str; 4] = [
    "get_order_details",
    "update_order_review",
    "woocommerce_get_order_details",
    "woocommerce_update_order_review",
];

/// What must be read of a body before the request is recognised.
pub(super) fn wants(asked: &Asked<'_>) -> Wants {
    if asked.is_safe() {
        return Wants::Nothing;
    }
    let batch = |route: &str| {
        let folded = route.to_lowercase();
        let mut parts = folded.split('/').filter(|part| !part.is_empty());
        parts.any(|part| part.trim_end_matches(['\\', '\n']) == "batch")
            && !folded.contains("orders")
    };
    if asked.folded.contains(REST) && batch(asked.folded)
        || asked.in_query("rest_route").any(|r| batch(&r))
    {
        return Wants::Document;
    }
    // Whatever the path: one that no file has is WordPress's own front page, below `wp-admin` too.
    if asked.method == "POST" { Wants::Form } else { Wants::Nothing }
}

/// What a request is to WooCommerce.
///
/// Every reading is looked at. Two of them that are two entrances are refused: which of them the shop takes hangs on its version,
/// and a product that comes with a checkout is sold by it and is in no cart that could be looked up.
pub(super) fn recognise(asked: &Asked<'_>) -> Recognised {
    let mut all = Recognised::Elsewhere;
    for route in asked.anywhere("rest_route") {
        let before = asked.base(usize::MAX);
        let before = if before.is_empty() { "/" } else { &before };
        all = both(all, by_variable(asked, &route, format!("{before}?rest_route=")));
    }
    let segments = asked.segments();
    // What follows the last `wp-json` is what WordPress reads, wherever it is installed.
    if let Some(at) = segments.iter().rposition(|segment| segment.ends_with(REST)) {
        let (before, route) = segments.split_at(at.saturating_add(1));
        all = both(all, rest(asked, route, asked.base(before.len())));
    }
    let legacy = asked.names("wc-api-route") || segments.contains(&"wc-api");
    if legacy && !asked.is_safe() && mentions(asked, "order") {
        return Recognised::Unreadable;
    }
    all = both(all, classic(asked));
    match all {
        Recognised::Entrance(hit) if sells_cart(&hit) && changes_cart(asked) => {
            Recognised::Unreadable
        }
        all => all,
    }
}

/// Two readings of one request.
fn both(one: Recognised, other: Recognised) -> Recognised {
    match (one, other) {
        (Recognised::Elsewhere, other) => other,
        (one, Recognised::Elsewhere) => one,
        (one, other) if one == other => one,
        (_, _) => Recognised::Unreadable,
    }
}

/// True if an entrance sells what is in the session's cart.
const fn sells_cart(hit: &Hit) -> bool {
    matches!(hit.entrance, STORE_CHECKOUT | STORE_PREPARE | CLASSIC_BILLED | CLASSIC_SHIPPED)
}

/// True if a request puts something in the cart before anything else that it asks for, or names a cart by its query.
fn changes_cart(asked: &Asked<'_>) -> bool {
    ["add-to-cart", "checkout-link", "order_again", "undo_item"]
        .iter()
        .any(|name| asked.names(name))
        || asked.in_query("session").next().is_some()
}

/// A route in a variable: trailing slashes and backslashes do not count, nor does a line's end.
fn by_variable(asked: &Asked<'_>, route: &str, base: String) -> Recognised {
    let folded = route.to_lowercase();
    let plain = folded.trim_end_matches(['/', '\\', '\n']);
    let segments: Vec<&str> = plain.split('/').filter(|segment| !segment.is_empty()).collect();
    if plain.contains(['%', '\\']) || plain.chars().any(|c| c.is_control() || c.is_whitespace()) {
        // No route is spelled so; who does means another reader.
        return match plain.contains("wc") || plain.contains("batch") || plain.contains('%') {
            true if !asked.is_safe() => Recognised::Unreadable,
            true | false => Recognised::Elsewhere,
        };
    }
    rest(asked, &segments, base)
}

/// A REST route, its segments folded.
fn rest(asked: &Asked<'_>, route: &[&str], base: String) -> Recognised {
    if asked.is_safe() {
        return Recognised::Elsewhere;
    }
    match route {
        ["batch", ..] => batch(asked),
        ["wc", "store", rest @ ..] => match rest.strip_prefix(&["v1"]).unwrap_or(rest) {
            ["checkout"] if asked.method == "POST" => Hit::under(STORE_CHECKOUT, base),
            ["checkout"] => Hit::under(STORE_PREPARE, base),
            rest if rest.contains(&"checkout") => Recognised::Unreadable,
            ["cart", "add-item"] | ["cart", "items"] if asked.method == "POST" => {
                Hit::under(STORE_ADD, base)
            }
            ["batch"] => batch(asked),
            _ => Recognised::Elsewhere,
        },
        ["wc", "v1" | "v2" | "v3", "orders" | "subscriptions", rest @ ..]
        | ["wc-analytics", "orders", rest @ ..] => {
            match (rest, asked.method) {
                ([], _) => Hit::under(REST_ORDER, base),
                (["batch"], _) => Hit::under(REST_BATCH, base),
                ([_], "DELETE") | ([_, "refunds" | "notes", ..], _) => Recognised::Elsewhere,
                // A body's or a query's own id wins over the path's.
                ([_], _) if ["id", "set_paid", "status"].iter().any(|name| asked.names(name)) => {
                    Recognised::Unreadable
                }
                ([id], _) => Hit::with(REST_CHANGE, base, [(*id).to_owned()]),
                _ => Recognised::Unreadable,
            }
        }
        ["wc", _, "orders" | "subscriptions" | "checkout", ..]
        | ["wc", "agentic", ..]
        | ["mcp" | "wc-api", ..]
        | ["woocommerce", "mcp", ..] => Recognised::Unreadable,
        ["wp-abilities", .., "run"] if route.iter().any(|part| part.contains("order")) => {
            Recognised::Unreadable
        }
        _ => Recognised::Elsewhere,
    }
}

/// Requests in a request: an order among them is not read. Cart items are judged at the checkout.
fn batch(asked: &Asked<'_>) -> Recognised {
    let placing = ["checkout", "/orders", "subscriptions", "agentic", "wc-api"];
    let places = |text: &str| {
        let folded = text.to_lowercase();
        placing.iter().any(|word| folded.contains(word))
    };
    match asked.document {
        Some(document) if !any_text(document, &places) => Recognised::Elsewhere,
        Some(_) | None => Recognised::Unreadable,
    }
}

/// The pages and scripts from before the APIs.
fn classic(asked: &Asked<'_>) -> Recognised {
    let mut all = Recognised::Elsewhere;
    for call in asked.in_query("wc-ajax") {
        all = both(all, ajax(asked, &call, ""));
    }
    // What follows a script's name is no other script.
    if asked.segments().contains(&"admin-ajax.php") {
        for call in asked.anywhere("action") {
            all = both(all, ajax(asked, &call, "woocommerce_"));
        }
    }
    if asked.names("woocommerce_pay") {
        return Recognised::Unreadable;
    }
    if asked.in_form("woocommerce_checkout_place_order").next().is_some()
        || asked.in_form("woocommerce_checkout_update_totals").next().is_some()
    {
        all = both(all, checkout(asked));
    }
    if asked.names("checkout-link") || asked.segments().last() == Some(&"checkout-link") {
        // Several products at once, whom nobody looks up: they are judged at the checkout.
        return all;
    }
    // Of several the last counts, and the form's before the query's.
    match asked.anywhere("add-to-cart").last() {
        Some(id) => both(all, add(asked, &id)),
        None => all,
    }
}

fn ajax(asked: &Asked<'_>, call: &str, prefix: &str) -> Recognised {
    let call = call.to_lowercase();
    let plain = call.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if !plain {
        return Recognised::Unreadable;
    }
    if HARMLESS.contains(&call.as_str()) {
        return Recognised::Elsewhere;
    }
    match call.strip_prefix(prefix) {
        Some("checkout") => checkout(asked),
        Some("add_to_cart") => {
            let id = asked.anywhere("product_id").next().unwrap_or_default();
            add(asked, &id)
        }
        // Payment plugins have calls of their own that place orders, by names that say so.
        _ if [
            "checkout",
            "create_order",
            "create-order",
            "approve-order",
            "approve-subscription",
            "process_order",
            "pay_order",
            "pay_for_order",
            "place_order",
        ]
        .iter()
        .any(|word| call.contains(word)) =>
        {
            Recognised::Unreadable
        }
        _ => Recognised::Elsewhere,
    }
}

/// The checkout's form: the shipping address counts where it is another one.
fn checkout(asked: &Asked<'_>) -> Recognised {
    if asked.is_safe() {
        return Recognised::Elsewhere;
    }
    let shipped = asked.in_form("ship_to_different_address").any(|v| !matches!(v, "" | "0"));
    Hit::under(if shipped { CLASSIC_SHIPPED } else { CLASSIC_BILLED }, "/wp-json")
}

/// A product by its id, or its variation's. Without one the shop itself does nothing.
fn add(asked: &Asked<'_>, id: &str) -> Recognised {
    let variation = asked.anywhere("variation_id").find(|id| is_id(id));
    let id = variation.as_deref().unwrap_or(id).trim();
    if is_id(id) {
        return Hit::with(CLASSIC_ADD, "/wp-json", [id.to_owned()]);
    }
    Recognised::Elsewhere
}

fn is_id(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit()) && text != "0"
}

fn mentions(asked: &Asked<'_>, word: &str) -> bool {
    asked.folded.contains(word)
        || asked.anywhere("wc-api-route").any(|route| route.to_lowercase().contains(word))
}
