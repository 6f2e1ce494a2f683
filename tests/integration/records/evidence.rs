//! What stands in a decision's record beside the decision.

use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Recorder;
use crate::support::Request;
use crate::support::US;

const UPDATE: &str = "/mirror/index/u1313g.xml";

#[test]
fn an_update_is_recorded_with_every_rule_and_whose_it_was() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(recorder.address);
    for (client, outcome, verdict, country) in
        [(US, "applied", json!("block"), "US"), (GERMAN, "foreign", Value::Null, "DE")]
    {
        let answer = Request::get(UPDATE).from(client).send(gateway.address);
        let record = gateway.record(answer.decision().unwrap().1);
        let rule = &record["rules"][0];
        assert_eq!(rule["policy"], "us-commerce-kaspersky");
        assert_eq!(
            (&rule["rule"], &rule["clause"]),
            (&"signature-updates".into(), &"FD-2a".into())
        );
        assert_eq!((&rule["outcome"], &rule["verdict"]), (&outcome.into(), &verdict));
        assert_eq!(record["country"], country);
        assert_eq!(record["seller"], json!({"from": "reseller", "organization_country": "DE"}));
        assert_eq!(record["evidence"]["addresses"][0]["country"], country);
        let request = &record["request"];
        assert_eq!((&request["client"], &request["peer"]), (&client.into(), &"127.0.0.1".into()));
        assert_eq!((&request["forwarded"], &request["judged"]), (&"header".into(), &true.into()));
        let at = record["decision"]["at"].as_str().unwrap();
        let year: i32 = at[..4].parse().unwrap();
        assert!(record["retain_until"].as_str().unwrap().starts_with(&(year + 10).to_string()));
        for absent in ["masked", "value", "subject"] {
            assert_eq!(record.get(absent), None, "{record}");
        }
    }
}

#[test]
fn an_order_is_recorded_with_its_body_its_catalogue_rows_and_what_it_comes_to() {
    let recorder = Recorder::start();
    let gateway = GatewayBuilder::new(recorder.address)
        .file("catalog.csv", "sku,name,vendor,group\nBOX-1,Antivirus Box,,kaspersky.covered\nBOX-2,,,none\n")
        .with("[catalog]\nfile = \"catalog.csv\"")
        .routes(
            r#"
[[route]]
name = "orders"
path = "/api/orders"
action = "resale"
items = { at = "/lines/*", sku = "/sku", name = "/title", vendor = "/vendor", quantity = "/quantity", attributes = { year = "/year" } }
buyer = { billing_country = "/country", email = "/email" }
seller = { organization_country = "/seller" }
value = { amount = "/sum", currency = { query = "currency" } }
upstream = "main"
"#,
        )
        .start();
    let body = r#"{"country":"Puerto Rico","email":"private@person.example","seller":"Germany","sum":29.90,
        "lines":[{"sku":"box-1","quantity":2,"year":2027.5},{"sku":"BOX 2","vendor":"Example Shop"},
                 {"title":"Licence ABCDE-12345-FGHIJ-67890","year":"x"}]}"#;
    let answer = Request::post("/api/orders?currency=EUR", body).from(GERMAN).send(gateway.address);
    assert_eq!(answer.status, 451, "{}", answer.text());
    let record = gateway.record(answer.decision().unwrap().1);
    let hash: String =
        Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(record["request"]["body"], json!({"bytes": body.len(), "sha256": hash}));
    assert_eq!(record["value"], json!({"amount": "29.9", "currency": "EUR"}));
    assert_eq!(record["country"], "PR");
    assert_eq!(record["evidence"]["billing_country"], "Puerto Rico");
    assert_eq!(record["evidence"]["read"]["billing_country"], "PR");
    assert_eq!(record["evidence"]["read"]["email"], "ordinary");
    assert_eq!(record["seller"]["from"], "request");
    assert_eq!(record["seller"]["read"], json!({"organization_country": "DE"}));
    let items = &record["items"];
    assert_eq!(
        items[0],
        json!({
            "attributes": {"year": 2027.5},
            "catalog": {"group": "kaspersky.covered", "name": "antivirus box", "sku": "BOX1"},
            "quantity": 2,
            "sku": "box-1"
        })
    );
    assert_eq!(items[1]["catalog"], json!({"group": "none", "sku": "BOX2"}));
    assert_eq!(items[1]["vendor_is_reseller"], true);
    assert_eq!(items[2]["name"], "Licence [masked]");
    assert_eq!(record["masked"], json!(["items.2.name"]));
    let outcomes: Vec<_> =
        record["rules"].as_array().unwrap().iter().map(|rule| &rule["outcome"]).collect();
    assert!(outcomes.contains(&&"applied".into()) && !record.to_string().contains("private"));
}

#[test]
fn what_cannot_be_read_as_a_value_refuses_nobody() {
    let recorder = Recorder::start();
    let gateway = GatewayBuilder::new(recorder.address)
        .routes(
            r#"
[[route]]
name = "orders"
path = "/api/orders"
action = "resale"
items = { at = "/lines/*", sku = "/sku" }
buyer = { billing_country = "/country" }
value = { amount = "/sum/0", currency = "/currency" }
upstream = "main"
"#,
        )
        .start();
    for (sum, value) in [
        (r#"["29.00"]"#, json!({"amount": "29.00", "currency": "EUR"})),
        (r#"["much"]"#, Value::Null),
        ("[{}]", Value::Null),
        ("null", Value::Null),
        (r#"["ABCDE-12345-FGHIJ-67890"]"#, Value::Null),
    ] {
        let body = format!(
            r#"{{"country":"DE","currency":"EUR","sum":{sum},"lines":[{{"sku":"KL1047GDEFS"}}]}}"#
        );
        let answer = Request::post("/api/orders", body).from(GERMAN).send(gateway.address);
        assert_eq!(answer.status, 201, "{sum}");
        assert_eq!(gateway.record(answer.decision().unwrap().1)["value"], value, "{sum}");
    }
}

#[test]
fn the_platforms_orders_say_what_they_come_to() {
    let recorder = Recorder::start();
    let route = |preset: &str| {
        let routes = format!(
            "[[route]]\nname = \"shop\"\npath = \"/{{*any}}\"\naction = \"resale\"\npreset = \"{preset}\"\nupstream = \"main\"\n"
        );
        GatewayBuilder::new(recorder.address).routes(&routes).start()
    };
    let woo = route("woocommerce");
    let order = r#"{"billing":{"country":"US"},"currency":"USD","total":"29.00","line_items":[{"sku":"KL1047GDEFS"}]}"#;
    let answer = Request::post("/wp-json/wc/v3/orders", order).from(GERMAN).send(woo.address);
    let record = woo.record(answer.decision().unwrap().1);
    assert_eq!(record["value"], json!({"amount": "29.00", "currency": "USD"}), "{record}");

    let magento = route("magento");
    let order = r#"{"entity":{"billing_address":{"country_id":"US"},"grand_total":29.5,"order_currency_code":"USD","items":[{"sku":"KL1047GDEFS"}]}}"#;
    let answer = Request::post("/rest/V1/orders", order).from(GERMAN).send(magento.address);
    let record = magento.record(answer.decision().unwrap().1);
    assert_eq!(record["value"], json!({"amount": "29.5", "currency": "USD"}), "{record}");
}
