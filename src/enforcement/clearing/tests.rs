//! Clearances at the gate: recorded, used once, never for what only would be.

use std::path::PathBuf;
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::thread;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::*;
use crate::clearance::Clearances;
use crate::clearance::Mask;
use crate::clearance::Uses;
use crate::enforcement::Caller;
use crate::enforcement::GateSettings;
use crate::enforcement::MonotoneClock;
use crate::enforcement::RouteTable;
use crate::geo::GeoTables;
use crate::ledger::Ledger;
use crate::ledger::LedgerSettings;
use crate::ledger::Masker;
use crate::ledger::Reader;
use crate::ledger::Reserve;
use crate::model::Action;
use crate::model::DecisionId;
use crate::model::SystemClock;
use crate::policy::Reseller;
use crate::policy::load_dirs;
use crate::settings::Deliveries;
use crate::settings::PersonalParts;
use crate::telemetry::Metrics;

const AT: &str = "2026-11-25T12:00:00Z";
/// A German customer behind a VPN.
const ORDER: &str = r#"{"action":"resale","items":[{"sku":"KL1047GDEFS","name":"Kaspersky Premium","vendor":"Kaspersky"}],"buyer":{"account":"A-17","billing_country":"DE","ip_country":"DE","ip_class":["vpn"]},"seller":{"organization_country":"DE"}}"#;

fn snapshot(clearances: Clearances) -> Snapshot {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("policies");
    Snapshot {
        catalogue: Arc::default(),
        clearances: Arc::new(clearances),
        customers: Arc::default(),
        geo: Arc::new(GeoTables::embedded()),
        loaded: Timestamp::UNIX_EPOCH,
        policies: Arc::new(load_dirs(&[dir]).unwrap()),
        reseller: Arc::new(Reseller::new(crate::model::Nexus::Foreign, &[])),
    }
}

fn gate(dir: &std::path::Path, personal: PersonalParts, snapshot: Snapshot) -> Gate {
    let (ledger, _) =
        Ledger::open(LedgerSettings { personal, ..LedgerSettings::new(dir) }).unwrap();
    Gate::new(GateSettings {
        clock: MonotoneClock::new(Arc::new(SystemClock), None),
        deliveries: Deliveries::Written,
        ledger,
        metrics: Arc::new(Metrics::new().unwrap()),
        refusals_per_minute: 100,
        reserve: Arc::new(Reserve::new(dir, 0)),
        retention_years: 10,
        routes: RouteTable::new(Vec::new()).unwrap(),
        snapshot,
    })
}

/// Asks the decision API; what it answers as JSON.
fn ask(gate: &Gate, transaction: &str) -> Value {
    let mut transaction = Transaction::from_json(transaction.as_bytes()).unwrap();
    let delivery = gate.delivery();
    let caller = Caller { as_of: true, delivery: &delivery, evidence: true, principal: None };
    let snapshot = gate.pin();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(gate.answer(&snapshot, &mut transaction, caller, true)).unwrap();
    let document = answer.decision.document(answer.id, "sha256:0");
    serde_json::to_value(document).unwrap()
}

/// The last decision's record.
fn last_record(dir: &std::path::Path) -> Value {
    let mut reader = Reader::open(dir).unwrap();
    let mut last = None;
    while let Some(record) = reader.next_record().unwrap() {
        let view = Value::Object(record.view().unwrap());
        if view["kind"] == "decision" || view["kind"] == "enquiry" {
            last = Some(view);
        }
    }
    last.unwrap()
}

/// The clearance that a record's first question asks for.
fn released(record: &Value, uses: Uses) -> Clearance {
    let question = &record["held"]["questions"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let vouched = question["vouched"] == true;
    let network = record["held"].get("network").filter(|_| !vouched);
    Clearance {
        action: serde_json::from_value::<Action>(record["action"].clone()).unwrap(),
        by: Arc::from(["local:anna".into(), "local:ben".into()]),
        evidence: Digest::parse(&text(&question["evidence"])).unwrap(),
        from: Timestamp::UNIX_EPOCH,
        hold: DecisionId::parse(&text(&record["id"])).unwrap(),
        id: "c-1".into(),
        networks: network.map(|network| text(network).into()).into_iter().collect(),
        product: question.get("product").map(|product| text(product).into()),
        subject: text(&question["subject"]).into(),
        until: "2126-01-01T00:00:00Z".parse().unwrap(),
        uses,
    }
}

fn once() -> Uses {
    Uses::Once(AtomicBool::new(false))
}

#[test]
fn a_held_order_passes_after_its_release_and_the_record_says_by_whose() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate(dir.path(), PersonalParts::Clear, snapshot(Clearances::default()));
    let answer = ask(&gate, ORDER);
    assert_eq!((&answer["verdict"], answer.get("clearance")), (&json!("review"), None));
    let held = last_record(dir.path());
    assert_eq!(held["held"]["questions"][0]["subject"], "account:A-17");
    assert_eq!(held["held"]["questions"][0]["vouched"], true);
    let clearance = Arc::new(released(&held, Uses::Unlimited));
    gate.replace(snapshot(Clearances::new([clearance], None)));
    for _ in 0..2 {
        let answer = ask(&gate, ORDER);
        assert_eq!(answer["verdict"], "allow");
        for member in ["policy", "rule", "clause", "citation", "basis"] {
            assert_eq!(answer[member], Value::Null, "{member}");
        }
        assert_eq!(answer["items"][0]["verdict"], "allow");
        assert_eq!(answer["items"][0]["product"], "kaspersky.covered");
        let clearance = json!({
            "by": ["local:anna", "local:ben"],
            "id": "c-1",
            "lifted": {
                "clause": held["decision"]["clause"],
                "policy": held["decision"]["policy"],
                "rule": held["decision"]["rule"],
            },
            "until": "2126-01-01T00:00:00Z",
        });
        assert_eq!(answer["clearance"], clearance);
        let record = last_record(dir.path());
        assert_eq!(record["decision"]["clearance"], clearance);
        assert_eq!(
            (record["decision"]["verdict"].as_str(), record.get("held")),
            (Some("allow"), None)
        );
    }
    let metrics = gate.metrics().render();
    assert!(metrics.contains("interdict_clearances_used_total 2"), "{metrics}");
    // Another country in the evidence is another question; so is evidence that decides.
    for (from, to, verdict) in [
        ("\"DE\",\"ip_country\"", "\"FR\",\"ip_country\"", "review"),
        ("\"DE\",\"ip_country\"", "\"US\",\"ip_country\"", "block"),
        ("A-17", "A-18", "review"),
        ("resale", "renewal", "review"),
    ] {
        let answer = ask(&gate, &ORDER.replace(from, to));
        assert_eq!(answer["verdict"], verdict, "{to}");
    }
}

#[test]
fn of_eight_requests_that_race_one_passes_on_a_single_use() {
    let dir = tempfile::tempdir().unwrap();
    // A guest: no account, so that the order itself is released, once.
    let order = ORDER.replace("\"account\":\"A-17\"", "\"email\":\"guest@customer.example\"");
    let gate = gate(dir.path(), PersonalParts::Clear, snapshot(Clearances::default()));
    ask(&gate, &order);
    let held = last_record(dir.path());
    let subject = held["held"]["questions"][0]["subject"].as_str().unwrap();
    assert!(subject.starts_with("order:sha256:"), "{subject}");
    let clearance = Arc::new(released(&held, once()));
    gate.replace(snapshot(Clearances::new([Arc::clone(&clearance)], None)));
    // What only would be uses nothing up.
    let hypothetical = order.replacen('{', &format!("{{\"at\":\"{AT}\","), 1);
    for _ in 0..3 {
        assert_eq!(ask(&gate, &hypothetical)["verdict"], "allow");
        assert_eq!(last_record(dir.path())["kind"], "enquiry");
    }
    assert!(!clearance.is_used());
    let begin = Barrier::new(8);
    let passed: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let (gate, order, begin, clearance) = (&gate, &order, &begin, &clearance);
                scope.spawn(move || {
                    if n % 2 == 0 {
                        // Another snapshot of the same clearance.
                        let again = Clearances::new([Arc::clone(clearance)], None);
                        gate.replace(snapshot(again));
                    }
                    begin.wait();
                    usize::from(ask(gate, order)["verdict"] == "allow")
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 1);
    assert_eq!(ask(&gate, &order)["verdict"], "review");
}

#[test]
fn a_use_whose_record_fails_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate(dir.path(), PersonalParts::Clear, snapshot(Clearances::default()));
    ask(&gate, ORDER);
    let clearance = Arc::new(released(&last_record(dir.path()), once()));
    gate.replace(snapshot(Clearances::new([Arc::clone(&clearance)], None)));
    // A closed ledger takes nothing, as one on a full disk.
    gate.ledger().clone().close().unwrap();
    let mut transaction = Transaction::from_json(ORDER.as_bytes()).unwrap();
    let delivery = gate.delivery();
    let caller = Caller { as_of: true, delivery: &delivery, evidence: true, principal: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pinned = gate.pin();
    let answer = runtime.block_on(gate.answer(&pinned, &mut transaction, caller, true));
    assert!(answer.is_err());
    assert!(clearance.is_used());
}

#[test]
fn where_the_ledger_masks_names_the_mask_is_cleared_and_no_name_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate(dir.path(), PersonalParts::Masked, snapshot(Clearances::default()));
    let order = ORDER.replace("\"ip_country\"", "\"ip\":\"192.0.2.7\",\"ip_country\"");
    ask(&gate, &order);
    let held = last_record(dir.path());
    let told = held["held"].to_string();
    assert!(!told.contains("A-17") && !told.contains("192.0.2"), "{told}");
    let masker = Masker::open(dir.path()).unwrap().unwrap();
    assert_eq!(held["held"]["questions"][0]["subject"], masker.mask("account:A-17"));
    assert_eq!(held["held"]["network"], masker.mask("192.0.2.0/24"));
    let clearance = Arc::new(released(&held, Uses::Unlimited));
    let mask = Mask::new(move |text| masker.mask(text));
    gate.replace(snapshot(Clearances::new([clearance], Some(mask))));
    assert_eq!(ask(&gate, &order)["verdict"], "allow");
    assert_eq!(ask(&gate, &order.replace("A-17", "A-18"))["verdict"], "review");
}

#[test]
fn a_licence_key_is_known_by_its_digest_in_every_spelling() {
    let key = |text: &str| named(text).unwrap().to_string();
    let one = key("ABCDE-12345-FGHIJ-6789X");
    assert!(one.starts_with("licence_key:sha256:"), "{one}");
    for spelling in [" abcde-12345-fghij-6789x ", "ABCDE12345FGHIJ6789X", "АBСDЕ–12345–FGHIJ–6789Х"]
    {
        assert_eq!(key(spelling), one, "{spelling}");
    }
    assert_eq!(key(" A-17 "), "account:A-17");
    assert_eq!(named("  "), None);
    // A name around a code is no code, and still never told.
    assert!(!key("user/ABCDE-12345-FGHIJ-67890").contains("FGHIJ"));
}

#[test]
fn an_account_is_vouched_for_by_the_token_that_names_it_and_by_no_other() {
    let buyer = |said: Option<&str>, claimed: Option<&str>, vouching| Buyer {
        account: said.map(str::to_owned),
        claimed: claimed.map(|claimed| {
            Box::new(Buyer { account: Some(claimed.to_owned()), ..Buyer::default() })
        }),
        vouching,
        ..Buyer::default()
    };
    let a = || Subject::Account("A".into());
    for (said, claimed, vouching, expected) in [
        (None, None, Vouching::Unvouched, None),
        (Some("A"), None, Vouching::Unvouched, Some((a(), false))),
        (Some("A"), None, Vouching::Vouched, Some((a(), true))),
        (None, Some("A"), Vouching::Unvouched, Some((a(), true))),
        (Some(" A"), Some("A"), Vouching::Unvouched, Some((a(), true))),
        (Some("B"), Some("A"), Vouching::Unvouched, None),
        (Some("B"), Some("A"), Vouching::Vouched, None),
    ] {
        assert_eq!(account(&buyer(said, claimed, vouching)), expected, "{said:?} {claimed:?}");
    }
}

/// A decision that reviews its only item, and the transaction.
fn held(json: &str, snapshot: &Snapshot) -> (Decision, Transaction) {
    let mut transaction = Transaction::from_json(json.as_bytes()).unwrap();
    let decision = snapshot.judge(&mut transaction, AT.parse().unwrap()).unwrap();
    assert_eq!(decision.verdict, Verdict::Review);
    (decision, transaction)
}

#[test]
fn whoever_is_not_vouched_for_is_nobody_without_a_network_and_an_order_like_any_other_is_not_known()
{
    let empty = snapshot(Clearances::default());
    let (decision, mut transaction) = held(ORDER, &empty);
    let subject = |transaction: &Transaction, seen| {
        let held = Held::of(&decision, transaction, seen).unwrap();
        let question = held.questions[0].clone();
        (question.subject.map(|subject| subject.to_string()), question.vouched)
    };
    assert_eq!(subject(&transaction, None), (Some("account:A-17".to_owned()), true));
    transaction.buyer.vouching = Vouching::Unvouched;
    // The order is what is released then: the account alone clears nothing.
    let (order, vouched) = subject(&transaction, None);
    assert!(order.unwrap().starts_with("order:") && !vouched);
    let origin = AddressOrigin::Client;
    transaction.buyer.addresses[0].origin = origin;
    transaction.buyer.addresses[0].address = Some("192.0.2.7".parse().unwrap());
    let here = subject(&transaction, Some(origin));
    assert_eq!(here, (Some("account:A-17".to_owned()), false));
    // Of a guest whom nothing names the order is any guest's.
    transaction.buyer.account = None;
    transaction.buyer.addresses[0].address = None;
    assert_eq!(subject(&transaction, Some(origin)), (None, false));
    let delivery = Transaction { action: Action::SignatureUpdate, ..transaction.clone() };
    assert_eq!(subject(&delivery, Some(origin)), (None, false));
    transaction.action = Action::SignatureUpdate;
    transaction.buyer.addresses[0].address = Some("192.0.2.7".parse().unwrap());
    assert_eq!(subject(&transaction, Some(origin)).0.unwrap(), "network:192.0.2.0/24");
}

#[test]
fn an_item_that_is_in_doubt_itself_is_released_as_it_is_and_no_other() {
    let empty = snapshot(Clearances::default());
    let suspected = |name: &str| {
        ORDER.replace(
            r#"{"sku":"KL1047GDEFS","name":"Kaspersky Premium","vendor":"Kaspersky"}"#,
            &format!(r#"{{"name":"{name}","vendor":"Acme","suspected_components":["Kaspersky Scan Engine"]}}"#),
        )
    };
    let digest = |json: &str| {
        let (decision, transaction) = held(json, &empty);
        let finding = &decision.findings[0];
        (finding.doubtful, Evidence::of(&transaction, &decision).digest(finding, Some(0)))
    };
    let (doubtful, router) = digest(&suspected("Router X1"));
    assert!(doubtful);
    assert_eq!(digest(&suspected("Router X1")), (true, router));
    assert_ne!(digest(&suspected("Router X2")), (true, router));
    let (doubtful, sold) = digest(ORDER);
    assert!(!doubtful);
    let others = ORDER.replace("Kaspersky Premium", "Kaspersky Standard");
    assert_eq!(digest(&others), (false, sold));
}

#[test]
fn all_of_a_request_is_released_or_none_and_a_use_lifts_one_order() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate(dir.path(), PersonalParts::Clear, snapshot(Clearances::default()));
    ask(&gate, ORDER);
    let record = last_record(dir.path());
    let judged = |json: &str, snapshot: &Snapshot| {
        let mut transaction = Transaction::from_json(json.as_bytes()).unwrap();
        let decision = snapshot.judge(&mut transaction, AT.parse().unwrap()).unwrap();
        let id = DecisionId::new(decision.at);
        Judged { also: None, decision, id, took: 0.0, transaction, value: None }
    };
    let blocked = ORDER.replace("\"billing_country\":\"DE\"", "\"billing_country\":\"US\"");
    let uncleared = ORDER.replace("A-17", "A-18");
    for (others, also, expected, used) in [
        (vec![], None, Verdict::Allow, true),
        // What is blocked or held beside it.
        (vec![&*blocked], None, Verdict::Review, false),
        (vec![&*uncleared], None, Verdict::Review, false),
        // The single use is one order's, though both would be lifted by it.
        (vec![ORDER], None, Verdict::Review, true),
        // Another reading of the same request is held for nobody's release.
        (vec![], Some(&*uncleared), Verdict::Review, false),
    ] {
        let clearance = Arc::new(released(&record, once()));
        let snapshot = snapshot(Clearances::new([Arc::clone(&clearance)], None));
        let mut orders = vec![judged(ORDER, &snapshot)];
        orders[0].also = also.map(|also| {
            let other = judged(also, &snapshot);
            Box::new((other.decision, other.transaction))
        });
        orders.extend(others.iter().map(|other| judged(other, &snapshot)));
        gate.clear(&snapshot, &mut orders);
        assert_eq!(
            (orders[0].decision.verdict, clearance.is_used()),
            (expected, used),
            "{others:?}"
        );
        for (order, json) in orders.iter().skip(1).zip(&others) {
            assert_eq!(order.decision, judged(json, &snapshot).decision);
        }
    }
}

#[test]
fn what_runs_under_a_clearance_is_cut_when_it_ends() {
    let empty = snapshot(Clearances::default());
    let (mut decision, transaction) = held(ORDER, &empty);
    let evidence = Evidence::of(&transaction, &decision).digest(&decision.findings[0], Some(0));
    let until: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    let clearance = Arc::new(Clearance {
        action: Action::Resale,
        by: Arc::from([]),
        evidence,
        from: Timestamp::UNIX_EPOCH,
        hold: DecisionId::new(until),
        id: "c".into(),
        networks: Vec::new(),
        product: Some("kaspersky.covered".into()),
        subject: "account:A-17".into(),
        until,
        uses: Uses::Unlimited,
    });
    let cleared = snapshot(Clearances::new([clearance], None));
    let lifted = |decision: &Decision| {
        cleared.lifted(decision.clone(), &transaction, Some(AddressOrigin::Transaction)).cut_at
    };
    assert_eq!(lifted(&decision), Some(until));
    // A rule that cuts earlier still does.
    let earlier: Timestamp = "2026-11-30T00:00:00Z".parse().unwrap();
    decision.cut_at = Some(earlier);
    assert_eq!(lifted(&decision), Some(earlier));
}
