//! Decisions under small policies written for the point at hand.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where its own preparation fails"
)]

use interdict::model::{CatalogueEntry, CatalogueLookup, Decision, Transaction, Verdict};
use interdict::policy::cases::gather_stated;
use interdict::policy::{PolicySet, Reseller, Setting, decide, load_texts};
use jiff::Timestamp;

#[derive(Debug)]
struct NoCatalogue;

impl CatalogueLookup for NoCatalogue {
    fn find(&self, _folded_sku: &str) -> Option<&CatalogueEntry> {
        None
    }
}

fn header(id: &str) -> String {
    format!(
        "[policy]\nid = \"{id}\"\ntitle = \"t\"\nauthority = \"a\"\ncitation = \"c\"\nversion = \"1\"\n"
    )
}

fn rule(id: &str, product: &str, us: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\nclause = \"{id}\"\nbasis = \"text\"\nactions = [\"sale\"]\n\
         products = [\"{product}\"]\nnexus = [\"buyer\"]\neffective = 2024-01-01T00:00:00Z\n\
         us = \"{us}\"\nunclear = \"review\"\nmessage = \"m\"\n"
    )
}

fn set(files: &[(&str, &str)]) -> PolicySet {
    load_texts(files).unwrap_or_else(|errors| panic!("{}", errors.render(false)))
}

fn judge(set: &PolicySet, items: &str) -> Decision {
    let text = format!(
        r#"{{"action":"sale","at":"2025-01-01T00:00:00Z","items":{items},"buyer":{{"billing_country":"US"}}}}"#
    );
    let mut transaction = Transaction::from_json(text.as_bytes()).unwrap();
    gather_stated(&mut transaction);
    let reseller = Reseller::default();
    let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
    decide(&transaction, transaction.at.unwrap_or(Timestamp::UNIX_EPOCH), set, &setting)
}

fn clause(decision: &Decision) -> Option<&str> {
    decision.ruling.as_ref().map(|rule| &*rule.clause)
}

/// Two makers, each with a product of its own.
fn two_makers() -> String {
    let makers = ["acme", "bolt"].map(|name| {
        format!(
            "[[vendor]]\nid = \"{name}\"\nnames = [\"{name}\"]\n[[product]]\nid = \"p.{name}\"\n\
             kind = \"covered\"\nvendors = [\"{name}\"]\ncatch_all = true\n"
        )
    });
    header("p") + &makers.concat()
}

#[test]
fn an_item_that_is_two_products_of_one_policy_meets_the_rules_of_both() {
    let text = two_makers() + &rule("weak", "p.acme", "allow") + &rule("strong", "p.bolt", "block");
    let set = set(&[("p.toml", &text)]);
    for item in [
        r#"[{"name":"Acme box with Bolt inside"}]"#,
        r#"[{"name":"Bolt box with Acme inside"}]"#,
        r#"[{"name":"Acme box","vendor":"Bolt"}]"#,
        r#"[{"name":"Bolt box","vendor":"Acme"}]"#,
        r#"[{"name":"Acme box","components":["Bolt engine"]}]"#,
    ] {
        let decision = judge(&set, item);
        assert_eq!(
            (decision.verdict, clause(&decision)),
            (Verdict::Block, Some("strong")),
            "{item}"
        );
        assert_eq!(decision.findings[0].product.as_deref(), Some("p.bolt"), "{item}");
    }
}

#[test]
fn an_exempt_line_of_one_vendor_does_not_excuse_another_vendors_item() {
    let exempt = "[[product]]\nid = \"p.training\"\nkind = \"exempt\"\nvendors = [\"acme\"]\nnames = [\"training\"]\n";
    let text =
        two_makers() + exempt + &rule("a", "p.acme", "block") + &rule("b", "p.bolt", "block");
    let set = set(&[("p.toml", &text)]);
    assert_eq!(judge(&set, r#"[{"name":"Acme training"}]"#).verdict, Verdict::Allow);
    let both = judge(&set, r#"[{"name":"Acme training with a Bolt box"}]"#);
    assert_eq!((both.verdict, clause(&both)), (Verdict::Block, Some("b")));
}

#[test]
fn a_product_of_no_vendor_has_no_other_vendor() {
    let product = "[[product]]\nid = \"p.radio\"\nkind = \"covered\"\nnames = [\"jammer\"]\n";
    let set = set(&[("p.toml", &(header("p") + product + &rule("r", "p.radio", "block")))]);
    let decision = judge(&set, r#"[{"name":"Signal jammer","vendor":"Acme"}]"#);
    assert_eq!(decision.verdict, Verdict::Block);
}

#[test]
fn among_equal_rules_the_first_in_file_order_speaks_whatever_the_order_of_items() {
    let file = |id: &str, name: &str| {
        let product =
            format!("[[product]]\nid = \"{id}.goods\"\nkind = \"covered\"\nnames = [\"{name}\"]\n");
        header(id) + &product + &rule(&format!("{id}-rule"), &format!("{id}.goods"), "block")
    };
    let (a, b) = (file("a", "zebra"), file("b", "apple"));
    let set = set(&[("a.toml", &a), ("b.toml", &b)]);
    for items in [
        r#"[{"name":"zebra"},{"name":"apple"}]"#,
        r#"[{"name":"apple"},{"name":"zebra"}]"#,
        r#"[{"name":"apple zebra"}]"#,
        r#"[{"name":"zebra apple"}]"#,
        r#"[{"name":"zebra","components":["apple"]}]"#,
    ] {
        assert_eq!(clause(&judge(&set, items)), Some("a-rule"), "{items}");
    }
}
