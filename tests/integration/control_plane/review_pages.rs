//! Holds worked in the pages, and what strangers wrote shown as text.

use serde_json::json;

use crate::support::Answer;
use crate::support::Console;
use crate::support::GatewayBuilder;
use crate::support::ORDERS_BY_ACCOUNT;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::VPN;
use crate::support::until;

use super::reviews::entries;
use super::reviews::order;
use super::reviews::staffed;

/// A form as the page would send it.
fn form(console: &Console, path: &str, fields: &[(&str, &str)]) -> Answer {
    let encoded = |text: &str| -> String {
        let bytes = text.bytes();
        bytes.map(|byte| format!("%{byte:02X}")).collect()
    };
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    let body = pairs.collect::<Vec<_>>().join("&");
    let request = console.request("POST", path);
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    request.body(body).send(console.address)
}

fn text(console: &Console, path: &str) -> String {
    let answer = console.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

fn version(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"version\" value=\"").expect("a form");
    rest.split('"').next().unwrap().replace("&#34;", "\"")
}

#[test]
fn the_pages_lead_from_a_held_order_to_a_clearance_and_back() {
    let upstream = Recorder::start();
    let gateway = staffed(GatewayBuilder::new(upstream.address).routes(ORDERS_BY_ACCOUNT));
    let (rita, paul) = (gateway.console("rita"), gateway.console("paul"));
    assert!(text(&rita, "/reviews").contains("Nothing waits"));
    assert_eq!(order(&gateway, "A-17", VPN).status, 403);
    let id = entries(&rita, "", 1)[0]["id"].as_str().unwrap().to_owned();
    let queue = text(&rita, "/reviews");
    for part in ["A-17", "Waits for you", "<span class=\"count\">1<"] {
        assert!(queue.contains(part), "{part}: {queue}");
    }
    assert!(!text(&gateway.console("vera"), "/").contains("class=\"count\""), "not for her");
    assert!(text(&rita, "/").contains("id=\"tile-reviews\""));

    let address = format!("/reviews/{id}");
    let page = text(&rita, &address);
    for part in ["a VPN hides where the connection begins", "Unclear", "from 192.0.2.0/24 alone,"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!text(&paul, &address).contains("/recommendation"), "he is no reviewer");
    let advice = |version: &str| {
        let fields = [
            ("version", version),
            ("outcome", "release"),
            ("reason_code", "vpn_of_foreign_customer"),
            ("note", "invoice seen"),
        ];
        form(&rita, &format!("{address}/recommendation"), &fields)
    };
    assert_eq!(advice("\"old\"").status, 412);
    let done = advice(&version(&page));
    assert_eq!((done.status, done.header("hx-redirect")), (200, Some(address.as_str())));
    assert!(text(&rita, &address).contains("You recommended this"));

    // He begins with what waits for him.
    assert!(text(&paul, "/reviews").contains(&address));
    let page = text(&paul, &address);
    for part in ["rita recommended to release", "invoice seen", "What a release will do"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let version = version(&page);
    let agree = [("version", version.as_str()), ("decision", "agree"), ("until", "2026-13-40")];
    let resolution = format!("{address}/resolution");
    assert_eq!(form(&paul, &resolution, &agree).status, 400, "no such day");
    assert_eq!(form(&rita, &resolution, &agree[..2]).status, 403, "the same person");
    assert_eq!(form(&paul, &resolution, &agree[..2]).status, 200);
    until("the order", || (order(&gateway, "A-17", VPN).status == 201).then_some(()));
    assert!(text(&paul, "/reviews?tab=done").contains("Released"));

    let clearance =
        paul.json("/admin/v1/clearances")["items"][0]["id"].as_str().unwrap().to_owned();
    let clearance = format!("/clearances/{clearance}");
    assert!(text(&rita, "/clearances").contains(&clearance));
    assert!(text(&paul, &clearance).contains("192.0.2.0/24"));
    let revoked = form(&paul, &format!("{clearance}/revocation"), &[("reason", "forged")]);
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    assert!(text(&paul, &clearance).contains("Revoked"));
    until("the hold", || (order(&gateway, "A-17", VPN).status == 403).then_some(()));
}

#[test]
fn what_strangers_wrote_is_text_in_the_queue_and_in_the_entry() {
    const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror=alert(2)>";
    let upstream = Recorder::start();
    let routes = ORDERS_BY_ACCOUNT.replace("sku = \"/sku\"", "sku = \"/sku\", name = \"/title\"");
    let gateway = staffed(GatewayBuilder::new(upstream.address).routes(&routes));
    let lines = json!([{ "sku": "KL1047GDEFS", "title": HOSTILE }]);
    let order = json!({ "account": HOSTILE, "country": "DE", "lines": lines });
    Request::post("/api/orders", order.to_string()).from(VPN).send(gateway.address);
    let (rita, paul) = (gateway.console("rita"), gateway.console("paul"));
    let id = entries(&rita, "", 1)[0]["id"].as_str().unwrap().to_owned();
    let address = format!("/reviews/{id}");
    let page = text(&rita, &address);
    let fields = [
        ("version", version(&page)),
        ("outcome", "release".to_owned()),
        ("reason_code", "other".to_owned()),
        ("note", HOSTILE.to_owned()),
    ];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(form(&rita, &format!("{address}/recommendation"), &fields).status, 200);
    let agreed = form(
        &paul,
        &format!("{address}/resolution"),
        &[("version", &version(&text(&paul, &address))), ("decision", "agree")],
    );
    assert_eq!(agreed.status, 200, "{}", agreed.text());
    for path in [&address, "/reviews?tab=done", "/clearances"] {
        let page = text(&paul, path);
        assert!(!page.contains("<script>alert") && !page.contains("<img"), "{path}: {page}");
        assert!(page.contains("&#60;script&#62;alert"), "{path}: it is not there");
    }
    let page = text(&paul, &address);
    assert!(page.matches("&#60;script&#62;alert").count() >= 4, "account, item, note, title");
}
