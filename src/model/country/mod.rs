//! Countries as storefronts write them, and which of them are the United States (DESIGN 5, LAW 1.3, LAW 5.6).

mod table;

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// An ISO 3166-1 alpha-2 code that is in the table (or `XK`).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Country([u8; 2]);

/// What a country text says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CountryReading {
    /// Nothing was said.
    Missing,
    /// A country.
    Read(Country),
    /// Something was said that names no country: never foreign.
    Unreadable,
}

/// A country as received, beside what it was read as.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CountryText {
    /// Absent where it is the country's own code, as most are: hundreds of thousands of them cost no memory of their own.
    text: Option<Box<str>>,
    reading: CountryReading,
}

impl Country {
    /// United States of America.
    pub const US: Self = Self(*b"US");

    /// Reads an alpha-2, alpha-3, numeric or English name; case, surrounding blanks and the dots of an abbreviation
    /// do not matter, and `UK` is `GB` (DESIGN 5, Settled readings).
    pub fn parse(text: &str) -> Option<Self> {
        if let [a, b] = *text.as_bytes()
            && a.is_ascii_uppercase()
            && b.is_ascii_uppercase()
            && let Some(country) = Self::from_alpha2([a, b])
        {
            return Some(country);
        }
        BY_TEXT.get(fold(text).as_str()).copied()
    }

    /// The country of an upper-case alpha-2 code.
    pub fn from_alpha2(code: [u8; 2]) -> Option<Self> {
        table::ROWS
            .binary_search_by(|row| row.0.as_bytes().cmp(&code[..]))
            .is_ok()
            .then_some(Self(code))
    }

    /// The alpha-2 code.
    pub fn as_str(&self) -> &str {
        // INVARIANT: the bytes came from an ASCII table row.
        std::str::from_utf8(&self.0).unwrap_or("??")
    }

    /// True for `US PR GU VI AS MP UM`; `FM MH PW` are not the United States (DESIGN 5).
    pub const fn is_united_states(self) -> bool {
        matches!(&self.0, b"US" | b"PR" | b"GU" | b"VI" | b"AS" | b"MP" | b"UM")
    }
}

/// The country that `country` with an optional region code names: a region refines `US` only (DESIGN 5).
///
/// `US`+`PR` is `PR`, `US`+`PW` is `PW`, `US`+`AE` is `US`; the code may be written `US-PR`, in any case.
pub fn place(country: Country, region: Option<&str>) -> Country {
    const REFINING: [[u8; 2]; 9] =
        [*b"PR", *b"GU", *b"VI", *b"AS", *b"MP", *b"UM", *b"FM", *b"MH", *b"PW"];
    let Some(region) = region.filter(|_| country == Country::US) else { return country };
    let region = region.trim();
    let code = match region.as_bytes() {
        [u, s, b'-', code @ ..]
            if u.eq_ignore_ascii_case(&b'u') && s.eq_ignore_ascii_case(&b's') =>
        {
            code
        }
        code => code,
    };
    let [a, b] = *code else { return country };
    let code = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
    if REFINING.contains(&code) { Country(code) } else { country }
}

impl CountryText {
    /// Reads `text`; a blank one is missing.
    pub fn new(text: String) -> Self {
        let reading = if text.trim().is_empty() {
            CountryReading::Missing
        } else {
            Country::parse(&text).map_or(CountryReading::Unreadable, CountryReading::Read)
        };
        let is_code = matches!(&reading, CountryReading::Read(country) if country.as_str() == text);
        Self { text: (!is_code).then(|| text.into_boxed_str()), reading }
    }

    /// As received.
    pub fn text(&self) -> &str {
        match (&self.text, &self.reading) {
            (Some(text), _) => text,
            (None, CountryReading::Read(country)) => country.as_str(),
            (None, CountryReading::Missing | CountryReading::Unreadable) => "",
        }
    }

    /// What it was read as.
    pub const fn reading(&self) -> CountryReading {
        self.reading
    }

    /// The country, where it could be read.
    pub const fn country(&self) -> Option<Country> {
        match self.reading {
            CountryReading::Read(country) => Some(country),
            CountryReading::Missing | CountryReading::Unreadable => None,
        }
    }
}

impl From<Country> for CountryText {
    fn from(country: Country) -> Self {
        Self { text: None, reading: CountryReading::Read(country) }
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Country {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CountryText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl Serialize for CountryText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

static BY_TEXT: LazyLock<HashMap<&'static str, Country>> = LazyLock::new(|| {
    let mut by_text = HashMap::new();
    for (alpha2, alpha3, numeric, names) in table::ROWS {
        if let [a, b] = *alpha2.as_bytes() {
            let country = Country([a, b]);
            by_text.insert(*alpha2, country);
            by_text.insert(*alpha3, country);
            if !numeric.is_empty() {
                by_text.insert(*numeric, country);
            }
            for name in *names {
                by_text.insert(*name, country);
            }
        }
    }
    if let Some(country) = Country::from_alpha2(*b"GB") {
        by_text.insert("UK", country);
    }
    by_text
});

/// Upper case, compatibility forms resolved, without dots and diacritics, blanks collapsed: the table's spelling.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut blank = false;
    for c in text.nfkd().filter(|c| !is_combining_mark(*c) && *c != '.') {
        if c.is_whitespace() {
            blank = !folded.is_empty();
            continue;
        }
        if blank {
            folded.push(' ');
            blank = false;
        }
        let c = if c == '\u{2019}' { '\'' } else { c };
        folded.extend(c.to_uppercase());
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Country::parse(text).map(|country| country.to_string())
    }

    #[test]
    fn rows_are_sorted_for_binary_search() {
        assert!(table::ROWS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn case_blanks_and_dots_do_not_matter() {
        for text in [
            "us",
            " US ",
            "U.S.",
            "u.s.a.",
            "USA",
            "840",
            "United  States",
            "united states of america",
            "ＵＳ",
        ] {
            assert_eq!(read(text).as_deref(), Some("US"), "{text}");
        }
        assert_eq!(read("UK").as_deref(), Some("GB"));
        assert_eq!(read("Côte d’Ivoire").as_deref(), Some("CI"));
        assert_eq!(read("U.S. Virgin Islands").as_deref(), Some("VI"));
        assert_eq!(read("Georgia").as_deref(), Some("GE"));
    }

    #[test]
    fn what_names_no_country_is_unreadable() {
        for text in ["Untied States", "XX", "EU", "ZZ", "84", "0840", "A1", "-"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(CountryText::new("  ".into()).reading(), CountryReading::Missing);
    }

    #[test]
    fn a_region_refines_the_united_states_only() {
        let us = Country::US;
        let it = Country::parse("IT").unwrap();
        assert_eq!(place(us, Some("PR")).as_str(), "PR");
        assert_eq!(place(us, Some("us-pr")).as_str(), "PR");
        assert_eq!(place(us, Some("PW")).as_str(), "PW");
        assert_eq!(place(us, Some("AE")).as_str(), "US");
        assert_eq!(place(us, Some("California")).as_str(), "US");
        assert_eq!(place(it, Some("PR")).as_str(), "IT");
        assert!(!place(us, Some("PW")).is_united_states());
    }
}
