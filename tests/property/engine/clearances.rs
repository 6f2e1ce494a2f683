//! Clearances against a naive second opinion: what may be lifted, told in the most boring way.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use interdict::clearance::{
    Clearance, Clearances, Digest, Evidence, Subject, Uses, network_of, order,
};
use interdict::enforcement::Snapshot;
use interdict::geo::GeoTables;
use interdict::model::{
    Action, AddressOrigin, Decision, DecisionId, Finding, Nexus, Spared, Transaction, Verdict,
};
use interdict::policy::{Reseller, decide};
use interdict::registry::{Catalogue, Customers};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::evidence::{Evidence as Told, Mail, Party, Spot, country, party};
use super::world::{Item, Policy, instant, moment, policies};
use super::{action, compiled, items, nexus, transaction};

/// Two networks; the last octet does not matter.
const ADDRESSES: [&str; 3] = ["192.0.2.1", "192.0.2.200", "198.51.100.1"];

static GEO: LazyLock<Arc<GeoTables>> = LazyLock::new(|| Arc::new(GeoTables::embedded()));

/// Who asks for what.
#[derive(Clone, Debug)]
struct Ask {
    items: Vec<Item>,
    party: Party,
    /// Where the first address of the evidence is, if there is one.
    address: Option<&'static str>,
    seller: Option<Spot>,
}

#[derive(Clone, Copy, Debug)]
enum Whom {
    Account(&'static str),
    Network(&'static str),
    /// The order of the asker, or the other's.
    Order(bool),
}

/// A clearance in plain words.
#[derive(Clone, Debug)]
struct Given {
    whom: Whom,
    /// Whose evidence it rests on: the asker's, or the other's.
    own: bool,
    /// Of the review that it was given for.
    finding: usize,
    same_action: bool,
    /// Around the instant, in seconds.
    from: i64,
    until: i64,
    networks: Vec<&'static str>,
    /// Single, and whether it was used.
    single: Option<bool>,
}

fn ask() -> impl Strategy<Value = Ask> {
    let address = proptest::option::of(proptest::sample::select(&ADDRESSES[..]));
    (items(), party(), address, proptest::option::weighted(0.2, country()))
        .prop_map(|(items, party, address, seller)| Ask { items, party, address, seller })
}

fn given() -> impl Strategy<Value = Given> {
    let whom = prop_oneof![
        4 => proptest::sample::select(&["A-1", "A-2"][..]).prop_map(Whom::Account),
        2 => proptest::sample::select(&["192.0.2.0/24", "198.51.100.0/24"][..])
            .prop_map(Whom::Network),
        4 => proptest::bool::weighted(0.9).prop_map(Whom::Order),
    ];
    let networks = proptest::sample::subsequence(vec!["192.0.2.0/24", "198.51.100.0/24"], 0..=2);
    (
        whom,
        proptest::bool::weighted(0.9),
        0_usize..3,
        proptest::bool::weighted(0.95),
        prop_oneof![4 => Just(0_i64), 4 => Just(-1_i64), 1 => Just(1_i64)],
        prop_oneof![6 => Just(1_i64), 1 => Just(0_i64)],
        networks,
        proptest::option::weighted(0.4, proptest::bool::weighted(0.2)),
    )
        .prop_map(|(whom, own, finding, same_action, from, until, networks, single)| Given {
            whom,
            own,
            finding,
            same_action,
            from,
            until,
            networks,
            single,
        })
}

impl Ask {
    fn transaction(&self, action: Action) -> Transaction {
        let mut transaction = transaction(action, &self.items, &self.party, self.seller);
        if let (Some(first), Some(address)) =
            (transaction.buyer.addresses.first_mut(), self.address)
        {
            first.address = Some(address.parse().unwrap());
        }
        transaction
    }

    /// The naive network: of the address, if there is evidence of one.
    fn network(&self) -> Option<&'static str> {
        let address = self.address.filter(|_| !self.party.said.addresses.is_empty())?;
        Some(if address.starts_with("192") { "192.0.2.0/24" } else { "198.51.100.0/24" })
    }

    /// What an order is, naively: the items as written, every text of the buyer, and the network.
    fn order(&self) -> String {
        let items: Vec<_> = self.items.iter().map(Item::json).collect();
        let party = &self.party;
        let said = Told { addresses: Vec::new(), ..party.said.clone() };
        format!("{items:?} {said:?} {:?} {:?} {:?}", party.account, self.network(), self.seller)
    }
}

/// What a country text is read as, labelled by hand.
fn label(spot: Spot, of_place: bool) -> &'static str {
    let region = spot.region.filter(|_| of_place);
    match (spot.text, region) {
        ("US", Some("PR")) | ("PR", _) => "PR",
        ("US", Some("us-pw")) | ("PW", _) => "PW",
        ("US", Some("FM")) => "FM",
        ("US" | "u.s.a." | "United States", _) => "US",
        ("GUM", _) => "GU",
        ("DE" | "Germany", _) => "DE",
        ("fra", _) => "FR",
        ("UK", _) => "GB",
        ("IT", _) => "IT",
        (" ", _) => "",
        _ => "unreadable",
    }
}

/// All that nexus weighs, naively.
fn weighed(ask: &Ask, reseller: Nexus, seller_counts: bool) -> Vec<String> {
    let party = &ask.party;
    let mut all = told("said", &party.said, true);
    let mut addresses: Vec<String> = party
        .said
        .addresses
        .iter()
        .map(|address| {
            let mut classes: Vec<_> = address.classes.iter().map(|c| c.as_str()).collect();
            classes.sort_unstable();
            classes.dedup();
            let country = address.country.map_or("", |spot| label(spot, false));
            format!("address {country} {classes:?}")
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    all.extend(addresses);
    if let Some(registry) = &party.registry {
        all.push(format!("vouched {}", party.vouched));
        all.extend(told("registry", registry, false));
    }
    all.push(format!("seller {}", ask.seller.map_or("", |spot| label(spot, false))));
    if seller_counts {
        all.push(format!("counts {:?}", super::seller_of(ask.seller, reseller)));
    }
    all
}

fn told(of: &str, told: &Told, whole: bool) -> Vec<String> {
    let mut all = Vec::new();
    let mut one = |name: &str, spot: Option<Spot>| {
        let read = spot.map_or("", |spot| label(spot, name == "billing" || name == "shipping"));
        all.push(format!("{of} {name} {read}"));
    };
    one("billing", told.billing);
    one("organization", told.organization);
    one("parent", told.parent);
    if whole {
        one("shipping", told.shipping);
        one("declared", told.declared);
    }
    for (name, spots) in [("citizenship", &told.citizenship), ("resident", &told.resident)] {
        let mut read: Vec<_> = spots.iter().map(|spot| label(*spot, false)).collect();
        read.retain(|read| !read.is_empty());
        read.sort_unstable();
        read.dedup();
        all.push(format!("{of} {name} {read:?}"));
    }
    let mail = told.email.map(|(_, mail)| mail).filter(|mail| *mail != Mail::Ordinary);
    all.push(format!("{of} {mail:?} {:?}", told.us_person));
    all
}

fn reviews(decision: &Decision) -> Vec<(usize, &Finding)> {
    let all = decision.findings.iter().enumerate();
    all.filter(|(_, finding)| finding.verdict == Verdict::Review).collect()
}

/// What a hold rests on, naively.
fn question(ask: &Ask, decision: &Decision, finding: (usize, &Finding), reseller: Nexus) -> String {
    let (at, finding) = finding;
    let weighed = weighed(ask, reseller, decision.seller.is_some());
    let rule = finding.ruling.as_ref().map(|rule| (&rule.policy, &rule.rule));
    let item = finding.doubtful.then(|| ask.items[at].json().to_string());
    format!("{weighed:?} {:?} {rule:?} {item:?}", finding.product)
}

#[test]
fn only_what_the_naive_reading_clears_is_lifted_and_a_block_never_is() {
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(5000)
    });
    let [lifted, kept, blocked] = [(); 3].map(|()| Cell::new(0_u32));
    let world = (
        policies(),
        ask(),
        ask(),
        proptest::collection::vec(given(), 0..8),
        nexus(),
        action(),
        moment(),
    );
    let result = runner.run(&world, |(policies, own, other, given, reseller, action, at)| {
        let verdict = check(&policies, &own, &other, &given, reseller, action, at)?;
        let count = match verdict {
            (Verdict::Review, Verdict::Allow) => &lifted,
            (Verdict::Review, _) => &kept,
            (Verdict::Block, _) => &blocked,
            (Verdict::Allow, _) => return Ok(()),
        };
        count.set(count.get() + 1);
        Ok(())
    });
    result.unwrap();
    // A test in which hardly anything is lifted shows nothing.
    assert!(lifted.get() > 100, "{lifted:?} {kept:?} {blocked:?}");
    assert!(kept.get() > 100 && blocked.get() > 100, "{lifted:?} {kept:?} {blocked:?}");
}

/// The verdict without and with the clearances, once both readings agree.
fn check(
    policies: &[Policy],
    own: &Ask,
    other: &Ask,
    given: &[Given],
    reseller: Nexus,
    action: Action,
    at: i64,
) -> Result<(Verdict, Verdict), TestCaseError> {
    let mut snapshot = Snapshot {
        catalogue: Arc::new(Catalogue::default()),
        clearances: Arc::default(),
        customers: Arc::new(Customers::default()),
        geo: Arc::clone(&GEO),
        loaded: instant(0),
        policies: Arc::new(compiled(policies)),
        reseller: Arc::new(Reseller::new(reseller, &[])),
    };
    let judged = |ask: &Ask| {
        let transaction = ask.transaction(action);
        let decision = decide(&transaction, instant(at), &snapshot.policies, &snapshot.setting());
        (transaction, decision)
    };
    let (transaction, decision) = judged(own);
    let (others, others_decision) = judged(other);
    let mut clearances = Vec::new();
    let mut naive = Vec::new();
    for (n, given) in given.iter().enumerate() {
        let (of, of_decision, ask) = if given.own {
            (&transaction, &decision, own)
        } else {
            (&others, &others_decision, other)
        };
        let held = reviews(of_decision);
        if held.is_empty() {
            continue;
        }
        let (index, finding) = held[given.finding % held.len()];
        let (subject, whose) = match given.whom {
            Whom::Account(account) => (Subject::Account(account.into()), None),
            Whom::Network(network) => (Subject::Network(network.parse().unwrap()), None),
            Whom::Order(mine) => {
                let (whose, ask) = if mine { (&transaction, own) } else { (&others, other) };
                (Subject::Order(order(whose)), Some(ask.order()))
            }
        };
        clearances.push(Arc::new(Clearance {
            action: if given.same_action { action } else { Action::Renewal },
            by: Arc::from(["local:anna".into()]),
            evidence: Evidence::of(of, of_decision).digest(finding, Some(index)),
            from: instant(at + given.from),
            hold: DecisionId::new(instant(at)),
            id: format!("c{n}").into(),
            networks: given.networks.iter().map(|network| (*network).into()).collect(),
            product: finding.product.as_deref().map(Into::into),
            subject: subject.to_string().into(),
            until: instant(at + given.until),
            uses: match given.single {
                Some(used) => Uses::Once(AtomicBool::new(used)),
                None => Uses::Unlimited,
            },
        }));
        let question = question(ask, of_decision, (index, finding), reseller);
        naive.push((given, question, whose, finding.product.clone()));
    }
    snapshot.clearances = Arc::new(Clearances::new(clearances, None));
    let clears = |finding: (usize, &Finding)| {
        let asked = question(own, &decision, finding, reseller);
        naive.iter().any(|(given, question, whose, product)| {
            let network = own.network();
            let party = &own.party;
            let delivery = action == Action::SignatureUpdate;
            let is_of = match given.whom {
                Whom::Account(account) => {
                    let here = network.is_some_and(|network| given.networks.contains(&network));
                    party.account == Some(account)
                        && (party.vouched || here)
                        && finding.1.product.is_some()
                }
                Whom::Network(known) => {
                    delivery && network == Some(known) && finding.1.product.is_some()
                }
                Whom::Order(_) => {
                    let told_apart =
                        party.account.is_some() || party.said.email.is_some() || network.is_some();
                    !delivery && told_apart && whose.as_deref() == Some(&own.order())
                }
            };
            is_of
                && given.same_action
                && *product == finding.1.product
                && asked == *question
                && given.from <= 0
                && given.until > 0
                && given.single != Some(true)
        })
    };
    let held = reviews(&decision);
    let naive_lifts =
        decision.verdict == Verdict::Review && held.iter().all(|finding| clears(*finding));
    let after = snapshot.lifted(decision.clone(), &transaction, Some(AddressOrigin::Transaction));
    if naive_lifts {
        prop_assert_eq!(after.verdict, Verdict::Allow);
        prop_assert!(after.ruling.is_none() && !after.cleared.is_empty());
        prop_assert!(after.all_findings().all(|finding| finding.verdict == Verdict::Allow));
        let spared = after.all_findings().filter_map(|finding| finding.spared.as_ref());
        let cleared = spared.filter(|(_, spared)| *spared == Spared::Cleared).count();
        prop_assert_eq!(cleared, held.len());
        prop_assert!(after.cut_at.is_some_and(|cut| cut <= after.cleared[0].until));
    } else {
        // Untouched, to the last member.
        prop_assert_eq!(&after, &decision);
    }
    Ok((decision.verdict, after.verdict))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_digest_is_another_exactly_where_a_value_that_nexus_weighs_is(
        own in ask(),
        other in ask(),
        // How much of the other's evidence the asker takes over.
        parts in proptest::collection::vec(proptest::bool::weighted(0.1), 16),
    ) {
        let mut changed = own.clone();
        let (said, others) = (&mut changed.party.said, &other.party.said);
        let mut take = parts.into_iter();
        let mut takes = || take.next().unwrap();
        if takes() { said.billing = others.billing; }
        if takes() { said.shipping = others.shipping; }
        if takes() { said.organization = others.organization; }
        if takes() { said.declared = others.declared; }
        if takes() { said.parent = others.parent; }
        if takes() { said.citizenship.clone_from(&others.citizenship); }
        if takes() { said.resident.clone_from(&others.resident); }
        if takes() { said.email = others.email; }
        if takes() { said.us_person = others.us_person; }
        if takes() { said.addresses.clone_from(&others.addresses); }
        if takes() { changed.party.registry.clone_from(&other.party.registry); }
        if takes() { changed.party.vouched = other.party.vouched; }
        if takes() { changed.seller = other.seller; }
        let finding = Finding { verdict: Verdict::Review, ..Finding::default() };
        let digest = |ask: &Ask| -> Digest {
            let transaction = ask.transaction(Action::Sale);
            let set = compiled(&[]);
            let reseller = Reseller::new(Nexus::Foreign, &[]);
            let setting = interdict::policy::Setting {
                catalogue: &super::NoCatalogue,
                reseller: &reseller,
            };
            let decision = decide(&transaction, instant(0), &set, &setting);
            Evidence::of(&transaction, &decision).digest(&finding, Some(0))
        };
        let same = weighed(&own, Nexus::Foreign, false) == weighed(&changed, Nexus::Foreign, false);
        prop_assert_eq!(digest(&own) == digest(&changed), same);
    }

    #[test]
    fn a_networks_neighbours_are_those_with_its_first_three_octets(a: [u8; 4], b: [u8; 4]) {
        let of = |octets: [u8; 4]| network_of(std::net::IpAddr::from(octets));
        prop_assert_eq!(of(a) == of(b), a[..3] == b[..3]);
    }
}
