//! One record as it is exported, read leniently: members may be absent, of a kind that is not known here, or masked.
//!
//! What a later version adds is skipped; a text that is no text (masked, erased, a number) never fails the record.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

use crate::model::Action;
use crate::model::Country;
use crate::model::Nexus;
use crate::model::Verdict;
use crate::model::place;

/// A text, borrowed where it can be. A number or truth value reads as its text; null, lists and objects as absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

/// A record (docs/records.md).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct View<'a> {
    pub(super) action: Text<'a>,
    pub(super) by: Text<'a>,
    pub(super) bytes: Text<'a>,
    pub(super) country: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(super) decision: Ruled<'a>,
    pub(super) end: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(super) evidence: Evidence<'a>,
    pub(super) id: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(super) items: Vec<Item<'a>>,
    pub(super) kind: Text<'a>,
    pub(super) notice: Text<'a>,
    pub(super) of: Text<'a>,
    pub(super) reason: Text<'a>,
    pub(super) refusals: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(super) request: Request<'a>,
    pub(super) retain_until: Text<'a>,
    pub(super) route: Text<'a>,
    /// Every rule that was looked at; absent in records that do not say.
    pub(super) rules: Option<Vec<IgnoredAny>>,
    pub(super) status: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(super) subject: Subject<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(super) value: Value<'a>,
}

/// The decision document; empty where the record has none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Ruled<'a> {
    pub(super) at: Text<'a>,
    pub(super) basis: Text<'a>,
    pub(super) bundle: Text<'a>,
    pub(super) citation: Text<'a>,
    pub(super) clause: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(super) items: Vec<Found<'a>>,
    #[serde(deserialize_with = "or_default")]
    pub(super) nexus: NexusRead<'a>,
    pub(super) policy: Text<'a>,
    pub(super) reason: Text<'a>,
    pub(super) request: Option<Found<'a>>,
    pub(super) rule: Text<'a>,
    pub(super) verdict: Text<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Found<'a> {
    pub(super) matched_by: Text<'a>,
    pub(super) product: Text<'a>,
    pub(super) verdict: Text<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct NexusRead<'a> {
    #[serde(deserialize_with = "or_default")]
    pub(super) because: Vec<Text<'a>>,
    pub(super) buyer: Text<'a>,
    pub(super) seller: Text<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Item<'a> {
    #[serde(deserialize_with = "or_default")]
    pub(super) catalog: Row<'a>,
    pub(super) name: Text<'a>,
    pub(super) quantity: Text<'a>,
    pub(super) sku: Text<'a>,
    pub(super) vendor: Text<'a>,
}

/// What the catalogue has for the SKU.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Row<'a> {
    pub(super) group: Text<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Evidence<'a> {
    pub(super) account: Text<'a>,
    pub(super) account_standing: Text<'a>,
    #[serde(deserialize_with = "or_default")]
    pub(super) addresses: Vec<Address<'a>>,
    pub(super) billing_country: Text<'a>,
    pub(super) billing_region: Text<'a>,
    pub(super) declared_country: Text<'a>,
    pub(super) organization_country: Text<'a>,
    pub(super) shipping_country: Text<'a>,
    pub(super) shipping_region: Text<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Address<'a> {
    #[serde(deserialize_with = "or_default")]
    pub(super) answers: Vec<Answer<'a>>,
    pub(super) country: Text<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Answer<'a> {
    pub(super) source: Text<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Request<'a> {
    pub(super) client: Text<'a>,
    pub(super) host: Text<'a>,
    pub(super) method: Text<'a>,
    pub(super) path: Text<'a>,
    pub(super) peer: Text<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Subject<'a> {
    pub(super) name: Text<'a>,
    pub(super) order: Text<'a>,
    pub(super) shop: Text<'a>,
    pub(super) topic: Text<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, bound(deserialize = "'de: 'a"))]
pub(super) struct Value<'a> {
    pub(super) amount: Text<'a>,
    pub(super) currency: Text<'a>,
}

/// What null stands for: nothing.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl<'a> View<'a> {
    /// What was decided; absent where nothing was.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.decision.verdict.verdict()
    }

    /// The strictest nexus of the parties that counted.
    pub(super) fn nexus(&self) -> Option<Nexus> {
        let nexus = &self.decision.nexus;
        nexus.buyer.nexus().max(nexus.seller.nexus())
    }

    /// What was asked for; absent where a later version's action is not known here.
    pub(super) fn action(&self) -> Option<Action> {
        self.action.as_str().and_then(|action| action.parse().ok())
    }

    /// What was found of each item, and of the request.
    pub(super) fn found(&self) -> impl Iterator<Item = &Found<'a>> {
        self.decision.items.iter().chain(&self.decision.request)
    }

    /// Product groups, each once, in order.
    pub(super) fn products(&self) -> Vec<&str> {
        let mut products = Vec::new();
        for product in self.found().filter_map(|found| found.product.as_str()) {
            if !products.contains(&product) {
                products.push(product);
            }
        }
        products
    }

    /// True if a rule was looked at for something in it; of records that do not list those, if it belongs to any product group.
    pub(super) fn is_covered(&self) -> bool {
        match &self.rules {
            Some(rules) => !rules.is_empty(),
            None => self.found().any(|found| found.product.as_str().is_some()),
        }
    }

    /// The country it counts under: as the record says, else billing, shipping, organisation, declared, that of an address.
    pub(super) fn country(&self) -> Option<Country> {
        let evidence = &self.evidence;
        let refined = |text: &Text<'_>, region: &Text<'_>| {
            Some(place(Country::parse(text.as_str()?)?, region.as_str()))
        };
        let plain = |text: &Text<'_>| Country::parse(text.as_str()?);
        plain(&self.country)
            .or_else(|| refined(&evidence.billing_country, &evidence.billing_region))
            .or_else(|| refined(&evidence.shipping_country, &evidence.shipping_region))
            .or_else(|| plain(&evidence.organization_country))
            .or_else(|| plain(&evidence.declared_country))
            .or_else(|| evidence.addresses.iter().find_map(|address| plain(&address.country)))
    }
}

impl Found<'_> {
    /// What was decided on it alone.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.verdict.verdict()
    }
}

impl Text<'_> {
    /// The text, where there is one.
    pub(super) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text, or an empty one.
    pub(super) fn to_owned_text(&self) -> String {
        self.as_str().unwrap_or_default().to_owned()
    }

    /// The whole number that it is.
    pub(super) fn whole<T: std::str::FromStr>(&self) -> Option<T> {
        self.as_str()?.parse().ok()
    }

    fn nexus(&self) -> Option<Nexus> {
        let text = self.as_str()?;
        Nexus::ALL.into_iter().find(|nexus| nexus.as_str() == text)
    }

    fn verdict(&self) -> Option<Verdict> {
        let text = self.as_str()?;
        Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lenient)
    }
}

struct Lenient;

impl Lenient {
    #[expect(clippy::unnecessary_wraps, reason = "a visitor's method answers with a result")]
    fn owned<'a, E>(text: &(impl ToString + ?Sized)) -> Result<Text<'a>, E> {
        Ok(Text(Some(Cow::Owned(text.to_string()))))
    }
}

impl<'de> Visitor<'de> for Lenient {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Self::owned(text)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Text<'de>, E> {
        Self::owned(&value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Text<'de>, E> {
        Self::owned(&value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Text<'de>, E> {
        Self::owned(&value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Text<'de>, E> {
        Self::owned(&value)
    }

    fn visit_unit<E>(self) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}
