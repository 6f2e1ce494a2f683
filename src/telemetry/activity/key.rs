//! What is counted apart, packed into one number: a mask of it is a filter, and it sorts.

use crate::model::Action;
use crate::model::Country;
use crate::model::Verdict;

use super::query::Axis;

/// Values that a place can have: two letters, and the two below.
pub(super) const PLACES: usize = 678;
/// Of a buyer of whom no country is known.
pub(super) const UNKNOWN: u16 = 676;
/// Of what is not told apart.
pub(super) const ELSEWHERE: u16 = 677;
/// Values that a product or a rule can have.
pub(super) const NAMES: usize = 4_096;

/// Verdict, action, place, product and rule, from the lowest bit.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key(pub(super) u64);

/// Where a part stands, and in how many bits.
const fn part(axis: Axis) -> (u32, u64) {
    match axis {
        Axis::Verdict => (0, 0x3),
        Axis::Action => (2, 0x1f),
        Axis::Country => (7, 0x3ff),
        Axis::Product => (17, 0xfff),
        Axis::Rule => (29, 0xfff),
    }
}

impl Key {
    pub(super) fn new(
        verdict: Verdict,
        action: Action,
        place: u16,
        product: u16,
        rule: u16,
    ) -> Self {
        let action = u64::try_from(action.index()).unwrap_or(0);
        Self(0)
            .or(Axis::Verdict, verdict_index(verdict))
            .or(Axis::Action, action)
            .or(Axis::Country, place.into())
            .or(Axis::Product, product.into())
            .or(Axis::Rule, rule.into())
    }

    fn or(self, axis: Axis, value: u64) -> Self {
        let (at, bits) = part(axis);
        Self(self.0 | (value & bits) << at)
    }

    /// One part of it.
    pub(super) fn get(self, axis: Axis) -> usize {
        let (at, bits) = part(axis);
        usize::try_from(self.0 >> at & bits).unwrap_or(0)
    }

    /// The same verdict and action, and nothing else told apart.
    pub(super) fn beyond(self) -> Self {
        let kept = Self(self.0 & mask(Axis::Verdict) | self.0 & mask(Axis::Action));
        let other = super::names::OTHER;
        kept.or(Axis::Country, ELSEWHERE.into())
            .or(Axis::Product, other.into())
            .or(Axis::Rule, other.into())
    }

    /// True if each part names something that there is.
    pub(super) fn is_sound(self, products: usize, rules: usize) -> bool {
        self.0 >> 41 == 0
            && self.get(Axis::Verdict) < Verdict::ALL.len()
            && self.get(Axis::Action) < Action::ALL.len()
            && self.get(Axis::Country) < PLACES
            && self.get(Axis::Product) < products
            && self.get(Axis::Rule) < rules
    }
}

/// The bits of a part.
pub(super) const fn mask(axis: Axis) -> u64 {
    let (at, bits) = part(axis);
    bits << at
}

/// A value where its part stands.
pub(super) fn placed(axis: Axis, value: u64) -> u64 {
    Key(0).or(axis, value).0
}

/// Position in [`Verdict::ALL`].
pub(super) const fn verdict_index(verdict: Verdict) -> u64 {
    match verdict {
        Verdict::Allow => 0,
        Verdict::Review => 1,
        Verdict::Block => 2,
    }
}

/// A country as a number.
pub(super) fn place(country: Option<Country>) -> u16 {
    let Some(country) = country else { return UNKNOWN };
    let [a, b] = *country.as_str().as_bytes() else { return UNKNOWN };
    if !a.is_ascii_uppercase() || !b.is_ascii_uppercase() {
        return UNKNOWN;
    }
    let letter = |byte: u8| u16::from(byte.wrapping_sub(b'A'));
    letter(a).wrapping_mul(26).wrapping_add(letter(b))
}

/// The number's country: its code, `unknown` or `other`.
pub(super) fn place_name(place: usize) -> String {
    if place == usize::from(UNKNOWN) {
        return "unknown".to_owned();
    }
    let letter = |n: usize| u8::try_from(n).ok().map(|n| char::from(b'A'.wrapping_add(n)));
    let (a, b) = (letter(place / 26), letter(place % 26));
    match (a, b) {
        (Some(a), Some(b)) if place < usize::from(UNKNOWN) => [a, b].iter().collect(),
        _ => "other".to_owned(),
    }
}

/// The number of a country's name, as [`place_name`] has it.
pub(super) fn place_named(name: &str) -> Option<u16> {
    match name {
        "unknown" => Some(UNKNOWN),
        "other" => Some(ELSEWHERE),
        code => Country::parse(code).map(|country| place(Some(country))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_comes_back_as_it_was_put_in() {
        let us = place(Some(Country::US));
        let key = Key::new(Verdict::Block, Action::Use, us, 4_095, 4_094);
        let parts = [Axis::Verdict, Axis::Action, Axis::Country, Axis::Product, Axis::Rule];
        assert_eq!(parts.map(|axis| key.get(axis)), [2, 16, us.into(), 4_095, 4_094]);
        assert_eq!(place_name(us.into()), "US");
        assert_eq!(place_named("US"), Some(us));
        assert!(key.is_sound(4_096, 4_095));
        assert!(!key.is_sound(4_095, 4_095) && !key.is_sound(4_096, 4_094));
        for code in ["AA", "ZZ"] {
            let [a, b] = *code.as_bytes() else { panic!() };
            let number = u16::from(a - b'A') * 26 + u16::from(b - b'A');
            assert_eq!(place_name(number.into()), code);
        }
        assert_eq!(place_name(place(None).into()), "unknown");
        assert_eq!(place_name(key.beyond().get(Axis::Country)), "other");
    }
}
