//! Random evidence, and what DESIGN 5 says of it in the most boring way. Shares no code with the engine.

use std::sync::Arc;

use interdict::model::{
    Action, AddressClass, AddressEvidence, AddressOrigin, Buyer, CountryText, Customer, Nexus,
    Vouching,
};
use interdict::policy::cases::gather_stated;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a country text is, as labelled by hand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Blank,
    Foreign,
    Unreadable,
    Us,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) text: &'static str,
    pub(crate) region: Option<&'static str>,
    pub(crate) kind: Kind,
}

const fn spot(text: &'static str, region: Option<&'static str>, kind: Kind) -> Spot {
    Spot { text, region, kind }
}

const COUNTRIES: &[Spot] = &[
    spot("US", None, Kind::Us),
    spot("u.s.a.", None, Kind::Us),
    spot("United States", None, Kind::Us),
    spot("PR", None, Kind::Us),
    spot("GUM", None, Kind::Us),
    spot("DE", None, Kind::Foreign),
    spot("Germany", None, Kind::Foreign),
    spot("fra", None, Kind::Foreign),
    spot("PW", None, Kind::Foreign),
    spot("UK", None, Kind::Foreign),
    spot("Untied States", None, Kind::Unreadable),
    spot("XX", None, Kind::Unreadable),
    spot(" ", None, Kind::Blank),
];

const PLACES: &[Spot] = &[
    spot("US", Some("PR"), Kind::Us),
    spot("US", Some("AE"), Kind::Us),
    spot("US", Some("California"), Kind::Us),
    spot("US", Some("us-pw"), Kind::Foreign),
    spot("US", Some("FM"), Kind::Foreign),
    spot("IT", Some("PR"), Kind::Foreign),
    spot("DE", Some("GU"), Kind::Foreign),
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mail {
    Ordinary,
    Unreadable,
    UsGovernment,
}

const MAILS: &[(&str, Mail)] = &[
    ("a@example.de", Mail::Ordinary),
    ("a@example.gov.uk", Mail::Ordinary),
    ("a@army.mil", Mail::UsGovernment),
    ("A@STATE.GOV.", Mail::UsGovernment),
    ("nobody", Mail::Unreadable),
    ("a b@x.de", Mail::Unreadable),
];

#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) country: Option<Spot>,
    pub(crate) classes: Vec<AddressClass>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) billing: Option<Spot>,
    pub(crate) shipping: Option<Spot>,
    pub(crate) organization: Option<Spot>,
    pub(crate) declared: Option<Spot>,
    pub(crate) parent: Option<Spot>,
    pub(crate) citizenship: Vec<Spot>,
    pub(crate) resident: Vec<Spot>,
    pub(crate) email: Option<(&'static str, Mail)>,
    pub(crate) us_person: Option<bool>,
    pub(crate) addresses: Vec<Address>,
}

/// A buyer: what was said, what the registry says, and who vouches for the account.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    pub(crate) said: Evidence,
    pub(crate) registry: Option<Evidence>,
    pub(crate) vouched: bool,
    pub(crate) account: Option<&'static str>,
}

pub(crate) fn country() -> impl Strategy<Value = Spot> {
    proptest::sample::select(COUNTRIES)
}

fn address_place() -> impl Strategy<Value = Spot> {
    prop_oneof![2 => country(), 1 => proptest::sample::select(PLACES)]
}

fn rarely<T: std::fmt::Debug + Clone>(
    some: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.2, some)
}

fn address() -> impl Strategy<Value = Address> {
    let classes = prop_oneof![
        3 => Just(Vec::new()),
        1 => proptest::collection::vec(proptest::sample::select(&AddressClass::ALL[..]), 1..3),
    ];
    (proptest::option::weighted(0.9, country()), classes)
        .prop_map(|(country, classes)| Address { country, classes })
}

pub(crate) fn evidence() -> impl Strategy<Value = Evidence> {
    let places = (
        proptest::option::of(address_place()),
        rarely(address_place()),
        rarely(country()),
        rarely(country()),
        rarely(country()),
    );
    let persons = (
        proptest::collection::vec(country(), 0..2),
        proptest::collection::vec(country(), 0..2),
        rarely(proptest::sample::select(MAILS)),
        rarely(any::<bool>()),
    );
    // Mostly nothing about the person, or nearly everybody would be unclear.
    let persons = proptest::option::weighted(0.3, persons);
    (places, persons, proptest::collection::vec(address(), 0..3)).prop_map(
        |((billing, shipping, organization, declared, parent), persons, addresses)| {
            let (citizenship, resident, email, us_person) = persons.unwrap_or_default();
            Evidence {
                billing,
                shipping,
                organization,
                declared,
                parent,
                citizenship,
                resident,
                email,
                us_person,
                addresses,
            }
        },
    )
}

pub(crate) fn party() -> impl Strategy<Value = Party> {
    let account = proptest::option::of(proptest::sample::select(&["A-1", "A-2"][..]));
    (evidence(), rarely(evidence()), any::<bool>(), account)
        .prop_map(|(said, registry, vouched, account)| Party { said, registry, vouched, account })
}

impl Party {
    /// The oracle: where the buyer stands.
    pub(crate) fn nexus(&self, action: Action) -> Nexus {
        let delivery = matches!(
            action,
            Action::SignatureUpdate | Action::CodebaseUpdate | Action::CloudService
        );
        let without = nexus(&[&self.said], delivery);
        let Some(registry) = &self.registry else { return without };
        let with = nexus(&[&self.said, &of_registry(registry)], delivery);
        if self.vouched { with } else { with.max(without) }
    }

    /// The same buyer as the engine takes it.
    pub(crate) fn buyer(&self) -> Buyer {
        let said = &self.said;
        let mut buyer = serde_json::Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                buyer.insert(key.to_owned(), value);
            }
        };
        let text = |spot: &Option<Spot>| spot.map(|s| json!(s.text));
        put("account", self.account.map(|a| json!(a)));
        put("billing_country", text(&said.billing));
        put("billing_region", said.billing.and_then(|s| s.region).map(|r| json!(r)));
        put("shipping_country", text(&said.shipping));
        put("shipping_region", said.shipping.and_then(|s| s.region).map(|r| json!(r)));
        put("organization_country", text(&said.organization));
        put("declared_country", text(&said.declared));
        put("parent_country", text(&said.parent));
        put("citizenship", Some(texts(&said.citizenship)));
        put("permanent_resident_of", Some(texts(&said.resident)));
        put("email", said.email.map(|(text, _)| json!(text)));
        put("us_person", said.us_person.map(|p| json!(p)));
        let mut buyer: Buyer = serde_json::from_value(Value::Object(buyer)).unwrap();
        for address in &said.addresses {
            buyer.addresses.push(address.evidence());
        }
        buyer.customer = self.registry.as_ref().map(|registry| Arc::new(customer(registry)));
        buyer.vouching = if self.vouched { Vouching::Vouched } else { Vouching::Unvouched };
        buyer
    }
}

impl Address {
    /// As `policy test` and `decide` gather it.
    pub(crate) fn evidence(&self) -> AddressEvidence {
        let mut transaction = interdict::model::Transaction::new(Action::Sale);
        transaction.buyer.ip_country = self.country.map(|c| CountryText::new(c.text.to_owned()));
        transaction.buyer.ip_class = Some(self.classes.clone());
        gather_stated(&mut transaction);
        let evidence = transaction.buyer.addresses.remove(0);
        assert_eq!(evidence.origin, AddressOrigin::Transaction);
        evidence
    }

    fn is_clean(&self, kind: Kind) -> bool {
        self.classes.is_empty() && self.country.is_some_and(|c| c.kind == kind)
    }
}

fn texts(spots: &[Spot]) -> Value {
    json!(spots.iter().map(|s| s.text).collect::<Vec<_>>())
}

/// The registry has no shipping address, no declaration and no network address.
fn of_registry(registry: &Evidence) -> Evidence {
    Evidence { shipping: None, declared: None, addresses: Vec::new(), ..registry.clone() }
}

fn customer(registry: &Evidence) -> Customer {
    let text = |spot: &Option<Spot>| spot.map(|s| CountryText::new(s.text.to_owned()));
    let texts = |spots: &[Spot]| {
        spots.iter().map(|s| CountryText::new(s.text.to_owned())).collect::<Vec<_>>()
    };
    Customer {
        billing_country: text(&registry.billing),
        billing_region: registry.billing.and_then(|s| s.region).map(Into::into),
        citizenship: texts(&registry.citizenship),
        email: registry.email.map(|(text, _)| text.into()),
        organization_country: text(&registry.organization),
        parent_country: text(&registry.parent),
        permanent_resident_of: texts(&registry.resident),
        us_person: registry.us_person,
    }
}

/// DESIGN 5, sentence by sentence.
fn nexus(all: &[&Evidence], delivery: bool) -> Nexus {
    let spots = |pick: fn(&Evidence) -> Vec<Spot>| all.iter().flat_map(|e| pick(e)).collect();
    let seats: Vec<Spot> = spots(|e| {
        [e.billing, e.shipping, e.organization].into_iter().flatten().collect::<Vec<_>>()
    });
    let persons: Vec<Spot> = spots(|e| [e.citizenship.clone(), e.resident.clone()].concat());
    let claims: Vec<Spot> = spots(|e| [e.parent, e.declared].into_iter().flatten().collect());
    let declared: Vec<Spot> = spots(|e| e.declared.into_iter().collect());
    let addresses: Vec<&Address> = all.iter().flat_map(|e| &e.addresses).collect();
    let any = |spots: &[Spot], kind: Kind| spots.iter().any(|s| s.kind == kind);
    let mail = |kind: Mail| all.iter().any(|e| e.email.is_some_and(|(_, m)| m == kind));

    let military = addresses.iter().any(|a| a.classes.contains(&AddressClass::UsMilitary));
    let says_so = all.iter().any(|e| e.us_person == Some(true));
    let decisive = any(&seats, Kind::Us) || any(&persons, Kind::Us) || mail(Mail::UsGovernment);
    if decisive || military || says_so {
        return Nexus::Us;
    }
    let foreign_address = any(&seats, Kind::Foreign) || any(&declared, Kind::Foreign);
    let us_address = addresses.iter().any(|a| a.is_clean(Kind::Us));
    if us_address && (delivery || !foreign_address) {
        return Nexus::Us;
    }
    let unreadable = [&seats, &persons, &claims].iter().any(|s| any(s, Kind::Unreadable));
    let doubt = any(&claims, Kind::Us) || unreadable || mail(Mail::Unreadable);
    let clean = !addresses.is_empty() && addresses.iter().all(|a| a.is_clean(Kind::Foreign));
    if clean && !doubt && (delivery || foreign_address) { Nexus::Foreign } else { Nexus::Unclear }
}
