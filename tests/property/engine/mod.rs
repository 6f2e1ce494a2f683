//! The engine against a naive second opinion, and the laws that any engine must keep.

mod clearances;
mod evidence;
mod shipped;
mod world;

use interdict::model::{
    Action, AddressClass, CatalogueEntry, CatalogueLookup, Decision, Mode, Nexus, Seller,
    Transaction, Verdict, Vouching,
};
use interdict::policy::{
    Folded, PolicySet, Reseller, RuleOutcome, Setting, buyer_nexus, decide, load_texts,
    seller_nexus, trace,
};
use proptest::prelude::*;
use serde_json::json;

use evidence::{Address, Evidence, Kind, Party, Spot, country, party};
use world::{ACTIONS, Facts, Item, Policy, instant, item, moment, policies};

#[derive(Debug)]
struct NoCatalogue;

impl CatalogueLookup for NoCatalogue {
    fn find(&self, _folded_sku: &str) -> Option<&CatalogueEntry> {
        None
    }
}

fn compiled(policies: &[Policy]) -> PolicySet {
    let texts: Vec<_> = policies.iter().enumerate().map(|(n, p)| p.toml(n)).collect();
    let files: Vec<_> = texts.iter().map(|text| ("p.toml", text.as_str())).collect();
    load_texts(&files).unwrap_or_else(|errors| panic!("{}", errors.render(false)))
}

fn transaction(action: Action, items: &[Item], party: &Party, seller: Option<Spot>) -> Transaction {
    let items: Vec<_> = items.iter().map(Item::json).collect();
    let text = json!({ "action": action.as_str(), "items": items }).to_string();
    let mut transaction = Transaction::from_json(text.as_bytes()).unwrap();
    transaction.buyer = party.buyer();
    let seller = seller.map(|s| json!({ "organization_country": s.text }));
    transaction.seller = seller.map(|s| serde_json::from_value::<Seller>(s).unwrap());
    transaction
}

fn judged(set: &PolicySet, transaction: &Transaction, at: i64, reseller: Nexus) -> Decision {
    let reseller = Reseller::new(reseller, &[]);
    let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
    decide(transaction, instant(at), set, &setting)
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    proptest::collection::vec(item(), 1..4)
}

fn action() -> impl Strategy<Value = Action> {
    proptest::sample::select(&ACTIONS[..])
}

fn nexus() -> impl Strategy<Value = Nexus> {
    proptest::sample::select(&Nexus::ALL[..])
}

fn seller_of(seller: Option<Spot>, reseller: Nexus) -> Nexus {
    match seller.map(|s| s.kind) {
        None => reseller,
        Some(Kind::Us) => Nexus::Us,
        Some(Kind::Foreign) => Nexus::Foreign,
        Some(Kind::Blank | Kind::Unreadable) => Nexus::Unclear,
    }
}

/// One more piece of evidence for the United States, beside what is there.
#[derive(Clone, Copy, Debug)]
enum More {
    Address,
    Billing,
    Citizenship,
    Declared,
    Email,
    Military,
    Organization,
    Parent,
    Resident,
    Shipping,
    UsPerson,
}

const MORE: [More; 11] = [
    More::Address,
    More::Billing,
    More::Citizenship,
    More::Declared,
    More::Email,
    More::Military,
    More::Organization,
    More::Parent,
    More::Resident,
    More::Shipping,
    More::UsPerson,
];

fn with_more(party: &Party, more: More) -> Party {
    let mut party = party.clone();
    let us = Spot { text: "US", region: None, kind: Kind::Us };
    let said: &mut Evidence = &mut party.said;
    match more {
        More::Address => {
            said.addresses.push(Address { country: Some(us), classes: Vec::new() });
        }
        More::Billing => said.billing = Some(us),
        More::Citizenship => said.citizenship.push(us),
        More::Declared => said.declared = Some(us),
        More::Email => said.email = Some(("a@army.mil", evidence::Mail::UsGovernment)),
        More::Military => {
            let classes = vec![AddressClass::UsMilitary];
            said.addresses.push(Address { country: None, classes });
        }
        More::Organization => said.organization = Some(us),
        More::Parent => said.parent = Some(us),
        More::Resident => said.resident.push(us),
        More::Shipping => said.shipping = Some(us),
        More::UsPerson => said.us_person = Some(true),
    }
    party
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_nexus_is_what_the_evidence_says_in_the_naive_reading(party in party(), delivery: bool) {
        let action = if delivery { Action::SignatureUpdate } else { Action::Sale };
        prop_assert_eq!(buyer_nexus(&party.buyer(), delivery).0, party.nexus(action));
    }

    #[test]
    fn a_sellers_nexus_is_its_country(seller in country()) {
        let value = json!({ "organization_country": seller.text });
        let naive = seller_of(Some(seller), Nexus::Unclear);
        prop_assert_eq!(seller_nexus(&serde_json::from_value(value).unwrap()), naive);
    }

    #[test]
    fn a_decision_is_the_naive_one(
        policies in policies(),
        items in items(),
        party in party(),
        seller in proptest::option::of(country()),
        reseller in nexus(),
        action in action(),
        at in moment(),
    ) {
        let set = compiled(&policies);
        let decision = judged(&set, &transaction(action, &items, &party, seller), at, reseller);
        let facts = Facts {
            action,
            at,
            buyer: party.nexus(action),
            seller: seller_of(seller, reseller),
            account: party.account.filter(|_| party.vouched),
        };
        let (verdict, clause, shadow) = world::decide(&policies, &items, &facts);
        let mut shadows: Vec<_> =
            decision.shadow.iter().map(|s| (s.rule.clause.to_string(), s.verdict)).collect();
        shadows.sort();
        let got = decision.ruling.as_ref().map(|rule| rule.clause.to_string());
        prop_assert_eq!((decision.verdict, got, shadows), (verdict, clause, shadow));
    }

    #[test]
    fn the_strictest_rule_that_applied_in_the_trace_is_the_decision(
        policies in policies(),
        items in items(),
        party in party(),
        seller in proptest::option::of(country()),
        reseller in nexus(),
        action in action(),
        at in moment(),
    ) {
        let set = compiled(&policies);
        let transaction = transaction(action, &items, &party, seller);
        let decision = judged(&set, &transaction, at, reseller);
        let reseller = Reseller::new(reseller, &[]);
        let setting = Setting { catalogue: &NoCatalogue, reseller: &reseller };
        let rules = trace(&transaction, instant(at), &set, &setting);
        let of = |wanted| rules.iter().filter(move |rule| rule.outcome == wanted);
        let strictest = of(RuleOutcome::Applied).filter_map(|rule| rule.verdict).max();
        prop_assert_eq!(strictest.unwrap_or(Verdict::Allow), decision.verdict);
        if let Some(ruling) = &decision.ruling {
            prop_assert!(of(RuleOutcome::Applied).any(|rule| rule.facts == *ruling));
        }
        for finding in decision.all_findings() {
            let named = finding.ruling.iter().chain(finding.spared.iter().map(|(rule, _)| rule));
            for rule in named {
                prop_assert!(rules.iter().any(|traced| traced.facts == *rule));
            }
        }
        let mut shadows: Vec<_> = of(RuleOutcome::Shadow)
            .map(|rule| (rule.facts.clause.to_string(), rule.verdict.unwrap()))
            .collect();
        shadows.sort();
        for shadow in &decision.shadow {
            // Of one that came to several things the strictest stands in the decision.
            prop_assert!(shadows.contains(&(shadow.rule.clause.to_string(), shadow.verdict)));
        }
        prop_assert_eq!(shadows.is_empty(), decision.shadow.is_empty());
    }

    #[test]
    fn more_evidence_for_the_united_states_never_lowers_strictness(
        policies in policies(),
        items in items(),
        party in party(),
        action in action(),
        at in moment(),
        more in proptest::sample::select(&MORE[..]),
    ) {
        let set = compiled(&policies);
        let less = judged(&set, &transaction(action, &items, &party, None), at, Nexus::Foreign);
        let more = with_more(&party, more);
        let more = judged(&set, &transaction(action, &items, &more, None), at, Nexus::Foreign);
        prop_assert!(more.verdict >= less.verdict && more.buyer >= less.buyer);
    }

    #[test]
    fn an_account_that_nobody_vouches_for_never_improves_an_outcome(
        policies in policies(),
        items in items(),
        party in party(),
        action in action(),
        at in moment(),
    ) {
        let set = compiled(&policies);
        let mut with = transaction(action, &items, &party, None);
        with.buyer.vouching = Vouching::Unvouched;
        let mut without = with.clone();
        without.buyer.account = None;
        without.buyer.customer = None;
        let with = judged(&set, &with, at, Nexus::Foreign);
        prop_assert!(with.verdict >= judged(&set, &without, at, Nexus::Foreign).verdict);
    }

    #[test]
    fn a_suspended_rule_is_as_good_as_none(
        policies in policies(),
        items in items(),
        party in party(),
        action in action(),
        at in moment(),
    ) {
        let (mut suspended, mut absent) = (policies.clone(), policies);
        suspended[0].rules[0].suspended = Some((-1000 * 3600, None));
        // Switched off rather than taken away: the other rules keep their names.
        absent[0].rules[0].mode = Mode::Off;
        let transaction = transaction(action, &items, &party, None);
        let suspended = judged(&compiled(&suspended), &transaction, at, Nexus::Us);
        let absent = judged(&compiled(&absent), &transaction, at, Nexus::Us);
        prop_assert_eq!(suspended.verdict, absent.verdict);
        prop_assert_eq!(suspended.ruling, absent.ruling);
        prop_assert_eq!(suspended.shadow, absent.shadow);
    }

    #[test]
    fn a_rule_in_shadow_never_changes_a_verdict(
        policies in policies(),
        items in items(),
        party in party(),
        action in action(),
        at in moment(),
    ) {
        let (mut shadow, mut off) = (policies.clone(), policies);
        shadow[0].rules[0].mode = Mode::Shadow;
        off[0].rules[0].mode = Mode::Off;
        let transaction = transaction(action, &items, &party, None);
        let shadow = judged(&compiled(&shadow), &transaction, at, Nexus::Us);
        let off = judged(&compiled(&off), &transaction, at, Nexus::Us);
        prop_assert_eq!((shadow.verdict, shadow.ruling), (off.verdict, off.ruling));
    }

    #[test]
    fn the_order_of_items_changes_nothing_but_the_order_of_findings(
        policies in policies(),
        items in items(),
        party in party(),
        action in action(),
        at in moment(),
    ) {
        let set = compiled(&policies);
        let there = judged(&set, &transaction(action, &items, &party, None), at, Nexus::Us);
        let mut back = items;
        back.reverse();
        let mut back = judged(&set, &transaction(action, &back, &party, None), at, Nexus::Us);
        back.findings.reverse();
        prop_assert_eq!((there.verdict, there.ruling), (back.verdict, back.ruling));
        prop_assert_eq!(there.findings, back.findings);
    }

    #[test]
    fn a_verdict_is_the_strictest_of_its_findings(
        policies in policies(),
        items in items(),
        party in party(),
        action in action(),
        at in moment(),
    ) {
        let decision = judged(
            &compiled(&policies),
            &transaction(action, &items, &party, None),
            at,
            Nexus::Us,
        );
        let strictest = decision.all_findings().map(|f| f.verdict).max();
        prop_assert_eq!(Some(decision.verdict), strictest);
        prop_assert_eq!(decision.ruling.is_some(), decision.verdict != Verdict::Allow);
    }

    #[test]
    fn a_folded_name_keeps_its_words_and_nothing_else(text in "\\PC{0,60}") {
        let folded = Folded::name(&text);
        let folded = folded.as_str();
        prop_assert!(!folded.starts_with(' ') && !folded.ends_with(' '));
        prop_assert!(!folded.contains("  "));
        let kept = |c: char| c == ' ' || c.is_alphanumeric();
        prop_assert!(folded.chars().all(kept));
    }

    #[test]
    fn dressing_up_a_name_changes_nothing(
        letters in proptest::collection::vec((any::<bool>(), 0_u8..6), 24),
    ) {
        let plain = "kaspersky total security";
        let mut dressed = String::new();
        for (c, (upper, how)) in plain.chars().zip(letters) {
            let c = if upper { c.to_ascii_uppercase() } else { c };
            match (how, c) {
                (0, '!'..='~') => dressed.extend(char::from_u32(u32::from(c) + 0xfee0)),
                (1, ' ') => dressed.push_str(" \u{2003}- "),
                (1, c) => dressed.extend([c, '\u{200b}']),
                (2, c) => dressed.extend([c, '\u{301}']),
                (3, 'a') => dressed.push('а'),
                (3, 'e') => dressed.push('е'),
                (3, 'K') => dressed.push('К'),
                (3, 'p') => dressed.push('р'),
                (4, c) => dressed.extend(['\u{ad}', c]),
                (_, c) => dressed.push(c),
            }
        }
        let (name, plain) = (Folded::name(&dressed), Folded::name(plain));
        prop_assert_eq!(name.as_str(), plain.as_str());
    }
}
