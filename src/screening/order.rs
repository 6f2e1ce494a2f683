//! Rows of one order to the transaction that `interdict decide` would be given.

use smallvec::SmallVec;

use crate::model::Action;
use crate::model::AddressClass;
use crate::model::Buyer;
use crate::model::CountryText;
use crate::model::Item;
use crate::model::Number;
use crate::model::RequestTarget;
use crate::model::Seller;
use crate::model::StrictValue;
use crate::model::Transaction;
use crate::settings::OrderField;
use crate::settings::OrderMap;

use super::records::Row;
use super::time;

/// The transaction of an order's rows.
///
/// What belongs to the order stands in its first row or in any other; two rows that say different things make no order.
pub(super) fn transaction(rows: &[Row<'_>], map: &OrderMap) -> Result<Transaction, String> {
    let mut transaction = Transaction::new(map.action.unwrap_or(Action::Resale));
    let mut items: SmallVec<[Item; 4]> = rows.iter().map(|_| Item::default()).collect();
    for (field, column) in &map.columns {
        if field.is_of_line() {
            for (item, row) in items.iter_mut().zip(rows) {
                if let Some(text) = text(*row, *column)? {
                    of_line(*field, text, item).map_err(|message| at_line(rows, *row, &message))?;
                }
            }
        } else {
            match of_all(rows, *column, *field)? {
                Some(text) => of_order(*field, text, map, &mut transaction)?,
                None if matches!(field, OrderField::At | OrderField::Action) => {
                    return Err(format!("`{}` is blank", field.as_str()));
                }
                None => {}
            }
        }
    }
    for (name, column) in &map.attributes {
        for (item, row) in items.iter_mut().zip(rows) {
            if let Some(text) = text(*row, *column)? {
                item.attributes.push((name.clone(), value(text)));
            }
        }
    }
    transaction.items = items.into_vec();
    Ok(transaction)
}

/// The cell without surrounding blanks; absent where blank.
pub(super) fn text<'a>(row: Row<'a>, column: usize) -> Result<Option<&'a str>, String> {
    let cell = row.cell(column);
    let text = std::str::from_utf8(cell).map_err(|_| "it is not UTF-8".to_owned())?.trim();
    Ok((!text.is_empty()).then_some(text))
}

/// What the order's rows say, if they agree.
fn of_all<'a>(
    rows: &[Row<'a>],
    column: usize,
    field: OrderField,
) -> Result<Option<&'a str>, String> {
    let mut said: Option<(&str, u64)> = None;
    for row in rows {
        let Some(text) = text(*row, column)? else { continue };
        match said {
            None => said = Some((text, row.line())),
            Some((before, _)) if before == text => {}
            Some((_, line)) => {
                return Err(format!(
                    "`{}` of line {} is another than that of line {line}, though both are of one order",
                    field.as_str(),
                    row.line(),
                ));
            }
        }
    }
    Ok(said.map(|(text, _)| text))
}

fn at_line(rows: &[Row<'_>], row: Row<'_>, message: &str) -> String {
    match rows.len() {
        1 => message.to_owned(),
        _ => format!("line {}: {message}", row.line()),
    }
}

fn of_line(field: OrderField, text: &str, item: &mut Item) -> Result<(), String> {
    match field {
        OrderField::Sku => item.sku = Some(text.to_owned()),
        OrderField::Name => item.name = Some(text.to_owned()),
        OrderField::Vendor => item.vendor = Some(text.to_owned()),
        OrderField::Quantity => item.quantity = Some(quantity(text)?),
        OrderField::Components => item.components = list(text).map(str::to_owned).collect(),
        OrderField::SuspectedComponents => {
            item.suspected_components = list(text).map(str::to_owned).collect();
        }
        _ => {}
    }
    Ok(())
}

fn of_order(
    field: OrderField,
    text: &str,
    map: &OrderMap,
    transaction: &mut Transaction,
) -> Result<(), String> {
    let country = || Some(CountryText::new(text.to_owned()));
    let countries = || list(text).map(|text| CountryText::new(text.to_owned())).collect();
    let buyer: &mut Buyer = &mut transaction.buyer;
    match field {
        OrderField::At => transaction.at = Some(time::instant(text, &map.time)?),
        OrderField::Action => {
            transaction.action = text.parse().map_err(|error| format!("{error}"))?;
        }
        OrderField::Account => buyer.account = Some(text.to_owned()),
        OrderField::BillingCountry => buyer.billing_country = country(),
        OrderField::BillingRegion => buyer.billing_region = Some(text.to_owned()),
        OrderField::ShippingCountry => buyer.shipping_country = country(),
        OrderField::ShippingRegion => buyer.shipping_region = Some(text.to_owned()),
        OrderField::Ip => buyer.ip = Some(text.to_owned()),
        OrderField::IpCountry => buyer.ip_country = country(),
        OrderField::IpClass => {
            let classes: Option<Vec<_>> = list(text).map(AddressClass::parse).collect();
            buyer.ip_class = Some(classes.ok_or("`ip_class` holds an unknown class")?);
        }
        OrderField::Email => buyer.email = Some(text.to_owned()),
        OrderField::OrganizationCountry => buyer.organization_country = country(),
        OrderField::ParentCountry => buyer.parent_country = country(),
        OrderField::DeclaredCountry => buyer.declared_country = country(),
        OrderField::Citizenship => buyer.citizenship = countries(),
        OrderField::PermanentResidentOf => buyer.permanent_resident_of = countries(),
        OrderField::UsPerson => {
            buyer.us_person = Some(match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => true,
                "false" | "no" | "0" => false,
                _ => return Err("`us_person` is neither true nor false".to_owned()),
            });
        }
        OrderField::SellerOrganizationCountry => {
            transaction.seller = Some(Seller { organization_country: country() });
        }
        OrderField::Host => request(transaction).host = Some(text.to_owned()),
        OrderField::Path => request(transaction).path = Some(text.to_owned()),
        OrderField::Sku
        | OrderField::Name
        | OrderField::Vendor
        | OrderField::Quantity
        | OrderField::Components
        | OrderField::SuspectedComponents => {}
    }
    Ok(())
}

fn request(transaction: &mut Transaction) -> &mut RequestTarget {
    transaction.request.get_or_insert_with(RequestTarget::default)
}

/// Several values of one cell stand with `;` between.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|text| !text.is_empty())
}

/// A whole number of at least 1; `2.0000` is what some shops write for 2.
fn quantity(text: &str) -> Result<u64, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit());
    let zeros = fraction.bytes().all(|b| b == b'0');
    let quantity = whole.parse().ok().filter(|quantity| *quantity > 0 && digits && zeros);
    quantity.ok_or_else(|| format!("the quantity `{text}` is not a whole number of at least 1"))
}

/// An attribute: a whole number, true or false, or a text.
fn value(text: &str) -> StrictValue {
    if let Ok(number) = text.parse() {
        return StrictValue::Number(Number::Positive(number));
    }
    match text {
        "true" => StrictValue::Bool(true),
        "false" => StrictValue::Bool(false),
        _ => StrictValue::String(text.to_owned()),
    }
}
