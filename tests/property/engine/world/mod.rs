//! Random policies over a small vocabulary, as plain structs: rendered to TOML for the engine, decided naively here.

use interdict::model::{Action, Mode, Nexus, Verdict};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

mod naive;

pub(crate) use naive::decide;

/// 2025-01-01T00:00:00Z; every instant is some hours after it.
const BASE: i64 = 1_735_689_600;
pub(crate) const ACTIONS: [Action; 4] =
    [Action::Sale, Action::Resale, Action::Use, Action::SignatureUpdate];
const MAKERS: [&str; 3] = ["acme", "bolt", "crane"];
const GOODS: [&str; 4] = ["router", "scanner", "training", "report"];
/// Words that name nothing, some of them only nearly.
const OTHERS: [&str; 5] = ["hat", "acmeplus", "rebolt", "routers", "box"];

#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) makers: Vec<usize>,
    pub(crate) products: Vec<Product>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) exemption: Option<Exemption>,
}

/// The first product of each maker takes whatever else it makes.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    maker: Option<usize>,
    word: Option<usize>,
    exempt: bool,
    sku: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) actions: Vec<Action>,
    pub(crate) buyer: bool,
    pub(crate) seller: bool,
    pub(crate) product: usize,
    pub(crate) from: i64,
    pub(crate) until: Option<i64>,
    pub(crate) suspended: Option<(i64, Option<i64>)>,
    pub(crate) mode: Mode,
    pub(crate) us: Verdict,
    pub(crate) unclear: Verdict,
    pub(crate) when: Option<(When, Missing)>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    Absent(bool),
    AtLeast(u32),
    Below(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Missing {
    Fails,
    Holds,
    Review,
}

#[derive(Clone, Debug)]
pub(crate) struct Exemption {
    rule: Option<usize>,
    account: Option<&'static str>,
    from: Option<i64>,
    expires: i64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Item {
    name: Vec<&'static str>,
    vendor: Option<&'static str>,
    sku: Option<&'static str>,
    components: Vec<&'static str>,
    suspected: Vec<&'static str>,
    year: Option<Year>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Year {
    Number(u32),
    Text,
}

/// What is known beside the items.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) action: Action,
    pub(crate) at: i64,
    pub(crate) buyer: Nexus,
    pub(crate) seller: Nexus,
    /// Only one that somebody vouches for.
    pub(crate) account: Option<&'static str>,
}

pub(crate) fn instant(at: i64) -> Timestamp {
    Timestamp::from_second(BASE + at).unwrap()
}

fn hours() -> impl Strategy<Value = i64> {
    (0_i64..8).prop_map(|hour| hour * 3600)
}

/// On an hour, or a second beside it.
pub(crate) fn moment() -> impl Strategy<Value = i64> {
    (hours(), -1_i64..=1).prop_map(|(hour, second)| hour + second)
}

fn later(from: i64) -> impl Strategy<Value = Option<i64>> {
    proptest::option::of((1_i64..5).prop_map(move |hours| from + hours * 3600))
}

fn verdict() -> impl Strategy<Value = Verdict> {
    proptest::sample::select(&Verdict::ALL[..])
}

fn rule(products: usize) -> impl Strategy<Value = Rule> {
    let when = prop_oneof![
        any::<bool>().prop_map(When::Absent),
        (2026_u32..2030).prop_map(When::AtLeast),
        (2026_u32..2030).prop_map(When::Below),
    ];
    let missing = proptest::sample::select(&[Missing::Fails, Missing::Holds, Missing::Review][..]);
    let scope = (
        proptest::sample::subsequence(ACTIONS.to_vec(), 1..=3),
        proptest::sample::select(&[(true, false), (false, true), (true, true)][..]),
        0..products,
        prop_oneof![6 => Just(Mode::Enforce), 1 => Just(Mode::Shadow), 1 => Just(Mode::Off)],
    );
    let time = (hours(), proptest::option::weighted(0.3, hours())).prop_flat_map(|(from, stay)| {
        let suspension = match stay {
            Some(stay) => later(stay).prop_map(move |end| Some((stay, end))).boxed(),
            None => Just(None).boxed(),
        };
        (Just(from), later(from), suspension)
    });
    let outcome = (verdict(), verdict(), proptest::option::weighted(0.4, (when, missing)));
    (scope, time, outcome).prop_map(|(scope, time, (us, unclear, when))| {
        let (actions, (buyer, seller), product, mode) = scope;
        let (from, until, suspended) = time;
        // Monotone policies only: a rule that is harder on the unclear than on the US says nothing sensible.
        let (unclear, us) = (unclear.min(us), unclear.max(us));
        Rule { actions, buyer, seller, product, from, until, suspended, mode, us, unclear, when }
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let makers = proptest::sample::subsequence(vec![0_usize, 1, 2], 1..=3);
    makers.prop_flat_map(|makers| {
        let count = makers.len();
        let further = (
            proptest::option::of(proptest::sample::select(makers.clone())),
            0..GOODS.len(),
            any::<bool>(),
            proptest::bool::weighted(0.2),
        )
            .prop_map(|(maker, word, exempt, sku)| Product {
                maker,
                word: Some(word),
                exempt,
                sku: sku && !exempt,
            });
        let rest = makers.iter().map(|maker| Product {
            maker: Some(*maker),
            word: None,
            exempt: false,
            sku: false,
        });
        let rest: Vec<_> = rest.collect();
        (Just(makers), Just(rest), proptest::collection::vec(further, 0..4)).prop_flat_map(
            move |(makers, mut products, further)| {
                products.extend(further);
                let covered: Vec<_> =
                    (0..products.len()).filter(|p| !products[*p].exempt).collect();
                let rules = proptest::collection::vec(rule(covered.len()), 1..6);
                let exemption = (
                    proptest::option::of(0_usize..6),
                    proptest::option::of(proptest::sample::select(&["A-1", "A-2"][..])),
                    proptest::option::of(hours()),
                    hours(),
                )
                    .prop_map(|(rule, account, from, expires)| Exemption {
                        rule,
                        account,
                        from,
                        expires,
                    });
                let exemption = proptest::option::weighted(0.3, exemption);
                (Just(makers), Just(products), rules, exemption).prop_map(
                    move |(makers, products, mut rules, exemption)| {
                        for rule in &mut rules {
                            rule.product = covered[rule.product];
                        }
                        let count_of_rules = rules.len();
                        let exemption = exemption.map(|mut e| {
                            // An exemption needs a scope: a rule that exists, or an account.
                            e.rule = e.rule.map(|rule| rule % count_of_rules);
                            if e.account.is_none() && e.rule.is_none() {
                                e.rule = Some(0);
                            }
                            e
                        });
                        assert!(makers.len() == count);
                        Policy { makers, products, rules, exemption }
                    },
                )
            },
        )
    })
}

pub(crate) fn policies() -> impl Strategy<Value = Vec<Policy>> {
    proptest::collection::vec(policy(), 1..3)
}

pub(crate) fn item() -> impl Strategy<Value = Item> {
    let words: Vec<&'static str> = MAKERS.into_iter().chain(GOODS).chain(OTHERS).collect();
    let word = proptest::sample::select(words);
    let vendors = &["Acme", "BOLT", "Other Ltd", " ", "Crane GmbH"][..];
    let skus = &["AB-123", "ab 123 x", "AB12", "XAB123"][..];
    let parts = &[
        "acme engine",
        "bolt",
        "router",
        "acme training",
        "crane scanner for bolt",
        "hat",
        " ",
    ][..];
    let year = prop_oneof![
        3 => (2025_u32..2031).prop_map(Year::Number),
        1 => Just(Year::Text),
    ];
    (
        proptest::collection::vec(word, 0..4),
        proptest::option::of(proptest::sample::select(vendors)),
        proptest::option::weighted(0.3, proptest::sample::select(skus)),
        proptest::collection::vec(proptest::sample::select(parts), 0..2),
        proptest::collection::vec(proptest::sample::select(parts), 0..2),
        proptest::option::of(year),
    )
        .prop_map(|(name, vendor, sku, components, suspected, year)| Item {
            name,
            vendor,
            sku,
            components,
            suspected,
            year,
        })
}

impl Item {
    pub(crate) fn json(&self) -> Value {
        let mut item = serde_json::Map::new();
        if !self.name.is_empty() {
            item.insert("name".to_owned(), json!(self.name.join("-").to_uppercase()));
        }
        if let Some(vendor) = self.vendor {
            item.insert("vendor".to_owned(), json!(vendor));
        }
        if let Some(sku) = self.sku {
            item.insert("sku".to_owned(), json!(sku));
        }
        item.insert("components".to_owned(), json!(self.components));
        item.insert("suspected_components".to_owned(), json!(self.suspected));
        if let Some(year) = self.year {
            let year = match year {
                Year::Number(year) => json!(year),
                Year::Text => json!("2031"),
            };
            item.insert("attributes".to_owned(), json!({ "model_year": year }));
        }
        Value::Object(item)
    }

    fn is_unidentified(&self) -> bool {
        self.name.is_empty()
            && self.vendor.is_none_or(|v| v.trim().is_empty())
            && self.sku.is_none()
            && self.components.iter().all(|c| c.trim().is_empty())
    }
}

impl Policy {
    pub(crate) fn id(at: usize) -> String {
        format!("p{at}")
    }

    pub(crate) fn toml(&self, at: usize) -> String {
        let id = Self::id(at);
        let mut text = format!(
            "[policy]\nid = \"{id}\"\ntitle = \"t\"\nauthority = \"a\"\ncitation = \"c\"\nversion = \"1\"\n"
        );
        for maker in &self.makers {
            let name = MAKERS[*maker];
            text += &format!("[[vendor]]\nid = \"{name}\"\nnames = [\"{name}\"]\n");
        }
        for (n, product) in self.products.iter().enumerate() {
            let kind = if product.exempt { "exempt" } else { "covered" };
            text += &format!("[[product]]\nid = \"{id}.{n}\"\nkind = \"{kind}\"\n");
            if let Some(maker) = product.maker {
                text += &format!("vendors = [\"{}\"]\n", MAKERS[maker]);
            }
            match product.word {
                Some(word) => text += &format!("names = [\"{}\"]\n", GOODS[word]),
                None => text += "catch_all = true\n",
            }
            if product.sku {
                text += "skus = ['AB[0-9]{3}']\n";
            }
        }
        for (n, rule) in self.rules.iter().enumerate() {
            text += &rule.toml(&id, n);
        }
        if let Some(e) = &self.exemption {
            text += "[[exemption]]\nid = \"e\"\nauthorisation = \"x\"\nreason = \"r\"\n";
            text += &format!("expires = {}\n", instant(e.expires));
            if let Some(from) = e.from {
                text += &format!("from = {}\n", instant(from));
            }
            if let Some(rule) = e.rule {
                text += &format!("rules = [\"r{rule}\"]\n");
            }
            if let Some(account) = e.account {
                text += &format!("accounts = [\"{account}\"]\n");
            }
        }
        text
    }
}

impl Rule {
    fn toml(&self, policy: &str, at: usize) -> String {
        let actions: Vec<String> = self.actions.iter().map(|a| format!("\"{a}\"")).collect();
        let nexus = match (self.buyer, self.seller) {
            (true, true) => "\"buyer\", \"seller\"",
            (true, false) => "\"buyer\"",
            _ => "\"seller\"",
        };
        let mut text = format!(
            "[[rule]]\nid = \"r{at}\"\nclause = \"{policy}/r{at}\"\nbasis = \"text\"\nactions = [{}]\n\
             products = [\"{policy}.{}\"]\nnexus = [{nexus}]\neffective = {}\nus = \"{}\"\n\
             unclear = \"{}\"\nmessage = \"m\"\nmode = \"{}\"\n",
            actions.join(", "),
            self.product,
            instant(self.from),
            self.us.as_str(),
            self.unclear.as_str(),
            match self.mode {
                Mode::Enforce => "enforce",
                Mode::Off => "off",
                Mode::Shadow => "shadow",
            },
        );
        if let Some(until) = self.until {
            text += &format!("until = {}\n", instant(until));
        }
        if let Some((when, missing)) = self.when {
            let check = match when {
                When::Absent(absent) => format!("absent = {absent}"),
                When::AtLeast(year) => format!("at_least = {year}"),
                When::Below(year) => format!("below = {year}"),
            };
            let missing = match missing {
                Missing::Fails => "fails",
                Missing::Holds => "holds",
                Missing::Review => "review",
            };
            text += &format!(
                "when = [{{ attribute = \"model_year\", {check}, missing = \"{missing}\" }}]\n"
            );
        }
        if let Some((from, until)) = self.suspended {
            text += &format!(
                "[rule.suspended]\nby = \"b\"\nreason = \"r\"\nfrom = {}\n",
                instant(from)
            );
            if let Some(until) = until {
                text += &format!("until = {}\n", instant(until));
            }
        }
        text
    }
}
