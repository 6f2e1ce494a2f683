//! A sample store that behaves as WooCommerce's Store API does: carts in sessions, a checkout that sells what is in the cart.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::Recorder;
use super::recorder::Seen;

/// A running store.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) recorder: Recorder,
    shop: Arc<Mutex<Shop>>,
}

#[derive(Debug, Default)]
struct Shop {
    carts: HashMap<String, Vec<u64>>,
    orders: Vec<Vec<u64>>,
    /// How long a checkout takes between its look at the cart and its order.
    slowness: Duration,
}

/// What the store sells: id, SKU, name.
const PRODUCTS: [(u64, &str, &str); 3] = [
    (93, "KL1047GDEFS", "Kaspersky Premium"),
    (7, "LAMP-1", "Desk lamp"),
    (8, "", "Kaspersky Plus, one year"),
];

impl Store {
    pub(crate) fn start() -> Self {
        let shop: Arc<Mutex<Shop>> = Arc::default();
        let serving = Arc::clone(&shop);
        let recorder = Recorder::with(move |seen, stream| serve(&serving, seen, stream));
        Self { recorder, shop }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.recorder.address
    }

    /// Puts products in a session's cart.
    pub(crate) fn fill(&self, session: &str, products: &[u64]) {
        self.shop.lock().unwrap().carts.insert(session.to_owned(), products.to_vec());
    }

    /// The orders that were placed: products of each.
    pub(crate) fn orders(&self) -> Vec<Vec<u64>> {
        self.shop.lock().unwrap().orders.clone()
    }

    /// Makes every checkout take so long.
    pub(crate) fn slow(&self, slowness: Duration) {
        self.shop.lock().unwrap().slowness = slowness;
    }

    /// The targets asked for so far, with their methods.
    pub(crate) fn asked(&self) -> Vec<String> {
        let line = |seen: &Seen| {
            let mut words = seen.head.split(' ');
            format!("{} {}", words.next().unwrap(), words.next().unwrap())
        };
        self.recorder.seen().iter().map(line).collect()
    }
}

/// The cookie of a session, as WooCommerce names it.
pub(crate) fn session(name: &str) -> String {
    format!("wp_woocommerce_session_0123={name}%7C%7C1900000000%7C%7C1800000000%7C%7Cabc; lang=de")
}

fn serve(shop: &Mutex<Shop>, seen: &Seen, stream: &mut TcpStream) -> bool {
    let method = seen.head.split(' ').next().unwrap();
    let (path, query) = seen.target().split_once('?').unwrap_or((seen.target(), ""));
    let route = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("rest_route="))
        .map(|route| route.replace("%2F", "/"))
        .unwrap_or_else(|| path.split("/wp-json").last().unwrap_or_default().to_owned());
    let cookie = seen.values("cookie").first().copied().unwrap_or_default();
    let name = cookie.split_once("wp_woocommerce_session_0123=").map_or("", |(_, rest)| rest);
    let name = name.split('%').next().unwrap();
    let token = seen.values("cart-token").first().copied().unwrap_or_default();
    let session = if token.is_empty() { name } else { token }.to_owned();
    let cart = |shop: &Shop| shop.carts.get(&session).cloned().unwrap_or_default();
    let classic = query.contains("wc-ajax=checkout") || path == "/checkout/";
    let answer = match (method, route.trim_end_matches('/')) {
        ("GET", "/wc/store/v1/cart") => (200, lines(&cart(&shop.lock().unwrap()))),
        ("GET", route) if route.starts_with("/wc/store/v1/products/") => {
            let id = route.rsplit('/').next().unwrap().parse::<u64>().unwrap_or_default();
            match PRODUCTS.iter().find(|product| product.0 == id) {
                Some((id, sku, name)) => (200, json!({"id": id, "sku": sku, "name": name})),
                None => (404, json!({"code": "woocommerce_rest_product_invalid_id"})),
            }
        }
        ("POST", "/wc/store/v1/cart/add-item") => {
            let body: Value = serde_json::from_slice(&seen.body).unwrap();
            let id = body["id"].as_u64().unwrap();
            let mut shop = shop.lock().unwrap();
            if PRODUCTS.iter().all(|product| product.0 != id) {
                drop(shop);
                return reply(stream, 400, &json!({"code": "invalid_product"}));
            }
            shop.carts.entry(session.clone()).or_default().push(id);
            (201, lines(&cart(&shop)))
        }
        ("POST", "/wc/store/v1/batch") => {
            let body: Value = serde_json::from_slice(&seen.body).unwrap();
            let requests = body["requests"].as_array().unwrap().clone();
            let ids = requests.iter().map(|request| request["body"]["id"].as_u64().unwrap());
            shop.lock().unwrap().carts.entry(session.clone()).or_default().extend(ids);
            (207, json!({"responses": []}))
        }
        ("POST", "/wc/store/v1/checkout" | "/wc/store/checkout") => {
            let id = place(shop, &session);
            (200, json!({"order_id": id, "order_key": "wc_order_x", "status": "processing"}))
        }
        ("POST", _) if classic => {
            let id = place(shop, &session);
            let redirect =
                format!("https://shop.example/checkout/order-received/{id}/?key=wc_order_x");
            (200, json!({"result": "success", "redirect": redirect}))
        }
        ("GET", route) if route.starts_with("/wc/store/v1/order/") => {
            let id: usize = route.rsplit('/').next().unwrap().parse().unwrap();
            let shop = shop.lock().unwrap();
            (200, lines(shop.orders.get(id - 1).unwrap()))
        }
        ("GET", "/wc/v3/orders/727") if seen.values("authorization").is_empty() => {
            (401, json!({"code": "woocommerce_rest_cannot_view"}))
        }
        ("GET", "/wc/v3/orders/727") => (
            200,
            json!({"id": 727, "billing": {"country": "US"}, "shipping": {"country": ""},
                "line_items": [{"name": "Kaspersky Plus", "sku": "KL1042DBAFS", "quantity": 1}]}),
        ),
        _ => (200, json!({"served": true})),
    };
    reply(stream, answer.0, &answer.1)
}

fn reply(stream: &mut TcpStream, status: u16, body: &Value) -> bool {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).is_ok()
}

/// Places what is in the cart when the checkout ends, as WooCommerce does.
fn place(shop: &Mutex<Shop>, session: &str) -> usize {
    let slowness = shop.lock().unwrap().slowness;
    std::thread::sleep(slowness);
    let mut shop = shop.lock().unwrap();
    let cart = shop.carts.remove(session).unwrap_or_default();
    shop.orders.push(cart);
    shop.orders.len()
}

fn lines(products: &[u64]) -> Value {
    let line = |id: &u64| {
        let (id, sku, name) = PRODUCTS.iter().find(|product| product.0 == *id).unwrap();
        json!({"id": id, "sku": sku, "name": name, "quantity": 1, "prices": {"price": "2900"}})
    };
    json!({
        "items": products.iter().map(line).collect::<Vec<_>>(),
        "billing_address": {"country": "", "state": ""},
        "shipping_address": {"country": "", "state": ""},
        "totals": {
            "currency_code": "EUR",
            "currency_minor_unit": 2,
            "total_price": (2_900 * products.len()).to_string(),
        },
    })
}
