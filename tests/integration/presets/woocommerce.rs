//! WooCommerce: the same US order is refused by every entrance, the same German one passes byte for byte.

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Program;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;
use crate::support::interdict;
use crate::support::store::Store;
use crate::support::store::session;

pub(crate) const ROUTES: &str = r#"
[[route]]
name = "shop"
methods = ["POST"]
path = "/wp-json/wc/v3/orders"
action = "resale"
preset = "woocommerce"
upstream = "main"

[[route]]
name = "rest"
path = "/{*any}"
action = "none"
upstream = "main"
"#;
const FORM: &str = "application/x-www-form-urlencoded";

fn start() -> (Store, Gateway) {
    let store = Store::start();
    let gateway = GatewayBuilder::new(store.address()).routes(ROUTES).start();
    (store, gateway)
}

/// As the REST API takes it (LAW 5.1), oddities included.
fn order(country: &str, ip: &str) -> String {
    format!(
        "{{\"id\":727,\"number\":\"727\", \"created_via\":\"checkout\",\"date_created\":\"2024-07-20T00:00:01\",\
         \"customer_ip_address\":\"{ip}\",\"billing\":{{\"company\":\"\",\"state\":\"CA\",\"country\":\"{country}\",\"email\":\"a@example.com\"}},\
         \"shipping\":{{\"state\":\"\",\"country\":\"\"}},\
         \"line_items\":[{{\"product_id\":93,\"name\":\"Kaspersky Plus\",\"sku\":\"KL1042XXXFS\",\"quantity\":\"1\",\"total\":\"29.00\",\"meta_data\":[]}}]}}"
    )
}

fn checkout(country: &str) -> String {
    format!(
        "{{\"billing_address\":{{\"country\":\"{country}\",\"state\":\"\",\"email\":\"a@example.com\"}},\
         \"payment_method\":\"cheque\"}}"
    )
}

#[test]
fn a_rest_order_is_judged_in_every_spelling_of_its_route() {
    let (store, gateway) = start();
    for (method, target) in [
        ("POST", "/wp-json/wc/v3/orders"),
        ("POST", "/wp-json/wc/v3/orders/"),
        ("POST", "/WP-json/WC/v1/orders"),
        ("POST", "/wp-json/wc/v2/orders"),
        ("POST", "/wp-json//wc/v3/./orders"),
        ("POST", "/index.php/wp-json/wc/v3/orders"),
        ("POST", "/shop/wp-json/wc/v3/orders"),
        ("POST", "/?rest_route=/wc/v3/orders"),
        ("POST", "/index.php?rest_route=%2Fwc%2Fv3%2Forders%2F"),
        ("POST", "/wp-json/wp/v2/posts?rest_route=/wc/v3/orders%0A"),
        ("PUT", "/?rest_route=/wc/v3/orders"),
        ("POST", "/wp-json/wc/v3/subscriptions"),
        ("POST", "/wp-json/wc-analytics/orders"),
    ] {
        let send = |body: String| {
            let request = Request::new(method, target).header("Content-Type", "application/json");
            request.from(GERMAN).body(body).send(gateway.address)
        };
        let refused = send(order("US", ""));
        assert_eq!(refused.status, 451, "{method} {target}");
        assert_eq!(refused.json()["items"][0]["sku"], "KL1042XXXFS", "{target}");
        let german = order("DE", GERMAN);
        let passed = send(german.clone());
        assert_eq!(passed.status, 200, "{target} {}", passed.text());
        assert_eq!(passed.decision().map(|d| d.0), Some("allow"), "{target}");
        assert_eq!(store.recorder.last().body, german.as_bytes(), "{target}");
        // The address of an order that has none is missing: nobody can tell.
        assert_eq!(send(order("DE", "")).status, 403, "{target}");
        assert_eq!(send(order("DE", VPN)).status, 403, "{target}");
    }
}

#[test]
fn a_rest_order_that_has_two_readings_is_refused() {
    let (store, gateway) = start();
    let german = order("DE", GERMAN);
    for (target, kind, body, status) in [
        ("/wp-json/wc/v3/orders?billing[country]=US", "application/json", german.clone(), 400),
        ("/wp-json/wc/v3/orders?line_items[0][sku]=x", "application/json", german.clone(), 400),
        ("/wp-json/wc/v3/orders", FORM, "billing[country]=DE".to_owned(), 415),
        ("/any", FORM, "rest_route=/wc/v3/orders&billing[country]=US".to_owned(), 415),
        (
            "/wp-json/wc/v3/orders",
            "application/json",
            german.replace("\"billing\"", "\"Billing\":{},\"billing\""),
            400,
        ),
        (
            "/wp-json/wc/v3/orders",
            "application/json",
            "{\"billing\":{\"country\":\"DE\"}}".to_owned(),
            400,
        ),
        ("/wp-json/wc/v9/orders", "application/json", german.clone(), 403),
        ("/wc-api/v3/orders", "application/json", german.clone(), 403),
        ("/?wc-api-version=3&wc-api-route=/orders", "application/json", german.clone(), 403),
        ("/wp-json/wc/agentic/v1/checkout_sessions", "application/json", german.clone(), 403),
        ("/wp-json/wc/v3/orders/12?id=13", "application/json", german.clone(), 403),
        ("/%2577p-json/wc/v3/orders", "application/json", german.clone(), 400),
        ("/wp-json%2fwc/v3/orders", "application/json", german.clone(), 400),
        ("/x/..%5cwp-json/wc/v3/orders", "application/json", german.clone(), 400),
    ] {
        let request = Request::new("POST", target).header("Content-Type", kind).from(GERMAN);
        let answer = request.body(body).send(gateway.address);
        assert_eq!(answer.status, status, "{target} {}", answer.text());
        let (_, id) = answer.decision().unwrap();
        assert_eq!(gateway.record(id)["status"], status, "{target}");
        if status == 403 {
            assert_eq!(answer.json()["type"], "unsupported-entrance", "{target}");
        }
    }
    assert!(store.asked().is_empty(), "{:?}", store.asked());
}

#[test]
fn a_batch_of_orders_is_judged_order_by_order() {
    let (store, gateway) = start();
    let send = |body: &str| {
        Request::post("/wp-json/wc/v3/orders/batch", body).from(GERMAN).send(gateway.address)
    };
    let (german, us) = (order("DE", GERMAN), order("US", US));
    assert_eq!(send(&format!("{{\"create\":[{german},{us}]}}")).status, 451);
    assert_eq!(send(&format!("{{\"create\":[{german}],\"update\":[{us}]}}")).status, 451);
    assert!(store.asked().is_empty());
    let both = format!("{{\"create\":[{german}],\"update\":[{german}],\"delete\":[5]}}");
    assert_eq!(send(&both).status, 200);
    assert_eq!(store.recorder.last().body, both.as_bytes());
    assert_eq!(send("{\"delete\":[5,6]}").status, 200, "no order is in it");
    let records = gateway.records();
    assert_eq!(
        records.iter().filter(|r| r["kind"] == "decision").count(),
        6,
        "each has its record"
    );
}

#[test]
fn a_change_of_an_order_is_judged_with_what_the_store_has_of_it() {
    let (store, gateway) = start();
    let send = |body: &str, token: bool| {
        let request = Request::new("PUT", "/wp-json/wc/v3/orders/727")
            .header("Content-Type", "application/json")
            .from(GERMAN)
            .body(body);
        let request = if token { request.header("Authorization", "Basic YTpi") } else { request };
        request.send(gateway.address)
    };
    // The stored order is a US customer's.
    assert_eq!(send("{\"status\":\"completed\"}", true).status, 451);
    assert_eq!(send("{\"id\":728,\"status\":\"completed\"}", true).status, 400);
    let cancelled = send("{\"status\":\"cancelled\"}", true);
    assert_eq!((cancelled.status, cancelled.decision().map(|d| d.0)), (200, Some("allow")));
    assert_eq!(store.recorder.last().body, b"{\"status\":\"cancelled\"}");
    let paid = "{\"status\":\"failed\",\"set_paid\":true}";
    assert_eq!(send(paid, true).status, 451, "what is paid for is no end");
    let lines = "{\"status\":\"cancelled\",\"line_items\":[{\"sku\":\"KL1047GDEFS\"}]}";
    assert_eq!(send(lines, true).status, 451);
    // Whoever may not read the order cannot have it judged.
    let unread = send("{\"status\":\"completed\"}", false);
    assert_eq!(unread.status, 503);
    assert!(unread.header("retry-after").is_some());
}

#[test]
fn a_checkout_is_judged_by_the_cart_that_the_store_keeps() {
    let (store, gateway) = start();
    for target in [
        "/wp-json/wc/store/v1/checkout",
        "/wp-json/wc/store/checkout",
        "/?rest_route=/wc/store/v1/checkout",
        "/index.php/wp-json/wc/store/v1/checkout",
    ] {
        store.fill("t_1", &[7, 93]);
        let send = |body: String, client: &str| {
            let request = Request::post(target, body).header("Cookie", &session("t_1"));
            request.header("X-Secret", "no").from(client).send(gateway.address)
        };
        let refused = send(checkout("US"), GERMAN);
        assert_eq!(refused.status, 451, "{target} {}", refused.text());
        assert_eq!(refused.json()["items"][0]["index"], 1, "{target}");
        assert_eq!(send(checkout("DE"), VPN).status, 403, "{target}");
        let look = store.recorder.last();
        assert!(look.head.starts_with("GET "), "{target}: {}", look.head);
        assert_eq!(look.values("cookie"), [session("t_1")], "its own cookie");
        assert!(look.values("x-secret").is_empty(), "and no other field of the client's");
        let german = checkout("DE");
        let passed = send(german.clone(), GERMAN);
        assert_eq!(
            (passed.status, passed.decision().map(|d| d.0)),
            (200, Some("allow")),
            "{target}"
        );
        let placed = store.recorder.seen().into_iter().rev().find(|s| s.head.starts_with("POST"));
        assert_eq!(placed.unwrap().body, german.as_bytes(), "{target}");
    }
    assert_eq!(store.orders(), vec![vec![7, 93]; 4]);
}

#[test]
fn a_checkout_whose_cart_cannot_be_read_is_refused() {
    let (store, gateway) = start();
    let target = "/wp-json/wc/store/v1/checkout";
    let empty = Request::post(target, checkout("DE")).from(GERMAN).send(gateway.address);
    assert_eq!(empty.status, 400, "a cart of nobody is empty: {}", empty.text());
    let both = Request::post(target, checkout("DE"))
        .header("Cookie", &session("t_1"))
        .header("Cart-Token", "t_2");
    assert_eq!(both.from(GERMAN).send(gateway.address).status, 400);
    let twice =
        Request::post(target, checkout("DE")).header("Cart-Token", "a").header("Cart-Token", "b");
    assert_eq!(twice.from(GERMAN).send(gateway.address).status, 400);
    assert!(store.orders().is_empty());
    let elsewhere = crate::support::Recorder::start();
    let gateway = GatewayBuilder::new(elsewhere.address).routes(ROUTES).start();
    let lost = Request::post(target, checkout("DE")).header("Cart-Token", "a").from(GERMAN);
    let answer = lost.send(gateway.address);
    assert_eq!(answer.status, 503);
    assert_eq!(gateway.record(answer.decision().unwrap().1)["status"], 503);
    assert!(!elsewhere.seen().iter().any(|seen| seen.head.starts_with("POST")));
}

#[test]
fn a_token_names_a_cart_as_a_cookie_does() {
    let (store, gateway) = start();
    store.fill("t_9", &[93]);
    let send = |country: &str| {
        Request::post("/wp-json/wc/store/v1/checkout", checkout(country))
            .header("Cart-Token", "t_9")
            .from(GERMAN)
            .send(gateway.address)
    };
    assert_eq!(send("PR").status, 451);
    assert_eq!(send("DE").status, 200);
}

#[test]
fn the_classic_checkout_is_judged_however_its_form_comes() {
    let (store, gateway) = start();
    let multipart = |country: &str| {
        let field = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let fields = [("billing_country", country), ("woocommerce_checkout_place_order", "1")];
        let fields: String = fields.iter().map(|(name, value)| field(name, value)).collect();
        format!("{fields}--b--\r\n")
    };
    let plain =
        |country: &str| format!("billing_country={country}&billing_email=a%40example.com&x=%20");
    let button = |country: &str| format!("{}&woocommerce_checkout_place_order=1", plain(country));
    let action = |country: &str| format!("{}&action=woocommerce_checkout", plain(country));
    for (target, kind, body) in [
        ("/?wc-ajax=checkout", FORM, &plain as &dyn Fn(&str) -> String),
        ("/de/?lang=de&wc-ajax=checkout", FORM, &plain),
        ("/wp-admin/admin-ajax.php", FORM, &action),
        ("/wp-admin/admin-ajax.php?action=woocommerce_checkout", FORM, &plain),
        ("/checkout/", FORM, &button),
        ("/any/page", FORM, &button),
        ("/checkout/", "multipart/form-data; boundary=b", &multipart),
    ] {
        store.fill("t_1", &[93]);
        let send = |body: String| {
            let request = Request::new("POST", target).header("Content-Type", kind);
            let request = request.header("Cookie", &session("t_1")).from(GERMAN);
            request.body(body).send(gateway.address)
        };
        assert_eq!(send(body("US")).status, 451, "{target}");
        let german = body("DE");
        let passed = send(german.clone());
        assert_eq!(
            (passed.status, passed.decision().map(|d| d.0)),
            (200, Some("allow")),
            "{target}"
        );
        let placed = store.recorder.seen().into_iter().rev().find(|s| s.head.starts_with("POST"));
        assert_eq!(placed.unwrap().body, german.as_bytes(), "{target}");
    }
    let shipped = "billing_country=DE&shipping_country=US";
    for (more, status) in [("", 200), ("&ship_to_different_address=1", 451)] {
        store.fill("t_1", &[93]);
        let request = Request::new("POST", "/?wc-ajax=checkout").header("Content-Type", FORM);
        let request = request.header("Cookie", &session("t_1")).from(GERMAN);
        let answer = request.body(format!("{shipped}{more}")).send(gateway.address);
        assert_eq!(answer.status, status, "{more}");
    }
}

#[test]
fn what_comes_into_the_cart_with_its_checkout_is_not_sold() {
    let (store, gateway) = start();
    let us = "billing_country=US&billing_email=a%40example.com";
    let button = format!("{us}&woocommerce_checkout_place_order=1");
    for (target, body, status) in [
        // The lamp alone was looked up; the shop would sell both.
        ("/?wc-ajax=checkout&add-to-cart=93", us.to_owned(), 403),
        ("/?wc-ajax=checkout", format!("{us}&add-to-cart=93"), 403),
        ("/?wc-ajax=checkout&order_again=12", us.to_owned(), 403),
        ("/checkout/?session=x", button.clone(), 403),
        // No file is there, so that the shop's front page takes the order.
        ("/wp-admin/nothing", button, 451),
        ("/wp-admin/admin-ajax.php/x", format!("{us}&action=woocommerce_checkout"), 451),
    ] {
        let cart: &[u64] = if status == 451 { &[93] } else { &[7] };
        store.fill("t_1", cart);
        let request = Request::new("POST", target).header("Content-Type", FORM).from(GERMAN);
        let answer = request.header("Cookie", &session("t_1")).body(body).send(gateway.address);
        assert_eq!(answer.status, status, "{target} {}", answer.text());
    }
    assert!(store.orders().is_empty());
}

#[test]
fn a_covered_item_is_refused_at_the_cart_already_and_what_is_unclear_waits_for_the_checkout() {
    let (_store, gateway) = start();
    let add = |id: u64, client: &str| {
        Request::post(
            "/wp-json/wc/store/v1/cart/add-item",
            format!("{{\"id\":{id},\"quantity\":1}}"),
        )
        .header("Cookie", &session("t_1"))
        .from(client)
        .send(gateway.address)
    };
    assert_eq!(add(93, US).status, 451);
    assert_eq!(add(8, US).status, 451, "by its name");
    assert_eq!(add(7, US).status, 201);
    assert_eq!(add(93, GERMAN).status, 201);
    assert_eq!(add(99, US).status, 400, "the store says itself what it does not know");
    for (method, target, kind, body) in [
        ("GET", "/?add-to-cart=93", "", ""),
        ("GET", "/product/premium/?add-to-cart=93&quantity=2", "", ""),
        ("POST", "/product/premium/", FORM, "add-to-cart=93&quantity=1"),
        ("POST", "/product/premium/", FORM, "add-to-cart=7&variation_id=93"),
        ("POST", "/?wc-ajax=add_to_cart", FORM, "product_id=93&quantity=1"),
        (
            "POST",
            "/product/premium/",
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"add-to-cart\"\r\n\r\n93\r\n--b--\r\n",
        ),
    ] {
        let send = |client: &str| {
            let request = Request::new(method, target).from(client);
            let request = if kind.is_empty() {
                request
            } else {
                request.header("Content-Type", kind).body(body)
            };
            request.send(gateway.address)
        };
        let refused = send(US);
        assert_eq!(refused.status, 451, "{method} {target} {body}");
        assert_eq!(gateway.record(refused.decision().unwrap().1)["kind"], "cart");
        assert_eq!(send(GERMAN).status, 200, "{method} {target} {body}");
    }
}

#[test]
fn a_checkout_does_not_hide_behind_its_path_its_method_its_parts_or_another_cart() {
    let (store, gateway) = start();
    store.fill("t_1", &[93]);
    let form = "billing_country=US&woocommerce_checkout_place_order=1";
    let parts = |body: &str| {
        format!("--x\r\n{body}\r\n--x--\r\n").replace("@", "Content-Disposition: form-data; name=")
    };
    let hidden =
        parts("@\"x\"\r\n\r\nhello\n--x\r\n@\"woocommerce_checkout_place_order\"\r\n\r\n1");
    let spelled = parts("@\"woocommerce_checkout_place_order\"\r\n\r\n1");
    let send = |method: &str, target: &str, kind: &str, cookie: &str, body: &str| {
        let request =
            Request::new(method, target).header("Content-Type", kind).header("Cookie", cookie);
        request.from(US).body(body).send(gateway.address).status
    };
    let own = session("t_1");
    for target in ["/a%2fb", "/100%", "/x%ff", "/x%2541", "/wp-admin%2fadmin-ajax.php"] {
        assert_eq!(send("POST", target, FORM, &own, form), 400, "{target}");
    }
    for target in
        ["/?wc-ajax%00=checkout", "/wp-admin/admin-ajax.php?action%00=woocommerce_checkout"]
    {
        assert_eq!(send("POST", target, FORM, &own, "billing_country=US"), 400, "{target}");
    }
    for (kind, body) in [
        ("multipart/form-data; boundary=x", &hidden),
        ("multipart/form-data; boundary=AB,CD", &spelled),
        ("multipart/form-data; BOUNDARY=boundary=x", &spelled),
        ("multipart/form-data; boundary=x ;", &spelled),
    ] {
        assert_eq!(send("POST", "/checkout/", kind, &own, body), 400, "{kind}");
    }
    let body = checkout("US");
    assert_eq!(send("post", "/wp-json/wc/store/v1/checkout", "application/json", &own, &body), 405);
    let lamp = Request::new("POST", "/?wc-ajax=checkout").header("Content-Type", FORM).from(US);
    let lamp = lamp.header("Cookie", &own.replacen('_', ".", 1)).header("Cart-Token", "t_2");
    assert_eq!(lamp.body("billing_country=US").send(gateway.address).status, 400);
    assert!(store.orders().is_empty(), "{:?}", store.orders());
    // Forms of other encodings are no order, and pass.
    for body in ["last_name=M%FCller&charset=windows-1252", "comment=\u{fc}&x=%ff"] {
        assert_eq!(send("POST", "/wc-api/wc_gateway_paypal", FORM, &own, body), 200, "{body}");
    }
    let file =
        parts("@\"f\"; filename=\"a\\b.jpg\"\r\nContent-Transfer-Encoding: binary\r\n\r\n\u{1}");
    assert_eq!(send("POST", "/contact/", "multipart/form-data; boundary=x", &own, &file), 200);
}

#[test]
fn what_a_route_says_of_the_buyer_counts_where_it_can_stand() {
    let store = Store::start();
    let own = "buyer = { billing_country = \"/own/country\", declared_country = { header = \"X-Country\" } }\n";
    let routes =
        ROUTES.replace("preset = \"woocommerce\"\n", &format!("preset = \"woocommerce\"\n{own}"));
    let gateway = GatewayBuilder::new(store.address()).routes(&routes).start();
    let body = order("US", GERMAN).replacen('{', "{\"own\":{\"country\":\"DE\"},", 1);
    let send = |country: &str| {
        let request = Request::post("/wp-json/wc/v3/orders", body.clone()).from(GERMAN);
        request.header("X-Country", country).send(gateway.address).status
    };
    assert_eq!((send("DE"), send("US")), (200, 403));
    // A form has no pointers: its own field counts.
    store.fill("t_1", &[93]);
    let classic = |country: &str| {
        let request = Request::new("POST", "/?wc-ajax=checkout").header("Content-Type", FORM);
        let request = request.header("Cookie", &session("t_1")).from(GERMAN);
        request.body(format!("billing_country={country}")).send(gateway.address).status
    };
    assert_eq!((classic("US"), classic("DE")), (451, 200));
}

#[test]
fn pages_and_other_forms_pass_as_they_came() {
    let (store, gateway) = start();
    let file = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nbytes\r\n--b--\r\n";
    for (method, target, kind, body) in [
        ("GET", "/shop/?s=kaspersky", "", ""),
        ("POST", "/contact/", FORM, "name=J%C3%BCrgen&order=Kaspersky+Premium"),
        ("POST", "/upload/", "multipart/form-data; boundary=b", file),
        ("POST", "/wp-json/contact/v1/send", "application/json", "{\"a\":1,\"a\":2}"),
        ("POST", "/?wc-ajax=get_refreshed_fragments", FORM, "time=1"),
        ("POST", "/wp-json/wc/v3/products", "application/json", "{\"name\":\"Kaspersky\"}"),
    ] {
        let request = Request::new(method, target).from(US);
        let request =
            if kind.is_empty() { request } else { request.header("Content-Type", kind).body(body) };
        let answer = request.send(gateway.address);
        assert_eq!(answer.status, 200, "{method} {target} {}", answer.text());
        assert_eq!(answer.decision(), None, "{target}: nobody judged it");
        assert_eq!(store.recorder.last().body, body.as_bytes(), "{target}");
        assert_eq!(store.recorder.last().target(), target);
    }
}

#[test]
fn without_any_configuration_every_entrance_is_judged() {
    let store = Store::start();
    store.fill("t_1", &[93]);
    let state = tempfile::tempdir().unwrap();
    let upstream = format!("http://{}", store.address());
    let mut program = Program::start(
        interdict()
            .args(["serve", "--listen", "127.0.0.1:0", "--upstream", &upstream])
            .env("INTERDICT__ADMIN__LISTEN", "127.0.0.1:0")
            .env("XDG_STATE_HOME", state.path()),
    );
    let gateway = program.address("gateway listening");
    let order = Request::post("/wp-json/wc/v3/orders", order("US", "")).send(gateway);
    assert_eq!(order.status, 451);
    let checkout = Request::post("/wp-json/wc/store/v1/checkout", checkout("US"));
    assert_eq!(checkout.header("Cookie", &session("t_1")).send(gateway).status, 451);
    let magento = "{\"entity\":{\"items\":[{\"sku\":\"KL1047GDEFS\"}],\"billing_address\":{\"country_id\":\"US\"}}}";
    assert_eq!(Request::post("/rest/V1/orders", magento).send(gateway).status, 451);
    let partner = "{\"Sku\":\"KL4863X*MG\",\"Customer\":{\"Address\":{\"Country\":\"USA\"}}}";
    let target = "/Subscriptions/v2.0/api/Subscription/create";
    assert_eq!(Request::post(target, partner).send(gateway).status, 451);
    for read in ["/about", "/wp-json/wc/v3/orders", "/rest/V1/orders"] {
        assert_eq!(Request::get(read).send(gateway).status, 200, "{read}");
    }
}
