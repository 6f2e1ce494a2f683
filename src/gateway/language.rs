//! The language of a page: the one the reader's browser asks for, of those that pages are written in.

use actix_web::http::header;
use actix_web::http::header::HeaderMap;

use super::answers::thousandths;

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
            Self::English => &ENGLISH,
            Self::Spanish => &SPANISH,
        }
    }

    /// A page's heading, by status; `title` is the problem's own, in English.
    pub(super) const fn heading(self, status: u16, title: &'static str) -> &'static str {
        match (self, status) {
            (Self::English, _) => title,
            (Self::Spanish, 451) => "No disponible por motivos legales",
            (Self::Spanish, 403) => "En espera de revisión",
            (Self::Spanish, 503) => "Ahora no se puede decidir sobre esta solicitud",
            (Self::Spanish, _) => "No se puede atender esta solicitud",
        }
    }
}

/// What a page says besides its heading and the rule's own text.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) basis: &'static str,
    pub(super) cannot: &'static str,
    pub(super) held: &'static str,
    pub(super) line: &'static str,
    pub(super) lines: &'static str,
    pub(super) notice: &'static str,
    pub(super) policy: &'static str,
    pub(super) prohibited: &'static str,
    pub(super) reference: &'static str,
}

const ENGLISH: Words = Words {
    basis: "Legal basis",
    cannot: "This request cannot be served.",
    held: "Nothing has been refused yet: this is on hold until a person has looked at it.",
    line: "Line",
    lines: "Lines of the order that are concerned",
    notice: "More about this, and how to object",
    policy: "policy",
    prohibited: "",
    reference: "Reference",
};

const SPANISH: Words = Words {
    basis: "Fundamento legal",
    cannot: "No se puede atender esta solicitud.",
    held: "Todavía no se ha rechazado nada: queda en espera hasta que una persona lo revise.",
    line: "Línea",
    lines: "Líneas del pedido afectadas",
    notice: "Más información y cómo reclamar",
    policy: "norma",
    prohibited: "La ley de los Estados Unidos prohíbe esta operación. El texto de la norma, en inglés:",
    reference: "Referencia",
};

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
