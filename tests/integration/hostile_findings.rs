//! What an attack on the gateway found: each promise here was once broken.

use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use crate::support::Answer;
use crate::support::GERMAN;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Nginx;
use crate::support::Request;
use crate::support::US;
use crate::support::http::connect;
use crate::support::http::raw;
use crate::support::until;

const ORDER: &str = r#"{"billing":{"country":"US"},"lines":[{"title":"TITLE","quantity":1}]}"#;

#[test]
fn a_slash_after_the_name_of_an_update_does_not_make_it_another_file() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    for target in ["/index/u1313g.xml/", "/index/u1313g.xml/.", "/index/u1313g.xml/x/.."] {
        assert_eq!(Request::get(target).from(US).send(gateway.address).status, 451, "{target}");
    }
    for target in ["/index/", "/bases/", "/bases/av/"] {
        let answer = Request::get(target).from(US).send(gateway.address);
        assert_eq!(answer.decision(), None, "{target}");
    }
}

#[test]
fn a_control_character_hides_no_name() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    for title in ["Kasper\\u0000sky Premium", "Kas\\u0008persky", "Каспер\\u007fский"] {
        let order = ORDER.replace("TITLE", title);
        let answer = Request::post("/api/orders", order).from(US).send(gateway.address);
        assert_eq!(answer.status, 451, "{title}");
    }
    let order = ORDER.replace("TITLE", "Kasper\\u0009Skyline poster");
    assert_eq!(Request::post("/api/orders", order).from(US).send(gateway.address).status, 201);
}

#[test]
fn a_request_without_one_host_is_recorded_where_it_would_have_been_judged() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let elsewhere = Request::get("http://other.example/index/u1313g.xml").send(gateway.address);
    let unreadable = Request::get("/mirror/x").host("a/b").send(gateway.address);
    for answer in [elsewhere, unreadable] {
        assert_eq!(answer.status, 400);
        let (verdict, id) = answer.decision().unwrap();
        assert_eq!(verdict, "error");
        assert_eq!(gateway.record(id)["status"], 400);
    }
    let unjudged = Request::get("/static/logo.txt").host("a/b").send(gateway.address);
    assert_eq!((unjudged.status, unjudged.decision()), (400, None));
}

#[test]
fn trace_and_connect_are_never_served_and_say_what_is() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let judged = Request::new("TRACE", "/api/orders").send(gateway.address);
    assert_eq!((judged.status, judged.header("allow")), (405, Some("POST")));
    let (verdict, id) = judged.decision().unwrap();
    assert_eq!((verdict, gateway.record(id)["status"].as_u64()), ("error", Some(405)));
    let unjudged = Request::new("TRACE", "/static/logo.txt").send(gateway.address);
    assert_eq!((unjudged.status, unjudged.decision()), (405, None));
    assert!(unjudged.header("allow").is_some());
    let tunnel = b"CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\n";
    assert_eq!(raw(gateway.address, tunnel).status, 405);
}

#[test]
fn an_order_that_breaks_off_is_recorded() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let request = Request::new("POST", "/api/orders")
        .from(GERMAN)
        .header("Content-Type", "application/json")
        .header("Transfer-Encoding", "chunked");
    let mut bytes = request.bytes();
    bytes.extend_from_slice(b"zz\r\n{}\r\n0\r\n\r\n");
    let answer = raw(gateway.address, &bytes);
    let (verdict, id) = answer.decision().unwrap();
    assert_eq!((answer.status, verdict), (400, "error"));
    assert_eq!(gateway.record(id)["reason"], "the body did not arrive whole");
}

#[test]
fn no_method_hides_in_the_query() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    for (target, seen) in [
        ("/static/logo.txt?_method=DELETE", "\"GET /static/logo.txt HTTP"),
        ("/static/logo.txt?a=1&%5Fmethod=PUT&b", "\"GET /static/logo.txt?a=1&b HTTP"),
        ("/static/logo.txt?method=PUT", "\"GET /static/logo.txt?method=PUT HTTP"),
    ] {
        Request::get(target).send(gateway.address);
        until(seen, || nginx.access_log().contains(seen).then_some(()));
    }
}

#[test]
fn a_name_that_is_judged_in_one_place_stands_in_no_other() {
    let routes = r#"
        [[route]]
        name = "buy"
        methods = ["POST"]
        path = "/buy"
        action = "resale"
        items = { name = { query = "product" } }
        buyer = { billing_country = { query = "country" } }
        upstream = "main"
        [[route]]
        name = "orders"
        methods = ["POST"]
        path = "/api/orders"
        action = "resale"
        items = { at = "/lines/*", name = "/title" }
        buyer = { billing_country = "/billing/country", declared_country = { query = "declared" } }
        upstream = "main"
    "#;
    let nginx = Nginx::start("location / { return 201 'done'; }\n", &[]);
    let gateway = GatewayBuilder::new(nginx.address).routes(routes).start();
    let form = |target: &str, kind: &str, body: &str| {
        let request = Request::new("POST", target).from(GERMAN).header("Content-Type", kind);
        request.body(body).send(gateway.address).status
    };
    let urlencoded = "application/x-www-form-urlencoded; charset=utf-8";
    assert_eq!(form("/buy?product=Lamp&country=DE", urlencoded, "note=hello"), 201);
    assert_eq!(form("/buy?product=Lamp&country=DE", urlencoded, "product=Kaspersky"), 400);
    assert_eq!(form("/buy?product=Lamp&country=DE", urlencoded, "countr%79[]=US"), 400);
    assert_eq!(form("/buy?product=Lamp&country=DE", "multipart/form-data; boundary=x", "--x"), 415);
    assert_eq!(form("/buy?product=Lamp&a=1&a=2", "text/plain", ""), 400);

    let order = |target: &str, body: &str| {
        Request::post(target, body).from(GERMAN).send(gateway.address).status
    };
    let body = r#"{"billing":{"country":"DE"},"lines":[{"title":"Lamp"}]}"#;
    assert_eq!(order("/api/orders?token=1&declared=DE", body), 201);
    assert_eq!(order("/api/orders?lines[0][title]=Kaspersky", body), 400);
    assert_eq!(order("/api/orders?billing[country]=US", body), 400);
    let twice = body.replacen('{', r#"{"declared":"US","#, 1);
    assert_eq!(order("/api/orders?declared=DE", &twice), 400);
}

#[test]
fn a_value_in_the_path_has_one_reading() {
    let routes = r#"
        [[route]]
        name = "buy"
        methods = ["POST"]
        path = "/buy/{sku}"
        action = "resale"
        items = { sku = { path = "sku" } }
        upstream = "main"
    "#;
    let nginx = Nginx::start("location / { return 201 'done'; }\n", &[]);
    let gateway = GatewayBuilder::new(nginx.address)
        .routes(routes)
        .with("[catalog]\nfile = \"catalog.csv\"")
        .file("catalog.csv", "sku,name,vendor,group\nHOUSE-17,Safe,Ours,kaspersky.covered\n")
        .start();
    let buy = |target: &str| Request::new("POST", target).from(US).send(gateway.address).status;
    assert_eq!(buy("/buy/HOUSE-18"), 201);
    assert_eq!(buy("/buy/house-17"), 451);
    assert_eq!(buy("/buy/HOUSE-17;x=1"), 400);
}

#[test]
fn a_number_that_some_readers_round_names_no_product() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let order = |sku: &str| {
        let body = format!(r#"{{"billing":{{"country":"US"}},"lines":[{{"sku":{sku}}}]}}"#);
        Request::post("/api/orders", body).from(US).send(gateway.address).status
    };
    assert_eq!(order("4006381333931"), 201);
    assert_eq!(order("9007199254740993"), 400);
    assert_eq!(order("\"9007199254740993\""), 201);
}

#[test]
fn a_body_that_trickles_ends_although_it_never_pauses() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = GatewayBuilder::new(nginx.address).gateway("body_timeout = \"500ms\"").start();
    let mut stream = connect(gateway.address);
    let request = Request::new("POST", "/api/orders")
        .from(GERMAN)
        .header("Content-Type", "application/json")
        .header("Content-Length", "100000");
    stream.write_all(&request.bytes()).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        while writer.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let answer = Answer::read(&mut stream, false);
    stream.shutdown(Shutdown::Both).ok();
    drip.join().unwrap();
    let (verdict, id) = answer.decision().unwrap();
    assert_eq!((answer.status, verdict), (408, "error"));
    assert_eq!(gateway.record(id)["status"], 408);
}

#[test]
fn the_decision_api_does_not_allow_a_path_that_it_cannot_read() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let contrived = format!("{}/../index/u1313g.xml", "/%2fa;%5c".repeat(5_000));
    let body = serde_json::json!({
        "action": "signature_update",
        "request": {"path": contrived},
        "buyer": {"billing_country": "US"},
    });
    let answer = Request::post("/v1/decide", body.to_string()).send(gateway.address);
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[test]
fn a_batch_of_empty_lines_neither_fills_memory_nor_holds_the_worker() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    let answer = Request::post("/v1/decide/batch", vec![b'\n'; 3_000_000]).send(gateway.address);
    assert_eq!(answer.status, 413);
}

#[test]
fn what_nobody_judges_goes_as_it_came() {
    let nginx = Nginx::start("merge_slashes off; location / { return 200 ok; }\n", &[]);
    let gateway = Gateway::start(nginx.address);
    for target in [
        "/c++",
        "/thumbs/80x/https://images.example/a.jpg",
        "/a|b/%7euser/?q=a+b",
        "/m%c3%bcnchen",
        "/a/./b/../c",
    ] {
        let answer = Request::get(target).from(US).send(gateway.address);
        assert_eq!((answer.status, answer.decision()), (200, None), "{target}");
        let seen = format!("\"GET {target} HTTP");
        until(&seen, || nginx.access_log().contains(&seen).then_some(()));
    }
    for target in ["/x/..//index+/u1313g.xml", "/a/../index+/u1313g.xml"] {
        Request::get(target).from(US).send(gateway.address);
        let seen = "\"GET /index%2B/u1313g.xml HTTP";
        until(target, || nginx.access_log().contains(seen).then_some(()));
    }
}

#[test]
fn every_kind_of_file_under_the_bases_is_an_update() {
    let nginx = Nginx::mirror_and_shop();
    let gateway = Gateway::start(nginx.address);
    for name in ["qscan/x.stt", "sw2/a.set", "wa/b.mft", "pf/c.dif"] {
        let target = format!("/mirror/bases/{name}");
        assert_eq!(Request::get(&target).from(US).send(gateway.address).status, 451, "{target}");
    }
}
