//! Evidence to nexus (DESIGN 5, Contract).
//!
//! INVARIANT: monotone. A further piece of evidence for the United States never lowers a nexus, and evidence from an
//! account that nobody vouches for never lowers it either.

use serde::Serialize;

use crate::model::AccountStanding;
use crate::model::AddressClass;
use crate::model::AddressEvidence;
use crate::model::Because;
use crate::model::Buyer;
use crate::model::CountryReading;
use crate::model::CountryText;
use crate::model::Customer;
use crate::model::EvidenceField;
use crate::model::Nexus;
use crate::model::Seller;
use crate::model::Vouching;
use crate::model::place;

/// Where the buyer stands, and what decided it. `delivery`: the address counts for more than the contract's (DESIGN 5).
pub fn buyer_nexus(buyer: &Buyer, delivery: bool) -> (Nexus, Because) {
    let mut tally = Tally::default();
    tally.buyer(buyer);
    tally.claimed(buyer);
    let Some(customer) = buyer.customer.as_deref() else { return tally.conclude(delivery) };
    let without = tally.conclude(delivery);
    tally.customer(customer);
    let with = tally.conclude(delivery);
    match buyer.vouching {
        Vouching::Vouched => with,
        Vouching::Unvouched if with.0 > without.0 => with,
        Vouching::Unvouched => without,
    }
}

/// Where a seller stands: its organisation's country alone.
pub fn seller_nexus(seller: &Seller) -> Nexus {
    match seller.organization_country.as_ref().map(CountryText::reading) {
        Some(CountryReading::Read(country)) if country.is_united_states() => Nexus::Us,
        Some(CountryReading::Read(_)) => Nexus::Foreign,
        Some(CountryReading::Missing | CountryReading::Unreadable) | None => Nexus::Unclear,
    }
}

/// Everything that is known of the buyer, weighed; for the account that `explain` gives.
pub(crate) fn weigh(buyer: &Buyer) -> Tally {
    let mut tally = Tally::default();
    tally.buyer(buyer);
    tally.claimed(buyer);
    if let Some(customer) = buyer.customer.as_deref() {
        tally.customer(customer);
    }
    tally
}

/// What the evidence says so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    /// Decisive for `us`, each alone.
    pub(crate) decisive: Because,
    /// Keeps foreign evidence from being enough.
    pub(crate) hindering: Because,
    /// A foreign address: billing, shipping, organisation or declared.
    pub(crate) foreign_address: Because,
    /// A clean address of the network in the United States.
    pub(crate) us_ip: bool,
    /// A clean foreign one.
    pub(crate) foreign_ip: bool,
    /// One that is neither: no country, or of some class.
    pub(crate) doubtful_ip: bool,
}

enum Weight {
    /// The United States here is decisive.
    Decisive,
    /// The United States here keeps foreign evidence from being enough.
    Hindering,
}

impl Tally {
    fn buyer(&mut self, buyer: &Buyer) {
        self.told(buyer, |field| field);
        for address in &buyer.addresses {
            self.ip(address);
        }
        if buyer.standing == AccountStanding::Missing {
            self.hindering = self.hindering.with(EvidenceField::Account);
        }
    }

    /// What a token says, and what the registry says of the account that it vouches for: both count either way.
    fn claimed(&mut self, buyer: &Buyer) {
        let Some(claimed) = buyer.claimed.as_deref() else { return };
        self.told(claimed, EvidenceField::claimed);
        if let Some(customer) = claimed.customer.as_deref() {
            self.customer(customer);
        }
    }

    fn told(&mut self, buyer: &Buyer, named: impl Fn(EvidenceField) -> EvidenceField) {
        use EvidenceField as Field;
        self.address(
            named(Field::BillingCountry),
            buyer.billing_country.as_ref(),
            buyer.billing_region.as_deref(),
        );
        self.address(
            named(Field::ShippingCountry),
            buyer.shipping_country.as_ref(),
            buyer.shipping_region.as_deref(),
        );
        self.address(named(Field::OrganizationCountry), buyer.organization_country.as_ref(), None);
        self.persons(named(Field::Citizenship), &buyer.citizenship);
        self.persons(named(Field::PermanentResidentOf), &buyer.permanent_resident_of);
        self.us_person(named(Field::UsPerson), buyer.us_person);
        self.email(named(Field::Email), buyer.email.as_deref());
        self.place(
            named(Field::ParentCountry),
            buyer.parent_country.as_ref(),
            None,
            &Weight::Hindering,
        );
        if self.place(
            named(Field::DeclaredCountry),
            buyer.declared_country.as_ref(),
            None,
            &Weight::Hindering,
        ) {
            self.foreign_address = self.foreign_address.with(named(Field::DeclaredCountry));
        }
    }

    fn customer(&mut self, customer: &Customer) {
        use EvidenceField as Field;
        self.address(
            Field::RegistryBillingCountry,
            customer.billing_country.as_ref(),
            customer.billing_region.as_deref(),
        );
        self.address(
            Field::RegistryOrganizationCountry,
            customer.organization_country.as_ref(),
            None,
        );
        self.persons(Field::RegistryCitizenship, &customer.citizenship);
        self.persons(Field::RegistryPermanentResidentOf, &customer.permanent_resident_of);
        self.us_person(Field::RegistryUsPerson, customer.us_person);
        self.email(Field::RegistryEmail, customer.email.as_deref());
        self.place(
            Field::RegistryParentCountry,
            customer.parent_country.as_ref(),
            None,
            &Weight::Hindering,
        );
    }

    /// A billing, shipping or organisation address.
    fn address(
        &mut self,
        field: EvidenceField,
        country: Option<&CountryText>,
        region: Option<&str>,
    ) {
        if self.place(field, country, region, &Weight::Decisive) {
            self.foreign_address = self.foreign_address.with(field);
        }
    }

    /// Weighs one country; true if it is readable and foreign.
    fn place(
        &mut self,
        field: EvidenceField,
        country: Option<&CountryText>,
        region: Option<&str>,
        weight: &Weight,
    ) -> bool {
        match country.map(CountryText::reading) {
            None | Some(CountryReading::Missing) => false,
            Some(CountryReading::Unreadable) => {
                self.hindering = self.hindering.with(field);
                false
            }
            Some(CountryReading::Read(country)) if place(country, region).is_united_states() => {
                match weight {
                    Weight::Decisive => self.decisive = self.decisive.with(field),
                    Weight::Hindering => self.hindering = self.hindering.with(field),
                }
                false
            }
            Some(CountryReading::Read(_)) => true,
        }
    }

    fn persons(&mut self, field: EvidenceField, countries: &[CountryText]) {
        for country in countries {
            self.place(field, Some(country), None, &Weight::Decisive);
        }
    }

    fn us_person(&mut self, field: EvidenceField, us_person: Option<bool>) {
        if us_person == Some(true) {
            self.decisive = self.decisive.with(field);
        }
    }

    fn email(&mut self, field: EvidenceField, email: Option<&str>) {
        match email.and_then(EmailReading::of) {
            None | Some(EmailReading::Ordinary) => {}
            Some(EmailReading::Unreadable) => self.hindering = self.hindering.with(field),
            Some(EmailReading::UsGovernment) => self.decisive = self.decisive.with(field),
        }
    }

    fn ip(&mut self, address: &AddressEvidence) {
        if address.classes.contains(AddressClass::UsMilitary) {
            self.decisive = self.decisive.with(EvidenceField::Ip);
        } else if !address.classes.is_empty() {
            self.doubtful_ip = true;
        } else {
            match address.country {
                CountryReading::Read(country) if country.is_united_states() => self.us_ip = true,
                CountryReading::Read(_) => self.foreign_ip = true,
                CountryReading::Missing | CountryReading::Unreadable => self.doubtful_ip = true,
            }
        }
    }

    fn conclude(&self, delivery: bool) -> (Nexus, Because) {
        let ip = Because::NONE.with(EvidenceField::Ip);
        if !self.decisive.is_empty() {
            return (Nexus::Us, self.decisive);
        }
        if self.us_ip && (delivery || self.foreign_address.is_empty()) {
            return (Nexus::Us, ip);
        }
        let clean_foreign_ip = self.foreign_ip && !self.us_ip && !self.doubtful_ip;
        let foreign = clean_foreign_ip
            && self.hindering.is_empty()
            && (delivery || !self.foreign_address.is_empty());
        if foreign {
            return (Nexus::Foreign, if delivery { ip } else { ip.union(self.foreign_address) });
        }
        let doubts = if self.us_ip || self.doubtful_ip { ip } else { Because::NONE };
        (Nexus::Unclear, self.hindering.union(doubts))
    }
}

/// What an e-mail address says of the buyer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailReading {
    /// Nothing.
    Ordinary,
    /// It is no address: never foreign.
    Unreadable,
    /// The buyer is of the United States' government.
    UsGovernment,
}

impl EmailReading {
    /// Reads the domain of an address (RFC 5321 4.1.2, loosely); `.gov` and `.mil` are the United States' alone. None for a
    /// blank one.
    pub fn of(text: &str) -> Option<Self> {
        const IDEOGRAPHIC_DOTS: [char; 4] = ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'];
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let Some((local, domain)) = text.rsplit_once('@') else { return Some(Self::Unreadable) };
        let unreadable = |c: char| c.is_whitespace() || c.is_control();
        if local.is_empty() || local.contains(unreadable) {
            return Some(Self::Unreadable);
        }
        if domain.starts_with('[') && domain.ends_with(']') {
            return Some(Self::Ordinary);
        }
        let domain = domain.strip_suffix(IDEOGRAPHIC_DOTS).unwrap_or(domain);
        let mut last = "";
        for label in domain.split(IDEOGRAPHIC_DOTS) {
            if label.is_empty() || !label.chars().all(|c| c.is_alphanumeric() || c == '-') {
                return Some(Self::Unreadable);
            }
            last = label;
        }
        let is = |tld: &str| last.chars().map(narrow).eq(tld.chars());
        Some(if is("gov") || is("mil") { Self::UsGovernment } else { Self::Ordinary })
    }
}

/// A full-width or upper-case letter as its plain lower-case form.
fn narrow(c: char) -> char {
    let c = match c {
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            char::from_u32(u32::from(c).saturating_sub(0xfee0)).unwrap_or(c)
        }
        c => c,
    };
    c.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_is_read_by_its_last_label() {
        let us = |text: &str| matches!(EmailReading::of(text), Some(EmailReading::UsGovernment));
        let ordinary = |text: &str| matches!(EmailReading::of(text), Some(EmailReading::Ordinary));
        let unreadable =
            |text: &str| matches!(EmailReading::of(text), Some(EmailReading::Unreadable));
        for text in
            ["a@army.mil", "J@STATE.GOV", "a@x.mil.", "a@b@x.mil", "a@x。ｍｉｌ", " a@x.gov "]
        {
            assert!(us(text), "{text}");
        }
        for text in
            ["a@gov.uk", "a@cabinetoffice.gov.uk", "a@mil.example", "a@[192.0.2.1]", "a@münchen.de"]
        {
            assert!(ordinary(text), "{text}");
        }
        for text in
            ["a", "@x.mil", "a@", "a@x..mil", "Bob <bob@army.mil>", "a@x.mil(c)", "a b@x.de"]
        {
            assert!(unreadable(text), "{text}");
        }
    }
}
