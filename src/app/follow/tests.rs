//! From a held request to the one that passes, over restarts and lost stores.

use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::control::ControlSettings;
use crate::control::reviews::Outcome;
use crate::control::reviews::ReasonCode;
use crate::control::reviews::Recommend;
use crate::control::reviews::Release;
use crate::control::reviews::Status;
use crate::enforcement::Caller;
use crate::enforcement::GateSettings;
use crate::enforcement::MonotoneClock;
use crate::enforcement::RouteTable;
use crate::geo::GeoTables;
use crate::ledger::LedgerSettings;
use crate::ledger::Reserve;
use crate::model::Action;
use crate::model::Actor;
use crate::model::Nexus;
use crate::model::Retention;
use crate::model::Role;
use crate::model::Roles;
use crate::model::SystemClock;
use crate::model::Transaction;
use crate::model::Via;
use crate::notify::Message;
use crate::policy::Reseller;
use crate::policy::load_dirs;
use crate::settings::Deliveries;
use crate::settings::PersonalParts;

/// A German customer behind a VPN.
const ORDER: &str = r#"{"action":"resale","items":[{"sku":"KL1047GDEFS","name":"Kaspersky Premium","vendor":"Kaspersky"}],"buyer":{"account":"A-17","billing_country":"DE","ip_country":"DE","ip_class":["vpn"]},"seller":{"organization_country":"DE"}}"#;

struct Shop {
    control: Control,
    dir: PathBuf,
    gate: Gate,
    ledger: Ledger,
    metrics: Arc<Metrics>,
}

impl Shop {
    /// As `serve` composes it, up to the moment before anything is served.
    fn open(folder: &Path, personal: PersonalParts) -> Self {
        let dir = folder.join("ledger");
        let settings = LedgerSettings { personal, ..LedgerSettings::new(&dir) };
        let (ledger, _) = Ledger::open(settings).unwrap();
        let settings = ControlSettings {
            clock: Arc::new(SystemClock),
            ledger_dir: dir.clone(),
            retention: Retention::default(),
            store_dir: folder.join("store"),
        };
        let control = Control::open(settings, ledger.clone()).unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let policies = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("policies");
        let snapshot = Snapshot {
            catalogue: Arc::default(),
            clearances: Arc::default(),
            customers: Arc::default(),
            geo: Arc::new(GeoTables::embedded()),
            loaded: Timestamp::UNIX_EPOCH,
            policies: Arc::new(load_dirs(&[policies]).unwrap()),
            reseller: Arc::new(Reseller::new(Nexus::Foreign, &[])),
        };
        let gate = Gate::new(GateSettings {
            clock: MonotoneClock::new(Arc::new(SystemClock), None),
            deliveries: Deliveries::Written,
            ledger: ledger.clone(),
            metrics: Arc::clone(&metrics),
            refusals_per_minute: 100,
            reserve: Arc::new(Reserve::new(&dir, 0)),
            retention_years: 10,
            routes: RouteTable::new(Vec::new()).unwrap(),
            snapshot,
        });
        let shop = Self { control, dir, gate, ledger, metrics };
        shop.follow();
        shop
    }

    /// Takes all that is on record, and puts the clearances into force.
    fn follow(&self) {
        Follower::start(&self.dir, &self.ledger, &self.control, &self.metrics).unwrap().stop();
        publish(&self.gate, &self.control, mask(&self.dir).unwrap().as_ref());
    }

    /// The verdict on an order, and its decision as JSON.
    async fn ask(&self, order: &str) -> Value {
        let mut transaction = Transaction::from_json(order.as_bytes()).unwrap();
        let delivery = self.gate.delivery();
        let caller = Caller { as_of: true, delivery: &delivery, evidence: true, principal: None };
        let pinned = self.gate.pin();
        let answer = self.gate.answer(&pinned, &mut transaction, caller, true).await.unwrap();
        serde_json::to_value(answer.decision.document(answer.id, "sha256:0")).unwrap()
    }

    async fn release(&self, id: &str) {
        let of = |name: &str, role| Actor {
            id: format!("local:{name}"),
            roles: Roles::NONE.with(role),
            via: Via::Session,
        };
        let (code, outcome) = (ReasonCode::IdentityVerified, Outcome::Release);
        let recommend = Recommend { code, note: String::new(), outcome };
        let rita = of("rita", Role::Reviewer);
        self.control.recommend_review(&rita, id, recommend).await.unwrap();
        let release = Release { network: None, note: String::new(), until: None };
        let paul = of("paul", Role::PolicyApprover);
        self.control.release_review(&paul, id, release).await.unwrap();
    }

    fn only_entry(&self) -> String {
        let all = self.control.reviews(None);
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].0.clone()
    }

    fn close(self) {
        let Self { control, gate, ledger, .. } = self;
        drop((control, gate));
        ledger.close().unwrap();
    }
}

#[tokio::test]
async fn a_held_order_is_an_entry_and_passes_after_its_release_by_two_persons() {
    for personal in [PersonalParts::Clear, PersonalParts::Masked, PersonalParts::Sealed] {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::open(folder.path(), personal);
        for _ in 0..3 {
            assert_eq!(shop.ask(ORDER).await["verdict"], "review");
        }
        shop.follow();
        let id = shop.only_entry();
        let review = shop.control.review(&id).unwrap();
        assert_eq!((review.status, review.hold.count), (Status::Open, 3));
        let shown = format!("{review:?}");
        assert_eq!(shown.contains("A-17"), personal == PersonalParts::Clear, "{shown}");
        assert_eq!(review.hold.facts["billing_country"], "DE");
        shop.release(&id).await;
        shop.follow();
        let answer = shop.ask(ORDER).await;
        assert_eq!(answer["verdict"], "allow", "{personal:?}");
        assert_eq!(answer["clearance"]["by"][0], "local:paul");
        assert_eq!(answer["clearance"]["by"][1], "local:rita");
        assert_eq!(shop.ask(&ORDER.replace("A-17", "B-1")).await["verdict"], "review");
        let block = ORDER.replace("\"billing_country\":\"DE\"", "\"billing_country\":\"US\"");
        assert_eq!(shop.ask(&block).await["verdict"], "block");
    }
}

#[tokio::test]
async fn a_single_use_is_known_after_a_restart_and_after_the_store_is_lost_and_no_hold_counts_twice()
 {
    let folder = tempfile::tempdir().unwrap();
    let guest = ORDER.replace("\"account\":\"A-17\"", "\"email\":\"guest@customer.example\"");
    let shop = Shop::open(folder.path(), PersonalParts::Clear);
    assert_eq!(shop.ask(&guest).await["verdict"], "review");
    shop.follow();
    let id = shop.only_entry();
    shop.release(&id).await;
    shop.close();
    // Released and not used: it is still there after a restart.
    let shop = Shop::open(folder.path(), PersonalParts::Clear);
    assert_eq!(shop.ask(&guest).await["verdict"], "allow");
    // The process is killed before its follower has seen the use.
    shop.close();
    for lose in [false, true, true] {
        if lose {
            std::fs::remove_dir_all(folder.path().join("store")).unwrap();
        }
        let shop = Shop::open(folder.path(), PersonalParts::Clear);
        let held_before = shop.control.review(&id).unwrap().hold.count;
        assert_eq!(shop.ask(&guest).await["verdict"], "review", "store lost: {lose}");
        shop.follow();
        shop.follow();
        let review = shop.control.review(&id).unwrap();
        assert_eq!(review.hold.count, held_before + 1);
        assert_eq!(review.status, Status::Open, "held in spite of its release");
        shop.close();
    }
}

#[tokio::test]
async fn fulfilment_that_waits_for_a_hold_hears_of_its_release() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path(), PersonalParts::Clear);
    let held = shop.ask(ORDER).await;
    shop.follow();
    shop.release(&shop.only_entry()).await;
    let mut reader = Reader::open(&shop.dir).unwrap();
    let mut told = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        if Message::may_be_of(record.parts().unwrap().envelope) {
            let view = Value::Object(record.view().unwrap()).to_string();
            let message = Message::of(view.as_bytes(), &Action::ALL).unwrap();
            let body = message.map(|message| serde_json::from_slice::<Value>(&message.body));
            told.extend(body.transpose().unwrap());
        }
    }
    let types: Vec<_> = told.iter().map(|told| told["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["decision.review", "review.released"]);
    assert_eq!(told[1]["data"]["holds"], serde_json::json!([held["id"]]));
    assert_eq!(told[1]["data"]["action"], "resale");
    let text = told[1].to_string();
    assert!(!text.contains("A-17") && !text.contains("local:"), "{text}");
}

#[tokio::test]
async fn the_age_of_the_queue_is_told_and_a_release_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(folder.path(), PersonalParts::Clear);
    shop.ask(ORDER).await;
    shop.follow();
    shop.follow();
    let metrics = shop.metrics.render();
    assert!(metrics.contains("interdict_reviews_open 1\n"), "{metrics}");
    assert!(!metrics.contains("interdict_review_oldest_seconds 0\n"), "{metrics}");
    shop.release(&shop.only_entry()).await;
    shop.follow();
    let metrics = shop.metrics.render();
    for line in [
        "interdict_reviews_open 0\n",
        "interdict_review_oldest_seconds 0\n",
        "interdict_clearances_active 1\n",
    ] {
        assert!(metrics.contains(line), "{line} {metrics}");
    }
}
