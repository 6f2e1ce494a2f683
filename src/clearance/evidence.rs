//! The digest of what a hold rests on: every value that nexus weighs, as it was read, the rule that asked, and the item where
//! the item itself is in doubt.
//!
//! INVARIANT: whatever `policy::engine::nexus` looks at stands here; a property test changes each value in turn. Values that nexus
//! takes for the same give the same digest, so that another spelling of a country makes no work for anybody.

use std::fmt::Write as _;

use crate::model::AccountStanding;
use crate::model::Buyer;
use crate::model::CountryReading;
use crate::model::CountryText;
use crate::model::Customer;
use crate::model::Decision;
use crate::model::Finding;
use crate::model::Item;
use crate::model::Nexus;
use crate::model::Transaction;
use crate::model::Vouching;
use crate::model::place;
use crate::policy::EmailReading;

use super::digest::Digest;
use super::subject::network_of;

/// The evidence of one transaction, from which each finding's digest is made.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    transaction: &'a Transaction,
    /// One value a line.
    weighed: String,
}

impl<'a> Evidence<'a> {
    /// Everything that was known of the parties.
    pub fn of(transaction: &'a Transaction, decision: &Decision) -> Self {
        let mut weighed = Lines(String::with_capacity(256));
        weighed.buyer(&transaction.buyer);
        if let Some(claimed) = transaction.buyer.claimed.as_deref() {
            weighed.told("claim.", claimed);
            weighed.customer("claim.registry.", claimed.customer.as_deref());
        }
        let seller = transaction.seller.as_ref();
        let country = seller.and_then(|seller| seller.organization_country.as_ref());
        weighed.country("seller.", "organization_country", country, None);
        weighed.line("seller", decision.seller.map_or("", Nexus::as_str));
        Self { transaction, weighed: weighed.0 }
    }

    /// What the hold of one finding rests on. `index` is the item's place; the request has none.
    pub fn digest(&self, finding: &Finding, index: Option<usize>) -> Digest {
        let mut lines = Lines(self.weighed.clone());
        lines.line("product", finding.product.as_deref().unwrap_or_default());
        if let Some(rule) = &finding.ruling {
            lines.line("policy", &rule.policy);
            lines.line("rule", &rule.rule);
        }
        if finding.doubtful {
            let item = index.and_then(|index| self.transaction.items.get(index));
            lines.item(item);
            if item.is_none() {
                let request = self.transaction.request.as_ref();
                let host = request.and_then(|request| request.host.as_deref());
                lines.line("host", host.unwrap_or_default());
            }
        }
        Digest::of(lines.0.as_bytes())
    }
}

/// The digest of an order: all that was said, and the network it came from. Two orders of the same are one.
pub fn order(transaction: &Transaction) -> Digest {
    let mut said = transaction.clone();
    said.at = None;
    // An address changes within its network from one try to the next.
    said.buyer.ip = said.buyer.ip.map(|ip| {
        let address = crate::geo::parse_address(&ip);
        address.map_or(ip, |address| network_of(address).to_string())
    });
    let mut lines = Lines(json(&said));
    lines.0.push('\n');
    let claimed = said.buyer.claimed.as_deref();
    lines.line("claim.account", claimed.and_then(|c| c.account.as_deref()).unwrap_or_default());
    for address in said.buyer.addresses.iter().filter_map(|found| found.address) {
        lines.line("network", &network_of(address).to_string());
    }
    Digest::of(lines.0.as_bytes())
}

/// Names and values, one a line: no value of the closed sets holds a line's end, and free texts are JSON.
#[derive(Clone)]
struct Lines(String);

impl Lines {
    fn line(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            // A text grows without fail.
            writeln!(self.0, "{name}={value:?}").ok();
        }
    }

    fn buyer(&mut self, buyer: &Buyer) {
        self.told("", buyer);
        let mut addresses: Vec<String> = buyer
            .addresses
            .iter()
            .map(|address| {
                let classes: Vec<_> = address.classes.iter().map(|c| c.as_str()).collect();
                format!("{} {}", reading(address.country, None), classes.join(","))
            })
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        for address in &addresses {
            self.line("ip", address);
        }
        if buyer.standing == AccountStanding::Missing {
            self.line("account", "missing");
        }
        if buyer.customer.is_some() {
            // Whether what the registry says may improve an outcome.
            let vouched = buyer.vouching == Vouching::Vouched;
            self.line("vouched", if vouched { "true" } else { "false" });
        }
        self.customer("registry.", buyer.customer.as_deref());
    }

    /// What was said, by the request or by a token.
    fn told(&mut self, of: &str, buyer: &Buyer) {
        let (billing, shipping) = (&buyer.billing_country, &buyer.shipping_country);
        let [billing_region, shipping_region] =
            [&buyer.billing_region, &buyer.shipping_region].map(Option::as_deref);
        self.country(of, "billing_country", billing.as_ref(), billing_region);
        self.country(of, "shipping_country", shipping.as_ref(), shipping_region);
        self.country(of, "organization_country", buyer.organization_country.as_ref(), None);
        self.country(of, "parent_country", buyer.parent_country.as_ref(), None);
        self.country(of, "declared_country", buyer.declared_country.as_ref(), None);
        self.countries(of, "citizenship", &buyer.citizenship);
        self.countries(of, "permanent_resident_of", &buyer.permanent_resident_of);
        self.us_person(of, buyer.us_person);
        self.email(of, buyer.email.as_deref());
    }

    /// What the registry says.
    fn customer(&mut self, of: &str, customer: Option<&Customer>) {
        let Some(customer) = customer else { return };
        let region = customer.billing_region.as_deref();
        self.country(of, "billing_country", customer.billing_country.as_ref(), region);
        self.country(of, "organization_country", customer.organization_country.as_ref(), None);
        self.country(of, "parent_country", customer.parent_country.as_ref(), None);
        self.countries(of, "citizenship", &customer.citizenship);
        self.countries(of, "permanent_resident_of", &customer.permanent_resident_of);
        self.us_person(of, customer.us_person);
        self.email(of, customer.email.as_deref());
    }

    fn country(
        &mut self,
        of: &str,
        name: &str,
        country: Option<&CountryText>,
        region: Option<&str>,
    ) {
        if let Some(country) = country {
            self.line(&format!("{of}{name}"), &reading(country.reading(), region));
        }
    }

    fn countries(&mut self, of: &str, name: &str, countries: &[CountryText]) {
        let mut read: Vec<_> = countries.iter().map(|c| reading(c.reading(), None)).collect();
        read.sort_unstable();
        read.dedup();
        for country in &read {
            self.line(&format!("{of}{name}"), country);
        }
    }

    fn us_person(&mut self, of: &str, us_person: Option<bool>) {
        if let Some(us_person) = us_person {
            self.line(&format!("{of}us_person"), if us_person { "true" } else { "false" });
        }
    }

    fn email(&mut self, of: &str, email: Option<&str>) {
        let read = match email.and_then(EmailReading::of) {
            None | Some(EmailReading::Ordinary) => return,
            Some(EmailReading::Unreadable) => "unreadable",
            Some(EmailReading::UsGovernment) => "us_government",
        };
        self.line(&format!("{of}email"), read);
    }

    fn item(&mut self, item: Option<&Item>) {
        self.line("item", item.map(json).as_deref().unwrap_or_default());
    }
}

/// All of a value: what JSON cannot say is not left out.
fn json(value: &(impl serde::Serialize + std::fmt::Debug)) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| format!("{value:?}"))
}

/// A country as nexus takes it; empty where nothing was said.
fn reading(country: CountryReading, region: Option<&str>) -> String {
    match country {
        CountryReading::Missing => String::new(),
        CountryReading::Read(country) => place(country, region).as_str().to_owned(),
        CountryReading::Unreadable => "?".to_owned(),
    }
}
