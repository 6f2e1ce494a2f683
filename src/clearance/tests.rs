//! One clearance, and the index of several.

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::thread;

use ipnet::IpNet;
use jiff::Timestamp;

use super::*;
use crate::model::Action;
use crate::model::DecisionId;
use crate::model::Transaction;

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn clearance(subject: &str, networks: &[&str], uses: Uses) -> Arc<Clearance> {
    Arc::new(Clearance {
        action: Action::Resale,
        by: Arc::from(["local:anna".into(), "local:ben".into()]),
        evidence: Digest::of(b"evidence"),
        from: second(10),
        hold: DecisionId::new(second(5)),
        id: "c-1".into(),
        networks: networks.iter().map(|network| (*network).into()).collect(),
        product: Some("kaspersky.covered".into()),
        subject: subject.into(),
        until: second(20),
        uses,
    })
}

fn asked<'a>(subject: &'a Subject, vouched: bool) -> Asked<'a> {
    Asked {
        action: Action::Resale,
        at: second(15),
        evidence: Digest::of(b"evidence"),
        network: None,
        product: Some("kaspersky.covered"),
        subject,
        vouched,
    }
}

fn network(text: &str) -> Option<IpNet> {
    Some(text.parse().unwrap())
}

#[test]
fn a_clearance_holds_from_its_first_instant_up_to_its_end() {
    let subject = Subject::Account("A-17".into());
    let index = Clearances::new([clearance("account:A-17", &[], Uses::Unlimited)], None);
    for (at, holds) in [(9, false), (10, true), (19, true), (20, false)] {
        let at = second(at);
        let found = index.find(&Asked { at, ..asked(&subject, true) });
        assert_eq!((found.is_some(), index.active(at)), (holds, usize::from(holds)), "{at}");
    }
    let just_before = Timestamp::new(19, 999_999_999).unwrap();
    assert!(index.find(&Asked { at: just_before, ..asked(&subject, true) }).is_some());
}

#[test]
fn it_is_for_one_subject_one_product_one_action_and_one_evidence() {
    let subject = Subject::Account("A-17".into());
    let index = Clearances::new([clearance("account:A-17", &[], Uses::Unlimited)], None);
    assert!(index.find(&asked(&subject, true)).is_some());
    let others = [
        Asked { action: Action::Renewal, ..asked(&subject, true) },
        Asked { evidence: Digest::of(b"other"), ..asked(&subject, true) },
        Asked { product: Some("kaspersky.other"), ..asked(&subject, true) },
        Asked { product: None, ..asked(&subject, true) },
        Asked { subject: &Subject::Account("A-18".into()), ..asked(&subject, true) },
        // Case tells accounts apart.
        Asked { subject: &Subject::Account("a-17".into()), ..asked(&subject, true) },
    ];
    for other in &others {
        assert!(index.find(other).is_none(), "{other:?}");
    }
}

#[test]
fn an_account_that_nobody_vouches_for_clears_only_from_where_it_was_held() {
    let subject = Subject::Account("A-17".into());
    let here = network("192.0.2.0/24");
    let unvouched = clearance("account:A-17", &["192.0.2.0/24"], Uses::Unlimited);
    let index = Clearances::new([unvouched], None);
    for (network, vouched, holds) in [
        (here, false, true),
        (network("198.51.100.0/24"), false, false),
        (None, false, false),
        // Who is vouched for is the same, and known better.
        (None, true, true),
    ] {
        let found = index.find(&Asked { network, ..asked(&subject, vouched) });
        assert_eq!(found.is_some(), holds, "{network:?} {vouched}");
    }
    let vouched = clearance("account:A-17", &[], Uses::Unlimited);
    let index = Clearances::new([vouched], None);
    assert!(index.find(&Asked { network: here, ..asked(&subject, false) }).is_none());
}

#[test]
fn what_a_ledger_masks_is_found_under_its_mask() {
    let mask = || Some(Mask::new(|text| format!("masked:{}", Digest::of(text.as_bytes()))));
    let masked = mask().unwrap();
    let subject = Subject::Account("A-17".into());
    let network = network("2001:db8:1::/48");
    let networks = masked.of("2001:db8:1::/48");
    let known = clearance(&masked.of("account:A-17"), &[&networks], Uses::Unlimited);
    let here = Asked { network, ..asked(&subject, false) };
    assert!(Clearances::new([Arc::clone(&known)], mask()).find(&here).is_some());
    assert!(Clearances::new([known], None).find(&here).is_none());
}

#[test]
fn of_eight_threads_one_gets_a_single_use_whatever_snapshot_they_ask() {
    for _ in 0..200 {
        let known = clearance("account:A-17", &[], Uses::Once(AtomicBool::new(false)));
        let snapshots = [(); 8].map(|()| Clearances::new([Arc::clone(&known)], None));
        let begin = Barrier::new(snapshots.len());
        let passes: usize = thread::scope(|scope| {
            let threads: Vec<_> = snapshots
                .iter()
                .map(|snapshot| {
                    let begin = &begin;
                    scope.spawn(move || {
                        let subject = Subject::Account("A-17".into());
                        begin.wait();
                        let found = snapshot.find(&asked(&subject, true));
                        usize::from(found.is_some_and(|found| found.take()))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passes, 1);
        assert!(known.is_used());
        assert_eq!(snapshots[0].active(second(15)), 0);
    }
}

#[test]
fn a_subjects_text_is_read_back() {
    for subject in [
        Subject::Account("A:17".into()),
        Subject::LicenceKey(Digest::of(b"key")),
        Subject::Network("192.0.2.0/24".parse().unwrap()),
        Subject::Order(Digest::of(b"order")),
    ] {
        assert_eq!(Subject::parse(&subject.to_string()), Some(subject));
    }
    for text in ["", "A-17", "account:", "order:sha256:00", "network:here", "licence_key:ABC"] {
        assert_eq!(Subject::parse(text), None, "{text}");
    }
}

#[test]
fn a_network_is_a_24th_or_a_48th() {
    for (address, network) in
        [("192.0.2.255", "192.0.2.0/24"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48")]
    {
        assert_eq!(network_of(address.parse().unwrap()).to_string(), network);
    }
}

#[test]
fn an_order_is_the_same_from_within_its_network_and_another_where_anything_else_is() {
    let of = |json: &str| order(&Transaction::from_json(json.as_bytes()).unwrap());
    let one = r#"{"action":"resale","items":[{"sku":"X","quantity":1}],"buyer":{"email":"a@b.de","ip":"192.0.2.7"}}"#;
    let same = one.replace("192.0.2.7", "192.0.2.8");
    assert_eq!(of(one), of(&same));
    for (from, to) in [
        ("192.0.2.7", "192.0.3.7"),
        ("a@b.de", "a@c.de"),
        ("\"X\"", "\"Y\""),
        ("\"quantity\":1", "\"quantity\":2"),
        ("resale", "renewal"),
        ("\"buyer\":{", "\"buyer\":{\"account\":\"A\","),
    ] {
        assert_ne!(of(one), of(&one.replace(from, to)), "{from}");
    }
}
