//! The statutory civil maximum of IEEPA, section 206 (50 U.S.C. 1705), year by year: the greater of this and twice the transaction.
//!
//! The one place for these figures. A year that is not here takes the last known one before it, and whoever shows it says so. The amounts
//! are of notices and law firms' reports, not of the agencies' own releases; counsel checks them before they are relied on.

use super::money::Money;

/// What a year's figure is, and who says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Maximum {
    dollars: u64,
    pub(super) source: &'static str,
    pub(super) standing: Standing,
    /// The year it was set for.
    pub(super) year: i16,
}

/// Whether the source itself was seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// The figure stands in the source.
    Seen,
    /// The source could not be read: the figure is from memory.
    Unverified,
}

const FIGURES: [Maximum; 9] = [
    seen(2016, 284_582, "adjustment of 2016 (Lexology)"),
    seen(2017, 289_238, "adjustment of 2017 (National Law Review)"),
    seen(2019, 302_584, "adjustment of 2019 (MrWatchlist, April 2020)"),
    seen(2020, 307_922, "adjustment of 2020 (MrWatchlist, April 2020)"),
    seen(2021, 311_562, "adjustment of 2021 (Baker McKenzie)"),
    seen(2022, 330_947, "adjustment of 2022 (Baker McKenzie)"),
    seen(2023, 356_579, "adjustment of 2023 (cmtradelaw.com, January 2024)"),
    seen(2024, 368_136, "31 CFR 560.701, as of 30 September 2024"),
    Maximum {
        dollars: 377_700,
        source: "90 FR 3687, effective 15 January 2025",
        standing: Standing::Unverified,
        year: 2025,
    },
];

/// What the statute itself says, for years before the adjustments.
const STATUTE: Maximum = seen(0, 250_000, "50 U.S.C. 1705, unadjusted");

const fn seen(year: i16, dollars: u64, source: &'static str) -> Maximum {
    Maximum { dollars, source, standing: Standing::Seen, year }
}

impl Maximum {
    /// The figure for a year: its own, else the last known one before it.
    pub(super) fn of(year: i16) -> Self {
        FIGURES.into_iter().rev().find(|figure| figure.year <= year).unwrap_or(STATUTE)
    }

    /// US dollars for each violation.
    pub(super) fn figure(self) -> Money {
        Money::whole(self.dollars)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_without_a_figure_takes_the_last_known_one_before_it() {
        let figure = |year| (Maximum::of(year).year, Maximum::of(year).figure().to_string());
        assert_eq!(figure(2024), (2024, "368,136".to_owned()));
        assert_eq!(figure(2026), (2025, "377,700".to_owned()));
        assert_eq!(figure(2018), (2017, "289,238".to_owned()));
        assert_eq!(figure(2010), (0, "250,000".to_owned()));
        assert_eq!(Maximum::of(2026).standing, Standing::Unverified);
        assert!(FIGURES.is_sorted_by_key(|figure| figure.year));
    }

    #[test]
    fn the_document_gives_these_figures_and_no_others() {
        let document = include_str!("../../docs/reports.md");
        let rows: Vec<_> = document.lines().filter(|line| line.starts_with("| 20")).collect();
        assert_eq!(rows.len(), FIGURES.len());
        for (figure, row) in FIGURES.iter().zip(rows) {
            let expected = format!("| {} | ${} | {}", figure.year, figure.figure(), figure.source);
            assert!(row.starts_with(&expected), "{row}");
            let unverified = figure.standing == Standing::Unverified;
            assert_eq!(row.contains("**unverified**"), unverified, "{row}");
        }
    }
}
