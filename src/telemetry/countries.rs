//! Decisions by country: a counter that is found by the country's two letters, without a search.

use std::sync::OnceLock;

use prometheus::IntCounter;
use prometheus::IntCounterVec;
use prometheus::Registry;

use crate::model::Country;
use crate::model::Verdict;

use super::family::counters;

/// Two letters, and one for none.
const PLACES: usize = 26 * 26 + 1;

/// The family, and each of its children once it has been asked for.
#[derive(Debug)]
pub(super) struct Countries {
    children: Box<[OnceLock<[IntCounter; 3]>]>,
    family: IntCounterVec,
}

impl Countries {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        let family = counters(
            r,
            "decisions_by_country_total",
            "Decisions by the buyer's country, as the record has it, and verdict.",
            &["country", "verdict"],
        )?;
        let children = (0..PLACES).map(|_| OnceLock::new()).collect();
        let countries = Self { children, family };
        countries.of(None);
        Ok(countries)
    }

    pub(super) fn count(&self, country: Option<Country>, verdict: Verdict) {
        let Some([allow, review, block]) = self.of(country) else { return };
        match verdict {
            Verdict::Allow => allow.inc(),
            Verdict::Block => block.inc(),
            Verdict::Review => review.inc(),
        }
    }

    /// A country has all three counters from its first decision on, so that a rate is known from the second.
    fn of(&self, country: Option<Country>) -> Option<&[IntCounter; 3]> {
        let child = self.children.get(place(country))?;
        let name = country.as_ref().map_or("unknown", Country::as_str);
        Some(child.get_or_init(|| {
            Verdict::ALL.map(|verdict| self.family.with_label_values(&[name, verdict.as_str()]))
        }))
    }
}

fn place(country: Option<Country>) -> usize {
    let letter = |byte: u8| usize::from(byte.wrapping_sub(b'A')) % 26;
    match country.as_ref().map(|country| country.as_str().as_bytes()) {
        Some([a, b]) => letter(*a).wrapping_mul(26).wrapping_add(letter(*b)),
        _ => PLACES - 1,
    }
}
