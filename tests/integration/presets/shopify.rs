//! Shopify's webhooks: verified, decided, recorded, answered with 200 whatever the verdict; nothing is forwarded.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::PUERTO_RICAN;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::interdict;
use crate::support::run;
use crate::support::until;

const SECRET: &str = "the-app-s-own-secret";
const OLD_SECRET: &str = "the-secret-before-it";
const SHOP: &str = "example.myshopify.example";
const ROUTES: &str = r#"
[[route]]
name = "shopify"
path = "/hooks/shopify"
action = "resale"
preset = "shopify"
secret = "shopify-secret.txt"

[[route]]
name = "rest"
path = "/{*any}"
action = "none"
upstream = "main"
"#;

fn gateway(recorder: &Recorder) -> Gateway {
    let secrets = format!("{SECRET}\n{OLD_SECRET}\n");
    let builder = GatewayBuilder::new(recorder.address).routes(ROUTES);
    builder.gateway("max_inspected_body = \"64KiB\"").file("shopify-secret.txt", secrets).start()
}

fn sign(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    STANDARD.encode(hmac::sign(&key, body.as_bytes()))
}

fn unsigned(body: &str) -> Request {
    Request::post("/hooks/shopify", body)
        .header("X-Shopify-Topic", "orders/create")
        .header("X-Shopify-Shop-Domain", SHOP)
}

fn webhook(gateway: &Gateway, body: &Value) -> Answer {
    let body = body.to_string();
    unsigned(&body).header("X-Shopify-Hmac-Sha256", &sign(SECRET, &body)).send(gateway.address)
}

/// The order of LAW 5.2 as its webhook brings it: bare.
fn order(country: &str, province: &str, ip: &str) -> Value {
    let address =
        json!({"country": null, "country_code": country, "province_code": province, "zip": "1"});
    json!({
        "id": 450_789_469, "name": "#1001", "created_at": "2024-07-20T00:00:01-04:00",
        "source_name": "web", "total_price": "59.00", "currency": "USD", "browser_ip": null,
        "client_details": {"browser_ip": ip, "user_agent": null},
        "billing_address": address, "shipping_address": address, "email": "jane@example.com",
        "line_items": [{"sku": "KL1047GDEFS", "title": "Kaspersky Premium", "vendor": "Kaspersky", "quantity": 1}],
        "customer": {"default_address": {"country_code": country}},
    })
}

/// 200 without a body, and the verdict of the record that it names.
fn verdict(gateway: &Gateway, body: &Value) -> String {
    let answer = webhook(gateway, body);
    assert_eq!((answer.status, answer.body.len()), (200, 0), "{body}");
    let (told, id) = answer.decision().unwrap();
    let record = gateway.record(id);
    assert_eq!((&record["kind"], &record["action"]), (&json!("decision"), &json!("resale")));
    assert_eq!(record["decision"]["verdict"], told, "{body}");
    told.to_owned()
}

#[test]
fn every_verdict_is_200_recorded_counted_and_never_forwarded() {
    let recorder = Recorder::start();
    let gateway = gateway(&recorder);
    assert_eq!(verdict(&gateway, &order("DE", "BE", GERMAN)), "allow");
    assert_eq!(verdict(&gateway, &order("US", "PR", PUERTO_RICAN)), "block");
    assert_eq!(verdict(&gateway, &order("US", "NY", GERMAN)), "block");
    assert_eq!(
        verdict(&gateway, &order("DE", "BE", US)),
        "review",
        "it disagrees with the address"
    );
    let mut unclear = order("DE", "BE", GERMAN);
    unclear["client_details"] = Value::Null;
    assert_eq!(verdict(&gateway, &unclear), "review", "an address alone is not enough");

    let us = gateway.records().into_iter().find(|r| r["decision"]["verdict"] == "block").unwrap();
    let subject =
        json!({"name": "#1001", "order": "450789469", "shop": SHOP, "topic": "orders/create"});
    assert_eq!(us["subject"], subject);
    assert_eq!(us["value"], json!({"amount": "59.00", "currency": "USD"}));
    assert_eq!(us["items"][0]["sku"], "KL1047GDEFS");
    assert_eq!(us["items"][0]["name"], "Kaspersky Premium");
    assert_eq!(us["evidence"]["billing_region"], "PR");
    assert_eq!(us["evidence"]["addresses"][0]["address"], PUERTO_RICAN);
    assert_eq!(us["evidence"]["email_domain"], "example.com");
    assert!(!us.to_string().contains("jane"), "{us}");
    let metrics = gateway.metrics();
    let counted = |verdict: &str| {
        let lines = metrics.lines().filter(|line| line.starts_with("interdict_decisions_total{"));
        let fits = |line: &&str| {
            line.contains("route=\"shopify\"") && line.contains(&format!("verdict=\"{verdict}\""))
        };
        lines.filter(fits).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    };
    let counts: [u64; 3] = ["allow", "block", "review"].map(counted);
    assert_eq!(counts, [1, 2, 2]);
    assert!(recorder.seen().is_empty(), "a webhook went upstream");
}

#[test]
fn only_what_the_secret_signed_is_believed() {
    let recorder = Recorder::start();
    let gateway = gateway(&recorder);
    let body = order("US", "NY", US).to_string();
    let (right, other) = (sign(SECRET, &body), sign(SECRET, &format!("{body} ")));
    let name = "X-Shopify-Hmac-Sha256";
    let bare = right.trim_end_matches('=');
    for (why, request) in [
        ("missing", unsigned(&body)),
        ("empty", unsigned(&body).header(name, "")),
        ("twice", unsigned(&body).header(name, &right).header(name, &right)),
        ("another's", unsigned(&body).header(name, &sign("another-app-s-secret", &body))),
        ("over other bytes", unsigned(&body).header(name, &other)),
        ("without padding", unsigned(&body).header(name, bare)),
        ("hexadecimal", unsigned(&body).header(name, &"0".repeat(64))),
    ] {
        let answer = request.send(gateway.address);
        assert_eq!(answer.status, 401, "{why}");
        assert_eq!(answer.json()["type"], "unauthenticated", "{why}");
        assert!(answer.header("www-authenticate").is_some(), "{why}");
        let (told, id) = answer.decision().unwrap();
        let record = gateway.record(id);
        assert_eq!(
            (told, &record["kind"], &record["status"]),
            ("error", &json!("refusal"), &json!(401))
        );
        assert!(record["reason"].as_str().unwrap().contains("signature"), "{why}");
    }
    assert_eq!(
        gateway.metric("interdict_refusals_total{route=\"shopify\",status=\"401\"}").to_string(),
        "7"
    );
    for secret in [SECRET, OLD_SECRET] {
        let signed = unsigned(&body).header(name, &sign(secret, &body));
        assert_eq!(signed.send(gateway.address).decision().unwrap().0, "block");
    }
    let coded = unsigned(&body).header(name, &right).header("Content-Encoding", "gzip");
    assert_eq!(coded.send(gateway.address).status, 415);
    let long = "x".repeat(65_537);
    let long = unsigned(&long).header(name, &sign(SECRET, &long));
    assert_eq!(long.send(gateway.address).status, 413);
    let put = Request::new("PUT", "/hooks/shopify").header(name, &right).body(body.as_str());
    let put = put.send(gateway.address);
    assert_eq!((put.status, put.header("allow")), (405, Some("POST")));
    let secrets = [SECRET, OLD_SECRET].map(str::to_owned);
    let kept = format!("{:?}{}", gateway.records(), gateway.log());
    assert!(secrets.iter().all(|secret| !kept.contains(secret)));
    assert!(recorder.seen().is_empty());
}

#[test]
fn everything_that_tells_where_a_buyer_is_counts_and_nothing_that_is_missing() {
    let recorder = Recorder::start();
    let gateway = gateway(&recorder);
    let german = order("DE", "BE", GERMAN);
    let with = |changes: &[(&str, Value)]| {
        let mut order = german.clone();
        for (at, value) in changes {
            let at = order.pointer_mut(at).unwrap_or_else(|| panic!("{at}"));
            *at = value.clone();
        }
        order
    };
    let palau = json!({"country": "United States", "country_code": "US", "province_code": "PW"});
    let forces = json!({"country_code": "US", "province_code": "AE"});
    let named = json!({"country": "Puerto Rico", "country_code": null, "province_code": null});
    let disagreeing = json!({"country": "United States", "country_code": "DE"});
    let rows = [
        (
            "Palau is foreign",
            with(&[("/billing_address", palau.clone()), ("/shipping_address", palau)]),
            "allow",
        ),
        ("armed forces", with(&[("/shipping_address", forces)]), "block"),
        ("by name", with(&[("/billing_address", named)]), "block"),
        ("code and name disagree", with(&[("/billing_address", disagreeing)]), "block"),
        ("one address is missing", with(&[("/shipping_address", Value::Null)]), "allow"),
        (
            "the customer's is elsewhere",
            with(&[("/customer/default_address/country_code", json!("US"))]),
            "review",
        ),
        ("no customer", with(&[("/customer", Value::Null), ("/email", json!(""))]), "allow"),
        ("the other place of the ip", with(&[("/browser_ip", json!(US))]), "review"),
        (
            "nothing in one place",
            with(&[
                ("/client_details/browser_ip", json!("0.0.0.0")),
                ("/browser_ip", json!(GERMAN)),
            ]),
            "allow",
        ),
        ("nothing in either", with(&[("/client_details/browser_ip", json!("0.0.0.0"))]), "review"),
        ("a government's mail", with(&[("/email", json!("jane@state.gov"))]), "block"),
        ("the customer's mail", with(&[("/customer", json!({"email": "jane@army.mil"}))]), "block"),
        (
            "another maker's",
            with(&[
                (
                    "/line_items/0",
                    json!({"sku": "X-1", "title": "A shirt", "vendor": "Example Shop"}),
                ),
                ("/billing_address", json!({"country_code": "US"})),
            ]),
            "allow",
        ),
        (
            "a line without sku",
            with(&[
                (
                    "/line_items/0",
                    json!({"sku": null, "name": "Kaspersky Plus - 1 year", "vendor": "", "quantity": 0}),
                ),
                ("/billing_address", json!({"country_code": "US"})),
            ]),
            "block",
        ),
        ("wrapped", json!({"order": order("US", "NY", US)}), "block"),
    ];
    for (why, body, expected) in rows {
        assert_eq!(verdict(&gateway, &body), expected, "{why}");
    }
    assert_eq!(verdict(&gateway, &with(&[("/line_items/0/sku", json!({}))])), "review");
}

#[test]
fn what_cannot_be_read_is_held_and_what_sells_nothing_is_only_recorded() {
    let recorder = Recorder::start();
    let gateway = gateway(&recorder);
    let send = |topic: Option<&str>, body: &str| {
        let request = Request::post("/hooks/shopify", body);
        let request = request.header("X-Shopify-Hmac-Sha256", &sign(SECRET, body));
        let request = topic.iter().fold(request, |r, topic| r.header("X-Shopify-Topic", topic));
        let answer = request.send(gateway.address);
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{topic:?} {body}");
        answer
    };
    for (topic, body) in [
        (Some("products/update"), "{"),
        (Some("orders/create"), "<order/>"),
        (Some("orders/paid"), r#"{"id":7,"name":"\u00231002"}"#),
        (Some("orders/paid"), r#"{"id":7,"id":8,"line_items":[]}"#),
        (Some("subscription_contracts/create"), r#"{"id":7}"#),
        (None, r#"{"id":7}"#),
    ] {
        let answer = send(topic, body);
        let (told, id) = answer.decision().unwrap();
        let record = gateway.record(id);
        assert_eq!((told, &record["kind"]), ("review", &json!("decision")), "{topic:?} {body}");
        assert_eq!(record["decision"]["rule"], "unreadable-webhook", "{topic:?} {body}");
        assert_eq!(record["subject"]["topic"].as_str(), topic);
    }
    let edited =
        r#"{"order_edit":{"id":1,"order_id":7,"line_items":{"additions":[{"id":2,"delta":1}]}}}"#;
    for (topic, body) in [("orders/edited", edited), ("refunds/create", r#"{"id":1,"order_id":7}"#)]
    {
        let before = gateway.records().len();
        assert!(send(Some(topic), body).decision().is_none(), "{topic}: nothing was decided");
        let records = gateway.records();
        assert_eq!(records.len(), before + 1);
        let record = records.last().unwrap();
        assert_eq!((&record["kind"], &record["route"]), (&json!("received"), &json!("shopify")));
        assert_eq!(record["subject"], json!({"order": "7", "topic": topic}));
    }
    assert_eq!(
        gateway.metric("interdict_unjudged_requests_total{route=\"shopify\"}").to_string(),
        "2"
    );
    // A topic is not signed: it lets no order off.
    let body = order("US", "NY", US).to_string();
    assert_eq!(send(Some("products/update"), &body).decision().unwrap().0, "block");
    assert!(recorder.seen().is_empty());
}

#[test]
fn other_proxies_cannot_ask_about_a_webhook() {
    let recorder = Recorder::start();
    let builder = GatewayBuilder::new(recorder.address).routes(ROUTES);
    let builder = builder.gateway("api_clients = [\"127.0.0.1/32\"]");
    let gateway = builder.file("shopify-secret.txt", SECRET).start();
    let body = order("DE", "BE", GERMAN).to_string();
    let answer = Request::post("/check/caddy", body.as_str())
        .header("X-Forwarded-Method", "POST")
        .header("X-Forwarded-Uri", "/hooks/shopify")
        .header("X-Shopify-Hmac-Sha256", &sign(SECRET, &body))
        .send(gateway.address);
    assert_eq!((answer.status, answer.decision()), (404, None));
    assert!(gateway.records().is_empty());
}

#[test]
fn a_secret_that_cannot_be_used_is_78_and_named_with_its_key() {
    let recorder = Recorder::start();
    for (secret, says) in [
        (None, "cannot be read"),
        (Some(""), "is empty"),
        (Some("short"), "shorter than 16"),
        (
            Some("a-secret-of-some-length\nb-secret-of-some-length\nc-secret-of-some-length"),
            "more than two",
        ),
    ] {
        let builder = GatewayBuilder::new(recorder.address).routes(ROUTES);
        let builder = match secret {
            Some(text) => builder.file("shopify-secret.txt", text),
            None => builder,
        };
        let config = builder.write();
        for command in ["check", "serve"] {
            let ended = run(interdict().arg(command).arg("--config").arg(&config));
            assert_eq!(ended.code, Some(78), "{command}: {}", ended.stderr);
            let told = &ended.stderr;
            assert!(told.contains("route.shopify.secret: ") && told.contains(says), "{told}");
        }
    }
}

#[test]
fn fulfilment_is_told_which_order_to_hold() {
    let (recorder, receiver) = (Recorder::start(), Recorder::start());
    let notify =
        format!("[notify]\nurl = \"http://{}/hold\"\nkey = \"notify-key.txt\"\n", receiver.address);
    let builder = GatewayBuilder::new(recorder.address).routes(ROUTES).with(&notify);
    let builder = builder.file("notify-key.txt", STANDARD.encode([7; 32]));
    let gateway = builder.file("shopify-secret.txt", SECRET).start();
    let body = "{";
    let unreadable = unsigned(body).header("X-Shopify-Hmac-Sha256", &sign(SECRET, body));
    assert_eq!(verdict(&gateway, &order("DE", "BE", GERMAN)), "allow");
    assert_eq!(verdict(&gateway, &order("US", "NY", US)), "block");
    assert_eq!(unreadable.send(gateway.address).decision().unwrap().0, "review");
    let told = until("both messages", || {
        let seen = receiver.seen();
        (seen.len() == 2).then(|| {
            seen.iter()
                .map(|s| serde_json::from_slice::<Value>(&s.body).unwrap())
                .collect::<Vec<_>>()
        })
    });
    let data = |at: usize| &told[at]["data"];
    assert_eq!(data(0)["verdict"], "block");
    let subject =
        json!({"name": "#1001", "order": "450789469", "shop": SHOP, "topic": "orders/create"});
    assert_eq!(data(0)["subject"], subject);
    assert_eq!(
        (&data(1)["verdict"], &data(1)["subject"]["shop"]),
        (&json!("review"), &json!(SHOP))
    );
}

#[test]
fn what_cannot_be_recorded_is_503_so_that_the_shop_sends_it_again() {
    let recorder = Recorder::start();
    // Writes beyond one block fail as on a full disk; the signal that would come first is ignored.
    let script = "trap '' XFSZ; ulimit -S -f 1; exec \"$0\" \"$@\"";
    let builder = GatewayBuilder::new(recorder.address).routes(ROUTES).under(&["sh", "-c", script]);
    let gateway = builder.file("shopify-secret.txt", SECRET).start();
    let answer = until("a full disk", || {
        let answer = webhook(&gateway, &order("DE", "BE", GERMAN));
        (answer.status == 503).then_some(answer)
    });
    assert_eq!(answer.decision().unwrap().0, "error");
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn a_check_tells_that_nobody_hears_of_a_block() {
    let recorder = Recorder::start();
    let builder = GatewayBuilder::new(recorder.address).routes(ROUTES);
    let builder = builder.file("shopify-secret.txt", SECRET);
    let ended = run(interdict().args(["check", "--config"]).arg(builder.write()));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("without [notify]"), "{}", ended.stderr);
}
