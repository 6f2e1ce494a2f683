//! Clients that change their cart while its checkout is on its way.

use std::io::Write;
use std::thread;
use std::time::Duration;

use super::woocommerce::ROUTES;
use crate::support::Gateway;
use crate::support::GatewayBuilder;
use crate::support::Request;
use crate::support::US;
use crate::support::http::connect;
use crate::support::store::Store;
use crate::support::store::session;
use crate::support::until;

const CHECKOUT: &str = "/wp-json/wc/store/v1/checkout";
const BILLED: &str = r#"{"billing_address":{"country":"US","state":"NY","email":"a@example.com"},"payment_method":"cheque"}"#;

fn start() -> (Store, Gateway) {
    let store = Store::start();
    store.slow(Duration::from_millis(400));
    let gateway = GatewayBuilder::new(store.address()).routes(ROUTES).start();
    (store, gateway)
}

fn checkout(name: &str) -> Request {
    Request::post(CHECKOUT, BILLED).header("Cookie", &session(name)).from(US)
}

/// Puts the covered product into the cart by a way that is not judged itself.
fn add(name: &str) -> Request {
    let body =
        r#"{"requests":[{"path":"/wc/store/v1/cart/add-item","method":"POST","body":{"id":93}}]}"#;
    Request::post("/wp-json/wc/store/v1/batch", body).header("Cookie", &session(name)).from(US)
}

fn checkout_is_under_way(store: &Store) {
    until("the checkout at the store", || {
        store
            .asked()
            .iter()
            .any(|asked| asked.starts_with("POST") && asked.ends_with("checkout"))
            .then_some(())
    });
}

#[test]
fn what_is_added_to_a_cart_while_it_is_checked_out_waits_for_the_order() {
    let (store, gateway) = start();
    for round in 0..4 {
        let name = format!("t_{round}");
        store.fill(&name, &[7]);
        thread::scope(|scope| {
            let orders = scope.spawn(|| checkout(&name).send(gateway.address));
            let racers: Vec<_> =
                (0..6).map(|_| scope.spawn(|| add(&name).send(gateway.address))).collect();
            let order = orders.join().unwrap();
            // Whoever was first: either the lamp alone is sold, or the order is refused for what was added.
            match order.status {
                200 => assert_eq!(store.orders().pop().unwrap(), [7], "round {round}"),
                status => assert_eq!(status, 451, "round {round}: {}", order.text()),
            }
            for racer in racers {
                assert_eq!(racer.join().unwrap().status, 207);
            }
        });
    }
    assert!(store.orders().iter().all(|order| !order.contains(&93)), "{:?}", store.orders());
}

#[test]
fn a_client_that_goes_away_does_not_open_its_cart() {
    let (store, gateway) = start();
    store.fill("t_1", &[7]);
    let mut gone = connect(gateway.address);
    gone.write_all(&checkout("t_1").bytes()).unwrap();
    checkout_is_under_way(&store);
    drop(gone);
    assert_eq!(add("t_1").send(gateway.address).status, 207);
    assert_eq!(store.orders(), [[7]], "the order was placed before anything was added");
}

#[test]
fn another_sessions_requests_do_not_wait() {
    let (store, gateway) = start();
    store.slow(Duration::from_secs(3));
    store.fill("t_1", &[7]);
    thread::scope(|scope| {
        let order = scope.spawn(|| checkout("t_1").send(gateway.address));
        checkout_is_under_way(&store);
        assert_eq!(add("t_2").send(gateway.address).status, 207);
        assert_eq!(
            Request::get("/shop/").header("Cookie", &session("t_1")).send(gateway.address).status,
            200
        );
        assert!(store.orders().is_empty(), "the checkout is still on its way");
        assert_eq!(order.join().unwrap().status, 200);
    });
}

#[test]
fn an_order_of_something_else_than_was_judged_is_found_recorded_and_counted() {
    let (store, gateway) = start();
    store.fill("t_1", &[7]);
    let answer = thread::scope(|scope| {
        let order = scope.spawn(|| checkout("t_1").send(gateway.address));
        checkout_is_under_way(&store);
        // By a way that does not lead through the gateway.
        store.fill("t_1", &[7, 93]);
        order.join().unwrap()
    });
    assert_eq!(answer.status, 200);
    let of = answer.decision().unwrap().1.to_owned();
    let mismatch = until("the mismatch", || {
        gateway.records().into_iter().find(|record| record["kind"] == "mismatch")
    });
    assert_eq!(mismatch["of"], of.as_str());
    assert_eq!(mismatch["subject"]["order"], "1");
    assert_eq!(mismatch["decision"]["verdict"], "block");
    assert_eq!(mismatch["judged"].as_array().unwrap().len(), 1);
    assert_eq!(mismatch["items"][1]["sku"], "KL1047GDEFS");
    let sample =
        |outcome: &str| format!("interdict_order_read_backs_total{{outcome=\"{outcome}\"}}");
    until("the count", || (gateway.metric(&sample("mismatch")) > 0.0).then_some(()));
    assert!(gateway.log().contains("something else than was judged"));
    store.fill("t_2", &[7]);
    assert_eq!(checkout("t_2").send(gateway.address).status, 200);
    until("the same", || (gateway.metric(&sample("same")) > 0.0).then_some(()));
}
