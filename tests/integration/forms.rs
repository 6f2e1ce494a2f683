//! Orders posted as forms, and evidence in cookies: one reading of each value, or none.

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;

const ROUTES: &str = r#"
[[route]]
name = "checkout"
methods = ["POST"]
path = "/checkout"
action = "resale"
items = { sku = { form = "sku" }, name = { form = "title" }, quantity = { form = "qty" } }
buyer = { billing_country = { form = "billing_country" }, shipping_country = { form = "ship[country]" }, declared_country = { cookie = "shop_country" } }
upstream = "main"

[[route]]
name = "rest"
path = "/{*any}"
action = "none"
upstream = "main"
"#;
const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";
const COVERED: &str = "sku=KL1047GDEFS&title=Kaspersky+Premium&qty=1";

fn start() -> (Recorder, Gateway) {
    let recorder = Recorder::start();
    let gateway = GatewayBuilder::new(recorder.address).routes(ROUTES).start();
    (recorder, gateway)
}

fn order(body: &str, client: &str) -> Request {
    Request::new("POST", "/checkout").header("Content-Type", FORM).from(client).body(body)
}

#[test]
fn a_us_form_is_refused_and_a_german_one_passes_byte_for_byte() {
    let (recorder, gateway) = start();
    let us = format!("{COVERED}&billing_country=US");
    let refused = order(&us, GERMAN).send(gateway.address);
    assert_eq!((refused.status, refused.json()["clause"].as_str()), (451, Some("FD-3a")));
    assert_eq!(refused.json()["items"][0]["sku"], "KL1047GDEFS");
    let spelled = "sku=kl1047-gdefs&%62illing.country=%55S&note=100%&x=%zz";
    assert_eq!(order(spelled, GERMAN).send(gateway.address).status, 451);
    let shipped = format!("{COVERED}&billing_country=DE&ship%5Bcountry%5D=US&ship[city]=x");
    assert_eq!(order(&shipped, GERMAN).send(gateway.address).status, 451);
    assert!(recorder.seen().is_empty());
    let german = format!("{COVERED}&billing_country=DE&comment=a%20%2B+b&&z");
    let passed = order(&german, GERMAN).send(gateway.address);
    assert_eq!((passed.status, passed.decision().map(|d| d.0)), (201, Some("allow")));
    assert_eq!(recorder.last().body, german.as_bytes());
    assert_eq!(recorder.last().values("content-type"), [FORM]);
    // No country at all is nobody's lawful order.
    assert_eq!(order(COVERED, GERMAN).send(gateway.address).status, 403);
    assert_eq!(order(&german, US).send(gateway.address).status, 403);
    // A book is another matter.
    let other = "sku=BOOK-1&title=Gardening&qty=2&billing_country=US";
    assert_eq!(order(other, US).send(gateway.address).status, 201);
}

#[test]
fn a_value_that_two_readers_could_read_in_two_ways_is_400_and_recorded() {
    let (recorder, gateway) = start();
    for (target, body) in [
        ("/checkout", "billing_country=DE&billing_country=US"),
        ("/checkout", "billing_country=DE&billing.country=US"),
        ("/checkout", "billing_country=DE&+billing+country=US"),
        ("/checkout", "billing_country[]=DE"),
        ("/checkout", "billing_country=DE&ship=US&ship[country]=DE"),
        ("/checkout?billing_country=DE", "billing_country=DE"),
        ("/checkout?billing%2ecountry=US", "billing_country=DE"),
        ("/checkout", "billing_country=DE&_method=DELETE"),
        ("/checkout", "billing_country=DE&billing_country%00=US"),
        ("/checkout", "billing_country=%ff"),
        ("/checkout", "billing_country=DE&qty=1"),
    ] {
        let quantity = if body.contains("qty") { "&qty=0" } else { "" };
        let body = format!("{COVERED}{quantity}&{body}");
        let request = Request::new("POST", target).header("Content-Type", FORM).from(GERMAN);
        let answer = request.body(body.clone()).send(gateway.address);
        assert_eq!(answer.status, 400, "{target} {body}");
        let (verdict, id) = answer.decision().unwrap();
        assert_eq!((verdict, &gateway.record(id)["status"]), ("error", &400.into()), "{body}");
    }
    assert!(recorder.seen().is_empty());
}

#[test]
fn another_kind_of_body_is_not_read() {
    let (recorder, gateway) = start();
    let body = format!("{COVERED}&billing_country=DE");
    for kind in [
        "application/json",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=utf-16",
        "text/plain",
    ] {
        let request = Request::new("POST", "/checkout").header("Content-Type", kind).from(GERMAN);
        assert_eq!(request.body(body.clone()).send(gateway.address).status, 415, "{kind}");
    }
    let untyped = Request::new("POST", "/checkout").from(GERMAN).body(body.clone());
    assert_eq!(untyped.send(gateway.address).status, 415);
    let twice = order(&body, GERMAN).header("Content-Type", "application/json");
    assert_eq!(twice.send(gateway.address).status, 415);
    let long = order(&format!("{body}&x={}", "y".repeat(2 << 20)), GERMAN);
    assert_eq!(long.send(gateway.address).status, 413);
    assert!(recorder.seen().is_empty());
}

#[test]
fn a_cookie_may_worsen_an_outcome_and_has_one_value() {
    let (recorder, gateway) = start();
    let body = format!("{COVERED}&billing_country=DE");
    let with = |cookie: &str| order(&body, GERMAN).header("Cookie", cookie).send(gateway.address);
    assert_eq!(with("a=1; shop_country=DE; b=2").status, 201);
    assert_eq!(recorder.last().values("cookie"), ["a=1; shop_country=DE; b=2"]);
    assert_eq!(with("shop_country=US").status, 403);
    assert_eq!(with("shop%5fcountry=%55%53").status, 403);
    for twice in ["shop_country=DE; shop_country=US", "shop_country=DE; shop.country=US"] {
        assert_eq!(with(twice).status, 400, "{twice}");
    }
    let two = order(&body, GERMAN)
        .header("Cookie", "shop_country=DE")
        .header("Cookie", "shop_country=US");
    assert_eq!(two.send(gateway.address).status, 400);
    assert_eq!(with("shop_country=\"US\"").status, 400);
}
