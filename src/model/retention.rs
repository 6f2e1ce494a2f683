//! Until when a record is kept (LAW 3): ten years unless the operator keeps them longer or shorter.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

/// How long records are kept, in years.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention(u16);

impl Retention {
    /// So many years.
    pub const fn years(years: u16) -> Self {
        Self(years)
    }

    /// The first day (UTC) on which what was recorded at `at` need not be kept any longer.
    pub fn end(self, at: Timestamp) -> Date {
        let day = Offset::UTC.to_datetime(at).date();
        let year = i16::try_from(self.0).map_or(i16::MAX, |years| day.year().saturating_add(years));
        // The 29th of February has no anniversary in most years: the day after keeps long enough.
        Date::new(year, day.month(), day.day())
            .or_else(|_| Date::new(year, 3, 1))
            .unwrap_or(Date::MAX)
    }
}

impl Default for Retention {
    /// Ten years: the limitation period (LAW 1.10), and what 15 CFR 791.106 asks of those who were notified.
    fn default() -> Self {
        Self::years(10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_kept_to_its_anniversary() {
        for (at, years, end) in [
            ("2026-11-25T23:59:59.999999Z", 10, "2036-11-25"),
            ("2024-02-29T00:00:00Z", 10, "2034-03-01"),
            ("2024-02-29T00:00:00Z", 4, "2028-02-29"),
            ("1970-01-01T00:00:00Z", 0, "1970-01-01"),
            ("2026-01-01T00:00:00Z", 60_000, "9999-12-31"),
        ] {
            let end_found = Retention::years(years).end(at.parse().unwrap());
            assert_eq!(end_found.to_string(), end, "{at}");
        }
    }
}
