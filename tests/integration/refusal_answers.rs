//! What a refused customer is told: a page for people, a problem document for programs, and nothing of the evidence.

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;
use crate::support::VPN;

const US_ORDER: &str =
    r#"{"billing":{"country":"US"},"lines":[{"sku":"LAMP-1"},{"sku":"KL1047GDEFS"}]}"#;

#[test]
fn a_browser_gets_a_page_and_a_program_gets_a_problem() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    let ask = |accept: &str| {
        let request = Request::post("/api/orders", US_ORDER).from(US);
        request.header("Accept", accept).send(gateway.address)
    };
    for accept in ["text/html", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"] {
        let page = ask(accept);
        assert_eq!(page.status, 451);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("link"), Some("<https://shop.example/why>; rel=\"blocked-by\""));
        let (_, id) = page.decision().unwrap();
        for part in [
            "<html lang=\"en\"",
            "<title>",
            "<h1",
            "FD-3a",
            id,
            "KL1047GDEFS",
            "https://shop.example/why",
        ] {
            assert!(page.text().contains(part), "{part} is missing: {}", page.text());
        }
        assert!(!page.text().contains("<script"));
    }
    for accept in [
        "",
        "*/*",
        "application/json",
        "application/problem+json",
        "text/html;q=0.5, application/json",
    ] {
        let problem = ask(accept);
        assert_eq!(problem.header("content-type"), Some("application/problem+json"), "{accept}");
        assert_eq!(problem.json()["status"], 451);
    }
    let markup = US_ORDER.replace("KL1047GDEFS", "KL1047GDEFS<b>");
    let page = Request::post("/api/orders", markup).from(US).header("Accept", "text/html");
    assert!(!page.send(gateway.address).text().contains("<b>"), "what was sent is text");
}

#[test]
fn a_page_speaks_the_readers_language_and_names_where_to_object() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    let page = |order: &str, address, languages: &str| {
        let request = Request::post("/api/orders", order).from(address);
        let request = request.header("Accept", "text/html").header("Accept-Language", languages);
        request.send(gateway.address)
    };
    let spanish = page(US_ORDER, US, "es-PR,es;q=0.9,en;q=0.8");
    assert_eq!(spanish.status, 451);
    assert_eq!(spanish.header("content-language"), Some("es"));
    assert_eq!(spanish.header("vary"), Some("Accept, Accept-Language"));
    for part in [
        "<html lang=\"es\"",
        "No disponible por motivos legales",
        "FD-3a",
        "KL1047GDEFS",
        "href=\"https://shop.example/why\"",
        "cómo reclamar",
        "<p lang=\"en\">Resale of Kaspersky",
    ] {
        assert!(spanish.text().contains(part), "{part} is missing: {}", spanish.text());
    }
    let held = page(&US_ORDER.replace("US", "DE"), VPN, "es");
    assert_eq!(held.status, 403);
    assert!(held.text().contains("En espera de revisión"), "{}", held.text());
    assert!(!held.text().contains("prohíbe"), "{}", held.text());
    let other = page(US_ORDER, US, "ja, fr;q=0.5");
    assert_eq!(other.header("content-language"), Some("en"));
    assert!(other.text().contains("and how to object"));
}

#[test]
fn an_entrance_that_cannot_be_read_is_told_as_such_in_both_languages() {
    let recorder = Recorder::start();
    let routes = r#"
[[route]]
name = "erp"
path = "/erp/orders"
action = "resale"
preset = "kaspersky-partner"
buyer = { ip = { header = "X-End-User" } }
upstream = "main"

[[route]]
name = "rest"
path = "/{*any}"
action = "none"
upstream = "main"
"#;
    let gateway = GatewayBuilder::new(recorder.address).routes(routes).start();
    for (language, heading, advice, held) in [
        ("en", "This way to order is not supported here", "usual cart and checkout", "on hold"),
        ("es", "Aquí no se admite esta forma de hacer pedidos", "carrito", "en espera"),
    ] {
        let renewal = Request::post("/Subscriptions/v2.0/api/Subscription/renew", "{}");
        let renewal = renewal.header("Accept", "text/html").header("Accept-Language", language);
        let page = renewal.send(gateway.address);
        assert_eq!((page.status, page.header("content-language")), (403, Some(language)));
        let (_, id) = page.decision().unwrap();
        for part in [heading, advice, id, "href=\"https://shop.example/why\""] {
            assert!(page.text().contains(part), "{part} is missing: {}", page.text());
        }
        assert!(!page.text().contains(held), "nobody will look at it: {}", page.text());
    }
    assert!(recorder.seen().is_empty());
}

#[test]
fn a_page_that_no_law_is_behind_says_what_to_do_and_offers_no_objection() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    let page = |language: &str| {
        let request = german_order("{\"lines\":").header("Accept", "text/html");
        request.header("Accept-Language", language).send(gateway.address)
    };
    for (language, parts) in [
        ("en", ["This request could not be read", "What you can do", "Go back and try again"]),
        ("es", ["No se ha podido leer esta solicitud", "Qué puede hacer", "Vuelva atrás"]),
    ] {
        let page = page(language);
        assert_eq!(page.status, 400);
        let (_, id) = page.decision().unwrap();
        for part in parts.into_iter().chain([id]) {
            assert!(page.text().contains(part), "{part} is missing: {}", page.text());
        }
        assert!(!page.text().contains("shop.example/why"), "{}", page.text());
    }
}

#[test]
fn a_page_fetches_nothing_and_says_so() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    for (order, address) in [(US_ORDER, US), ("{", GERMAN)] {
        let request = Request::post("/api/orders", order).from(address);
        let page = request.header("Accept", "text/html").send(gateway.address);
        let policy = "default-src 'none'; style-src 'unsafe-inline'";
        assert_eq!(page.header("content-security-policy"), Some(policy));
        for fetched in ["<script", "<link", "<img", "src=", "url(", "@import", "@font-face"] {
            assert!(!page.text().contains(fetched), "{fetched} in {}", page.text());
        }
    }
}

#[test]
fn a_problem_has_the_members_of_the_contract_and_echoes_no_evidence() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    let order = r#"{"billing":{"country":"US","region":"PR"},"email":"jane.secret@army.mil","customer_ip":"198.51.100.99",
        "lines":[{"sku":"KL1047GDEFS","title":"Kaspersky Premium","vendor":"Kaspersky"}]}"#;
    let blocked = Request::post("/api/orders", order).from(US).send(gateway.address);
    let held =
        Request::post("/api/orders", order.replace("US", "DE").replace("army.mil", "example.de"));
    let held = held.from(VPN).send(gateway.address);
    assert_eq!((blocked.status, held.status), (451, 403));
    let malformed = german_order(order.replace("KL1047GDEFS", "\\ud800")).send(gateway.address);
    let mistyped =
        german_order(order.replace("\"PR\"", "{\"jane.secret\":1}")).send(gateway.address);
    assert_eq!((malformed.status, mistyped.status), (400, 400));
    for (answer, expected) in [
        (
            &blocked,
            &["clause", "decision", "items", "message", "policy", "status", "title", "type"][..],
        ),
        (&held, &["clause", "decision", "items", "message", "policy", "status", "title", "type"]),
        (&malformed, &["decision", "detail", "status", "title", "type"]),
        (&mistyped, &["decision", "detail", "status", "title", "type"]),
    ] {
        let problem = answer.json();
        let members: Vec<_> = problem.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, expected);
        assert_eq!(problem["decision"], answer.decision().unwrap().1);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let told = format!("{:?} {}", answer.headers, answer.text());
        for evidence in [
            "198.51.100",
            "192.0.2",
            "203.0.113",
            "jane.secret",
            "army.mil",
            "nexus",
            "vpn",
            "billing_country",
            "\"PR\"",
        ] {
            assert!(!told.contains(evidence), "{evidence} in {told}");
        }
    }
    for item in blocked.json()["items"].as_array().unwrap() {
        let members: Vec<_> = item.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["index", "sku", "verdict"]);
    }
    assert_eq!(blocked.json()["type"], "prohibited");
    assert_eq!(held.json()["type"], "review");
}

fn german_order(body: impl Into<Vec<u8>>) -> Request {
    Request::post("/api/orders", body).from(GERMAN)
}
