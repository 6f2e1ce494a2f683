//! Conditions on an item's free attributes: thresholds that are not dates, such as a model year.

use jiff::Timestamp;

use crate::model::Country;
use crate::model::Item;
use crate::model::Number;
use crate::model::StrictValue;

use crate::policy::text::Folded;

/// One condition.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) attribute: Box<str>,
    pub(crate) check: Check,
    /// What it is worth where the attribute is missing or of another type.
    pub(crate) missing: Truth,
}

/// What is asked of the value.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    Absent(bool),
    AtLeast(f64),
    Below(f64),
    InList(CountryList),
    IsBool(bool),
    IsNumber(f64),
    OneOf(Vec<Folded>),
}

/// A dated list of countries.
#[derive(Clone, Debug)]
pub(crate) struct CountryList {
    pub(crate) countries: std::sync::Arc<[Country]>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

/// What a condition is worth. The order is the order of strictness of the outcome it leads to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Truth {
    Fails,
    Review,
    Holds,
}

/// All of `conditions` together: one that fails decides, else one that is open.
pub(crate) fn all(conditions: &[Condition], item: Option<&Item>, at: Timestamp) -> Truth {
    conditions.iter().map(|c| c.truth(item, at)).min().unwrap_or(Truth::Holds)
}

impl Condition {
    fn truth(&self, item: Option<&Item>, at: Timestamp) -> Truth {
        let value = item.and_then(|item| item.attribute(&self.attribute));
        let value = value.filter(|value| !matches!(value, StrictValue::Null));
        if let Check::Absent(absent) = self.check {
            return Truth::from(value.is_none() == absent);
        }
        value.and_then(|value| self.check.of(value, at)).map_or(self.missing, Truth::from)
    }
}

impl Check {
    /// The answer, where the value is of a type that can be asked.
    fn of(&self, value: &StrictValue, at: Timestamp) -> Option<bool> {
        match self {
            Self::Absent(_) => None,
            Self::AtLeast(least) => number(value).map(|n| n >= *least),
            Self::Below(bound) => number(value).map(|n| n < *bound),
            Self::InList(list) => {
                let country = Country::parse(value.as_str()?)?;
                let dated = list.from.is_none_or(|from| from <= at)
                    && list.until.is_none_or(|until| at < until);
                Some(dated && list.countries.contains(&country))
            }
            Self::IsBool(expected) => match value {
                StrictValue::Bool(value) => Some(value == expected),
                _ => None,
            },
            Self::IsNumber(expected) => number(value).map(|n| (n - expected).abs() < f64::EPSILON),
            Self::OneOf(texts) => {
                let folded = Folded::name(value.as_str()?);
                Some(texts.contains(&folded))
            }
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }
}

fn number(value: &StrictValue) -> Option<f64> {
    match value {
        StrictValue::Number(Number::Float(n)) => Some(*n),
        StrictValue::Number(Number::Negative(n)) => Some(*n as f64),
        StrictValue::Number(Number::Positive(n)) => Some(*n as f64),
        _ => None,
    }
}
