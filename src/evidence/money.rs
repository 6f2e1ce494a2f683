//! Amounts of money, exact to a ten-thousandth; never a float.

use std::fmt;

/// A sum of no or any money, of a currency that is known from elsewhere.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Money(u128);

/// Parts of one.
const SCALE: u128 = 10_000;

impl Money {
    /// That many whole units.
    pub(super) fn whole(units: u64) -> Self {
        Self(u128::from(units).saturating_mul(SCALE))
    }

    /// Reads `49.90`: digits, and at most four after the point. Anything else is no amount, rather than a wrong one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (units, parts) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(units) || !digits(parts) || units.len() > 18 {
            return None;
        }
        let parts = parts.trim_end_matches('0');
        if parts.len() > 4 {
            return None;
        }
        let units: u128 = units.parse().ok()?;
        let parts: u128 = format!("{parts:0<4}").parse().ok()?;
        Some(Self(units.saturating_mul(SCALE).saturating_add(parts)))
    }

    /// Twice as much.
    #[must_use]
    pub(super) const fn twice(self) -> Self {
        Self(self.0.saturating_mul(2))
    }

    /// Both together.
    #[must_use]
    pub(super) const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// That many times as much.
    #[cfg(test)]
    pub(super) fn times(self, times: u64) -> Self {
        Self(self.0.saturating_mul(u128::from(times)))
    }
}

/// `1,234.50`; whole amounts without a point.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0.checked_div(SCALE).unwrap_or(0).to_string();
        let parts = self.0.checked_rem(SCALE).unwrap_or(0);
        for (at, digit) in units.chars().enumerate() {
            if at > 0 && units.len().saturating_sub(at).checked_rem(3) == Some(0) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        match parts {
            0 => Ok(()),
            parts => {
                let text = format!("{parts:04}");
                let text = text.strip_suffix("00").unwrap_or(&text);
                write!(f, ".{text}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, shown) in [
            ("0", "0"),
            ("49.90", "49.90"),
            ("49.9", "49.90"),
            ("1234567.5", "1,234,567.50"),
            ("0.0001", "0.0001"),
            ("10.500000", "10.50"),
            ("999999999999999999", "999,999,999,999,999,999"),
        ] {
            assert_eq!(Money::parse(text).map(|money| money.to_string()).as_deref(), Some(shown));
        }
        for bad in
            ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "1.00001", "9999999999999999999"]
        {
            assert_eq!(Money::parse(bad), None, "{bad}");
        }
        assert_eq!(Money::parse("1.5").unwrap().twice(), Money::whole(3));
        assert_eq!(Money::whole(2).plus(Money::whole(3)), Money::whole(5));
        assert_eq!(Money::whole(2).times(4), Money::whole(8));
    }
}
