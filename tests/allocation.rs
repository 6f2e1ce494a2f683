//! A decision allocates nothing on the common path (DESIGN 3, step 6): deliveries, and orders of ordinary length, whatever
//! comes of them.

#![cfg(test)]

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use interdict::model::{
    Action, CatalogueEntry, CatalogueGroup, CatalogueLookup, Country, CountryText, Customer,
    Decision, DecisionId, Nexus, Transaction, Verdict,
};
use interdict::policy::cases::gather_stated;
use interdict::policy::{PolicySet, Reseller, Setting, decide, load_dirs};
use interdict::telemetry::Metrics;
use jiff::Timestamp;

/// Knows one SKU, so that the catalogue's road is walked too.
#[derive(Debug)]
struct OneRow(CatalogueEntry);

impl CatalogueLookup for OneRow {
    fn find(&self, folded_sku: &str) -> Option<&CatalogueEntry> {
        (folded_sku == "SHOP1").then_some(&self.0)
    }
}

fn shipped() -> PolicySet {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("policies");
    load_dirs(&[dir]).unwrap_or_else(|errors| panic!("{}", errors.render(false)))
}

/// A transaction as the gate has gathered it.
fn gathered(json: &str) -> Transaction {
    let mut transaction = Transaction::from_json(json.as_bytes()).unwrap();
    gather_stated(&mut transaction);
    if let Some(request) = &mut transaction.request {
        request.readings = request.path.iter().map(|path| path.as_str().into()).collect();
    }
    let country = transaction.buyer.ip_country.clone();
    transaction.buyer.customer = Some(Arc::new(Customer {
        organization_country: country.or_else(|| Some(CountryText::new("DE".into()))),
        ..Customer::default()
    }));
    transaction
}

/// Allocations of one decision, once caches are warm, and the decision.
fn allocations(json: &str, set: &PolicySet) -> (u64, Decision) {
    let transaction = gathered(json);
    let row = OneRow(CatalogueEntry {
        group: CatalogueGroup::Group("kaspersky.covered".into()),
        name: "antivirus box".into(),
        vendor: "".into(),
    });
    let reseller = Reseller::new(Nexus::Foreign, &["Example Shop".to_owned()]);
    let setting = Setting { catalogue: &row, reseller: &reseller };
    let at = transaction.at.unwrap_or(Timestamp::UNIX_EPOCH);
    // The first match of a regular expression on a thread builds its scratch space.
    for _ in 0..3 {
        decide(&transaction, at, set, &setting);
    }
    let mut decision = None;
    let info = allocation_counter::measure(|| {
        decision = Some(black_box(decide(black_box(&transaction), at, set, &setting)));
    });
    (info.count_total, decision.unwrap())
}

fn delivery(country: &str, class: &str, path: &str) -> String {
    format!(
        r#"{{"at":"2025-03-01T12:00:00Z","action":"signature_update",
        "buyer":{{"account":"A-1","ip":"203.0.113.7","ip_country":"{country}","ip_class":[{class}]}},
        "request":{{"host":"mirror.shop.example:8080","path":"{path}"}}}}"#
    )
}

fn order(country: &str, items: &[&str]) -> String {
    format!(
        r#"{{"at":"2025-03-01T12:00:00Z","action":"resale","items":[{}],
        "buyer":{{"account":"A-1","billing_country":"{country}","billing_region":"BY",
        "shipping_country":"{country}","email":"buyer@customer.example","ip_country":"{country}"}},
        "seller":{{"organization_country":"DE"}}}}"#,
        items.join(",")
    )
}

const COVERED: &str =
    r#"{"sku":"KL1047GDEFS","name":"Kaspersky Premium, 5 devices","vendor":"Kaspersky"}"#;
const EXEMPT: &str = r#"{"name":"Kaspersky Threat Intelligence Portal","vendor":"Kaspersky"}"#;
const FOLDED: &str = r#"{"name":"Ｋаsperskу® Endpоint Security","vendor":"Касперский"}"#;
const LISTED: &str = r#"{"sku":"shop-1"}"#;
const OTHER: &str =
    r#"{"sku":"SSD-2TB-NVME","name":"Solid state drive 2 TB","vendor":"Samsung","quantity":2}"#;
const SUSPECTED: &str =
    r#"{"name":"Router X1","vendor":"Acme","suspected_components":["Kaspersky Scan Engine"]}"#;

#[test]
fn the_counter_counts() {
    let info = allocation_counter::measure(|| drop(black_box(Box::new(1))));
    assert_eq!(info.count_total, 1);
}

#[test]
fn a_delivery_is_decided_without_an_allocation() {
    let set = shipped();
    let bases = "/mirror/bases/av/kdb/i386/base001.kdc";
    for (country, class, path, expected) in [
        ("US", "", bases, Verdict::Block),
        ("DE", "", bases, Verdict::Allow),
        ("DE", "\"vpn\"", bases, Verdict::Review),
        ("US", "", "/downloads/readme.txt", Verdict::Allow),
    ] {
        let json = delivery(country, class, path);
        let (count, decision) = allocations(&json, &set);
        assert_eq!((decision.verdict, count), (expected, 0), "{json}");
    }
}

#[test]
fn an_order_of_up_to_four_lines_is_decided_without_an_allocation() {
    let set = shipped();
    for (country, items, expected) in [
        ("US", &[COVERED][..], Verdict::Block),
        ("DE", &[COVERED], Verdict::Allow),
        ("US", &[OTHER], Verdict::Allow),
        ("US", &[EXEMPT], Verdict::Allow),
        ("US", &[FOLDED], Verdict::Block),
        ("US", &[LISTED], Verdict::Block),
        ("US", &[SUSPECTED], Verdict::Review),
        ("US", &["{}"], Verdict::Review),
        ("US", &[OTHER, COVERED, OTHER], Verdict::Block),
        ("US", &[OTHER, COVERED, EXEMPT, LISTED], Verdict::Block),
        ("DE", &[OTHER, COVERED, EXEMPT, LISTED], Verdict::Allow),
    ] {
        let json = order(country, items);
        let (count, decision) = allocations(&json, &set);
        assert_eq!((decision.verdict, count), (expected, 0), "{json}");
    }
}

#[test]
fn a_decision_is_counted_without_an_allocation_once_its_kind_is_known() {
    let set = shipped();
    let metrics = Metrics::new().unwrap();
    for (country, verdict) in [("US", Verdict::Block), ("DE", Verdict::Allow)] {
        let json = delivery(country, "", "/mirror/bases/av/kdb/i386/base001.kdc");
        let (_, decision) = allocations(&json, &set);
        assert_eq!(decision.verdict, verdict);
        let (action, country) = (Action::SignatureUpdate, Country::parse(country));
        let count = |second: i64| {
            let at = Timestamp::from_second(1_767_225_600 + second).unwrap();
            let named = (DecisionId::new(at), at);
            metrics.decided(&decision, action, country, "mirror");
            metrics.activity().noted(&decision, action, country, at);
            metrics.exemplified(&decision, action, "mirror", named);
            metrics.activity().shown(&decision, at, || panic!("nobody looks"));
        };
        count(0);
        // Over the turn of minutes, with the second's drain in between.
        for second in (1..300).step_by(7) {
            let info = allocation_counter::measure(|| count(second));
            assert_eq!(info.count_total, 0, "{second}");
            metrics.activity().fold();
        }
    }
}
