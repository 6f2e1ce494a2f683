//! From a request to the transaction it would be (DESIGN 3, step 4).

use crate::message::pointer;
use crate::message::pointer::ListError;
use crate::model::Action;
use crate::model::AddressClass;
use crate::model::Buyer;
use crate::model::CountryText;
use crate::model::Item;
use crate::model::RequestTarget;
use crate::model::Seller;
use crate::model::StrictValue;
use crate::model::Transaction;
use crate::settings::BuyerField;
use crate::settings::ItemMapping;
use crate::settings::Route;
use crate::settings::Source;

use super::outcome::Malformed;
use super::request::Request;
use super::values::Reader;
use super::values::Texts;
use super::values::field;

/// The transaction of a judged route: of one order, as `reader` reads it.
pub(super) fn of_route(
    route: &Route,
    action: Action,
    request: &Request<'_>,
    reader: &Reader<'_>,
) -> Result<Transaction, Malformed> {
    let mut transaction = Transaction::new(action);
    transaction.buyer = buyer(route, reader)?;
    stored(route, reader, &mut transaction.buyer)?;
    let seller = route.seller_organization_country.as_ref();
    if let Some(country) = reader.text(seller, None, false)? {
        transaction.seller = Some(Seller { organization_country: Some(CountryText::new(country)) });
    }
    match &route.items {
        Some(mapping) => {
            transaction.items = items(mapping, reader)?;
            if ends(route, reader, mapping) {
                transaction.action = Action::Refund;
            }
        }
        None => transaction.request = Some(target(request)),
    }
    Ok(transaction)
}

/// The transaction of an update signature, on whatever route it arrives. The buyer is whoever the route says.
pub(super) fn of_signature(request: &Request<'_>, buyer: Buyer) -> Transaction {
    let mut transaction = Transaction::new(Action::SignatureUpdate);
    transaction.buyer = buyer;
    transaction.request = Some(target(request));
    transaction
}

fn target(request: &Request<'_>) -> RequestTarget {
    RequestTarget {
        host: Some(request.host.to_owned()),
        path: Some(request.target.path().to_owned()),
        readings: vec![request.target.folded().into()],
    }
}

/// The buyer that a route's sources tell of.
pub(super) fn buyer<'a>(route: &'a Route, reader: &Reader<'a>) -> Result<Buyer, Malformed> {
    let mut buyer = Buyer::default();
    for (name, source) in &route.buyer {
        if name.is_list() {
            list(*name, &reader.texts(source, None, false)?, &mut buyer)?;
        } else if let Some(text) = reader.text(Some(source), None, *name == BuyerField::Account)? {
            single(*name, text, &mut buyer)?;
        }
    }
    Ok(buyer)
}

/// Puts what a token claims for a field into a buyer.
pub(super) fn put(
    name: BuyerField,
    mut texts: Texts<'_>,
    buyer: &mut Buyer,
) -> Result<(), Malformed> {
    if name.is_list() {
        return list(name, &texts, buyer);
    }
    match (texts.pop(), texts.is_empty()) {
        (None, _) => Ok(()),
        (Some(text), true) => single(name, text.into_owned(), buyer),
        (Some(_), false) => Err(field("a claim that must be one is given several times")),
    }
}

fn list(
    name: BuyerField,
    texts: &[std::borrow::Cow<'_, str>],
    buyer: &mut Buyer,
) -> Result<(), Malformed> {
    let countries = || texts.iter().map(|text| CountryText::new(text.to_string())).collect();
    match name {
        BuyerField::Citizenship => buyer.citizenship = countries(),
        BuyerField::PermanentResidentOf => buyer.permanent_resident_of = countries(),
        _ => {
            let classes: Option<Vec<_>> =
                texts.iter().map(|text| AddressClass::parse(text.trim())).collect();
            let classes = classes.ok_or_else(|| field("`ip_class` holds an unknown class"))?;
            buyer.ip_class = (!classes.is_empty()).then_some(classes);
        }
    }
    Ok(())
}

fn single(name: BuyerField, text: String, buyer: &mut Buyer) -> Result<(), Malformed> {
    let country = |text| Some(CountryText::new(text));
    match name {
        BuyerField::Account => buyer.account = Some(text),
        BuyerField::BillingCountry => buyer.billing_country = country(text),
        BuyerField::BillingRegion => buyer.billing_region = Some(text),
        BuyerField::DeclaredCountry => buyer.declared_country = country(text),
        BuyerField::Email => buyer.email = Some(text),
        BuyerField::Ip => buyer.ip = Some(text),
        BuyerField::IpCountry => buyer.ip_country = country(text),
        BuyerField::OrganizationCountry => buyer.organization_country = country(text),
        BuyerField::ParentCountry => buyer.parent_country = country(text),
        BuyerField::ShippingCountry => buyer.shipping_country = country(text),
        BuyerField::ShippingRegion => buyer.shipping_region = Some(text),
        BuyerField::UsPerson => {
            buyer.us_person = Some(match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => true,
                "false" | "no" | "0" => false,
                _ => return Err(field("`us_person` is neither true nor false")),
            });
        }
        BuyerField::Citizenship | BuyerField::IpClass | BuyerField::PermanentResidentOf => {}
    }
    Ok(())
}

/// Adds what the upstream's documents know of the buyer, where the request itself says nothing.
fn stored(route: &Route, reader: &Reader<'_>, buyer: &mut Buyer) -> Result<(), Malformed> {
    for (lookup, document) in route.reading.lookups.iter().zip(reader.looked_up) {
        let Some(document) = document else { continue };
        for (name, at) in &lookup.stored {
            let text = pointer::first(at, document).and_then(StrictValue::as_str);
            let text = text.map(str::trim).filter(|text| !text.is_empty());
            if let Some(text) = text
                && !is_said(*name, buyer)
            {
                single(*name, text.to_owned(), buyer)?;
            }
        }
    }
    Ok(())
}

/// True if the request says it. A region belongs to its own country: one is not completed by the other's document.
fn is_said(name: BuyerField, buyer: &Buyer) -> bool {
    match name {
        BuyerField::BillingCountry => buyer.billing_country.is_some(),
        BuyerField::BillingRegion => buyer.billing_region.is_some(),
        BuyerField::Email => buyer.email.is_some(),
        BuyerField::Ip => buyer.ip.is_some(),
        BuyerField::ShippingCountry => buyer.shipping_country.is_some(),
        BuyerField::ShippingRegion => buyer.shipping_region.is_some(),
        _ => true,
    }
}

/// True if the request ends an order, by its state and without a line of its own.
fn ends(route: &Route, reader: &Reader<'_>, mapping: &ItemMapping) -> bool {
    let Some(document) = reader.document else { return false };
    let lines = mapping.at.as_ref().is_some_and(|at| !pointer::values(at, document).is_empty());
    let state = document.member("status").and_then(StrictValue::as_str);
    let state = state.map(|state| state.strip_prefix("wc-").unwrap_or(state));
    // Whatever else it says could sell: a payment, another address, a fee.
    let StrictValue::Object(members) = document else { return false };
    let only = ["customer_note", "id", "meta_data", "status"];
    let ends_alone = members.iter().all(|(name, _)| only.contains(&&**name));
    !lines
        && ends_alone
        && state.is_some_and(|state| route.reading.ends.iter().any(|end| end == state))
}

fn items<'a>(mapping: &'a ItemMapping, reader: &Reader<'a>) -> Result<Vec<Item>, Malformed> {
    let Some(looked_up) = reader.looked_up_lines() else {
        return lines(mapping, reader, reader.document);
    };
    let mut items = lines(mapping, reader, Some(looked_up))?;
    let added = reader.document.filter(|document| {
        let at = mapping.at.as_ref();
        reader.route.reading.own_lines
            && at.is_some_and(|at| !matches!(pointer::list(at, document), Err(ListError::Missing)))
    });
    if let Some(document) = added {
        items.extend(lines(mapping, reader, Some(document))?);
    }
    Ok(items)
}

fn lines<'a>(
    mapping: &'a ItemMapping,
    reader: &Reader<'a>,
    document: Option<&'a StrictValue>,
) -> Result<Vec<Item>, Malformed> {
    let (Some(at), Some(document)) = (&mapping.at, document) else {
        return Ok(vec![item(mapping, reader, document)?]);
    };
    if pointer::has_case_variant(at, document) {
        return Err(field(format!("a key differs from `{}` in case only", at.as_str())));
    }
    let lines = pointer::list(at, document)
        .map_err(|error| field(format!("`{}`: {error}", at.as_str())))?;
    lines.into_iter().map(|line| item(mapping, reader, Some(line))).collect()
}

fn item<'a>(
    mapping: &'a ItemMapping,
    reader: &Reader<'a>,
    line: Option<&'a StrictValue>,
) -> Result<Item, Malformed> {
    if line.is_some_and(|line| !matches!(line, StrictValue::Object(_))) {
        return Err(field("a line of the order is not an object"));
    }
    let texts = |source: &'a Option<Source>| -> Result<Vec<String>, Malformed> {
        let Some(source) = source else { return Ok(Vec::new()) };
        let texts = reader.texts(source, line, false)?;
        Ok(texts.into_iter().map(std::borrow::Cow::into_owned).collect())
    };
    let mut attributes = Vec::new();
    for (name, source) in &mapping.attributes {
        let value = match (source, line) {
            (Source::Pointer(at), Some(line)) if pointer::has_case_variant(at, line) => {
                return Err(field(format!("a key differs from `{}` in case only", at.as_str())));
            }
            (Source::Pointer(at), Some(line)) => pointer::first(at, line).cloned(),
            _ => reader.text(Some(source), line, true)?.map(StrictValue::String),
        };
        attributes.extend(value.map(|value| (name.clone(), value)));
    }
    let quantity = reader.text(mapping.quantity.as_ref(), line, true)?;
    Ok(Item {
        attributes,
        components: texts(&mapping.components)?,
        name: reader.text(mapping.name.as_ref(), line, false)?,
        quantity: quantity.as_deref().map(read_quantity).transpose()?,
        sku: reader.text(mapping.sku.as_ref(), line, true)?,
        suspected_components: texts(&mapping.suspected_components)?,
        vendor: reader.text(mapping.vendor.as_ref(), line, false)?,
    })
}

/// A whole number of at least 1; decimal text such as `2.0000` is what some shops write for it.
fn read_quantity(text: &str) -> Result<u64, Malformed> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let zeros = fraction.bytes().all(|b| b == b'0');
    match whole.parse::<u64>() {
        Ok(quantity) if quantity > 0 && zeros && whole.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(quantity)
        }
        _ => Err(field("a quantity is not a whole number of at least 1")),
    }
}
