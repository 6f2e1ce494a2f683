//! The shipped policy against DESIGN 5's table, over a vocabulary labelled by hand.

use interdict::model::{Action, Nexus, Transaction, Verdict};
use interdict::policy::load_dirs;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::evidence::{country, party};
use super::seller_of;

/// 2024-07-20T04:00:00Z and 2024-09-29T04:00:00Z.
const T1: i64 = 1_721_448_000;
const T2: i64 = 1_727_582_400;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Label {
    Covered,
    Free,
    Suspected,
}

fn vocabulary() -> Vec<(Value, Label)> {
    use Label::{Covered, Free, Suspected};
    vec![
        (json!({"name": "Kaspersky Premium", "vendor": "Kaspersky"}), Covered),
        (json!({"name": "Kasperskу  TOTAL—Security®"}), Covered),
        (json!({"name": "Антивирус Касперского"}), Covered),
        (json!({"name": "Something new", "vendor": "AO Kaspersky Lab"}), Covered),
        (json!({"sku": "kl1047-gdefs"}), Covered),
        (json!({"sku": "KL4863DA*FS -N3", "name": "Licence"}), Covered),
        (json!({"name": "Kaspersky Threat Intelligence + EDR", "vendor": "Kaspersky"}), Covered),
        (
            json!({"name": "Firewall", "vendor": "Example", "components": ["Kaspersky engine"]}),
            Covered,
        ),
        (json!({"sku": "KL1047GDEFS", "name": "Kaspersky Plus", "vendor": "Example"}), Covered),
        (json!({"sku": "KL1047GDEFS", "name": "Phone case", "vendor": "Example"}), Suspected),
        (json!({"name": "A Kaspersky biography", "vendor": "Example Press"}), Suspected),
        (json!({"name": "Kaspersky Incident Response", "vendor": "Kaspersky"}), Suspected),
        (
            json!({"name": "Firewall", "vendor": "Example", "suspected_components": ["Kaspersky SDK"]}),
            Suspected,
        ),
        (json!({"quantity": 1}), Suspected),
        (json!({"name": "Kaspersky Security Awareness Training", "vendor": "Kaspersky"}), Free),
        (json!({"name": "Kaspersky Threat Data Feeds", "vendor": "Kaspersky"}), Free),
        (json!({"name": "Kaspersky SOC Consulting", "vendor": "Kaspersky"}), Free),
        (json!({"name": "Kasper mattress", "vendor": "Kasper & Sons"}), Free),
        (json!({"name": "Kaspar Hauser"}), Free),
        (json!({"sku": "KL1047"}), Free),
        (json!({"sku": "USB-KL-1047GDEFS"}), Free),
        (json!({"name": "Example Antivirus", "vendor": "Example"}), Free),
    ]
}

/// The table of DESIGN 5: for a party that is `us` and one that is `unclear`, from the strictest row that is in force.
fn table(action: Action, at: i64, buyer: Nexus, seller: Nexus) -> (Verdict, Option<&'static str>) {
    let (first, second) = (at >= T1, at >= T2);
    let both = buyer.max(seller);
    let (clause, nexus, us) = match action {
        Action::Licensing if second && both != Nexus::Foreign => {
            // FD-1 speaks for the buyer too, but FD-3c is later and never milder.
            ("FD-3c", both, Verdict::Block)
        }
        Action::Sale | Action::Renewal | Action::Licensing if first => {
            ("FD-1", buyer, Verdict::Block)
        }
        Action::Resale if second => ("FD-3a", both, Verdict::Block),
        Action::Resale if first => ("FD-1", buyer, Verdict::Review),
        Action::Activation if second => ("FD-1", buyer, Verdict::Block),
        Action::Activation if first => ("FD-1", buyer, Verdict::Review),
        Action::SignatureUpdate | Action::CodebaseUpdate if second => {
            ("FD-2a", buyer, Verdict::Block)
        }
        Action::CloudService if second => ("FD-2b", buyer, Verdict::Block),
        Action::Integration if second => ("FD-3b", both, Verdict::Block),
        _ => return (Verdict::Allow, None),
    };
    match nexus {
        Nexus::Us => (us, Some(clause)),
        Nexus::Unclear => (Verdict::Review, Some(clause)),
        Nexus::Foreign => (Verdict::Allow, None),
    }
}

fn instants() -> impl Strategy<Value = i64> {
    prop_oneof![
        proptest::sample::select(&[T1 - 1, T1, T1 + 1, T2 - 1, T2, T2 + 1][..]),
        T1 - 10_000_000..T2 + 100_000_000,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_shipped_policy_is_the_table(
        which in proptest::collection::vec(0_usize..22, 1..4),
        party in party(),
        seller in proptest::option::of(country()),
        action in proptest::sample::select(&Action::ALL[..]),
        at in instants(),
    ) {
        let items: Vec<_> = which.iter().map(|n| vocabulary()[*n].clone()).collect();
        let values: Vec<_> = items.iter().map(|(item, _)| item).collect();
        let text = json!({ "action": action.as_str(), "items": values }).to_string();
        let mut transaction = Transaction::from_json(text.as_bytes()).unwrap();
        transaction.buyer = party.buyer();
        transaction.seller = seller
            .map(|s| serde_json::from_value(json!({ "organization_country": s.text })).unwrap());
        let reseller = interdict::policy::Reseller::new(Nexus::Foreign, &[]);
        let setting =
            interdict::policy::Setting { catalogue: &super::NoCatalogue, reseller: &reseller };
        let at_instant = Timestamp::from_second(at).unwrap();
        let decision = SET.with(|set| {
            interdict::policy::decide(&transaction, at_instant, set, &setting)
        });

        let seller = seller_of(seller, Nexus::Foreign);
        let (verdict, clause) = table(action, at, party.nexus(action), seller);
        let mut expected = (Verdict::Allow, None);
        for (_, label) in &items {
            let verdict = match label {
                Label::Covered => verdict,
                Label::Suspected => verdict.min(Verdict::Review),
                Label::Free => Verdict::Allow,
            };
            if verdict > expected.0 {
                expected = (verdict, clause);
            }
        }
        let got = decision.ruling.as_ref().map(|rule| &*rule.clause);
        prop_assert_eq!((decision.verdict, got), expected, "{}", decision.reason());
        prop_assert_eq!(vocabulary().len(), 22);
    }
}

thread_local! {
    static SET: interdict::policy::PolicySet = {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        load_dirs(&[dir]).unwrap_or_else(|errors| panic!("{}", errors.render(false)))
    };
}
