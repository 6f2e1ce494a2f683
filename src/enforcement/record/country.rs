//! The one country of the buyer that reports count: the one that decided, else the network address's, else the billing one.

use crate::model::Because;
use crate::model::Buyer;
use crate::model::Country;
use crate::model::CountryReading;
use crate::model::CountryText;
use crate::model::Customer;
use crate::model::EvidenceField;
use crate::model::Nexus;
use crate::model::place;

/// The buyer's country, where any is known.
pub(in crate::enforcement) fn of_buyer(
    buyer: &Buyer,
    nexus: Nexus,
    because: Because,
) -> Option<Country> {
    let decisive = || because.iter().find_map(|field| decisive(buyer, field));
    let told = || located(buyer, |_| true).or_else(|| billing(buyer));
    match nexus {
        Nexus::Us => decisive().or_else(told),
        Nexus::Foreign | Nexus::Unclear => told(),
    }
}

/// The country of the United States that a piece of evidence names.
fn decisive(buyer: &Buyer, field: EvidenceField) -> Option<Country> {
    use EvidenceField as Field;
    let registry = buyer.customer.as_deref();
    let claimed = buyer.claimed.as_deref();
    let of_registry = |read: fn(&Customer) -> Option<Country>| {
        let claimed = claimed.and_then(|claimed| claimed.customer.as_deref());
        let all = [registry, claimed];
        all.into_iter().flatten().filter_map(read).find(|country| country.is_united_states())
    };
    let found = match field {
        Field::BillingCountry => billing(buyer),
        Field::Citizenship => american(&buyer.citizenship),
        Field::ClaimBillingCountry => claimed.and_then(billing),
        Field::ClaimCitizenship => claimed.and_then(|c| american(&c.citizenship)),
        Field::ClaimOrganizationCountry => claimed.and_then(|c| read(&c.organization_country)),
        Field::ClaimPermanentResidentOf => claimed.and_then(|c| american(&c.permanent_resident_of)),
        Field::ClaimShippingCountry => claimed.and_then(shipping),
        Field::Ip => located(buyer, Country::is_united_states),
        Field::OrganizationCountry => read(&buyer.organization_country),
        Field::PermanentResidentOf => american(&buyer.permanent_resident_of),
        Field::RegistryBillingCountry => of_registry(|customer| {
            placed(&customer.billing_country, customer.billing_region.as_deref())
        }),
        Field::RegistryCitizenship => of_registry(|customer| american(&customer.citizenship)),
        Field::RegistryOrganizationCountry => {
            of_registry(|customer| read(&customer.organization_country))
        }
        Field::RegistryPermanentResidentOf => {
            of_registry(|customer| american(&customer.permanent_resident_of))
        }
        Field::ShippingCountry => shipping(buyer),
        Field::Account
        | Field::ClaimDeclaredCountry
        | Field::ClaimEmail
        | Field::ClaimParentCountry
        | Field::ClaimUsPerson
        | Field::DeclaredCountry
        | Field::Email
        | Field::ParentCountry
        | Field::RegistryEmail
        | Field::RegistryParentCountry
        | Field::RegistryUsPerson
        | Field::SellerOrganizationCountry
        | Field::UsPerson => None,
    };
    found.filter(|country| country.is_united_states())
}

/// The first network address's country that `fits`.
fn located(buyer: &Buyer, fits: fn(Country) -> bool) -> Option<Country> {
    buyer.addresses.iter().find_map(|address| match address.country {
        CountryReading::Read(country) if fits(country) => Some(country),
        CountryReading::Missing | CountryReading::Read(_) | CountryReading::Unreadable => None,
    })
}

fn billing(buyer: &Buyer) -> Option<Country> {
    placed(&buyer.billing_country, buyer.billing_region.as_deref())
}

fn shipping(buyer: &Buyer) -> Option<Country> {
    placed(&buyer.shipping_country, buyer.shipping_region.as_deref())
}

fn placed(country: &Option<CountryText>, region: Option<&str>) -> Option<Country> {
    read(country).map(|country| place(country, region))
}

fn read(country: &Option<CountryText>) -> Option<Country> {
    country.as_ref().and_then(CountryText::country)
}

fn american(countries: &[CountryText]) -> Option<Country> {
    countries.iter().filter_map(CountryText::country).find(|country| country.is_united_states())
}
