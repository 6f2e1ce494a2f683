//! What an order comes to, as it says itself: for the record, so that what was refused can be set against the law's maxima.
//!
//! No decision rests on it, and nothing is refused for it: what cannot be read is not known.

use crate::message::Form;
use crate::message::pointer;
use crate::model::Number;
use crate::model::StrictValue;
use crate::settings::OrderTotal;
use crate::settings::Pointer;
use crate::settings::Route;
use crate::settings::Source;

use super::record::OrderValue;
use super::values::Reader;

/// Characters of the longest amount that is kept.
const AMOUNT: usize = 32;
/// Characters of the longest currency: ISO 4217 has three, shops have names of their own.
const CURRENCY: usize = 8;
/// No currency has a smaller minor unit.
const MINOR_UNIT: u64 = 8;

/// What an order comes to, where its route says where that stands.
pub(super) fn of_order(route: &Route, order: &Reader<'_>) -> Option<OrderValue> {
    let total = route.value.as_ref()?;
    let documents = [order.document, order.looked_up_lines()];
    documents.into_iter().find_map(|document| of_document(total, order, document))
}

/// An amount and its currency, if they look like such.
pub(super) fn value(amount: Option<&str>, currency: Option<&str>) -> Option<OrderValue> {
    let amount = amount?.trim();
    let is_digit = |b: u8| b.is_ascii_digit();
    let is_amount = amount.len() <= AMOUNT
        && amount.bytes().any(is_digit)
        && amount.bytes().all(|b| is_digit(b) || matches!(b, b'.' | b',' | b'-' | b' '));
    let currency = currency.map(str::trim).filter(|text| {
        (1..=CURRENCY).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic())
    });
    is_amount
        .then(|| OrderValue { amount: amount.to_owned(), currency: currency.map(str::to_owned) })
}

fn of_document(
    total: &OrderTotal,
    order: &Reader<'_>,
    document: Option<&StrictValue>,
) -> Option<OrderValue> {
    let read = |source: &Source| match (source, document) {
        (Source::Pointer(at), document) => text(at, document?),
        (Source::Query(name), _) => {
            let query = Form::parse(order.request.target.query()?).ok()?;
            query.unique(name).ok()?.map(str::to_owned)
        }
        (source, _) => order.once(source),
    };
    let amount = read(&total.amount)?;
    let amount = match &total.minor_unit {
        None => amount,
        Some(at) => in_whole_units(&amount, text(at, document?)?.parse().ok()?)?,
    };
    let currency = total.currency.as_ref().and_then(read);
    value(Some(&amount), currency.as_deref())
}

fn text(at: &Pointer, document: &StrictValue) -> Option<String> {
    match pointer::first(at, document)? {
        StrictValue::Number(Number::Float(number)) => Some(number.to_string()),
        StrictValue::Number(Number::Negative(number)) => Some(number.to_string()),
        StrictValue::Number(Number::Positive(number)) => Some(number.to_string()),
        StrictValue::String(text) => Some(text.clone()),
        StrictValue::Array(_)
        | StrictValue::Bool(_)
        | StrictValue::Null
        | StrictValue::Object(_) => None,
    }
}

/// `2900` with two digits behind the point is `29.00`.
fn in_whole_units(amount: &str, digits: u64) -> Option<String> {
    let whole = !amount.is_empty() && amount.bytes().all(|b| b.is_ascii_digit());
    let digits = usize::try_from(digits).ok().filter(|_| digits <= MINOR_UNIT && whole)?;
    if digits == 0 {
        return Some(amount.to_owned());
    }
    let padded = format!("{amount:0>width$}", width = digits.saturating_add(1));
    let (units, rest) = padded.split_at_checked(padded.len().checked_sub(digits)?)?;
    Some(format!("{units}.{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_units_become_whole_ones() {
        for (amount, digits, whole) in [
            ("2900", 2, Some("29.00")),
            ("5", 2, Some("0.05")),
            ("2900", 0, Some("2900")),
            ("1234567", 3, Some("1234.567")),
            ("29.00", 2, None),
            ("", 2, None),
            ("2900", 9, None),
        ] {
            assert_eq!(in_whole_units(amount, digits).as_deref(), whole, "{amount} {digits}");
        }
    }

    #[test]
    fn what_is_no_amount_is_not_known() {
        let read = |amount, currency| value(Some(amount), currency).map(|v| (v.amount, v.currency));
        let some = |amount: &str, currency: Option<&str>| {
            Some((amount.to_owned(), currency.map(str::to_owned)))
        };
        assert_eq!(read(" 29.90 ", Some("EUR")), some("29.90", Some("EUR")));
        assert_eq!(read("1,299.00", Some("ABCDE-12345-FGHIJ-67890")), some("1,299.00", None));
        assert_eq!(read("ABCDE-12345-FGHIJ-67890", Some("EUR")), None);
        assert_eq!(read("-", None), None);
        assert_eq!(read(&"9".repeat(33), None), None);
        assert_eq!(value(None, Some("EUR")), None);
    }
}
