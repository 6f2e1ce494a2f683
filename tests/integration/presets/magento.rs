//! Magento: carts at the store, orders in one piece, and what is refused because it cannot be read.

use std::io::Write;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;

const ROUTES: &str = r#"
[[route]]
name = "shop"
path = "/rest/{*api}"
action = "resale"
preset = "magento"
upstream = "main"

[[route]]
name = "rest"
path = "/{*any}"
action = "none"
upstream = "main"
"#;

/// A store with one cart for each country, named after it; carts of `XX` know no address.
fn start() -> (Recorder, Gateway) {
    let store = Recorder::with(|seen, stream| {
        let target = seen.target().to_owned();
        let country =
            target.split('/').find(|s| matches!(*s, "cartUS" | "cartDE" | "cartXX" | "mine"));
        let country = country.unwrap_or("cartDE").trim_start_matches("cart").replace("mine", "DE");
        let items = r#"[{"item_id":7,"sku":"KL1047GDEFS","qty":1,"name":"Kaspersky Premium"}]"#;
        let body = match () {
            () if target.ends_with("/items") && seen.head.starts_with("GET") => items.to_owned(),
            () if seen.head.starts_with("GET") && country == "XX" => {
                format!("{{\"id\":3,\"items\":{items}}}")
            }
            () if seen.head.starts_with("GET") => format!(
                "{{\"id\":3,\"items\":{items},\"billing_address\":{{\"country_id\":\"{country}\"}},\
                 \"extension_attributes\":{{\"shipping_assignments\":[{{\"shipping\":{{\"address\":{{\"country_id\":\"{country}\"}}}}}}]}}}}"
            ),
            () => "\"42\"".to_owned(),
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).is_ok()
    });
    let gateway = GatewayBuilder::new(store.address).routes(ROUTES).start();
    (store, gateway)
}

fn payment(country: &str) -> String {
    format!(
        "{{\"cartId\":\"x\",\"email\":\"a@example.com\",\"billingAddress\":{{\"countryId\":\"{country}\",\"regionCode\":\"\"}},\
         \"paymentMethod\":{{\"method\":\"checkmo\",\"po_number\":null}}}}"
    )
}

#[test]
fn a_payment_is_judged_by_the_cart_and_the_address_of_either() {
    let (store, gateway) = start();
    for prefix in ["/rest/V1", "/rest/default/V1", "/index.php/rest/all/V1", "/pub/rest/V1"] {
        let send = |cart: &str, body: String, client: &str| {
            let target = format!("{prefix}/{cart}/payment-information");
            Request::post(&target, body)
                .header("Authorization", "Bearer t")
                .from(client)
                .send(gateway.address)
        };
        assert_eq!(send("guest-carts/cartDE", payment("US"), GERMAN).status, 451, "{prefix}");
        // Goods for the United States, billed to Germany.
        assert_eq!(send("guest-carts/cartUS", payment("DE"), GERMAN).status, 451, "{prefix}");
        assert_eq!(
            send("guest-carts/cartUS", "{\"email\":\"a@example.com\"}".to_owned(), GERMAN).status,
            451
        );
        assert_eq!(send("guest-carts/cartXX", payment("DE"), US).status, 403, "{prefix}");
        for cart in ["guest-carts/cartDE", "guest-carts/cartXX", "carts/mine"] {
            let german = payment("DE");
            let passed = send(cart, german.clone(), GERMAN);
            assert_eq!(
                (passed.status, passed.text()),
                (200, "\"42\"".to_owned()),
                "{prefix} {cart}"
            );
            assert_eq!(store.recorder_last_post().body, german.as_bytes());
        }
        let look = store.seen().into_iter().rev().find(|s| s.head.starts_with("GET")).unwrap();
        assert!(look.target().starts_with(prefix), "the same store's cart: {}", look.target());
        assert_eq!(look.values("authorization"), ["Bearer t"]);
    }
}

trait LastPost {
    fn recorder_last_post(&self) -> crate::support::recorder::Seen;
}

impl LastPost for Recorder {
    fn recorder_last_post(&self) -> crate::support::recorder::Seen {
        self.seen().into_iter().rev().find(|seen| !seen.head.starts_with("GET")).unwrap()
    }
}

#[test]
fn an_order_of_a_cart_alone_is_judged_by_the_cart_alone() {
    let (_, gateway) = start();
    let send = |cart: &str| {
        let target = format!("/rest/V1/guest-carts/{cart}/order");
        let request = Request::new("PUT", &target).header("Content-Type", "application/json");
        request
            .from(GERMAN)
            .body("{\"paymentMethod\":{\"method\":\"checkmo\"}}")
            .send(gateway.address)
    };
    assert_eq!(send("cartUS").status, 451);
    assert_eq!(send("cartDE").status, 200);
    assert_eq!(send("cartXX").status, 403);
}

#[test]
fn an_order_in_one_piece_is_judged_in_whatever_way_its_names_are_spelled() {
    let (store, gateway) = start();
    let send =
        |body: String| Request::post("/rest/V1/orders", body).from(GERMAN).send(gateway.address);
    let order = |country: &str, spell: &dyn Fn(&str) -> String| {
        format!(
            "{{\"entity\":{{\"increment_id\":\"000000042\",\"created_at\":\"2024-07-20 04:00:01\",\"{}\":\"{GERMAN}\",\
             \"{}\":{{\"{}\":\"{country}\"}},\"items\":[{{\"sku\":\"KL1047GDEFS\",\"name\":\"Kaspersky Premium\",\"{}\":\"1.0000\"}}]}}}}",
            spell("remote_ip"),
            spell("billing_address"),
            spell("country_id"),
            spell("qty_ordered")
        )
    };
    let plain = |name: &str| name.to_owned();
    let camel = |name: &str| {
        let mut words = name.split('_');
        let first = words.next().unwrap().to_owned();
        words.fold(first, |all, word| all + &word[..1].to_uppercase() + &word[1..])
    };
    let flat = |name: &str| name.replace('_', "");
    for spell in [&plain as &dyn Fn(&str) -> String, &camel, &flat] {
        assert_eq!(send(order("US", spell)).status, 451);
        let german = order("DE", spell);
        assert_eq!(send(german.clone()).status, 200, "{german}");
        assert_eq!(store.last().body, german.as_bytes());
    }
    let both = order("DE", &plain)
        .replace("\"country_id\":\"DE\"", "\"country_id\":\"DE\",\"countryId\":\"US\"");
    assert_eq!(send(both).status, 400);
}

#[test]
fn what_cannot_be_read_is_refused_and_the_catalogue_passes() {
    let (store, gateway) = start();
    let graphql = |query: &str| format!("{{\"query\":\"{query}\"}}");
    for (method, target, body, status) in [
        ("POST", "/rest/async/V1/guest-carts/cartDE/payment-information", payment("DE"), 403),
        ("POST", "/rest/all/async/bulk/V1/orders", "[]".to_owned(), 403),
        (
            "POST",
            "/rest/V1/guest-carts/cartDE/payment-information?billingAddress[countryId]=US",
            payment("DE"),
            403,
        ),
        ("POST", "/rest/V1/negotiable-carts/1/payment-information", payment("DE"), 403),
        ("POST", "/soap/default?services=quoteGuestCartManagementV1", payment("DE"), 403),
        ("POST", "/paypal/express/placeOrder", payment("DE"), 403),
        ("POST", "/graphql", graphql("mutation { placeOrder(input: {}) { order { id } } }"), 403),
        ("POST", "/graphql", graphql("mutation { x: pla\\u0063eOrder { order { id } } }"), 403),
        ("POST", "/graphql/", graphql("mutation { placeOrder(input: {}) { order { id } } }"), 403),
        ("POST", "/graphql/x", graphql("mutation { placeOrder(input: {}) { order { id } } }"), 403),
        ("POST", "/graphql", "not json".to_owned(), 400),
        ("GET", "/graphql?query=mutation%7BplaceOrder%7D", String::new(), 403),
        ("POST", "/graphql", graphql("{ products { items { sku } } }"), 200),
        ("GET", "/rest/V1/products/KL1047GDEFS", String::new(), 200),
        ("POST", "/rest/V1/carts/mine/coupons/x", "{}".to_owned(), 200),
    ] {
        let request =
            Request::new(method, target).header("Content-Type", "application/json").from(GERMAN);
        let answer = request.body(body).send(gateway.address);
        assert_eq!(answer.status, status, "{method} {target} {}", answer.text());
        if status == 403 {
            assert_eq!(answer.json()["type"], "unsupported-entrance", "{target}");
        }
    }
    assert!(!store.seen().iter().any(|seen| seen.head.contains("placeOrder")));
}

#[test]
fn a_covered_item_is_refused_at_the_cart_already() {
    let (_, gateway) = start();
    let add = |sku: &str, client: &str| {
        let body =
            format!("{{\"cartItem\":{{\"sku\":\"{sku}\",\"qty\":1,\"quote_id\":\"cartDE\"}}}}");
        Request::post("/rest/V1/guest-carts/cartDE/items", body).from(client).send(gateway.address)
    };
    assert_eq!(add("KL1047GDEFS", US).status, 451);
    assert_eq!(add("LAMP-1", US).status, 200);
    assert_eq!(add("KL1047GDEFS", GERMAN).status, 200);
}
