//! Names of products and rules as small numbers.

use std::collections::HashMap;

use super::key::NAMES;

/// No product, or no rule.
pub(super) const NONE: u16 = 0;
/// Those that are not told apart.
pub(super) const OTHER: u16 = 1;
/// Bytes of the longest name that is told apart.
pub(super) const LONGEST: usize = 1 << 12;

/// Names in the order of their numbers.
#[derive(Clone, Debug)]
pub(super) struct Names {
    by_text: HashMap<Box<str>, u16>,
    texts: Vec<Box<str>>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self { by_text: HashMap::new(), texts: Vec::new() };
        // INVARIANT: `NONE` and `OTHER` are the first two.
        names.number("");
        names.number("other");
        names
    }
}

impl Names {
    /// The number of a name; [`OTHER`] for one too many.
    pub(super) fn number(&mut self, text: &str) -> u16 {
        if let Some(number) = self.by_text.get(text) {
            return *number;
        }
        match u16::try_from(self.texts.len()) {
            Ok(number) if self.texts.len() < NAMES && text.len() <= LONGEST => {
                self.texts.push(text.into());
                self.by_text.insert(text.into(), number);
                number
            }
            _ => OTHER,
        }
    }

    /// The number of a name that is known.
    pub(super) fn find(&self, text: &str) -> Option<u16> {
        self.by_text.get(text).copied()
    }

    pub(super) fn text(&self, number: usize) -> &str {
        self.texts.get(number).map_or("other", |text| text)
    }

    pub(super) fn all(&self) -> &[Box<str>] {
        &self.texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_limit_are_one() {
        let mut names = Names::default();
        assert_eq!((names.number(""), names.number("other")), (NONE, OTHER));
        let numbers: Vec<_> = (0..NAMES).map(|n| names.number(&n.to_string())).collect();
        assert_eq!(numbers[..3], [2, 3, 4]);
        assert_eq!(numbers[NAMES - 3..], [4_095, OTHER, OTHER]);
        assert_eq!(names.number("1"), 3);
        assert_eq!(names.text(3), "1");
    }
}
