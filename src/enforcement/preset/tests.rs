//! Every entrance in every spelling, and what is none.

use crate::message::Form;
use crate::model::json_from_slice;
use crate::settings::Preset;
use crate::settings::Route;

use super::*;

/// How a request is recognised: the entrance's place among the templates, `x` where it cannot be read, `-` where it is none.
fn told(platform: Platform, method: &str, target: &str, form: &str, document: &str) -> String {
    let target = crate::message::canonicalize(target.as_bytes()).unwrap();
    let form = (!form.is_empty()).then(|| Form::parse(form).unwrap());
    let document = (!document.is_empty()).then(|| json_from_slice(document.as_bytes()).unwrap());
    let asked = Asked {
        document: document.as_ref(),
        folded: target.folded(),
        form: form.as_ref(),
        method,
        path: target.path(),
        query: target.query(),
    };
    match platform.recognise(&asked) {
        Recognised::Elsewhere => "-".to_owned(),
        Recognised::Unreadable => "x".to_owned(),
        Recognised::Entrance(hit) => {
            let parameters = hit.parameters.join(",");
            format!("{} {} {parameters}", hit.entrance, hit.base).trim_end().to_owned()
        }
    }
}

fn check(platform: Platform, rows: &[(&str, &str, &str, &str)]) {
    for (method, target, form, expected) in rows {
        assert_eq!(told(platform, method, target, form, ""), *expected, "{method} {target} {form}");
    }
}

#[test]
fn every_template_is_a_route() {
    let own = Route {
        preset: Some(Preset::WooCommerce),
        client: Preset::WooCommerce.client(),
        ..Route::passing("shop", "/{*any}", "main")
    };
    for platform in [Platform::KasperskyPartner, Platform::Magento, Platform::WooCommerce] {
        for template in platform.templates() {
            let route = template.route(&own);
            assert!(route.items.is_some());
            assert_ne!(route.client, crate::settings::ClientRole::ByEntrance);
        }
        assert!(platform.templates().get(platform.own_shape()).is_some());
    }
}

#[test]
fn woocommerce_orders_are_recognised_in_every_spelling() {
    check(
        Platform::WooCommerce,
        &[
            ("POST", "/wp-json/wc/v3/orders", "", "0 /wp-json"),
            ("POST", "/wp-json/wc/v1/orders/", "", "0 /wp-json"),
            ("POST", "/WP-JSON/WC/V2/Orders", "", "0 /WP-JSON"),
            ("POST", "/shop/wp-json/wc/v3/orders", "", "0 /shop/wp-json"),
            ("POST", "/index.php/wp-json/wc/v3/orders", "", "0 /index.php/wp-json"),
            ("POST", "/?rest_route=/wc/v3/orders", "", "0 /?rest_route="),
            (
                "POST",
                "/index.php?a=b&rest_route=%2Fwc%2Fv3%2Forders%2F",
                "",
                "0 /index.php?rest_route=",
            ),
            ("POST", "/?rest.route=/WC/v3/orders", "", "0 /?rest_route="),
            ("POST", "/?rest_route=/wc/v3/orders%0a", "", "0 /?rest_route="),
            ("POST", "/?rest_route=/wc/v3/%256frders", "", "x"),
            (
                "POST",
                "/wp-json/wp/v2/posts?rest_route=/wc/v3/orders",
                "",
                "0 /wp-json/wp/v2/posts?rest_route=",
            ),
            ("POST", "/any/page", "rest_route=/wc/v3/orders&x=y", "0 /any/page?rest_route="),
            ("GET", "/wp-json/wc/v3/orders", "", "-"),
            ("PUT", "/wp-json/wc/v3/orders/727", "", "2 /wp-json 727"),
            ("POST", "/?rest_route=/wc/v3/orders/727", "", "2 /?rest_route= 727"),
            ("DELETE", "/wp-json/wc/v3/orders/727", "", "-"),
            ("POST", "/wp-json/wc/v3/orders/727/refunds", "", "-"),
            ("POST", "/wp-json/wc/v3/orders/727/subscriptions", "", "x"),
            ("POST", "/wp-json/wc/v3/orders/batch", "", "1 /wp-json"),
            ("POST", "/wp-json/wc/v3/subscriptions", "", "0 /wp-json"),
            ("POST", "/wp-json/wc/v9/orders", "", "x"),
            ("POST", "/wp-json/wc/agentic/v1/checkout_sessions", "", "x"),
            ("POST", "/wc-api/v3/orders", "", "x"),
            ("POST", "/?wc-api-version=3&wc-api-route=/orders", "", "x"),
            ("POST", "/wp-json/wc/v3/products", "", "-"),
            ("POST", "/wp-json/contact/v1/form", "", "-"),
        ],
    );
}

#[test]
fn woocommerce_checkouts_and_carts_are_recognised_in_every_spelling() {
    check(
        Platform::WooCommerce,
        &[
            ("POST", "/wp-json/wc/store/v1/checkout", "", "3 /wp-json"),
            ("POST", "/wp-json/wc/store/checkout", "", "3 /wp-json"),
            ("PUT", "/wp-json/wc/store/v1/checkout", "", "4 /wp-json"),
            ("POST", "/wp-json/wc/store/v1/checkout/12", "", "x"),
            ("POST", "/wp-json/wc/store/v1/cart/add-item", "", "5 /wp-json"),
            ("POST", "/wp-json/wc/store/v1/cart/items", "", "5 /wp-json"),
            ("POST", "/wp-json/wc/store/v1/cart/apply-coupon", "", "-"),
            ("POST", "/?wc-ajax=checkout", "billing_country=DE", "6 /wp-json"),
            (
                "POST",
                "/de/?wc-ajax=checkout",
                "billing_country=DE&ship_to_different_address=1",
                "7 /wp-json",
            ),
            ("POST", "/?wc-ajax%00=checkout", "billing_country=DE", "6 /wp-json"),
            ("POST", "/?rest_route%00x=/wc/v3/orders", "", "0 /?rest_route="),
            ("POST", "/wp-json/wc/v3/orders/12?set_paid=true", "", "x"),
            ("POST", "/?wc-ajax=checkout&add-to-cart=93", "billing_country=DE", "x"),
            ("POST", "/?wc-ajax=checkout", "billing_country=DE&add.to-cart=1&add-to-cart=93", "x"),
            ("POST", "/?rest_route=/wc/store/v1/checkout&session=other", "", "x"),
            ("POST", "/checkout/?undo_item=k", "woocommerce_checkout_place_order=1", "x"),
            ("POST", "/?wc-ajax=check%25aaout", "a=b", "x"),
            ("POST", "/?wc-ajax=%20checkout", "a=b", "x"),
            ("POST", "/?wc-ajax=update_order_review", "a=b", "-"),
            ("POST", "/?wc-ajax=wc_stripe_create_order", "a=b", "x"),
            ("POST", "/?wc-ajax=ppc-create-order", "a=b", "x"),
            ("POST", "/?wc-ajax=get_refreshed_fragments", "a=b", "-"),
            ("POST", "/wp-admin/admin-ajax.php?action=woocommerce_checkout", "a=b", "6 /wp-json"),
            ("POST", "/wp-admin/admin-ajax.php", "action=woocommerce_checkout", "6 /wp-json"),
            ("POST", "/checkout/", "woocommerce_checkout_place_order=Place+order", "6 /wp-json"),
            ("POST", "/checkout/order-pay/12/?key=wc_order_x", "woocommerce_pay=1", "x"),
            ("GET", "/?add-to-cart=93", "", "8 /wp-json 93"),
            ("POST", "/product/x/", "add-to-cart=93&variation_id=0", "8 /wp-json 93"),
            ("POST", "/product/x/?add-to-cart=7", "add-to-cart=93", "8 /wp-json 93"),
            ("POST", "/product/x/", "add-to-cart=93&variation_id=97", "8 /wp-json 97"),
            ("POST", "/?wc-ajax=add_to_cart", "product_id=93&quantity=1", "8 /wp-json 93"),
            ("GET", "/checkout/", "", "-"),
            ("POST", "/contact/", "name=x&order=12", "-"),
        ],
    );
}

#[test]
fn a_woocommerce_request_with_two_readings_is_refused() {
    check(
        Platform::WooCommerce,
        &[
            // PHP tells cases apart and parts pairs by `&` alone; other readers do not.
            ("POST", "/wp-json/wc/v3/orders?REST_ROUTE=/x", "", "0 /wp-json"),
            ("POST", "/wp-json/wc/v3/orders?a=1;rest_route=/x", "", "0 /wp-json"),
            ("POST", "/wp-json/wc/v3/orders", "rest_route=/x", "0 /wp-json"),
            ("POST", "/wp-json/wc/store/v1/checkout?REST_ROUTE=/wc/v3/orders", "", "x"),
            ("POST", "/?rest_route=/wc/v3/orders&rest_route=/wc/store/v1/checkout", "", "x"),
            ("POST", "/?wc-ajax=checkout&REST_ROUTE=/wc/v3/orders", "a=b", "x"),
            // The shop puts the product in the cart first, and sells it.
            ("POST", "/?wc-ajax=checkout&add-to-cart=93", "billing_country=DE", "x"),
            ("POST", "/?wc-ajax=checkout", "billing_country=DE&add-to-cart=93abc", "x"),
            ("POST", "/?wc-ajax=checkout&order_again=12", "billing_country=DE", "x"),
            ("POST", "/checkout/?undo_item=k", "woocommerce_checkout_place_order=1", "x"),
            ("POST", "/?rest_route=/wc/store/v1/checkout&add-to-cart=93", "", "x"),
            ("POST", "/wp-json/wc/store/v1/checkout?session=x", "", "x"),
            ("POST", "/?wc-ajax=checkout", "woocommerce_checkout_place_order=1", "6 /wp-json"),
            ("POST", "/?wc-ajax=add_to_cart", "product_id=93&add-to-cart=93", "8 /wp-json 93"),
            // No file is there: it is the shop's own front page.
            ("POST", "/wp-admin/x", "woocommerce_checkout_place_order=1", "6 /wp-json"),
            ("POST", "/wp-admin/admin-ajax.php/x", "action=woocommerce_checkout", "6 /wp-json"),
            ("POST", "/wp-json/wc/store/v2/checkout", "", "x"),
            ("POST", "/?wc-ajax=wc_stripe_pay_for_order", "a=b", "x"),
            ("POST", "/?wc-ajax=ppc-approve-subscription", "a=b", "x"),
        ],
    );
    let asked = Asked {
        document: None,
        folded: "/wp-admin/x",
        form: None,
        method: "POST",
        path: "/wp-admin/x",
        query: None,
    };
    assert_eq!(woocommerce::wants(&asked), Wants::Form);
}

#[test]
fn a_batch_is_refused_where_an_order_is_among_its_requests() {
    let batch = |path: &str| {
        let document =
            format!(r#"{{"requests":[{{"path":"{path}","method":"POST","body":{{}}}}]}}"#);
        told(Platform::WooCommerce, "POST", "/wp-json/wc/store/v1/batch", "", &document)
    };
    assert_eq!(batch("/wc/store/v1/cart/add-item"), "-");
    assert_eq!(batch("/wc/store/v1/checkout"), "x");
    assert_eq!(batch("/wc/store/v1/CHECKOUT"), "x");
    assert_eq!(batch("/wc/v3/orders"), "x");
    assert_eq!(batch("/wc/store/v1/\\u0063heckout"), "x");
    assert_eq!(told(Platform::WooCommerce, "POST", "/wp-json/batch/v1", "", ""), "x");
}

#[test]
fn magento_orders_are_recognised_in_every_spelling() {
    check(
        Platform::Magento,
        &[
            (
                "POST",
                "/rest/V1/guest-carts/aBc/payment-information",
                "",
                "1 /rest/V1 guest-carts/aBc",
            ),
            (
                "POST",
                "/rest/default/V1/guest-carts/aBc/payment-information",
                "",
                "1 /rest/default/V1 guest-carts/aBc",
            ),
            (
                "POST",
                "/index.php/rest/V1/carts/mine/payment-information",
                "",
                "1 /index.php/rest/V1 carts/mine",
            ),
            ("PUT", "/pub/rest/v1/guest-carts/aBc/order", "", "2 /pub/rest/v1 guest-carts/aBc"),
            ("PUT", "/rest/V1/carts/12/order", "", "2 /rest/V1 carts/12"),
            ("POST", "/rest/V1/guest-carts/aBc/items", "", "3 /rest/V1 guest-carts/aBc"),
            ("POST", "/rest/V1/orders", "", "0 /rest/V1"),
            ("PUT", "/rest/V1/orders/create", "", "0 /rest/V1"),
            ("POST", "/rest/V1/orders/12/cancel", "", "-"),
            ("POST", "/rest/async/V1/orders", "", "x"),
            ("POST", "/rest/all/async/bulk/V1/guest-carts/byCartId/order", "", "x"),
            ("POST", "/rest/V1/negotiable-carts/1/payment-information", "", "x"),
            ("GET", "/rest/V1/guest-carts/aBc/items", "", "-"),
            ("POST", "/rest/V1/guest-carts/aBc/shipping-information", "", "-"),
            ("POST", "/paypal/express/placeOrder/", "", "x"),
            ("POST", "/multishipping/checkout/overviewPost", "", "x"),
            ("POST", "/paypal/payflow/returnUrl", "", "x"),
            ("GET", "/paypal/express/return?token=EC-1&PayerID=2", "", "x"),
            ("POST", "/authorizenet/directpost_payment/place", "", "x"),
            (
                "POST",
                "/soap/default?services=catalogProductRepositoryV1&services%00=quoteCartManagementV1",
                "",
                "x",
            ),
            ("POST", "/rest/V1/async/bulk/orders", "", "x"),
            ("POST", "/admin/sales/order_create/save/key/1", "", "x"),
            ("GET", "/graphql/?query=mutation%7BplaceOrder%7D", "", "x"),
            ("GET", "/graphql/any?query=mutation%7BplaceOrder%7D", "", "x"),
            ("POST", "/soap/default?services=quoteGuestCartManagementV1", "", "x"),
            ("POST", "/soap/default?services=catalogProductRepositoryV1", "", "-"),
            ("GET", "/soap/default?wsdl&services=salesOrderManagementV1", "", "-"),
            ("GET", "/graphql?query=%7Bproducts%7D", "", "-"),
            ("GET", "/graphql?query=mutation%7BplaceOrder%7D", "", "x"),
        ],
    );
    let graphql = |query: &str| {
        let document = format!(r#"{{"query":"{query}"}}"#);
        told(Platform::Magento, "POST", "/graphql", "", &document)
    };
    assert_eq!(graphql("{ products(search: \\\"x\\\") { items { sku } } }"), "-");
    assert_eq!(
        graphql("mutation { a: placeOrder(input: {cart_id: \\\"x\\\"}) { order { id } } }"),
        "x"
    );
    assert_eq!(
        graphql("mutation { setPaymentMethodAndPlaceOrder(input: {}) { order { id } } }"),
        "x"
    );
    assert_eq!(graphql("mutation { pla\\u0063eOrder }"), "x");
}

#[test]
fn the_partner_api_is_recognised_and_what_it_cannot_tell_is_refused() {
    check(
        Platform::KasperskyPartner,
        &[
            ("POST", "/Subscriptions/v2.0/api/Subscription/create", "", "0"),
            ("POST", "/korm/subscriptions/V2.0/API/subscription/CREATE/", "", "0"),
            ("POST", "/Subscriptions/v2.0/api/Subscription/hardcancel", "", "-"),
            ("POST", "/Subscriptions/v2.0/api/Subscription/modifyexpiration", "", "x"),
            ("GET", "/Subscriptions/v2.0/api/Subscription/create", "", "-"),
            ("POST", "/subscriptions/Subscriptions/v2.0/api/Subscription/renew", "", "x"),
            ("POST", "/orders", "", "-"),
        ],
    );
}

/// The lines of docs/presets.md that say what becomes of a request.
fn documented(preset: &str) -> Vec<(String, String, String, String)> {
    let page = include_str!("../../../docs/presets.md");
    let block = page.split(&format!("```requests {preset}\n")).nth(1).expect("its block");
    let lines = block.split("```").next().unwrap().lines();
    lines
        .map(|line| {
            let (request, outcome) = line.rsplit_once(" -> ").expect(line);
            let (method, rest) = request.split_once(' ').expect(line);
            let (target, form) = rest.split_once(" [").unwrap_or((rest, ""));
            let form = form.trim_end_matches(']');
            [method, target, form, outcome].map(str::to_owned).into()
        })
        .collect()
}

#[test]
fn every_request_in_the_documents_is_treated_as_they_say() {
    for platform in [Platform::KasperskyPartner, Platform::Magento, Platform::WooCommerce] {
        let preset = match platform {
            Platform::KasperskyPartner => Preset::KasperskyPartner,
            Platform::Magento => Preset::Magento,
            Platform::WooCommerce => Preset::WooCommerce,
        };
        let lines = documented(preset.as_str());
        assert!(lines.len() > 5);
        for (method, target, form, outcome) in lines {
            let told = match told(platform, &method, &target, &form, "").as_str() {
                "-" => "passed",
                "x" => "refused",
                _ => "judged",
            };
            assert_eq!(told, outcome, "{method} {target} [{form}]");
        }
    }
}

/// Words by which a platform's module recognises an entrance: the texts below its templates.
fn words(source: &str) -> Vec<&str> {
    let recognisers = source.split("pub(super) const TEMPLATES").nth(1).unwrap();
    let recognisers = recognisers.split_once("];\n").unwrap().1;
    let code = recognisers.lines().filter(|line| !line.trim_start().starts_with("//"));
    let texts = code.flat_map(|line| line.split('"').skip(1).step_by(2));
    texts.filter(|text| text.len() > 3 && !text.contains(['{', '\\'])).collect()
}

#[test]
fn every_word_that_a_preset_knows_is_documented() {
    let page = include_str!("../../../docs/presets.md").to_lowercase();
    for (source, least) in [
        (include_str!("magento.rs"), 40),
        (include_str!("partner.rs"), 4),
        (include_str!("woocommerce.rs"), 50),
    ] {
        let words = words(source);
        assert!(words.len() >= least, "only {}: {words:?}", words.len());
        for word in words {
            let found = page.contains(&word.to_lowercase());
            assert!(found, "`{word}` is not in docs/presets.md");
        }
    }
}

#[test]
fn every_place_that_a_template_reads_is_documented() {
    let page = include_str!("../../../docs/presets.md").to_lowercase().replace('_', "");
    for platform in [Platform::KasperskyPartner, Platform::Magento, Platform::WooCommerce] {
        for template in platform.templates() {
            for (_, at) in template.buyer {
                let last = match at {
                    template::At::Body(pointer) => pointer.rsplit('/').next().unwrap(),
                    template::At::Form(name) => name,
                };
                let last = last.to_lowercase().replace('_', "");
                assert!(page.contains(&last), "{platform:?}: {at:?} is not in docs/presets.md");
            }
        }
    }
}
