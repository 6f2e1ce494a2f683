//! What was known of the buyer: as received, and beside it as read.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;
use smallvec::SmallVec;

use crate::enforcement::principal_record::PrincipalRecord;
use crate::model::AccountStanding;
use crate::model::AddressClass;
use crate::model::AddressClasses;
use crate::model::AddressEvidence;
use crate::model::AddressOrigin;
use crate::model::Buyer;
use crate::model::Country;
use crate::model::CountryReading;
use crate::model::CountryText;
use crate::model::Customer;
use crate::model::GeoAnswer;
use crate::model::Seller;
use crate::model::Vouching;
use crate::policy::EmailReading;

use super::masking::Masked;

/// The whole evidence.
#[derive(Serialize)]
pub(super) struct Evidence<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Cow<'a, str>>,
    account_standing: AccountStanding,
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    addresses: SmallVec<[AddressRecord<'a>; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_country: &'a Option<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_region: &'a Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    citizenship: &'a [CountryText],
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<Box<Self>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    declared_country: &'a Option<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_class: &'a Option<Vec<AddressClass>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_country: &'a Option<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_country: &'a Option<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_country: &'a Option<CountryText>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    permanent_resident_of: &'a [CountryText],
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<PrincipalRecord<'a>>,
    #[serde(skip_serializing_if = "Readings::is_empty")]
    read: Readings,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<RegistryRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping_country: &'a Option<CountryText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping_region: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    us_person: Option<bool>,
    vouching: Vouching,
}

#[derive(Serialize)]
struct AddressRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    answers: &'a [GeoAnswer],
    #[serde(skip_serializing_if = "is_clean")]
    classes: AddressClasses,
    country: Option<Country>,
    origin: AddressOrigin,
}

#[derive(Serialize)]
struct RegistryRecord<'a> {
    billing_country: &'a Option<CountryText>,
    billing_region: &'a Option<Box<str>>,
    citizenship: &'a [CountryText],
    email_domain: Option<&'a str>,
    organization_country: &'a Option<CountryText>,
    parent_country: &'a Option<CountryText>,
    permanent_resident_of: &'a [CountryText],
    #[serde(skip_serializing_if = "Readings::is_empty")]
    read: Readings,
    us_person: Option<bool>,
}

/// What each text was read as: null where it names nothing, absent where nothing was said.
#[derive(Default, Eq, PartialEq, Serialize)]
pub(super) struct Readings {
    #[serde(skip_serializing_if = "Reading::is_absent")]
    billing_country: Reading,
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    citizenship: SmallVec<[Reading; 1]>,
    #[serde(skip_serializing_if = "Reading::is_absent")]
    declared_country: Reading,
    /// Whether an address of mail is one, and of the United States' government.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<EmailReading>,
    #[serde(skip_serializing_if = "Reading::is_absent")]
    ip_country: Reading,
    #[serde(skip_serializing_if = "Reading::is_absent")]
    organization_country: Reading,
    #[serde(skip_serializing_if = "Reading::is_absent")]
    parent_country: Reading,
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    permanent_resident_of: SmallVec<[Reading; 1]>,
    #[serde(skip_serializing_if = "Reading::is_absent")]
    shipping_country: Reading,
}

/// What a country's text was read as.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Reading {
    #[default]
    Absent,
    Read(Country),
    Unreadable,
}

impl Reading {
    fn of(country: Option<&CountryText>) -> Self {
        match country.map(CountryText::reading) {
            None | Some(CountryReading::Missing) => Self::Absent,
            Some(CountryReading::Read(country)) => Self::Read(country),
            Some(CountryReading::Unreadable) => Self::Unreadable,
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    fn each(countries: &[CountryText]) -> SmallVec<[Self; 1]> {
        countries.iter().map(|country| Self::of(Some(country))).collect()
    }
}

impl Serialize for Reading {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent | Self::Unreadable => serializer.serialize_none(),
            Self::Read(country) => country.serialize(serializer),
        }
    }
}

impl Readings {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn of_buyer(buyer: &Buyer) -> Self {
        Self {
            billing_country: Reading::of(buyer.billing_country.as_ref()),
            citizenship: Reading::each(&buyer.citizenship),
            declared_country: Reading::of(buyer.declared_country.as_ref()),
            email: buyer.email.as_deref().and_then(EmailReading::of),
            ip_country: Reading::of(buyer.ip_country.as_ref()),
            organization_country: Reading::of(buyer.organization_country.as_ref()),
            parent_country: Reading::of(buyer.parent_country.as_ref()),
            permanent_resident_of: Reading::each(&buyer.permanent_resident_of),
            shipping_country: Reading::of(buyer.shipping_country.as_ref()),
        }
    }

    pub(super) fn of_seller(seller: &Seller) -> Self {
        let organization_country = Reading::of(seller.organization_country.as_ref());
        Self { organization_country, ..Self::default() }
    }

    fn of_customer(customer: &Customer) -> Self {
        Self {
            billing_country: Reading::of(customer.billing_country.as_ref()),
            citizenship: Reading::each(&customer.citizenship),
            email: customer.email.as_deref().and_then(EmailReading::of),
            organization_country: Reading::of(customer.organization_country.as_ref()),
            parent_country: Reading::of(customer.parent_country.as_ref()),
            permanent_resident_of: Reading::each(&customer.permanent_resident_of),
            ..Self::default()
        }
    }
}

impl<'a> Evidence<'a> {
    /// What is known of a buyer, and who vouched.
    pub(super) fn of(
        buyer: &'a Buyer,
        principal: Option<PrincipalRecord<'a>>,
        masked: &mut Masked,
    ) -> Self {
        let claimed = buyer.claimed.as_deref();
        let account = buyer.account.as_deref();
        Self {
            account: account.map(|account| masked.account(account, "evidence.account")),
            claimed: claimed.map(|claimed| Box::new(Self::claimed(claimed, masked))),
            principal,
            ..Self::told(buyer)
        }
    }

    /// What a token claims.
    fn claimed(buyer: &'a Buyer, masked: &mut Masked) -> Self {
        let account = buyer.account.as_deref();
        Self {
            account: account.map(|account| masked.account(account, "evidence.claimed.account")),
            ..Self::told(buyer)
        }
    }

    fn told(buyer: &'a Buyer) -> Self {
        Self {
            account: None,
            account_standing: buyer.standing,
            addresses: buyer.addresses.iter().map(AddressRecord::from).collect(),
            billing_country: &buyer.billing_country,
            billing_region: &buyer.billing_region,
            citizenship: &buyer.citizenship,
            claimed: None,
            declared_country: &buyer.declared_country,
            email_domain: buyer.email.as_deref().map(domain),
            ip: &buyer.ip,
            ip_class: &buyer.ip_class,
            ip_country: &buyer.ip_country,
            organization_country: &buyer.organization_country,
            parent_country: &buyer.parent_country,
            permanent_resident_of: &buyer.permanent_resident_of,
            principal: None,
            read: Readings::of_buyer(buyer),
            registry: buyer.customer.as_deref().map(RegistryRecord::from),
            shipping_country: &buyer.shipping_country,
            shipping_region: &buyer.shipping_region,
            us_person: buyer.us_person,
            vouching: buyer.vouching,
        }
    }
}

impl<'a> From<&'a AddressEvidence> for AddressRecord<'a> {
    fn from(evidence: &'a AddressEvidence) -> Self {
        Self {
            address: evidence.address,
            answers: &evidence.answers,
            classes: evidence.classes,
            country: match evidence.country {
                CountryReading::Read(country) => Some(country),
                CountryReading::Missing | CountryReading::Unreadable => None,
            },
            origin: evidence.origin,
        }
    }
}

impl<'a> From<&'a Customer> for RegistryRecord<'a> {
    fn from(customer: &'a Customer) -> Self {
        Self {
            billing_country: &customer.billing_country,
            billing_region: &customer.billing_region,
            citizenship: &customer.citizenship,
            email_domain: customer.email.as_deref().map(domain),
            organization_country: &customer.organization_country,
            parent_country: &customer.parent_country,
            permanent_resident_of: &customer.permanent_resident_of,
            read: Readings::of_customer(customer),
            us_person: customer.us_person,
        }
    }
}

/// The part of an e-mail address that a nexus can rest on.
fn domain(email: &str) -> &str {
    email.rsplit_once('@').map_or("", |(_, domain)| domain)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_clean(classes: &AddressClasses) -> bool {
    classes.is_empty()
}
