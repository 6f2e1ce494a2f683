//! JSON orders: refused whole when a line is prohibited, passed byte for byte when none is.

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::US;

const US_ORDER: &str = r#"{"billing":{"country":"US"},"lines":[{"sku":"LAMP-1","title":"Desk lamp","vendor":"Lumen","quantity":1},{"sku":"KL1047GDEFS","title":"Kaspersky Premium","vendor":"Kaspersky","quantity":2}]}"#;

#[test]
fn an_order_with_one_prohibited_line_is_refused_whole_and_names_the_line() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let answer = Request::post("/api/orders", US_ORDER).from(US).send(gateway.address);
    assert_eq!(answer.status, 451);
    let problem = answer.json();
    assert_eq!(
        problem["items"],
        serde_json::json!([{"index":1,"sku":"KL1047GDEFS","verdict":"block"}])
    );
    assert!(!nginx.access_log().contains("/api/orders"));

    let german = US_ORDER.replace("\"US\"", "\"DE\"");
    let answer = Request::post("/api/orders", german).from(GERMAN).send(gateway.address);
    assert_eq!((answer.status, answer.text()), (201, "{\"order\":\"accepted\"}".to_owned()));
    assert!(nginx.access_log().contains("POST /api/orders"));
}
