//! Look-ups that a route names itself: the shop's own cart, asked for with the client's own credentials.

use std::io::Write;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;

const ROUTES: &str = r#"
[[route]]
name = "checkout"
methods = ["POST"]
path = "/baskets/{id}/checkout"
action = "resale"
items = { lookup = "/api/baskets/{id}?full=1", session = ["sid"], at = "/lines/*", sku = "/sku", name = "/title" }
buyer = { billing_country = "/billing/country" }
upstream = "main"

[[route]]
name = "rest"
path = "/{*any}"
action = "none"
upstream = "main"
"#;

fn start(answer: &'static str) -> (Recorder, Gateway) {
    let store = Recorder::with(move |seen, stream| {
        let answer = if seen.head.starts_with("GET /api/baskets/") { answer } else { ACCEPTED };
        // One answer is cut off.
        stream.write_all(answer.as_bytes()).is_ok() && !answer.contains("Content-Length: 99")
    });
    let gateway = GatewayBuilder::new(store.address).routes(ROUTES).start();
    (store, gateway)
}

const ACCEPTED: &str = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
const BASKET: &str = "HTTP/1.1 200 OK\r\nContent-Length: 58\r\n\r\n{\"lines\":[{\"sku\":\"KL1047GDEFS\",\"title\":\"Kaspersky Plus\"}]}";

fn checkout(country: &str) -> Request {
    Request::post(
        "/baskets/a%20B/checkout",
        format!("{{\"billing\":{{\"country\":\"{country}\"}}}}"),
    )
    .header("Cookie", "sid=1; x=y")
    .from(GERMAN)
}

#[test]
fn a_basket_is_asked_for_by_the_path_and_judged_with_the_body() {
    let (store, gateway) = start(BASKET);
    assert_eq!(checkout("US").send(gateway.address).status, 451);
    let asked = store.last();
    assert_eq!(asked.target(), "/api/baskets/a%20B?full=1");
    assert_eq!(asked.values("cookie"), ["sid=1; x=y"]);
    assert_eq!(asked.values("x-forwarded-for"), [GERMAN]);
    let passed = checkout("DE").send(gateway.address);
    assert_eq!((passed.status, passed.decision().map(|d| d.0)), (201, Some("allow")));
    assert_eq!(store.last().body, b"{\"billing\":{\"country\":\"DE\"}}");
    assert_eq!(gateway.record(passed.decision().unwrap().1)["items"][0]["sku"], "KL1047GDEFS");
}

#[test]
fn what_the_store_does_not_tell_is_not_sold() {
    for (answer, status) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", 503),
        ("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", 503),
        ("HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n{}", 503),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlogin", 503),
        ("HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"lines\":[],\"a\":\"b\"", 503),
        ("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"lines\":[]}", 400),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 400),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"lines\":[{", 503),
    ] {
        let (store, gateway) = start(answer);
        let refused = checkout("DE").send(gateway.address);
        assert_eq!(refused.status, status, "{answer}");
        let (verdict, id) = refused.decision().unwrap();
        assert_eq!((verdict, &gateway.record(id)["status"]), ("error", &status.into()), "{answer}");
        assert!(store.seen().iter().all(|seen| seen.head.starts_with("GET")), "{answer}");
    }
}

#[test]
fn a_look_up_that_no_path_can_fill_is_a_problem_of_the_configuration() {
    let routes = ROUTES.replace("{id}?full", "{basket}?full");
    let builder = GatewayBuilder::new("127.0.0.1:9".parse().unwrap()).routes(&routes);
    let config = builder.write();
    let ended =
        crate::support::run(crate::support::interdict().arg("check").arg("--config").arg(config));
    assert_eq!(ended.code, Some(78));
    assert!(
        ended.stderr.contains("items.lookup") && ended.stderr.contains("{basket}"),
        "{}",
        ended.stderr
    );
}
