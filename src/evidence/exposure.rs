//! What refused transactions could have cost at most: each at the statutory civil maximum of its year. A maximum, never a forecast.

use std::collections::BTreeMap;

use super::maxima::Maximum;
use super::money::Money;

/// What kind of transaction was refused. A machine asks for updates again and again, a buyer orders once: they are not added up.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Dealing {
    /// Sales, renewals, licences, activations and all else.
    Agreement,
    /// Signature and engine updates, cloud queries.
    Delivery,
}

/// Refused transactions of one year and kind.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Exposure {
    /// The sum of the maxima, in US dollars.
    pub(super) maximum: Money,
    /// How many were refused.
    pub(super) refused: u64,
    /// Values in US dollars: how many state one, and their sum.
    pub(super) dollars: (u64, Money),
    /// Values in other currencies, which no figure in dollars can be compared with: how many, and their sum.
    pub(super) others: BTreeMap<String, (u64, Money)>,
}

/// Currencies that are counted apart.
const CURRENCIES: usize = 200;

impl Exposure {
    /// Adds a refused transaction of that year. A value that cannot be read counts as none.
    pub(super) fn add(&mut self, year: i16, value: Option<(Money, &str)>) {
        self.refused = self.refused.saturating_add(1);
        let figure = Maximum::of(year).figure();
        let mut maximum = figure;
        match value {
            Some((value, "USD")) => {
                maximum = figure.max(value.twice());
                self.dollars = (self.dollars.0.saturating_add(1), self.dollars.1.plus(value));
            }
            Some((value, currency)) => {
                let known = self.others.len() < CURRENCIES || self.others.contains_key(currency);
                let key = if known { currency } else { "others" };
                let (count, sum) = self.others.entry(key.to_owned()).or_default();
                (*count, *sum) = (count.saturating_add(1), sum.plus(value));
            }
            None => {}
        }
        self.maximum = self.maximum.plus(maximum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greater_of_the_figure_and_twice_the_value_counts() {
        let mut exposure = Exposure::default();
        let money = |text| Money::parse(text).unwrap();
        exposure.add(2024, None);
        exposure.add(2024, Some((money("100"), "USD")));
        exposure.add(2024, Some((money("200000.25"), "USD")));
        exposure.add(2024, Some((money("900000"), "EUR")));
        let expected = money("368136").times(3).plus(money("400000.50"));
        assert_eq!((exposure.refused, exposure.maximum), (4, expected));
        assert_eq!(exposure.dollars, (2, money("200100.25")));
        assert_eq!(exposure.others["EUR"], (1, money("900000")), "not compared, and not lost");
    }
}
