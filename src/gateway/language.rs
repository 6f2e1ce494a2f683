//! The language of a page: the one the reader's browser asks for, of those that pages are written in.

use actix_web::http::header;
use actix_web::http::header::HeaderMap;

use super::answers::thousandths;
use super::wording;
use super::wording::Words;

/// A language that pages are written in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Language {
    #[default]
    English,
    Spanish,
}

impl Language {
    /// The language with the highest weight in `Accept-Language` (RFC 9110 12.5.4); among equals the first named, and
    /// English where none is known.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut best = (0, Self::default());
        for value in headers.get_all(header::ACCEPT_LANGUAGE) {
            for range in value.to_str().unwrap_or_default().split(',') {
                let mut parts = range.split(';').map(str::trim);
                let tag = parts.next().unwrap_or_default();
                let Some(language) = Self::of_tag(tag) else { continue };
                let weight = parts.find_map(|p| p.strip_prefix("q=")).map_or(1_000, thousandths);
                if weight > best.0 {
                    best = (weight, language);
                }
            }
        }
        best.1
    }

    /// The language of a tag such as `es-MX` (RFC 5646 2.1: the first subtag).
    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or(tag);
        [Self::English, Self::Spanish]
            .into_iter()
            .find(|language| primary.eq_ignore_ascii_case(language.tag()))
    }

    /// What `lang` and `Content-Language` say.
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }

    /// What a page says in this language.
    pub(super) const fn words(self) -> &'static Words {
        match self {
            Self::English => &wording::ENGLISH,
            Self::Spanish => &wording::SPANISH,
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn rfc9110_12_5_4_the_highest_weight_chooses_and_english_where_none_is_known() {
        for (asked, expect) in [
            ("", Language::English),
            ("es", Language::Spanish),
            ("ES-mx,es;q=0.9,en;q=0.8", Language::Spanish),
            ("en-US,en;q=0.9,es;q=0.8", Language::English),
            ("de, es;q=0.5, en;q=0.4", Language::Spanish),
            ("es;q=0, en;q=0.1", Language::English),
            ("est", Language::English),
            ("fr", Language::English),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(asked));
            assert_eq!(Language::of(&headers), expect, "{asked}");
        }
    }
}
