//! The vendor's partner API: what resellers order there, by its own path or by another.

use crate::support::GERMAN;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;

const ROUTES: &str = r#"
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

#[test]
fn items_of_an_own_path_are_read_where_the_route_says() {
    let recorder = Recorder::start();
    let routes = ROUTES.replace(
        "preset = \"kaspersky-partner\"\n",
        "preset = \"kaspersky-partner\"\nitems = { at = \"/lines/*\", sku = \"/code\", name = \"/text\" }\n",
    );
    let gateway = GatewayBuilder::new(recorder.address).routes(&routes).start();
    let order = |name: &str| {
        let body = format!(
            "{{\"lines\":[{{\"code\":\"X\",\"text\":\"{name}\"}}],\"Customer\":{{\"Address\":{{\"Country\":\"USA\"}}}}}}"
        );
        Request::post("/erp/orders", body).send(gateway.address).status
    };
    assert_eq!(order("Kaspersky Premium"), 451);
    assert_eq!(order("Desk lamp"), 201);
    // The vendor's own entrance is read as the vendor has it.
    let body = "{\"Sku\":\"KL4863X*MG\",\"Customer\":{\"Address\":{\"Country\":\"USA\"}}}";
    let target = "/Subscriptions/v2.0/api/Subscription/create";
    assert_eq!(Request::post(target, body).send(gateway.address).status, 451);
}

#[test]
fn a_subscription_is_judged_and_its_end_is_not() {
    let recorder = Recorder::start();
    let gateway = GatewayBuilder::new(recorder.address).routes(ROUTES).start();
    let order = |country: &str| {
        format!(
            "{{\"BillingPlan\":\"Yearly\",\"Sku\":\"KL4863X*MG\",\"Quantity\":10,\"Expiration\":null,\"Customer\":{{\
             \"Contacts\":{{\"CompanyName\":\"Example\",\"Email\":\"it@example.com\",\"Phone\":\"\"}},\
             \"Address\":{{\"City\":\"X\",\"State\":\"\",\"Country\":\"{country}\"}}}},\"DeliveryEmail\":\"o@example.com\"}}"
        )
    };
    for target in [
        "/erp/orders",
        "/Subscriptions/v2.0/api/Subscription/create",
        "/korm/subscriptions/v2.0/API/Subscription/Create",
    ] {
        let send = |country: &str| {
            let request = Request::post(target, order(country)).header("X-End-User", GERMAN);
            request.send(gateway.address)
        };
        for us in ["USA", "United States", "us", "Puerto Rico", "840"] {
            assert_eq!(send(us).status, 451, "{target} {us}");
        }
        assert_eq!(send("Atlantis").status, 403, "{target}: unreadable is not foreign");
        assert_eq!(send("Germany").status, 201, "{target}");
        assert_eq!(recorder.last().body, order("Germany").as_bytes());
    }
    let other = |call: &str| {
        let target = format!("/Subscriptions/v2.0/api/Subscription/{call}");
        Request::post(&target, "{\"SubscriptionId\":\"1\"}").send(gateway.address)
    };
    for call in ["modifyexpiration", "modifyquantity", "renew"] {
        let answer = other(call);
        assert_eq!(
            (answer.status, answer.json()["type"].as_str()),
            (403, Some("unsupported-entrance")),
            "{call}"
        );
    }
    assert_eq!(other("hardcancel").status, 201);
}
