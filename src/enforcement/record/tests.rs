//! What a record holds, over every case of the contract: one spelling, the rules that tell the decision, and all that it takes to
//! reach it again.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::RecordParts;
use crate::enforcement::inquiry::Answer;
use crate::enforcement::snapshot::Snapshot;
use crate::geo::GeoTables;
use crate::model::AddressClass;
use crate::model::AddressEvidence;
use crate::model::AddressOrigin;
use crate::model::Country;
use crate::model::CountryReading;
use crate::model::CountryText;
use crate::model::Customer;
use crate::model::Transaction;
use crate::model::Verdict;
use crate::model::Vouching;
use crate::policy::PolicySet;
use crate::policy::Reseller;
use crate::policy::decide;
use crate::policy::load_dirs;
use crate::registry::Catalogue;
use crate::registry::Customers;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn policies() -> PolicySet {
    let dirs = [root().join("policies"), root().join("policies/examples")];
    load_dirs(&dirs).unwrap_or_else(|errors| panic!("{}", errors.render(false)))
}

fn snapshot() -> Snapshot {
    let country = Country::parse("DE").unwrap();
    let reseller = Reseller::new(crate::model::Nexus::Foreign, &["Example Shop".to_owned()]);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        file.path(),
        "sku,name,vendor,group\nSHOP-1,Antivirus Box,,kaspersky.covered\nSHOP-2,,,none\nSHOP-3,Text,Me,\n",
    )
    .unwrap();
    let policies = policies();
    let is_group = |id: &str| policies.has_product(id);
    let catalogue = Catalogue::load(file.path(), is_group).unwrap();
    Snapshot {
        catalogue: Arc::new(catalogue),
        clearances: Arc::default(),
        customers: Arc::new(Customers::default()),
        geo: Arc::new(GeoTables::embedded()),
        loaded: Timestamp::UNIX_EPOCH,
        policies: Arc::new(policies),
        reseller: Arc::new(reseller.organized_in(Some(country))),
    }
}

/// Every transaction of the case files.
fn cases(snapshot: &Snapshot) -> Vec<Transaction> {
    let mut cases = Vec::new();
    for name in ["decisions.jsonl", "more.jsonl", "other_regimes.jsonl"] {
        let text = fs::read_to_string(root().join("tests/contract/cases").join(name)).unwrap();
        for line in text.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let Some(transaction) = case.get("transaction") else { continue };
            let Ok(transaction) = Transaction::from_json(transaction.to_string().as_bytes()) else {
                continue;
            };
            // Some cases are errors, and leave no decision.
            if snapshot.answer(&mut transaction.clone(), Timestamp::UNIX_EPOCH).is_ok() {
                cases.push(transaction);
            }
        }
    }
    assert!(cases.len() > 400, "{}", cases.len());
    for item in [
        json!({"sku": "shop 1"}),
        json!({"sku": "SHOP-2", "vendor": "example shop"}),
        json!({"sku": "SHOP-3", "name": "Kaspersky", "vendor": "Kaspersky"}),
        json!({"vendor": "Example Shop"}),
        json!({"attributes": {"z": 1.0, "a": [2.5, {"y": 1, "b": "é"}], "\u{e000}": 0.000_001, "😀": -7}}),
    ] {
        let text = json!({"action": "resale", "items": [item], "buyer": {"us_person": true}});
        cases.push(Transaction::from_json(text.to_string().as_bytes()).unwrap());
    }
    cases
}

fn recorded(snapshot: &Snapshot, transaction: &mut Transaction) -> (Answer, RecordParts) {
    let now = "2026-11-25T12:00:00.123456Z".parse().unwrap();
    let answer = snapshot.answer(transaction, now).unwrap();
    let mut parts = RecordParts::default();
    snapshot.record(&answer, transaction, &mut parts).unwrap();
    (answer, parts)
}

/// Document and personal part in one, as the export shows them.
fn view(parts: &RecordParts) -> Value {
    let mut view: Value = serde_json::from_slice(&parts.document).unwrap();
    merge(&mut view, serde_json::from_slice(&parts.personal).unwrap());
    view
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// RFC 8785 in the most boring way.
fn canonical(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => match number.as_f64() {
            // ECMAScript's spelling between 1e-6 and 1e21 is the plain one, as Rust's.
            Some(float) if number.is_f64() => float.to_string(),
            _ => number.to_string(),
        },
        Value::String(text) => serde_json::to_string(text).unwrap(),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        Value::Object(members) => {
            let mut names: Vec<_> = members.keys().collect();
            names.sort_by_key(|name| name.encode_utf16().collect::<Vec<_>>());
            let each = names.iter().map(|name| {
                format!("{}:{}", serde_json::to_string(name).unwrap(), canonical(&members[*name]))
            });
            format!("{{{}}}", each.collect::<Vec<_>>().join(","))
        }
    }
}

#[test]
fn rfc_8785_every_part_of_every_case_has_its_one_spelling() {
    let snapshot = snapshot();
    for mut transaction in cases(&snapshot) {
        let (_, parts) = recorded(&snapshot, &mut transaction);
        for part in [&parts.document, &parts.personal] {
            let text = std::str::from_utf8(part).unwrap();
            assert_eq!(text, canonical(&serde_json::from_str(text).unwrap()));
        }
    }
}

#[test]
fn the_strictest_rule_that_applied_is_the_decision() {
    let snapshot = snapshot();
    let mut applied = 0;
    for mut transaction in cases(&snapshot) {
        let (answer, parts) = recorded(&snapshot, &mut transaction);
        let rules = view(&parts)["rules"].as_array().unwrap().clone();
        let strictest = rules
            .iter()
            .filter(|rule| rule["outcome"] == "applied")
            .map(|rule| Verdict::ALL.into_iter().find(|v| rule["verdict"] == v.as_str()).unwrap())
            .max();
        let verdict = answer.decision.verdict;
        assert_eq!(strictest.unwrap_or(Verdict::Allow), verdict, "{rules:?}");
        if let Some(ruling) = &answer.decision.ruling {
            let decisive = rules.iter().any(|rule| {
                rule["rule"] == *ruling.rule
                    && rule["policy"] == *ruling.policy
                    && rule["clause"] == *ruling.clause
                    && rule["verdict"] == verdict.as_str()
            });
            assert!(decisive, "{rules:?} without {ruling:?}");
            applied += 1;
        }
        for shadow in &answer.decision.shadow {
            assert!(rules.iter().any(|rule| rule["outcome"] == "shadow"
                && rule["rule"] == *shadow.rule.rule
                && rule["verdict"] == shadow.verdict.as_str()));
        }
    }
    assert!(applied > 100, "{applied}");
}

#[test]
fn a_record_holds_all_that_its_decision_takes() {
    let snapshot = snapshot();
    for mut transaction in cases(&snapshot) {
        let (answer, parts) = recorded(&snapshot, &mut transaction);
        let view = view(&parts);
        assert_eq!(view.get("masked"), None, "{view}");
        let again = read_back(&view);
        let items = view["items"].as_array().unwrap().iter();
        let own = items.filter(|item| item["vendor_is_reseller"] == true);
        let own: Vec<_> = own.map(|item| item["vendor"].as_str().unwrap().to_owned()).collect();
        let nexus = match view["seller"]["organization_country"].as_str() {
            Some("DE") => crate::model::Nexus::Foreign,
            _ => crate::model::Nexus::Unclear,
        };
        let reseller = Reseller::new(nexus, &own);
        let row = Row(view["items"].as_array().unwrap().iter().find_map(|item| {
            let row = item.get("catalog")?;
            let text = |name: &str| Box::<str>::from(row[name].as_str().unwrap_or_default());
            Some((
                text("sku").into(),
                crate::model::CatalogueEntry {
                    group: match row["group"].as_str() {
                        None => crate::model::CatalogueGroup::ByText,
                        Some("none") => crate::model::CatalogueGroup::NotCovered,
                        Some(id) => crate::model::CatalogueGroup::Group(id.into()),
                    },
                    name: text("name"),
                    vendor: text("vendor"),
                },
            ))
        }));
        let setting = crate::policy::Setting { catalogue: &row, reseller: &reseller };
        let at = view["decision"]["at"].as_str().unwrap().parse().unwrap();
        let decision = decide(&again, at, &snapshot.policies, &setting);
        assert_eq!(decision, answer.decision, "{view}");
    }
}

#[derive(Debug)]
struct Row(Option<(String, crate::model::CatalogueEntry)>);

impl crate::model::CatalogueLookup for Row {
    fn find(&self, folded_sku: &str) -> Option<&crate::model::CatalogueEntry> {
        self.0.as_ref().filter(|(sku, _)| sku == folded_sku).map(|(_, row)| row)
    }
}

/// The transaction that an export view tells of.
fn read_back(view: &Value) -> Transaction {
    let evidence = &view["evidence"];
    let mut said = evidence.as_object().unwrap().clone();
    for gathered in ["account_standing", "addresses", "read", "registry", "vouching"] {
        said.remove(gathered);
    }
    if let Some(domain) = said.remove("email_domain") {
        let email = match evidence["read"]["email"].as_str() {
            None => String::new(),
            Some("unreadable") => "@".to_owned(),
            Some(_) => format!("x@{}", domain.as_str().unwrap()),
        };
        said.insert("email".to_owned(), email.into());
    }
    let mut items = view["items"].clone();
    for item in items.as_array_mut().unwrap() {
        let item = item.as_object_mut().unwrap();
        item.remove("catalog");
        item.remove("vendor_is_reseller");
    }
    let mut transaction = json!({"action": view["action"], "buyer": said, "items": items});
    if view["seller"]["from"] == "request" {
        let mut seller = view["seller"].clone();
        seller.as_object_mut().unwrap().retain(|name, _| name == "organization_country");
        transaction["seller"] = seller;
    }
    let request = &view["request"];
    if request["judged"] == true {
        let mut target = request.clone();
        target.as_object_mut().unwrap().retain(|name, _| name == "host" || name == "path");
        transaction["request"] = target;
    }
    let mut transaction = Transaction::from_json(transaction.to_string().as_bytes()).unwrap();
    if let (Some(target), Some(readings)) =
        (&mut transaction.request, request["readings"].as_array())
    {
        target.readings = readings.iter().map(|text| text.as_str().unwrap().into()).collect();
    }
    let buyer = &mut transaction.buyer;
    buyer.vouching = match evidence["vouching"].as_str() {
        Some("vouched") => Vouching::Vouched,
        _ => Vouching::Unvouched,
    };
    for address in evidence["addresses"].as_array().into_iter().flatten() {
        let classes = address["classes"].as_array().into_iter().flatten();
        let classes = classes.map(|class| AddressClass::parse(class.as_str().unwrap()).unwrap());
        let country = address["country"].as_str().and_then(Country::parse);
        buyer.addresses.push(AddressEvidence {
            address: None,
            answers: smallvec::SmallVec::new(),
            classes: classes.collect(),
            country: country.map_or(CountryReading::Missing, CountryReading::Read),
            origin: AddressOrigin::Transaction,
        });
    }
    transaction
}

#[test]
fn codes_are_masked_everywhere_and_the_record_says_where() {
    let code = "ABCDE-12345-FGHIJ-67890";
    let text = json!({
        "action": "activation",
        "at": "2025-01-01T00:00:00Z",
        "buyer": {"account": code, "email": "private@person.example"},
        "items": [{
            "sku": code,
            "name": format!("Licence {code}"),
            "components": ["plain", code],
            "suspected_components": [code],
            "vendor": format!("by {code}"),
            "attributes": {"key": {"deep": [code]}, "large": 9_007_199_254_740_993_u64, "small": 1}
        }],
        "request": {"host": "h", "path": format!("/activate/{code}")}
    });
    let mut transaction = Transaction::from_json(text.to_string().as_bytes()).unwrap();
    let (_, parts) = recorded(&snapshot(), &mut transaction);
    for part in [&parts.document, &parts.personal, &parts.subject.clone().into_bytes()] {
        let text = String::from_utf8(part.clone()).unwrap().to_uppercase();
        assert!(!text.contains("ABCDE") && !text.contains("67890"), "{text}");
        assert!(!text.contains("PRIVATE"), "{text}");
    }
    let view = view(&parts);
    assert_eq!(
        view["masked"],
        json!([
            "evidence.account",
            "items.0.name",
            "items.0.sku",
            "items.0.vendor",
            "items.0.components.1",
            "items.0.suspected_components.0",
            "items.0.attributes.key",
            "items.0.attributes.large",
            "request.path",
        ])
    );
    assert_eq!(view["items"][0]["attributes"]["large"], "9007199254740993");
    assert_eq!(view["items"][0]["attributes"]["small"], 1);
    assert!(parts.subject.starts_with("account:sha256:"), "{}", parts.subject);
}

#[test]
fn the_subject_is_the_account_else_the_mail_else_the_network() {
    let snapshot = snapshot();
    for (buyer, subject) in [
        (json!({"account": " A-17 ", "email": "a@b.example", "ip": "203.0.113.7"}), "account:A-17"),
        (json!({"account": " ", "email": "Private@B.example"}), "email:private@b.example"),
        (json!({"ip": "203.0.113.7"}), "network:203.0.113.0/24"),
        (json!({"ip": "2001:db8:1:2::7"}), "network:2001:db8:1::/48"),
        (json!({}), ""),
    ] {
        let text = json!({"action": "sale", "buyer": buyer, "items": [{"sku": "x"}]}).to_string();
        let mut transaction = Transaction::from_json(text.as_bytes()).unwrap();
        assert_eq!(recorded(&snapshot, &mut transaction).1.subject, subject);
    }
}

#[test]
fn evidence_stands_as_received_and_as_read() {
    let text = json!({
        "action": "sale",
        "items": [{"sku": "x"}],
        "seller": {"organization_country": "germany"},
        "buyer": {
            "billing_country": "U.S.A.", "billing_region": "PR", "shipping_country": "Untied States",
            "parent_country": " ", "citizenship": ["fr", "??"], "email": "a@army.mil"
        }
    });
    let mut transaction = Transaction::from_json(text.to_string().as_bytes()).unwrap();
    transaction.buyer.customer = Some(Arc::new(Customer {
        organization_country: Some(CountryText::new("276".into())),
        ..Customer::default()
    }));
    let snapshot = snapshot();
    let decision = decide(
        &transaction,
        "2025-01-01T00:00:00Z".parse().unwrap(),
        &snapshot.policies,
        &snapshot.setting(),
    );
    let id = crate::model::DecisionId::new(decision.at);
    let answer = Answer { decision, hypothetical: false, id };
    let mut parts = RecordParts::default();
    snapshot.record(&answer, &transaction, &mut parts).unwrap();
    let view = view(&parts);
    let evidence = &view["evidence"];
    assert_eq!(evidence["billing_country"], "U.S.A.");
    assert_eq!(
        evidence["read"],
        json!({
            "billing_country": "US",
            "citizenship": ["FR", null],
            "email": "us_government",
            "shipping_country": null
        })
    );
    assert_eq!(evidence["registry"]["organization_country"], "276");
    assert_eq!(evidence["registry"]["read"], json!({"organization_country": "DE"}));
    assert_eq!(
        view["seller"],
        json!({
            "from": "request",
            "organization_country": "germany",
            "read": {"organization_country": "DE"}
        })
    );
    // Of several that decide the billing address comes first, and its region refines it.
    assert_eq!(view["country"], "PR");
    assert_eq!(view["retain_until"], "2035-01-01");
}
