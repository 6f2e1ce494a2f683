//! Shopify's webhooks: what of an order they tell (LAW 5.2; shopify.dev: the Order resource).
//!
//! The body is signed and the headers are not, so a topic never lets an order off: whatever has lines is judged, and a topic
//! only says that a body without lines should have had some. Null, absent and blank are missing; `0.0.0.0` is no address.
//! Values that tell the same thing twice each count, and the stricter holds.

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::enforcement::record::OrderValue;
use crate::enforcement::worth;
use crate::geo::parse_address;
use crate::model::Action;
use crate::model::CountryText;
use crate::model::Item;
use crate::model::Number;
use crate::model::StrictValue;
use crate::model::Transaction;
use crate::model::place;

/// Topics whose bodies hold an order or should: without readable lines nobody can tell what was sold.
const ORDERS: [&str; 10] = [
    "draft_orders/create",
    "draft_orders/update",
    "orders/create",
    "orders/fulfilled",
    "orders/paid",
    "orders/partially_fulfilled",
    "orders/updated",
    "subscription_contracts/activate",
    "subscription_contracts/create",
    "subscription_contracts/update",
];

/// What a webhook tells.
#[derive(Debug)]
pub(in crate::enforcement) enum Told {
    /// An order.
    Order(Box<Order>),
    /// Nothing that is sold.
    Other,
    /// An order, or something of one, that cannot be read; why.
    Unreadable(String),
}

/// An order, before its addresses are looked up.
#[derive(Debug)]
pub(in crate::enforcement) struct Order {
    /// Every address of the buyer's mail, each of which counts.
    pub(in crate::enforcement) emails: SmallVec<[String; 3]>,
    /// Every address of the buyer's network.
    pub(in crate::enforcement) ips: SmallVec<[IpAddr; 2]>,
    pub(in crate::enforcement) transaction: Transaction,
    /// What it comes to.
    pub(in crate::enforcement) value: Option<OrderValue>,
}

/// A member that is of no kind that could be read.
struct Unread(&'static str);

/// Reads a webhook's document. Without a topic nobody can tell that a body without lines holds no order.
pub(in crate::enforcement) fn told(
    document: &StrictValue,
    topic: Option<&str>,
    action: Action,
) -> Told {
    let body = bare(document);
    match body.member("line_items") {
        Some(StrictValue::Array(lines)) if !lines.is_empty() => match order(body, lines, action) {
            Ok(order) => Told::Order(Box::new(order)),
            Err(Unread(name)) => Told::Unreadable(format!("`{name}` is of no kind that is read")),
        },
        Some(
            StrictValue::Bool(_)
            | StrictValue::Number(_)
            | StrictValue::Object(_)
            | StrictValue::String(_),
        ) => Told::Unreadable("`line_items` is no list".to_owned()),
        _ if is_of_orders(topic) => Told::Unreadable("it has no `line_items`".to_owned()),
        _ => Told::Other,
    }
}

/// Id and name of the order that a webhook is about, as far as it says.
pub(in crate::enforcement) fn names(
    document: &StrictValue,
    topic: Option<&str>,
) -> (Option<String>, Option<String>) {
    let body = bare(document);
    let of = |value: &StrictValue, name| text(value, name).ok().flatten();
    let is_order = body.member("line_items").is_some()
        || topic.is_none_or(|topic| topic.to_ascii_lowercase().contains("orders/"));
    let id = if is_order { of(body, "id") } else { None };
    let edited = body.member("order_edit").and_then(|edit| of(edit, "order_id"));
    (id.or(edited).or_else(|| of(body, "order_id")), of(body, "name"))
}

/// The order itself; the API's answers, not its webhooks, wrap it.
fn bare(document: &StrictValue) -> &StrictValue {
    match document.member("order") {
        Some(inner @ StrictValue::Object(_)) => match document.member("line_items") {
            None | Some(StrictValue::Null) => inner,
            Some(StrictValue::Array(lines)) if lines.is_empty() => inner,
            Some(_) => document,
        },
        _ => document,
    }
}

fn is_of_orders(topic: Option<&str>) -> bool {
    topic.is_none_or(|topic| ORDERS.iter().any(|order| topic.trim().eq_ignore_ascii_case(order)))
}

fn order(body: &StrictValue, lines: &[StrictValue], action: Action) -> Result<Order, Unread> {
    let mut transaction = Transaction::new(action);
    let customer = object(body, "customer")?;
    let buyer = &mut transaction.buyer;
    (buyer.billing_country, buyer.billing_region) = address(object(body, "billing_address")?)?;
    (buyer.shipping_country, buyer.shipping_region) = address(object(body, "shipping_address")?)?;
    if let Some(customer) = customer {
        (buyer.declared_country, _) = address(object(customer, "default_address")?)?;
    }
    transaction.items = lines.iter().map(line).collect::<Result<_, _>>()?;
    let mut emails = SmallVec::<[String; 3]>::new();
    for email in [
        text(body, "email")?,
        text(body, "contact_email")?,
        customer.map(|customer| text(customer, "email")).transpose()?.flatten(),
    ] {
        emails.extend(email.filter(|email| !emails.contains(email)));
    }
    let client = object(body, "client_details")?;
    let mut ips = SmallVec::<[IpAddr; 2]>::new();
    for ip in [
        client.map(|client| text(client, "browser_ip")).transpose()?.flatten(),
        text(body, "browser_ip")?,
    ] {
        let ip = ip.as_deref().and_then(parse_address).filter(|ip| !ip.is_unspecified());
        ips.extend(ip.filter(|ip| !ips.contains(ip)));
    }
    let told = |name| body.member(name).and_then(StrictValue::as_str);
    let value = worth::value(told("total_price"), told("currency"));
    Ok(Order { emails, ips, transaction, value })
}

/// Country and region of an address. Shopify writes the country as code and as name: the code counts, and a name that says
/// the United States counts against it.
fn address(address: Option<&StrictValue>) -> Result<(Option<CountryText>, Option<String>), Unread> {
    let Some(address) = address else { return Ok((None, None)) };
    let region = match text(address, "province_code")? {
        Some(code) => Some(code),
        None => text(address, "province")?,
    };
    let code = text(address, "country_code")?.map(CountryText::new);
    let name = text(address, "country")?.map(CountryText::new);
    let is_us = |country: &CountryText| {
        country.country().is_some_and(|c| place(c, region.as_deref()).is_united_states())
    };
    let country = match (code, name) {
        (Some(code), Some(name)) if is_us(&name) && !is_us(&code) => Some(name),
        (code, name) => code.or(name),
    };
    Ok((country, region))
}

fn line(line: &StrictValue) -> Result<Item, Unread> {
    if !matches!(line, StrictValue::Object(_)) {
        return Err(Unread("line_items"));
    }
    let name = match text(line, "name")? {
        Some(name) => Some(name),
        None => text(line, "title")?,
    };
    let quantity = match line.member("quantity") {
        Some(StrictValue::Number(Number::Positive(quantity))) => Some(*quantity),
        _ => None,
    };
    Ok(Item {
        name,
        // A line that was taken out of the order is judged as well: it may come back.
        quantity: quantity.filter(|quantity| *quantity > 0),
        sku: text(line, "sku")?,
        vendor: text(line, "vendor")?,
        ..Item::default()
    })
}

fn text(value: &StrictValue, name: &'static str) -> Result<Option<String>, Unread> {
    match value.member(name) {
        None | Some(StrictValue::Null) => Ok(None),
        Some(StrictValue::String(text)) => Ok((!text.trim().is_empty()).then(|| text.clone())),
        Some(StrictValue::Number(Number::Positive(number))) => Ok(Some(number.to_string())),
        Some(
            StrictValue::Array(_)
            | StrictValue::Bool(_)
            | StrictValue::Number(Number::Float(_) | Number::Negative(_))
            | StrictValue::Object(_),
        ) => Err(Unread(name)),
    }
}

fn object<'a>(
    value: &'a StrictValue,
    name: &'static str,
) -> Result<Option<&'a StrictValue>, Unread> {
    match value.member(name) {
        None | Some(StrictValue::Null) => Ok(None),
        Some(object @ StrictValue::Object(_)) => Ok(Some(object)),
        Some(_) => Err(Unread(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json_from_slice;

    fn read(body: &str, topic: Option<&str>) -> Told {
        told(&json_from_slice(body.as_bytes()).unwrap(), topic, Action::Resale)
    }

    fn read_order(body: &str) -> Order {
        match read(body, Some("orders/create")) {
            Told::Order(order) => *order,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn every_value_is_read_from_where_shopify_puts_it() {
        let order = read_order(
            r#"{"id":1,"email":"a@x.de","contact_email":"b@x.de","browser_ip":"203.0.113.8",
                "client_details":{"browser_ip":"203.0.113.7"},
                "billing_address":{"country_code":"US","country":"United States","province_code":"PR"},
                "shipping_address":{"country":"Germany","province":"Berlin"},
                "customer":{"email":"a@x.de","default_address":{"country_code":"FR"}},
                "line_items":[{"sku":"K-1","name":"Kaspersky - 1","title":"Kaspersky","vendor":"V","quantity":2},
                              {"sku":17,"name":null,"title":"Other","quantity":0}]}"#,
        );
        let buyer = &order.transaction.buyer;
        let country = |c: &Option<CountryText>| c.as_ref().map(|c| c.text().to_owned());
        assert_eq!(country(&buyer.billing_country).as_deref(), Some("US"));
        assert_eq!(buyer.billing_region.as_deref(), Some("PR"));
        assert_eq!(country(&buyer.shipping_country).as_deref(), Some("Germany"));
        assert_eq!(country(&buyer.declared_country).as_deref(), Some("FR"));
        assert_eq!(order.emails.as_slice(), ["a@x.de", "b@x.de"]);
        assert_eq!(order.ips.len(), 2);
        let items = &order.transaction.items;
        assert_eq!(items[0].sku.as_deref(), Some("K-1"));
        assert_eq!(items[0].name.as_deref(), Some("Kaspersky - 1"));
        assert_eq!(items[0].quantity, Some(2));
        assert_eq!((items[1].sku.as_deref(), items[1].quantity), (Some("17"), None));
        assert_eq!(items[1].name.as_deref(), Some("Other"));
    }

    #[test]
    fn of_two_spellings_of_a_country_the_stricter_holds() {
        for (address, expected) in [
            (r#"{"country_code":"DE","country":"United States"}"#, "United States"),
            (r#"{"country_code":"US","country":"Germany"}"#, "US"),
            (r#"{"country_code":"DE","country":"Deutschlandia"}"#, "DE"),
            (r#"{"country_code":"XX","country":"Germany"}"#, "XX"),
            (r#"{"country_code":"","country":"Germany"}"#, "Germany"),
            // Palau, which Shopify files under the United States.
            (r#"{"country_code":"US","country":"United States","province_code":"PW"}"#, "US"),
            (r#"{"country_code":"PW","country":"United States","province_code":"PW"}"#, "PW"),
        ] {
            let body =
                format!("{{\"billing_address\":{address},\"line_items\":[{{\"sku\":\"x\"}}]}}");
            let country = read_order(&body).transaction.buyer.billing_country.unwrap();
            assert_eq!(country.text(), expected, "{address}");
        }
    }

    #[test]
    fn no_topic_lets_an_order_off_and_some_ask_for_one() {
        let lines = r#"{"id":1,"line_items":[{"sku":"x"}]}"#;
        for topic in [None, Some("orders/create"), Some("products/update"), Some("")] {
            assert!(matches!(read(lines, topic), Told::Order(_)), "{topic:?}");
        }
        assert!(matches!(read(r#"{"order":{"line_items":[{}]}}"#, Some("x/y")), Told::Order(_)));
        let edit = r#"{"order_edit":{"order_id":7,"line_items":{"additions":[{"id":1}]}}}"#;
        for (body, topic, held) in [
            (r#"{"id":1}"#, Some("orders/create"), true),
            (r#"{"id":1,"line_items":[]}"#, Some("Orders/Paid"), true),
            (r#"{"id":1}"#, None, true),
            (r#"{"id":1}"#, Some("subscription_contracts/create"), true),
            (r#"{"id":1,"line_items":[1]}"#, Some("products/update"), true),
            (r#"{"line_items":[{"sku":{}}]}"#, Some("orders/create"), true),
            (r#"{"billing_address":[],"line_items":[{}]}"#, Some("orders/create"), true),
            (r#"{"id":1,"line_items":[]}"#, Some("checkouts/create"), false),
            (r#"{"id":1,"line_items":{"0":{"sku":"x"}}}"#, Some("checkouts/update"), true),
            (r#"{"line_items":[],"order":{"line_items":[1]}}"#, Some("checkouts/update"), true),
            (edit, Some("orders/edited"), false),
            (r#"{"id":1}"#, Some("products/update"), false),
            ("[]", Some("products/update"), false),
        ] {
            let told = read(body, topic);
            assert_eq!(matches!(told, Told::Unreadable(_)), held, "{body}: {told:?}");
            assert_eq!(matches!(told, Told::Other), !held, "{body}: {told:?}");
        }
    }

    #[test]
    fn the_order_is_named_by_whatever_names_it() {
        for (body, topic, id, name) in [
            (
                r##"{"id":450789469,"name":"#1001"}"##,
                "orders/create",
                Some("450789469"),
                Some("#1001"),
            ),
            (r#"{"order_edit":{"id":1,"order_id":7}}"#, "order_edits/complete", Some("7"), None),
            (r#"{"id":3,"order_id":7}"#, "refunds/create", Some("7"), None),
            (r#"{"id":3,"name":"A shirt"}"#, "products/create", None, Some("A shirt")),
        ] {
            let document = json_from_slice(body.as_bytes()).unwrap();
            let (found, called) = names(&document, Some(topic));
            assert_eq!((found.as_deref(), called.as_deref()), (id, name), "{body}");
        }
    }
}
