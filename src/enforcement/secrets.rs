//! Activation codes and licence keys are bearer credentials (LAW 4.3): they stand in no record and no log.

use std::borrow::Cow;

use crate::registry::is_credential;

/// An account as records may hold it: masked where it may be a code or key in any spelling, for those are found too.
pub(super) fn account_without_secrets(account: &str) -> Cow<'_, str> {
    if is_credential(account) { Cow::Borrowed("[masked]") } else { without_secrets(account) }
}

/// `text` with whatever looks like an activation code or licence key masked, part by part of a path or a line.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    if text.len() < 20 || !parts(text).any(is_secret) {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(is_separator).unwrap_or(rest.len());
        let (part, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        masked.push_str(if is_secret(part) { "[masked]" } else { part });
        let mut tail = tail.chars();
        masked.extend(tail.next());
        rest = tail.as_str();
    }
    Cow::Owned(masked)
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_separator)
}

fn is_separator(c: char) -> bool {
    matches!(c, '/' | '?' | '&' | '=' | ';' | ',' | ' ')
}

/// Four groups of five (an activation code), 8-4-4-4-12 or 32 hexadecimal digits (a licence key), with or without dashes
/// where the length leaves no doubt.
fn is_secret(part: &str) -> bool {
    let groups = |lengths: &[usize]| {
        part.split('-').map(str::len).eq(lengths.iter().copied())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let bare = |length: usize, fits: fn(&u8) -> bool| {
        part.len() == length && part.bytes().all(|b| fits(&b))
    };
    let upper_or_digit = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    // Look-alike letters and other dashes: no file of a mirror is named so.
    (!part.is_ascii() && is_credential(part))
        || groups(&[5, 5, 5, 5])
        || groups(&[8, 4, 4, 4, 12])
        || bare(32, u8::is_ascii_hexdigit)
        || (bare(20, upper_or_digit) && part.bytes().any(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_keys_are_masked_and_nothing_else_is() {
        for (text, expect) in [
            ("ABCDE-12345-FGHIJ-67890", "[masked]"),
            ("/activate/ABCDE-12345-FGHIJ-67890/now", "/activate/[masked]/now"),
            ("0123456789abcdef0123456789ABCDEF", "[masked]"),
            ("01234567-89ab-cdef-0123-456789abcdef", "[masked]"),
            ("ABCDE12345FGHIJ67890", "[masked]"),
            ("/index/u1313g.xml", "/index/u1313g.xml"),
            (
                "/bases/av/kdb/i386/kdb-i386-1211g.xml.klz",
                "/bases/av/kdb/i386/kdb-i386-1211g.xml.klz",
            ),
            ("A-17", "A-17"),
            ("/activate/АBСDЕ–12345–FGHIJ–6789Х", "/activate/[masked]"),
        ] {
            assert_eq!(without_secrets(text), expect);
        }
        for spelling in
            ["abcde 12345 fghij 6789x", "АBСDЕ12345FGHIJ6789Х", "ABCDE-12345-FGHIJ-67890"]
        {
            assert_eq!(account_without_secrets(spelling), "[masked]", "{spelling}");
        }
        assert_eq!(account_without_secrets("A-17"), "A-17");
    }
}
