//! The transaction of a record, and what stood around it.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::model::AccountStanding;
use crate::model::AddressEvidence;
use crate::model::AddressOrigin;
use crate::model::Buyer;
use crate::model::CatalogueEntry;
use crate::model::CatalogueGroup;
use crate::model::CatalogueLookup;
use crate::model::CountryReading;
use crate::model::CountryText;
use crate::model::Customer;
use crate::model::Item;
use crate::model::Nexus;
use crate::model::RequestTarget;
use crate::model::Seller;
use crate::model::StrictValue;
use crate::model::Transaction;
use crate::model::Vouching;
use crate::model::json_from_slice;
use crate::policy::EmailReading;
use crate::policy::Reseller;
use crate::policy::seller_nexus;

use super::recorded::Email;
use super::recorded::Origin;
use super::recorded::Readings;
use super::recorded::Recorded;
use super::recorded::RecordedBuyer;
use super::recorded::RecordedCustomer;
use super::recorded::RecordedItem;
use super::recorded::RecordedRequest;
use super::recorded::SellerOrigin;
use super::recorded::Standing;
use super::recorded::Voucher;

/// A transaction as it was judged.
pub(super) struct Rebuilt {
    pub(super) catalogue: Rows,
    pub(super) reseller: Reseller,
    pub(super) transaction: Transaction,
}

/// The catalogue as far as the record has it: a row for each SKU that had one, none for every other.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<String, CatalogueEntry>);

impl CatalogueLookup for Rows {
    fn find(&self, folded_sku: &str) -> Option<&CatalogueEntry> {
        self.0.get(folded_sku)
    }
}

/// Rebuilds what was judged, or says why that cannot be done.
pub(super) fn rebuild(recorded: &Recorded) -> Result<Rebuilt, String> {
    if recorded.erased {
        return Err("the personal part, with all evidence, was erased".to_owned());
    }
    // An account is looked up, and the record has the answer; every other masked place was judged itself.
    let judged = |place: &&String| !place.starts_with("evidence.");
    if let Some(place) = recorded.masked.iter().find(judged) {
        return Err(format!("`{place}` was masked, for it held an activation code or a key"));
    }
    let path = recorded.request.as_ref().filter(|request| request.judged);
    let path = path.and_then(|request| request.path.as_deref());
    // A path begins with a slash: where it names the buyer, `personal = "masked"` leaves its hash.
    if path.is_some_and(|path| path.starts_with("masked:")) {
        return Err("`request.path` was masked, for it names the buyer".to_owned());
    }
    let Some(evidence) = &recorded.evidence else {
        return Err("the record holds no evidence".to_owned());
    };
    if recorded.decision.policy.as_deref() == Some("interdict") {
        return Err("no policy decided it: the message could not be read".to_owned());
    }
    let mut transaction = Transaction::new(recorded.action);
    transaction.buyer = buyer(evidence);
    transaction.items = recorded.items.iter().map(item).collect::<Result<_, String>>()?;
    transaction.request = recorded.request.as_ref().filter(|request| request.judged).map(target);
    let names = recorded.items.iter().filter(|item| item.vendor_is_reseller);
    let names: Vec<String> = names.filter_map(|item| item.vendor.clone()).collect();
    let mut nexus = Nexus::Unclear;
    if let Some(recorded) = &recorded.seller {
        let seller = Seller { organization_country: recorded.organization_country.clone() };
        match recorded.from {
            SellerOrigin::Request => transaction.seller = Some(seller),
            SellerOrigin::Reseller => nexus = seller_nexus(&seller),
        }
    }
    let reseller = Reseller::new(nexus, &names);
    Ok(Rebuilt { catalogue: rows(recorded), reseller, transaction })
}

fn rows(recorded: &Recorded) -> Rows {
    let rows = recorded.items.iter().filter_map(|item| item.catalog.as_ref());
    let entry = |row: &super::recorded::RecordedRow| CatalogueEntry {
        group: match row.group.as_deref() {
            None => CatalogueGroup::ByText,
            Some("none") => CatalogueGroup::NotCovered,
            Some(group) => CatalogueGroup::Group(Arc::from(group)),
        },
        name: row.name.as_str().into(),
        vendor: row.vendor.as_str().into(),
    };
    Rows(rows.map(|row| (row.sku.clone(), entry(row))).collect())
}

fn buyer(recorded: &RecordedBuyer) -> Buyer {
    Buyer {
        account: recorded.account.clone(),
        addresses: recorded.addresses.iter().map(address).collect(),
        billing_country: recorded.billing_country.clone(),
        billing_region: recorded.billing_region.clone(),
        citizenship: recorded.citizenship.clone(),
        claimed: recorded.claimed.as_deref().map(|claimed| Box::new(buyer(claimed))),
        customer: recorded.registry.as_ref().map(|registry| Arc::new(customer(registry))),
        declared_country: recorded.declared_country.clone(),
        email: email(&recorded.read, recorded.email_domain.as_deref()),
        ip: recorded.ip.clone(),
        ip_class: recorded.ip_class.clone(),
        ip_country: recorded.ip_country.clone(),
        organization_country: recorded.organization_country.clone(),
        parent_country: recorded.parent_country.clone(),
        permanent_resident_of: recorded.permanent_resident_of.clone(),
        shipping_country: recorded.shipping_country.clone(),
        shipping_region: recorded.shipping_region.clone(),
        standing: match recorded.account_standing {
            Standing::Known => AccountStanding::Known,
            Standing::Missing => AccountStanding::Missing,
            Standing::NotAsked => AccountStanding::NotAsked,
            Standing::Unknown => AccountStanding::Unknown,
        },
        us_person: recorded.us_person,
        vouching: match recorded.vouching {
            Voucher::Unvouched => Vouching::Unvouched,
            Voucher::Vouched => Vouching::Vouched,
        },
    }
}

fn customer(recorded: &RecordedCustomer) -> Customer {
    Customer {
        billing_country: recorded.billing_country.clone(),
        billing_region: recorded.billing_region.as_deref().map(Box::from),
        citizenship: recorded.citizenship.clone(),
        email: email(&recorded.read, recorded.email_domain.as_deref()).map(String::into_boxed_str),
        organization_country: recorded.organization_country.clone(),
        parent_country: recorded.parent_country.clone(),
        permanent_resident_of: recorded.permanent_resident_of.clone(),
        us_person: recorded.us_person,
    }
}

/// An address of mail that reads as the recorded one did: with its domain, if that alone says so.
fn email(read: &Readings, domain: Option<&str>) -> Option<String> {
    let reading = read.email?;
    let same = |text: &String| match EmailReading::of(text) {
        Some(EmailReading::Ordinary) => reading == Email::Ordinary,
        Some(EmailReading::Unreadable) => reading == Email::Unreadable,
        Some(EmailReading::UsGovernment) => reading == Email::UsGovernment,
        None => false,
    };
    let kept = domain.map(|domain| format!("x@{domain}")).filter(same);
    kept.or_else(|| {
        let other = match reading {
            Email::Ordinary => "x@mail.invalid",
            Email::Unreadable => "x",
            Email::UsGovernment => "x@mail.gov",
        };
        Some(other.to_owned())
    })
}

fn address(recorded: &super::recorded::RecordedAddress) -> AddressEvidence {
    AddressEvidence {
        address: None,
        answers: SmallVec::new(),
        classes: recorded.classes.iter().copied().collect(),
        country: recorded.country.as_ref().map_or(CountryReading::Missing, CountryText::reading),
        origin: match recorded.origin {
            Origin::Client => AddressOrigin::Client,
            Origin::Transaction => AddressOrigin::Transaction,
        },
    }
}

fn item(recorded: &RecordedItem) -> Result<Item, String> {
    let quantity = match &recorded.quantity {
        None => None,
        Some(value) => {
            let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
            Some(number.ok_or_else(|| format!("{value} is no quantity"))?)
        }
    };
    let attributes = match &recorded.attributes {
        None => Vec::new(),
        Some(value) => match json_from_slice(value.to_string().as_bytes()) {
            Ok(StrictValue::Object(members)) => members,
            Ok(_) | Err(_) => return Err(format!("{value} are no attributes")),
        },
    };
    Ok(Item {
        attributes,
        components: recorded.components.clone(),
        name: recorded.name.clone(),
        quantity,
        sku: recorded.sku.clone(),
        suspected_components: recorded.suspected_components.clone(),
        vendor: recorded.vendor.clone(),
    })
}

/// The readings of a path that are not recorded are the path itself in lower case.
fn target(recorded: &RecordedRequest) -> RequestTarget {
    let mut readings: Vec<Box<str>> =
        recorded.readings.iter().map(|reading| reading.as_str().into()).collect();
    if let Some(path) = recorded.path.as_deref().filter(|_| readings.is_empty()) {
        readings.push(path.to_ascii_lowercase().into());
    }
    RequestTarget { host: recorded.host.clone(), path: recorded.path.clone(), readings }
}
